"""How are messages filed that were taken in? In groups, by order of receipt, each to one effect whoever is killed whenever.

A lane holds whole people and is in one worker's hand at a time; workers in several processes share the lanes. What cannot be
filed is tried three times and then waits for a person, while what came after it goes on.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from asyncpg import DeadlockDetectedError

from carerecord.ingest import extracts, hl7v2
from carerecord.ingest.effects import Effects
from carerecord.ingest.group import NotFiled, Read, opened
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store import filing as store
from carerecord.ingest.journal.store.filing import Fate, Kept
from carerecord.ingest.kinds import filings
from carerecord.ingest.senders import Senders
from carerecord.ingest.whole import InDoubt, Whole
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool, is_away
from carerecord.kit.errors import Unavailable
from carerecord.kit.log import Log

GROUP: Final = 256  # what a group costs by itself is then little of each message; it takes some 30 kB for each of them
ANEW: Final = 64  # of those that a person has filed again: most can be now, and each that cannot costs its group another round
FEW: Final = 8  # of those that were in a killed worker's hand together; who was in hand a second time is filed by itself
GROUPS: Final = 8  # of one lane, before it is let go: the lane whose oldest message waits longest is the next
HOLD: Final = timedelta(seconds=30)  # longer than a group takes; what a killed worker held is free after this
TRIES: Final = 3
AGAIN_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=5))
LOOKED_AT_EVERY: Final = timedelta(minutes=2)  # what waits for a person's word about whose it is
LOOKS_EVERY_S: Final = 1.0
REST: Final = 0.25  # of the time that a group took, while senders wait for answers: the door then has the process to itself
_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
KILLED: Final = "The worker that filed it ended in the middle. It is tried again by itself."
GIVEN_UP: Final = "The worker that filed it ended in the middle, again and again."
FAULT: Final = "Something failed inside while it was filed. It has been written down for those who run this system."
NO_SENDER: Final = "Its sender is no longer in the registry of sources."


@dataclass
class Filer:
    """Files what waits, for as long as its service runs."""

    db: Pool
    seals: Seals
    senders: Senders
    effects: Effects
    clock: Clock
    log: Log
    bell: asyncio.Event
    workers: int = 2  # lanes at once; one alone while senders wait at the door of this process
    pressed: Callable[[], bool] = lambda: False
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    hold: timedelta = HOLD
    filed: int = 0  # since the start
    read: Callable[..., tuple[hl7v2.Filing, ...]] = filings
    _failures: int = 0
    _busy: int = 0  # lanes in hand

    @property
    def whole(self) -> Whole:
        return Whole(self.db, self.seals)

    async def work(self) -> None:
        """Until cancelled. A service that is needed and away is asked again ever more slowly; everything waits meanwhile."""
        running: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                self.bell.clear()
                for lane in [lane for lane, task in running.items() if task.done()]:
                    running.pop(lane).result()
                try:
                    most = 1 if self.pressed() else self.workers
                    if self.senders.registry_version and len(running) < most:
                        await self._begin(running, most)
                except Exception as error:
                    if not is_away(error):
                        raise
                    self.log.warning("filing.waits", because=type(error).__name__)
                ringing = asyncio.create_task(self.bell.wait())
                try:
                    await asyncio.wait({*running.values(), ringing}, timeout=LOOKS_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    ringing.cancel()
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _begin(self, running: "dict[int, asyncio.Task[None]]", most: int) -> None:
        for lane in await self.lease(most - len(running), besides=tuple(running)):
            running[lane] = asyncio.create_task(self.drain(lane), name=f"ingest lane {lane}")

    async def lease(self, most: int, *, besides: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Lanes with something to do, ours from now on. What a killed worker had in hand is put to be tried by itself."""
        now = self.clock.now()
        leased = await store.lease(self.db, self.owner, now, now + self.hold, most, besides)
        if leased:
            self.effects.whose.begun_anew()
        for lane, left in leased.items():
            if left:
                async with self.db.acquire() as db, db.transaction():
                    await store.suspect(db, lane, left, self.clock.now(), TRIES, KILLED, GIVEN_UP, few=FEW)
                self.log.warning("filing.resumed", lane=lane, messages=len(left))
        return tuple(leased)

    async def drain(self, lane: int) -> None:
        """File what waits in this lane, a good deal of it, then let it go."""
        self._busy += 1
        try:
            for _ in range(GROUPS):
                began = time.monotonic()
                if not await self._once(lane):
                    break
                self._failures = 0
                if self.pressed():
                    if self._busy > 1:
                        break
                    await asyncio.sleep(REST * (time.monotonic() - began))
        except Exception as error:
            if not (is_away(error) or isinstance(error, Unavailable)):
                raise
            pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
            self._failures += 1
            self.log.warning("filing.away", because=type(error).__name__, pause_s=pause_s)
            await asyncio.sleep(pause_s)
        finally:
            self._busy -= 1
            try:
                await asyncio.shield(store.let_go(self.db, self.owner, (lane,)))
            except Exception as error:
                if not is_away(error):
                    raise  # else it is free when its hold ends

    async def _once(self, lane: int) -> bool:
        """One group, and what is due to be tried again. False: nothing is left to do now, or another worker has the lane."""
        due = await store.next_again(self.db, lane, self.clock.now(), GROUP)
        for some in _apart(due):
            if not await (self._give_up(lane, some[0]) if some[0].tries >= TRIES else self._file(lane, some)):
                return False
        group = await store.next_group(self.db, lane, GROUP)
        if not group:
            return False
        return await self._file(lane, group)

    async def _file(self, lane: int, group: Sequence[Kept]) -> bool:
        if not await store.in_hand(self.db, self.owner, lane, [each.id for each in group], self.clock.now() + self.hold):
            return False
        reads, fates = await self._read(group)
        often: Sequence[str] = ()
        while reads:
            try:
                often = await self.effects.of(reads)
                break
            except NotFiled as cause:
                one = next((each for each in reads if each.id == cause.message), None)
                if one is None and len(reads) > 1:
                    fates += await self._one_by_one(lane, reads)
                    reads = []
                    break
                one = one or reads[0]
                fates.append(self._fate(one.kept, cause.reason, waits=cause.waits, for_good=cause.for_good))
                await self.effects.unsay((one,))
                reads = [each for each in reads if each is not one]
            except Exception as error:
                if is_away(error) or isinstance(error, Unavailable):
                    raise
                if len(reads) > 1:
                    fates += await self._one_by_one(lane, reads)
                    reads = []
                else:
                    self.log.error("filing.failed", message=reads[0].id, exc_info=error)
                    fates.append(self._fate(reads[0].kept, FAULT))
                    await self.effects.unsay(reads)
                    reads = []
        if fates:
            await store.set_aside(self.db, lane, fates)
        aside = {each.id for each in fates}
        done = [each.id for each in group if each.id not in aside]
        await store.filed(self.db, self.owner, lane, done)
        self.filed += len(done)
        with suppress(DeadlockDetectedError):  # another shortens them as well: whoever says it again does it then
            await self.effects.threads.shortened(often, done)
        return True

    async def _give_up(self, lane: int, kept: Kept) -> bool:
        """What it said when its workers ended is in no record, so that nobody settles with it what others say."""
        if not await store.in_hand(self.db, self.owner, lane, [kept.id], self.clock.now() + self.hold):
            return False
        reads, fates = await self._read((kept,))
        await self.effects.unsay(reads)
        await store.set_aside(self.db, lane, fates or [Fate(kept.id, "parked", GIVEN_UP, kept.tries, self.clock.now())])
        await store.filed(self.db, self.owner, lane, [])
        return True

    async def _one_by_one(self, lane: int, reads: Sequence[Read]) -> list[Fate]:
        """Which of them is at fault is not known: each by itself, so that nobody pays for another's."""
        fates = []
        await self.effects.unsay(reads, again=True)
        for each in reads:
            try:
                await store.in_hand(self.db, self.owner, lane, [one.id for one in reads], self.clock.now() + self.hold)
                await self.effects.of((each,))
            except NotFiled as cause:
                fates.append(self._fate(each.kept, cause.reason, waits=cause.waits, for_good=cause.for_good))
                await self.effects.unsay((each,))
            except Exception as error:
                if is_away(error) or isinstance(error, Unavailable):
                    raise
                self.log.error("filing.failed", message=each.id, exc_info=error)
                fates.append(self._fate(each.kept, FAULT))
                await self.effects.unsay((each,))
        return fates

    async def _read(self, group: Sequence[Kept]) -> tuple[list[Read], list[Fate]]:
        known, reads, fates = self.senders.by_id(), [], []
        nearby: hl7v2.Nearby = {}
        async with self.effects.threads.turns.mine() as turn:
            for each in group:
                sender = known.get(each.sender)
                if sender is None:
                    fates.append(self._fate(each, NO_SENDER, for_good=True))
                    continue
                try:
                    raw = opened(self.seals, each)
                    made = self.read(raw, sender, each.at, nearby=nearby)
                    if made and made[0].trigger == extracts.END:
                        made = (await self.whole.missing(each, sender, made[0], raw),)
                    reads.append(Read(each, sender, made))
                except InDoubt as doubt:
                    fates.append(self._fate(each, doubt.reason, waits=doubt.waits, for_good=not doubt.waits))
                except hl7v2.Unreadable as fault:
                    fates.append(Fate(each.id, "unreadable", fault.reason, each.tries + 1, self.clock.now()))
                except Exception as error:
                    self.log.error("filing.unread", message=each.id, exc_info=error)
                    fates.append(self._fate(each, FAULT))
                await turn.over()
        return reads, fates

    def _fate(self, kept: Kept, reason: str, *, waits: bool = False, for_good: bool = False) -> Fate:
        now, tries = self.clock.now(), kept.tries + 1
        if waits:
            return Fate(kept.id, "again", reason, 0, now + LOOKED_AT_EVERY)
        if for_good or tries >= TRIES:
            return Fate(kept.id, "parked", reason, tries, now)
        return Fate(kept.id, "again", reason, tries, now + AGAIN_AFTER[tries - 1])


def _apart(due: Sequence[Kept]) -> list[tuple[Kept, ...]]:
    """Each by itself, but for those that a person has filed again, and those among whom one may have killed their worker."""
    found: list[tuple[Kept, ...]] = []
    for before, most in ((KILLED, FEW), (store.ANEW, ANEW)):
        alike = [each for each in due if each.before == before and not each.tries]
        found += [tuple(alike[begun : begun + most]) for begun in range(0, len(alike), most)]
    together = {each.id for some in found for each in some}
    return found + [(each,) for each in due if each.id not in together]
