-- To whom a section of a source is open, where somebody has said so since the registry's file was written.
CREATE TABLE stage (
    source        text NOT NULL,
    section       text NOT NULL,  -- '*' until the sections of a source that was in force before there were stages are known
    stage         text NOT NULL CHECK (stage IN ('off', 'safety-testers', 'organisations', 'everyone')),
    organisations text[] NOT NULL DEFAULT '{}',
    set_by        text NOT NULL,
    set_at        timestamptz NOT NULL,
    evidence      text NOT NULL DEFAULT '',  -- the probe with which it was opened
    PRIMARY KEY (source, section)
);

-- Whatever was in force before there were stages was open to everyone, and stays so: only what is connected from now on is off.
INSERT INTO stage (source, section, stage, set_by, set_at)
SELECT known.source, '*', 'everyone', 'in force before there were stages', now()
  FROM (SELECT sources FROM registry_version ORDER BY id DESC LIMIT 1) AS last,
       jsonb_object_keys(last.sources) AS known (source);

-- What each probe found: the evidence with which a section is opened.
CREATE TABLE probe (
    id         text PRIMARY KEY,
    source     text NOT NULL,
    reached_as text NOT NULL,  -- digest of how the source was reached
    at         timestamptz NOT NULL,
    ok         boolean NOT NULL,
    report     jsonb NOT NULL
);
CREATE INDEX probe_by_source ON probe (source, at DESC);

-- What openings saw of each source, by day: numbers alone.
CREATE TABLE seen_source (
    source      text NOT NULL,
    day         date NOT NULL,
    asked       bigint NOT NULL,
    answered    bigint NOT NULL,
    last_answer timestamptz,
    PRIMARY KEY (source, day)
);
CREATE TABLE seen_section (
    source   text NOT NULL,
    section  text NOT NULL,
    day      date NOT NULL,
    asked    bigint NOT NULL,
    answered bigint NOT NULL,
    held     bigint NOT NULL,
    PRIMARY KEY (source, section, day)
);
CREATE TABLE seen_wait (
    source  text NOT NULL,
    step    smallint NOT NULL,  -- see kit/waits.py
    day     date NOT NULL,
    answers bigint NOT NULL,
    PRIMARY KEY (source, step, day)
);
CREATE TABLE seen_code (
    source text NOT NULL,
    system text NOT NULL,  -- URI of a code system that pages do not know; '' for words alone
    day    date NOT NULL,
    items  bigint NOT NULL,
    PRIMARY KEY (source, system, day)
);
