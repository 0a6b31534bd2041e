-- A human who mends one names it by its id alone.
CREATE UNIQUE INDEX aside_by_id ON aside (id);
