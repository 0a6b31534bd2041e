-- What each resource said, every version once; the current one is no exception. Led by the patient: a record is one range.
CREATE TABLE version (
    patient      text        COLLATE "C" NOT NULL,  -- id of the Patient in whose record it lies; of:<organisation> where in nobody's
    type         text        COLLATE "C" NOT NULL,
    id           text        COLLATE "C" NOT NULL,
    version      integer     NOT NULL,
    at           timestamptz NOT NULL,
    method       "char"      NOT NULL,  -- C created, U updated, D deleted
    organisation text        COLLATE "C" NOT NULL,  -- whose data key seals the body
    body         bytea       NOT NULL,  -- sealed; empty where it was deleted
    PRIMARY KEY (patient, type, id, version)
);
ALTER TABLE version ALTER COLUMN body SET STORAGE EXTERNAL;  -- deflated by us already

-- One narrow row for the current version of each: which bodies are worth opening for a search.
CREATE TABLE held (
    patient      text        COLLATE "C" NOT NULL,
    type         text        COLLATE "C" NOT NULL,
    id           text        COLLATE "C" NOT NULL,
    version      integer     NOT NULL,
    at           timestamptz NOT NULL,
    when_at      timestamptz NOT NULL,  -- by which the type is sorted; the time of writing where it has none
    confidential smallint    NOT NULL,  -- place in U < L < M < N < R < V
    tokens       bigint[]    NOT NULL,  -- keyed hashes
    PRIMARY KEY (patient, type, id)
);
CREATE INDEX held_when ON held (patient, type, when_at DESC, id);

-- Where is a resource, when all that is known is its type and id?
CREATE TABLE address (
    type    text   COLLATE "C" NOT NULL,
    id      text   COLLATE "C" NOT NULL,
    patient text   COLLATE "C" NOT NULL,
    before  text[] NOT NULL DEFAULT '{}',  -- records in which it lay earlier: its history is there too
    PRIMARY KEY (type, id)
);

-- Only one resource may answer a conditional create.
CREATE TABLE claim (
    hash bytea PRIMARY KEY,
    type text COLLATE "C" NOT NULL,
    id   text COLLATE "C" NOT NULL
);

-- The few things by which people, and resources of nobody, are found whoever's they are.
CREATE TABLE across (
    hash    bigint NOT NULL,
    patient text   COLLATE "C" NOT NULL,
    type    text   COLLATE "C" NOT NULL,
    id      text   COLLATE "C" NOT NULL,
    PRIMARY KEY (hash, patient, type, id)
);
CREATE INDEX across_by_resource ON across (patient, type, id);
