-- Each version of the registry that was in force, so that a change is audited once, also when it was made while we were down.
CREATE TABLE registry_version (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version    text NOT NULL,
    in_force_at timestamptz NOT NULL,
    sources    jsonb NOT NULL  -- source id -> digest of its row
);
