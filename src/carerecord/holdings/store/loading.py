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
    return int(
        await db.fetchval("SELECT count(*) FROM load WHERE client = $1 AND state IN ('receiving', 'running', 'filing')", client)
    )


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


async def opened(db: Database, lanes: int, now: datetime) -> None:
    """Imports that have come whole are filed in so many lanes, each from where it is: one that was begun in no lanes, too."""
    await db.execute(
        """
        WITH begun AS (
            UPDATE load
               SET state = 'filing'
             WHERE state = 'running' AND (leased_until IS NULL OR leased_until < $2)
            RETURNING id, read
        )
        INSERT INTO load_lane (load, lane, read) SELECT id, lane, read FROM begun, generate_series(0, $1 - 1) AS lane
        """,
        lanes,
        now,
    )


async def lease(db: Database, now: datetime, until: datetime) -> Record | None:
    """A lane that nobody is at, of the import that has waited longest; with it how many there are."""
    return await db.fetchrow(
        """
        WITH free AS (
            SELECT load_lane.load, load_lane.lane
              FROM load_lane
              JOIN load ON load.id = load_lane.load
             WHERE load.state = 'filing' AND NOT done AND (load_lane.leased_until IS NULL OR load_lane.leased_until < $1)
             ORDER BY load.at, load_lane.lane
             LIMIT 1
               FOR UPDATE OF load_lane SKIP LOCKED
        ), taken AS (
            UPDATE load_lane SET leased_until = $2 FROM free WHERE (load_lane.load, load_lane.lane) = (free.load, free.lane)
            RETURNING load_lane.*
        )
        SELECT load.id, load.organisation, load.asked, taken.lane, taken.read, taken.parts,
               (SELECT count(*) FROM load_lane WHERE load_lane.load = load.id)::int AS lanes
          FROM taken
          JOIN load ON load.id = taken.load
        """,
        now,
        until,
    )


async def next_part(db: Database, id_: UUID, number: int) -> Record | None:
    return await db.fetchrow(
        "SELECT * FROM load_part WHERE load = $1 AND number >= $2 ORDER BY number LIMIT 1", id_, number
    )


async def told_so_far(db: Connection, id_: UUID, lane: int, read: int) -> tuple[int, bytes] | None:
    """Of how many refused lines of the lane it is told, and the client's rights as they are now. None where the import was
    cancelled, or another process has read on.

    Until the transaction ends nobody does either.
    """
    row = await db.fetchrow(
        """
        SELECT load_lane.told, load.asked
          FROM load_lane
          JOIN load ON load.id = load_lane.load AND load.state = 'filing'
         WHERE (load_lane.load, lane, load_lane.read) = ($1, $2, $3)
           FOR UPDATE OF load_lane
        """,
        id_,
        lane,
        read,
    )
    return None if row is None else (int(row["told"]), row["asked"])


async def ask_again(db: Database, id_: UUID, asked: bytes) -> None:
    """The client's rights are others from the next group on."""
    await db.execute("UPDATE load SET asked = $2 WHERE id = $1", id_, asked)


async def looked_at(
    db: Connection, id_: UUID, lane: int, line: int, leased_until: datetime, *, many: int, kept: int, refused: int, most: int,
    faults: Sequence[tuple[int, bytes]],
) -> None:  # fmt: skip
    """How far we are, in the transaction that filed: a line is looked at once, whoever is killed when.

    The import's own row comes last, since all lanes count there.
    """
    if faults:
        await db.copy_records_to_table(
            "load_fault", records=[(id_, *fault) for fault in faults], columns=("load", "line", "faults")
        )
    await db.execute(
        "UPDATE load_lane SET read = $3, told = told + $4, leased_until = $5 WHERE (load, lane) = ($1, $2)",
        id_,
        lane,
        line,
        len(faults),
        leased_until,
    )
    await db.execute(
        """
        UPDATE load
           SET read = read + $2, kept = kept + $3, refused = refused + $4, told = least(refused + $4, $5)
         WHERE id = $1
        """,
        id_,
        many,
        kept,
        refused,
        most,
    )


async def part_done(db: Database, id_: UUID, lane: int, number: int, leased_until: datetime) -> None:
    """This lane needs it no more; it goes when none does."""
    await db.execute(
        "UPDATE load_lane SET parts = $3::int + 1, leased_until = $4 WHERE (load, lane) = ($1, $2)",
        id_,
        lane,
        number,
        leased_until,
    )
    await db.execute(
        "DELETE FROM load_part WHERE load = $1 AND number < (SELECT min(parts) FROM load_lane WHERE load = $1)", id_
    )


async def lane_done(db: Connection, id_: UUID, lane: int, most: int, ends_at: datetime) -> bool:
    """Whether that was the last one, and so the import is done. Of the lines that were refused the first `most` are told."""
    await db.execute("SELECT FROM load_lane WHERE load = $1 ORDER BY lane FOR UPDATE", id_)
    await db.execute("UPDATE load_lane SET done = true WHERE (load, lane) = ($1, $2)", id_, lane)
    if await db.fetchval("SELECT EXISTS (SELECT FROM load_lane WHERE load = $1 AND NOT done)", id_):
        return False
    await db.execute(
        """
        DELETE FROM load_fault
         WHERE load = $1 AND line > (SELECT line FROM load_fault WHERE load = $1 ORDER BY line OFFSET $2 - 1 LIMIT 1)
        """,
        id_,
        most,
    )
    return await finish(db, id_, "done", ends_at)


async def finish(db: Database, id_: UUID, state: str, ends_at: datetime) -> bool:
    """False where it was finished or cancelled before. Of one that is done every line was looked at, empty ones too."""
    done = await db.fetchval(
        """
        UPDATE load
           SET state = $2, ends_at = $3, read = CASE $2 WHEN 'done' THEN lines ELSE read END
         WHERE id = $1 AND state = 'filing'
        RETURNING true
        """,
        id_,
        state,
        ends_at,
    )
    return bool(done)


async def release(db: Database, id_: UUID, lane: int, until: datetime) -> None:
    await db.execute("UPDATE load_lane SET leased_until = $3 WHERE (load, lane) = ($1, $2)", id_, lane, until)


async def faults(db: Database, id_: UUID, after: int, most: int) -> list[Record]:
    """The first that are told of lines after this one."""
    return await db.fetch(
        "SELECT line, faults FROM load_fault WHERE load = $1 AND line > $2 ORDER BY line LIMIT $3", id_, after, most
    )


async def drop(db: Connection, id_: UUID, client: str) -> None:
    """After the group that each lane files just then. Its lanes first, as those who file do."""
    await db.execute(
        """
        SELECT FROM load_lane WHERE load = (SELECT id FROM load WHERE id = $1 AND client = $2) ORDER BY lane FOR UPDATE
        """,
        id_,
        client,
    )
    await db.execute("DELETE FROM load WHERE id = $1 AND client = $2", id_, client)


async def sweep(db: Database, now: datetime) -> None:
    """What was never sent whole, and what has been told for long enough."""
    await db.execute("DELETE FROM load WHERE state IN ('receiving', 'done', 'failed') AND ends_at <= $1", now)
