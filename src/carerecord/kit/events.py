"""How does a service say that something has happened, so that it is never lost? The outbox: rows of its own database.

PostgreSQL is the truth and NATS a copy: `relay` publishes what stands here, `hearer` takes it in. ADR 0020.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

import msgspec

from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Database, Pool
from carerecord.kit.errors import CareRecordError, Unavailable
from carerecord.kit.question import encode

B = TypeVar("B")

KEPT = timedelta(days=7)
LARGEST_BYTES = 900_000  # NATS carries a megabyte; an event lists ids, and a large import announces in groups
_GROUP = 500  # events in one INSERT
_ROUNDS = 2  # of the loop, before an INSERT, where several announce: who is about to, shares it. A lone one waits for nobody
_PURGED = 5_000  # rows in one DELETE, so that no lock is long


class Position(NamedTuple):
    """A place in one outbox: era of the cluster, transaction, row."""

    era: int = 0
    xid: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.era}.{self.xid}.{self.id}"

    @classmethod
    def read(cls, text: str) -> "Position":
        """Raises ValueError when `text` is no position."""
        era, xid, id_ = text.split(".")
        return cls(int(era), int(xid), int(id_))


START = Position()


class Event(msgspec.Struct, frozen=True):
    """Something that has happened, as its hearers get it. The body lists ids, never clinical content."""

    id: str  # uuid
    kind: str
    at: datetime
    teller: str
    body: msgspec.Raw

    def read(self, shape: type[B]) -> B:
        """The body as `shape`. Raises msgspec.DecodeError when it is not that."""
        return msgspec.json.decode(self.body, type=shape)


@dataclass(frozen=True)
class Written:
    """One row of the outbox."""

    position: Position
    event: str
    kind: str
    at: datetime
    body: bytes


class _Said(NamedTuple):
    event: UUID
    kind: str
    at: datetime
    body: bytes
    done: "asyncio.Future[None] | None" = None  # of who waits for a shared commit


class Along(NamedTuple):
    """An INSERT to stand within a caller's statement, and its parameters."""

    statement: str
    parameters: tuple[list[object], ...]


class Outbox:
    """The mouth of one service. Build it once; it commits for many callers at a time."""

    def __init__(self, pool: Pool, service: str, clock: Clock) -> None:
        self.pool, self.service, self._clock = pool, service, clock
        self._waiting: list[_Said] = []
        self._flush: asyncio.Task[None] | None = None
        self._several = False  # whether the last group was more than one
        self._listeners: dict[asyncio.Event, tuple[str, ...]] = {}  # each with the kinds that it is rung for

    async def announce(
        self, kind: str, body: msgspec.Struct, connection: Connection | None = None, *, event: str = ""
    ) -> str:
        """Write down that `kind` has happened, and return the event's id (`event`, a uuid, when given).

        With a connection the row joins the caller's transaction: it is told only if that commits. Without one it is durable
        when this returns, by a commit shared with whoever else announces at the same time (about 1 ms).

        Raises:
            Unavailable: it could not be written. The caller must not answer as if it had been.
        """
        if connection is not None:
            said = self._said(kind, body, event)
            await self._join(connection, (said,))
            return str(said.event)
        done = asyncio.get_running_loop().create_future()
        said = self._said(kind, body, event, done)
        self._waiting.append(said)
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_all(), name=f"{self.service} outbox")
        await done
        return str(said.event)

    def along(self, said: Sequence[tuple[str, msgspec.Struct]], first: int) -> "Along":
        """Several at once, kind and body, for a caller who writes them down by a statement of its own, whose parameters from
        number `first` on are theirs. It rings afterwards (`rung`)."""
        return Along(_inserting(first), _columns([self._said(kind, body) for kind, body in said]))

    def rung(self, *kinds: str) -> None:
        """Events of these kinds may be new."""
        for bell, wanted in self._listeners.items():
            if not wanted or not set(wanted).isdisjoint(kinds):
                bell.set()

    async def announce_all(self, said: Sequence[tuple[str, msgspec.Struct]], connection: Connection) -> None:
        """Several at once, kind and body, in the caller's transaction: one statement for all of them.

        Raises:
            Unavailable: as `announce`.
        """
        if said:
            await self._join(connection, tuple([self._said(kind, body) for kind, body in said]))

    def _said(
        self, kind: str, body: msgspec.Struct, event: str = "", done: "asyncio.Future[None] | None" = None
    ) -> _Said:
        written = encode(body)
        if len(written) > LARGEST_BYTES:
            raise ValueError(f"an event of {len(written)} bytes: announce it in groups of at most {LARGEST_BYTES}")
        return _Said(UUID(event) if event else uuid4(), kind, self._clock.now(), written, done)

    async def _join(self, connection: Connection, group: Sequence[_Said]) -> None:
        try:
            await _insert(connection, group)
        except Exception as error:
            raise _unwritten(error) from error
        self.rung(*{said.kind for said in group})

    async def _flush_all(self) -> None:
        try:
            for _ in range(_ROUNDS if self._several else 0):
                await asyncio.sleep(0)
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                self._several = len(group) > 1
                await self._flush_group(group)
        finally:
            self._flush = None

    async def _flush_group(self, group: Sequence[_Said]) -> None:
        try:
            await _insert(self.pool, group)
        except BaseException as error:
            for said in group:
                if said.done is not None and not said.done.done():
                    said.done.set_exception(_unwritten(error))
            if not isinstance(error, Exception):
                raise
            return
        for said in group:
            if said.done is not None and not said.done.done():
                said.done.set_result(None)
        self.rung(*{said.kind for said in group})

    def listen(self, kinds: tuple[str, ...] = ()) -> asyncio.Event:
        """An event that is set whenever something of these kinds may be new, or of any where none is named; the relay's bell."""
        bell = asyncio.Event()
        self._listeners[bell] = kinds
        return bell

    def forget(self, bell: asyncio.Event) -> None:
        self._listeners.pop(bell, None)

    async def settle(self) -> None:
        """Begin a new era if the database has moved to another cluster. Call it before the service's first announcement."""
        async with self.pool.acquire() as db, db.transaction():
            await _settle(db)

    async def close(self) -> None:
        """Finish what is in hand."""
        if self._flush is not None:
            await asyncio.wait({self._flush})


