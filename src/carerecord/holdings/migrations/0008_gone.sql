-- What a source withdrew of a person: few rows, asked for at every opening.
CREATE INDEX version_gone ON version (patient, type) WHERE method = 'D';
