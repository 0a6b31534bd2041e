"""Is it learned how often skipping a source errs, under the permit and written down, and never shown?"""

import asyncio

import pytest

from carerecord.contracts.locator import Pointer
from carerecord.contracts.permit import Withheld
from carerecord.kit.errors import Refused
from carerecord.records import teaching
from carerecord.region.servers.running import Serving
from tests.records.a_desk import A_GP, DR_NAIR, World, a_world, chart, problem, serving, state, titles

LETTERS = ("problems", "encounters")  # nothing that is always asked for


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "SWEEP_EVERY_S", 0.01)


def asked() -> Serving:
    return serving("asked", chart("g1", problem("c1", "g1", "Asthma")), sections=LETTERS)


def skipped(**more: object) -> Serving:
    return serving("skipped", chart("t1", problem("c2", "t1", "Gout")), sections=LETTERS, **more)


async def swept(world: World, *told: str) -> None:
    """Run the background job until the locator was told of these sources, and long enough for anything that must not be."""
    job = asyncio.create_task(world.desk.teacher.sweep())
    async with asyncio.timeout(20):
        while not {each.source for each in world.neighbours.seen}.issuperset(told):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_a_skipped_source_is_asked_afterwards_and_what_it_held_is_told_to_the_locator():
    async with a_world(asked(), skipped(), unknown=("skipped",), sweep_share=1.0) as world:
        record = await world.last(A_GP)
        before = list(world.servers["skipped"].asked)
        await swept(world, "skipped")
        (line,) = [each for each in world.outbox.lines if each.what == "swept"]
        (seen,) = [each for each in world.neighbours.seen if each.source == "skipped"]

    assert before == []
    assert state(record, "skipped").state == "not asked"
    assert titles(record, "problems") == ["Asthma"]
    assert (seen.was_skipped, seen.sections, seen.local_id) == (True, ("problems",), "t1")
    assert (line.actor, line.sources, line.patients) == (None, ("skipped",), ("p1",))


async def test_a_source_that_knows_nobody_counts_as_skipped_rightly():
    empty = serving("skipped", sections=LETTERS)
    async with a_world(asked(), empty, unknown=("skipped",), sweep_share=1.0) as world:
        await world.last(A_GP)
        await swept(world, "skipped")
        (seen,) = [each for each in world.neighbours.seen if each.source == "skipped"]

    assert (seen.was_skipped, seen.sections, seen.local_id) == (True, (), "")


async def test_what_the_person_hides_is_not_fetched_to_learn_from():
    hidden = (Withheld("skipped", "*", "consent/objection", "The person does not want this shown."),)
    async with a_world(asked(), skipped(), unknown=("skipped",), sweep_share=1.0) as world:
        world.neighbours.withheld = hidden
        await world.last(A_GP)
        await swept(world)

        assert world.servers["skipped"].asked == []
    assert [each.what for each in world.outbox.lines].count("swept") == 0


async def test_nobody_is_swept_once_the_permit_is_over():
    async with a_world(asked(), skipped(), unknown=("skipped",), sweep_share=1.0) as world:
        await world.last(A_GP)

        def over(permit: object) -> None:
            raise Refused("The permit's minute is over.")

        world.desk.teacher.check = over
        await swept(world)

        assert world.servers["skipped"].asked == []


async def test_an_answer_is_told_of_the_entry_that_gave_it_and_not_of_whoever_was_opened():
    known, new = serving("known", chart("g1", problem("c1", "g1"))), serving("new", chart("t1", problem("c2", "t1")))
    async with a_world(known, new, unknown=("known", "new")) as world:
        world.neighbours.pointers = (Pointer("known", "g1", "p2"),)
        await world.last(DR_NAIR)
        telling = asyncio.create_task(world.desk.teacher.tell())
        async with asyncio.timeout(20):
            while len(world.neighbours.seen) < 2:
                await asyncio.sleep(0.01)
        telling.cancel()
        told = {(each.source, each.local_id): each.patient for each in world.neighbours.seen}

    assert told == {("known", "g1"): "p2", ("new", "t1"): "p1"}, "parted again, nobody keeps what was learned of the other"
