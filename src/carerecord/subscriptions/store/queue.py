"""What has changed, whom is it for, and what was delivered? A notice leaves the queue when its endpoint took it, never before."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.contracts.watches import Changed
from carerecord.kit.db import Connection, Database
from carerecord.subscriptions.store.subscribed import Row, these


class Change(Struct, frozen=True):
    """That a resource changed. Ids alone."""

    seq: int
    type: str
    id: str
    version: int
    method: str
    source: str
    at: datetime

    @property
    def named(self) -> Changed:
        return Changed(self.id, self.version, self.method == "D")


class Notice(Change, frozen=True):
    """A change that one subscription waits to be told."""

    number: int | None = None


async def hear(db: Connection, changes: Sequence[Change]) -> None:
    """Those of a type for which somebody waits, in their order."""
    await db.execute(
        """
        INSERT INTO change (type, id, version, method, source, at)
        SELECT type, id, version, method, source, at
          FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::timestamptz[])
               WITH ORDINALITY AS told (type, id, version, method, source, at, place)
         WHERE type IN (SELECT type FROM subscription WHERE began AND status <> 'off')
         ORDER BY place
        """,
        [each.type for each in changes], [each.id for each in changes], [each.version for each in changes],
        [each.method for each in changes], [each.source for each in changes], [each.at for each in changes],
    )  # fmt: skip


async def changes(db: Database, many: int) -> tuple[Change, ...]:
    """The oldest that are not held against the watches yet."""
    rows = await db.fetch("SELECT seq, type, id, version, method, source, at FROM change ORDER BY seq LIMIT $1", many)
    return tuple([Change(*each) for each in rows])


async def matched(db: Connection, looked_at: Sequence[int], told: Sequence[tuple[str, int]]) -> None:
    """These were looked at, and these are to be told to those. Who comes second, having looked at the same, adds nothing."""
    await db.execute(
        """
        WITH looked AS (DELETE FROM change WHERE seq = ANY ($1) RETURNING seq, type, id, version, method, source, at)
        INSERT INTO notice (subscription, seq, type, id, version, method, source, at)
        SELECT whose.subscription, looked.seq, looked.type, looked.id, looked.version, looked.method, looked.source, looked.at
          FROM looked
          JOIN unnest($2::text[], $3::bigint[]) AS whose (subscription, seq) USING (seq)
         WHERE EXISTS (SELECT FROM subscription WHERE id = whose.subscription AND status <> 'off')
        """,
        list(looked_at),
        [subscription for subscription, _ in told],
        [seq for _, seq in told],
    )


async def take(db: Database, at: datetime, until: datetime, many: int) -> tuple[Row, ...]:
    """Subscriptions with something to do now, taken until then: no other process delivers them meanwhile."""
    taken = await db.fetch(
        """
        UPDATE subscription
           SET taken_until = $2
         WHERE id IN (SELECT id
                        FROM subscription
                       WHERE try_at <= $1 AND (taken_until IS NULL OR taken_until < $1)
                         AND (status = 'requested'
                              OR status = 'active' AND EXISTS (SELECT FROM notice WHERE notice.subscription = subscription.id))
                       ORDER BY try_at
                       LIMIT $3
                         FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        at,
        until,
        many,
    )
    return await these(db, [each["id"] for each in taken]) if taken else ()


async def hold(db: Database, row: Row, until: datetime) -> bool:
    """Go on with it until then; False where it is over, or was changed since it was read."""
    return await db.fetchval(
        "UPDATE subscription SET taken_until = $3 WHERE id = $1 AND version = $2 AND status = 'active' RETURNING id",
        row.id,
        row.version,
        until,
    ) is not None  # fmt: skip


async def let_go(db: Database, subscription: str) -> None:
    await db.execute("UPDATE subscription SET taken_until = NULL WHERE id = $1", subscription)


