"""Whom does the index call restricted, in an order that nobody can miss, and when is it in force?"""

import asyncio
import time
from importlib.resources import files

import pytest
from tests.patients.people import DR_NAIR, Desk, nhs, stated

from carerecord.contracts.patients import Demographics, Name, PartAsked, TracedAsked
from carerecord.contracts.restricted import EntriesAsked, Protected, Restricted, RestrictedAsked
from carerecord.patients import protecting
from carerecord.patients.protecting import restricted


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protecting, "GOOD_FOR_S", 0.01)


async def told(desk: Desk, after: int = 0, most: int = 500) -> Restricted:
    return await restricted(RestrictedAsked(after, most), desk.db)


async def test_who_is_restricted_is_told_with_every_number_and_every_entry_of_the_set(desk: Desk):
    await desk.enrol(stated("gp", "1", number=nhs(1)), stated("trust", "2", number=nhs(2)))
    assert (await told(desk)).people == ()
    who, other = await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True), stated("trust", "3", number=nhs(1)))
    assert (await desk.who(other.patient)).demographics.restricted
    answer = await told(desk)
    assert answer.people == (Protected(who.patient, (nhs(1),), (("gp", "1"), ("trust", "3"))),)
    assert (await told(desk, answer.upto)).people == ()


async def test_their_sources_are_told_to_those_who_read_the_book_and_to_nobody_who_asks_who_it_is(desk: Desk):
    who, _ = await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True), stated("trust", "3", number=nhs(1)))
    assert await desk.index.entries(EntriesAsked(who.patient)) == (("gp", "1"), ("trust", "3"))
    assert {each.source for each in (await desk.who(who.patient)).statements} == {""}
    assert await desk.index.entries(EntriesAsked("nobody")) == ()


async def test_the_pds_is_enough(desk: Desk):
    (who,) = await desk.enrol(stated("gp", "1", number=nhs(1), status="02"))
    found = Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", nhs(1), "01", restricted=True)
    await desk.tracing.traced(TracedAsked(who.patient, "verified", found))
    (pds,) = (await told(desk)).people
    assert (pds.numbers, pds.entries) == ((nhs(1),), (("gp", "1"),)), "the PDS's own entry is no source's"


async def test_one_who_is_linked_later_and_one_who_is_parted_are_told_anew(desk: Desk):
    (who,) = await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True))
    first = await told(desk)
    (late,) = await desk.enrol(stated("trust", "2", number=nhs(1)))
    second = await told(desk, first.upto)
    assert [each.entries for each in second.people] == [(("gp", "1"), ("trust", "2"))]
    await desk.index.part(PartAsked(late.patient, actor=DR_NAIR))
    assert [each.entries for each in (await told(desk, second.upto)).people] == [(("gp", "1"),)]
    assert who.patient == second.people[0].patient


async def test_who_is_restricted_no_more_is_told_so(desk: Desk):
    (who,) = await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True))
    upto = (await told(desk)).upto
    await desk.enrol(stated("gp", "1", number=nhs(1)))
    assert (await told(desk, upto)).people == (Protected(who.patient),)
    assert (await told(desk)).people == (Protected(who.patient),), "told from the beginning too"


async def test_it_is_answered_once_nobody_relies_on_anything_older_and_others_wait_for_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(protecting, "GOOD_FOR_S", 1.0)
    begun = time.monotonic()
    enrolling = asyncio.create_task(desk.enrol(stated("gp", "1", number=nhs(1), restricted=True)))
    while not (await told(desk)).people:
        await asyncio.sleep(0.01)
    assert not enrolling.done(), "it is heard before it is answered"
    known = time.monotonic()
    await enrolling
    assert time.monotonic() - known > 0.3
    assert time.monotonic() - begun > 1.0
    monkeypatch.setattr(protecting, "GOOD_FOR_S", 600)
    async with asyncio.timeout(20):
        await desk.enrol(stated("gp", "2", number=nhs(2)))
        await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True))


async def test_many_are_heard_in_steps_and_an_index_that_was_restored_tells_all_anew(desk: Desk):
    await desk.enrol(*(stated("gp", str(each), number=nhs(each), restricted=True) for each in range(1, 6)))
    heard, upto = [], 0
    while (step := await told(desk, upto, 2)).people:
        heard += [each.patient for each in step.people]
        upto = step.upto
    assert len(set(heard)) == len(heard) == 5
    assert len((await told(desk, upto + 1_000)).people) == 5


async def test_who_was_restricted_before_this_was_kept_is_told_after_the_upgrade(desk: Desk):
    named = stated("gp", "2", '"restricted":true', number=nhs(2))
    who, *_ = await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True), named)
    await desk.db.execute("UPDATE patient SET restricted = false, restricted_told = NULL")
    assert (await told(desk)).people == ()
    await desk.db.execute(files("carerecord.patients").joinpath("migrations/0007_restricted_before.sql").read_text())
    assert [each.patient for each in (await told(desk)).people] == [who.patient]
