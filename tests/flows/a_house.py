"""A whole house over a small region: real PostgreSQL, real NATS, real HTTP sources. What the flow and fault tests stand on."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from carerecord.app.catalogue import CATALOGUE, NAMES, Service
from carerecord.app.postgres import Cluster
from carerecord.app.wire import Builder, Deployment, House, running
from carerecord.contracts.actors import Actor, Reason, Role
from carerecord.contracts.ingest import ENROL_SOURCE, EnrolSourceAsked
from carerecord.contracts.patients import SEARCH, Person, SearchAsked
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.calls import Calls
from carerecord.kit.part import Part
from carerecord.kit.tokens import derive
from carerecord.region import make_region
from carerecord.region.servers.gp_connect_server import listed_at
from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.pds import BASE as PDS_BASE
from carerecord.region.servers.pds import Pds
from carerecord.region.servers.running import RunningServer, Serving
from carerecord.region.servers.running import running as region_running
from carerecord.region.servers.sds import OUR_ASID, Sds
from carerecord.region.shapes import Region
from tests.conftest import template_of

SECRET = secrets.token_bytes(32)
patient_id = PatientIds(derive(SECRET, "entries"))
SECTION_OF = {"contacts": "professionals"}  # the region's word -> ours

DR_NAIR = Actor(
    "https://aldermoor.example",
    "0001",
    "Dr Priya Nair",
    Role("555000010001", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor University Hospitals"),
)
EMERGENCY = Reason("direct-care", "Attending the emergency department now")


def an_actor(role: str, organisation: str = "R9A", subject: str = "0099") -> Actor:
    return Actor("https://aldermoor.example", subject, "Somebody", Role("1", role, role, organisation, organisation))


def sources_toml(
    region: Region, servers: Mapping[str, RunningServer], *, deadline_s: float = 8.0, pds: str = "", sds: str = ""
) -> str:
    """The tables that connect these systems."""
    organisations = {each.ods: each for each in region.organisations}
    tables = []
    for system in region.systems:
        if system.key not in servers:
            continue
        server = servers[system.key]
        sections = ", ".join(f'"{SECTION_OF.get(each, each)}"' for each in system.sections)
        spine = f'asid = "{OUR_ASID}"\n' if system.connector == "gp_connect" else ""
        token = (
            f'token_address = "{server.token_address}"\nclient_id = "{server.client_id}"\ncredentials = "{system.key}"\n'
            if server.token_address
            else ""
        )
        # Policy tells nobody of a source of this kind; the other kinds these tests do without.
        kind = f'kind = "{"sexual-health" if system.kind == "sexual-health" else "acute"}"\n'
        tables.append(
            f'[[source]]\nid = "{system.key}"\norganisation = "{system.ods}"\nname = "{system.name}"\n'
            f'organisation_name = "{organisations[system.ods].name}"\nmark = "{system.mark}"\nconnector = "{system.connector}"\n'
            f'{spine}address = "{sds if spine else server.address}"\nknows_by = "{system.knows_by}"\n'
            f'number_system = "{system.patient_system}"\n'
            f"sections = [{sections}]\nstage = \"everyone\"\ndeadline_s = {deadline_s}\n{kind}{token}"
        )
    if pds:
        tables.append(
            '[[source]]\nid = "pds"\norganisation = "QZ9"\nname = "Personal Demographics Service"\nkind = "demographics"\n'
            'connector = "pds"\n'
            f'address = "{pds}"\n'
        )
    return "\n".join(tables)


KEEPERS = tuple(each.name for each in CATALOGUE if each.keeps)


async def own_databases(cluster: Cluster, prefix: str, keepers: Sequence[str] = KEEPERS) -> dict[str, str]:
    """A database for each keeper, of this test alone, with its tables: copies of migrated ones."""
    templates = {each: await template_of(cluster, each) for each in keepers}
    admin = await asyncpg.connect(cluster.dsn)
    try:
        for each in keepers:
            await admin.execute(f'CREATE DATABASE "{prefix}_{each}" TEMPLATE "{templates[each]}"')
        return {each: cluster.dsn_for(f"{prefix}_{each}") for each in keepers}
    finally:
        await admin.close()


async def drop_databases(cluster: Cluster, prefix: str, keepers: Sequence[str] = KEEPERS) -> None:
    admin = await asyncpg.connect(cluster.dsn)
    try:
        for each in keepers:
            await admin.execute(f'DROP DATABASE IF EXISTS "{prefix}_{each}" WITH (FORCE)')
    finally:
        await admin.close()


@dataclass
class Whole:
    """A house, its region, and the words to use it."""

    house: House
    region: Region
    servers: Mapping[str, RunningServer]
    folder: Path
    databases: Mapping[str, str] = field(repr=False)

    @property
    def calls(self) -> Calls:
        """What the viewer can ask."""
        return self.house.calls("viewer")

    async def enrol(self, *sources: str) -> None:
        listing = tuple(key for key, each in self.servers.items() if each.system.connector == "fhir_r4")
        asked = (self.calls.ask(ENROL_SOURCE, EnrolSourceAsked(each, wait=True)) for each in sources or listing)
        for done in await asyncio.gather(*asked):
            assert done.state == "done", f"{done.source}: {done.state} {done.says}"

    def nhs_number(self, person: str) -> str:
        return next(each.nhs_number for each in self.region.people if each.key == person)

    async def find(self, person: str, actor: Actor = DR_NAIR) -> Person:
        """The person of the region with this key, found by NHS number as a clinician would."""
        for _ in range(100):
            found = await self.calls.ask(SEARCH, SearchAsked(text=self.nhs_number(person), actor=actor))
            if len(found.matches) == 1:
                return found.matches[0].person
            await asyncio.sleep(0.1)  # numbers that nobody has verified are being traced at the PDS
        raise AssertionError(f"{len(found.matches)} people have one number")

    async def registered(self, *, until: Callable[[set[str]], bool]) -> set[str]:
        """The ids of the sources in force, once they are as `until` says; five seconds at most."""
        for _ in range(50):
            registry = (await self.calls.ask(REGISTRY, RegistryAsked())).registry
            assert registry is not None
            if until(names := {each.id for each in registry.sources}):
                return names
            await asyncio.sleep(0.1)
        raise AssertionError(f"still registered: {sorted(names)}")

    async def open(self, person: str, actor: Actor = DR_NAIR, reason: Reason = EMERGENCY) -> list[Record]:
        """Every chunk of the record of this person."""
        patient = (await self.find(person, actor)).patient
        return [chunk async for chunk in self.calls.stream(OPEN, OpenAsked(actor, patient, reason))]


@asynccontextmanager
async def a_region(
    people: int,
    *,
    systems: Sequence[str] = (),
    latency_s: float | None = 0.0,
    changed: Callable[[Region], Region] = lambda region: region,
) -> AsyncIterator[tuple[Region, Mapping[str, RunningServer]]]:
    """`changed` is given the region before it is served: to add to it, or to write into what its sources hold."""
    region = changed(make_region(1948, people, now=datetime.now(UTC)))
    chosen = [each for each in region.systems if not systems or each.key in systems]
    serving = [
        Serving(each, region.holdings.get(each.key, ()), latency_s=latency_s, secret=secrets.token_hex(8)) for each in chosen
    ]
    async with region_running(serving) as servers:
        yield region, servers


@asynccontextmanager
async def a_register(region: Region) -> AsyncIterator[str]:
    """The region's PDS, at the address that is given."""
    listener = Listener(lambda _: Reply(b"", 503))
    await listener.listen()
    listener.handler = Pds(region.register, listener.address, latency_s=0.0)
    try:
        yield listener.address + PDS_BASE
    finally:
        await listener.refuse()


