"""A section that is not open to the reader is not fetched, and the record says of its source that it is not switched on."""

from msgspec.structs import replace

from carerecord.connectors.reply import Reply
from carerecord.contracts.locator import Pointer
from carerecord.contracts.permit import Grant, Permit, Withheld
from carerecord.contracts.records import AttendingAsked, SectionState
from carerecord.contracts.sources import Registry, SharedSection
from carerecord.records.choosing import askings, choose, granted_by_source, wanted, whole
from tests.records.a_desk import (
    DR_NAIR,
    EDITH,
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
from tests.records.facts import a_source

CLOSED = "stage/not-open"


def closed(source: str, *sections: str) -> tuple[Withheld, ...]:
    return tuple(Withheld(source, each, CLOSED, "Not switched on yet.", "not-open") for each in sections)


def staged(world, source: str, stage: str, *sections: str) -> None:
    """The registry, and policy after it, say that these sections stand at this stage."""
    shared = tuple(
        SharedSection(each.section, stage=stage if not sections or each.section in sections else "everyone")
        for each in next(each for each in world.neighbours.registry.sources if each.id == source).sections
    )
    world.change(source, sections=shared)
    world.neighbours.withheld = closed(source, *(each.section for each in shared if each.stage != "everyone"))


async def test_a_section_that_is_not_open_is_not_fetched_and_its_source_is_said_to_be_not_switched_on():
    async with a_world(
        serving("gp", chart("g1", allergy("a1", "g1"), problem("c1", "g1"))),
        serving("trust", chart("t1", allergy("a2", "t1", "Latex"), problem("c2", "t1", "Asthma"))),
    ) as world:
        staged(world, "trust", "safety-testers", "allergies")
        record = await world.last()
        asked = [each.path for each in world.servers["trust"].asked if "AllergyIntolerance" in each.path]

    assert asked == []
    assert titles(record, "allergies") == ["Penicillin"]
    assert "Asthma" in titles(record, "problems")
    said = {each.section: (each.state, each.says) for each in state(record, "trust").sections}
    assert said["allergies"] == ("not switched on", "Not switched on yet.")
    assert said["problems"][0] == "live"
    assert section(record, "allergies").missing == ("trust",)
    assert record.withheld == (), "nothing is hidden from this reader: it is not switched on for anybody like them"


async def test_no_known_allergies_is_not_said_while_a_source_that_knows_the_person_is_not_switched_on():
    async with a_world(serving("gp", chart("g1", no_known_allergies("n1", "g1"))), serving("trust", chart("t1"))) as world:
        assert (await world.last()).allergies.title == "No known allergies"
        staged(world, "trust", "off", "allergies")
        record = await world.last()

    assert record.allergies.title == "Allergies unavailable"
    assert "not switched on yet" in record.allergies.says


async def test_a_source_of_which_nothing_is_open_is_not_asked_at_all():
    async with a_world(serving("gp", chart("g1")), serving("trust", chart("t1", problem("c2", "t1")))) as world:
        staged(world, "trust", "off")
        record = await world.last()
        assert world.servers["trust"].asked == []

    assert state(record, "trust").state == "not switched on"
    assert record.complete


async def test_to_ask_it_anyway_does_not_open_it():
    async with a_world(serving("gp", chart("g1")), serving("trust", chart("t1", problem("c2", "t1")))) as world:
        staged(world, "trust", "off")
        record = await world.last()
        (again, *_) = await world.again(record, "trust")
        assert world.servers["trust"].asked == []

    assert state(again, "trust").state == "not switched on"


async def test_nobody_is_looked_for_in_a_source_whose_contacts_are_not_open():
    async with a_world(serving("trust", chart("t1"))) as world:
        staged(world, "trust", "off", "encounters")
        assert (await world.reader.attending(AttendingAsked(DR_NAIR, "p1"))).attendance is None
        assert world.servers["trust"].asked == []


def test_a_source_of_which_nothing_is_open_takes_no_part_unless_it_is_known_to_know_the_person():
    sources = (a_source("gp"), a_source("trust"))
    registry = Registry("1", sources)
    all_of_trust = frozenset(("trust", each.section) for each in sources[1].sections)

    def part(*pointers: Pointer) -> list[str]:
        return [each.source.id for each in choose(registry, pointers, EDITH, always=True, closed=all_of_trust)]

    assert part() == ["gp"]
    assert part(Pointer("trust", "t1", "p1")) == ["gp", "trust"]


def test_a_source_that_knows_nobody_of_this_number_leaves_no_gap_by_what_is_not_switched_on():
    trust = replace(a_source("trust", "acute", "allergies", "problems"), knows_by="nhs-number")
    (choice,) = choose(Registry("1", (trust,)), (), EDITH, always=True)
    permit = Permit("", "", "", (), "", "", (Grant("trust", "problems"),), closed("trust", "allergies"), 0.0, 0.0)
    assert Grant("trust", "allergies") in wanted([choice])
    (asking,) = askings([choice], permit, EDITH)
    assert asking.sections == {"problems"}
    unknown = Reply(choice.source, "none held", sections=(SectionState("problems", "none held"),))
    states = {each.section: each.state for each in whole(choice, permit, granted_by_source(permit), unknown).sections}
    assert "not switched on" not in states.values()
