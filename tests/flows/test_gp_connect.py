"""A record is opened with practices that answer GP Connect, found through the register and the directory, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from carerecord.app.postgres import Cluster
from carerecord.contracts.records import EXPAND, ExpandAsked, Record, Section, SectionState, SourceState
from carerecord.kit.errors import NotFound
from carerecord.region.organisations import KIRKGATE, QUAYSIDE
from carerecord.region.servers.habits import Habit
from carerecord.region.shapes import FhirJson, Holding, Region
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house
from tests.flows.a_spine import Practices, connect, connect_any, practices, registered_with

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
PERSON = "leanne-doyle"  # registered at Quayside, and known to other systems too


def in_transit(region: Region) -> Region:
    """Quayside's list of medicines says that the record is still on its way."""
    told = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ListWarningCode"

    def marked(holding: Holding) -> Holding:
        if holding.person != PERSON:
            return holding
        listed: FhirJson = {
            "resourceType": "List", "id": "transit", "extension": [{"url": told, "valueCode": "data-in-transit"}],
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "933361000000108"}]},
        }  # fmt: skip
        return replace(holding, resources=(*holding.resources, listed))

    return replace(region, holdings={**region.holdings, "quayside": tuple(map(marked, region.holdings["quayside"]))})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(
        cluster, tmp_path_factory.mktemp("gp"), people=30, systems=("fenwick-epr", "calder-vale", "aldermoor-epr"),
        changed=in_transit, settings={"records": {"sweep_share": "0", "register_a_second": "1000", "register_kept_s": "0"}},
    ) as made:  # fmt: skip
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spine(whole: Whole) -> AsyncIterator[Practices]:
    async with practices(whole.region, {"quayside": "emis", "kirkgate": "tpp"}) as made:
        connect(whole.folder, [each.system for each in made.servers.values()], made.directory.base)
        await whole.registered(until=lambda names: {"quayside", "kirkgate"} <= names)
        yield made


@pytest.fixture(autouse=True)
def usual(spine: Practices) -> None:
    for server in spine.servers.values():
        server.reset()
        server.asked.clear()


def state_of(record: Record, source: str) -> SourceState:
    return next(each for each in record.states if each.source == source)


def section_of(record: Record, source: str, section: str) -> SectionState:
    return next(each for each in state_of(record, source).sections if each.section == section)


def items(record: Record, section: str, source: str) -> list[str]:
    found: Section = next(each for each in record.sections if each.id == section)
    return [each.facts.title for each in found.entries if each.source == source]


async def test_the_registered_practice_is_found_through_register_and_directory_and_gives_its_record(
    whole: Whole, spine: Practices
):
    record = (await whole.open(PERSON))[-1]

    assert state_of(record, "quayside").state == "live"
    assert state_of(record, "quayside").count > 3
    assert items(record, "allergies", "quayside")
    assert {each.path.rpartition("/")[2] for each in spine.directory.asked} == {"Device", "Endpoint"}
    assert state_of(record, "kirkgate").state == "registered elsewhere"
    assert not spine.servers["kirkgate"].asked
    for type_, sent, shown, unreadable in record.tally:
        assert sent == shown + unreadable, type_


async def test_a_list_that_is_still_on_its_way_is_said_with_its_section_and_its_source(whole: Whole, spine: Practices):
    record = (await whole.open(PERSON))[-1]

    medicines = section_of(record, "quayside", "medicines")
    assert medicines.state == "incomplete"
    assert "transfer from previous GP practice not yet complete" in medicines.says
    assert section_of(record, "quayside", "allergies").state == "live"
    assert state_of(record, "quayside").warnings == ("data in transit",)
    assert any(each.rule == "gap/in-transit" and each.source == "quayside" for each in record.attention)


async def test_no_number_stands_in_an_address_that_the_practice_or_the_directory_is_asked_at(whole: Whole, spine: Practices):
    await whole.open(PERSON)

    number = whole.nhs_number(PERSON)
    for each in (*spine.servers["quayside"].asked, *spine.directory.asked):
        assert number not in each.path
        assert number not in str(each.query)


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [(404, "not given", "did not give a record"), (403, "withheld at source", "not to be shared")],
)
async def test_a_practice_that_gives_nothing_has_a_state_of_its_own_and_leaves_allergies_open(
    whole: Whole, spine: Practices, status: int, state: str, words: str
):
    spine.servers["quayside"].set(Habit("status", status=status))
    record = (await whole.open(PERSON))[-1]

    said = state_of(record, "quayside")
    assert (said.state, said.count) == (state, 0)
    assert words in said.says
    assert section_of(record, "quayside", "allergies").state == state
    assert record.allergies.title in ("Allergies unavailable", "Known allergies")
    assert record.allergies.incomplete
    assert any(each.source == "quayside" and each.kind == "gap" for each in record.attention)


async def test_an_item_is_shown_as_the_practice_sent_it(whole: Whole, spine: Practices):
    record = (await whole.open(PERSON))[-1]
    person = await whole.find(PERSON)
    allergy = next(
        each for section in record.sections if section.id == "allergies"
        for each in section.entries if each.source == "quayside"
    )  # fmt: skip
    asked = ExpandAsked(DR_NAIR, person.patient, EMERGENCY, "quayside", "AllergyIntolerance", allergy.facts.id)
    shown = None
    while shown is None:
        try:
            shown = await whole.calls.ask(EXPAND, asked)
        except NotFound:  # the locator is told of the practice just after the opening
            await asyncio.sleep(0.1)
    assert "CareConnect-GPC-AllergyIntolerance-1" in shown.body


async def test_when_a_person_changes_practice_the_next_opening_asks_the_new_one(whole: Whole, spine: Practices):
    moved = next(
        each.key for each in whole.region.people
        if each.practice == QUAYSIDE and each.key != PERSON and not each.restricted and not each.died
        and any(held.person == each.key for held in whole.region.holdings["fenwick-epr"])
        and any(held.person == each.key for held in whole.region.holdings["quayside"])
    )  # fmt: skip
    before = (await whole.open(moved))[-1]
    assert state_of(before, "quayside").state in ("live", "not recorded")
    assert state_of(before, "kirkgate").state == "registered elsewhere"

    registered_with(whole.region, moved, KIRKGATE)
    spine.servers["quayside"].set(Habit("no-match"))
    after = (await whole.open(moved))[-1]
    assert state_of(after, "kirkgate").state == "not given"  # it holds no chart of them yet, and says so
    assert spine.servers["kirkgate"].asked
    assert state_of(after, "quayside").state == "registered elsewhere"
    registered_with(whole.region, moved, QUAYSIDE)


async def test_one_table_for_any_practice_follows_a_person_from_one_to_the_next(whole: Whole, spine: Practices):
    connect_any(whole.folder, spine.directory.base)
    await whole.registered(until=lambda names: "gp" in names and "quayside" not in names)

    before = state_of((await whole.open(PERSON))[-1], "gp")
    assert (before.state, before.name, before.organisation) == ("live", "QUAYSIDE SURGERY", QUAYSIDE)

    registered_with(whole.region, PERSON, KIRKGATE)
    after = state_of((await whole.open(PERSON))[-1], "gp")
    assert after.state == "not given"
    assert len(spine.servers["kirkgate"].asked) == 1
    registered_with(whole.region, PERSON, QUAYSIDE)
