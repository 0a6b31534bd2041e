-- An export under way: what was asked, as of which moment, and how far its files have been planned. No resource lies here: a file
-- is read from `version` as of the moment whenever it is fetched.
CREATE TABLE export (
    id           uuid        PRIMARY KEY,
    client       text        COLLATE "C" NOT NULL,
    organisation text        COLLATE "C" NOT NULL,  -- whose data key seals what was asked
    asked        bytea       NOT NULL,  -- sealed, since a filter may name a person
    moment       timestamptz NOT NULL,
    state        text        NOT NULL,  -- waiting, running, done, failed, ended
    horizon      xid8,  -- transactions before this one may still write what is older than the moment
    below        text        COLLATE "C",  -- the records from here on are planned; null: none is
    records      bigint      NOT NULL DEFAULT 0,
    leased_until timestamptz,  -- a process is at it
    ends_at      timestamptz NOT NULL
);
CREATE INDEX export_by_state ON export (state, moment);
CREATE INDEX export_by_client ON export (client, state);

-- One file: a type within a range of records.
CREATE TABLE export_file (
    export uuid    NOT NULL REFERENCES export ON DELETE CASCADE,
    number integer NOT NULL,
    type   text    COLLATE "C" NOT NULL,
    gone   boolean NOT NULL,  -- tells of deletions
    low    text    COLLATE "C" NOT NULL,  -- records from this one …
    high   text    COLLATE "C",  -- … to before this one; null: to the last
    rows   bigint  NOT NULL,
    PRIMARY KEY (export, number)
);

-- An import under way: who sends it, and how many of its lines have been looked at.
CREATE TABLE load (
    id           uuid        PRIMARY KEY,
    client       text        COLLATE "C" NOT NULL,
    organisation text        COLLATE "C" NOT NULL,  -- whose data key seals its lines
    asked        bytea       NOT NULL,  -- JSON: the client's rights as they were when it began
    at           timestamptz NOT NULL,
    state        text        NOT NULL,  -- receiving, running, done, ended
    parts        integer     NOT NULL DEFAULT 0,  -- that came
    lines        bigint      NOT NULL DEFAULT 0,  -- that came, once all have
    read         bigint      NOT NULL DEFAULT 0,  -- lines up to this one have been looked at
    kept         bigint      NOT NULL DEFAULT 0,
    refused      bigint      NOT NULL DEFAULT 0,
    told         bigint      NOT NULL DEFAULT 0,  -- of the refused, those with a row below
    leased_until timestamptz,  -- a process is at it
    ends_at      timestamptz NOT NULL
);
CREATE INDEX load_by_state ON load (state, at);
CREATE INDEX load_by_client ON load (client, state);

-- Lines that wait to be filed, sealed as a body is; dropped when they are.
CREATE TABLE load_part (
    load       uuid     NOT NULL REFERENCES load ON DELETE CASCADE,
    number     integer  NOT NULL,
    first_line bigint   NOT NULL,
    too_long   bigint[] NOT NULL,  -- lines that were left out
    body       bytea    NOT NULL,
    PRIMARY KEY (load, number)
);
ALTER TABLE load_part ALTER COLUMN body SET STORAGE EXTERNAL;  -- deflated by us already

-- Which lines were not kept, and why; holds nothing of what they said.
CREATE TABLE load_fault (
    load   uuid   NOT NULL REFERENCES load ON DELETE CASCADE,
    line   bigint NOT NULL,  -- the first of these
    faults bytea  NOT NULL,  -- JSON
    PRIMARY KEY (load, line)
);
