-- The book: who saw what, when, why. Only ever added to. Design: docs/adr/0022-the-book.md.

CREATE TABLE line (
    seq        bigint      PRIMARY KEY,          -- 1, 2, 3 without a gap
    teller     text        NOT NULL,             -- the service whose outbox it stood in; `audit` for looks at the book
    event      uuid        NOT NULL UNIQUE,      -- the event's id: a line told twice stands once
    at         timestamptz NOT NULL,             -- when it happened
    body       bytea       NOT NULL,             -- the line as it was announced, to the byte
    hash       bytea       NOT NULL,             -- of this line and of every line before it
    written_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX line_by_time ON line (at DESC, seq DESC);

-- Everyone who was shown, so that a person's looks are one range. `verify` holds it against the bodies.
CREATE TABLE line_person (
    patient text        NOT NULL,
    at      timestamptz NOT NULL,
    seq     bigint      NOT NULL,  -- no foreign key: its check takes a row lock, for which the right to update is needed
    PRIMARY KEY (patient, at, seq)
);

CREATE INDEX line_person_by_line ON line_person (seq);

-- The service's own role may not change what stands. It owns the tables and could undo this: that is what the hashes and the
-- checkpoints outside the database are for.
CREATE FUNCTION only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the book is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER line_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON line
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER line_person_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON line_person
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();

REVOKE UPDATE, DELETE, TRUNCATE ON line, line_person FROM CURRENT_USER, PUBLIC;
