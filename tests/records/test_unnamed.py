"""A source of which this reader is not told is nowhere: not asked, in no strip, in no count, whether or not it knows them."""

from msgspec.structs import replace

from carerecord.contracts.permit import Permit, Withheld
from carerecord.contracts.policy import MayAsked
from carerecord.kit.permits import sealed
from carerecord.kit.tokens import keys_for
from tests.records.a_desk import SECRET, SERVICES, Neighbours, a_world, allergy, chart, problem, serving, state

NOTICE = Withheld("clinic", "*", "sensitive/sexual-health", "Its own staff alone.", "unnamed")


def telling_nobody_of(world, *sources: str) -> None:
    """Policy leaves these out of what it grants, and says so under its seal."""
    neighbours: Neighbours = world.neighbours
    plain = type(neighbours).may

    async def may(asked: MayAsked) -> Permit:
        told = replace(asked, wanted=tuple(each for each in asked.wanted if each.source not in sources))
        permit = await plain(neighbours, told)
        bare = replace(permit, seals=(), unnamed=tuple(replace(NOTICE, source=each) for each in sources))
        return sealed(bare, keys_for(SECRET, "policy", SERVICES, ()), asked.targets)

    neighbours.may = may  # type: ignore[method-assign]
    world.desk.calls = neighbours.calls()


async def test_a_source_of_which_nobody_is_told_is_not_asked_and_stands_nowhere():
    async with a_world(
        serving("gp", chart("g1", allergy("a1", "g1"))), serving("clinic", chart("c1", problem("p1", "c1", "Chlamydia")))
    ) as world:
        world.neighbours.person = replace(world.neighbours.person, known_by=("gp", "clinic"))
        telling_nobody_of(world, "clinic")
        record = await world.last()
        asked = list(world.servers["clinic"].asked)
        lines = world.desk.outbox.lines  # type: ignore[attr-defined]

    assert asked == []
    assert [each.source for each in record.states] == ["gp"]
    assert record.person.known_by == ("gp",)
    assert [(each.source, each.rule) for each in record.unnamed] == [("", "sensitive/sexual-health")]
    assert record.withheld == (), "that there is such a rule is said of everybody, and of no section of this person"
    assert all("clinic" not in " ".join((*line.sources, *line.states)) for line in lines)


async def test_the_page_is_the_same_for_somebody_whom_it_does_not_know():
    async with a_world(serving("gp", chart("g1")), serving("clinic", chart("c1")), unknown=("clinic",)) as world:
        telling_nobody_of(world, "clinic")
        record = await world.last()
    assert [each.source for each in record.states] == ["gp"]
    assert [each.rule for each in record.unnamed] == ["sensitive/sexual-health"]


async def test_asking_it_anyway_asks_nobody():
    async with a_world(serving("gp", chart("g1")), serving("clinic", chart("c1", problem("p1", "c1", "Chlamydia")))) as world:
        telling_nobody_of(world, "clinic")
        first = await world.last()
        (*_, again) = await world.again(first, "clinic")
        asked = list(world.servers["clinic"].asked)
    assert asked == []
    assert [each.source for each in again.states] == ["gp"]


async def test_without_the_rule_the_same_clinic_is_asked_and_shown():
    """So that the tests above are known to test the rule."""
    async with a_world(serving("clinic", chart("c1", problem("p1", "c1", "Chlamydia")))) as world:
        record = await world.last()
    assert state(record, "clinic").state == "live"
