"""Is a number that nobody has verified looked up at the PDS, once, and does the PDS name the practice?"""

from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
from tests.ingest.test_enrol import run_once, want
from tests.ingest.world import NHS, World, a_patient, a_serving, a_world
from tests.patients.people import nhs

from carerecord.contracts.patients import KnownAsAsked, ReviewsAsked
from carerecord.ingest import store
from carerecord.patients.asking import Asking
from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.pds import BASE
from carerecord.region.servers.pds import Pds as PretendPds

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
KNOWN, OTHER, NOBODY = nhs(1), nhs(2), nhs(3)


def registered(number: str, given: str = "Edith"):
    practice = {"identifier": {"system": ODS, "value": "A99924"}, "display": "Quayside Surgery"}
    return {**a_patient(number, number, given=given), "generalPractitioner": [practice]}


@asynccontextmanager
async def with_pds(world: World, *patients, **more):
    listener = Listener(lambda _: Reply())
    await listener.listen()
    listener.handler = PretendPds({each["id"]: each for each in patients}, listener.address, latency_s=0, **more)
    at = msgspec.structs.replace(world.sources[0], id="pds", organisation="QZ9", connector="pds", address=listener.address + BASE)
    world.sources.append(at)
    yield listener.handler
    await listener.refuse()
    assert listener.faults == []


async def brought_in(world: World):
    await want(world)
    await run_once(world)
    return world.tracer(world.enroller())


async def test_the_pds_verifies_a_number_and_names_the_practice(service_database):
    async with (
        a_world(service_database, a_serving(a_patient("1", KNOWN, "02"), a_patient("2", OTHER))) as world,
        with_pds(world, registered(KNOWN), registered(OTHER)) as pds,
    ):
        tracer = await brought_in(world)
        assert await tracer.some()
        assert not await tracer.some(), "each number once"
        person = (await world.desk.search(KNOWN)).matches[0].person
        row = await world.row()

    assert [each.path.rsplit("/", 1)[1] for each in pds.asked] == [KNOWN], "what its source has verified is not asked for"
    assert pds.asked[0].headers["nhsd-end-user-organisation-ods"] == "A99917"
    assert (person.demographics.nhs_number_status, person.demographics.gp) == ("01", "A99924")
    assert (person.known_by, row.traced) == (("elm-bank",), 1)


async def test_two_entries_of_one_number_are_asked_about_once(service_database):
    people = (a_patient("1", KNOWN, "02"), a_patient("2", KNOWN, "03"))
    async with a_world(service_database, a_serving(*people)) as world, with_pds(world, registered(KNOWN)) as pds:
        tracer = await brought_in(world)
        await tracer.some()
        person = (await world.desk.search(KNOWN)).matches[0].person
        row = await world.row()

    assert len(pds.asked) <= 2
    assert len(person.ids) == 3
    assert row.traced == 2


async def test_a_number_of_somebody_else_waits_for_a_human(service_database):
    async with (
        a_world(service_database, a_serving(a_patient("1", KNOWN, "02"))) as world,
        with_pds(world, registered(KNOWN, "Enid")),
    ):
        await (await brought_in(world)).some()
        review, = await world.desk.index.reviews(ReviewsAsked())

    assert review.conflicts == ("given name differs",)


async def test_a_superseded_number_gives_way(service_database):
    async with (
        a_world(service_database, a_serving(a_patient("1", OTHER, "02"))) as world,
        with_pds(world, registered(KNOWN), superseded={OTHER: KNOWN}),
    ):
        await (await brought_in(world)).some()
        person = (await world.desk.search("edith marlow 14/03/1948")).matches[0].person

    assert person.demographics.nhs_number == KNOWN


async def test_a_pds_that_is_away_is_asked_again_later(service_database):
    async with a_world(service_database, a_serving(a_patient("1", NOBODY, "02"))) as world:
        async with with_pds(world, registered(KNOWN)) as pds:
            pass  # it is down now
        tracer = await brought_in(world)
        assert await tracer.some()
        assert not await tracer.some(), "not at once"
        world.sources.pop()
        async with with_pds(world, registered(KNOWN)) as pds:
            world.clock.at += timedelta(hours=1)
            await tracer.some()
        found = (await world.desk.search(NOBODY)).matches[0].person

    assert len(pds.asked) == 1
    assert found.demographics.nhs_number_status == "04"


async def test_the_queue_holds_no_number(service_database):
    async with a_world(service_database, a_serving(a_patient("1", KNOWN, "02"))) as world:
        await brought_in(world)
        everything = [str(tuple(row.values())) for table in ("trace", "enrolment", "quarantine", "outbox") for row in
                      await world.db.fetch(f"SELECT * FROM {table}")]  # fmt: skip

    assert everything
    assert not [row for row in everything if KNOWN in row or "Marlow" in row]


async def signalled(world: World, number: str):
    """What the porter does when the register says that something changed about a number."""
    tracer = await brought_in(world)
    known = await Asking(world.desk.db).known_as(KnownAsAsked(NHS, number))
    await store.want_traces(world.db, "elm-bank", known.ids[:1], world.clock.now(), anew=True)
    assert await tracer.some()
    assert not await tracer.some(), "once"


async def test_a_verified_number_of_which_the_register_said_that_something_changed_is_asked_for_again(service_database):
    died = {**registered(KNOWN), "deceasedDateTime": "2026-11-21T08:00:00+00:00"}
    async with a_world(service_database, a_serving(a_patient("1", KNOWN))) as world, with_pds(world, died) as pds:
        await signalled(world, KNOWN)
        person = (await world.desk.search(KNOWN)).matches[0].person

    assert len(pds.asked) == 1
    assert (person.demographics.deceased, person.demographics.gp) == ("2026-11-21T08:00:00+00:00", "A99924")


async def test_a_number_that_gave_way_gives_way_for_all_who_bear_it_and_they_stay_one_person(service_database):
    everybody = (a_patient("1", OTHER), a_patient("2", OTHER), a_patient("3", OTHER, "02"))
    async with (
        a_world(service_database, a_serving(*everybody)) as world,
        with_pds(world, registered(KNOWN), superseded={OTHER: KNOWN}),
    ):
        await signalled(world, OTHER)
        by_old, by_new = [(await world.desk.search(each)).matches for each in (OTHER, KNOWN)]

    assert [each.person.ids for each in by_old] == [each.person.ids for each in by_new]
    assert by_new[0].person.demographics.nhs_number == KNOWN
    assert len(by_new[0].person.ids) == 4, "three entries, and the register's own"


async def test_a_number_that_the_register_knows_no_more_is_verified_for_nobody(service_database):
    async with a_world(service_database, a_serving(a_patient("1", KNOWN), a_patient("2", KNOWN))) as world, with_pds(world):
        await signalled(world, KNOWN)
        person = (await world.desk.search(KNOWN)).matches[0].person

    assert person.demographics.nhs_number_status == "04"
    assert len(person.ids) == 2, "nobody is parted by it"
