"""Do a source's people come in whole, once, counted, and from where it stopped, whatever goes wrong?"""

import asyncio
import dataclasses
import random
from datetime import timedelta

import msgspec
import pytest
from tests.ingest.world import World, a_patient, a_serving, a_world
from tests.patients.people import DR_NAIR, nhs

from carerecord.contracts.audit import Line
from carerecord.contracts.ingest import EnrolSourceAsked
from carerecord.contracts.locator import WhereAsked
from carerecord.ingest import store
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.region.servers.habits import Habit


def some_people(count: int):
    return [a_patient(str(n), nhs(n)) for n in range(1, count + 1)]


async def run_once(world: World, owner: str = "one") -> None:
    """What the job does when it is woken, once."""
    enroller = world.enroller(owner)
    for taken in await store.take(world.db, owner, 3, world.clock.now()):
        await enroller.run(taken)


async def want(world: World, **more) -> None:
    await world.porter(world.enroller()).enrol_source(EnrolSourceAsked("elm-bank", **more))


async def pages_asked(world: World) -> int:
    return sum(1 for each in world.server.asked if "Patient" in each.path or "_page" in each.path)


async def test_every_person_of_every_page_is_brought_in(service_database):
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        await want(world)
        await run_once(world)

        row = await world.row()
        found = await world.desk.search(nhs(17))
        pointers = await world.locator.where(WhereAsked(found.matches[0].person.ids))

    assert (row.state, row.seen, row.new, row.unreadable) == ("done", 25, 25, 0)
    assert row.ended_at
    assert [(each.source, each.local_id) for each in pointers] == [("elm-bank", "17")]


async def test_a_second_run_changes_nothing(service_database):
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        for _ in range(2):
            await want(world)
            await run_once(world)

        row = await world.row()

    assert (row.state, row.seen, row.new, row.unchanged) == ("done", 25, 0, 25)


async def test_who_asked_for_it_is_written_down(service_database):
    async with a_world(service_database, a_serving()) as world:
        await want(world, actor=DR_NAIR)
        body = await world.db.fetchval("SELECT body FROM outbox WHERE kind = 'Line'")

    line = msgspec.json.decode(body, type=Line)
    assert (line.what, line.actor, line.sources) == ("enrolled", DR_NAIR, ("elm-bank",))


async def test_stopped_half_way_it_goes_on_from_the_page_in_hand(service_database):
    """The worker is cancelled when the second page stands in the index and is not yet counted."""
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        stuck, pages = asyncio.Event(), 0

        async def enrol_and_hang(asked):
            nonlocal pages
            answered = await world.desk.index.enrol(asked)
            pages += 1
            if pages == 2:
                stuck.set()
                await asyncio.Event().wait()
            return answered

        world.enrolled = enrol_and_hang
        await want(world)
        first = asyncio.create_task(run_once(world))
        await stuck.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        half_way = await world.row()
        world.enrolled = None
        await run_once(world, "two")
        row = await world.row()
        entries = await world.desk.db.fetchval("SELECT count(*) FROM patient")

    assert (half_way.state, half_way.seen) == ("waiting", 10), "handed back, the first page counted"
    assert (row.state, row.seen, row.new, row.unchanged) == ("done", 25, 15, 10), "the second page was there already"
    assert entries == 25
    assert await pages_asked(world) == 4, "the first page was not asked for again"


async def test_a_worker_that_was_killed_loses_its_hold_and_nothing_is_counted_twice(service_database):
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        await want(world)
        killed = world.enroller("killed")
        taken, = await store.take(world.db, "killed", 3, world.clock.now())
        assert await store.take(world.db, "two", 3, world.clock.now()) == (), "it is in a hand"

        world.clock.at += timedelta(minutes=5)
        await run_once(world, "two")
        await killed.run(taken)  # it was only slow, and comes back
        row = await world.row()

    assert (row.state, row.seen, row.new, row.unchanged) == ("done", 25, 25, 0)


