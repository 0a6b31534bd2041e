"""Two processes, many connections, calls given up and connections cut at any moment: does each commit leave every set whole?

Whatever is committed is judged within its own transaction, so that what breaks a set is named by what was said.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace
from tests.patients.people import DR_NAIR, Desk, a_desk, nhs, stated
from tests.patients.test_sets import Ticking

from carerecord.contracts.patients import (
    Claim,
    DecideAsked,
    Demographics,
    EnrolAsked,
    InstructAsked,
    Instruction,
    PartAsked,
    PatientsLinked,
    ReviewsAsked,
    SeverAsked,
    SourcePatient,
    TakeAsked,
    TracedAsked,
    UndoAsked,
)
from carerecord.kit.db import Connection, is_away, open_pool
from carerecord.kit.errors import Conflict, NotFound, NotUnderstood, Unavailable
from carerecord.patients import claims, enrol, instructions, protecting, service, trace
from carerecord.patients.claims import Taking
from carerecord.patients.instructions import Instructing
from carerecord.patients.store import lineage

Key = tuple[str, str]
Pair = frozenset[str]
KEYS: list[Key] = [(source, local) for source in ("trust", "clinic", "elm") for local in "abc"]
NAMES = ("Edith Marlow", "Hamza Iqbal", "Edie Marlow", "Edith Marlowe")
KINDS = ("merge", "merge", "merge", "unmerge", "unmerge", "link", "unlink", "move")
SAID: ContextVar[str] = ContextVar("what is being said", default="")


@dataclass(frozen=True)
class Standing:
    """Who is who at one moment, as one transaction sees it."""

    sets: Mapping[str, frozenset[str]]  # by id: all who are one person with it
    bears: Mapping[str, str]  # the NHS number of each entry
    stands: list[tuple[str, str]]  # which number was given up, and which stands for it
    apart: list[Pair]  # found to be two people
    far: list[tuple[str, str]]  # severed, by id or NHS number
    waits: list[Pair]
    told_upto: int

    @classmethod
    async def of(cls, db: Connection) -> "Standing":
        people: dict[str, set[str]] = {}
        for patient, person in await db.fetch("SELECT patient, person FROM link WHERE until IS NULL"):
            people.setdefault(person, set()).add(patient)
        merges = await db.fetch("SELECT gone, into_id FROM merge WHERE kind = 'merge'")
        apart = await db.fetch("SELECT one, other FROM decision WHERE NOT same AND decided_by NOT LIKE 'source|%'")
        waits = await db.fetch("SELECT one, other FROM review WHERE closed_at IS NULL")
        return cls(
            {each: frozenset(ids) for ids in people.values() for each in ids},
            {row["id"]: row["nhs_number"] for row in await db.fetch("SELECT id, nhs_number FROM patient")},
            [tuple(row) for row in merges],
            [frozenset(row) for row in apart],
            [tuple(row) for row in await db.fetch("SELECT one, other FROM severed")],
            [frozenset(row) for row in waits],
            await db.fetchval("SELECT coalesce(max(id), 0) FROM outbox"),
        )

    def are_one(self, one: str, other: str) -> bool:
        return self.sets[one] == self.sets[other]

    def named(self, name: str) -> list[str]:
        return [each for each, number in self.bears.items() if name in (each, number)]

    def faults(self) -> Iterator[str]:
        if set(self.sets) != set(self.bears):
            yield "each entry is of exactly one person"
        if any(self.are_one(*pair) for pair in self.apart):
            yield "who was parted is apart"
        if any(a != b and self.are_one(a, b) for one, other in self.far for a in self.named(one) for b in self.named(other)):
            yield "severed histories never meet"
        if any(pair in self.apart and not self.are_one(*pair) for pair in self.waits):
            yield "nobody is asked what has been answered"
        into = dict(self.stands)
        if len(into) < len(self.stands):
            yield "one stands for a number"
        if any(not self.are_one(gone, stands) for gone, stands in self.stands):
            yield "who stands for a number is the same person"
        for gone in into:
            seen, last = {gone}, into[gone]
            while last in into and last not in seen:
                seen.add(last)
                last = into[last]
            if last in seen:
                yield "no chain closes into a ring"


async def untold(db: Connection, before: Standing, after: Standing) -> AsyncIterator[str]:
    """What changed, where no event or no lineage says so."""
    told: dict[str, frozenset[str]] = {}
    events = "SELECT body FROM outbox WHERE id > $1 AND kind = 'PatientsLinked' ORDER BY id"
    for (body,) in await db.fetch(events, before.told_upto):
        told |= {each: frozenset(ids) for ids in msgspec.json.decode(body, type=PatientsLinked).people for each in ids}
    for each, ids in after.sets.items():
        if ids != before.sets.get(each, frozenset((each,))):
            if told.get(each) != ids:
                yield "whoever keeps up hears of every set that changes"
            if await explained(db, each) != ids:
                yield "the lineage tells how a set came about"


async def explained(db: Connection, one: str) -> frozenset[str]:
    """Who is one person with this one, by its lineage alone."""
    last: dict[str, tuple[int, list[str]]] = {}
    upto, together = 0, [one]
    for place, (_, who, _, mates, *_) in enumerate(await lineage.steps(db, one)):
        last[who] = place, mates
        if one in mates:
            upto, together = place, mates
    return frozenset(each for each in together if one in last[each][1] or last[each][0] < upto)


@dataclass
class Crowd:
    """Two processes' worth of desks on one database, and whoever speaks to them."""

    dsn: str
    desks: list[Desk]
    chance: random.Random
    ids: dict[Key, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)  # in the order in which it was committed
    faults: list[str] = field(default_factory=list)
    speaking: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def judged(self, pool: Any) -> AsyncIterator[Connection]:
        async with protecting.alone(pool) as db:
            before = await Standing.of(db)
            yield db
            after = await Standing.of(db)
            found = [*after.faults(), *[each async for each in untold(db, before, after)]]
            known = await db.fetch("SELECT id, source, local_id FROM patient")
            self.ids |= {(source, local): name for name, source, local in known}
            self.said.append(SAID.get())
            if found:
                self.faults.append(f"{found[0]}; not after: {self.said[-1]}")

    async def speak(self, times: int, desk: Desk) -> None:
        """Says one thing after another; what a call that is given up, or loses its connection, comes to is as well."""
        for _ in range(times):
            if self.faults:
                return
            task = asyncio.get_running_loop().create_task(self.say(desk), context=copy_context())
            self.speaking.add(task)
            await asyncio.wait([task])
            self.speaking.discard(task)
            if not task.cancelled() and (failed := task.exception()) and not is_away(failed):
                raise failed

    async def disturb(self) -> None:
        """Now and then a caller hangs up, or a connection is cut."""
        admin = await asyncpg.connect(self.dsn)
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        try:
            while True:
                await asyncio.sleep(self.chance.random() * 0.1)
                connections = [row["pid"] for row in await admin.fetch(others)]
                if self.speaking and self.chance.random() < 0.6:
                    self.chance.choice(list(self.speaking)).cancel()
                elif connections:
                    await admin.execute("SELECT pg_terminate_backend($1)", self.chance.choice(connections))
        finally:
            await admin.close()

    async def say(self, desk: Desk) -> None:
        """One thing, at random; what a severed history forbids, or somebody else has closed meanwhile, is refused."""
        says = (self.claim, self.claim, self.page, self.instruct, self.instruct, self.instruct, self.decide, self.decide,
                self.undo, self.part, self.sever, self.lift, self.trace)  # fmt: skip
        with suppress(Conflict, NotFound, Unavailable):
            await self.chance.choice(says)(desk)

    def somebody(self, key: Key) -> SourcePatient:
        given, family = self.chance.choice(NAMES).split()
        number, status = self.chance.choice((0, 0, 1, 2, 3)), self.chance.choice(("01", "01", "02"))
        born = self.chance.choice(("1948-03-14", "1948-03-14", "1953-07-14"))
        phone = self.chance.choice(("", "01632 960001"))
        return stated(*key, given, family, born, number=nhs(number) if number else "", status=status, phone=phone)

    def somebody_known(self) -> str:
        if not self.ids:
            raise NotFound("Nobody is known yet.")
        return self.ids[self.chance.choice(sorted(self.ids))]

    def side(self) -> str:
        return self.somebody_known() if self.chance.random() < 0.6 else nhs(self.chance.randint(1, 3))

    async def claim(self, desk: Desk) -> None:
        told = self.somebody(self.chance.choice(KEYS))
        SAID.set(f"claim {told}")
        await Taking(desk.index.enrolling).take(TakeAsked((Claim(told),)))

    async def page(self, desk: Desk) -> None:
        people = [self.somebody(key) for key in self.chance.sample(KEYS, 4)]
        people[0] = SourcePatient(people[0].source, people[0].local_id, (), Demographics())
        SAID.set(f"page {people}")
        await desk.index.enrol(EnrolAsked(tuple(people)))

    async def instruct(self, desk: Desk) -> None:
        one, other = self.chance.choice(KEYS), self.chance.choice(KEYS)
        into = (one[0], other[1]) if self.chance.random() < 0.6 else other
        identifier = self.somebody(one).identifiers[:1]
        kind = self.chance.choice(KINDS if identifier else KINDS[:-1])
        ago = timedelta(seconds=self.chance.choice((0, 0, 5, 50)))
        told = Instruction(kind, *one, *into, (desk.clock.at - ago).isoformat(), identifier=identifier[0] if identifier else None)
        by = DR_NAIR if self.chance.random() < 0.1 else None
        SAID.set(f"{told} by {by}")
        await Instructing(desk.index.enrolling).instruct(InstructAsked((told,), by, dry=self.chance.random() < 0.05))

    async def decide(self, desk: Desk) -> None:
        waiting = await desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
        if waiting:
            review, same = self.chance.choice(waiting), self.chance.random() < 0.6
            SAID.set(f"decide {review.left.patient} {review.right.patient} {same}")
            await desk.index.decide(DecideAsked(review.id, same, DR_NAIR))

    async def undo(self, desk: Desk) -> None:
        decided = await desk.index.reviews(ReviewsAsked(decided=True, actor=DR_NAIR))
        if decided:
            review = self.chance.choice(decided)
            SAID.set(f"undo {review.left.patient} {review.right.patient} {review.found}")
            await desk.index.undo(UndoAsked(review.id, DR_NAIR))

    async def part(self, desk: Desk) -> None:
        one = self.somebody_known()
        SAID.set(f"part {one}")
        await desk.index.part(PartAsked(one, DR_NAIR))

    async def sever(self, desk: Desk) -> None:
        if self.chance.random() < 0.5 and (one := self.side()) != (other := self.side()):
            SAID.set(f"sever {one} {other}")
            with suppress(NotUnderstood):  # nobody is severed from their own number
                await Instructing(desk.index.enrolling).sever(SeverAsked(one, other, DR_NAIR))

    async def lift(self, desk: Desk) -> None:
        severed = await desk.db.fetch("SELECT one, other FROM severed")
        if severed:
            one, other = self.chance.choice(severed)
            SAID.set(f"lift {one} {other}")
            await Instructing(desk.index.enrolling).sever(SeverAsked(one, other, DR_NAIR, undo=True))

    async def trace(self, desk: Desk) -> None:
        one = self.somebody_known()
        outcome = self.chance.choice(("verified", "verified", "superseded", "not-found", "mismatch"))
        found = self.somebody(("pds", "answer")).demographics
        number = nhs(self.chance.randint(1, 3)) if outcome == "superseded" else ""
        SAID.set(f"trace {one} {outcome} {found}")
        answer = None if outcome == "not-found" else replace(found, nhs_number=number)
        if await desk.db.fetchval("SELECT nhs_number <> '' FROM patient WHERE id = $1", one):
            await desk.tracing.traced(TracedAsked(one, outcome, answer))


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(
    ("seeds", "times"), [(range(2), 25), pytest.param(range(2, 400), 60, marks=pytest.mark.soak)], ids=["short", "long"]
)
async def test_each_commit_leaves_every_set_whole_whatever_is_said_at_once_and_whoever_hangs_up(
    service_database, monkeypatch, seeds, times
):
    for seed in seeds:
        dsn = (await service_database("patients")).dsn
        clock, pools = Ticking(), [await open_pool(dsn, service="patients", connections=4) for _ in range(2)]
        crowd = Crowd(dsn, [a_desk(pool, clock=clock) for pool in pools], random.Random(seed))
        for module in (claims, enrol, instructions, service, trace):
            monkeypatch.setattr(module, "alone", crowd.judged)
        disturbing = asyncio.create_task(crowd.disturb())
        try:
            await asyncio.gather(*(crowd.speak(times, crowd.desks[at % 2]) for at in range(8)))
        finally:
            disturbing.cancel()
            await asyncio.wait([disturbing])
            for pool in pools:
                pool.terminate()
        assert not crowd.faults, (seed, crowd.faults, crowd.said[-40:])
        assert crowd.said
