-- Since when each sender is awaited: one that was never heard is silent from then on, and no row of the rhythm tells of it.
CREATE TABLE awaited (
    sender text        PRIMARY KEY,
    since  timestamptz NOT NULL
);

-- Who had told of an item that another sender took back or moved: it is their people's to know as well.
ALTER TABLE withdrawn ADD COLUMN told_by text[] NOT NULL DEFAULT '{}';
