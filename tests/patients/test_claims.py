"""Whose is a message: a claim becomes an entry once, an older one changes nothing, and what cannot be believed waits."""

import asyncio
import itertools
from datetime import timedelta

import pytest
from tests.patients.people import a_desk, nhs, stated

from carerecord.contracts.patients import Claim, Demographics, Identifier, SourcePatient, TakeAsked, Taken
from carerecord.kit.db import open_pool
from carerecord.patients.claims import Taking

MARLOW = nhs(1)


async def take(desk, *claims: Claim) -> tuple[Taken, ...]:
    return await Taking(desk.index.enrolling).take(TakeAsked(claims))


async def test_a_claim_becomes_an_entry_and_the_same_claim_again_changes_nothing(desk):
    (first,) = await take(desk, Claim(stated("trust", "M1", number=MARLOW)))
    (again,) = await take(desk, Claim(stated("trust", "M1", number=MARLOW)))

    assert (first.outcome, again.outcome) == ("new", "unchanged")
    assert first.patient == again.patient
    assert first.person == (first.patient,)


async def test_a_claim_is_linked_to_whom_the_index_knows(desk):
    (known,) = await desk.enrol(stated("gp", "1", number=MARLOW))
    (taken,) = await take(desk, Claim(stated("trust", "M1", number=MARLOW)))

    assert (taken.outcome, set(taken.person)) == ("linked", {known.patient, taken.patient})


async def test_several_claims_of_one_number_in_one_call_keep_their_order(desk):
    one, two, three = await take(
        desk,
        Claim(stated("trust", "M1", phone="01632 960001"), recorded="2026-11-22T09:00:00+00:00"),
        Claim(stated("trust", "M1", phone="01632 960002"), recorded="2026-11-22T09:02:00+00:00"),
        Claim(stated("trust", "M1", phone="01632 960003"), recorded="2026-11-22T09:01:00+00:00"),
    )

    assert [each.outcome for each in (one, two, three)] == ["new", "changed", "late"]
    assert {one.patient, two.patient, three.patient} == {one.patient}
    assert (await desk.who(one.patient)).demographics.phone == "01632 960002"


async def test_when_a_source_said_it_is_remembered_of_what_is_new_of_what_changes_and_of_what_stays(desk):
    async def told(phone: str, hour: int) -> str:
        claim = Claim(stated("trust", "M1", phone=phone), recorded=f"2026-11-22T{hour:02}:00:00+00:00" if hour else "")
        return (await take(desk, claim))[0].outcome

    assert [await told("01632 960001", 8), await told("01632 960002", 7)] == ["new", "late"]
    assert [await told("01632 960003", 10), await told("01632 960004", 9)] == ["changed", "late"]
    assert [await told("01632 960003", 12), await told("01632 960005", 11)] == ["unchanged", "late"]
    assert [await told("01632 960006", 0), await told("01632 960007", 11)] == ["changed", "late"]


def since(local_id: str, given: str, hour: int) -> Claim:
    """Recorded at ten, of what has been said since that hour."""
    at = f"2026-11-21T{hour:02}:00:00+00:00" if hour else ""
    return Claim(stated("trust", local_id, given, number=MARLOW), recorded="2026-11-21T10:00:00+00:00", since=at)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_name_that_was_recorded_last_leads_in_whatever_order_the_two_are_heard_of(desk, order):
    told = [since("M1", "Edith", 8), since("M1", "Edith", 6), since("M2", "Edie", 7)]
    for each in order:
        desk.clock.at += timedelta(hours=1)
        (taken,) = await take(desk, told[each])
    await take(desk, since("M1", "Edith", 6))

    assert (await desk.who(taken.patient)).demographics.names[0].given == ("Edie",)


@pytest.mark.parametrize("first", [1, 2])
async def test_of_two_names_of_one_moment_that_of_the_lower_number_leads_whichever_was_heard_of_first(desk, first):
    for number in (first, 3 - first):
        (taken,) = await take(desk, since(f"M{number}", "Edith" if number == 1 else "Edie", 8))

    assert (await desk.who(taken.patient)).demographics.names[0].given == ("Edith",)


async def test_where_nobody_says_since_when_the_name_that_was_heard_last_leads(desk):
    for number, given in ((2, "Edith"), (1, "Edie"), (2, "Edythe")):
        desk.clock.at += timedelta(hours=1)
        (taken,) = await take(desk, since(f"M{number}", given, 0))
    desk.clock.at += timedelta(hours=1)
    await take(desk, since("M1", "Edie", 0))

    assert (await desk.who(taken.patient)).demographics.names[0].given == ("Edythe",)


async def test_another_number_of_somebody_is_no_news_of_their_name(desk):
    await take(desk, since("M1", "Edith", 8), since("M2", "Edie", 7))
    bare = SourcePatient("trust", "M2", (Identifier("urn:visit", "V1"),), Demographics())
    (taken,) = await take(desk, Claim(bare, partial=True))

    assert taken.outcome == "changed"
    assert (await desk.who(taken.patient)).demographics.names[0].given == ("Edith",)


