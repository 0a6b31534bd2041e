-- Of restricted people: what would tell where they are is taken out of all that lies in their records, whoever asks.
ALTER TABLE veil     ADD COLUMN places boolean NOT NULL DEFAULT false;
ALTER TABLE objector ADD COLUMN places boolean NOT NULL DEFAULT false;

-- How far the index has been heard of whom it calls restricted.
ALTER TABLE veiled   ADD COLUMN restricted_upto bigint NOT NULL DEFAULT 0;
