"""A region that starts basic: some modules are served, another joins, a source retires; nobody is restarted and no other page
changes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from carerecord.app.modules import serve_all, serve_modules
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.audit import LOOKS, Line, LooksAsked
from carerecord.contracts.records import Record
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from tests.flows.a_house import Whole, a_whole_house

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
HAROLD = "harold-singh"
SYSTEMS = ("kirkgate", "fenwick-epr", "aldermoor-pathology", "fenwick-radiology", "hartley-pharmacy")
BASIC = ("demographics", "pathology", "radiology")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(cluster, tmp_path_factory.mktemp("basic"), systems=SYSTEMS, nats_url=nats.url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def whole(one_house: Whole) -> AsyncIterator[Whole]:
    """The house of this file, every module served, every source connected, nothing asked yet."""
    written = registry(one_house).read_text()
    for server in one_house.servers.values():
        server.reset()
        server.asked.clear()
    yield one_house
    registry(one_house).write_text(written)
    serve_all(one_house.folder / "sources")
    await one_house.registered(until=lambda names: set(SYSTEMS) <= names)
    await served(one_house, ())


def registry(whole: Whole) -> Path:
    return whole.folder / "sources" / "region.toml"


async def served(whole: Whole, modules: tuple[str, ...]) -> None:
    """Wait until these modules are in force; five seconds at most."""
    for _ in range(50):
        found = (await whole.calls.ask(REGISTRY, RegistryAsked())).registry
        if found is not None and found.modules == modules:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not in force: {modules}")


async def opened(whole: Whole) -> Record:
    return (await whole.open(HAROLD))[-1]


def types_asked(whole: Whole) -> set[str]:
    paths = [each.path for server in whole.servers.values() for each in server.asked]
    return {path.split("/fhir/")[-1].split("/")[0].split("?")[0] for path in paths}


def content(record: Record, *, without: str = "") -> dict[str, list[str]]:
    """The items under each heading, by key, but those of one source alone."""
    return {
        section.id: [each.key for each in section.entries if {origin.source for origin in each.origins} - {without}]
        for section in record.sections
    }


async def test_only_the_sections_of_the_modules_are_asked_for_and_shown(whole: Whole):
    everything = content(await opened(whole))
    serve_modules(whole.folder / "sources", BASIC)
    await served(whole, BASIC)
    await whole.find(HAROLD)
    for server in whole.servers.values():
        server.asked.clear()

    record = await opened(whole)

    assert record.served == ("results", "demographics")
    assert [each.id for each in record.sections] == ["results", "demographics"]
    assert content(record)["results"] == everything["results"] != []
    assert record.plans == (), "what is not served is not called absent"
    assert record.allergies.title == "Allergies not part of this record"
    shares = {said.section for state in record.states for said in state.sections}
    assert shares <= {"results", "demographics"}
    asked = types_asked(whole)
    assert asked & {"Observation", "DiagnosticReport"}
    assert not asked & {"MedicationRequest", "AllergyIntolerance", "Condition", "Flag", "CarePlan", "Encounter"}


async def test_a_fourth_module_joins_without_a_restart_and_the_three_stay_as_they_were(whole: Whole):
    serve_modules(whole.folder / "sources", BASIC)
    await served(whole, BASIC)
    before = content(await opened(whole))
    desk = whole.house.part("records")

    serve_modules(whole.folder / "sources", (*BASIC, "medicines"))
    await served(whole, (*BASIC, "medicines"))
    after = content(await opened(whole))

    assert after.pop("medicines") != []
    assert after == before
    assert whole.house.part("records") is desk


async def test_a_departments_own_system_is_asked_with_its_own_module_alone(whole: Whole):
    text = registry(whole).read_text()
    for source, kind in (("aldermoor-pathology", "pathology"), ("fenwick-radiology", "radiology")):
        table = next(each for each in text.split("[[source]]") if f'id = "{source}"' in each)
        text = text.replace(table, table.replace('kind = "acute"', f'kind = "{kind}"'))
    registry(whole).write_text(text)
    serve_modules(whole.folder / "sources", ("pathology",))
    await served(whole, ("pathology",))
    states = {each.source for each in (await opened(whole)).states}
    assert "aldermoor-pathology" in states
    assert "fenwick-radiology" not in states


async def test_a_retired_sources_items_disappear_its_lines_stay_in_the_book_and_nothing_else_changes(whole: Whole):
    before = await opened(whole)
    gone = "hartley-pharmacy"
    assert any(origin.source == gone for each in before.sections for entry in each.entries for origin in entry.origins)
    person = before.person.ids
    assert any(gone in line.sources for line in await opening_lines(whole, person, before.opening))

    text = registry(whole).read_text()
    table = next(each for each in text.split("[[source]]") if f'id = "{gone}"' in each)
    registry(whole).write_text(text.replace(table, f"{table.rstrip()}\nretired = true\n\n"))
    for _ in range(50):
        after = await opened(whole)
        if gone not in {each.source for each in after.states}:
            break
        await asyncio.sleep(0.1)

    assert gone not in {each.source for each in after.states}, "nobody names it, so nobody waits for it"
    assert content(after) == content(before, without=gone)
    assert [each.source for each in after.states] == [each.source for each in before.states if each.source != gone]
    lines = await opening_lines(whole, person, before.opening)
    assert any(gone in line.sources for line in lines), "its audit outlives it"
    assert not any(gone in line.sources for line in await opening_lines(whole, person, after.opening))


async def opening_lines(whole: Whole, person: tuple[str, ...], opening: str) -> list[Line]:
    for _ in range(150):
        looks = await whole.calls.ask(LOOKS, LooksAsked(person=person))
        if found := [line for line in looks.lines if line.id == opening]:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("the opening never reached the book")
