"""Do those who ask at the same time each get their own answer, and their own fault?"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.holdings.conftest import Desk, held, ids
from tests.holdings.test_keeping import PATIENT, potassium

from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import Client, FindAsked, FindsAsked, Reach, ReadAsked
from carerecord.holdings.finding import Finder
from carerecord.holdings.store import looking, together
from carerecord.holdings.store.together import Across, InRecord
from carerecord.holdings.together import Together
from carerecord.kit.errors import NotFound, Unavailable


class Slow:
    """A database that answers when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let = asyncio.Event()

    async def answer(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        await self.let.wait()
        if 13 in asked:
            raise LookupError("thirteen")
        return [each * 10 for each in asked]


async def test_who_comes_while_a_statement_is_under_way_goes_in_the_next_with_the_others():
    slow = Slow()
    desk = Together(slow.answer, at_once=1)
    first = asyncio.create_task(desk.ask(1))
    while not slow.groups:
        await asyncio.sleep(0)
    others = asyncio.create_task(desk.all([2, 3, 4]))
    await asyncio.sleep(0)
    slow.let.set()

    assert (await first, await others) == (10, [20, 30, 40])
    assert slow.groups == [[1], [2, 3, 4]]


async def test_one_s_fault_is_its_own():
    slow = Slow()
    slow.let.set()
    answers = await asyncio.gather(*(Together(slow.answer).ask(each) for each in (1, 13)), return_exceptions=True)
    desk = Together(slow.answer, at_once=1)
    shared = await asyncio.gather(*(desk.ask(each) for each in (1, 13, 2)), return_exceptions=True)

    assert [answers[0], shared[0], shared[2]] == [10, 10, 20]
    assert isinstance(shared[1], LookupError)


async def test_who_goes_away_takes_nobody_along():
    slow = Slow()
    desk = Together(slow.answer, at_once=1)
    waiting = [asyncio.create_task(desk.ask(each)) for each in (1, 2, 3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    slow.let.set()

    assert await waiting[2] == 30
    assert await desk.ask(4) == 40


async def test_who_comes_just_as_the_last_statement_ends_is_answered_too():
    async def at_once(asked: Sequence[int]) -> list[int]:
        return [each * 10 for each in asked]

    for lanes in (1, 2, 3):
        desk = Together(at_once, at_once=lanes)

        async def client(number: int, desk: Together[int, int] = desk) -> None:
            for turn in range(200):
                assert await desk.ask(turn) == turn * 10
                for _ in range((turn + number) % 5):
                    await asyncio.sleep(0)

        await asyncio.wait_for(asyncio.gather(*(client(number) for number in range(lanes + 1))), 10)


async def test_many_questions_in_one_statement_are_answered_as_each_alone(desk: Desk):
    for person in ("p1", "p2"):
        await desk.put({**PATIENT, "id": person, "name": [{"family": "Marlow" if person == "p1" else "Marlowe"}]})
        for month in range(1, 6):
            await desk.create(potassium(4.0 + month / 10, f"2026-0{month}-01") | {"subject": {"reference": f"Patient/{person}"}})
    db = desk.database.pool
    tokens = await db.fetchval("SELECT tokens FROM held WHERE type = 'Observation' LIMIT 1")
    asked = [
        InRecord(person, type_, groups, 4, many)
        for person in ("p1", "p2", "p3")
        for type_ in ("Observation", "Patient")
        for groups in ((), (tokens[:1],), (tokens[:1], tokens[1:]), ([1, 2],))
        for many in (2, 9)
    ]
    alone = [await looking.in_records(db, [q.patient], q.type, q.groups, q.most_confidential, q.many) for q in asked]

    assert await together.in_record_of_each(db, asked) == alone
    assert {len(each) for each in alone} >= {0, 1, 2, 5}

    whose = [await looking.one(db, "Patient", each.patient, 0) for each in asked]
    beside = [(*rows, *((of[0],) if of else ())) for rows, of in zip(alone, whose, strict=True)]
    with_whose = [each._replace(beside=True) for each in asked if each.type != "Patient"]
    assert await together.in_record_of_each(db, with_whose) == [
        rows for each, rows in zip(asked, beside, strict=True) if each.type != "Patient"
    ]
    mixed = [each._replace(beside=not place % 3) for place, each in enumerate(asked)]
    assert await together.in_record_of_each(db, mixed) == [
        (beside if each.beside else alone)[place] for place, each in enumerate(mixed)
    ]

    hashes = [row["hash"] for row in await db.fetch("SELECT DISTINCT hash FROM across ORDER BY hash")]
    wide = [Across("Patient", groups, 4, many) for each in hashes for groups in (([each],), ([each], hashes)) for many in (1, 9)]
    for question, reached in zip(wide, await together.across_of_each(db, wide), strict=True):
        keys = await looking.across(db, question.type, question.groups, question.many)
        assert [(patient, question.type, id_) for patient, id_ in reached.keys] == list(keys)
        assert {row.id for row in reached.rows} == {row.id for row in await looking.rows_of(db, keys, 4)}
    places = [(row["type"], row["id"]) for row in await db.fetch("SELECT type, id FROM address")] + [("Patient", "p3")]
    last = await together.last_of_each(db, places)
    assert last == [found[0] if (found := await looking.one(db, *place, 0)) else None for place in places]


async def test_searches_and_reads_at_once_mix_up_nobody_s_record(desk: Desk):
    people = [f"p{number}" for number in range(1, 7)]
    own = {}
    for person in people:
        await desk.put({**PATIENT, "id": person})
        made = await desk.create(potassium(4.4, "2026-01-01") | {"subject": {"reference": f"Patient/{person}"}})
        own[person] = held(made).id

    async def only_mine(person: str) -> None:
        reach = Reach(patients=(person,))
        page = await desk.search("Observation", ("patient", person), reach=reach)
        assert ids(page) == [own[person]]
        assert (await desk.read("Observation", own[person], reach=reach)).id == own[person]
        other = people[(people.index(person) + 1) % len(people)]
        assert ids(await desk.search("Observation", ("patient", other), reach=reach)) == []
        with pytest.raises(NotFound):
            await desk.read("Observation", own[other], reach=reach)

    await asyncio.gather(*(only_mine(person) for person in people * 4))


async def test_a_search_has_one_line_that_names_everyone_whom_it_shows(desk: Desk) -> None:
    for person in ("p1", "p2"):
        await desk.put({**PATIENT, "id": person})
    await desk.put({**potassium(4.1, "2026-05-01", performer=[{"reference": "Patient/p2"}]), "id": "o1"})
    await desk.put({"resourceType": "Location", "id": "l1"})  # in nobody's record
    searches: dict[tuple[str, ...], tuple[str, ...]] = {
        ("Observation", "patient", "p1"): ("p1",), ("Observation", "patient", "p2"): (),
        ("Location", "status:missing", "true"): (),
        ("Observation", "patient", "p1", "_summary", "count"): ("p1",),
        ("Observation", "patient", "p1", "_include", "Observation:performer"): ("p1", "p2"),
        ("Patient", "_id", "p2"): ("p2",),
        ("Observation", "patient", "p1", "patient.birthdate", "1948-03-02"): ("p1",),
        ("Observation", "patient:missing", "false", "_id", "o1"): ("p1",),
    }  # fmt: skip
    for (type_, *said), named in searches.items():
        await desk.database.pool.execute("DELETE FROM outbox")
        page = await desk.search(type_, *zip(said[::2], said[1::2], strict=True))
        lines = await _lines(desk)
        assert [(line.what, line.patients) for line in lines] == [("resource-searched", named)], said
        assert bool(page.total) is (bool(named) or type_ == "Location")


async def test_a_search_whose_line_cannot_be_written_shows_nothing(desk: Desk) -> None:
    await desk.put({**PATIENT, "id": "p1"})
    await desk.database.pool.execute("ALTER TABLE outbox RENAME TO outbox_away")
    for query in (("patient", "p1"), ("_id", "o1")):
        with pytest.raises(Unavailable):
            await desk.search("Observation", query)


async def _lines(desk: Desk) -> list[Line]:
    rows = await desk.database.pool.fetch("SELECT kind, body FROM outbox ORDER BY id")
    return [msgspec.json.decode(row["body"], type=Line) for row in rows if row["kind"] == "Line"]


async def test_a_read_and_its_line_are_one_statement_that_says_whom_it_was_about_and_whether_it_was_shown(desk: Desk) -> None:
    await desk.put(PATIENT)
    await desk.put({**potassium(4.1, "2026-05-01"), "id": "o1"})
    await desk.put({"resourceType": "Location", "id": "l1"})  # in nobody's record
    label = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
    await desk.put({**potassium(4.1, "2026-05-01"), "id": "o2", "meta": label})
    await desk.database.pool.execute("DELETE FROM outbox")
    asked = [("Observation", "o1"), ("Location", "l1"), ("Observation", "o2"), ("Observation", "o9"), ("Patient", "p1")]

    seen = await asyncio.gather(*(desk.read(*each) for each in asked), return_exceptions=True)

    told = [(line.what, line.patients, line.outcome, line.service, bool(line.at)) for line in await _lines(desk)]
    assert [isinstance(each, NotFound) for each in seen] == [False, False, True, True, False]
    assert told == [
        ("resource-read", ("p1",), "success", "holdings", True), ("resource-read", (), "success", "holdings", True),
        ("resource-read", ("p1",), "refused", "holdings", True), ("resource-read", (), "refused", "holdings", True),
        ("resource-read", ("p1",), "success", "holdings", True),
    ]  # fmt: skip


async def test_a_read_whose_line_cannot_be_written_is_not_answered(desk: Desk) -> None:
    await desk.put(PATIENT)
    await desk.database.pool.execute("ALTER TABLE outbox ADD CONSTRAINT full_disk CHECK (kind <> 'Line') NOT VALID")

    answered = await asyncio.gather(desk.read("Patient", "p1"), desk.read("Patient", "p1"), return_exceptions=True)

    assert all(isinstance(each, Exception) for each in answered)
    await desk.database.pool.execute("ALTER TABLE outbox DROP CONSTRAINT full_disk")
    assert (await desk.read("Patient", "p1")).id == "p1"


async def test_a_read_says_the_same_whether_it_is_decided_by_the_statement_or_here(desk: Desk) -> None:
    """The last version is decided where it is found, an earlier one in the service: answers and lines are alike."""
    system, sly = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", 'x","patients":[],"outcome":"success'
    labels = ("U", "L", "M", "N", "R", "V", "never heard of")
    await desk.put(PATIENT)
    for place, label in enumerate(labels):
        meta = {"security": [{"system": system, "code": label}]}
        await desk.put({**potassium(4.1, "2026-05-01"), "id": f"o{place}", "meta": meta})
    client = Client("c1", "R9A", sly)

    for most in labels:
        for place in range(len(labels)):
            told: list[tuple[object, ...]] = []
            for version in (0, 1):
                await desk.database.pool.execute("DELETE FROM outbox")
                asked = ReadAsked("Observation", f"o{place}", Reach(most_confidential=most), version, client, "request-1")
                try:
                    seen: object = bytes((await desk.keeper.read(asked)).raw)
                except NotFound:
                    seen = None
                row = await desk.database.pool.fetchrow("SELECT body FROM outbox WHERE kind = 'Line'")
                assert row is not None
                told.append((seen, msgspec.structs.replace(msgspec.json.decode(row["body"], type=Line), at="")))
            assert told[0] == told[1]


async def test_a_fault_of_ours_in_one_search_of_a_batch_is_written_down_and_is_its_own(desk, monkeypatch):
    sound = desk.keeper.finder.search

    async def unsound(_: Any, asked: FindAsked) -> Any:
        if asked.type == "Condition":
            raise ZeroDivisionError
        return await sound(asked)

    monkeypatch.setattr(Finder, "search", unsound)
    finds = tuple(FindAsked(each, (("_id", "none"),), Reach((each,)), base="http://here") for each in ("Condition", "Patient"))
    with capture_logs() as logs:
        broke, answered = await desk.keeper.searches(FindsAsked(finds, Client("c1", "system")))

    assert (broke.status, broke.page, answered.status) == (500, None, 200)
    assert [type(each["exc_info"]) for each in logs if each["event"] == "search.failed"] == [ZeroDivisionError]
