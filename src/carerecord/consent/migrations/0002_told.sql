-- In which order things were said and withdrawn, for who keeps up with it. Numbers are given under one lock, so that none is seen
-- before a lower one.
CREATE SEQUENCE objection_told;
ALTER TABLE objection ADD COLUMN told bigint NOT NULL DEFAULT nextval('objection_told');
CREATE UNIQUE INDEX objection_by_told ON objection (told);
