-- By which rule an entry's facts and keys were folded: those of an older one are folded anew, a few at a time, while all goes on.
ALTER TABLE likeness ADD COLUMN folded smallint NOT NULL DEFAULT 1;
CREATE INDEX likeness_by_folded ON likeness (folded);
