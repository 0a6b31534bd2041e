"""A system that asks for a record is handed what sources sent, byte for byte, and nothing that a page would not show."""

from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.connectors.fhir_r4_take import SENT
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import GatherAsked, Gathered
from carerecord.contracts.sources import SharedSection
from carerecord.fhir.bundle import parse
from carerecord.kit.errors import Refused
from carerecord.records.gathered import Fetcher
from tests.records.a_desk import CARE, DR_NAIR, WARD, World, a_world, allergy, chart, patient, patient_id, problem, serving

HERE = patient_id("trust", "t1")


async def gathered(world: World, *types: str) -> Gathered:
    return await Fetcher(world.desk).gather(GatherAsked(DR_NAIR, "p1", CARE, types))


def names(found: Gathered) -> list[str]:
    return sorted(f"{each.source}/{each.type}/{each.id}{'/' + each.kept if each.kept else ''}" for each in found.resources)


def result(id_: str, of: str) -> Any:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "Potassium"},
        "category": [{"coding": [{"code": "vital-signs"}]}], "subject": {"reference": f"Patient/{of}"},
        "valueQuantity": {"value": 1.5}, "text": {"status": "generated", "div": "<div>as sent</div>"},
    }  # fmt: skip


async def test_every_source_s_own_resources_come_with_its_patient_and_its_state():
    gp, trust = serving("gp", chart("g1", problem("c1", "g1"))), serving("trust", chart("t1", result("o1", "t1")))
    async with a_world(gp, trust) as world:
        found = await gathered(world)

    assert names(found) == ["gp/Condition/c1", "gp/Patient/g1", "trust/Observation/o1", "trust/Patient/t1"]
    (observation,) = (parse(bytes(each.raw)) for each in found.resources if each.type == "Observation")
    assert observation["text"]["div"] == "<div>as sent</div>", "also what no page shows"
    assert {each.source: each.state for each in found.states} == {"gp": "live", "trust": "live"}
    (line,) = (each for each in world.outbox.lines if each.id == found.opening)
    assert set(line.sources) == {"gp", "trust"}


async def test_two_sources_may_use_one_id_for_two_things():
    async with a_world(
        serving("gp", chart("g1", problem("c1", "g1", "Gout"))), serving("trust", chart("t1", problem("c1", "t1", "Asthma")))
    ) as world:
        found = await gathered(world, "Condition")
    titles = {each.source: parse(bytes(each.raw))["code"]["text"] for each in found.resources}
    assert titles == {"gp": "Gout", "trust": "Asthma"}


async def test_types_that_are_not_wanted_are_not_asked_for():
    async with a_world(serving("gp", chart("g1", problem("c1", "g1"), allergy("a1", "g1")))) as world:
        found = await gathered(world, "AllergyIntolerance")
        asked = {each.path.rsplit("/", 2)[-2] for each in world.servers["gp"].asked if "_search" in each.path}
    assert names(found) == ["gp/AllergyIntolerance/a1"]
    assert "Condition" not in asked


async def test_what_is_withheld_is_not_handed_over_and_is_named():
    hidden = Withheld("gp", "allergies", "consent/objection", "Hidden.", "withheld")
    async with a_world(serving("gp", chart("g1", problem("c1", "g1"), allergy("a1", "g1")))) as world:
        world.neighbours.withheld = (hidden,)
        found = await gathered(world)
        world.neighbours.refusal = Refused("No.", rule="role/none")
        with pytest.raises(Refused):
            await gathered(world)
    assert "gp/AllergyIntolerance/a1" not in names(found)
    assert found.withheld == (hidden,)


async def test_what_waits_behind_a_warning_is_counted_and_not_handed_over():
    async with a_world(serving("gp", chart("g1", problem("c1", "g1"), given="Agnes"))) as world:
        found = await gathered(world)
    assert (names(found), found.waiting) == ([], 1)


async def test_a_copy_stands_in_for_a_silent_source_as_it_is_kept_and_a_live_answer_is_never_swapped_for_it():
    shared = tuple(SharedSection(each, "both") for each in WARD)
    async with a_world(serving("trust", chart("t1", problem("c1", "t1", "Live")))) as world:
        world.change("trust", sections=shared)
        world.neighbours.kept = {"trust": (patient(HERE), problem("c1", HERE, "Kept"))}
        live = await gathered(world)
        await world.servers["trust"].listener.refuse()
        silent = await gathered(world)

    assert names(live) == ["trust/Condition/c1", "trust/Patient/t1"]
    assert [parse(bytes(each.raw))["code"]["text"] for each in live.resources if each.type == "Condition"] == ["Live"]
    assert names(silent) == ["trust/Condition/c1/copy", f"trust/Patient/{HERE}/copy"]
    assert [parse(bytes(each.raw))["code"]["text"] for each in silent.resources if each.type == "Condition"] == ["Kept"]
    assert silent.states[0].state == "out of date"


@pytest.mark.parametrize("kept", [(patient(HERE, born="1951-01-01"), problem("c1", HERE)), (patient(HERE),)])
async def test_the_patient_of_a_copy_of_which_nothing_is_shown_is_not_handed_over(kept: Any):
    """Discarded as somebody else's, or standing in for nothing: then it would pass for what the source says now."""
    async with a_world(serving("trust", chart("t1"))) as world:
        world.change("trust", sections=tuple(SharedSection(each, "both") for each in WARD))
        world.neighbours.kept = {"trust": kept}
        await world.servers["trust"].listener.refuse()
        found = await gathered(world)
    assert names(found) == []
    assert found.states[0].state == "no answer"


async def test_an_opening_of_a_page_holds_no_resource_in_memory():
    async with a_world(serving("gp", chart("g1", problem("c1", "g1")))) as world:
        await gathered(world)
        assert SENT.get() is None
        record = await world.last()
        assert SENT.get() is None
    assert replace(record).sections