async def test_an_entry_that_cannot_be_read_is_counted_and_named_without_its_content(service_database):
    entries = [{"resource": each} for each in some_people(3)]
    entries += [
        {"resource": {"resourceType": "Patient", "name": [{"family": "Secretname"}]}},
        {"resource": {"resourceType": "Person", "id": "p7", "name": [{"family": "Secretname"}]}},
        {"resource": {"id": "p8", "name": [{"family": "Secretname"}]}},
        {"resource": {"resourceType": "Patient", "id": "p9\x00", "name": [{"family": "Secretname"}]}},
        {"resource": {"resourceType": "Patient", "id": random.Random(9).randbytes(5_000).hex(), "name": [{"family": "X"}]}},
    ]
    body = msgspec.json.encode({"resourceType": "Bundle", "type": "searchset", "entry": entries})
    prepared = dataclasses.replace(a_serving(), prepared={"Patient": body})
    async with a_world(service_database, prepared) as world:
        await want(world)
        await run_once(world)
        row = await world.row()
        kept = [tuple(each.values()) for each in await world.db.fetch("SELECT * FROM quarantine ORDER BY reference")]

    assert (row.state, row.seen, row.new, row.unreadable) == ("done", 8, 3, 5), "the others are in"
    assert [reference for _, reference, _, _ in kept] == ["Person/p7", "entry 6", "entry with an odd id", "entry without id"]
    assert "Secretname" not in str(kept)


async def test_a_source_that_fails_is_tried_again_and_then_said(service_database):
    async with a_world(service_database, a_serving(*some_people(5))) as world:
        await world.server.refuse()
        await want(world)
        states = []
        for _ in range(5):
            await run_once(world)
            states.append((await world.row()).state)
            world.clock.at += timedelta(minutes=2)
        said = (await world.row()).says
        await world.server.listen()
        await want(world)
        await run_once(world)
        row = await world.row()

    assert states == ["waiting"] * 4 + ["failed"]
    assert said == "It could not be reached."
    assert (row.state, row.new, row.says) == ("done", 5, "")


async def test_pages_without_end_are_left(service_database):
    async with a_world(service_database, a_serving(*some_people(25), habits=(Habit("endless", enrolment=True),))) as world:
        await want(world)
        await run_once(world)
        row = await world.row()

    assert row.state == "failed"
    assert "never reached" in row.says
    assert await pages_asked(world) <= 4


async def test_a_page_that_is_gone_means_beginning_anew(service_database):
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        await want(world)
        await world.db.execute("UPDATE enrolment SET next = $1, seen = 10", f"{world.server.address}/_page?at=forgotten")
        await run_once(world)
        await run_once(world)
        row = await world.row()

    assert (row.state, row.seen, row.new) == ("done", 25, 25)


async def test_a_next_link_that_leads_elsewhere_is_not_followed(service_database):
    async with a_world(service_database, a_serving(*some_people(5))) as world:
        await want(world)
        await world.db.execute("UPDATE enrolment SET next = 'http://127.0.0.1:1/elsewhere'")
        await run_once(world)
        row = await world.row()

    assert "leads to another address" in row.says
    assert await pages_asked(world) == 0


async def test_on_a_schedule_only_what_changed_is_asked_for(service_database):
    async with a_world(service_database, a_serving(*some_people(5))) as world:
        world.sources[0] = msgspec.structs.replace(world.sources[0], enrol_every_s=3600.0)
        enroller = world.enroller()
        job = asyncio.create_task(enroller.work())
        try:
            await until(lambda: state(world, "done"))
            world.server.asked.clear()
            world.clock.at += timedelta(hours=2)
            enroller.bell.set()
            await until(lambda: asked_since(world))
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)


async def test_the_asker_may_wait_for_the_end(service_database):
    async with a_world(service_database, a_serving(*some_people(25))) as world:
        enroller = world.enroller()
        job = asyncio.create_task(enroller.work())
        try:
            row = await world.porter(enroller).enrol_source(EnrolSourceAsked("elm-bank", wait=True))
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    assert (row.state, row.new) == ("done", 25)


async def test_what_is_no_source_of_people_is_refused(service_database):
    async with a_world(service_database, a_serving()) as world:
        porter = world.porter(world.enroller())
        world.sources.append(msgspec.structs.replace(world.sources[0], id="pds", connector="pds"))
        with pytest.raises(NotFound):
            await porter.enrol_source(EnrolSourceAsked("nobody"))
        with pytest.raises(NotAcceptable):
            await porter.enrol_source(EnrolSourceAsked("pds"))


async def until(holds) -> None:
    for _ in range(400):
        if await holds():
            return
        await asyncio.sleep(0.025)
    raise AssertionError("it did not come to pass")


async def state(world: World, wanted: str) -> bool:
    rows = await store.enrolments(world.db)
    return bool(rows) and rows[0].state == wanted


async def asked_since(world: World) -> bool:
    return any(name == "_lastUpdated" for each in world.server.asked for name, _ in each.query)
