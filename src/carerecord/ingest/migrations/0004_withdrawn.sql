-- The register has said that something changed: the number is traced again, whatever is known of it.
ALTER TABLE trace ADD COLUMN anew boolean NOT NULL DEFAULT false;

-- What senders took back, for telling them who has seen it. Nothing of what it said.
CREATE TABLE withdrawn (
    no       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    message  bigint      NOT NULL,  -- that took it back
    sender   text        NOT NULL,
    source   text        NOT NULL,
    type     text        NOT NULL,
    id       text        NOT NULL,  -- of the resource
    patient  text        NOT NULL,  -- in the index; '' where it knows nobody
    filed_at timestamptz NOT NULL,  -- from when on it could be seen
    reason   text        NOT NULL,
    UNIQUE (type, id, message)
);
CREATE INDEX withdrawn_by_sender ON withdrawn (sender, no);
