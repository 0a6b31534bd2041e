-- What clients wait for. What they wrote (criteria, endpoint, headers) is sealed; beside it stands what the service looks for.
CREATE TABLE subscription (
    id            text PRIMARY KEY,
    client        text NOT NULL,
    organisation  text NOT NULL,               -- ODS: whose key seals the body
    scopes        text[] NOT NULL,             -- of the token by which it was set last
    type          text NOT NULL,               -- of the resources that are waited for
    status        text NOT NULL,               -- requested | active | error | off
    error         text NOT NULL DEFAULT '',
    version       integer NOT NULL DEFAULT 1,
    made_at       timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    ends_at       timestamptz,
    body          bytea NOT NULL,
    began         boolean NOT NULL DEFAULT false,  -- its endpoint has answered once: from then on changes are kept for it
    numbered      bigint NOT NULL DEFAULT 0,       -- the number of its last notice
    kept_back     bigint NOT NULL DEFAULT 0,
    tries         integer NOT NULL DEFAULT 0,
    try_at        timestamptz NOT NULL,
    taken_until   timestamptz                      -- somebody delivers it now, and is believed to until then
);
CREATE INDEX subscription_of_client ON subscription (client);
CREATE INDEX subscription_of_type ON subscription (type);

-- What holdings told that somebody may wait for, until it is held against the watches. Ids alone.
CREATE TABLE change (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type     text NOT NULL,
    id       text NOT NULL,
    version  integer NOT NULL,
    method   text NOT NULL,                    -- C | U | D
    source   text NOT NULL,                    -- the registered source in whose name it was written
    at       timestamptz NOT NULL
);

-- What is still to be delivered, in the order of the changes.
CREATE TABLE notice (
    subscription  text NOT NULL REFERENCES subscription (id) ON DELETE CASCADE,
    seq           bigint NOT NULL,
    type          text NOT NULL,
    id            text NOT NULL,
    version       integer NOT NULL,
    method        text NOT NULL,
    source        text NOT NULL,
    at            timestamptz NOT NULL,
    number        bigint,                      -- once it may be told; the same however often it is sent
    PRIMARY KEY (subscription, seq)
);
