-- By time alone: what is of one moment is many times the same key, which lies in the index once. The id, by which rows of one moment
-- are sorted, is read from the row.
CREATE INDEX held_by_time ON held (patient, type, when_at DESC);
DROP INDEX held_when;
