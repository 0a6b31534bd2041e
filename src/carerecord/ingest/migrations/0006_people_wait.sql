-- Since when somebody waits whom a client wrote: from the first change that the index could not take over.
ALTER TABLE written ADD COLUMN since timestamptz;
-- Those that wait for a human, the longest first.
CREATE INDEX written_waits ON written (coalesce(since, next_at), id) WHERE reason <> '';
