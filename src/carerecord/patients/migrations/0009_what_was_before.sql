-- The lock that whoever enrols or links takes first (store/kept.py), so that none of them holds what is altered below. The indexes
-- before that: a record is opened while they are made.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(7401); END $$;  -- what a SELECT tells, the tool that runs this would print
CREATE INDEX link_decided ON link (since) WHERE because = 'decided';
CREATE INDEX link_by_person_before ON link (person, patient) WHERE until IS NOT NULL;

-- What a decision, or a merge, took the place of: with that taken back it holds again.
ALTER TABLE merge ADD COLUMN ended_at timestamptz;  -- of one that was a merge: a later one took its place, or its two were parted
ALTER TABLE decision ADD COLUMN before_same boolean, ADD COLUMN before_at timestamptz, ADD COLUMN before_by text;  -- null: none

-- Numbers of two people, of whom one still stood for the other: what came for the one would be filed with the other.
UPDATE merge
   SET kind = 'link', ended_at = now()
  FROM link AS mine, link AS theirs
 WHERE kind = 'merge'
   AND mine.patient = gone AND mine.until IS NULL
   AND theirs.patient = into_id AND theirs.until IS NULL
   AND mine.person <> theirs.person;
