"""What waits to be filed, in whose hand is it, and what have messages said of each thing so far?

What hangs on what, and what was said of it, is looked up thing by thing: `OFFSET 0` keeps each look-up whole. A join would be
planned by one who does not know how much is asked, when the journal was smaller, and would read all that was ever said.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Connection, Database


class Kept(Struct, frozen=True, gc=False):
    """One message of the journal, still sealed."""

    id: int
    at: datetime
    sender: str
    organisation: str
    digest: bytes
    trigger: str
    body: bytes
    tries: int = 0
    before: str = ""  # why it could not be filed the last time it was tried


class Said(Struct, frozen=True, gc=False):
    """One statement, still sealed."""

    thread: str
    digest: bytes
    recorded: str
    sent: str
    message: int
    trigger: str
    rules: bool
    body: bytes
    organisation: str


async def lease(
    db: Database, owner: str, now: datetime, until: datetime, most: int, besides: Sequence[int] = ()
) -> dict[int, tuple[int, ...]]:
    """Lanes with something to do that are nobody's, or ours already, whoever waits longest first; and what was in hand where one
    was left in the middle."""
    rows = await db.fetch(
        """
        WITH free AS (
            SELECT lane
              FROM lane
             WHERE (owner = $1 OR held_until < $2) AND lane <> ALL ($5)
               AND (EXISTS (SELECT FROM waiting WHERE waiting.lane = lane.lane)
                    OR EXISTS (SELECT FROM stuck WHERE stuck.lane = lane.lane AND state = 'again' AND next_at <= $2))
             ORDER BY (SELECT min(id) FROM waiting WHERE waiting.lane = lane.lane), lane
             LIMIT $3
               FOR UPDATE SKIP LOCKED
        )
        UPDATE lane SET owner = $1, held_until = $4
          FROM free
         WHERE lane.lane = free.lane
        RETURNING lane.lane, lane.in_hand
        """,
        owner,
        now,
        most,
        until,
        list(besides),
    )
    return {row["lane"]: tuple(row["in_hand"]) for row in rows}


async def let_go(db: Database, owner: str, lanes: Sequence[int]) -> None:
    await db.execute(
        "UPDATE lane SET owner = '', held_until = '-infinity', in_hand = '{}' WHERE owner = $1 AND lane = ANY ($2)",
        owner,
        list(lanes),
    )


async def suspect(db: Connection, lane: int, ids: Sequence[int], now: datetime, tries: int, reason: str) -> None:
    """These were in the hand of a worker that ended in the middle: each is tried again, so many times and no more.

    That a worker ended with many in its hand is held against none of them. A pause, so that workers that are ended from outside,
    one after the other, do not find the same message in hand each time. Within a transaction.
    """
    alone = len(ids) == 1
    await db.execute(
        """
        UPDATE stuck
           SET tries = tries + 1, reason = $4, state = CASE WHEN tries + 1 >= $3 THEN 'parked' ELSE 'again' END,
               next_at = $5::timestamptz + make_interval(secs => 5 * 3 ^ tries)
         WHERE lane = $1 AND id = ANY ($2) AND state = 'again'
        """,
        lane,
        list(ids),
        tries,
        reason,
        now,
    )
    await db.execute(
        """
        WITH were AS (
            DELETE FROM waiting WHERE lane = $1 AND id = ANY ($2) RETURNING id
        )
        INSERT INTO stuck (id, lane, sender, state, reason, tries, next_at, since)
        SELECT id, $1, sender, 'again', $4, $5, $3::timestamptz + interval '1 second', at FROM were JOIN message USING (id)
        """,
        lane,
        list(ids),
        now,
        reason,
        int(alone),
    )
    await db.execute("UPDATE lane SET in_hand = '{}' WHERE lane = $1", lane)


_KEPT = "message.id, message.at, message.sender, message.organisation, message.digest, message.trigger, message.body"


async def next_group(db: Database, lane: int, most: int) -> tuple[Kept, ...]:
    """The oldest that wait in this lane, as they came."""
    rows = await db.fetch(
        f"""
        SELECT {_KEPT}
          FROM (SELECT id FROM waiting WHERE lane = $1 ORDER BY id LIMIT $2) AS first
          JOIN message USING (id)
         ORDER BY message.id
        """,  # noqa: S608 - our own column names
        lane,
        most,
    )
    return tuple(Kept(*row) for row in rows)


async def next_again(db: Database, lane: int, now: datetime, most: int) -> tuple[Kept, ...]:
    """Those whose next try is due."""
    rows = await db.fetch(
        f"""
        SELECT {_KEPT}, stuck.tries, stuck.reason
          FROM stuck
          JOIN message USING (id)
         WHERE lane = $1 AND state = 'again' AND next_at <= $2
         ORDER BY stuck.id
         LIMIT $3
        """,  # noqa: S608 - our own column names
        lane,
        now,
        most,
    )
    return tuple(Kept(*row) for row in rows)


async def in_hand(db: Database, owner: str, lane: int, ids: Sequence[int], until: datetime) -> bool:
    """Write down what is being worked on. False: another worker has this lane."""
    done = await db.execute(
        "UPDATE lane SET in_hand = $3, held_until = $4 WHERE lane = $2 AND owner = $1", owner, lane, list(ids), until
    )
    return done == "UPDATE 1"


async def filed(db: Database, owner: str, lane: int, ids: Sequence[int]) -> None:
    """These are done: they wait no more, and nothing is in hand. In one statement."""
    await db.execute(
        """
        WITH done AS (
            DELETE FROM waiting WHERE lane = $2 AND id = ANY ($3)
        ), mended AS (
            DELETE FROM stuck WHERE id = ANY ($3)
        )
        UPDATE lane SET in_hand = '{}' WHERE lane = $2 AND owner = $1
        """,
        owner,
        lane,
        list(ids),
    )


class Fate(Struct, frozen=True):
    """Why one message is not filed now, and when it is tried again."""

    id: int
    state: str  # again | parked | unreadable
    reason: str
    tries: int
    next_at: datetime


async def set_aside(db: Database, lane: int, fates: Sequence[Fate]) -> None:
    await db.execute(
        """
        WITH told AS (
            SELECT *
              FROM unnest($2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[])
                   AS told (id, state, reason, tries, next_at)
        ), out AS (
            DELETE FROM waiting WHERE lane = $1 AND id = ANY ($2)
        )
        INSERT INTO stuck (id, lane, sender, state, reason, tries, next_at, since)
        SELECT told.id, $1, message.sender, told.state, told.reason, told.tries, told.next_at, message.at
          FROM told JOIN message USING (id)
        ON CONFLICT (id) DO UPDATE
           SET state = excluded.state, reason = excluded.reason, tries = excluded.tries, next_at = excluded.next_at
        """,
        lane,
        [each.id for each in fates],
        [each.state for each in fates],
        [each.reason for each in fates],
        [each.tries for each in fates],
        [each.next_at for each in fates],
    )


async def add_statements(db: Database, said: Sequence[Said], hangs: Sequence[tuple[str, str]]) -> tuple[Said, ...] | None:
    """Write down what was said, by one statement; said again by the same message it stands as it is.

    What was said of the same threads before comes back, in order, where that is all there is to settle them by. None: something
    rules from above, or visits have become one, and `became`, `below` and `statements` say by what they stand.
    """
    rows = await db.fetch(
        """
        WITH RECURSIVE told AS (
            SELECT *
              FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::bytea[],
                          $9::text[])
                   AS told (thread, digest, recorded, sent, message, trigger, rules, body, organisation)
        ), kept AS (
            INSERT INTO statement (thread, digest, recorded, sent, message, trigger, rules, body, organisation)
            SELECT * FROM told
            ON CONFLICT DO NOTHING
        ), hung AS (
            INSERT INTO hangs (above, thread) SELECT * FROM unnest($10::text[], $11::text[])
            ON CONFLICT DO NOTHING
        ), high (thread) AS (
            SELECT unnest($12::text[] || $13::text[])
             UNION
            SELECT hangs.above
              FROM high
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = high.thread OFFSET 0) AS hangs
        )
        SELECT known.*
          FROM unnest($12::text[]) AS wanted (thread)
         CROSS JOIN LATERAL (SELECT thread, digest, recorded, sent, message, trigger, rules, body, organisation
                               FROM statement
                              WHERE thread = wanted.thread
                             OFFSET 0) AS known
         UNION ALL
        SELECT '', '', '', '', 0, '', true, '', ''
         WHERE EXISTS (SELECT
                         FROM high
                        CROSS JOIN LATERAL (SELECT FROM statement WHERE thread = high.thread AND rules OFFSET 0) AS ruling)
            OR EXISTS (SELECT
                         FROM unnest($14::text[]) AS visit (thread)
                        CROSS JOIN LATERAL (SELECT FROM hangs WHERE thread = visit.thread AND above LIKE 'Encounter/%'
                                             UNION ALL
                                            SELECT FROM hangs WHERE above = visit.thread AND thread LIKE 'Encounter/%'
                                            OFFSET 0) AS one)
         ORDER BY recorded, sent, message
        """,
        [each.thread for each in said],
        [each.digest for each in said],
        [each.recorded for each in said],
        [each.sent for each in said],
        [each.message for each in said],
        [each.trigger for each in said],
        [each.rules for each in said],
        [each.body for each in said],
        [each.organisation for each in said],
        [above for above, _ in hangs],
        [thread for _, thread in hangs],
        list(threads := dict.fromkeys([each.thread for each in said])),
        list(dict.fromkeys([above for above, _ in hangs])),
        [each for each in threads if each.startswith("Encounter/")],
    )
    before = tuple(Said(*row) for row in rows)
    is_plain = not any(each.rules for each in said) and not any(each.rules for each in before)
    return before if is_plain else None


async def drop_statements(db: Database, threads: Sequence[str], messages: Sequence[int]) -> None:
    await db.execute("DELETE FROM statement WHERE thread = ANY ($1) AND message = ANY ($2)", list(threads), list(messages))


async def keep_latest(db: Database, threads: Sequence[str]) -> None:
    """Of equal statements of one thread only the one that was recorded last: a thread stays as short as what is said in it."""
    await db.execute(
        """
        DELETE FROM statement AS old
         WHERE thread = ANY ($1)
           AND EXISTS (SELECT
                         FROM statement AS later
                        WHERE (later.thread, later.digest) = (old.thread, old.digest)
                          AND (later.recorded, later.sent, later.message) > (old.recorded, old.sent, old.message)
                       OFFSET 0)
        """,
        list(threads),
    )


async def below(db: Database, threads: Sequence[str]) -> tuple[str, ...]:
    """What hangs on these, and on what hangs on these."""
    rows = await db.fetch(
        """
        WITH RECURSIVE low (thread) AS (
            SELECT thread FROM hangs WHERE above = ANY ($1)
             UNION
            SELECT hangs.thread
              FROM low
             CROSS JOIN LATERAL (SELECT thread FROM hangs WHERE above = low.thread OFFSET 0) AS hangs
        )
        SELECT thread FROM low ORDER BY thread
        """,
        list(threads),
    )
    return tuple(row["thread"] for row in rows)


async def became(db: Database, visits: Sequence[str]) -> tuple[str, ...]:
    """The visits that these are one with now: a visit hangs on another for no other reason."""
    rows = await db.fetch(
        """
        WITH RECURSIVE high (above) AS (
            SELECT above FROM hangs WHERE thread = ANY ($1) AND above LIKE 'Encounter/%'
             UNION
            SELECT hangs.above
              FROM high
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = high.above AND above LIKE 'Encounter/%' OFFSET 0) AS hangs
        )
        SELECT above FROM high ORDER BY above
        """,
        list(visits),
    )
    return tuple(row["above"] for row in rows)


async def statements(db: Database, threads: Sequence[str]) -> tuple[tuple[str, Said], ...]:
    """All that was said of each of these threads, of visits that are one with it, and what rules from above, each under the
    thread that it is for, in order.
    """
    rows = await db.fetch(
        """
        WITH RECURSIVE wanted (at) AS (
            SELECT unnest($1::text[])
        ), high (at, above) AS (
            SELECT at, above
              FROM wanted
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = at OFFSET 0) AS hangs
             UNION
            SELECT at, hangs.above
              FROM high
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = high.above AND above <> at OFFSET 0) AS hangs
        ), one_with (at, thread) AS (
            SELECT at, thread
              FROM wanted
             CROSS JOIN LATERAL (SELECT thread FROM hangs WHERE above = at AND thread LIKE 'Encounter/%' OFFSET 0) AS hangs
             WHERE at LIKE 'Encounter/%'
             UNION
            SELECT at, hangs.thread
              FROM one_with
             CROSS JOIN LATERAL (SELECT thread
                                   FROM hangs
                                  WHERE above = one_with.thread AND thread LIKE 'Encounter/%' AND thread <> at
                                 OFFSET 0) AS hangs
        )
        SELECT thread AS at, thread, digest, recorded, sent, message, trigger, false AS rules, body, organisation
          FROM statement
         WHERE thread = ANY ($1)
         UNION ALL
        SELECT at, said.thread, digest, recorded, sent, message, trigger, false, body, organisation
          FROM one_with
         CROSS JOIN LATERAL (SELECT * FROM statement WHERE thread = one_with.thread OFFSET 0) AS said
         UNION ALL
        SELECT at, thread, digest, recorded, sent, message, trigger, true, body, organisation
          FROM high
         CROSS JOIN LATERAL (SELECT * FROM statement WHERE thread = high.above AND rules OFFSET 0) AS ruling
         ORDER BY recorded, sent, message
        """,
        list(threads),
    )
    return tuple((row["at"], Said(*row[1:])) for row in rows)


async def said_since(db: Database, threads: Sequence[str], heard: Sequence[int]) -> tuple[str, ...]:
    """Of which of these threads has a message spoken, or ruled from above, that is not among those that were heard?"""
    rows = await db.fetch(
        """
        WITH hung AS MATERIALIZED (
            SELECT asked.thread, hangs.above
              FROM unnest($1::text[]) AS asked (thread)
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = asked.thread OFFSET 0) AS hangs
        ), ruled AS MATERIALIZED (
            SELECT above
              FROM (SELECT DISTINCT above FROM hung) AS holder
             WHERE EXISTS (SELECT
                             FROM statement
                            WHERE thread = holder.above AND rules AND message NOT IN (SELECT unnest($2::bigint[]))
                           OFFSET 0)
        )
        SELECT thread
          FROM statement
         WHERE thread = ANY ($1) AND message NOT IN (SELECT unnest($2::bigint[]))
         UNION
        SELECT hung.thread FROM hung JOIN ruled USING (above)
        """,
        list(threads),
        list(heard),
    )
    return tuple(row["thread"] for row in rows)
