"""A source that took back its entry of a person is gone from their record, and the record says that it is."""

from msgspec.structs import replace

from carerecord.contracts.patients import Left
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import Record
from tests.records.a_desk import A_GP, EDITH, World, a_world, allergy, chart, serving, state

AT = "2026-07-01T17:02:00Z"
THERE = Left("trust", AT)
SERVED = serving("gp", chart("g1", allergy("a1", "g1"))), serving("trust", chart("t1", allergy("a2", "t1")))


def notices(record: Record) -> list[tuple[str, str]]:
    return [(each.source, each.title) for each in record.attention if each.rule == "gap/withdrawn"]


def known(world: World, **stated: object) -> None:
    world.neighbours.person = replace(EDITH, **stated)


async def test_the_page_says_who_took_an_entry_back_and_when_and_asks_nobody():
    async with a_world(*SERVED, unknown=("trust",)) as world:
        known(world, known_by=("gp",), left=(Left("trust", "2026-06-30T08:00:00Z"), THERE))
        record = await world.last(A_GP)
        name = next(each.name for each in world.neighbours.registry.sources if each.id == "trust")
        asked = list(world.servers["trust"].asked)

    assert notices(record) == [("trust", f"{name}: this person's entry withdrawn by the sender, on 01-Jul-2026 at 18:02")]
    assert (asked, state(record, "trust").state) == ([], "not asked")


async def test_a_source_that_still_knows_them_by_another_entry_is_asked_and_the_notice_stands_beside_its_answer():
    async with a_world(*SERVED) as world:
        known(world, left=(THERE,))
        record = await world.last()
        asked = list(world.servers["trust"].asked)

    assert asked
    assert [source for source, _ in notices(record)] == ["trust"]


async def test_whoever_might_not_have_read_it_there_is_not_told():
    async with a_world(*SERVED, unknown=("trust",)) as world:
        known(world, left=(THERE,))
        world.neighbours.withheld = (Withheld("trust", "*", "consent/objection", "They object."),)
        record = await world.last()

    assert notices(record) == []


async def test_a_source_that_is_asked_no_more_keeps_nothing_back():
    async with a_world(*SERVED, unknown=("trust",)) as world:
        known(world, known_by=("gp",), left=(THERE,))
        world.neighbours.withheld = (Withheld("trust", "problems", "sensitive/legal", "Only its own staff."),)
        record = await world.last(A_GP)

    assert state(record, "trust").state == "not asked"
    assert record.withheld == ()


async def test_of_a_source_that_is_not_named_to_this_reader_nothing_is_said():
    async with a_world(*SERVED, unknown=("trust",)) as world:
        known(world, left=(THERE,))
        world.neighbours.unnamed = (Withheld("trust", "*", "sensitive/sexual-health", "Its own staff alone.", "unnamed"),)
        record = await world.last()

    assert (notices(record), record.person.left) == ([], ())


async def test_where_nobody_left_nothing_is_said():
    async with a_world(*SERVED, unknown=("trust",)) as world:
        assert notices(await world.last()) == []
