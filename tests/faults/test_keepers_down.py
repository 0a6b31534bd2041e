"""Each service of walk one in a process of its own; one after another is killed. What is said then is what the design says."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from carerecord.app.apart import Apart
from carerecord.app.catalogue import CATALOGUE, NAMES, service
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate, secret_of
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.ingest import ENROL_SOURCE, ENROLMENTS, EnrolmentsAsked, EnrolSourceAsked
from carerecord.contracts.patients import SEARCH, SearchAsked
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.kit.calls import Calls, Socket
from carerecord.kit.errors import CareRecordError, Refused, Unavailable
from carerecord.kit.tokens import keys_for
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import RunningServer
from tests.flows.a_house import DR_NAIR, EMERGENCY, a_region, an_actor, drop_databases, own_databases, write_folder

SYSTEMS = ("kirkgate", "quayside", "fenwick-epr", "aldermoor-community", "hartley-pharmacy", "aldermoor-pathology")
ARRANGED = ("aldermoor-pathology", "fenwick-epr")  # a copy for a while, and both
SERVICES = [each for each in CATALOGUE if not each.face]

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


class Town:
    """The services apart, and what a viewer would ask them."""

    def __init__(
        self, house: Apart, calls: Calls, servers: Mapping[str, RunningServer], nhs_number: str, born: str, folder: Path
    ) -> None:
        self.tables = folder / "sources" / "region.toml"
        self.house, self.calls, self.servers, self.nhs_number, self.born = house, calls, servers, nhs_number, born
        self.patient = ""

    async def find(self) -> str:
        found = await self.calls.ask(SEARCH, SearchAsked(text=self.nhs_number, actor=DR_NAIR))
        return found.matches[0].person.patient

    async def open(self, actor: Actor = DR_NAIR, nhs_number: str | None = None) -> Record:
        number = self.nhs_number if nhs_number is None else nhs_number
        asked = OpenAsked(actor, self.patient, EMERGENCY, nhs_number=number, birth_date=self.born)
        *_, last = [chunk async for chunk in self.calls.stream(OPEN, asked)]
        return last

    def chunks(self) -> AsyncIterator[Record]:
        return self.calls.stream(OPEN, OpenAsked(DR_NAIR, self.patient, EMERGENCY))

    async def connections(self, name: str) -> int:
        """How many sessions this service holds at its database."""
        db = await asyncpg.connect(self.house.engines.databases[name])
        try:
            return int(
                await db.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
                    f"carerecord {name}",
                )
            )
        finally:
            await db.close()

    async def opens_again_within(self, seconds: float) -> Record:
        """A service that returned is met without anybody's help."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            try:
                return await self.open()
            except CareRecordError:
                if loop.time() > until:
                    raise
                await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    tmp_path = tmp_path_factory.mktemp("town")
    prefix = f"apart_{uuid.uuid4().hex[:10]}"
    databases = await own_databases(cluster, prefix)
    async with a_region(8, systems=SYSTEMS) as (region, servers):
        write_folder(tmp_path, region, servers)
        gate = Gate(data_dir=tmp_path)
        house = Apart(gate, SERVICES, Engines(databases, nats.url))
        viewer = service("viewer")
        keys = keys_for(secret_of(gate), "viewer", NAMES, viewer.calls)
        async with aiohttp.ClientSession() as session:
            ways = {
                other: Socket(session, f"{house.address(other)}/{other}", keys.credentials[other])
                for other in viewer.calls
                if other in house.ports
            }
            calls = Calls("viewer", ways)
            person = next(each for each in region.people if each.key == "harold-singh")
            town = Town(house, calls, servers, person.nhs_number, person.born.isoformat(), tmp_path)
            try:
                for each in SERVICES:
                    house.start(each.name)
                await house.ready()
                await _enrol(calls, tuple(servers))
                town.patient = await town.find()
                yield town
            finally:
                house.stop_all()
    await drop_databases(cluster, prefix)


async def _enrol(calls: Calls, sources: tuple[str, ...]) -> None:
    for each in sources:
        await calls.ask(ENROL_SOURCE, EnrolSourceAsked(each))
    for _ in range(300):
        done = {each.source: each.state for each in await calls.ask(ENROLMENTS, EnrolmentsAsked())}
        if all(done.get(each) == "done" for each in sources):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not enrolled: {done}")


def rules(record: Record) -> set[str]:
    return {each.rule for each in record.attention}


