"""The desk: who, where, may I, gather, merge, written down; and what happens when a neighbour is silent."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from carerecord.contracts.actors import Reason
from carerecord.contracts.locator import WhereAsked
from carerecord.contracts.permit import Withheld
from carerecord.contracts.policy import MayAsked
from carerecord.contracts.records import AgainAsked, AttendingAsked, ExpandAsked, OpenAsked
from carerecord.kit.errors import NotFound, Refused, Unavailable
from carerecord.records.relationship import relationship
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import Serving
from tests.records.a_desk import (
    A_GP,
    CARE,
    DR_NAIR,
    EDITH,
    NHS_NUMBER,
    a_world,
    allergy,
    chart,
    no_known_allergies,
    problem,
    section,
    serving,
    state,
    titles,
)


def gp() -> Serving:
    return serving("gp", chart("g1", problem("c1", "g1", "Asthma"), allergy("a1", "g1")))


def trust() -> Serving:
    return serving("trust", chart("t1", problem("c2", "t1", "Gout"), no_known_allergies("n1", "t1")))


async def test_one_record_of_two_sources_with_every_origin():
    async with a_world(gp(), trust()) as world:
        record = await world.last()

    assert sorted(titles(record, "problems")) == ["Asthma", "Gout"]
    assert {entry.source for entry in section(record, "problems").entries} == {"gp", "trust"}
    assert [(each.source, each.state) for each in record.states] == [("gp", "live"), ("trust", "live")]
    assert record.allergies.title == "Known allergies"
    assert record.complete


async def test_the_line_is_in_the_book_before_the_first_chunk_and_names_who_was_asked():
    async with a_world(gp(), trust()) as world:
        stream = world.desk.open(OpenAsked(DR_NAIR, "p1", CARE))
        record = await anext(stream)
        (line,) = world.outbox.lines
        await stream.aclose()

    assert (line.what, line.actor, line.patients, line.sources) == ("record-opened", DR_NAIR, ("p1",), ("gp", "trust"))
    assert line.id == record.opening
    assert set(line.states) == {"gp=live", "trust=live"}
    assert len(line.digest) == 64


async def test_no_line_in_the_book_no_record():
    async with a_world(gp()) as world:
        world.outbox.broken = True
        with pytest.raises(Unavailable):
            await world.open()


async def test_with_policy_silent_nothing_is_asked_of_anybody():
    async with a_world(gp()) as world:
        world.neighbours.down = {"policy"}
        with pytest.raises(Refused) as refusal:
            await world.open()
        asked = world.servers["gp"].asked

    assert refusal.value.facts["rule"] == "policy/unavailable"
    assert asked == []
    assert [line.outcome for line in world.outbox.lines] == ["refused"]


async def test_with_consent_silent_the_refusal_says_that_it_was_consent():
    async with a_world(gp()) as world:
        world.neighbours.refusal = Unavailable("What the patient has said cannot be known.", service="consent")
        with pytest.raises(Refused) as refusal:
            await world.open()

    assert refusal.value.facts["rule"] == "consent/unavailable"
    assert refusal.value.says == "What the patient has said cannot be known."


async def test_a_source_is_not_asked_again_for_types_that_it_does_not_offer():
    async with a_world(gp()) as world:
        await world.last()
        first = {each.path for each in world.servers["gp"].asked}
        await asyncio.sleep(0.1)
        world.servers["gp"].asked.clear()
        record = await world.last()
        second = {each.path for each in world.servers["gp"].asked}

    assert second < first
    assert titles(record, "problems") == ["Asthma"]


async def test_a_refusal_is_written_down():
    async with a_world(gp()) as world:
        world.neighbours.refusal = Refused("No.", rule="relationship/1")
        with pytest.raises(Refused):
            await world.open()

    assert [(line.what, line.rule) for line in world.outbox.lines] == [("refused", "relationship/1")]


async def test_with_the_locator_silent_everyone_who_can_be_asked_is_asked_and_the_record_says_so():
    async with a_world(gp(), trust(), unknown=("trust",)) as world:
        world.neighbours.down = {"locator"}
        record = await world.last(A_GP)

    assert sorted(titles(record, "problems")) == ["Asthma", "Gout"]
    assert any(each.rule == "gap/locator" for each in record.attention)


async def test_with_the_index_silent_a_treating_role_opens_by_exact_number_and_others_do_not():
    async with a_world(gp(), trust()) as world:
        world.neighbours.down = {"patients", "locator"}
        record = await world.last(nhs_number=NHS_NUMBER, birth_date="1948-06-19")
        with pytest.raises(Unavailable):
            await world.open()
        with pytest.raises(Unavailable):
            await world.open(nhs_number="9990000019", birth_date="1948-06-19")

    assert sorted(titles(record, "problems")) == ["Asthma", "Gout"]
    assert any(each.rule == "gap/index" for each in record.attention)


async def test_what_may_not_be_seen_is_not_fetched():
    async with a_world(gp()) as world:
        world.neighbours.withheld = tuple(
            Withheld("", each, "role/1", "Not for this role.", "not-permitted")
            for each in ("problems", "medicines", "observations", "encounters", "plans")
        )
        record = await world.last()
        fetched = {each.path.rsplit("/fhir/", 1)[-1].split("/")[0] for each in world.servers["gp"].asked}

    assert fetched - {"metadata"} == {"Patient", "AllergyIntolerance", "List"}
    assert titles(record, "problems") == []
    assert next(each for each in state(record, "gp").sections if each.section == "problems").state == "not permitted"


async def test_what_is_sent_though_it_was_not_asked_for_is_dropped_and_counted():
    held = gp()
    (holding,) = held.holdings
    written = json.dumps(
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in holding.resources]}
    )
    careless = Serving(held.system, held.holdings, latency_s=0, prepared={"*": written.encode()})
    async with a_world(careless) as world:
        world.change("gp", asks="everything")
        world.neighbours.withheld = (Withheld("", "problems", "consent/2", "The patient does not want this shown."),)
        record = await world.last()

    assert titles(record, "problems") == []
    assert titles(record, "allergies") == ["Penicillin"]
    assert next(each for each in state(record, "gp").sections if each.section == "problems").state == "withheld"
    assert ("Condition", 1, 0, 0) in record.tally


async def test_a_source_that_shows_no_sign_of_knowing_is_not_asked_by_a_gp_and_is_by_an_emergency_doctor():
    async with a_world(gp(), trust(), unknown=("trust",)) as world:
        planned = await world.last(A_GP)
        urgent = await world.last(DR_NAIR)

    assert state(planned, "trust").state == "not asked"
    assert "trust" in section(planned, "problems").missing
    assert state(urgent, "trust").state == "live"


async def test_a_source_that_was_not_asked_can_be_asked_anyway():
    async with a_world(gp(), trust(), unknown=("trust",)) as world:
        record = await world.last(A_GP)
        asked_before = len(world.servers["gp"].asked)
        again = (await world.again(record, "trust", A_GP))[-1]

        assert len(world.servers["gp"].asked) == asked_before
    assert sorted(titles(again, "problems")) == ["Asthma", "Gout"]
    assert [line.what for line in world.outbox.lines] == ["record-opened", "source-retried"]
    assert world.outbox.lines[1].sources == ("trust",)


async def test_a_retry_has_a_permit_of_its_own_and_obeys_it():
    async with a_world(gp(), trust()) as world:
        record = await world.last()
        world.neighbours.withheld = (Withheld("gp", "problems", "consent/2", "The patient does not want this shown."),)
        again = (await world.again(record, "trust"))[-1]

    assert titles(again, "problems") == ["Gout"]
    assert len([each for each in world.neighbours.asked if isinstance(each, MayAsked)]) == 2


async def test_another_users_opening_is_not_at_hand():
    async with a_world(gp(), trust()) as world:
        record = await world.last(DR_NAIR)
        before = len(world.servers["gp"].asked)
        await world.again(record, "trust", A_GP)

        assert len(world.servers["gp"].asked) > before


async def test_the_title_turns_to_known_allergies_when_the_silent_practice_answers():
    async with a_world(gp(), trust()) as world:
        world.servers["gp"].set(Habit("status", openings=1))
        record = await world.last(request="first-opening")
        question = AgainAsked(DR_NAIR, "p1", CARE, "gp", record.opening, "second-opening")
        again = [chunk async for chunk in world.desk.again(question)][-1]

    assert record.allergies.title == "Allergies unavailable"
    assert again.allergies.title == "Known allergies"
    assert again.allergies.announce == "Allergies unavailable has become Known allergies"


async def test_one_request_id_goes_from_page_to_every_source():
    async with a_world(gp(), trust()) as world:
        await world.last(request="page-request-1")
        seen = {each.headers["x-request-id"] for server in world.servers.values() for each in server.asked}

    assert seen == {"page-request-1"}
    assert world.outbox.lines[0].request == "page-request-1"


async def test_no_nhs_number_stands_in_any_address():
    async with a_world(gp(), trust(), unknown=("trust",)) as world:
        await world.last()
        asked = [each for server in world.servers.values() for each in server.asked]

    assert asked
    assert not any(NHS_NUMBER in f"{each.path}?{each.query}" for each in asked)


async def test_an_item_is_expanded_as_its_source_holds_it_with_a_line_of_its_own():
    async with a_world(gp()) as world:
        await world.last()
        expanded = await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, "gp", "Condition", "c1"))
        with pytest.raises(NotFound):
            await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, "gp", "Condition", "c99"))

    assert '"text": "Asthma"' in expanded.body
    assert world.outbox.lines[-1].what == "item-expanded"


async def test_a_reader_quicker_than_the_locator_sees_the_item_of_a_source_that_was_asked_as_a_stranger():
    async with a_world(gp(), unknown=("gp",)) as world:
        asked = ExpandAsked(DR_NAIR, "p1", CARE, "gp", "Condition", "c1")
        expanded = await world.reader.expand(asked)
        world.change("gp", address="http://127.0.0.1:9/fhir")
        with pytest.raises(Unavailable):
            await world.reader.expand(asked)

    assert '"text": "Asthma"' in expanded.body


async def test_an_item_of_a_source_that_answers_about_somebody_else_or_several_is_not_expanded():
    born = serving("born", chart("g1", problem("c1", "g1"), born="1960-01-01"))
    twice = serving("twice", chart("g1", problem("c1", "g1")), chart("g2", problem("c2", "g2")))
    async with a_world(born, twice, unknown=("born", "twice")) as world:
        for each in ("born", "twice"):
            with pytest.raises(NotFound):
                await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, each, "Condition", "c1"))


async def test_an_item_of_another_person_cannot_be_expanded():
    two = serving("gp", chart("g1", problem("c1", "g1")), chart("g2", problem("c2", "g2", "Epilepsy"), number=""))
    async with a_world(two) as world:
        with pytest.raises(NotFound):
            await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, "gp", "Condition", "c2"))


async def test_a_current_attendance_at_the_users_own_organisation_is_seen_and_believed_once_it_returns():
    here = {
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": {"reference": "Patient/t1"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"},
        "period": {"start": "2026-11-22T09:10:00Z"}, "reasonCode": [{"text": "Fall"}],
    }  # fmt: skip
    async with a_world(serving("trust", chart("t1", here))) as world:
        seen = (await world.reader.attending(AttendingAsked(DR_NAIR, "p1"))).attendance
        key = world.desk.attendance_key

    assert seen is not None
    assert seen.what == "Emergency department"
    shown, forged = Reason("direct-care", attendance=seen), Reason("direct-care", attendance=replace(seen, until=9e9))
    now = seen.until - 1
    assert relationship(DR_NAIR, EDITH, shown, key=key, now=now) == "attending"
    assert relationship(DR_NAIR, EDITH, shown, key=key, now=seen.until + 1) == "none"
    assert relationship(A_GP, EDITH, shown, key=key, now=now) == "registered"
    assert relationship(DR_NAIR, EDITH, forged, key=key, now=now) == "none"


async def test_numbers_of_what_was_sent_and_shown_are_kept_by_source_and_type():
    broken = problem("broken", "g1") | {"code": "not a concept"}
    async with a_world(serving("gp", chart("g1", problem("c1", "g1"), broken))) as world:
        await world.last()
        counts = {(each.source, each.resource_type): (each.sent, each.shown, each.unreadable) for each in world.desk.counts.all()}

    assert counts["gp", "Condition"] == (2, 1, 1)


async def test_the_locator_is_asked_with_the_whole_set_of_ids():
    async with a_world(gp()) as world:
        await world.last()

    assert [each for each in world.neighbours.asked if isinstance(each, WhereAsked)] == [WhereAsked(("p1", "p2"))]


async def test_the_locator_learns_what_each_source_held():
    async with a_world(gp()) as world:
        await world.last()
        telling = asyncio.create_task(world.desk.teacher.tell())
        while not world.neighbours.seen:
            await asyncio.sleep(0.01)
        telling.cancel()

    (seen,) = world.neighbours.seen
    assert (seen.source, seen.local_id, set(seen.sections)) == ("gp", "g1", {"allergies", "problems"})
    assert "medicines" in seen.empty