@asynccontextmanager
async def a_directory(servers: Mapping[str, RunningServer]) -> AsyncIterator[str]:
    """Where the practices that speak GP Connect are found, at the address that is given."""
    listener = Listener(lambda _: Reply(b"", 503))
    await listener.listen()
    speaks = [each for each in servers.values() if each.system.connector == "gp_connect"]
    directory = listener.handler = Sds([listed_at(each.system, each.listener.address) for each in speaks], listener.address)
    try:
        yield directory.base
    finally:
        await listener.refuse()


@asynccontextmanager
async def a_whole_house(
    cluster: Cluster,
    folder: Path,
    *,
    people: int = 12,
    systems: Sequence[str] = (),
    nats_url: str = "",
    services: Sequence[Service] = CATALOGUE,
    builders: Mapping[str, Builder] | None = None,
    latency_s: float | None = 0.0,
    deadline_s: float = 8.0,
    round_trip: bool = True,
    enrolled: bool = True,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    changed: Callable[[Region], Region] = lambda region: region,
) -> AsyncIterator[Whole]:
    prefix = f"flow_{uuid.uuid4().hex[:10]}"
    databases = await own_databases(cluster, prefix)
    try:
        async with AsyncExitStack() as stack:
            region, servers = await stack.enter_async_context(
                a_region(people, systems=systems, latency_s=latency_s, changed=changed)
            )
            pds = await stack.enter_async_context(a_register(region))
            sds = await stack.enter_async_context(a_directory(servers))
            write_folder(folder, region, servers, deadline_s=deadline_s, pds=pds, sds=sds)
            deployment = Deployment(
                data_dir=folder,
                secret=SECRET,
                databases=databases,
                nats_url=nats_url,
                round_trip=round_trip,
                settings={
                    "ingest": {"traces_per_s": "1000"},
                    "patients": {"searches_a_minute": "100000"},
                    **(settings or {}),
                },
            )
            # These tests speak as the viewer does, by questions; its pages have tests of their own.
            faceless = {"viewer": lambda supplies: Part("viewer"), **(builders or {})}
            async with running(deployment, services, builders=faceless) as house:
                whole = Whole(house, region, servers, folder, databases)
                if enrolled:
                    await whole.enrol()
                yield whole
    finally:
        await drop_databases(cluster, prefix)


def write_folder(
    folder: Path, region: Region, servers: Mapping[str, RunningServer], *, deadline_s: float = 8.0, pds: str = "",
    sds: str = "",
) -> None:  # fmt: skip
    for name in ("sources", "secrets", "providers"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources" / "region.toml").write_text(
        sources_toml(region, servers, deadline_s=deadline_s, pds=pds, sds=sds), encoding="utf-8"
    )
    for key, server in servers.items():
        (folder / "secrets" / key).write_text(server.secret, encoding="utf-8")


__all__ = ["DR_NAIR", "EMERGENCY", "NAMES", "Whole", "a_region", "a_whole_house", "an_actor", "write_folder"]
