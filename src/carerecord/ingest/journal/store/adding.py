"""What stands in the journal, and what waits? Every statement of it; many at a time."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import count
from typing import Final, NamedTuple

from asyncpg import UniqueViolationError

from carerecord.kit.db import Database


class Row(NamedTuple):
    """One message on its way into the journal."""

    sender: str
    organisation: str
    digest: bytes
    trigger: str
    size: int
    body: bytes
    lane: int
    fault: str = ""  # why its content cannot be read: it waits for a person


_ADD = """
    WITH told AS (
        SELECT *
          FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::integer[], $7::bytea[], $8::smallint[], $9::text[])
               WITH ORDINALITY AS told (sender, organisation, digest, trigger, size, body, lane, fault, place)
    ), kept AS (
        INSERT INTO message (at, sender, organisation, digest, trigger, size, body)
        SELECT $1, sender, organisation, digest, trigger, size, body FROM told ORDER BY place
        ON CONFLICT (digest) DO NOTHING
        RETURNING id, digest
    ), queued AS (
        INSERT INTO waiting (lane, id)
        SELECT told.lane, kept.id FROM kept JOIN told USING (digest) WHERE told.fault = ''
    ), aside AS (
        INSERT INTO stuck (id, lane, sender, state, reason, next_at, since)
        SELECT kept.id, told.lane, told.sender, 'unreadable', told.fault, $1, $1
          FROM kept JOIN told USING (digest) WHERE told.fault <> ''
    )
    SELECT digest FROM kept
    """


# The same where each can be read and is taken to be new, as nearly always: without an array, and without a look at what is there.
# One that is there already breaks the rule of its index, and none of them is written.
_ADD_NEW = """
    WITH told AS MATERIALIZED (
        SELECT nextval('message_id_seq') AS id, row.*
          FROM (VALUES {places}) AS row (sender, organisation, digest, trigger, size, body, lane)
         WHERE digest IS NOT NULL
    ), kept AS (
        INSERT INTO message (id, at, sender, organisation, digest, trigger, size, body) OVERRIDING SYSTEM VALUE
        SELECT id, $1::timestamptz, sender, organisation, digest, trigger, size, body FROM told
    )
    INSERT INTO waiting (lane, id) SELECT lane, id FROM told
    """
_TYPES: Final = ("text", "text", "bytea", "text", "integer", "bytea", "smallint")
_SIZES: Final = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128, 256)  # a statement for each, so that each is planned once


class Again(Exception):
    """One of them, or more, is there already. None of them was written."""


async def add(db: Database, rows: Sequence[Row], at: datetime, *, new: bool = False) -> frozenset[bytes]:
    """Write them, and that they wait, in one statement: all or none. Answers the digests of those that were not there before.

    `new`: they are taken to be new and can all be read, which costs less.

    Raises:
        Again: they were taken to be new.
    """
    if new:
        size = next(each for each in _SIZES if each >= len(rows))
        values: list[object] = [value for row in rows for value in row[:-1]]
        values += [None] * (len(_TYPES) * size - len(values))
        try:
            await db.execute(_add_new(size), at, *values)
        except UniqueViolationError as error:
            raise Again from error
        return frozenset(row.digest for row in rows)
    kept = await db.fetch(
        _ADD,
        at,
        [row.sender for row in rows],
        [row.organisation for row in rows],
        [row.digest for row in rows],
        [row.trigger for row in rows],
        [row.size for row in rows],
        [row.body for row in rows],
        [row.lane for row in rows],
        [row.fault for row in rows],
    )
    return frozenset(row["digest"] for row in kept)


@cache
def _add_new(size: int) -> str:
    numbers = count(2)  # $1 is when
    first = ", ".join(f"${next(numbers)}::{each}" for each in _TYPES)  # the others are of the same types
    others = (", ".join(f"${next(numbers)}" for _ in _TYPES) for _ in range(size - 1))
    return _ADD_NEW.format(places=", ".join(f"({row})" for row in (first, *others)))


async def add_repeats(db: Database, digests: Sequence[bytes], at: datetime) -> None:
    """These came again: counted, and nothing else."""
    await db.execute(
        """
        WITH again AS (
            SELECT id, sender, count(*)::integer AS times
              FROM unnest($1::bytea[]) AS told (digest)
              JOIN message USING (digest)
             GROUP BY id, sender
        ), counted AS (
            INSERT INTO repeat (id, times, last)
            SELECT id, times, $2 FROM again ORDER BY id
            ON CONFLICT (id) DO UPDATE SET times = repeat.times + excluded.times, last = excluded.last
        )
        SELECT FROM again
        """,
        list(digests),
        at,
    )