async def test_each_keeper_in_turn_is_killed_named_and_met_again(town: Town):
    whole = await town.open()
    assert whole.complete
    assert {state.source for state in whole.states if state.state == "live"}

    # Policy decides anew for every opening: without it nothing is shown, and it says so.
    town.house.stop("policy", hard=True)
    with pytest.raises(Refused, match="could not be checked, so nothing is shown") as refused:
        await town.open()
    assert refused.value.facts["rule"] == "policy/unavailable"
    town.house.start("policy")
    await town.house.ready(["policy"])
    assert (await town.opens_again_within(10)).complete

    # What a person has said about sharing cannot be known: refused, and it says so.
    town.house.stop("consent", hard=True)
    with pytest.raises(Refused, match="the consent service does not answer") as refused:
        await town.open()
    assert refused.value.facts["rule"] == "consent/unavailable"
    town.house.start("consent")
    await town.house.ready(["consent"])
    assert (await town.opens_again_within(10)).complete

    # Without the locator every source that may know the person is asked, and the record says so.
    town.house.stop("locator", hard=True)
    record = await town.open()
    answered = {state.source for state in record.states if state.state == "live"}
    assert {state.source for state in whole.states if state.state == "live"} <= answered
    assert "gap/locator" in rules(record)
    town.house.start("locator")
    await town.house.ready(["locator"])
    assert "gap/locator" not in rules(await town.open())

    # The index is down: an exact NHS number still works for those who treat.
    town.house.stop("patients", hard=True)
    record = await town.open()
    assert any(state.state == "live" for state in record.states)
    assert "gap/index" in rules(record)
    with pytest.raises((Refused, Unavailable)):
        await town.open(actor=an_actor("receptionist"))
    with pytest.raises((Refused, Unavailable)):
        await town.open(nhs_number="")
    town.house.start("patients")
    await town.house.ready(["patients"])
    healed = await town.opens_again_within(10)
    assert healed.complete
    assert not rules(healed) & {"gap/index", "gap/locator"}

    # What is kept cannot be read: who is asked live answers, also who is both; a copy is named as what cannot be read.
    written = town.tables.read_text()
    copied, both = (next(each for each in written.split("[[source]]") if f'id = "{name}"' in each) for name in ARRANGED)
    changed = written.replace(copied, f'{copied.rstrip()}\narrangement = "copy"\n\n')
    town.tables.write_text(changed.replace(both, f'{both.rstrip()}\narrangement = "both"\n\n'))
    town.house.stop("holdings", hard=True)
    for _ in range(50):
        told = {state.source: state for state in (await town.open()).states}
        if told[ARRANGED[0]].state == "no answer":
            break
        await asyncio.sleep(0.1)
    assert "kept here" in told[ARRANGED[0]].says
    assert (told[ARRANGED[1]].state, told[ARRANGED[1]].kept) == ("live", "")
    town.tables.write_text(written)
    town.house.start("holdings")
    await town.house.ready(["holdings"])
    assert (await town.opens_again_within(10)).complete

    # The book is closed: lines wait where the reading was done, and arrive when it opens.
    town.house.stop("audit", hard=True)
    opened = await town.open()
    town.house.start("audit")
    await town.house.ready(["audit"])
    for _ in range(200):
        looks = await town.calls.ask(LOOKS, LooksAsked(person=opened.person.ids))
        if sum(line.what == "record-opened" and line.id == opened.opening for line in looks.lines) == 1:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("the line of the opening never reached the book")


async def test_a_question_without_the_callers_credential_is_refused_by_every_service(town: Town):
    async with aiohttp.ClientSession() as session:
        for each in SERVICES:
            address = f"{town.house.address(each.name)}/{each.name}/ask/anything"
            async with session.post(address, data=b"{}") as reply:
                assert reply.status == 403, each.name
            async with session.get(f"{town.house.address(each.name)}/{each.name}/health/ready") as reply:
                assert reply.status == 200, each.name
            async with session.get(f"{town.house.address(each.name)}/{each.name}/metrics") as reply:
                assert "carerecord_question_seconds" in await reply.text()


async def test_a_service_told_to_stop_finishes_the_opening_in_hand_and_hands_back_its_connections(town: Town):
    town.servers["kirkgate"].set(Habit("slow", seconds=4.0))
    process = town.house.processes["records"]
    try:
        chunks = town.chunks()
        first = await anext(chunks)
        assert not first.complete
        process.send_signal(signal.SIGTERM)
        assert [chunk async for chunk in chunks][-1].complete, "the stream ends whole, with the source that was late"
        assert await asyncio.to_thread(process.wait, 15) == 0
    finally:
        town.servers["kirkgate"].reset()
    with pytest.raises(Unavailable):
        await town.open()
    assert await town.connections("records") == 0
    town.house.start("records")
    await town.house.ready(["records"])
    assert (await town.opens_again_within(10)).complete
