-- What people keep back by objections: of each record, and by the numbers of whoever objects, so that a Patient who comes later is
-- known by them. Looked up with each row that is read, so they hold no more than who objects.
CREATE TABLE veil (
    patient      text   COLLATE "C" NOT NULL,  -- id of a Patient that is kept here
    objection    text   COLLATE "C" NOT NULL,
    sections     text[] NOT NULL,
    source       text   COLLATE "C" NOT NULL,  -- '' = of every source
    organisation text   COLLATE "C" NOT NULL,  -- '' = whoever asks
    rule         text   NOT NULL,
    says         text   NOT NULL,
    PRIMARY KEY (patient, objection)
);
CREATE INDEX veil_by_objection ON veil (objection);

CREATE TABLE objector (
    hash         bigint NOT NULL,  -- as in `across`
    objection    text   COLLATE "C" NOT NULL,
    sections     text[] NOT NULL,
    source       text   COLLATE "C" NOT NULL,
    organisation text   COLLATE "C" NOT NULL,
    rule         text   NOT NULL,
    says         text   NOT NULL,
    PRIMARY KEY (hash, objection)
);
CREATE INDEX objector_by_objection ON objector (objection);

-- How far consent has been heard by that.
CREATE TABLE veiled (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    upto     bigint  NOT NULL
);
INSERT INTO veiled (upto) VALUES (0);
