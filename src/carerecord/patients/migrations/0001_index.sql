-- Who is who. Person data lead with the patient's key; the indexes by which a person is found from outside (identifier, name,
-- birth date, postcode, source's own id) are the cross-person family. docs/adr/0040, 0041.

-- One entry of one source. What it states is kept whole in `stated`; the columns beside it are what people are found by.
CREATE TABLE patient (
    id          text        PRIMARY KEY,     -- opaque, random
    source      text        NOT NULL,        -- key of the source; 'pds' for what a trace answered
    local_id    text        NOT NULL,        -- the id by which that source is asked
    stated      bytea       NOT NULL,        -- contracts.patients.SourcePatient as JSON
    nhs_number  text        NOT NULL,        -- ten digits, or '' where none is well formed
    nhs_status  text        NOT NULL,        -- England's 01 to 08, as stated or as a trace found
    birth_date  date,                        -- null when partial or not stated
    postcode    text        NOT NULL,        -- capitals, no space
    enrolled_at timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX patient_by_source     ON patient (source, local_id);
CREATE INDEX        patient_by_birth_date ON patient (birth_date, id);
CREATE INDEX        patient_by_postcode   ON patient (postcode, id) WHERE postcode <> '';
CREATE INDEX        patient_by_nhs_number ON patient (nhs_number, id) WHERE nhs_number <> '';

-- Every number by which the person is known, folded to capitals and digits.
CREATE TABLE identifier (
    patient text NOT NULL REFERENCES patient ON DELETE CASCADE,
    value   text NOT NULL,
    PRIMARY KEY (patient, value)
);
CREATE INDEX identifier_by_value ON identifier (value, patient);

-- Every word of every name, folded.
CREATE TABLE name (
    patient text NOT NULL REFERENCES patient ON DELETE CASCADE,
    word    text NOT NULL,
    PRIMARY KEY (patient, word)
);
CREATE INDEX name_by_word ON name (word, patient);

-- The words there are, each under itself and under itself with one letter left out: two words one slip apart share a key.
-- It grows with the number of different names, not of people.
CREATE TABLE word_key (
    key  text NOT NULL,
    word text NOT NULL,
    PRIMARY KEY (key, word)
);

-- Which entries are one person: those whose open row has the same `person`. A merge and its undoing are rows of this table.
CREATE TABLE link (
    patient text        NOT NULL REFERENCES patient ON DELETE CASCADE,
    id      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    person  text        NOT NULL,  -- the key of the set; known to nobody outside
    since   timestamptz NOT NULL,
    until   timestamptz,           -- null: in force
    because text        NOT NULL,  -- enrolled | number | corrected | decided | parted
    PRIMARY KEY (patient, id)
);
CREATE UNIQUE INDEX link_in_force  ON link (patient) INCLUDE (person) WHERE until IS NULL;
CREATE INDEX        link_by_person ON link (person, patient) WHERE until IS NULL;

-- What a human found of two entries; it goes before every rule.
CREATE TABLE decision (
    one        text        NOT NULL,  -- the lesser id
    other      text        NOT NULL,
    same       boolean     NOT NULL,
    decided_at timestamptz NOT NULL,
    decided_by text        NOT NULL,  -- issuer|subject
    PRIMARY KEY (one, other)
);
CREATE INDEX decision_by_other ON decision (other, one);

-- Two entries with one NHS number that contradict each other. Closed by a decision, or when the contradiction has gone.
CREATE TABLE review (
    one       text        NOT NULL,  -- the lesser id
    other     text        NOT NULL,
    id        text        NOT NULL,
    agrees    text[]      NOT NULL,  -- which facts, never their values
    conflicts text[]      NOT NULL,
    since     timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (one, other)
);
CREATE UNIQUE INDEX review_by_id ON review (id);
CREATE INDEX        review_open  ON review (since, id) WHERE closed_at IS NULL;
