"""Whatever sources and officers say, in whatever order or at once: is a set whole, and is what is undone undone?"""

import asyncio
import itertools
import os
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from tests.patients.people import DR_NAIR, At, Desk, a_desk, nhs, stated

from carerecord.contracts.patients import (
    Claim,
    DecideAsked,
    InstructAsked,
    Instruction,
    PartAsked,
    QueueAsked,
    ReviewsAsked,
    SeverAsked,
    TakeAsked,
    UndoAsked,
)
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.errors import Conflict, NotFound
from carerecord.patients import enrol
from carerecord.patients.claims import Taking
from carerecord.patients.instructions import Instructing

# How often and how far: `CARERECORD_SETS=400x40` searches for long.
RUNS, STEPS = map(int, os.environ.get("CARERECORD_SETS", "10x14").split("x"))
TABLES = "patient, name, identifier, link, likeness, likeness_key, severed, review, decision, merge, outbox"
Key = tuple[str, str]
KEYS: list[Key] = [(source, local) for source in ("trust", "clinic") for local in "abcd"]
NAMES = ("Edith Marlow", "Hamza Iqbal", "Edie Marlow")
WORDS = [(name, number, phone) for name in NAMES for number in (0, 0, 1, 2) for phone in ("", "01632 960001")]
KINDS = ("merge", "merge", "merge", "unmerge", "unmerge", "link", "unlink")


@dataclass
class Ticking(At):
    """A clock of which no two readings are alike."""

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass
class Said:
    """What is said to one index, and what of it must hold for good."""

    pool: Pool
    desk: Desk
    ids: dict[Key, str] = field(default_factory=dict)
    severed: set[frozenset[str]] = field(default_factory=set)

    @classmethod
    async def to_nobody(cls, pool: Pool) -> "Said":
        await pool.execute(f"TRUNCATE {TABLES}")
        return cls(pool, a_desk(pool, clock=Ticking()))

    async def claim(self, key: Key, words: tuple[str, int, str]) -> None:
        name, number, phone = words
        told = stated(*key, *name.split(), number=nhs(number) if number else "")
        told = replace(told, demographics=replace(told.demographics, phone=phone))
        (found,) = await Taking(self.desk.index.enrolling).take(TakeAsked((Claim(told),)))
        if found.patient:
            self.ids[key] = found.entry

    async def instruct(self, kind: str, one: Key, other: Key, ago_s: int = 0) -> str:
        recorded = (self.desk.clock.at - timedelta(seconds=ago_s)).isoformat() if ago_s else ""
        said = Instruction(kind, one[0], one[1], other[0], other[1], recorded)
        (answer,) = await Instructing(self.desk.index.enrolling).instruct(InstructAsked((said,)))
        return answer.outcome

    async def decide(self, at: int, same: bool) -> str:
        """The review that was decided; "" where none waits, or none may be decided so."""
        waiting = await self.desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
        review = waiting[at % len(waiting)].id if waiting else ""
        return review if review and await allowed(self.desk.index.decide(DecideAsked(review, same, DR_NAIR))) else ""

    async def undo(self, at: int) -> None:
        decided = await self.desk.index.reviews(ReviewsAsked(decided=True, actor=DR_NAIR))
        if decided:
            await allowed(self.desk.index.undo(UndoAsked(decided[at % len(decided)].id, DR_NAIR)))

    async def part(self, key: Key) -> None:
        if key in self.ids:
            await self.desk.index.part(PartAsked(self.ids[key], DR_NAIR))

    async def sever(self, one: Key, other: Key) -> None:
        pair = frozenset(self.ids[key] for key in (one, other) if key in self.ids)
        if len(pair) == 2:
            self.severed.add(pair)
            await Instructing(self.desk.index.enrolling).sever(SeverAsked(min(pair), max(pair), DR_NAIR))

    async def holds(self) -> None:
        now = await standing(self.pool)
        where = {name: at for at, each in enumerate(now["people"]) for name in each}
        held = await self.pool.fetch("SELECT id FROM patient")
        assert sorted(where) == sorted(row["id"] for row in held), "each entry is of exactly one person"
        assert not any(where[min(pair)] == where[max(pair)] for pair in self.severed), "severed histories never meet"
        stands = dict(now["stands for"])
        assert len(stands) == len(now["stands for"]), "one stands for a number"
        for gone, into in stands.items():
            assert where[gone] == where[into], "who stands for a number is the same person"
            seen = {gone}
            while into in stands:
                assert into not in seen, "no chain closes into a ring"
                seen.add(into)
                into = stands[into]
        shown = await self.desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
        for each in shown:
            assert where[each.left.patient] != where[each.right.patient], "nobody is asked whether one person is one"
        counted = (await self.desk.index.queue(QueueAsked())).waiting
        assert counted == len(shown) or self.severed, "what is counted is what is shown"
        for one, other, same in now["found"]:
            assert same or where[one] != where[other], "what was parted is apart"