async def first(db: Database, subscription: str, many: int) -> tuple[Notice, ...]:
    rows = await db.fetch(
        """
        SELECT seq, type, id, version, method, source, at, number
          FROM notice
         WHERE subscription = $1
         ORDER BY seq
         LIMIT $2
        """,
        subscription,
        many,
    )
    return tuple([Notice(*each) for each in rows])


async def number(db: Connection, row: Row, seqs: Sequence[int]) -> tuple[int, ...]:
    """The numbers that these get, in their order, and keep however often they are sent. None where it is over, or was changed."""
    last: int | None = await db.fetchval(
        """
        UPDATE subscription
           SET numbered = numbered + $3
         WHERE id = $1 AND version = $2 AND status = 'active'
        RETURNING numbered
        """,
        row.id,
        row.version,
        len(seqs),
    )
    if last is None:
        return ()
    numbers = tuple(range(last - len(seqs) + 1, last + 1))
    await db.execute(
        """
        UPDATE notice
           SET number = given.number
          FROM unnest($2::bigint[], $3::bigint[]) AS given (seq, number)
         WHERE notice.subscription = $1 AND notice.seq = given.seq
        """,
        row.id,
        list(seqs),
        list(numbers),
    )
    return numbers


async def keep_back(db: Database, subscription: str, seqs: Sequence[int]) -> None:
    """These may not be told: they are let go and counted."""
    await db.execute(
        """
        WITH gone AS (DELETE FROM notice WHERE subscription = $1 AND seq = ANY ($2) RETURNING seq)
        UPDATE subscription SET kept_back = kept_back + (SELECT count(*) FROM gone) WHERE id = $1
        """,
        subscription,
        list(seqs),
    )


async def delivered(db: Database, row: Row, seqs: Sequence[int], at: datetime) -> None:
    """The endpoint took them. What was said of the subscription meanwhile stands."""
    await db.execute(
        """
        WITH taken AS (DELETE FROM notice WHERE subscription = $1 AND seq = ANY ($3))
        UPDATE subscription SET tries = 0, try_at = $4, error = '' WHERE id = $1 AND version = $2
        """,
        row.id,
        row.version,
        list(seqs),
        at,
    )


async def answered(db: Database, row: Row, at: datetime) -> None:
    """Its endpoint answered the first word: it is active from now on, unless it was changed meanwhile."""
    await db.execute(
        """
        UPDATE subscription
           SET status = 'active', began = true, error = '', tries = 0, try_at = $3, version = version + 1, changed_at = $3
         WHERE id = $1 AND version = $2 AND status = 'requested'
        """,
        row.id,
        row.version,
        at,
    )


async def failed(db: Database, row: Row, error: str, again_at: datetime, at: datetime, *, parked: bool) -> None:
    """It is tried again then; or, parked, when its client or a human says so. What waits goes on waiting.

    One that was changed or turned off meanwhile stands as it was left: what failed is not what it asks for now.
    """
    await db.execute(
        """
        UPDATE subscription
           SET tries = tries + 1, try_at = $3, error = $4,
               status = CASE WHEN $5 THEN 'error' ELSE status END,
               version = version + CASE WHEN $5 THEN 1 ELSE 0 END,
               changed_at = CASE WHEN $5 THEN $6 ELSE changed_at END
         WHERE id = $1 AND version = $2
        """,
        row.id, row.version, again_at, error, parked, at,
    )  # fmt: skip


async def oldest(db: Database) -> datetime | None:
    """Since when the notice waits that waits longest."""
    at: datetime | None = await db.fetchval(
        """
        SELECT min(first.at)
          FROM subscription
         CROSS JOIN LATERAL (SELECT at FROM notice WHERE notice.subscription = subscription.id ORDER BY seq LIMIT 1) AS first
        """
    )
    return at


async def wait(db: Database, subscription: str, until: datetime) -> None:
    """Something of ours does not answer: that is no failure of the endpoint."""
    await db.execute("UPDATE subscription SET try_at = $2 WHERE id = $1", subscription, until)
