"""Does the locator know who holds what, from enrolment and from answers, and never more than it was told?"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from carerecord.contracts.holdings import Kept
from carerecord.contracts.locator import LearnAsked, Pointer, Seen, SeenAsked, Sweep, SweepAsked, WhereAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.events import Event
from carerecord.locator import store
from carerecord.locator.service import Locator

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
AT, LATER = "2026-11-22T09:00:00.000Z", "2026-11-22T10:00:00.000Z"


patient_id = PatientIds(b"k")


class Still:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def locator(service_database) -> Locator:
    return Locator((await service_database("locator")).pool, Still(), patient_id)


async def where(locator: Locator, *person: str) -> tuple[Pointer, ...]:
    return await locator.where(WhereAsked(person))


def answered(*sections: str, empty: tuple[str, ...] = (), at: str = AT, local_id: str = "1", skipped: bool = False) -> SeenAsked:
    return SeenAsked((Seen("p1", "elm-bank", local_id, sections, empty, at, skipped),))


async def test_what_enrolment_told_is_found_for_the_whole_set_of_ids(locator):
    told = LearnAsked((Pointer("elm-bank", "1", "p1"), Pointer("aldermoor-epr", "7", "p2"), Pointer("elm-bank", "2", "p3")))

    first, again = await locator.learn(told), await locator.learn(told)

    assert (first.count, again.count) == (3, 0)
    assert await where(locator, "p1", "p2") == (
        Pointer("aldermoor-epr", "7", "p2", enrolled_at=AT),
        Pointer("elm-bank", "1", "p1", enrolled_at=AT),
    )
    assert await where(locator, "nobody") == ()


async def test_an_entry_that_its_source_deleted_is_pointed_to_no_more(locator):
    entries = (("elm-bank", "1"), ("elm-bank", "2"), ("quayside", "1"))
    await locator.learn(LearnAsked(tuple(Pointer(*each, "p1") for each in entries)))
    told = LearnAsked((), (Pointer("elm-bank", "1", ""),))
    await locator.learn(told)
    await locator.learn(told)

    assert [(each.source, each.local_id) for each in await where(locator, "p1")] == [("elm-bank", "2"), ("quayside", "1")]


async def test_an_answer_says_what_is_held_and_what_is_not(locator):
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p1"),)))

    await locator.seen(answered("medicines", "allergies", empty=("results",)))
    await locator.seen(answered("results", empty=("medicines",), at=LATER))

    pointer, = await where(locator, "p1")
    assert pointer == Pointer("elm-bank", "1", "p1", ("allergies", "results"), ("medicines",), LATER, AT)


async def test_an_answer_that_comes_late_does_not_undo_a_newer_one(locator):
    await locator.seen(answered("results", at=LATER))
    await locator.seen(answered("medicines", empty=("results",), at=AT))

    pointer, = await where(locator, "p1")
    assert (pointer.sections, pointer.empty, pointer.seen_at) == (("results",), (), LATER)


async def test_an_answer_teaches_a_source_that_never_enrolled_the_person(locator):
    await locator.seen(answered("medicines"))

    pointer, = await where(locator, "p1")
    assert (pointer.sections, pointer.enrolled_at) == (("medicines",), "")


async def test_enrolling_again_keeps_what_answers_taught(locator):
    await locator.seen(answered("medicines"))
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p1"),)))

    assert (await where(locator, "p1"))[0].sections == ("medicines",)


async def test_the_sweep_counts_how_often_a_skipped_source_held_something(locator):
    assert await locator.swept(SweepAsked()) == Sweep(0, 0, "")

    await locator.seen(answered("medicines", skipped=True))
    await locator.seen(answered(empty=("medicines",), skipped=True, at=LATER))
    await locator.seen(answered(local_id="", skipped=True))
    await locator.seen(answered("medicines"))

    assert await locator.swept(SweepAsked()) == Sweep(3, 1, "2026-11-22")


async def test_a_source_that_knows_nobody_becomes_no_pointer(locator):
    await locator.seen(answered(local_id="", skipped=True))

    assert await where(locator, "p1") == ()


async def test_where_nothing_is_kept_no_second_statement_looks_for_copies(locator, monkeypatch):
    looked: list[int] = []

    async def copies_of(_: object, ids: list[str]) -> dict[str, dict[str, datetime]]:
        looked.append(len(ids))
        return {}

    monkeypatch.setattr(store, "copies_of", copies_of)
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p1"), Pointer("elm-bank", "2", "p2"))))

    first = await where(locator, "p1", "p2")
    async with locator.db.acquire() as db, db.transaction():
        await locator.hear(db, [sent("Observation", at=AT)])

    assert (len(first), looked) == (2, [])
    assert (len(await where(locator, "p1", "p2")), looked) == (2, [2])


async def test_what_was_learned_beside_an_enrolled_pointer_goes(locator):
    (cleaning,) = (Path(store.__file__).parent / "migrations").glob("*_learned_once.sql")
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p2"),)))
    await locator.seen(answered("medicines"))
    await locator.seen(answered("medicines", local_id="never enrolled"))

    await locator.db.execute(cleaning.read_text(encoding="utf-8"))

    assert [(each.local_id, each.patient) for each in await where(locator, "p1", "p2")] == [("1", "p2"), ("never enrolled", "p1")]


async def test_the_same_pointer_twice_in_one_batch_is_one(locator):
    twice = (*answered("medicines").seen, *answered("results", at=LATER).seen)

    assert (await locator.seen(SeenAsked(twice))).count == 1
    assert (await where(locator, "p1"))[0].sections == ("results",)


async def test_a_time_without_a_zone_is_refused(locator):
    with pytest.raises(NotUnderstood):
        await locator.seen(answered("medicines", at="2026-11-22T09:00:00"))


def sent(*types: str, at: str, source: str = "elm-bank", local_id: str = "1", method: str = "C") -> Event:
    lies = patient_id("elm-bank", local_id)
    changes = tuple((lies, type_, f"{type_}-1", 1, method) for type_ in types)
    body = msgspec.Raw(msgspec.json.encode(Kept("c1", "A81001", changes, "", source)))
    return Event("00000000-0000-4000-8000-000000000000", "Kept", datetime.fromisoformat(at), "holdings", body)


async def test_what_a_source_has_sent_since_it_answered_is_held_and_no_longer_said_to_be_empty(locator):
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p1"), Pointer("elm-bank", "2", "p3"))))
    await locator.seen(answered("medicines", empty=("allergies", "results", "problems")))

    async with locator.db.acquire() as db, db.transaction():
        await locator.hear(db, [sent("AllergyIntolerance", "Observation", at=LATER), sent("AllergyIntolerance", at=AT)])

    pointer, = await where(locator, "p1")
    assert pointer.sections == ("allergies", "medicines")
    assert pointer.empty == ("problems",), "an Observation may be a result: nobody can say any more that there is none"
    assert (await where(locator, "p3"))[0].sections == ()


async def test_a_later_answer_a_deletion_and_a_client_of_no_source_change_nothing(locator):
    await locator.learn(LearnAsked((Pointer("elm-bank", "1", "p1"),)))
    await locator.seen(answered(empty=("allergies", "problems", "procedures"), at=LATER))

    async with locator.db.acquire() as db, db.transaction():
        await locator.hear(db, [
            sent("AllergyIntolerance", at=AT), sent("Condition", at="2026-11-22T11:00:00.000Z", method="D"),
            sent("Procedure", at="2026-11-22T11:00:00.000Z", source=""),
        ])  # fmt: skip

    pointer, = await where(locator, "p1")
    assert (pointer.sections, pointer.empty) == ((), ("allergies", "problems", "procedures"))
