-- How confidential each version is, so that what a reader may not see is left out before a body is opened or counted. A deletion
-- is as confidential as what was deleted. Versions from before this column are taken as the strictest but for the current ones.
-- And its place in the order, so that a later page can show what stood when the first was made.
ALTER TABLE version ADD COLUMN when_at timestamptz, ADD COLUMN confidential smallint NOT NULL DEFAULT 5;
UPDATE version SET when_at = at;
UPDATE version SET confidential = held.confidential, when_at = held.when_at
  FROM held
 WHERE (held.patient, held.type, held.id, held.version) = (version.patient, version.type, version.id, version.version);
ALTER TABLE version ALTER COLUMN confidential DROP DEFAULT, ALTER COLUMN when_at SET NOT NULL;

-- The history of a type and of everything, by the time of writing. Rows lie in the order in which they came, so a summary of each
-- few pages is enough: kilobytes for a gigabyte, and a write does not feel it.
CREATE INDEX version_at ON version USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- What came from a client whose faults are kept aside: never served, for people who mend it.
CREATE TABLE aside (
    patient      text        COLLATE "C" NOT NULL,  -- of:<organisation>: what is faulty is in nobody's record
    id           uuid        NOT NULL,
    at           timestamptz NOT NULL,
    type         text        COLLATE "C" NOT NULL,
    client       text        COLLATE "C" NOT NULL,
    organisation text        COLLATE "C" NOT NULL,  -- whose data key seals the body
    request      text        NOT NULL,
    issues       bytea       NOT NULL,  -- JSON, holds nothing of what was sent
    body         bytea       NOT NULL,  -- sealed
    PRIMARY KEY (patient, id)
);
CREATE INDEX aside_at ON aside USING brin (at);