def _unwritten(error: BaseException) -> CareRecordError:
    unavailable = Unavailable("What was asked could not be written down, so it is not answered. Try again in a moment.")
    unavailable.__cause__ = error
    return unavailable


async def _insert(db: Database, group: Sequence[_Said]) -> None:
    await db.execute(_inserting(1), *_columns(group))


@cache
def _inserting(first: int) -> str:
    """The numbers of its four parameters begin at `first`."""
    return f"""
        INSERT INTO outbox (event, kind, at, body)
        SELECT event, kind, at, body
          FROM unnest(${first}::uuid[], ${first + 1}::text[], ${first + 2}::timestamptz[], ${first + 3}::bytea[])
               WITH ORDINALITY AS said (event, kind, at, body, place)
         ORDER BY place
        """  # noqa: S608


def _columns(group: Sequence[_Said]) -> tuple[list[object], ...]:
    return (
        [said.event for said in group], [said.kind for said in group], [said.at for said in group],
        [said.body for said in group],
    )  # fmt: skip


async def _settle(db: Connection) -> None:
    cluster: str = await db.fetchval(
        "SELECT s.system_identifier || '/' || c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c"
    )
    # The first era is what the table says by itself; no lock is needed for it.
    await db.execute(
        """
        INSERT INTO cluster_era (era, cluster)
        SELECT 1, $1
         WHERE NOT EXISTS (SELECT FROM cluster_era)
            ON CONFLICT DO NOTHING
        """,
        cluster,
    )
    newest = "SELECT era, cluster FROM cluster_era ORDER BY era DESC LIMIT 1"
    row = await db.fetchrow(newest)
    if row is None or row["cluster"] == cluster:
        return
    await db.execute("SET LOCAL lock_timeout = '5s'")  # a queue behind this lock would hold up every announcement
    await db.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")  # whoever writes now belongs to the old era
    row = await db.fetchrow(newest)
    if row is None or row["cluster"] == cluster:
        return
    era = int(row["era"]) + 1
    await db.execute("INSERT INTO cluster_era (era, cluster) VALUES ($1, $2)", era, cluster)
    await db.execute(f"ALTER TABLE outbox ALTER COLUMN era SET DEFAULT {era}")


@dataclass(frozen=True)
class Reading:
    """What of an outbox is safe to tell now."""

    written: tuple[Written, ...]
    more: bool  # there is more to read at once
    passed: Position | None  # when all was read: everything up to here is behind the reader, whatever commits from now on
    whole_at: datetime | None  # when all was read: the moment of looking


async def read_after(db: Database, after: Position, kinds: tuple[str, ...], most: int) -> Reading:
    """The next events after `after` that are safe to tell, in order.

    Safe means: no transaction that could still commit comes before them.
    """
    rows = await db.fetch(
        """
        WITH looked AS (
            SELECT pg_snapshot_xmin(pg_current_snapshot()) AS below,
                   coalesce((SELECT max(era) FROM cluster_era), 1) AS this_era,
                   now() AS looked_at  -- before the snapshot, never after
        ), later AS (
            SELECT *
              FROM outbox
             WHERE (era, xid, id) > ($1, $2, $3)
               AND (cardinality($4::text[]) = 0 OR kind = ANY ($4))
             ORDER BY era, xid, id
             LIMIT $5 + 1
        )
        SELECT looked.*, later.*, (era < this_era OR xid < below) AS safe
          FROM looked LEFT JOIN later ON true
         ORDER BY era, xid, id
        """,
        after.era,
        after.xid,
        after.id,
        list(kinds),
        most,
    )
    there = [row for row in rows if row["id"] is not None]
    written = tuple(
        Written(Position(row["era"], row["xid"], row["id"]), str(row["event"]), row["kind"], row["at"], row["body"])
        for row in there[:most]
        if row["safe"]
    )
    if len(written) < len(there):
        return Reading(written, more=len(written) == most, passed=None, whole_at=None)
    return Reading(written, False, Position(rows[0]["this_era"], rows[0]["below"], 0), rows[0]["looked_at"])


async def purge(pool: Pool, hearers: tuple[str, ...], now: datetime) -> int:
    """Delete what is older than seven days and has been passed by every one of `hearers`; return how many rows."""
    purged = 0
    while True:
        done = await pool.execute(
            """
            DELETE FROM outbox
             WHERE (era, xid, id) IN (
                   SELECT era, xid, id
                     FROM outbox
                    WHERE at < $1
                      AND NOT EXISTS (
                          SELECT FROM unnest($2::text[]) AS wanted (name)
                            LEFT JOIN hearer USING (name)
                           WHERE hearer.name IS NULL
                              OR (passed_era, passed_xid, passed_id) < (outbox.era, outbox.xid, outbox.id))
                    ORDER BY era, xid, id
                    LIMIT $3)
            """,
            now - KEPT,
            list(hearers),
            _PURGED,
        )
        count = int(done.rsplit(" ", 1)[1])
        purged += count
        if count < _PURGED:
            return purged
