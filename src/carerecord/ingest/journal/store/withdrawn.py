"""What did senders take back, and from when to when could it be seen?"""

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
    no: int = 0


async def add(db: Connection, row: Row) -> bool:
    """False: it stands here already."""
    done = await db.execute(
        """
        INSERT INTO withdrawn (at, message, sender, source, type, id, patient, filed_at, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (type, id, message) DO NOTHING
        """,
        row.at, row.message, row.sender, row.source, row.type, row.id, row.patient, row.filed_at, row.reason,
    )  # fmt: skip
    return done == "INSERT 0 1"


async def latest(db: Database, sender: str, before: int, most: int) -> tuple[Row, ...]:
    """Newest first. `sender` "" = of all; `before`: those with a lesser number alone, 0 = from the newest."""
    rows = await db.fetch(
        """
        SELECT at, message, sender, source, type, id, patient, filed_at, reason, no
          FROM withdrawn
         WHERE ($1 = '' OR sender = $1) AND ($2 = 0 OR no < $2)
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
        "SELECT at, message, sender, source, type, id, patient, filed_at, reason, no FROM withdrawn WHERE no = $1", no
    )
    return None if row is None else Row(*row)
