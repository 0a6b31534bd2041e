"""How does a notice reach its endpoint, at least once and in order, though the endpoint, or we, may be gone at any moment?

Each subscription is a lane of its own: what one endpoint does, or leaves undone, no other waits for. In a lane nothing overtakes.
A notice is numbered and written in the book before it is sent, and leaves the queue after it was taken: whoever is killed between
the two sends it again, under the same number.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from carerecord.contracts.audit import Line
from carerecord.contracts.subscriptions import Subscriber
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.subscriptions import notices
from carerecord.subscriptions.model import Body
from carerecord.subscriptions.outward import NotTaken, Postman
from carerecord.subscriptions.permits import Permits
from carerecord.subscriptions.service import Desk, actor
from carerecord.subscriptions.store import queue
from carerecord.subscriptions.store import subscribed as store
from carerecord.subscriptions.store.queue import Notice
from carerecord.subscriptions.store.subscribed import Row

_LANES: Final = 256  # subscriptions served at once
_LANES_OF_ONE: Final = 8  # of one client
_IDLE_S: Final = 1.0  # where no bell rings: another process may have heard of something
_AFTER_OURS_S: Final = 2.0  # when one of our own services does not answer
ENDED: Final = "It has reached its end."


@dataclass(frozen=True)
class Pace:
    """How often, how long and how many."""

    first_wait_s: float
    longest_wait_s: float
    most_tries: int  # then it is parked
    handshake_tries: int
    together: int  # notices in one message
    within_s: float

    def wait_s(self, tries: int) -> float:
        """Twice as long each time, up to the longest; a little by chance, so that many do not come back together."""
        longest = min(self.first_wait_s * 2.0 ** min(tries, 30), self.longest_wait_s)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311


@dataclass
class Courier:
    db: Pool
    desk: Desk
    permits: Permits
    postman: Postman
    outbox: Outbox
    clock: Clock
    log: Log
    pace: Pace
    metrics: Metrics
    bell: asyncio.Event  # something may be due
    _lanes: dict[str, tuple[str, "asyncio.Task[None]"]] = field(default_factory=dict, repr=False)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.bell.clear()
                await self.round()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.bell.wait(), min(_IDLE_S, self.pace.first_wait_s))
        finally:
            await self.stop()

    async def stop(self) -> None:
        tasks = [task for _, task in self._lanes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def round(self) -> None:
        """Begin whatever is due. No lane is waited for."""
        now = self.clock.now()
        if over := await store.ended(self.db, now):
            await store.turn_off(self.db, over, ENDED, now)
        oldest = await queue.oldest(self.db)
        self.metrics.notice_age.labels("subscriptions").set((now - oldest).total_seconds() if oldest else 0)
        free = _LANES - len(self._lanes)
        if free <= 0:
            return
        for row in await queue.take(self.db, now, now + self._taken_for(), free):
            crowded = sum(client == row.client for client, _ in self._lanes.values()) >= _LANES_OF_ONE
            if crowded or row.id in self._lanes:
                await queue.wait(self.db, row.id, now + timedelta(seconds=_IDLE_S))  # behind those of others
                await queue.let_go(self.db, row.id)
                continue
            self._lanes[row.id] = (row.client, asyncio.create_task(self._lane(row), name=f"subscriptions lane {row.id}"))

    def _taken_for(self) -> timedelta:
        return timedelta(seconds=2 * self.pace.within_s + 30)

    async def _lane(self, row: Row) -> None:
        try:
            await self.serve(row)
        except Unavailable:
            await queue.wait(self.db, row.id, self.clock.now() + timedelta(seconds=_AFTER_OURS_S))
        except Exception as error:
            self.log.error("subscriptions.lane-failed", subscription=row.id, exc_info=error)
            await queue.wait(self.db, row.id, self.clock.now() + timedelta(seconds=self.pace.longest_wait_s))
        finally:
            self._lanes.pop(row.id, None)
            await queue.let_go(self.db, row.id)

    async def serve(self, row: Row) -> None:
        """A first word, or all that waits, until nothing does or the endpoint fails."""
        body = self.desk.body(row)
        if row.status == "requested":
            await self._handshake(row, body)
            return
        while await queue.hold(self.db, row, self.clock.now() + self._taken_for()):
            waiting = await queue.first(self.db, row.id, self.pace.together)
            if not waiting or not await self._deliver(row, body, waiting):
                return

    async def _handshake(self, row: Row, body: Body) -> None:
        word = notices.handshake(body.wanted, body.base, row.id, row.numbered, self.clock.now())
        try:
            await self.postman.post(body.wanted.endpoint, notices.headers(body.wanted), word)
        except NotTaken as fault:
            await self._failed(row, str(fault), self.pace.handshake_tries)
            return
        await queue.answered(self.db, row, self.clock.now())

    async def _deliver(self, row: Row, body: Body, waiting: Sequence[Notice]) -> bool:
        """Whether the endpoint took them; or none of them could be told."""
        told = await self._may_be_told(row, body, waiting)
        if not told:
            return True
        word = notices.notification(body.wanted, body.base, row.id, told, self.clock.now())
        try:
            await self.postman.post(body.wanted.endpoint, notices.headers(body.wanted), word)
        except NotTaken as fault:
            await self._failed(row, str(fault), self.pace.most_tries)
            return False
        await queue.delivered(self.db, row, [notice.seq for notice, _ in told], self.clock.now())
        self._count("taken", len(told))
        return True

    async def _may_be_told(self, row: Row, body: Body, waiting: Sequence[Notice]) -> list[tuple[Notice, int]]:
        """Those that may be told at this moment, numbered and written in the book; the others are let go. None where the
        subscription was changed meanwhile: it is looked at anew.

        Without a payload a message is one change: there is nothing in it that could tell of two.
        """
        some = waiting if body.wanted.content else waiting[:1]
        patients = await self.permits.patients_told(row, body, some)
        kept_back = [each.seq for each, patient in zip(some, patients, strict=True) if patient is None]
        if kept_back:
            await queue.keep_back(self.db, row.id, kept_back)
            self._count("kept back", len(kept_back))
        told = [(each, patient) for each, patient in zip(some, patients, strict=True) if patient is not None]
        new = [(each, patient) for each, patient in told if each.number is None]
        numbers = {each.seq: each.number for each, _ in told if each.number is not None}
        if new:
            async with self.db.acquire() as db, db.transaction():
                given = await queue.number(db, row, [each.seq for each, _ in new])
                if not given:
                    return []
                numbers |= dict(zip([each.seq for each, _ in new], given, strict=True))
                await self.outbox.announce("Line", self._line(row, [patient for _, patient in new]), db)
        return [(each, numbers[each.seq]) for each, _ in told]

    async def _failed(self, row: Row, says: str, most_tries: int) -> None:
        now = self.clock.now()
        stands = await store.these(self.db, [row.id])
        tries = stands[0].tries if stands else 0
        parked = tries + 1 >= most_tries
        again = now + timedelta(seconds=self.pace.wait_s(tries))
        await queue.failed(self.db, row, says, again, now, parked=parked)
        self._count("parked" if parked else "not taken", 1)
        self.log.info("subscriptions.not-taken", subscription=row.id, tries=tries + 1, parked=parked)

    def _count(self, outcome: str, many: int) -> None:
        self.metrics.notices.labels("subscriptions", outcome).inc(many)

    def _line(self, row: Row, patients: Sequence[str]) -> Line:
        told = tuple(dict.fromkeys(each for each in patients if each))
        return Line(
            id="", at=stamp(self.clock.now()), what="notified", service="subscriptions",
            actor=actor(Subscriber(row.client, row.organisation, "")), patients=told, states=(f"subscription={row.id}",),
        )  # fmt: skip
