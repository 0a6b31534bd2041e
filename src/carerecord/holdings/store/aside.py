"""What waits for people to mend it?"""

from datetime import datetime
from uuid import UUID

from carerecord.kit.db import Connection, Database, Record


async def newest(db: Database, organisation: str, before: datetime, many: int) -> tuple[Record, ...]:
    """Newest first; of one organisation, or of all ("")."""
    rows = await db.fetch(
        """
        SELECT patient, id, at, type, client, organisation, request, issues, body
          FROM aside
         WHERE at < $2 AND ($1 = '' OR organisation = $1)
         ORDER BY at DESC, id
         LIMIT $3
        """,
        organisation,
        before,
        many,
    )
    return tuple(rows)


async def one(db: Database, id_: UUID) -> Record | None:
    return await db.fetchrow("SELECT * FROM aside WHERE id = $1", id_)


async def take(db: Connection, id_: UUID) -> Record | None:
    """It waits no more, once the transaction has ended."""
    return await db.fetchrow("DELETE FROM aside WHERE id = $1 RETURNING *", id_)
