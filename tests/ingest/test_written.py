"""Who a source's own system writes by the FHIR API comes into the index, once for each change, and at nobody else's word."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from tests.conftest import TestDatabase
from tests.ingest.world import a_patient
from tests.patients.people import DR_NAIR, NOW, At

from carerecord.connectors.web import Web
from carerecord.contracts.holdings import PEOPLE_KEPT, Kept, PeopleKeptAsked, PersonKept
from carerecord.contracts.ingest import LeavePersonAsked, PeopleAgainAsked, PeopleWaitingAsked
from carerecord.contracts.locator import LEARN, LearnAsked, Learned
from carerecord.contracts.patients import TAKE, Demographics, TakeAsked, Taken
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, Source
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest.enrol import Enroller
from carerecord.ingest.written import telling
from carerecord.ingest.written.people import People
from carerecord.ingest.written.telling import Telling
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound, NotUnderstood, Unavailable
from carerecord.kit.events import Event, Outbox
from carerecord.kit.log import log_for
from carerecord.kit.part import answer

IDS = PatientIds(b"k" * 32)
SOURCES = (
    Source("midwives", "RHM", "Harbour", "Midwives", "MW", "acute", "none", ""),
    Source("elm-bank", "A99917", "Elm Bank", "Elm Bank", "GP", "gp", "fhir_r4", "https://elm-bank.test"),
)


@dataclass
class World:
    database: TestDatabase
    clock: At = field(default_factory=At)
    kept: dict[str, PersonKept] = field(default_factory=dict)
    waits: set[str] = field(default_factory=set)
    down: bool = False
    meanwhile: str = ""  # written again while the index is being told, once
    taken: list[TakeAsked] = field(default_factory=list)
    learnt: list[LearnAsked] = field(default_factory=list)

    async def people_kept(self, asked: PeopleKeptAsked) -> tuple[PersonKept, ...]:
        return tuple(self.kept[each] for each in asked.ids if each in self.kept)

    async def take(self, asked: TakeAsked) -> tuple[Taken, ...]:
        if self.down:
            raise Unavailable("The patients service does not answer.")
        self.taken.append(asked)
        again, self.meanwhile = self.meanwhile, ""
        if again:
            await self.hear(again)
        return tuple(
            Taken(each.stated.source, each.stated.local_id, "", (), "waits", say="Somebody else.")
            if each.stated.local_id in self.waits
            else Taken(each.stated.source, each.stated.local_id, f"i-{each.stated.local_id}", (), "new")
            for each in asked.claims
        )

    async def learn(self, asked: LearnAsked) -> Learned:
        self.learnt.append(asked)
        return Learned(len(asked.pointers))

    async def takes_part(self, _: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", SOURCES))

    def telling(self) -> Telling:
        calls = Calls("ingest", {
            "patients": Direct([answer(TAKE, self.take)], round_trip=True),
            "locator": Direct([answer(LEARN, self.learn)], round_trip=True),
            "holdings": Direct([answer(PEOPLE_KEPT, self.people_kept)], round_trip=True),
            "sources": Direct([answer(REGISTRY, self.takes_part)], round_trip=True),
        })  # fmt: skip
        return Telling(Enroller(calls, self.database.pool, Web(lambda _: ""), self.clock, log_for("test"), 1), IDS)

    def people(self) -> People:
        return People(self.database.pool, Outbox(self.database.pool, "ingest", self.clock), self.clock, asyncio.Event())

    async def lines(self) -> list[Any]:
        return [json.loads(row["body"]) for row in await self.database.pool.fetch("SELECT body FROM outbox ORDER BY id")]

    def keeps(self, id_: str, source: str = "midwives", *, gone: bool = False, **more: Any) -> None:
        raw = msgspec.Raw(json.dumps(a_patient(id_, "9990000018") | more).encode())
        self.kept[id_] = PersonKept(id_, source, "2026-11-22T09:00:00Z", raw, gone)

    async def hear(
        self, *ids: str, source: str = "midwives", client: str = "c1", type_: str = "Patient", by: Telling | None = None,
        committed_after: float = 0.0,
    ) -> None:  # fmt: skip
        told = Kept(client, "RHM", tuple((id_, type_, id_, 1, "C") for id_ in ids), source=source)
        event = Event(str(uuid4()), "Kept", NOW, "holdings", msgspec.Raw(msgspec.json.encode(told)))
        async with self.database.pool.acquire() as db, db.transaction():
            telling = by or self.telling()
            await telling.hear(db, [event])
            await asyncio.sleep(committed_after)
            assert not telling.bell.is_set(), "nothing is committed yet"
        telling.heard()

    async def waiting(self) -> list[tuple[str, str]]:
        rows = await self.database.pool.fetch("SELECT id, reason FROM written ORDER BY id")
        return [(row["id"], row["reason"]) for row in rows]

    @property
    def claimed(self) -> list[tuple[str, str]]:
        return [(each.stated.source, each.stated.local_id) for asked in self.taken for each in asked.claims]


@pytest.fixture
async def world(service_database: Callable[[str], Awaitable[TestDatabase]]) -> World:
    return World(await service_database("ingest"))


async def test_who_is_written_in_the_name_of_a_source_is_claimed_for_it_and_pointed_to(world: World):
    world.keeps("p1")
    await world.hear("p1")
    assert await world.telling().some()
    assert not await world.telling().some(), "once"
    assert world.claimed == [("midwives", "p1")]
    assert [(each.source, each.local_id, each.patient) for each in world.learnt[0].pointers] == [("midwives", "p1", "i-p1")]
    assert await world.waiting() == []


async def test_the_worker_is_woken_once_the_note_is_committed_and_by_nothing_that_is_nobodys_news(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "LOOKS_EVERY_S", 3600.0)
    world.keeps("p1")
    woken = world.telling()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        work = tasks.create_task(woken.work())
        await asyncio.sleep(0)
        await world.hear("o1", by=woken, type_="Observation")
        assert not woken.bell.is_set()
        await world.hear("p1", by=woken, committed_after=0.05)
        while not world.learnt:
            await asyncio.sleep(0.01)
        work.cancel()
    assert world.claimed == [("midwives", "p1")]


async def test_what_we_filed_ourselves_what_is_of_no_source_and_what_is_no_person_is_nobodys_news(world: World):
    await world.hear("p1", client="")
    await world.hear("p2", source="")
    await world.hear("o1", type_="Observation")
    assert await world.waiting() == []


async def test_one_whom_messages_made_is_known_by_the_number_of_the_messages(world: World):
    made = IDS("midwives", "EB7")
    world.keeps(made, identifier=[{"system": "https://elm-bank.test/Id/patient-number", "value": "EB7"}])
    await world.hear(made)
    await world.telling().some()
    assert world.claimed == [("midwives", "EB7")]


async def test_of_one_who_is_deleted_the_source_says_nothing_any_more_unless_it_is_asked_itself(world: World):
    world.keeps("p1", gone=True)
    world.keeps("p2", "elm-bank", gone=True)
    await world.hear("p1")
    await world.hear("p2", source="elm-bank")
    await world.telling().some()
    (claim,) = world.taken[0].claims
    assert (claim.stated.local_id, claim.stated.demographics, claim.stated.identifiers) == ("p1", Demographics(), ())
    assert ([each.local_id for each in world.learnt[0].gone], world.learnt[0].pointers) == (["p1"], ())
    assert await world.waiting() == []


async def test_one_that_looks_like_somebody_else_waits_with_its_reason_and_holds_up_nobody(world: World):
    world.keeps("p1")
    world.keeps("p2")
    world.waits.add("p1")
    await world.hear("p1", "p2")
    await world.telling().some()
    assert await world.waiting() == [("p1", "Somebody else.")]
    assert not await world.telling().some(), "not at once again"
    world.waits.clear()
    world.clock.at += timedelta(minutes=3)
    await world.telling().some()
    assert await world.waiting() == []


async def test_who_waits_stands_where_a_human_sees_it_with_its_age_and_is_asked_about_again_at_once(world: World):
    world.keeps("p1")
    world.waits.add("p1")
    await world.hear("p1")
    begun = world.clock.at
    assert (await world.people().waiting(PeopleWaitingAsked())).count == 0, "nobody has looked at it yet"
    await world.telling().some()
    world.clock.at += timedelta(hours=1)
    await world.hear("p1")  # written again, and as wrong
    await world.telling().some()
    found = await world.people().waiting(PeopleWaitingAsked())
    assert found.count == 1
    (waits,) = found.people
    assert (waits.id, waits.source, waits.since, waits.reason) == ("p1", "midwives", stamp(begun), "Somebody else.")

    world.waits.clear()
    people = world.people()
    assert (await people.again(PeopleAgainAsked("p1", actor=DR_NAIR))).count == 1
    assert people.bell.is_set()
    await world.telling().some()
    assert await world.waiting() == []
    assert [(each["what"], each["patients"]) for each in await world.lines()] == [("people-told-again", ["p1"])]
    with pytest.raises(NotFound):
        await people.again(PeopleAgainAsked("p1"))


async def test_one_who_is_left_waits_no_more_with_a_reason_in_the_book_until_it_is_written_again(world: World):
    world.keeps("p1")
    world.waits.add("p1")
    await world.hear("p1")
    await world.telling().some()
    for refused in (LeavePersonAsked("p1", " "), LeavePersonAsked("p2", "Who?")):
        with pytest.raises((NotUnderstood, NotFound)):
            await world.people().leave(refused)
    await world.people().leave(LeavePersonAsked("p1", "A test of theirs", DR_NAIR))
    assert await world.waiting() == []
    assert [(each["what"], each["reason"], each["sources"]) for each in await world.lines()] == [
        ("person-left-out", "A test of theirs", ["midwives"])
    ]
    world.waits.clear()
    await world.hear("p1")
    await world.telling().some()
    assert world.claimed[-1] == ("midwives", "p1"), "a later change is heard as any"


async def test_while_the_index_is_away_everything_waits(world: World):
    world.keeps("p1")
    await world.hear("p1")
    world.down = True
    with pytest.raises(Unavailable):
        await world.telling().some()
    world.down = False
    await world.telling().some()
    assert world.claimed == [("midwives", "p1")]


async def test_what_changes_while_it_is_being_told_is_told_again(world: World):
    world.keeps("p1")
    await world.hear("p1")
    world.meanwhile = "p1"
    await world.telling().some()
    assert await world.telling().some()
    assert world.claimed == [("midwives", "p1")] * 2


async def test_one_whose_source_has_left_the_registry_waits(world: World):
    world.keeps("p1", "gone-away")
    await world.hear("p1", source="gone-away")
    await world.telling().some()
    assert await world.waiting() == [("p1", "Its source is no longer in the registry.")]
