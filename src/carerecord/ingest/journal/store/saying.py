"""What have messages said of each thing so far?

What hangs on what, and what was said of it, is looked up thing by thing: `OFFSET 0` keeps each look-up whole. A join would be
planned by one who does not know how much is asked, when the journal was smaller, and would read all that was ever said.
"""

from collections.abc import Sequence

from msgspec import Struct

from carerecord.kit.db import Database


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
