-- What people have said about sharing. A row is added when it is said and marked when it is withdrawn; none is ever deleted.
CREATE TABLE objection (
    patient_id    text NOT NULL,
    id            uuid NOT NULL DEFAULT gen_random_uuid(),
    section       text NOT NULL,             -- a section id, or * for the whole record
    source        text NOT NULL DEFAULT '',  -- '' = every source
    organisation  text NOT NULL DEFAULT '',  -- '' = whoever looks
    said_at       timestamptz NOT NULL,
    said_to       text NOT NULL,             -- actor key of whoever wrote it down
    withdrawn_at  timestamptz,
    withdrawn_to  text,
    PRIMARY KEY (patient_id, id)
);

-- Said twice is said once.
CREATE UNIQUE INDEX objection_in_force
    ON objection (patient_id, section, source, organisation)
 WHERE withdrawn_at IS NULL;

CREATE UNIQUE INDEX objection_by_id ON objection (id);
