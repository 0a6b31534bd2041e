"""What have messages said of each thing so far?

What hangs on what, and what was said of it, is looked up thing by thing: `OFFSET 0` keeps each look-up whole. A join would be
planned by one who does not know how much is asked, when the journal was smaller, and would read all that was ever said.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from asyncpg import UniqueViolationError
from msgspec import Struct, structs

from carerecord.kit.db import Connection, Database


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


async def add_statements(db: Connection, said: Sequence[Said], hangs: Sequence[tuple[str, str]]) -> tuple[Said, ...] | None:
    """Write down what was said, all or nothing; said again by the same message it stands as it is.

    What was said of the same threads before comes back, in order, where that is all there is to settle them by. None: something
    rules from above, or visits have become one, and `became`, `below` and `statements` say by what they stand.
    """
    try:
        return await _added(db, said, hangs, _copied)
    except UniqueViolationError:  # a killed worker had the same in hand, or another says at this moment what hangs on what
        return await _added(db, said, hangs, _put)


_Writing = Callable[[Connection, Sequence[Said], Sequence[tuple[str, str]]], Awaitable[None]]


async def _added(
    db: Connection, said: Sequence[Said], hangs: Sequence[tuple[str, str]], write: _Writing
) -> tuple[Said, ...] | None:
    """It is looked first: what is written here is not among what comes back, and what hangs already is not written again."""
    threads = list(dict.fromkeys([each.thread for each in said]))
    async with db.transaction():
        before = tuple([Said(*row) for row in await db.fetch(_KNOWN, threads)])
        visits = [each for each in threads if each.startswith("Encounter/")]
        above = await db.fetch(_ABOVE, threads, list(dict.fromkeys([above for above, _ in hangs])), visits)
        hung = {tuple(row) for row in above}
        # In the order of the first index, so that two who write the same never wait for each other.
        new = sorted([each for each in hangs if each not in hung])
        await write(db, sorted(said, key=lambda each: (each.thread, each.digest)), new)
    is_plain = ("", "") not in hung and not any(each.rules for each in said) and not any(each.rules for each in before)
    return before if is_plain else None


_KNOWN: Final = """
    SELECT known.*
      FROM unnest($1::text[]) AS wanted (thread)
     CROSS JOIN LATERAL (SELECT thread, digest, recorded, sent, message, trigger, rules, body, organisation
                           FROM statement
                          WHERE thread = wanted.thread
                         OFFSET 0) AS known
     ORDER BY recorded, sent, message
"""
# On what these hang; and a row of blanks where something rules from above ($2: on what they will hang), or visits ($3) are one.
_ABOVE: Final = """
    WITH RECURSIVE hung AS MATERIALIZED (
        SELECT known.above, wanted.thread
          FROM unnest($1::text[]) AS wanted (thread)
         CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = wanted.thread OFFSET 0) AS known
    ), high (thread) AS (
        (SELECT unnest($2::text[]) UNION SELECT above FROM hung)
         UNION
        SELECT hangs.above
          FROM high
         CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = high.thread OFFSET 0) AS hangs
    )
    SELECT above, thread FROM hung
     UNION ALL
    SELECT '', ''
     WHERE EXISTS (SELECT
                     FROM high
                    CROSS JOIN LATERAL (SELECT FROM statement WHERE thread = high.thread AND rules OFFSET 0) AS ruling)
        OR EXISTS (SELECT FROM hung WHERE above LIKE 'Encounter/%' AND thread LIKE 'Encounter/%')
        OR EXISTS (SELECT
                     FROM unnest($3::text[]) AS visit (thread)
                    CROSS JOIN LATERAL (SELECT FROM hangs WHERE above = visit.thread AND thread LIKE 'Encounter/%'
                                        OFFSET 0) AS one)
"""


async def _copied(db: Connection, said: Sequence[Said], hangs: Sequence[tuple[str, str]]) -> None:
    """Nearly always none of it is there. Raises UniqueViolationError: some is."""
    await db.copy_records_to_table("statement", records=map(structs.astuple, said), columns=Said.__struct_fields__)
    await db.copy_records_to_table("hangs", records=hangs, columns=("above", "thread"))


async def _put(db: Connection, said: Sequence[Said], hangs: Sequence[tuple[str, str]]) -> None:
    """What is there already stands as it is."""
    await db.executemany(
        f"INSERT INTO statement ({', '.join(Said.__struct_fields__)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"  # noqa: S608
        " ON CONFLICT DO NOTHING",
        [structs.astuple(each) for each in said],
    )
    await db.executemany("INSERT INTO hangs (above, thread) VALUES ($1, $2) ON CONFLICT DO NOTHING", hangs)


async def drop_statements(db: Database, threads: Sequence[str], messages: Sequence[int]) -> None:
    await db.execute("DELETE FROM statement WHERE thread = ANY ($1) AND message = ANY ($2)", list(threads), list(messages))


async def keep_latest(db: Database, threads: Sequence[str], messages: Sequence[int]) -> None:
    """What these messages have said again in these threads stands once, and of a person when it was first said too, which tells
    since when: a thread stays as short as what is said in it."""
    await db.execute(
        """
        DELETE FROM statement AS old
         WHERE thread = ANY ($1)
           AND EXISTS (SELECT
                         FROM statement AS later
                        WHERE (later.thread, later.digest) = (old.thread, old.digest)
                          AND (later.recorded, later.sent, later.message) > (old.recorded, old.sent, old.message)
                          AND later.message = ANY ($2)
                       OFFSET 0)
           AND (thread NOT LIKE 'Patient/%'
                OR EXISTS (SELECT
                             FROM statement AS first
                            WHERE (first.thread, first.digest) = (old.thread, old.digest)
                              AND (first.recorded, first.sent, first.message) < (old.recorded, old.sent, old.message)
                           OFFSET 0))
        """,
        list(threads),
        list(messages),
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


async def ruled(db: Database, threads: Sequence[str]) -> tuple[str, ...]:
    """Those of these that hang on something of which it was ruled."""
    rows = await db.fetch(
        """
        WITH RECURSIVE high (at, above) AS (
            SELECT at, above
              FROM unnest($1::text[]) AS wanted (at)
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = at OFFSET 0) AS hangs
             UNION
            SELECT at, hangs.above
              FROM high
             CROSS JOIN LATERAL (SELECT above FROM hangs WHERE thread = high.above AND above <> at OFFSET 0) AS hangs
        )
        SELECT DISTINCT at
          FROM high
         CROSS JOIN LATERAL (SELECT FROM statement WHERE thread = high.above AND rules LIMIT 1) AS ruling
         ORDER BY at
        """,
        list(threads),
    )
    return tuple(row["at"] for row in rows)


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
