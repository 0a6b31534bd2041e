-- What left a person's record for another's, or for nobody's: few rows, asked for at every opening. Nothing of what it said.
CREATE TABLE departure (
    patient text        COLLATE "C" NOT NULL,  -- whose it was
    type    text        COLLATE "C" NOT NULL,
    id      text        COLLATE "C" NOT NULL,
    source  text        COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,  -- the latest time
    PRIMARY KEY (patient, type, id)
);
