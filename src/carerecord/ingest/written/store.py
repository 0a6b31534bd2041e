"""Which people were written that the index has not been told of yet?"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from carerecord.kit.db import Connection, Database


class Waiting(Struct, frozen=True):
    id: str
    source: str
    change: UUID
    tries: int


class PutOff(Struct, frozen=True):
    """One whom the index did not take over."""

    id: str
    source: str
    since: datetime
    reason: str
    tries: int
    next_at: datetime


async def add(db: Connection, told: Sequence[tuple[str, str, str]], at: datetime) -> None:
    """(id, source, event): the last change of each is the one that counts."""
    await db.execute(
        """
        INSERT INTO written (id, source, change, next_at, since)
        SELECT id, source, change, $4, $4
          FROM unnest($1::text[], $2::text[], $3::uuid[]) AS told (id, source, change)
        ON CONFLICT (id) DO UPDATE
           SET source = excluded.source, change = excluded.change, tries = 0, reason = '', next_at = excluded.next_at,
               since = coalesce(written.since, excluded.since)
        """,
        *[[each[place] for each in told] for place in range(3)],
        at,
    )


async def due(db: Database, now: datetime, most: int) -> tuple[Waiting, ...]:
    rows = await db.fetch(
        "SELECT id, source, change, tries FROM written WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2", now, most
    )
    return tuple(Waiting(*row) for row in rows)


async def done(db: Connection, told: Sequence[Waiting]) -> None:
    """What has changed again meanwhile stays."""
    await db.execute(
        "DELETE FROM written WHERE (id, change) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))",
        [each.id for each in told],
        [each.change for each in told],
    )


async def later(db: Connection, told: Sequence[Waiting], reasons: Sequence[str], at: Sequence[datetime]) -> None:
    await db.execute(
        """
        UPDATE written
           SET tries = least(written.tries + 1, 1000), reason = told.reason, next_at = told.at
          FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) AS told (id, change, reason, at)
         WHERE (written.id, written.change) = (told.id, told.change)
        """,
        [each.id for each in told],
        [each.change for each in told],
        list(reasons),
        list(at),
    )


async def waiting(db: Database, most: int) -> tuple[int, tuple[PutOff, ...]]:
    """How many wait for a human, and those that have waited longest."""
    many = await db.fetchval("SELECT count(*) FROM written WHERE reason <> ''")
    rows = await db.fetch(
        """
        SELECT id, source, coalesce(since, next_at), reason, tries, next_at
          FROM written
         WHERE reason <> ''
         ORDER BY coalesce(since, next_at), id
         LIMIT $1
        """,
        most,
    )
    return many, tuple(PutOff(*row) for row in rows)


async def again(db: Connection, id_: str, at: datetime) -> tuple[str, ...]:
    """One, or all where no id is said: due now."""
    rows = await db.fetch(
        "UPDATE written SET tries = 0, next_at = $2 WHERE reason <> '' AND ($1 = '' OR id = $1) RETURNING id", id_, at
    )
    return tuple(sorted(row["id"] for row in rows))


async def left(db: Connection, id_: str) -> str | None:
    """Whoever wrote it; None where nobody of this id waits."""
    source: str | None = await db.fetchval("DELETE FROM written WHERE id = $1 AND reason <> '' RETURNING source", id_)
    return source
