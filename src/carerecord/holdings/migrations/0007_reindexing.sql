-- How far the index rows of a type have been made anew for a search parameter. Nothing of a person lies here.
CREATE TABLE reindexing (
    type      text        COLLATE "C" NOT NULL,
    parameter text        COLLATE "C" NOT NULL,
    upto      text        COLLATE "C" NOT NULL DEFAULT '',  -- ids up to this one are done
    looked    bigint      NOT NULL DEFAULT 0,
    changed   bigint      NOT NULL DEFAULT 0,
    began_at  timestamptz NOT NULL,
    ended_at  timestamptz,
    PRIMARY KEY (type, parameter)
);
