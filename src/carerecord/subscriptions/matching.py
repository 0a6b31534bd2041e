"""For whom is a change? What holdings told is written down first, then held against the watches, in its order."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from carerecord.contracts.holdings import ANSWERS, Kept, Reach
from carerecord.contracts.watches import AnswersAsked, Watch
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import CareRecordError, Unavailable
from carerecord.kit.events import Event
from carerecord.kit.log import Log
from carerecord.subscriptions.service import Desk
from carerecord.subscriptions.store import queue
from carerecord.subscriptions.store import subscribed as store
from carerecord.subscriptions.store.queue import Change
from carerecord.subscriptions.store.subscribed import Row

_AT_ONCE: Final = 200  # changes in one transaction
_IDLE_S: Final = 1.0
PATIENCE: Final = 10  # times as many may wait for an endpoint that takes them
COUNTED_EVERY_S: Final = 10.0
BROKEN: Final = "Its criteria are not understood any more. Set it anew, and read what changed meanwhile by _history."
FULL: Final = "So many notices waited that it was turned off. Set it anew, and read what changed meanwhile by _history."


@dataclass
class Matcher:
    db: Pool
    calls: Calls
    desk: Desk
    clock: Clock
    log: Log
    most_waiting: int
    due: asyncio.Event  # rung for whoever delivers
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    _counted_at: float = -COUNTED_EVERY_S

    async def hear(self, connection: Connection, events: Sequence[Event]) -> None:
        """Write down what changed, in the transaction that moves our place with it."""
        changes = []
        for event in events:
            kept = event.read(Kept)
            changes += [
                Change(0, type_, id_, version, method, kept.source, event.at) for _, type_, id_, version, method in kept.changes
            ]
        await queue.hear(connection, changes)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.bell.clear()
            while await self.round():
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self.bell.wait(), _IDLE_S)

    async def round(self) -> bool:
        """Hold the oldest changes against the watches; whether there may be more."""
        changes = await queue.changes(self.db, _AT_ONCE)
        if not changes:
            return False
        rows = await store.watching(self.db, sorted({each.type for each in changes}))
        try:
            told = await self._told(changes, rows)
        except Unavailable:
            return False  # holdings is away; what changed stands here, and is looked at again in a moment
        async with self.db.acquire() as db, db.transaction():
            await queue.matched(db, [each.seq for each in changes], told)
        self.due.set()
        await self._turn_off_the_full(rows)
        return len(changes) == _AT_ONCE

    async def _told(self, changes: Sequence[Change], rows: Sequence[Row]) -> list[tuple[str, int]]:
        """Which subscription is to be told of which change. What its client may be told is for the moment of telling."""
        by_type: dict[tuple[str, str], list[tuple[Row, Watch]]] = {}
        for row in rows:
            body = self.desk.body(row)
            by_type.setdefault((row.type, body.base), []).append((row, Watch(body.wanted.query, Reach((row.type,)))))
        found: list[tuple[str, int]] = []
        for (type_, base), watches in by_type.items():
            mine = [each for each in changes if each.type == type_]
            try:
                found += await self._answered(mine, type_, base, watches)
            except Unavailable:
                raise
            except CareRecordError:  # one of them is not understood any more: it must not hold up the others
                for each in watches:
                    found += await self._alone(mine, type_, base, each)
        return found

    async def _answered(
        self, changes: Sequence[Change], type_: str, base: str, watches: Sequence[tuple[Row, Watch]]
    ) -> list[tuple[str, int]]:
        asked = AnswersAsked(type_, tuple([each.named for each in changes]), tuple([watch for _, watch in watches]), base)
        told = await self.calls.ask(ANSWERS, asked)
        return [
            (row.id, change.seq)
            for change, each in zip(changes, told, strict=True)
            for (row, _), good in zip(watches, each.answers, strict=True)
            if good
        ]

    async def _alone(
        self, changes: Sequence[Change], type_: str, base: str, watch: tuple[Row, Watch]
    ) -> list[tuple[str, int]]:
        try:
            return await self._answered(changes, type_, base, (watch,))
        except Unavailable:
            raise
        except CareRecordError:
            await store.turn_off(self.db, [watch[0].id], BROKEN, self.clock.now())
            self.log.warning("subscriptions.not-understood", subscription=watch[0].id)
            return []

    async def _turn_off_the_full(self, rows: Sequence[Row]) -> None:
        """Nothing grows without an end: an endpoint that is silent for so long is told so, by its subscription. One that takes
        them, but more slowly than they come, is given longer, and is counted now and then alone."""
        failing = {each.id for each in rows if each.status != "active" or each.tries}
        looked = failing
        if time.monotonic() - self._counted_at >= COUNTED_EVERY_S:
            self._counted_at = time.monotonic()
            looked = {each.id for each in rows}
        if not looked:
            return
        full = [
            id_
            for id_, each in (await store.queues(self.db, sorted(looked))).items()
            if each.waiting > self.most_waiting * (1 if id_ in failing else PATIENCE)
        ]
        if full:
            await store.turn_off(self.db, full, FULL, self.clock.now())
            self.log.warning("subscriptions.turned-off", subscriptions=full)
