"""How do events get from a service's outbox to one hearer, in order, whatever NATS loses?

The hearer's own word is the truth of how far it has come; the relay keeps it in the row `hearer` and may publish at most
`WINDOW` events beyond it. When NATS came back empty, or the hearer misses something, the relay goes back to that place and
publishes again from the outbox. What arrives twice is dropped by NATS (event id) or by the hearer (position). ADR 0020.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from nats.aio.subscription import Subscription

from carerecord.kit.clock import Clock
from carerecord.kit.events import START, Outbox, Position, Reading, Written, purge, read_after
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.kit.noticeboard import Note, Noticeboard, Pair, Report, Tick, position_in
from carerecord.kit.question import encode

WINDOW = 2_000  # events published and not yet heard, for one hearer
BATCH = 400
TOGETHER = 200  # events in one message: a message costs 0.3 ms, and one more event in it nothing to speak of
TOGETHER_BYTES = 400_000
POLL_S = 0.4  # another process of the same service may announce without ringing our bell
GATHER_S = 0.1  # who rang may still be committing, and the round costs the same (3 ms) for one event as for ten
MANY, GATHER_MANY_S = 20, 0.3  # after a round of so many more will come: what it costs is borne by three times as many
TICK_S = 2.0
SAVE_IDLE_S = 60.0
LAGGING_S = 60.0
PURGE_EVERY_S = 3_600.0

_report = msgspec.json.Decoder(Report)


async def run_relay(
    *,
    outbox: Outbox,
    hearer: str,
    board: Noticeboard,
    clock: Clock,
    log: Log,
    metrics: Metrics,
    kinds: tuple[str, ...] = (),
) -> None:
    """Hand on what `outbox` tells to `hearer`, until cancelled. `kinds`: only these; empty, every kind."""
    log = log.bind(hearer=hearer)
    watching = asyncio.create_task(_watch_lag(outbox, hearer, kinds, clock, log, metrics))
    waiting = False
    try:
        while True:
            relay = _Relay(outbox, Pair(outbox.service, hearer), kinds, board)
            try:
                await relay.run()
            except Exception as error:  # NATS or the database away, or a fault of ours: the lines wait, we try again
                if not waiting:
                    log.warning("events.relay-waiting", exc_info=error)
                waiting = True
            finally:
                await relay.leave()
            waiting = waiting and not relay.published
            await asyncio.sleep(0.5)
    finally:
        watching.cancel()


class _Relay:
    """One attempt, from connecting to the first error."""

    def __init__(self, outbox: Outbox, pair: Pair, kinds: tuple[str, ...], board: Noticeboard) -> None:
        self._outbox, self._pair, self._kinds, self._board = outbox, pair, kinds, board
        self._bell = outbox.listen(kinds)
        self._subscription: Subscription | None = None
        self._reports: deque[Report] = deque()
        self._heard = START  # the hearer has come so far
        self._read = START  # the outbox is read up to here
        self._last = START  # the last event published
        self._flying: deque[Position] = deque()  # published, not yet heard
        self._saved: tuple[Position, Position] = (START, START)
        self._saved_at = 0.0
        self._round = 0  # grows when the hearer missed something: NATS must not take the second telling for a double
        self.published = False

    async def run(self) -> None:
        await self._outbox.settle()
        incarnation = await self._board.stream(self._pair)
        self._subscription = await self._board.hear(self._pair.reports, self._reported)
        await self._load()
        next_tick = 0.0
        while True:
            self._bell.clear()
            self._take_reports()
            reading = await self._read_on()
            if reading is not None and reading.written:
                await self._publish(reading.written)
            if reading is not None and reading.passed is not None:
                self._read = max(self._read, reading.passed)
            await self._save()
            if time.monotonic() >= next_tick:
                if await self._board.stream(self._pair) != incarnation:
                    raise ConnectionResetError("NATS lost the stream")  # begin again from where the hearer is
                whole = reading.whole_at.isoformat() if reading is not None and reading.whole_at is not None else ""
                await self._board.say(self._pair.ticks, Tick(str(self._last), whole))
                next_tick = time.monotonic() + TICK_S
            if reading is None or not reading.more:
                await self._wait(many=reading is not None and len(reading.written) > MANY)

    async def leave(self) -> None:
        self._outbox.forget(self._bell)
        if self._subscription is not None:
            try:
                await self._subscription.unsubscribe()
            except Exception:  # the connection is gone, and the subscription with it
                self._subscription = None

    def _reported(self, data: bytes) -> None:
        report = _report.decode(data)
        self._reports.append(report)
        if report.gap or len(self._flying) >= WINDOW:  # else it changes nothing that cannot wait for the next round
            self._bell.set()

    def _take_reports(self) -> None:
        while self._reports:
            report = self._reports.popleft()
            position = position_in(report.position)
            if position is None:
                continue
            if report.gap or position < self._heard:
                self._heard = self._read = self._last = position
                self._flying.clear()
                self._round += 1
                continue
            self._heard = position
            while self._flying and self._flying[0] <= position:
                self._flying.popleft()

    async def _read_on(self) -> Reading | None:
        room = min(BATCH, WINDOW - len(self._flying))
        if room <= 0:
            return None
        return await read_after(self._outbox.pool, self._read, self._kinds, room)

    async def _publish(self, written: tuple[Written, ...]) -> None:
        jetstream = await self._board.jetstream()
        notes: list[Note] = []
        before = self._last
        for each in written:
            notes.append(Note(each.event, each.kind, each.at, str(each.position), str(before), msgspec.Raw(each.body)))
            before = each.position
        sending = []
        for group in _groups(notes):
            # The rows after a row are always the same ones: a first event and a number name what the message says.
            name = group[0].event if len(group) == 1 else f"{group[0].event}+{len(group)}"
            headers = {"Nats-Msg-Id": name if self._round == 0 else f"{name}/{self._round}"}
            sending.append(
                jetstream.publish(self._pair.subject, encode(group), timeout=5, stream=self._pair.stream, headers=headers)
            )
        await asyncio.gather(*sending)
        self._flying.extend(each.position for each in written)
        self._read = self._last = before
        self.published = True

    async def _wait(self, *, many: bool) -> None:
        try:
            await asyncio.wait_for(self._bell.wait(), POLL_S)
        except TimeoutError:
            return
        if not self._reports:
            await asyncio.sleep(GATHER_MANY_S if many else GATHER_S)

    async def _load(self) -> None:
        row = await self._outbox.pool.fetchrow(
            """
            INSERT INTO hearer (name)
            VALUES ($1)
                ON CONFLICT (name) DO UPDATE
               SET name = excluded.name
            RETURNING heard_era, heard_xid, heard_id, passed_era, passed_xid, passed_id
            """,
            self._pair.hearer,
        )
        assert row is not None
        self._heard = self._last = Position(row[0], row[1], row[2])
        self._read = max(self._heard, Position(row[3], row[4], row[5]))
        self._saved = (self._heard, self._read)

    async def _save(self) -> None:
        """Keep what the hearer said, at most every second; what was merely passed over, every minute."""
        passed = self._heard if self._flying else max(self._heard, self._read)
        heard_moved, passed_moved = self._heard != self._saved[0], passed != self._saved[1]
        elapsed = time.monotonic() - self._saved_at
        if not ((heard_moved and elapsed > 1.0) or (passed_moved and elapsed > SAVE_IDLE_S)):
            return
        await self._outbox.pool.execute(
            """
            UPDATE hearer
               SET heard_era = $2, heard_xid = $3, heard_id = $4,
                   passed_era = $5, passed_xid = $6, passed_id = $7, moved_at = now()
             WHERE name = $1
            """,
            self._pair.hearer,
            self._heard.era, self._heard.xid, self._heard.id,
            passed.era, passed.xid, passed.id,
        )  # fmt: skip
        self._saved, self._saved_at = (self._heard, passed), time.monotonic()


def _groups(notes: Sequence[Note]) -> Iterator[tuple[Note, ...]]:
    """As many as fit one message, in order."""
    group: list[Note] = []
    size = 0
    for each in notes:
        if group and (len(group) == TOGETHER or size + len(bytes(each.body)) > TOGETHER_BYTES):
            yield tuple(group)
            group, size = [], 0
        group.append(each)
        size += len(bytes(each.body))
    if group:
        yield tuple(group)


async def oldest_unheard(outbox: Outbox, hearer: str, kinds: tuple[str, ...]) -> datetime | None:
    """When the oldest event happened that `hearer` has not told us it heard."""
    at: datetime | None = await outbox.pool.fetchval(
        """
        SELECT at
          FROM outbox
         WHERE (era, xid, id) > coalesce(
                   (SELECT greatest((heard_era, heard_xid, heard_id), (passed_era, passed_xid, passed_id))
                      FROM hearer
                     WHERE name = $1),
                   (0, '0'::xid8, 0::bigint))
           AND (cardinality($2::text[]) = 0 OR kind = ANY ($2))
         ORDER BY era, xid, id
         LIMIT 1
        """,
        hearer,
        list(kinds),
    )
    return at


async def _watch_lag(
    outbox: Outbox, hearer: str, kinds: tuple[str, ...], clock: Clock, log: Log, metrics: Metrics
) -> None:
    """Measured in the database alone, so that it is true while NATS is away."""
    told_at = 0.0
    while True:
        await asyncio.sleep(5.0)
        try:
            oldest = await oldest_unheard(outbox, hearer, kinds)
        except Exception:  # noqa: S112  (the database is away: its own alarm says so)
            continue
        lag_s = 0.0 if oldest is None else max(0.0, (clock.now() - oldest).total_seconds())
        metrics.event_lag.labels(outbox.service, hearer).set(lag_s)
        if lag_s > LAGGING_S and time.monotonic() - told_at > 60.0:
            told_at = time.monotonic()
            log.error("events.lagging", behind_s=round(lag_s, 1))


async def run_purge(*, outbox: Outbox, hearers: tuple[str, ...], clock: Clock, log: Log) -> None:
    """Every hour, delete what is over seven days old and heard by all, until cancelled."""
    while True:
        try:
            purged = await purge(outbox.pool, hearers, clock.now())
            if purged:
                log.info("events.purged", count=purged)
        except Exception as error:
            log.warning("events.purge-failed", exc_info=error)
        await asyncio.sleep(PURGE_EVERY_S)
