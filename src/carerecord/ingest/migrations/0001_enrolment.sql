-- How far each source's people have been brought in. One row a source: the checkpoint and the count of the run.
CREATE TABLE enrolment (
    source      text        PRIMARY KEY,
    state       text        NOT NULL,             -- waiting | running | done | failed | stopped
    next        text        NOT NULL DEFAULT '',  -- the page to ask for; '' = the first
    since       text        NOT NULL DEFAULT '',  -- only what changed from then on; '' = everybody
    began       text        NOT NULL DEFAULT '',  -- when this run began, as FHIR writes it: the next run's `since`
    whole_until text        NOT NULL DEFAULT '',  -- `began` of the last run that came to the end
    seen        bigint      NOT NULL DEFAULT 0,
    new         bigint      NOT NULL DEFAULT 0,
    linked      bigint      NOT NULL DEFAULT 0,
    changed     bigint      NOT NULL DEFAULT 0,
    unchanged   bigint      NOT NULL DEFAULT 0,
    review      bigint      NOT NULL DEFAULT 0,
    unreadable  bigint      NOT NULL DEFAULT 0,
    says        text        NOT NULL DEFAULT '',
    failures    integer     NOT NULL DEFAULT 0,   -- in a row
    asked_at    timestamptz NOT NULL,
    started_at  timestamptz,
    ended_at    timestamptz,
    owner       text        NOT NULL DEFAULT '',  -- the worker in whose hand it is
    held_until  timestamptz NOT NULL              -- waiting: not before then; running: free again from then on
);

-- Entries that could not be read. Nothing of what they say is kept: the entry stays at the source.
CREATE TABLE quarantine (
    source    text        NOT NULL,
    reference text        NOT NULL,  -- as the source names it, such as Patient/ID
    reason    text        NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (source, reference)
);

-- Ids whose NHS number nobody has verified. The number itself is kept in patients alone.
CREATE TABLE trace (
    patient  text        PRIMARY KEY,
    source   text        NOT NULL,  -- whose entry it is
    state    text        NOT NULL,  -- waiting | done
    outcome  text        NOT NULL DEFAULT '',
    failures integer     NOT NULL DEFAULT 0,
    next_at  timestamptz NOT NULL
);
CREATE INDEX trace_waiting ON trace (next_at, patient) WHERE state = 'waiting';
CREATE INDEX trace_by_source ON trace (source, state);
