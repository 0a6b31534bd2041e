-- Which open reviews is an entry part of? Asked with every opening, by either of the two.
CREATE INDEX review_open_by_other ON review (other) WHERE closed_at IS NULL;
