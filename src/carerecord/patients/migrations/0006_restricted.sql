-- Whose whereabouts are protected, and in which order that was said, or what belongs to them changed, for who keeps up with it.
-- Numbers are given while nobody else enrols or links, so that none is seen before a lower one.
CREATE SEQUENCE restricted_told;
SELECT nextval('restricted_told');  -- from here on its last value tells whether one was given
ALTER TABLE patient ADD COLUMN restricted boolean NOT NULL DEFAULT false, ADD COLUMN restricted_told bigint;  -- null: never was
CREATE UNIQUE INDEX patient_by_restricted ON patient (restricted_told) WHERE restricted_told IS NOT NULL;
