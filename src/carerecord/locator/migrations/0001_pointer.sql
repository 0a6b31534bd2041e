-- Which source knows whom, and what it held when it last answered. No name, no number of a person: ids alone.
CREATE TABLE pointer (
    patient     text        NOT NULL,  -- the id in the index
    source      text        NOT NULL,
    local_id    text        NOT NULL,  -- the id by which that source is asked
    sections    text[]      NOT NULL DEFAULT '{}',  -- held something when last asked for
    empty       text[]      NOT NULL DEFAULT '{}',  -- answered, and held nothing
    seen_at     timestamptz,           -- when the source last answered for this person; null: enrolled, not asked yet
    enrolled_at timestamptz,           -- null: learned from an answer
    PRIMARY KEY (patient, source, local_id)
);

-- How often a source that steering had left out did hold something after all; one row a day, so that nothing grows.
CREATE TABLE sweep (
    day   date   PRIMARY KEY,
    asked bigint NOT NULL,
    held  bigint NOT NULL
);
