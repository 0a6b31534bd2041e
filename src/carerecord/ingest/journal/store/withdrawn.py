"""What did senders take back, and from when to when could it be seen?"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Connection, Database


class Row(Struct, frozen=True):
    at: datetime
    message: int
    sender: str
    source: str
    type: str
    id: str
    patient: str
    filed_at: datetime
    reason: str
    told_by: list[str] = []  # the senders that had told of it, where another took it back
    no: int = 0


async def add(db: Connection, row: Row) -> bool:
    """False: it stands here already."""
    done = await db.execute(
        """
        INSERT INTO withdrawn (at, message, sender, source, type, id, patient, filed_at, reason, told_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (type, id, message) DO NOTHING
        """,
        row.at, row.message, row.sender, row.source, row.type, row.id, row.patient, row.filed_at, row.reason,
        row.told_by,
    )  # fmt: skip
    return done == "INSERT 0 1"


async def senders(db: Database, messages: Sequence[int]) -> list[str]:
    """Of these messages."""
    rows = await db.fetch("SELECT DISTINCT sender FROM message WHERE id = ANY ($1) ORDER BY sender", list(messages))
    return [row["sender"] for row in rows]


async def latest(db: Database, sender: str, before: int, most: int) -> tuple[Row, ...]:
    """Newest first. `sender`: what it took back, and what it had told of and another took back; "" = of all. `before`: those with
    a lesser number alone, 0 = from the newest.
    """
    rows = await db.fetch(
        """
        SELECT at, message, sender, source, type, id, patient, filed_at, reason, told_by, no
          FROM withdrawn
         WHERE ($1 = '' OR sender = $1 OR $1 = ANY (told_by)) AND ($2 = 0 OR no < $2)
         ORDER BY no DESC
         LIMIT $3
        """,
        sender,
        before,
        most,
    )
    return tuple(Row(*row) for row in rows)


async def one(db: Database, no: int) -> Row | None:
    row = await db.fetchrow(
        "SELECT at, message, sender, source, type, id, patient, filed_at, reason, told_by, no FROM withdrawn WHERE no = $1", no
    )
    return None if row is None else Row(*row)
