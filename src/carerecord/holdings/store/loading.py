"""Which imports are under way, which lines still wait, and what became of those that were looked at?"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from carerecord.kit.db import Connection, Database, Record


async def add(
    db: Database, id_: UUID, client: str, organisation: str, asked: bytes, now: datetime, ends_at: datetime
) -> None:
    await db.execute(
        """
        INSERT INTO load (id, client, organisation, asked, at, state, ends_at)
        VALUES ($1, $2, $3, $4, $5, 'receiving', $6)
        """,
        id_,
        client,
        organisation,
        asked,
        now,
        ends_at,
    )


async def at_work(db: Database, client: str) -> int:
    """How many imports of a client are not done yet."""
    return int(await db.fetchval("SELECT count(*) FROM load WHERE client = $1 AND state IN ('receiving', 'running')", client))


async def one(db: Database, id_: UUID, client: str) -> Record | None:
    return await db.fetchrow("SELECT * FROM load WHERE id = $1 AND client = $2", id_, client)


async def add_part(
    db: Connection, id_: UUID, number: int, first_line: int, too_long: Sequence[int], body: bytes, ends_at: datetime
) -> None:
    await db.execute(
        "INSERT INTO load_part (load, number, first_line, too_long, body) VALUES ($1, $2, $3, $4, $5)",
        id_,
        number,
        first_line,
        list(too_long),
        body,
    )
    await db.execute("UPDATE load SET parts = $2, ends_at = $3 WHERE id = $1", id_, number + 1, ends_at)


async def received(db: Connection, id_: UUID, lines: int) -> None:
    await db.execute("UPDATE load SET state = 'running', lines = $2 WHERE id = $1", id_, lines)


async def lease(db: Database, now: datetime, until: datetime) -> Record | None:
    """One import that nobody is at, the one that has waited longest."""
    return await db.fetchrow(
        """
        UPDATE load
           SET leased_until = $2
         WHERE id = (SELECT id
                       FROM load
                      WHERE state = 'running' AND (leased_until IS NULL OR leased_until < $1)
                      ORDER BY at
                      LIMIT 1
                        FOR UPDATE SKIP LOCKED)
        RETURNING *
        """,
        now,
        until,
    )


async def next_part(db: Database, id_: UUID, after: int) -> Record | None:
    return await db.fetchrow(
        "SELECT * FROM load_part WHERE load = $1 AND number > $2 ORDER BY number LIMIT 1", id_, after
    )


async def told_so_far(db: Connection, id_: UUID, read: int) -> int | None:
    """Of how many refused lines it is told. None where it was cancelled, or another process has read on from this line.

    Until the transaction ends nobody does either.
    """
    row = await db.fetchrow("SELECT told FROM load WHERE id = $1 AND state = 'running' AND read = $2 FOR UPDATE", id_, read)
    return None if row is None else int(row["told"])


async def looked_at(
    db: Connection, id_: UUID, line: int, kept: int, refused: int, told: int, faults: tuple[int, bytes] | None,
    leased_until: datetime,
) -> None:  # fmt: skip
    """How far we are, in the transaction that filed: a line is looked at once, whoever is killed when."""
    await db.execute(
        """
        UPDATE load
           SET read = $2, kept = kept + $3, refused = refused + $4, told = told + $5, leased_until = $6
         WHERE id = $1
        """,
        id_,
        line,
        kept,
        refused,
        told,
        leased_until,
    )
    if faults is not None:
        await db.execute("INSERT INTO load_fault (load, line, faults) VALUES ($1, $2, $3)", id_, *faults)


async def drop_part(db: Database, id_: UUID, number: int) -> None:
    await db.execute("DELETE FROM load_part WHERE load = $1 AND number = $2", id_, number)


async def finish(db: Database, id_: UUID, state: str, ends_at: datetime) -> None:
    await db.execute(
        "UPDATE load SET state = $2, leased_until = NULL, ends_at = $3 WHERE id = $1 AND state = 'running'", id_, state, ends_at
    )


async def release(db: Database, id_: UUID, until: datetime) -> None:
    await db.execute("UPDATE load SET leased_until = $2 WHERE id = $1", id_, until)


async def faults(db: Database, id_: UUID, after: int) -> Record | None:
    """The first that are told of lines after this one."""
    return await db.fetchrow(
        "SELECT line, faults FROM load_fault WHERE load = $1 AND line > $2 ORDER BY line LIMIT 1", id_, after
    )


async def drop(db: Database, id_: UUID, client: str) -> None:
    await db.execute("DELETE FROM load WHERE id = $1 AND client = $2", id_, client)


async def sweep(db: Database, now: datetime) -> None:
    """What was never sent whole, and what has been told for long enough."""
    await db.execute("DELETE FROM load WHERE state IN ('receiving', 'done', 'failed') AND ends_at <= $1", now)
