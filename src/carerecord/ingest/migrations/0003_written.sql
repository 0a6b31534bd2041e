-- Patient resources that a client wrote in the name of a source, and that the index has not been told of yet. Ids alone.
CREATE TABLE written (
    id      text        PRIMARY KEY,  -- of the Patient resource
    source  text        NOT NULL,     -- in whose name it was written
    change  uuid        NOT NULL,     -- the event that told of the last change
    tries   smallint    NOT NULL DEFAULT 0,
    reason  text        NOT NULL DEFAULT '',  -- why it waits, for people, without content
    next_at timestamptz NOT NULL
);
CREATE INDEX written_due ON written (next_at, id);
