"""How fast is the FHIR API read, over HTTP, beside a bare answer of 2 KB? Real bundles, fresh people, everything on.

Each worker is a process with identity, holdings, audit book's outbox and the API in it, as `carerecord serve` would run them; a
bare ASGI answer by the same server stands beside the API in the same process. The clients are one raw protocol in a process of
its own. Rates are by the clock, `cpu_us` is what one answer cost the workers and the database: the clock of a busy machine is
noise, that is not.

As a program (`python -m benchmarks.api --worker DEPLOYMENT_JSON`) it is one worker.
"""

import argparse
import asyncio
import json
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import psutil

from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from benchmarks.store import bundles
from carerecord.app.catalogue import service
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.serve import bound, front_app, port_of, server_on
from carerecord.app.wire import Deployment, running
from carerecord.contracts.holdings import WRITE, Change, Client, Reach, WriteAsked
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, IssueAsked
from carerecord.kit.calls import Calls

SERVICES: Final = ("identity", "holdings", "audit", "exchange")
CLIENTS: Final = 8
BARE: Final = b'{"resourceType":"Patient","text":"%s"}' % (b"x" * 2_000)
SYSTEM: Final = Client("bench", "R9A", "Bench", chooses_ids=True)
TIMES: Final = 10
MOST_UP_TO_300_MS: Final = 25.0


# --- a worker


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(BARE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BARE})


async def _work(told: str) -> None:
    """One worker: the services over their databases, the API and the bare answer each on a port that workers share."""
    given = json.loads(told)
    quiet()
    deployment = Deployment(data_dir=Path(given["folder"]), secret=bytes.fromhex(given["secret"]), databases=given["databases"])
    async with running(deployment, [service(each) for each in SERVICES]) as house, AsyncExitStack() as stack:
        for app, port in ((front_app(house), given["port"]), (_bare, given["bare"])):
            server, listening = server_on(app, bound(port, shared=True))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            stack.callback(serving.cancel)
            while not server.started:
                await asyncio.sleep(0.005)
        print("up", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


@dataclass(frozen=True)
class Workers:
    port: int
    bare: int
    pids: tuple[int, ...]
    engine: int  # the database's first process

    def cpu_s(self) -> tuple[float, float]:
        """What the workers and the database have used so far."""
        return sum(_used(each) for each in self.pids), _used(self.engine, *psutil.Process(self.engine).children())


def _used(*processes: int | psutil.Process) -> float:
    total = 0.0
    for each in processes:
        try:
            times = (psutil.Process(each) if isinstance(each, int) else each).cpu_times()
            total += times.user + times.system
        except psutil.Error:
            continue
    return total


@asynccontextmanager
async def workers(told: Deployment, many: int, engine: int) -> AsyncIterator[Workers]:
    held = [bound(0, shared=True), bound(0, shared=True)]
    ports = [port_of(each) for each in held]
    for each in held:
        each.close()
    given = json.dumps(
        {"folder": str(told.data_dir), "secret": told.secret.hex(), "databases": dict(told.databases), "port": ports[0],
         "bare": ports[1]}
    )  # fmt: skip
    programs = []
    try:
        for _ in range(many):
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.api", "--worker", given,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            programs.append(program)
            assert program.stdout is not None
            assert await asyncio.wait_for(program.stdout.readline(), 60) == b"up\n"
        yield Workers(ports[0], ports[1], tuple(each.pid for each in programs), engine)
    finally:
        for program in programs:
            if program.returncode is None:
                program.terminate()
            await program.wait()


# --- the clients


class Line(asyncio.Protocol):
    """One client: a request, its answer, the next. No parser of HTTP: the length of the body is all that is looked for."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self._needs = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the server closed the line"))

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        self._waiting = asyncio.get_running_loop().create_future()
        self._buffer.clear()
        self._needs = -1
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._needs < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length: ")
            self._needs = end + 4 + int(head[at + 16 : (head + b"\r\n").find(b"\r\n", at)])
        if len(self._buffer) >= self._needs and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(bytes(self._buffer))


async def asked(port: int, requests: Callable[[], bytes], clients: int, seconds: float, at: Workers) -> dict[str, float]:
    """So many clients, each asking again as soon as it is answered, for so long."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", port))[1] for _ in range(clients)]
    took: list[float] = []
    bytes_ = 0

    async def client(line: Line, until: float) -> None:
        nonlocal bytes_
        while (began := time.perf_counter()) < until:
            answer = await line.ask(requests())
            took.append(time.perf_counter() - began)
            bytes_ += len(answer)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer[:600].decode("utf-8", "replace"))

    until = time.perf_counter() + min(0.5, seconds / 4)
    await asyncio.gather(*(client(each, until) for each in lines))  # to warm: plans, keys, tokens
    took.clear()
    bytes_ = 0
    (workers_before, engine_before), own = at.cpu_s(), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(*(client(each, began + seconds) for each in lines))
    whole = time.perf_counter() - began
    (workers_after, engine_after), own = at.cpu_s(), time.process_time() - own
    for each in lines:
        each._transport.close()
    took.sort()
    many = len(took)
    return {
        "a_second": round(many / whole, 1), "p50_ms": round(statistics.median(took) * 1e3, 2),
        "p99_ms": round(took[int(many * 0.99)] * 1e3, 2), "times": many, "bytes": round(bytes_ / many),
        "cpu_us": round((workers_after - workers_before) / many * 1e6),
        "engine_cpu_us": round((engine_after - engine_before) / many * 1e6), "client_cpu_us": round(own / many * 1e6),
    }  # fmt: skip


