"""Who might this be: grades that a client can act on, and nothing linked by asking."""

import pytest
from tests.patients.people import nhs, stated

from carerecord.contracts.patients import KnownAsAsked, MatchAsked, ReviewsAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.errors import NotFound
from carerecord.patients.asking import Asking
from carerecord.patients.store import likeness

HOME = {"address": "14 Station Road", "postcode": "QX1 4AB"}


async def match(desk, claim, **more):
    return (await Asking(desk.db).match(MatchAsked(claim, **more))).candidates


async def test_who_would_be_linked_is_certain_and_a_namesake_is_possible_at_most(desk):
    edith, joan, namesake = await desk.enrol(
        stated("gp", "1", number=nhs(1), **HOME),
        stated("gp", "2", given="Joan", born="1950-06-01", number=nhs(2), **HOME),
        stated("gp", "3", born="1948-03-15", number=nhs(3), address="3 Mill Lane", postcode="QX9 1ZZ"),
    )
    found = await match(desk, stated("", "", given="Edie", **HOME))

    assert (found[0].person.patient, found[0].grade) == (edith.patient, "certain")
    assert found[0].score > 0.99
    assert ("address", "same") in {(each.fact, each.how) for each in found[0].why}
    assert joan.patient not in {each.person.patient for each in found}
    assert {each.grade for each in found if each.person.patient == namesake.patient} <= {"possible", "probable"}


async def test_only_certain_matches_is_one_or_nobody(desk):
    await desk.enrol(stated("gp", "1", **HOME), stated("gp", "2", given="Edith Rose", **HOME))
    assert await match(desk, stated("", "", **HOME), certain=True) == (), "two fit: nobody is certain"
    (first,) = await match(desk, stated("", "", **HOME), most=1)
    assert first.grade != "certain", "two fit, though one is asked for"


@pytest.mark.parametrize("change", ["linked", "parted"])
async def test_who_is_linked_or_parted_while_somebody_asks_is_told_as_they_are(desk, monkeypatch, change):
    one, other = await desk.enrol(stated("gp", "1", number=nhs(1), **HOME), stated("trust", "2", number=nhs(1), **HOME))
    asked = likeness.alike

    async def then_changed(db, keys):
        found = await asked(db, keys)
        if await desk.db.fetchval("SELECT count(*) FROM link WHERE person = 'elsewhere'") == 0:
            moved = [one.patient, other.patient] if change == "linked" else [one.patient]
            await desk.db.execute("UPDATE link SET person = 'elsewhere' WHERE patient = ANY ($1)", moved)
        return found

    monkeypatch.setattr(likeness, "alike", then_changed)
    found = await match(desk, stated("", "", number=nhs(1), **HOME))
    told = {each.person.ids for each in found}
    assert told == ({(one.patient, other.patient)} if change == "linked" else {(one.patient,), (other.patient,)})


async def test_asking_links_nothing(desk):
    (edith,) = await desk.enrol(stated("gp", "1", number=nhs(1), **HOME))
    await match(desk, stated("trust", "M1", number=nhs(1), **HOME))
    assert (await desk.who(edith.patient)).ids == (edith.patient,)
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_a_claim_that_says_nothing_is_told_what_to_add(desk):
    answer = await Asking(desk.db).match(MatchAsked(stated("", "", given="Unknown", family="Unknown", born="1900-01-01")))
    assert (answer.candidates, answer.say[:8]) == ((), "Say more")


async def test_a_restricted_person_is_matched_by_number_and_birth_date_alone(desk):
    await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True, **HOME))
    assert await match(desk, stated("", "", **HOME)) == ()
    (found,) = await match(desk, stated("", "", number=nhs(1), **HOME))
    assert (found.person.demographics.address, found.person.known_by) == ("", ())


async def test_a_number_leads_to_the_others_of_its_bearer(desk):
    gp, _ = await desk.enrol(stated("gp", "1", number=nhs(1), local="G1"), stated("trust", "2", number=nhs(1), local="T2"))
    found = await Asking(desk.db).known_as(KnownAsAsked("https://trust.test/Id", "T2"))
    only = await Asking(desk.db).known_as(KnownAsAsked(NHS_NUMBER, nhs(1), ("https://gp.test/Id",)))

    assert {each.value for each in found.identifiers} == {nhs(1), "G1", "T2"}
    assert gp.patient in found.ids
    assert [each.value for each in only.identifiers] == ["G1"]
    with pytest.raises(NotFound):
        await Asking(desk.db).known_as(KnownAsAsked("https://gp.test/Id", "T2"))


async def test_no_score_tells_whether_a_claim_says_rightly_where_a_restricted_person_is(desk):
    await desk.enrol(stated("gp", "1", number=nhs(1), restricted=True, **HOME))
    claims = [stated("", "", number=nhs(1), **place) for place in ({}, HOME, {"address": "9 Far Lane", "postcode": "ZE1 0AA"})]
    found = [(await match(desk, claim))[0] for claim in claims]
    assert len({(each.grade, each.score, each.bits, each.why) for each in found}) == 1
