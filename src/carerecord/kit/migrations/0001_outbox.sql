-- What this service has to tell, and what it has heard from others. Design: docs/adr/0020-events.md.

-- One row for each event, written in the transaction that changed the fact. Never updated; deleted after seven days.
-- Read in the order (era, xid, id) and only below the oldest transaction still running: a transaction that took its
-- number early and commits late is then never passed over, as it would be with "id greater than the last".
CREATE TABLE outbox (
    era    integer     NOT NULL DEFAULT 1,  -- counts the clusters that this database has lived in, see `cluster_era`
    xid    xid8        NOT NULL DEFAULT pg_current_xact_id(),
    id     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    event  uuid        NOT NULL,
    kind   text        NOT NULL,
    at     timestamptz NOT NULL,
    body   bytea       NOT NULL,  -- JSON
    PRIMARY KEY (era, xid, id)
);

-- Transaction numbers mean nothing in another cluster (a restored dump, another timeline): there a new era begins,
-- and events of the new era come after all those of the old one whatever their numbers.
CREATE TABLE cluster_era (
    era     integer     PRIMARY KEY,
    cluster text        NOT NULL,
    since   timestamptz NOT NULL DEFAULT now()
);

-- How far each hearer has come, as it last told us itself. Everything up to `passed` was heard or was not for it.
CREATE TABLE hearer (
    name       text        PRIMARY KEY,
    heard_era  integer     NOT NULL DEFAULT 0,
    heard_xid  xid8        NOT NULL DEFAULT '0',
    heard_id   bigint      NOT NULL DEFAULT 0,
    passed_era integer     NOT NULL DEFAULT 0,
    passed_xid xid8        NOT NULL DEFAULT '0',
    passed_id  bigint      NOT NULL DEFAULT 0,
    moved_at   timestamptz NOT NULL DEFAULT now()
);

-- How far we have come with each teller. Moved in the transaction of the effect: that is what makes it happen once.
CREATE TABLE heard (
    teller      text        PRIMARY KEY,
    era         integer     NOT NULL DEFAULT 0,
    xid         xid8        NOT NULL DEFAULT '0',
    id          bigint      NOT NULL DEFAULT 0,
    whole_until timestamptz,  -- all that the teller had said by then has been heard
    moved_at    timestamptz NOT NULL DEFAULT now()
);

-- Events whose effect failed three times by a fault of theirs or ours, kept for a human; later ones flow on.
CREATE TABLE parked (
    teller    text        NOT NULL,
    event     uuid        NOT NULL,
    kind      text        NOT NULL,
    at        timestamptz NOT NULL,
    body      bytea       NOT NULL,
    error     text        NOT NULL,  -- the class of the error, never its text
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (teller, event)
);
