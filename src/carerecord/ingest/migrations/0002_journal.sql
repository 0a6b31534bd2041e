-- What senders sent, as it came. Only ever added to; the body is sealed.
CREATE TABLE message (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,  -- of receipt
    sender       text        NOT NULL,
    organisation text        NOT NULL,  -- ODS: whose data key seals it
    digest       bytea       NOT NULL,  -- keyed: of the sender and all that is content; the same again is the same message
    trigger      text        NOT NULL,  -- code words alone, such as ADT^A01
    size         integer     NOT NULL,
    body         bytea       NOT NULL
);
CREATE UNIQUE INDEX message_once ON message (digest);

-- What is not filed yet. A row goes when its message is filed, so this stays as short as the backlog.
CREATE TABLE waiting (
    lane smallint NOT NULL,  -- of the organisation: one worker at a time has a lane
    id   bigint   NOT NULL,  -- of the message
    PRIMARY KEY (lane, id)
);

-- What could not be filed: it is tried again, or waits for a person.
CREATE TABLE stuck (
    id      bigint      PRIMARY KEY,  -- of the message
    lane    smallint    NOT NULL,
    sender  text        NOT NULL,
    state   text        NOT NULL,            -- again | parked | unreadable
    reason  text        NOT NULL,            -- for people, without content
    tries   smallint    NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,            -- again: not before then
    since   timestamptz NOT NULL
);
CREATE INDEX stuck_again ON stuck (lane, next_at) WHERE state = 'again';
CREATE INDEX stuck_for_people ON stuck (since, id);
CREATE INDEX stuck_by_sender ON stuck (sender);

-- Taken out of the queue by a person, who said why.
CREATE TABLE discarded (
    id     bigint      PRIMARY KEY,
    at     timestamptz NOT NULL,
    by     text        NOT NULL,
    reason text        NOT NULL
);

-- Messages that came again: their first receipt stands, and has had its one effect.
CREATE TABLE repeat (
    id    bigint      PRIMARY KEY,
    times integer     NOT NULL,
    last  timestamptz NOT NULL
);

-- Who files which lane, until when; and what was in hand, so that what kills a worker is known by the next one.
CREATE TABLE lane (
    lane       smallint    PRIMARY KEY,
    owner      text        NOT NULL DEFAULT '',
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    in_hand    bigint[]    NOT NULL DEFAULT '{}'
);
INSERT INTO lane (lane) SELECT generate_series(0, 7);

-- What messages say of each thing that has a life of its own. Of equal ones the one that was recorded last is kept.
CREATE TABLE statement (
    thread   text     NOT NULL,
    digest   bytea    NOT NULL,  -- keyed: of what it says
    recorded text     NOT NULL,  -- the order: EVN-2, then MSH-7, then receipt
    sent     text     NOT NULL,
    message  bigint   NOT NULL,
    trigger  text     NOT NULL,
    rules    boolean  NOT NULL,  -- it withdraws, moves or renumbers what hangs on its thread
    body     bytea    NOT NULL,  -- sealed: whose it is, and what it says
    organisation text NOT NULL,
    PRIMARY KEY (thread, digest, message)
);

-- What is carried along when the thread above is withdrawn, moved or renumbered.
CREATE TABLE hangs (
    above  text NOT NULL,
    thread text NOT NULL,
    PRIMARY KEY (above, thread)
);
CREATE INDEX hangs_below ON hangs (thread, above);

-- When a sender was last heard, and how much came in each hour: what its usual rhythm is learnt from.
CREATE TABLE rhythm (
    sender text        NOT NULL,
    hour   timestamptz NOT NULL,
    count  integer     NOT NULL,
    last   timestamptz NOT NULL,
    PRIMARY KEY (sender, hour)
);

-- How far the audit book has been told of what was received.
CREATE TABLE booked (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    up_to   bigint  NOT NULL
);
INSERT INTO booked (up_to) VALUES (0);