# --- what is asked


@dataclass(frozen=True)
class Person:
    id: str
    identifier: str
    family: str
    resources: int


def request_of(path: str, token: str, body: bytes = b"") -> bytes:
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {token}\r\n"
    head += "Accept: application/fhir+json\r\n"
    if body:
        head += f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


SCREEN: Final = (
    "Patient/{id}", "AllergyIntolerance?patient={id}", "Condition?patient={id}&clinical-status=active",
    "MedicationRequest?patient={id}&status=active", "Observation?patient={id}&category=laboratory&_count=20",
    "Encounter?patient={id}&_count=5", "Immunization?patient={id}", "Procedure?patient={id}&_count=20",
)  # fmt: skip
QUESTIONS: Final = {
    "read_by_id": "/fhir/Patient/{id}",
    "by_code": "/fhir/Observation?patient={id}&code=http%3A%2F%2Floinc.org%7C8302-2",
    "encounters_with_include": "/fhir/Encounter?patient={id}&_include=Encounter:patient&_count=20",
    "active_conditions": "/fhir/Condition?patient={id}&clinical-status=active",
    "patient_by_identifier": "/fhir/Patient?identifier={identifier}",
    "patient_by_name": "/fhir/Patient?family={family}&_count=10",
    "newest_50_results": "/fhir/Observation?patient={id}&category=laboratory&_count=50",
    "everything": "/fhir/Patient/{id}/$everything",
    "screen": "/fhir",
}
RATIO: Final = {"read_by_id": 0.15, "newest_50_results": 0.035} | dict.fromkeys(
    ("by_code", "encounters_with_include", "active_conditions", "patient_by_identifier", "patient_by_name"), 0.06
)
P99_MS: Final = {"read_by_id": 10.0, "screen": 50.0}


def requests_for(name: str, people: Sequence[Person], token: str) -> Callable[[], bytes]:
    chance = random.Random(7)
    made: list[bytes] = []
    for each in people:
        facts = {"id": each.id, "identifier": quote(each.identifier, safe=""), "family": quote(each.family)}
        body = b""
        if name == "screen":
            entries = [{"request": {"method": "GET", "url": path.format(**facts)}} for path in SCREEN]
            body = json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
        made.append(request_of(QUESTIONS[name].format(**facts), token, body))
    return lambda: chance.choice(made)


# --- a region of people


class _Number(msgspec.Struct):
    system: str = ""
    value: str = ""


class _Name(msgspec.Struct):
    family: str = ""


class _Patient(msgspec.Struct):
    identifier: list[_Number] = []
    name: list[_Name] = []


async def people(calls: Calls, told: Sequence[tuple[Change, ...]], seed: int) -> list[Person]:
    """Each bundle again as a person of their own: other numbers and another name, the rest letter for letter."""
    chance = random.Random(seed)
    found: list[Person] = []
    for changes in told:
        fresh, number = [], f"{chance.randrange(10**12):012d}"
        family = "".join(chance.choices("abcdefghijklmnoprstuvw", k=7)).title()
        for change in changes:
            if change.type == "Patient":
                resource = msgspec.json.decode(change.text)
                resource["identifier"] = [{"system": "https://bench.example/Id", "value": number}]
                resource["name"] = [{"use": "official", "family": family, "given": [resource["name"][0]["given"][0]]}]
                change = msgspec.structs.replace(change, raw=msgspec.Raw(msgspec.json.encode(resource)))
            fresh.append(change)
        written = await calls.ask(WRITE, WriteAsked(SYSTEM, Reach(), tuple(fresh)))
        bad = next((each for each in written if each.status >= 400 and each.status != 424), None)
        assert bad is None, bad
        id_ = next(each.held.id for each in written if each.held is not None and each.held.type == "Patient")
        found.append(Person(id_, f"https://bench.example/Id|{number}", family, len(changes)))
    return found


