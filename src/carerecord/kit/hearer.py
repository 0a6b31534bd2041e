"""How does a service take in what another tells, each event exactly once and in order?

The effect and the place reached (the row `heard`) move in one transaction of the hearer's own database: killed between the
two, neither has happened. An event whose place is behind ours is a double; one that does not join on to our place shows a
gap, and is let go: the relay tells everything again from where we say we are.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Database, Pool, is_away
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Event, Position
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.kit.noticeboard import Note, Noticeboard, Pair, Report, Tick, position_in
from carerecord.kit.part import Heard

BATCH = 500
TRIES = 3
IDLE_S = 2.0  # how often a quiet hearer says where it is
ACK_WITHIN_S = 15.0

_tick = msgspec.json.Decoder(Tick)
_notes = msgspec.json.Decoder(tuple[Note, ...])


async def run_hearer(
    *, service: str, heard: Heard, pool: Pool, board: Noticeboard, clock: Clock, log: Log, metrics: Metrics
) -> None:
    """Let `heard.effect` happen for every event of `heard.teller`, until cancelled."""
    log = log.bind(teller=heard.teller)
    waiting = False
    while True:
        hearer = _Hearer(service, heard, pool, board, log, metrics)
        try:
            await hearer.run()
        except Exception as error:  # our database, or NATS, or whom the effect asks, is away: nothing is acknowledged
            if not waiting or hearer.moved:
                log.warning("events.hearer-waiting", exc_info=error)
            waiting = True
        finally:
            await hearer.leave()
        await asyncio.sleep(0.5)


@dataclass(frozen=True)
class _Told:
    """One event of a message, read."""

    position: Position
    after: Position
    event: Event


class _Hearer:
    """One attempt, from connecting to the first error."""

    def __init__(self, service: str, heard: Heard, pool: Pool, board: Noticeboard, log: Log, metrics: Metrics) -> None:
        self._pair = Pair(heard.teller, service)
        self._heard, self._pool, self._board, self._log, self._metrics = heard, pool, board, log, metrics
        self._tick: Tick | None = None
        self._subscriptions: list[object] = []
        self.moved = False

    async def run(self) -> None:
        await position_of(self._pool, self._pair.teller)  # the row is there from now on: silence is then visible
        await self._board.stream(self._pair)
        jetstream = await self._board.jetstream()
        messages = await jetstream.pull_subscribe(
            self._pair.subject,
            durable=self._pair.hearer,
            stream=self._pair.stream,
            config=ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT,
                deliver_policy=DeliverPolicy.ALL,
                ack_wait=ACK_WITHIN_S,
                max_ack_pending=4 * BATCH,
            ),
        )
        self._subscriptions = [messages, await self._board.hear(self._pair.ticks, self._ticked)]
        await self._say(gap=False)
        next_idle = time.monotonic() + IDLE_S
        while True:
            tick = self._tick
            batch = await _fetch(messages)
            if batch:
                await self._take(batch)
            elif tick is not None:
                await self._hear_tick(tick)
            if time.monotonic() >= next_idle:
                await messages.consumer_info()  # raises when NATS has lost us: begin again
                await self._say(gap=False)
                next_idle = time.monotonic() + IDLE_S

    async def leave(self) -> None:
        for each in self._subscriptions:
            try:
                await each.unsubscribe()  # type: ignore[attr-defined]
            except Exception:  # noqa: S112  (the connection is gone, and the subscription with it)
                continue

    def _ticked(self, data: bytes) -> None:
        self._tick = _tick.decode(data)

    async def _say(self, *, gap: bool) -> None:
        """Where we are, as our database says now: another process of ours may have gone on."""
        position = await position_of(self._pool, self._pair.teller)
        await self._board.say(self._pair.reports, Report(str(position), gap))

    async def _take(self, batch: Sequence[Msg]) -> None:
        told = sorted((each for message in batch for each in self._read(message)), key=lambda each: each.position)
        try:
            gap = await self._together(told)
        except Exception as error:
            if _is_waiting(error):
                raise
            gap = await self._one_by_one(told)
        self.moved = True
        for message in batch:
            await message.ack()  # after the commit; those behind a gap too, as they will be told again
        await self._say(gap=gap)

    async def _together(self, told: Sequence[_Told]) -> bool:
        async with self._pool.acquire() as db, db.transaction():
            position = await position_of(db, self._pair.teller, lock=True)
            chain, gap = joined(position, told)
            wanted = [each.event for each in chain if self._wants(each.event)]
            if wanted:
                await self._heard.effect(db, wanted)
            if chain:
                await _move(db, self._pair.teller, chain[-1].position)
        if wanted and self._heard.afterwards:
            self._heard.afterwards()
        return gap

    async def _one_by_one(self, told: Sequence[_Told]) -> bool:
        """One of them is poison: find it, try it three times, set it aside where it can be seen, and go on."""
        for each in told:
            for attempt in range(1, TRIES + 1):
                try:
                    if await self._together((each,)):
                        return True
                    break
                except Exception as error:
                    if _is_waiting(error):
                        raise
                    if attempt == TRIES:
                        await self._park(each, error)
                    else:
                        await asyncio.sleep(0.1 * attempt)
        return False

    async def _park(self, told: _Told, error: Exception) -> None:
        event = told.event
        async with self._pool.acquire() as db, db.transaction():
            if told.position <= await position_of(db, self._pair.teller, lock=True):
                return
            await db.execute(
                """
                INSERT INTO parked (teller, event, kind, at, body, error)
                VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT DO NOTHING
                """,
                self._pair.teller, UUID(event.id), event.kind, event.at, bytes(event.body), type(error).__name__,
            )  # fmt: skip
            await _move(db, self._pair.teller, told.position)
        self._metrics.errors.labels(self._pair.hearer, "EventParked").inc()
        self._log.error("events.parked", event_id=event.id, kind=event.kind, exc_info=error)

    async def _hear_tick(self, tick: Tick) -> None:
        """Nothing is left in the stream. Either we have all that the teller has published, or some of it was lost."""
        self._tick = None
        last = position_in(tick.last)
        if last is None:
            return
        if await position_of(self._pool, self._pair.teller) < last:
            await self._say(gap=True)
        elif tick.whole_until:
            await self._pool.execute(
                """
                UPDATE heard
                   SET whole_until = greatest(whole_until, $2), moved_at = now()
                 WHERE teller = $1
                """,
                self._pair.teller,
                datetime.fromisoformat(tick.whole_until),
            )

    def _wants(self, event: Event) -> bool:
        return not self._heard.kinds or event.kind in self._heard.kinds

    def _read(self, message: Msg) -> list[_Told]:
        try:
            return [
                _Told(
                    Position.read(each.position),
                    Position.read(each.after),
                    Event(str(UUID(each.event)), each.kind, each.at, self._pair.teller, each.body),
                )
                for each in _notes.decode(message.data)
            ]
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            self._log.error("events.stranger")  # not ours: nobody else should write there
            return []


def joined(position: Position, told: Sequence[_Told]) -> tuple[list[_Told], bool]:
    """Those of `told` (in order) that join on to `position` without a gap, doubles left out; and whether there is a gap."""
    chain: list[_Told] = []
    for each in told:
        if each.position <= position:
            continue
        if each.after > position:
            return chain, True
        chain.append(each)
        position = each.position
    return chain, False


async def position_of(db: Database, teller: str, *, lock: bool = False) -> Position:
    """How far we have come with `teller`; its row is made when it is not there."""
    plain = "SELECT era, xid, id FROM heard WHERE teller = $1"
    held = "SELECT era, xid, id FROM heard WHERE teller = $1 FOR UPDATE"
    query = held if lock else plain
    row = await db.fetchrow(query, teller)
    if row is None:
        await db.execute("INSERT INTO heard (teller) VALUES ($1) ON CONFLICT DO NOTHING", teller)
        row = await db.fetchrow(query, teller)
        assert row is not None
    return Position(*row)


async def _move(db: Connection, teller: str, position: Position) -> None:
    await db.execute(
        "UPDATE heard SET era = $2, xid = $3, id = $4, moved_at = now() WHERE teller = $1",
        teller, position.era, position.xid, position.id,
    )  # fmt: skip


def _is_waiting(error: Exception) -> bool:
    """Whether waiting is the cure. A value that the database cannot take is an InterfaceError too, and no time mends it."""
    return isinstance(error, Unavailable) or is_away(error)


async def _fetch(messages: "JetStreamContext.PullSubscription") -> list[Msg]:
    """What is there now, or the first that comes within a second."""
    try:
        first = await messages.fetch(1, timeout=1.0)
    except TimeoutError:
        return []
    try:
        return first + await messages.fetch(BATCH - 1, timeout=0.02)
    except TimeoutError:
        return first
