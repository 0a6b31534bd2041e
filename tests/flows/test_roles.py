"""Does each kind of professional get what the rules say, from the sources up? No more is fetched, and no more arrives."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.actors import Reason
from carerecord.contracts.records import Record
from carerecord.kit.errors import CareRecordError
from tests.flows.a_house import Whole, a_whole_house, an_actor

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
CLINIC = "harbour-sexual-health"
SYSTEMS = (
    "elm-bank", "quayside", "aldermoor-epr", "aldermoor-anticoagulation", "aldermoor-pathology", "aldermoor-community",
    "aldermoor-council", "hartley-pharmacy", CLINIC,
)  # fmt: skip
PHARMACY = {"alerts", "adjustments", "allergies", "medicines", "problems", "results", "immunisations", "demographics"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    folder = tmp_path_factory.mktemp("roles")
    async with a_whole_house(cluster, folder, nats_url=nats.url, systems=SYSTEMS) as made:
        yield made


@pytest.fixture
def whole(one_house: Whole) -> Whole:
    """The house of this file, its sources asked nothing yet."""
    for server in one_house.servers.values():
        server.reset()
        server.asked.clear()
    return one_house


def asked_types(whole: Whole) -> set[str]:
    """The FHIR types that any source was asked for."""
    paths = (each.path for server in whole.servers.values() for each in server.asked)
    return {each.split("/fhir/")[-1].split("/")[0].split("?")[0] for each in paths}


def filled(record: Record) -> set[str]:
    return {section.id for section in record.sections if section.entries}


async def test_a_community_pharmacist_is_given_medicines_and_no_letters_contacts_or_plans(whole: Whole):
    reason = Reason("direct-care", "Checking a prescription")
    *_, record = await whole.open("harold-singh", an_actor("community-pharmacist"), reason)
    assert {"medicines", "results", "problems"} <= filled(record)
    assert filled(record) <= PHARMACY
    assert asked_types(whole).isdisjoint({"DocumentReference", "Encounter", "CarePlan", "Consent", "CareTeam", "Appointment"})


async def test_a_social_worker_is_given_contacts_and_no_word_of_a_medicine(whole: Whole):
    *_, record = await whole.open("edith-marlow", an_actor("social-worker"), Reason("safeguarding", "Third fall this year"))
    assert "encounters" in filled(record)
    assert "alerts" not in filled(record)
    assert b"apixaban" not in msgspec.json.encode(record).lower()
    assert asked_types(whole).isdisjoint({"MedicationRequest", "MedicationStatement", "AllergyIntolerance", "DiagnosticReport"})


async def test_a_data_quality_officer_is_given_who_somebody_is_and_no_source_is_asked_for_anything(whole: Whole):
    *_, record = await whole.open("harold-singh", an_actor("data-quality-officer"), Reason("administration", "One person or two"))
    assert record.person.demographics.birth_date
    assert filled(record) == set()
    assert asked_types(whole) == set()


@pytest.mark.parametrize(
    ("role", "rule"),
    [("clinical-safety-officer", "clinical-safety-officer/no-record"), ("privacy-officer", "privacy-officer/book-only")],
)
async def test_who_watches_over_the_platform_opens_no_record(whole: Whole, role: str, rule: str):
    with pytest.raises(CareRecordError) as caught:
        await whole.open("harold-singh", an_actor(role), Reason("direct-care", "To see how it looks"))
    assert caught.value.facts.get("rule") == rule
    assert asked_types(whole) == set()


@pytest.mark.parametrize("role", ["emergency-doctor", "gp", "midwife"])
async def test_nobody_elsewhere_is_told_of_the_sexual_health_clinic(whole: Whole, role: str):
    assert CLINIC in whole.servers
    *_, record = await whole.open("harold-singh", an_actor(role), Reason("emergency", "Found unconscious"))
    assert CLINIC not in {each.source for each in record.states}
    assert [each.rule for each in record.unnamed] == ["sensitive/sexual-health"]
    assert whole.servers[CLINIC].asked == []
