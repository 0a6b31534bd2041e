-- In whose name each version was written: a source of the registry. '' is a client that no source stands for: what it wrote is served
-- by the FHIR API, and shown in no person's record.
ALTER TABLE version ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT '';
