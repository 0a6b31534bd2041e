"""What is done with an entry that bears this person's number and birth date, and another given name?"""

import asyncio

import pytest
from msgspec.structs import replace

from carerecord.contracts.patients import Doubted
from carerecord.region.shapes import Holding
from tests.records.a_desk import A_GP, DR_NAIR, EDITH, a_world, chart, patient, problem, section, serving, state

TWIN = chart("l7", problem("x1", "l7", "Neonatal jaundice"), given="Enid")


def lab(**more: object):
    return serving("lab", TWIN, sections=("problems",), **more)


@pytest.mark.parametrize("actor", [DR_NAIR, A_GP], ids=["unscheduled care", "the practice"])
async def test_it_is_asked_for_and_held_behind_a_warning(actor):
    async with a_world(lab(), unknown=("lab",)) as world:
        world.neighbours.person = replace(EDITH, doubted=(Doubted("lab", "l7"),))
        record = await world.last(actor)

    assert state(record, "lab").state == "live"
    assert [(each.source, each.what, each.here, each.there) for each in record.mismatches] == [
        ("lab", "given name", "Edith", "Enid")
    ]
    assert [each.mismatch for each in section(record, "problems").entries] == ["given name"]


async def test_nobody_is_told_that_the_source_knows_this_person_by_it():
    async with a_world(lab(), serving("trust", chart("t1", problem("x2", "t1"))), unknown=("lab",)) as world:
        world.neighbours.person = replace(EDITH, doubted=(Doubted("lab", "l7"),))
        telling = asyncio.create_task(world.desk.teacher.tell())
        await world.last()
        async with asyncio.timeout(20):
            while not world.neighbours.seen:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # and nobody else is told of
        telling.cancel()

    assert {each.source for each in world.neighbours.seen} == {"trust"}


async def test_what_is_surely_this_persons_goes_before_it():
    both = serving("lab", sections=("problems",))
    own = (patient("l1"), problem("x3", "l1", "Asthma"))
    held = replace_holdings(both, own, TWIN)
    async with a_world(held) as world:
        world.neighbours.person = replace(EDITH, doubted=(Doubted("lab", "l7"),))
        record = await world.last()

    assert [each.facts.title for each in section(record, "problems").entries] == ["Asthma"]
    assert record.mismatches == ()


def replace_holdings(of, *charts):
    holdings = [Holding("lab", each[0]["id"], each[0]["id"], "", tuple(each)) for each in charts]
    return type(of)(of.system, holdings, latency_s=0)
