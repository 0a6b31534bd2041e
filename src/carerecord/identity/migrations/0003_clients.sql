-- A system or app that may ask the FHIR API. Its secret is stored as a hash; its public keys as they were given.
CREATE TABLE client (
    id           text        PRIMARY KEY,
    name         text        NOT NULL,
    organisation text        NOT NULL,
    scopes       text[]      NOT NULL,
    secret_hash  bytea,
    jwks         jsonb,
    chooses_ids  boolean     NOT NULL,
    must_match   boolean     NOT NULL,
    on_invalid   text        NOT NULL,
    made_at      timestamptz NOT NULL,
    revoked_at   timestamptz
);

-- A token that was given out, by its hash.
CREATE TABLE bearer (
    token_hash bytea       PRIMARY KEY,
    client     text        NOT NULL REFERENCES client (id),
    scopes     text[]      NOT NULL,
    ends_at    timestamptz NOT NULL
);
CREATE INDEX bearer_ends_at ON bearer (ends_at);
CREATE INDEX bearer_client ON bearer (client);

-- Assertions that were shown: each is good once.
CREATE TABLE assertion (
    jti_hash bytea       PRIMARY KEY,
    ends_at  timestamptz NOT NULL
);
