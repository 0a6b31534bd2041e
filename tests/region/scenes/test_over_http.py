"""Do the scenes come out as told when every system is asked over HTTP and the answers are merged?"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from carerecord.connectors.fhir_r4 import FhirR4
from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.connectors.web import Web
from carerecord.contracts.actors import Reason
from carerecord.contracts.patients import Demographics, Name, Person
from carerecord.contracts.records import Group, Record
from carerecord.contracts.sources import SharedSection, Source
from carerecord.fhir.bundle import parse
from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import read
from carerecord.fhir.validate import Validators, load
from carerecord.kit.clock import SystemClock
from carerecord.kit.request import request
from carerecord.records.merge import Frame, merge
from carerecord.records.right_person import judged
from carerecord.region import make_region
from carerecord.region.registry_files import source_table
from carerecord.region.servers.habits import habit_of
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.shapes import Fault, Region, System


@dataclass(frozen=True)
class Street:
    """All systems of the region, up; and the means to ask them."""

    region: Region
    servers: Mapping[str, RunningServer]
    window: FhirR4

    async def open(self, key: str) -> Record:
        """What one opening of this person's record would be made of, with a request id of its own."""
        known = next(each for each in self.region.people if each.key == key)
        name = Name(family=known.family, given=known.given)
        about = Demographics((name,), known.born.isoformat(), known.sex, known.nhs_number)
        person = Person((), "one", about)
        with request():
            replies = await asyncio.gather(*(self._ask(system, key, known.nhs_number) for system in self.region.systems))
        came = [judged(person, reply) for reply in replies if reply]
        return await merge(Frame("one", person, Reason("direct-care")), came, at=datetime.now(UTC))

    async def _ask(self, system: System, key: str, number: str) -> Reply | None:
        held = next((each for each in self.region.holdings[system.key] if each.person == key), None)
        if system.connector != "fhir_r4":
            return None  # a practice that none of these people is registered with
        if held is None and not {"allergies", "medicines", "plans"} & set(system.sections):
            return None  # not asked: no sign that it knows this person
        server = self.servers[system.key]
        organisation = next(each for each in self.region.organisations if each.ods == system.ods)
        table = source_table(system, organisation, server.address, server.token_address)
        for each in ("arrangement", "stage"):  # of the file, not of a source
            table.pop(each, None)
        table["sections"] = tuple(SharedSection(each) for each in table["sections"])
        ids = (held.patient_id,) if held else ()
        asking = Asking(Source(**table), ids, frozenset(system.sections), Expected(nhs_number=number))
        return await self.window.ask(asking, until=asyncio.get_running_loop().time() + 8)


@pytest.fixture(scope="module")
def validators() -> Validators:
    return load()


@pytest.fixture
async def street(validators: Validators) -> AsyncIterator[Street]:
    region = make_region(7, 20, now=datetime.now(UTC))

    def one(resource: bytes, included: Mapping[str, Mapping[str, Any]]) -> Facts:
        parsed = parse(resource)
        validators.check(parsed)
        return read(parsed, included, now=datetime.now(UTC))

    faults = [fault for fault in region.faults if fault.kind != "slow"]
    servings = [
        Serving(system, region.holdings[system.key], tuple(habit_of(each) for each in faults if each.system == system.key),
                latency_s=0)
        for system in region.systems
    ]  # fmt: skip
    async with running(servings) as servers:
        secrets = {f"source-{key}": server.secret for key, server in servers.items()}
        web = Web(lambda name: secrets[name])
        yield Street(region, servers, FhirR4(web, SystemClock(), one))
        await web.close()


def groups(record: Record, section: str = "medicines") -> dict[str, Group]:
    found = next(each for each in record.sections if each.id == section)
    return {group.key: group for group in found.groups if group.current}


def switched_on(street: Street, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        street.servers[fault.system].set(habit_of(fault))


async def test_scene_1_the_title_changes_when_the_practice_answers_again(street: Street) -> None:
    first, again = await street.open("edith-marlow"), await street.open("edith-marlow")

    assert first.allergies.title == "Allergies unavailable"
    assert "Elm Bank Surgery" in first.allergies.says
    assert "apixaban" in groups(first)
    assert again.allergies.title == "Known allergies"
    assert again.allergies.substances == ("Allergy to penicillin",)


async def test_scene_3_the_new_plan_supersedes_and_a_silent_hospice_is_never_none(street: Street) -> None:
    record = await street.open("gwendolyn-achebe")
    scene = next(each for each in street.region.scenes if each.number == 3)
    switched_on(street, scene.views[0].faults)
    without = await street.open("gwendolyn-achebe")

    assert {plan.kind: plan.state for plan in record.plans}["respect"] == "present"
    plans = next(each for each in record.sections if each.id == "plans").entries
    assert [bool(each.superseded_by) for each in plans] == [False, True]
    assert {plan.kind: plan.state for plan in without.plans}["respect"] == "unavailable"


async def test_scene_4_sources_disagree_and_nothing_is_replaced(street: Street) -> None:
    record = await street.open("harold-singh")
    found = groups(record)

    assert found["ramipril"].label == "stopped here, dispensed since"
    assert found["bisoprolol"].label == "differs"
    assert found["furosemide"].label == "same"
    assert any("awaiting filing" in warning for state in record.states for warning in state.warnings)


async def test_scene_5_methotrexate_is_only_here(street: Street) -> None:
    record = await street.open("susan-whitfield")
    results = next(each for each in record.sections if each.id == "results")

    assert groups(record)["methotrexate"].label == "only here"
    assert {trend.title: len(trend.entries) for trend in results.trends}["White cell count"] == 3


async def test_scene_6_clozapine_is_not_in_the_gp_record_and_neutrophils_are_one_trend(street: Street) -> None:
    record = await street.open("leanne-doyle")
    results = next(each for each in record.sections if each.id == "results")
    trend = next(each for each in results.trends if each.title == "Neutrophils")

    assert groups(record)["clozapine"].says == "not in the GP record"
    assert {entry.split("/")[0] for entry in trend.entries} == {"fenwick-pathology", "aldermoor-pathology"}


async def test_scene_7_a_record_in_transit_is_never_called_empty(street: Street) -> None:
    record = await street.open("aisha-rahman")

    assert {"insulin degludec", "insulin aspart"} <= set(groups(record))
    assert record.allergies.title == "Allergies unavailable"
    assert any("transfer not finished" in each.title for each in record.attention)


async def test_scene_8_the_laboratorys_answer_is_held_behind_a_mismatch(street: Street) -> None:
    record = await street.open("zara-iqbal")

    assert [(each.source, each.here, each.there) for each in record.mismatches] == [("aldermoor-pathology", "Zara", "Zoya")]


async def test_scene_9_the_wrong_answer_is_discarded_and_fourteen_of_fifteen_are_shown(street: Street) -> None:
    record = await street.open("colin-barker")
    states = {state.source: state for state in record.states}
    results = next(each for each in record.sections if each.id == "results")

    assert states["aldermoor-radiology"].state == "discarded"
    assert states["aldermoor-community"].says == "14 of 15 shown"
    assert "aldermoor-council" not in states
    troponins = [trend for trend in results.trends if "troponin" in trend.title.lower()]
    # Two assays are never one course.
    assert sorted((trend.title, len(trend.entries)) for trend in troponins) == [
        ("High-sensitivity troponin I", 2), ("High-sensitivity troponin T", 1),
    ]  # fmt: skip