async def allowed(work: Coroutine[Any, Any, Any]) -> bool:
    """What a severed history forbids, or what somebody else has closed meanwhile, is refused."""
    try:
        await work
    except (Conflict, NotFound):
        return False
    return True


async def standing(pool: Pool) -> dict[str, list[Any]]:
    """Who is who now, and what waits: without when, and by which key a set is known."""
    people: dict[str, set[str]] = {}
    for row in await pool.fetch("SELECT patient, person FROM link WHERE until IS NULL"):
        people.setdefault(row["person"], set()).add(row["patient"])
    told = await pool.fetch("SELECT gone, into_id, kind FROM merge ORDER BY gone, into_id")
    waits = await pool.fetch("SELECT one, other FROM review WHERE closed_at IS NULL ORDER BY one, other")
    found = await pool.fetch("SELECT one, other, same FROM decision ORDER BY one, other")
    return {
        "people": sorted(map(frozenset, people.values()), key=sorted),
        "stands for": [(gone, into) for gone, into, kind in told if kind == "merge"],
        "told": [tuple(row) for row in told],
        "waits": [tuple(row) for row in waits],
        "found": [tuple(row) for row in found],
    }


@pytest.mark.timeout(3600)
async def test_whatever_is_said_in_any_order_a_set_is_whole_and_what_is_undone_is_undone(service_database, monkeypatch):
    dsn = (await service_database("patients")).dsn
    await asyncio.to_thread(_search_for_a_break, dsn, monkeypatch)


def _search_for_a_break(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    pool = run(open_pool(dsn, service="patients", connections=2))
    keys, places = some.sampled_from(KEYS), some.integers(0, 3)

    class Sets(RuleBasedStateMachine):
        said: Said

        @initialize()
        def empty(self) -> None:
            names = itertools.count(1)  # the same at each run, so that a break is found again
            monkeypatch.setattr(enrol, "secrets", SimpleNamespace(token_hex=lambda _: f"{next(names) * 7919 % 1000003:07}"))
            self.said = run(Said.to_nobody(pool))

        @rule(key=keys, words=some.sampled_from(WORDS))
        def claims(self, key, words):
            run(self.said.claim(key, words))

        @rule(kind=some.sampled_from(KINDS), one=keys, other=keys, ago_s=some.sampled_from((0, 0, 3)))
        def instructs(self, kind, one, other, ago_s):
            run(self.said.instruct(kind, one, other, ago_s))

        @rule(at=places, same=some.booleans())
        def decides(self, at, same):
            run(self.said.decide(at, same))

        @rule(at=places)
        def undoes(self, at):
            run(self.said.undo(at))

        @rule(key=keys)
        def parts(self, key):
            run(self.said.part(key))

        @rule(one=keys, other=keys)
        def severs(self, one, other):
            run(self.said.sever(one, other))

        @rule(at=places, same=some.booleans())
        def decides_and_takes_it_back(self, at, same):
            before = run(standing(pool))
            if review := run(self.said.decide(at, same)):
                run(self.said.desk.index.undo(UndoAsked(review, DR_NAIR)))
                assert run(standing(pool)) == before

        @rule(one=keys, other=keys)
        def merges_and_takes_it_back(self, one, other):
            before = run(standing(pool))
            apart = not any({self.said.ids.get(one), self.said.ids.get(other)} <= each for each in before["people"])
            if run(self.said.instruct("merge", one, other)) == "done" and apart:
                assert run(self.said.instruct("unmerge", one, other)) == "done"
                after = run(standing(pool))
                assert (after["people"], after["stands for"]) == (before["people"], before["stands for"])

        @invariant()
        def holds(self):
            if hasattr(self, "said"):
                run(self.said.holds())

    wanted = settings(
        max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[each for each in Phase if each is not Phase.shrink], database=None,
    )  # fmt: skip
    try:
        run_state_machine_as_test(Sets, settings=wanted)
    finally:
        run(pool.close())
        loop.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(RUNS // 5))
async def test_officers_sources_and_messages_at_once_leave_every_set_whole(service_database, seed):
    """Each on a connection of its own: two officers, two instructions, a message and somebody who undoes."""
    pool = await open_pool((await service_database("patients")).dsn, service="patients", connections=6)
    try:
        said, chance = await Said.to_nobody(pool), random.Random(seed)
        for _ in range(STEPS):
            one, other, third = chance.sample(KEYS, 3)
            await asyncio.gather(
                said.claim(one, chance.choice(WORDS)), said.claim(third, chance.choice(WORDS)),
                said.instruct(chance.choice(KINDS), one, other), said.instruct(chance.choice(KINDS), other, third),
                said.decide(chance.randrange(4), True), said.decide(chance.randrange(4), False), said.undo(chance.randrange(4)),
            )  # fmt: skip
            if chance.random() < 0.1:
                await asyncio.gather(said.sever(one, third), said.decide(0, True), said.instruct("merge", one, third))
            await said.holds()
    finally:
        await pool.close()
