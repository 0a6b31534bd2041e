"""A clinician opens one record drawn from many systems, and every opening is written down before it is shown."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.actors import Reason
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.consent import OBJECT, WITHDRAW, ObjectAsked, WithdrawAsked
from carerecord.contracts.records import OPEN, Entry, OpenAsked, Record
from carerecord.kit.errors import CareRecordError, Unavailable
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import Serving
from carerecord.region.servers.running import running as region_running
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house, an_actor, sources_toml

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(cluster, tmp_path_factory.mktemp("walk-one"), nats_url=nats.url) as made:
        yield made


@pytest.fixture
def whole(one_house: Whole) -> Whole:
    """The house of this file, its sources behaving as usual and asked nothing yet."""
    for server in one_house.servers.values():
        server.reset()
        server.asked.clear()
    return one_house


async def test_one_record_is_drawn_from_many_systems_with_the_state_of_each(whole: Whole):
    *_, record = await whole.open("harold-singh")
    assert record.complete
    assert len({entry.source for section in record.sections for entry in section.entries}) >= 4
    registered = set(whole.servers) - {"harbour-sexual-health"}  # of which nobody is told but its own staff
    assert {state.source for state in record.states} == registered, "every source is named, whatever it said"
    for state in record.states:
        assert state.state, state.source


async def test_every_item_has_its_origin(whole: Whole):
    *_, record = await whole.open("harold-singh")
    entries = [entry for section in record.sections for entry in section.entries]
    assert entries
    for entry in entries:
        assert entry.facts.title
        for origin in entry.origins:
            assert origin.source in whole.servers
            assert origin.fetched_at


async def test_the_opening_is_in_the_book_and_names_who_when_why_and_which_sources(whole: Whole):
    *_, record = await whole.open("harold-singh")
    for _ in range(150):
        looks = await whole.calls.ask(LOOKS, LooksAsked(person=record.person.ids))
        if found := [line for line in looks.lines if line.id == record.opening]:
            break
        await asyncio.sleep(0.1)
    (line,) = found
    assert line.what == "record-opened"
    assert line.actor is not None
    assert line.actor.key == DR_NAIR.key
    assert line.reason == EMERGENCY.text
    assert set(line.sources) <= set(whole.servers)
    assert set(record.person.ids) & set(line.patients)


async def test_no_line_in_the_outbox_no_record(whole: Whole):
    patient = (await whole.find("harold-singh")).patient
    admin = await asyncpg.connect(whole.databases["records"])
    whole.servers["elm-bank"].set(Habit("silent"))
    began = time.perf_counter()
    try:
        await admin.execute("ALTER TABLE outbox RENAME TO outbox_gone")
        with pytest.raises(Unavailable):
            await anext(whole.calls.stream(OPEN, OpenAsked(DR_NAIR, patient, EMERGENCY)))
        assert time.perf_counter() - began < 2.5, "refused at the first paint, not after every deadline"
    finally:
        await admin.execute("ALTER TABLE outbox_gone RENAME TO outbox")
        await admin.close()


async def test_a_receptionist_is_sent_no_clinical_content_and_none_is_fetched(whole: Whole):
    *_, record = await whole.open("leanne-doyle", an_actor("receptionist"), Reason("administration", "Booking"))
    assert {section.id for section in record.sections if section.entries} <= {"appointments", "adjustments", "demographics"}
    asked = {
        each.path.split("/fhir/")[-1].split("/")[0].split("?")[0] for server in whole.servers.values() for each in server.asked
    }
    assert asked.isdisjoint({"MedicationRequest", "MedicationStatement", "Condition", "Observation", "AllergyIntolerance"}), asked


async def test_a_privacy_officer_opens_no_record(whole: Whole):
    with pytest.raises(CareRecordError) as caught:
        await whole.open("leanne-doyle", an_actor("privacy-officer"), Reason("privacy", "Looking into a complaint"))
    assert caught.value.facts.get("rule")


async def test_a_source_that_is_down_is_named_and_the_others_are_shown(whole: Whole):
    whole.servers["elm-bank"].set(Habit("status", status=503))
    *_, record = await whole.open("edith-marlow")
    states = {state.source: state.state for state in record.states}
    assert states["elm-bank"] == "no answer"
    assert record.allergies.title == "Allergies unavailable"
    assert any("apixaban" in entry.facts.title.lower() for section in record.sections for entry in section.entries)


async def test_a_source_that_answers_for_somebody_else_is_discarded_whole(whole: Whole):
    holding = next(each for each in whole.region.holdings["aldermoor-radiology"] if each.person == "colin-barker")
    other = next(each for each in whole.region.holdings["aldermoor-radiology"] if each.person != "colin-barker")
    whole.servers["aldermoor-radiology"].set(Habit("wrong-patient", patient=holding.patient_id, other=other.patient_id))
    *_, record = await whole.open("colin-barker")
    states = {state.source: state.state for state in record.states}
    assert states["aldermoor-radiology"] == "discarded"
    shown = {origin.source for section in record.sections for entry in section.entries for origin in entry.origins}
    assert "aldermoor-radiology" not in shown


async def test_an_objection_is_obeyed_at_the_next_opening_and_named(whole: Whole):
    gp, judge = an_actor("gp"), whole.house.calls("policy")
    *_, before = await whole.open("harold-singh")
    assert entries_of(before, "medicines")
    said = await judge.ask(OBJECT, ObjectAsked(gp, before.person.patient, "medicines"))
    asked_before = {key: len(server.asked) for key, server in whole.servers.items()}
    *_, record = await whole.open("harold-singh")
    assert not entries_of(record, "medicines")
    assert entries_of(record, "problems"), "and nothing else is hidden by it"
    asked = {each.path for key, server in whole.servers.items() for each in server.asked[asked_before[key] :]}
    assert not [path for path in asked if "Medication" in path], "what is withheld is not fetched either"
    assert {each.rule for each in record.withheld if each.section == "medicines"} == {"consent/objection"}
    states = {part.state for state in record.states for part in state.sections if part.section == "medicines"}
    assert states <= {"withheld", "not asked", "registered elsewhere"}
    assert "withheld" in states, "withheld, never an empty list"
    await judge.ask(WITHDRAW, WithdrawAsked(gp, said.id))
    *_, after = await whole.open("harold-singh")
    assert {each.key for each in entries_of(after, "medicines")} == {each.key for each in entries_of(before, "medicines")}


async def test_a_source_connected_by_dropping_a_file_is_asked_without_a_restart(whole: Whole):
    known = next(each for each in whole.region.systems if each.key == "quayside")
    clinic = replace(known, key="new-clinic", name="New Clinic", mark="NC", patient_system="https://new.example/Id")
    people = [replace(each, system="new-clinic") for each in whole.region.holdings["quayside"]]
    person = people[0].person
    file = whole.folder / "sources" / "new-clinic.toml"
    async with region_running([Serving(clinic, people, latency_s=0.0)]) as servers:
        file.write_text(sources_toml(replace(whole.region, systems=(clinic,)), servers), encoding="utf-8")
        (whole.folder / "secrets" / "new-clinic").write_text(servers["new-clinic"].secret, encoding="utf-8")
        try:
            assert "new-clinic" in await whole.registered(until=lambda names: "new-clinic" in names)
            await whole.enrol("new-clinic")
            *_, record = await whole.open(person)
            states = {state.source: state.state for state in record.states}
            assert states["new-clinic"] == "live"
            assert any("new-clinic" in {origin.source for origin in entry.origins} for entry in entries_of(record))
        finally:
            file.unlink()
    await whole.registered(until=lambda names: "new-clinic" not in names)
    *_, without = await whole.open(person)
    assert "new-clinic" not in {state.source for state in without.states}
    for _ in range(100):
        told = [line.states for line in (await whole.calls.ask(LOOKS, LooksAsked())).lines if line.what == "registry-changed"]
        if ("new-clinic added",) in told and ("new-clinic removed",) in told:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the change of the registry is not in the book")


def entries_of(record: Record, section: str = "") -> list[Entry]:
    return [entry for each in record.sections if section in ("", each.id) for entry in each.entries]