@dataclass(frozen=True)
class Plan:
    resources: int
    seconds: float
    workers: int
    only: frozenset[str]
    ten_times: bool
    pause_s: float = 0.0

    def wants(self, name: str) -> bool:
        return not self.only or name in self.only


async def measured(cluster: Cluster, folder: Path, plan: Plan) -> tuple[list[Promise], dict[str, Any]]:
    quiet()
    for name in ("providers", "sources", "secrets"):
        (folder / name).mkdir(parents=True)
    databases = await cluster.service_databases(["identity", "holdings", "audit"])
    deployment = Deployment(data_dir=folder, secret=secrets.token_bytes(32), databases=databases)
    told = bundles(plan.resources)
    engine = cluster.pid
    results: dict[str, Any] = {}
    async with running(deployment, [service(each) for each in SERVICES]) as house:
        calls = house.calls("exchange")
        client = (await calls.ask(ADD_CLIENT, AddClientAsked("A benchmark", "R9A", ("system/*.cruds",)))).client
        token = (await calls.ask(ISSUE, IssueAsked(client.id, 7_200.0))).access_token
        say(f"{len(told)} people")
        few = await people(calls, told, 1)
        await house.supplies("holdings").db.execute("VACUUM ANALYZE")
        async with workers(deployment, plan.workers, engine) as at:
            say(f"workers {at.pids}, API on {at.port}")
            bare = await asked(at.bare, lambda: request_of("/", token), CLIENTS, plan.seconds, at)
            say(f"bare: {bare}")
            results["few"] = await questions(at, few, token, plan, plan.wants)
            if plan.ten_times:
                say(f"{TIMES} times the people")
                many = few + [each for seed in range(2, TIMES + 1) for each in await people(calls, told, seed)]
                await house.supplies("holdings").db.execute("VACUUM ANALYZE")
                results["many"] = await questions(at, many, token, plan, lambda name: plan.wants(name) and name in RATIO)
    return list(promises(bare, results)), {"bare": bare, **results}


async def questions(
    at: Workers, people: Sequence[Person], token: str, plan: Plan, wanted: Callable[[str], bool]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in filter(wanted, QUESTIONS):
        whom = [each for each in people if each.resources <= 1_000] if name == "everything" else people
        found[name] = await asked(at.port, requests_for(name, whom, token), CLIENTS, plan.seconds, at)
        if name == "everything":
            short = [each for each in people if each.resources <= 300] or people[:1]
            one = await asked(at.port, requests_for(name, short, token), 1, plan.seconds / 2, at)
            mean = statistics.mean(each.resources for each in whom)
            found[name] |= {"resources_a_second": round(found[name]["a_second"] * mean), "one_client_p50_ms": one["p50_ms"]}
        say(f"{name}: {found[name]}")
    return found


def promises(bare: dict[str, float], results: dict[str, Any]) -> Iterable[Promise]:
    few, many = results["few"], results.get("many", {})
    each_us = 1e6 / bare["a_second"]
    for name, took in few.items():
        if name in RATIO:
            yield Promise(name, round(1e6 / took["a_second"], 1), "us", round(each_us, 1), round(1 / RATIO[name], 2))
        if name in P99_MS:
            yield Promise(f"{name}, p99", took["p99_ms"], "ms", P99_MS[name])
    if "everything" in few:
        yield Promise("$everything, microseconds a resource", round(1e6 / few["everything"]["resources_a_second"], 1), "us", 50.0)
        yield Promise("$everything up to 300, p50", few["everything"]["one_client_p50_ms"], "ms", MOST_UP_TO_300_MS)
    if "screen" in few:
        yield Promise("eight searches in one batch", round(1e6 / few["screen"]["a_second"], 1), "us", round(1e6 / 350, 1))
    for name, took in many.items():
        yield Promise(f"{name}, {TIMES} times the people, p50", took["p50_ms"], "ms", few[name]["p50_ms"], 1.25)
        yield Promise(f"{name}, {TIMES} times the people, p99", took["p99_ms"], "ms", few[name]["p99_ms"], 1.5)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--worker", help=argparse.SUPPRESS)
    told.add_argument("--resources", type=int, default=1_500, help="of real bundles, each person once")
    told.add_argument("--seconds", type=float, default=4.0, help="for each row")
    told.add_argument("--workers", type=int, default=1)
    told.add_argument("--only", default="", help=f"rows, of {', '.join(QUESTIONS)}")
    told.add_argument("--ten-times", action="store_true", help="and once more among ten times the people")
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    import uvloop

    if args.worker:
        uvloop.run(_work(args.worker))
        return
    plan = Plan(args.resources, args.seconds, args.workers, frozenset(filter(None, args.only.split(","))), args.ten_times)
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        found, detail = uvloop.run(measured(cluster, Path(folder) / "data", plan))
    tell(found, detail, compact=args.json)


if __name__ == "__main__":
    main()
