"""A throwaway house for the benchmarks: the true services on a cluster of their own, one person known to every source.

As a program (`python -m benchmarks.near DEPLOYMENT_JSON`) it is one worker, of all services or of those named: it prints its port
and serves until its input closes.
"""

import asyncio
import json
import logging
import resource
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from benchmarks.far import NHS_NUMBER
from carerecord.app.catalogue import CATALOGUE, NAMES
from carerecord.app.postgres import Cluster
from carerecord.app.wire import Deployment, House, running
from carerecord.contracts.actors import Actor, Reason, Role
from carerecord.contracts.locator import LEARN, LearnAsked, Pointer
from carerecord.contracts.patients import ENROL, Demographics, EnrolAsked, Identifier, Name, SourcePatient
from carerecord.contracts.records import OpenAsked
from carerecord.fhir.identifiers import NHS_NUMBER as NHS_SYSTEM
from carerecord.kit.calls import CALLER, Calls, Socket
from carerecord.kit.part import Part
from carerecord.kit.tokens import keys_for

DOCTOR = Actor("https://bench.example", "1", "Dr Bench", Role("1", "emergency-doctor", "A&E doctor", "R9A", "Bench Hospital"))
CARE = Reason("direct-care", "Attending the emergency department now")
SECTIONS = ("alerts", "allergies", "medicines", "problems", "results", "observations", "encounters", "documents", "plans")
SERVICES = tuple(each for each in CATALOGUE if each.name not in ("viewer", "identity"))


@dataclass(frozen=True)
class Far:
    ports: tuple[int, ...]
    program: asyncio.subprocess.Process

    async def used(self) -> dict[str, float]:
        """How many requests came so far, and the CPU that serving them cost."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(b"\n")
        found: dict[str, float] = json.loads(await self.program.stdout.readline())
        return found

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{port}/fhir" for port in self.ports)


@asynccontextmanager
async def far_sources(count: int, entries: int, slowest_s: float, *, hung: bool = False) -> AsyncIterator[Far]:
    """The sources, up in a process of their own."""
    told = [f"{count}{'+hung' if hung else ''}", str(entries), str(slowest_s * 1000)]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.far", *told,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        yield Far(tuple(json.loads(await program.stdout.readline())), program)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


def registry(far: Far, registered: int = 0) -> str:
    """The far sources; where more are `registered`, the others stand there too, and know nobody.

    The locator alone then says whom to ask: with `always_ask` an emergency department would ask all who share such a section.
    """
    sections = ", ".join(f'"{each}"' for each in SECTIONS)
    addresses = [*far.addresses, *(["http://127.0.0.1:9/fhir"] * (registered - len(far.addresses)))]
    tables = "\n".join(
        f'[[source]]\nid = "s{n}"\norganisation = "X{n:02d}"\norganisation_name = "Organisation {n}"\nname = "Source {n}"\n'
        f'mark = "S{n % 10}"\nkind = "acute"\nconnector = "fhir_r4"\naddress = "{address}"\nknows_by = "nhs-number"\n'
        f'asks = "everything"\nsections = [{sections}]\nstage = "everyone"\n'
        for n, address in enumerate(addresses)
    )
    return f"always_ask = []\n{tables}" if registered else tables


def deployment(folder: Path, databases: dict[str, str], secret: bytes, far: Far, registered: int = 0) -> Deployment:
    for name in ("sources", "secrets", "providers"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources" / "bench.toml").write_text(registry(far, registered), encoding="utf-8")
    return Deployment(data_dir=folder, secret=secret, databases=databases)


@asynccontextmanager
async def a_house(
    cluster: Cluster, folder: Path, far: Far, registered: int = 0
) -> AsyncIterator[tuple[House, OpenAsked, Deployment]]:
    """The services in this process, and the question that opens the one person's record."""
    databases = await cluster.service_databases([each.name for each in SERVICES if each.keeps])
    told = deployment(folder, databases, secrets.token_bytes(32), far, registered)
    quiet()
    async with running(told, (*SERVICES, _A_VIEWER), builders={"viewer": lambda supplies: Part("viewer")}) as house:
        patient = await _enrolled(house, far)
        yield house, OpenAsked(DOCTOR, patient, CARE), told


_A_VIEWER = next(each for each in CATALOGUE if each.name == "viewer")


async def _enrolled(house: House, far: Far) -> str:
    calls = house.calls("ingest")
    who = Demographics(
        names=(Name("Marlow", ("Edith",)),), birth_date="1948-06-19", gender="female",
        nhs_number=NHS_NUMBER, nhs_number_status="01",
    )  # fmt: skip
    people = tuple(SourcePatient(f"s{n}", "p", (Identifier(NHS_SYSTEM, NHS_NUMBER),), who) for n in range(len(far.ports)))
    enrolled = await calls.ask(ENROL, EnrolAsked(people))
    await calls.ask(LEARN, LearnAsked(tuple(Pointer(each.source, each.local_id, each.patient) for each in enrolled)))
    return enrolled[0].patient


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))


def credential(secret: bytes) -> dict[str, str]:
    return {CALLER: keys_for(secret, "viewer", NAMES, ("records",)).credentials["records"]}


async def _work(told: str) -> None:
    """One worker: the same services over the same databases, its inner door on a free port."""
    from carerecord.app.serve import bound, open_doors, port_of

    given = json.loads(told)
    quiet()
    deployment = Deployment(
        data_dir=Path(given["folder"]), secret=bytes.fromhex(given["secret"]), databases=given["databases"], peers=given["peers"]
    )
    services = tuple(each for each in (*SERVICES, _A_VIEWER) if not given["only"] or each.name in given["only"])
    async with running(deployment, services, builders={"viewer": lambda supplies: Part("viewer")}) as house:
        listening = bound(0)
        async with open_doors(house, inner=listening, front=None):
            print(port_of(listening), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


@asynccontextmanager
async def a_worker(told: Deployment, *only: str, peers: Mapping[str, str] | None = None) -> AsyncIterator[tuple[int, int]]:
    """The port and the process id of one worker process; `only` these services, who find others at `peers`."""
    given = {
        "folder": str(told.data_dir), "secret": told.secret.hex(), "databases": dict(told.databases), "only": only,
        "peers": dict(peers or {}),
    }  # fmt: skip
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.near", json.dumps(given),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        yield int(await asyncio.wait_for(program.stdout.readline(), 60)), program.pid
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


@asynccontextmanager
async def apart(told: Deployment) -> AsyncIterator[Calls]:
    """What records says to its neighbours when each of them has a process of its own."""
    async with AsyncExitStack() as stack:
        addresses: dict[str, str] = {}
        for name in ("patients", "locator", "consent", "sources", "policy"):
            port, _ = await stack.enter_async_context(a_worker(told, name, peers=addresses))
            addresses[name] = f"http://127.0.0.1:{port}"
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        credentials = keys_for(told.secret, "records", NAMES, tuple(addresses)).credentials
        yield Calls(
            "records", {name: Socket(session, f"{address}/{name}", credentials[name]) for name, address in addresses.items()}
        )


def say(words: str) -> None:
    """Progress, for who waits; the result alone goes to standard output."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_work(sys.argv[1]))
