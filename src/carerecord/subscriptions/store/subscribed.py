"""Which subscriptions are there, whose are they, and how is it with each?"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Connection, Database, Record

_COLUMNS = """id, client, organisation, scopes, type, status, error, version, made_at, changed_at, ends_at, body, began, numbered,
               kept_back, tries, try_at"""


class Row(Struct, frozen=True):
    """One subscription, what its client wrote still sealed."""

    id: str
    client: str
    organisation: str
    scopes: tuple[str, ...]
    type: str
    status: str
    error: str
    version: int
    made_at: datetime
    changed_at: datetime
    ends_at: datetime | None
    body: bytes
    began: bool
    numbered: int
    kept_back: int
    tries: int
    try_at: datetime


class Queue(Struct, frozen=True):
    waiting: int = 0
    oldest_at: datetime | None = None


def _row(record: Record) -> Row:
    told = dict(record)
    return Row(**(told | {"scopes": tuple(told["scopes"])}))


async def of_client(db: Database, client: str, id_: str = "") -> tuple[Row, ...]:
    """All of a client's own, oldest first; or the one."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM subscription WHERE client = $1 AND ($2 = '' OR id = $2) ORDER BY made_at, id",  # noqa: S608
        client,
        id_,
    )
    return tuple([_row(each) for each in rows])


async def every(db: Database, id_: str = "") -> tuple[Row, ...]:
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM subscription WHERE $1 = '' OR id = $1 ORDER BY made_at, id", id_)  # noqa: S608
    return tuple([_row(each) for each in rows])


async def these(db: Database, ids: Sequence[str]) -> tuple[Row, ...]:
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM subscription WHERE id = ANY ($1)", list(ids))  # noqa: S608
    return tuple([_row(each) for each in rows])


async def watching(db: Database, types: Sequence[str]) -> tuple[Row, ...]:
    """Those for which changes of these types are kept: their endpoint has answered once, and they are not over."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM subscription WHERE type = ANY ($1) AND began AND status <> 'off'",  # noqa: S608
        list(types),
    )
    return tuple([_row(each) for each in rows])


async def counted(db: Connection, client: str) -> int:
    """How many a client has; nobody adds one of this client until the transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"subscriptions of {client}")
    many: int = await db.fetchval("SELECT count(*) FROM subscription WHERE client = $1", client)
    return many


async def add(db: Connection, row: Row) -> None:
    await db.execute(
        """
        INSERT INTO subscription (id, client, organisation, scopes, type, status, version, made_at, changed_at, ends_at, body,
                                  try_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        row.id, row.client, row.organisation, list(row.scopes), row.type, row.status, row.version, row.made_at, row.changed_at,
        row.ends_at, row.body, row.try_at,
    )  # fmt: skip


async def amend(db: Connection, row: Row) -> bool:
    """Whether it stood as it was read: one version before."""
    done = await db.fetchval(
        """
        UPDATE subscription
           SET scopes = $3, type = $4, status = $5, error = '', version = $2, changed_at = $6, ends_at = $7, body = $8, tries = 0,
               try_at = $6
         WHERE id = $1 AND version = $2 - 1
        RETURNING id
        """,
        row.id, row.version, list(row.scopes), row.type, row.status, row.changed_at, row.ends_at, row.body,
    )  # fmt: skip
    return done is not None


async def remove(db: Connection, id_: str, version: int) -> bool:
    """It, and all that waits for it, if it stands in that version; 0 = in any."""
    return await db.fetchval(
        "DELETE FROM subscription WHERE id = $1 AND $2 IN (0, version) RETURNING id", id_, version
    ) is not None  # fmt: skip


async def resume(db: Connection, id_: str, at: datetime) -> bool:
    """Try it again from the beginning: its endpoint is asked, and all that waits is told."""
    done = await db.fetchval(
        """
        UPDATE subscription
           SET status = 'requested', error = '', tries = 0, try_at = $2, version = version + 1, changed_at = $2
         WHERE id = $1 AND status <> 'off'
        RETURNING id
        """,
        id_,
        at,
    )
    return done is not None


async def turn_off(db: Database, ids: Sequence[str], error: str, at: datetime) -> None:
    """It is over: nothing more is kept for it, and what waited is let go."""
    await db.execute(
        """
        WITH over AS (UPDATE subscription
                         SET status = 'off', error = $2, version = version + 1, changed_at = $3
                       WHERE id = ANY ($1) AND status <> 'off'
                   RETURNING id)
        DELETE FROM notice USING over WHERE notice.subscription = over.id
        """,
        list(ids),
        error,
        at,
    )


async def drop_queue(db: Database, id_: str) -> None:
    await db.execute("DELETE FROM notice WHERE subscription = $1", id_)


async def ended(db: Database, at: datetime) -> tuple[str, ...]:
    """Whose end has come."""
    rows = await db.fetch("SELECT id FROM subscription WHERE ends_at <= $1 AND status <> 'off'", at)
    return tuple([each["id"] for each in rows])


async def queues(db: Database, ids: Sequence[str]) -> dict[str, Queue]:
    """What waits for each; nothing is left out."""
    rows = await db.fetch(
        """
        SELECT subscription, count(*) AS waiting, min(at) AS oldest_at
          FROM notice
         WHERE subscription = ANY ($1)
         GROUP BY subscription
        """,
        list(ids),
    )
    return {each["subscription"]: Queue(each["waiting"], each["oldest_at"]) for each in rows}
