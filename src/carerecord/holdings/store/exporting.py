"""What stood at a moment, record after record? And which exports are under way, and how far?"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from carerecord.holdings.store.changing import Row
from carerecord.kit.db import Connection, Database, Record

After = tuple[str, str, str, int]  # patient, type, id, version
MOST_BYTES = 8_000_000  # sealed, of the bodies of one step


class Range(NamedTuple):
    """Records from `low` to before `high` (None: to the last), of these people alone where some are named."""

    low: str = ""
    high: str | None = None
    members: Sequence[str] | None = None


class Version(NamedTuple):
    """One version on the way down through a range."""

    row: Row  # without its body where it was written after the moment, or none was asked for
    moved: bool  # the resource has lain in another record too


async def downwards(
    db: Database, where: Range, types: Sequence[str], moment: datetime, many: int, after: After | None, *, bodies: bool
) -> tuple[list[Version], bool]:
    """Every version in a range, the last record first and the newest version of each resource first; and whether there are more.

    Versions are only ever added, so what stood at a moment reads the same however late and in however many steps. Bodies that are
    very long come a few at a time: one at least.
    """
    told: list[object] = [moment, bodies, where.low]
    narrowed = ""
    for clause, value in (
        ("patient < {}", where.high), ("patient = ANY ({}::text[])", None if where.members is None else list(where.members)),
        ("type = ANY ({}::text[])", list(types) or None), ("(patient, type, id, version) < ({}, {}, {}, {})", after),
    ):  # fmt: skip
        if value is not None:
            values = list(value) if isinstance(value, tuple) else [value]
            narrowed += " AND " + clause.format(*(f"${len(told) + place}" for place in range(1, len(values) + 1)))
            told += values
    rows = await db.fetch(
        f"""
        SELECT patient, type, id, version, at, method::text, organisation, CASE WHEN $2 AND at <= $1 THEN body ELSE '' END,
               when_at, confidential,
               (SELECT cardinality(before) > 0 FROM address WHERE (address.type, address.id) = (version.type, version.id)),
               whole = {int(many)} AS full, whole
          FROM (SELECT *, count(*) OVER () AS whole,
                       sum(octet_length(body)) OVER (ORDER BY patient DESC, type DESC, id DESC, version DESC) AS weight
                  FROM (SELECT *
                          FROM version
                         WHERE patient >= $3{narrowed}
                         ORDER BY patient DESC, type DESC, id DESC, version DESC
                         LIMIT {int(many)}) AS step) AS version
         WHERE NOT $2 OR weight - octet_length(body) < {MOST_BYTES}
         ORDER BY patient DESC, type DESC, id DESC, version DESC
        """,  # noqa: S608
        *told,
    )
    # A full step may have more after it; one that was cut short has.
    return [Version(Row(*row[:10]), row[10]) for row in rows], bool(rows) and (rows[0]["full"] or len(rows) < rows[0]["whole"])


async def settled(db: Database, type_: str, id_: str, moment: datetime) -> tuple[str, int, int] | None:
    """Of a resource that was moved: in which record which version stood at the moment, and how confidential the last one is."""
    rows = await db.fetch(
        """
        SELECT version.patient, version.version, version.at, version.confidential
          FROM address
          JOIN version ON version.patient = ANY (array_append(address.before, address.patient))
                      AND (version.type, version.id) = (address.type, address.id)
         WHERE address.type = $1 AND address.id = $2
         ORDER BY version.version DESC
        """,
        type_,
        id_,
    )
    stood = next((row for row in rows if row["at"] <= moment), None)
    return (stood["patient"], stood["version"], rows[0]["confidential"]) if stood else None


async def hidden_since(db: Database, where: Range, type_: str, moment: datetime, most_confidential: int) -> int:
    """How many versions of a type in a range bear a label that came after the moment and hides them."""
    found = await db.fetchval(
        """
        SELECT count(*)
          FROM version
         WHERE at > $1 AND patient >= $2 AND ($3::text IS NULL OR patient < $3) AND type = $4 AND confidential > $5
        """,
        moment,
        where.low,
        where.high,
        type_,
        most_confidential,
    )
    return int(found)


async def add(
    db: Database, id_: UUID, client: str, organisation: str, asked: bytes, moment: datetime, ends_at: datetime
) -> None:
    await db.execute(
        """
        INSERT INTO export (id, client, organisation, asked, moment, state, ends_at)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6)
        """,
        id_,
        client,
        organisation,
        asked,
        moment,
        ends_at,
    )


async def at_work(db: Database, client: str) -> int:
    """How many exports of a client are not done yet."""
    return int(await db.fetchval("SELECT count(*) FROM export WHERE client = $1 AND state IN ('waiting', 'running')", client))


async def one(db: Database, id_: UUID, client: str) -> Record | None:
    return await db.fetchrow("SELECT * FROM export WHERE id = $1 AND client = $2", id_, client)


async def files(db: Database, id_: UUID) -> list[Record]:
    return list(await db.fetch("SELECT * FROM export_file WHERE export = $1 ORDER BY number", id_))


async def file(db: Database, id_: UUID, number: int) -> Record | None:
    return await db.fetchrow("SELECT * FROM export_file WHERE export = $1 AND number = $2", id_, number)


async def lease(db: Database, now: datetime, until: datetime, settled_at: datetime) -> Record | None:
    """One export that nobody is at, its moment behind us; whose horizon is passed, too, it is `ready` to be gone through.

    Transactions that were open when it was first taken up may yet write what is older than the moment: they are waited for.
    """
    return await db.fetchrow(
        """
        UPDATE export
           SET leased_until = $2, state = 'running', horizon = coalesce(horizon, pg_current_xact_id())
         WHERE id = (SELECT id
                       FROM export
                      WHERE state IN ('waiting', 'running') AND moment <= $3 AND (leased_until IS NULL OR leased_until < $1)
                      ORDER BY moment
                      LIMIT 1
                        FOR UPDATE SKIP LOCKED)
        RETURNING *, horizon < pg_snapshot_xmin(pg_current_snapshot()) AS ready
        """,
        now,
        until,
        settled_at,
    )


async def release(db: Database, id_: UUID) -> None:
    await db.execute("UPDATE export SET leased_until = NULL WHERE id = $1", id_)


async def planned(
    db: Connection, id_: UUID, low: str, high: str | None, found: Sequence[tuple[str, bool, int]], records: int,
    leased_until: datetime,
) -> bool:  # fmt: skip
    """The files of one range, and how far we are: in one transaction.

    False where it was cancelled meanwhile, or another process has gone on from `high`.
    """
    row = await db.fetchrow(
        """
        UPDATE export
           SET below = $2, records = records + $3, leased_until = $4
         WHERE id = $1 AND state = 'running' AND below IS NOT DISTINCT FROM $5
        RETURNING (SELECT coalesce(max(number), 0) FROM export_file WHERE export = $1) AS last
        """,
        id_,
        low,
        records,
        leased_until,
        high,
    )
    if row is None:
        return False
    await db.copy_records_to_table(
        "export_file",
        records=[
            (id_, row["last"] + place, type_, gone, low, high, rows) for place, (type_, gone, rows) in enumerate(found, start=1)
        ],
        columns=("export", "number", "type", "gone", "low", "high", "rows"),
    )
    return True


async def finish(db: Database, id_: UUID, state: str, ends_at: datetime) -> None:
    await db.execute(
        "UPDATE export SET state = $2, leased_until = NULL, ends_at = $3 WHERE id = $1 AND state = 'running'", id_, state, ends_at
    )


async def drop(db: Database, id_: UUID, client: str) -> bool:
    """It was cancelled: nothing is left of it."""
    return (await db.execute("DELETE FROM export WHERE id = $1 AND client = $2", id_, client)).endswith(" 1")


async def sweep(db: Connection, now: datetime, forgotten: datetime) -> None:
    """Files whose time is over go; that there was an export is remembered for a while."""
    await db.execute("UPDATE export SET state = 'ended' WHERE state IN ('done', 'failed') AND ends_at <= $1", now)
    await db.execute(
        "DELETE FROM export_file WHERE export IN (SELECT id FROM export WHERE state = 'ended' AND ends_at > $1)", forgotten
    )
    await db.execute("DELETE FROM export WHERE state = 'ended' AND ends_at <= $1", forgotten)
