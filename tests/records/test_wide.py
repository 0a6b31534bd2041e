"""A wide region: 200 sources registered, 30 know the person. Only those are asked, and memory stays where it was."""

import gc
import tracemalloc
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from carerecord.connectors.reply import Asking, Reply, Said
from carerecord.contracts.locator import Pointer
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Registry
from carerecord.fhir.facts import Facts
from tests.records.a_desk import A_GP, DR_NAIR, EDITH, WARD, World, a_world, allergy, chart, problem, serving, source
from tests.records.facts import a_source, entry

KNOW, REGISTERED = 30, 200
pytestmark = pytest.mark.timeout(120)


def _serving(number: int):
    id_ = f"p{number}"
    items = [problem(f"{id_}-c{n}", id_, f"Problem {n} of {number}") for n in range(6)]
    return serving(f"trust-{number:02}", chart(id_, allergy(f"{id_}-a", id_, f"Substance {number}"), *items))


@asynccontextmanager
async def a_wide_world(registered: int = REGISTERED, *, always_ask: tuple[str, ...] = ()) -> AsyncIterator[World]:
    """30 systems know Edith; one more stands in for all the others, so that whoever asks any of them is seen."""
    others = serving("elsewhere", chart("x1", number="9990000026"))
    async with a_world(*(_serving(number) for number in range(KNOW)), others, unknown=("elsewhere",)) as world:
        known = [each for each in world.neighbours.registry.sources if each.id != "elsewhere"]
        stranger = source(world.servers["elsewhere"])
        strangers = [replace(stranger, id=f"stranger-{n:03}", name=f"Stranger {n}") for n in range(registered - KNOW)]
        world.neighbours.registry = Registry(str(uuid.uuid4()), (*known, *strangers), always_ask)
        yield world


class Holding:
    """A window behind which each source that is asked holds sixty problems, made anew for each answer."""

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        id_ = asking.source.id
        entries = tuple(
            entry(id_, Facts("Condition", f"c{n}", "problems", f"Problem {n} of {id_}", subject=f"Patient/{asking.local_ids[0]}"))
            for n in range(60)
        )
        said = Said(asking.local_ids[0], EDITH.demographics.nhs_number, EDITH.demographics.birth_date, ("Edith",), ("Marlow",))
        states = (SectionState("problems", "live", 60), SectionState("allergies", "not recorded"))
        return Reply(asking.source, "live", "", asking.local_ids, states, entries, (said,))


@asynccontextmanager
async def a_world_without_wires(registered: int) -> AsyncIterator[World]:
    """The same desk and neighbours; 30 sources know Edith, and nothing goes over a socket: what is measured is ours alone."""
    async with a_world() as world:
        sources = tuple(a_source(f"s{n:03}", "acute", *WARD) for n in range(registered))
        world.neighbours.registry = Registry(str(uuid.uuid4()), sources, ())
        world.neighbours.pointers = tuple(Pointer(f"s{n:03}", f"p{n}", "p1") for n in range(KNOW))
        world.desk.gatherer._window = Holding()
        yield world


async def test_only_those_who_know_the_person_are_asked_however_many_take_part():
    async with a_wide_world() as world:
        for actor in (A_GP, DR_NAIR):
            record = await world.last(actor)
            states = [each.state for each in record.states]
            assert (states.count("live"), states.count("not asked")) == (KNOW, REGISTERED - KNOW)
        assert world.servers["elsewhere"].asked == []
        wanted = [each for each in world.neighbours.asked if type(each).__name__ == "MayAsked"][-1].wanted
        assert len({each.source for each in wanted} - {""}) == KNOW, "policy is asked for no more than is sought"


async def test_in_unscheduled_care_a_region_that_says_so_asks_all_who_share_what_must_not_be_missed():
    """The other side of the coin: `always_ask` is the region's own choice, and it costs one question to each who shares it."""
    async with a_wide_world(registered=KNOW + 20, always_ask=("allergies",)) as world:
        await world.last(A_GP)
        assert world.servers["elsewhere"].asked == []
        await world.last(DR_NAIR)
        assert len([each for each in world.servers["elsewhere"].asked if each.path.endswith("/Patient")]) <= 20
        assert world.servers["elsewhere"].asked


async def _peak(world: World) -> int:
    """Bytes in hand at the worst moment of one opening, above what was there before."""
    gc.collect()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    await world.last(A_GP)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
async def test_an_opening_needs_no_more_memory_for_sources_that_are_not_asked():
    peaks = {}
    for registered in (KNOW, REGISTERED):
        async with a_world_without_wires(registered) as world:
            await world.last(A_GP)
            peaks[registered] = min([await _peak(world) for _ in range(2)])
    assert peaks[REGISTERED] - peaks[KNOW] < 2_000_000, peaks


@pytest.mark.usefixtures("traced")
async def test_memory_is_flat_over_many_openings():
    async with a_world_without_wires(REGISTERED) as world:
        sizes = []
        for number in range(30):
            record = await world.last(A_GP)
            assert [each.state for each in record.states].count("live") == KNOW
            world.neighbours.asked.clear()
            world.outbox.lines.clear()
            if number >= 4 and number % 3 == 1:
                world.desk.recent.clear()  # what lies there for a minute is bounded on its own
                world.desk.observing._waiting.clear()
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
    assert sizes[-1] - sizes[0] < 400_000, sizes
