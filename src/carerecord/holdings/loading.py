"""How do many resources come to be kept at once? Their lines wait sealed, and are filed in groups; a fault is its line's own.

How far it is stands in the transaction that filed: whoever is killed when, each line is looked at once. An import is filed in
lanes, by as many processes as there are for it.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from carerecord.contracts.bulk import Load, LoadAsked, LoadFaults, LoadFaultsAsked, LoadNamed, LoadPart
from carerecord.contracts.holdings import WriteAsked
from carerecord.holdings.book import Book
from carerecord.holdings.drafts import Draft, Refusal
from carerecord.holdings.lines import MOST_ISSUES, Fault, Group, Lane, Lines
from carerecord.holdings.reaching import NOBODY
from carerecord.holdings.rounds import Rounds
from carerecord.holdings.store import loading as kept
from carerecord.holdings.writing import Writer
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection, Record, is_away
from carerecord.kit.errors import Conflict, NotFound, TooMany, Unavailable
from carerecord.kit.log import Log

GROUP: Final = 1_000  # lines in one transaction
LANES: Final = 4  # of one import, each filed by one process at a time
AT_ONCE: Final = 4  # imports of one client that are not done
MOST_TOLD: Final = 10_000  # lines of which it is told why they were refused
_LASTS: Final = timedelta(hours=24)  # what became of it is told so long
_PATIENCE: Final = timedelta(hours=1)  # between two parts
_LEASE: Final = timedelta(seconds=20)
_TRIES: Final = 5
_TOLD_AT_ONCE: Final = 1_000  # refused lines in one answer
_REFUSALS: Final = 4  # in one group, before each of its lines is filed by itself
_REPEAT: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)

_faults: Final = msgspec.json.Decoder(tuple[Fault, ...])
_asked: Final = msgspec.json.Decoder(LoadAsked)


@dataclass
class Loader:
    writer: Writer
    book: Book
    log: Log
    group: int = GROUP
    _rounds: Rounds = field(init=False)
    _lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        self._rounds = Rounds(self.log, "imports")
        self._lines = Lines(self.writer.finder, self.writer.drafting)

    # --- what a client asks

    async def begin(self, asked: LoadAsked) -> Load:
        """Raises TooMany: this client has several under way."""
        now, client = self.writer.finder.clock.now(), asked.client
        if await kept.at_work(self.writer.finder.db, client.id) >= AT_ONCE:
            raise TooMany(f"{AT_ONCE} imports of this client are under way. Wait for one, or cancel it.", retry_after_s="60")
        id_ = uuid.uuid4()
        told = msgspec.json.encode(asked)
        await kept.add(self.writer.finder.db, id_, client.id, client.organisation, told, now, now + _PATIENCE)
        await self.book.write("import-begun", client, (), request=asked.request)
        return Load(str(id_), "receiving", stamp(now))

    async def part(self, asked: LoadPart) -> Load:
        """Take some lines; durable when this returns. A part that is here already changes nothing.

        Raises:
            NotFound: no such import of this client's that still receives. Conflict: a part before it is missing.
        """
        row = await self._named(asked.load, asked.client.id)
        if row["state"] != "receiving":
            raise NotFound("There is no such import that still receives.")
        if asked.number > row["parts"]:
            raise Conflict("A part before this one is missing.")
        finder, organisation = self.writer.finder, row["organisation"]
        async with finder.db.acquire() as db, db.transaction():
            if asked.number == row["parts"]:
                body = await asyncio.to_thread(
                    finder.bodies.pack, asked.packed, organisation=organisation, patient=NOBODY + organisation,
                    place=f"load/{row['id']}/{asked.number}",
                )  # fmt: skip
                ends_at = finder.clock.now() + _PATIENCE
                await kept.add_part(db, row["id"], asked.number, asked.first_line, asked.too_long, body, ends_at)
            if asked.last:
                await kept.received(db, row["id"], asked.lines)
        if asked.last:
            self._rounds.bell.set()
        return await self.state(LoadNamed(asked.load, asked.client))

    async def state(self, asked: LoadNamed) -> Load:
        """A client that must say which versions it replaces, and did not have to when it began, must from the next group on."""
        row = await self._named(asked.load, asked.client.id)
        if asked.client.must_match and not (begun := _asked.decode(row["asked"])).client.must_match:
            told = msgspec.structs.replace(begun, client=msgspec.structs.replace(begun.client, must_match=True))
            await kept.ask_again(self.writer.finder.db, row["id"], msgspec.json.encode(told))
        state = "running" if row["state"] == "filing" else row["state"]
        return Load(
            str(row["id"]), state, stamp(row["at"]), row["lines"], row["read"], row["kept"], row["refused"], row["told"],
            stamp(row["ends_at"]),
        )  # fmt: skip

    async def cancel(self, asked: LoadNamed) -> Load:
        """What has been filed stays; the rest is dropped."""
        told = await self.state(asked)
        async with self.writer.finder.db.acquire() as db, db.transaction():
            await kept.drop(db, uuid.UUID(asked.load), asked.client.id)
        await self.book.write("import-cancelled", asked.client, (), request=asked.request)
        return msgspec.structs.replace(told, state="ended")

    async def faults(self, asked: LoadFaultsAsked) -> LoadFaults:
        row = await self._named(asked.load, asked.client.id)
        found = await kept.faults(self.writer.finder.db, row["id"], asked.after, _TOLD_AT_ONCE)
        told = tuple([fault for each in found for fault in _faults.decode(each["faults"])])
        return LoadFaults(told, found[-1]["line"] if found else 0)

    async def _named(self, load: str, client: str) -> Record:
        try:
            row = await kept.one(self.writer.finder.db, uuid.UUID(load), client)
        except ValueError:
            row = None
        if row is None:
            raise NotFound("There is no such import.")
        return row

    # --- the work

    async def run(self) -> None:
        """File one lane after another, until it is stopped. What a killed process had in hand is gone on with by another."""
        finder = self.writer.finder
        await self._rounds.run(self.work, lambda: kept.sweep(finder.db, finder.clock.now()))

    async def work(self) -> bool:
        """File one lane of an import to its end; False where none waits."""
        finder = self.writer.finder
        now = finder.clock.now()
        await kept.opened(finder.db, LANES, now)
        row = await kept.lease(finder.db, now, now + _LEASE)
        if row is None:
            return False
        asked = _asked.decode(row["asked"])
        try:
            if await self._filed_whole(row, asked):
                await self._lane_done(row, asked)
        except asyncio.CancelledError:
            await asyncio.shield(kept.release(finder.db, row["id"], row["lane"], finder.clock.now()))
            raise
        except Exception as fault:
            if is_away(fault) or isinstance(fault, Unavailable):
                raise  # gone on with once the lease is over
            self.log.error("import.failed", exc_info=fault)
            await kept.finish(finder.db, row["id"], "failed", finder.clock.now() + _LASTS)
        return True

    async def _lane_done(self, row: Record, asked: LoadAsked) -> None:
        finder = self.writer.finder
        async with finder.db.acquire() as db, db.transaction():
            if await kept.lane_done(db, row["id"], row["lane"], MOST_TOLD, finder.clock.now() + _LASTS):
                await self.book.write("import-done", asked.client, (), request=asked.request, db=db)

    async def _filed_whole(self, row: Record, asked: LoadAsked) -> bool:
        """False where it was cancelled meanwhile, or another process has taken the lane up.

        While one group is being filed the next is judged.
        """
        finder, done = self.writer.finder, int(row["read"])
        number, filing, read = int(row["parts"]), None, done
        lane = Lane(row["lane"], row["lanes"])
        try:
            while (part := await kept.next_part(finder.db, row["id"], number)) is not None:
                async for group in self._lines.groups(row["organisation"], part, asked, lane, done, self.group):
                    group.after, read = read, group.last
                    if filing is not None and not await filing:
                        return False
                    filing = asyncio.create_task(self._filed(row["id"], lane, asked, group))
                if filing is not None and not await filing:
                    return False
                filing = None
                await kept.part_done(finder.db, row["id"], lane.number, part["number"], finder.clock.now() + _LEASE)
                number = part["number"] + 1
        finally:
            if filing is not None and not filing.done():
                filing.cancel()
                await asyncio.gather(filing, return_exceptions=True)
        return True

    async def _filed(self, id_: uuid.UUID, lane: Lane, asked: LoadAsked, group: Group) -> bool:
        """One group, in one transaction with how far we are. False where nobody wants it any more."""
        for line, change in group.aside:
            write = WriteAsked(asked.client, asked.reach, (change,), asked.request)
            (aside,) = await self.writer.write(write)  # twice, if we are killed now: better than not at all
            group.faults.append((line, aside.status, aside.issues[:MOST_ISSUES]))
        group.aside.clear()
        for again in range(_TRIES):
            try:
                return await self._filed_once(id_, lane, group)
            except _REPEAT:
                lane.new = False  # others write the same: what is there is locked before what is new, as they do
                await asyncio.sleep(0.01 * again)
        return await self._filed_once(id_, lane, group)

    async def _filed_once(self, id_: uuid.UUID, lane: Lane, group: Group) -> bool:
        finder = self.writer.finder
        drafts, late = list(group.drafts), list[Fault]()
        while True:
            try:
                async with finder.db.acquire() as db, db.transaction():
                    if (found := await kept.told_so_far(db, id_, lane.number, group.after)) is None:
                        return False
                    told, asked = found[0], _asked.decode(found[1])
                    now = WriteAsked(asked.client, asked.reach, (), asked.request)
                    for each in drafts:
                        each.asked = now
                    if len(late) < _REFUSALS:
                        await self._kept(db, drafts, new=lane.new)
                        lane.new = all(each.done and each.done.held and each.done.held.version == 1 for each in drafts)
                    else:
                        drafts = await self._one_by_one(db, drafts, late)
                    await self._noted(db, id_, lane, group, len(drafts), late, MOST_TOLD - told)
                    return True
            except Refusal as refusal:
                late.append((refusal.place, refusal.status, refusal.issues))
                drafts = [each for each in drafts if each.place != refusal.place]

    async def _kept(self, db: Connection, drafts: Sequence[Draft], *, new: bool = False) -> None:
        for each in drafts:
            each.done = None
        if drafts:
            await self.writer.kept_and_told(db, drafts, new=new)

    async def _one_by_one(self, db: Connection, drafts: Sequence[Draft], late: list[Fault]) -> list[Draft]:
        """So many of a group are refused that each is filed by itself."""
        done: list[Draft] = []
        for each in drafts:
            try:
                async with db.transaction():
                    await self._kept(db, [each])
            except Refusal as refusal:
                late.append((refusal.place, refusal.status, refusal.issues))
            else:
                done.append(each)
        return done

    async def _noted(
        self, db: Connection, id_: uuid.UUID, lane: Lane, group: Group, many: int, late: Sequence[Fault], room: int
    ) -> None:  # fmt: skip
        every = sorted((*group.faults, *late), key=lambda fault: fault[0])
        told = [(fault[0], msgspec.json.encode((fault,))) for fault in every[: max(0, room)]]
        until: datetime = self.writer.finder.clock.now() + _LEASE
        await kept.looked_at(
            db, id_, lane.number, group.last, until, many=group.many, kept=many, refused=len(every), most=MOST_TOLD, faults=told
        )
