"""A whole house with a community system that speaks its own JSON, and a registry that speaks XDS.b."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from carerecord.app.postgres import Cluster
from carerecord.contracts.records import EXPAND, ExpandAsked, Record
from carerecord.contracts.sources import PROBE, ProbeAsked
from tests.connectors import contract
from tests.connectors.played_documents import LETTER, REPOSITORY, XDS
from tests.connectors.played_json import RIVERMEAD, mapping
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
PERSON = "edith-marlow"
Sources = dict[str, contract.World]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(cluster, tmp_path_factory.mktemp("others"), people=30, systems=("elm-bank",)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def others(whole: Whole) -> AsyncIterator[Sources]:
    edith = next(each for each in whole.region.people if each.key == PERSON)
    async with AsyncExitStack() as stack:
        held = {"number": edith.nhs_number, "born": edith.born.isoformat()}
        json_api = await stack.enter_async_context(contract.a_world(RIVERMEAD, **held))
        registry = await stack.enter_async_context(contract.a_world(XDS, **held))
        folder = whole.folder / "sources"
        (folder / "mappings").mkdir()
        (folder / "mappings" / "rivermead.toml").write_text(mapping("rivermead"), encoding="utf-8")
        (folder / "others.toml").write_text(tables(json_api.listener.address, registry.listener.address), encoding="utf-8")
        await whole.registered(until=lambda names: {"rivermead", "letters"} <= names)
        yield {"rivermead": json_api, "letters": registry}


def tables(json_api: str, registry: str) -> str:
    return f"""
[[source]]
id = "rivermead"
organisation = "RY901"
name = "Rivermead Community"
kind = "community"
connector = "rest_json"
address = "{json_api}/api"
knows_by = "nhs-number"
mapping = "rivermead.toml"
sections = ["allergies", "encounters", "observations"]
stage = "everyone"

[[source]]
id = "letters"
organisation = "RX9"
name = "Aldermoor letters"
connector = "documents"
kind = "acute"
asks = "xds"
address = "{registry}/registry"
repositories = [{{ id = "{REPOSITORY}", address = "{registry}/repository" }}]
knows_by = "nhs-number"
sections = ["documents", "plans"]
stage = "everyone"
"""


def items(record: Record, section: str, source: str) -> list[str]:
    found = next(each for each in record.sections if each.id == section)
    return [each.facts.id for each in found.entries if each.source == source]


async def test_both_stand_in_the_record_and_a_document_is_opened_from_its_repository(whole: Whole, others: Sources):
    record = (await whole.open(PERSON))[-1]

    states = {each.source: each.state for each in record.states}
    assert (states["rivermead"], states["letters"]) == ("live", "live")
    assert len(items(record, "encounters", "rivermead")) == 3
    letters = items(record, "documents", "letters")
    assert len(letters) == 3
    assert all(sent == shown + unreadable for _, sent, shown, unreadable in record.tally)
    assert "/repository" not in {each.path for each in others["letters"].asked}

    patient = (await whole.find(PERSON)).patient
    asked = ExpandAsked(DR_NAIR, patient, EMERGENCY, "letters", "DocumentReference", letters[0], document=True)
    expanded = await whole.calls.ask(EXPAND, asked)
    assert (expanded.content, expanded.content_type) == (LETTER, "application/pdf")


async def test_nobody_stands_in_an_address(whole: Whole, others: Sources):
    await whole.open(PERSON)
    number = whole.nhs_number(PERSON)
    assert all(number not in each.addresses for each in others.values())


async def test_both_are_probed(whole: Whole, others: Sources):
    for name in others:
        assert (await whole.calls.ask(PROBE, ProbeAsked(name))).ok
