-- What of each entry is compared, folded once; and the keys that pairs worth comparing share. docs/explanation/matching.md.
CREATE TABLE likeness (
    no      integer  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient text     NOT NULL UNIQUE REFERENCES patient ON DELETE CASCADE,
    facts   bytea    NOT NULL,  -- patients.facts.Facts as JSON
    keys    bigint[] NOT NULL   -- its rows of likeness_key
);
CREATE TABLE likeness_key (
    key bigint  NOT NULL,
    no  integer NOT NULL,
    PRIMARY KEY (key, no)
);

-- When the source recorded what it states: an older statement never replaces a newer one.
ALTER TABLE patient ADD COLUMN recorded_at timestamptz;

-- Why a set is as it is: the message, or the human, that said so.
ALTER TABLE link ADD COLUMN message text NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN said_by text NOT NULL DEFAULT '';

-- How strongly the two agree, fact by fact: contracts.patients.Weighed as JSON.
ALTER TABLE review ADD COLUMN bits real NOT NULL DEFAULT 0;
ALTER TABLE review ADD COLUMN weighed bytea NOT NULL DEFAULT '[]';

-- Two histories that must never meet. Each side is an NHS number or an id of `patient`.
CREATE TABLE severed (
    one   text        NOT NULL,  -- the lesser
    other text        NOT NULL,
    since timestamptz NOT NULL,
    by    text        NOT NULL,  -- issuer|subject
    PRIMARY KEY (one, other)
);
CREATE INDEX severed_by_other ON severed (other);

-- What sources said of two of their numbers, the last for each pair in force: `gone` is used no more, `into` stands for it.
CREATE TABLE merge (
    gone        text        NOT NULL REFERENCES patient ON DELETE CASCADE,
    into_id     text        NOT NULL REFERENCES patient ON DELETE CASCADE,
    kind        text        NOT NULL,  -- merge | unmerge | link | unlink
    recorded_at timestamptz NOT NULL,  -- when the source recorded it
    done_at     timestamptz NOT NULL,
    message     text        NOT NULL,
    moved       text[]      NOT NULL,  -- ids that changed their set, and where each was before
    former      text[]      NOT NULL,
    PRIMARY KEY (gone, into_id)
);
CREATE INDEX merge_by_into ON merge (into_id);
