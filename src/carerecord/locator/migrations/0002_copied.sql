-- What has come from sources and is kept here: by the id under which a source's entry lies in holdings, which types, and when last.
CREATE TABLE copied (
    patient text        COLLATE "C" NOT NULL,
    type    text        COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (patient, type)
);
