-- The lines of one import that one process files in their order, while others file those of other lanes.
CREATE TABLE load_lane (
    load         uuid     NOT NULL REFERENCES load ON DELETE CASCADE,
    lane         smallint NOT NULL,
    read         bigint   NOT NULL,  -- its lines up to this one have been looked at
    parts        integer  NOT NULL DEFAULT 0,  -- that it needs no more
    told         bigint   NOT NULL DEFAULT 0,  -- of its refused lines, those of which is told why
    done         boolean  NOT NULL DEFAULT false,
    leased_until timestamptz,  -- a process is at it
    PRIMARY KEY (load, lane)
);
