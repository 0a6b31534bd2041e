-- The source of the registry in whose name a client writes; '' is none: what it writes is in no person's record.
ALTER TABLE client ADD COLUMN source text NOT NULL DEFAULT '';