async def test_a_number_that_is_used_for_somebody_else_waits_and_nothing_is_taken_over(desk):
    (first,) = await take(desk, Claim(stated("trust", "M1")))
    (waits,) = await take(desk, Claim(stated("trust", "M1", given="Hamza", family="Iqbal", born="2001-07-09", gender="male")))

    assert (waits.outcome, waits.patient) == ("waits", "")
    assert "somebody else" in waits.say
    assert (await desk.who(first.patient)).demographics.names[0].family == "Marlow"


async def test_claims_of_the_same_people_through_two_pools_at_once_end_with_one_person_for_each(service_database):
    dsn = (await service_database("patients")).dsn
    pools = [await open_pool(dsn, service="patients") for _ in range(2)]
    numbers = [nhs(each) for each in range(1, 13)]
    try:
        desks = {f"s{place}": a_desk(pool) for place, pool in enumerate(pools)}
        told = [take(desk, Claim(stated(source, number, number=number))) for number in numbers for source, desk in desks.items()]
        taken = [each for (each,) in await asyncio.gather(*told)]
        sets = await pools[0].fetch("SELECT count(*) AS ids FROM link WHERE until IS NULL GROUP BY person")
    finally:
        for pool in pools:
            await pool.close()

    assert [row["ids"] for row in sets] == [2] * len(numbers)
    assert sorted(each.outcome for each in taken) == ["linked"] * len(numbers) + ["new"] * len(numbers)


async def test_a_message_without_its_senders_number_waits(desk):
    (waits,) = await take(desk, Claim(stated("trust", "")))
    assert (waits.outcome, waits.person) == ("waits", ())


async def test_an_unknown_man_is_an_entry_of_his_own_and_is_named_later(desk):
    alias = {"given": "Unknown Male", "family": "Kilo", "born": "1900-01-01", "gender": "male"}
    first, second = await take(desk, Claim(stated("ed", "1", **alias)), Claim(stated("ed", "2", **alias)))
    (named,) = await take(desk, Claim(stated("ed", "1", given="John", family="Smith", born="1970-02-03", gender="male")))

    assert first.person == (first.patient,)
    assert second.person == (second.patient,)
    assert (named.outcome, named.patient) == ("changed", first.patient)


async def test_what_a_message_leaves_empty_is_kept_and_what_it_clears_is_emptied(desk):
    (first,) = await take(desk, Claim(stated("trust", "M1", number=MARLOW, phone="01632 960001", postcode="QX1 4AB")))
    await take(desk, Claim(stated("trust", "M1", family="Hart", postcode="QX2 1AA"), partial=True, cleared=("phone",)))

    who = (await desk.who(first.patient)).demographics
    assert (who.nhs_number, who.names[0].family, who.postcode, who.phone) == (MARLOW, "Hart", "QX2 1AA", "")


async def test_what_its_source_took_back_is_found_by_nothing_and_stays_where_objections_lie(desk):
    known, = await desk.enrol(stated("gp", "1", number=MARLOW))
    taken, = await take(desk, Claim(stated("trust", "M1", number=MARLOW, local="M1", postcode="ZZ4 1AA")))
    gone, again = await take(desk, *[Claim(SourcePatient("trust", "M1", (), Demographics()))] * 2)
    person = await desk.who(known.patient)

    assert (gone.patient, gone.outcome, again.outcome) == (taken.patient, "changed", "unchanged")
    assert set(person.ids) == {known.patient, taken.patient}, "what was said under either id is said of this person"
    assert (person.known_by, [each.source for each in person.statements]) == (("gp",), ["gp"])
    assert [each.source for each in person.left] == ["trust"]
    assert person.identifiers == ()
    assert (await desk.search("M1")).matches == ()


async def test_a_number_that_was_taken_back_and_is_given_to_somebody_else_is_theirs(desk):
    known, = await desk.enrol(stated("gp", "1", number=MARLOW))
    await take(desk, Claim(stated("trust", "M1", number=MARLOW)))
    await take(desk, Claim(SourcePatient("trust", "M1", (), Demographics())))
    somebody, = await take(desk, Claim(stated("trust", "M1", given="Hamza", family="Iqbal", born="2001-07-09", gender="male")))

    assert somebody.person == (somebody.patient,)
    assert (await desk.who(known.patient)).known_by == ("gp",)
    assert (await desk.who(known.patient)).left == (), "whose number it is now has left nobody"


async def test_nobody_comes_into_the_index_by_being_taken_back(desk):
    nobody, = await take(desk, Claim(SourcePatient("trust", "never seen", (), Demographics())))

    assert (nobody.patient, nobody.outcome) == ("", "unchanged")
    assert await desk.db.fetchval("SELECT count(*) FROM patient") == 0
