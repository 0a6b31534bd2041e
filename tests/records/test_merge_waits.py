"""While a human is asked about a merge that a source told, the record says that something of this person may be missing."""

import pytest
from msgspec.structs import replace

from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import GatherAsked, Record
from carerecord.records.gathered import Fetcher
from tests.records.a_desk import CARE, DR_NAIR, EDITH, World, a_world, allergy, chart, serving

SERVED = serving("gp", chart("g1", allergy("a1", "g1"))), serving("trust", chart("t1", allergy("a2", "t1")))


def notices(record: Record) -> list[tuple[str, str, str]]:
    return [(each.kind, each.source, each.title) for each in record.attention if each.rule == "gap/merge"]


def merged(world: World) -> None:
    world.neighbours.person = replace(EDITH, merges=("trust",))


async def test_the_page_names_the_source_that_merged_and_says_that_the_other_half_is_not_here():
    async with a_world(*SERVED) as world:
        name = next(each.name for each in world.neighbours.registry.sources if each.id == "trust")
        assert notices(await world.last()) == []
        merged(world)
        record = await world.last()

    assert notices(record) == [("gap", "trust", f"{name} says that another number is this person's too")]
    (says,) = (each.says for each in record.attention if each.rule == "gap/merge")
    assert says == "What lies under the other number is not shown here until a data-quality officer has decided."


async def test_a_system_that_asks_for_the_record_is_told_of_it_as_well():
    async with a_world(*SERVED) as world:
        asked = GatherAsked(DR_NAIR, "p1", CARE, ())
        assert (await Fetcher(world.desk).gather(asked)).missing == ()
        merged(world)
        (said,) = (await Fetcher(world.desk).gather(asked)).missing
    assert said.endswith("What lies under the other number is not shown here until a data-quality officer has decided.")


@pytest.mark.parametrize("how", ["withheld", "unnamed"])
async def test_whoever_is_not_shown_or_told_of_that_source_is_not_told(how: str):
    async with a_world(*SERVED) as world:
        merged(world)
        if how == "withheld":
            world.neighbours.withheld = (Withheld("trust", "*", "consent/objection", "They object."),)
        else:
            world.neighbours.unnamed = (Withheld("trust", "*", "sensitive/sexual-health", "Its own staff alone.", "unnamed"),)
        record = await world.last()

    assert notices(record) == []
    assert how == "withheld" or record.person.merges == ()
