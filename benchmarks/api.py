"""How fast is the FHIR API read, over HTTP, beside a bare answer of 2 KB? Real bundles, fresh people, everything on.

What runs is `carerecord serve --workers N`: access, sealing, the audit line durable before each answer, the book with its relay
and its hearer. The bare answer is the same server with as many processes and nothing behind it. The clients are one raw protocol
in this process. Rates are by the clock; `cpu_us` is what one answer cost the workers and `engine_cpu_us` what it cost the
database.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import msgspec
import psutil
import uvloop

from benchmarks.line import Line, request_of
from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from benchmarks.writing import Server, real_bundles, served
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.serve import bound, port_of, server_on

CLIENTS: Final = 8
BARE: Final = b'{"resourceType":"Patient","text":"%s"}' % (b"x" * 2_000)
TIMES: Final = 10
MOST_UP_TO_300_MS: Final = 25.0


# --- what answers


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(BARE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BARE})


async def _answer_barely(port: int) -> None:
    """One process with nothing but the bare answer, by the server and settings of the front door."""
    server, listening = server_on(_bare, bound(port, shared=True))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    print("up", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    serving.cancel()


@dataclass(frozen=True)
class Answering:
    """Processes that answer on one port, and what they have used so far: theirs, and the database's."""

    port: int
    cpu_s: Callable[[], tuple[float, float]]


@asynccontextmanager
async def bare_answers(many: int) -> AsyncIterator[Answering]:
    with closing(bound(0, shared=True)) as held:
        port = port_of(held)
    programs = []
    try:
        for _ in range(many):
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.api", "--bare", str(port),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            programs.append(program)
            assert program.stdout is not None
            assert await asyncio.wait_for(program.stdout.readline(), 60) == b"up\n"
        answering = [psutil.Process(each.pid) for each in programs]
        yield Answering(port, lambda: (sum(sum(each.cpu_times()[:2]) for each in answering), 0.0))
    finally:
        for program in programs:
            if program.returncode is None:
                program.terminate()
            await program.wait()


# --- the clients


async def asked(at: Answering | Server, requests: Callable[[], bytes], clients: int, seconds: float) -> dict[str, float]:
    """So many clients, each asking again as soon as it is answered, for so long."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", at.port))[1] for _ in range(clients)]
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


class _Entry(msgspec.Struct):
    fullUrl: str
    resource: msgspec.Raw
    request: msgspec.Raw


class _Bundle(msgspec.Struct):
    entry: list[_Entry]
    resourceType: str = "Bundle"
    type: str = "transaction"


async def people(at: Server, told: Sequence[bytes], seed: int) -> list[Person]:
    """Each bundle again as a person of their own: another number and name, the rest letter for letter."""
    chance = random.Random(seed)
    line = (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", at.port))[1]
    found: list[Person] = []
    for text in told:
        bundle = msgspec.json.decode(text, type=_Bundle)
        number = f"{chance.randrange(10**12):012d}"
        family = "".join(chance.choices("abcdefghijklmnoprstuvw", k=7)).title()
        for entry in bundle.entry:
            if msgspec.json.decode(entry.resource)["resourceType"] == "Patient":
                resource = msgspec.json.decode(entry.resource)
                resource["identifier"] = [{"system": "https://bench.example/Id", "value": number}]
                resource["name"] = [{"use": "official", "family": family, "given": [resource["name"][0]["given"][0]]}]
                entry.resource = msgspec.Raw(msgspec.json.encode(resource))
        answer = await line.ask(request_of("/fhir", at.token, msgspec.json.encode(bundle)))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:600].decode("utf-8", "replace"))
        id_ = answer.partition(b"/fhir/Patient/")[2].partition(b"/")[0].decode()
        found.append(Person(id_, f"https://bench.example/Id|{number}", family, len(bundle.entry)))
    line._transport.close()
    return found


@dataclass(frozen=True)
class Plan:
    resources: int
    seconds: float
    workers: int
    only: frozenset[str]
    ten_times: bool

    def wants(self, name: str) -> bool:
        return not self.only or name in self.only


async def measured(cluster: Cluster, folder: Path, plan: Plan) -> tuple[list[Promise], dict[str, Any]]:
    quiet()
    told = [text for text, _ in real_bundles(plan.resources)]
    results: dict[str, Any] = {}
    async with served(cluster, folder, plan.workers) as (at, dsn), bare_answers(plan.workers) as nothing:
        say(f"{len(told)} people")
        few = await people(at, told, 1)
        await analysed(dsn)
        bare = await asked(nothing, lambda: request_of("/", at.token), CLIENTS, plan.seconds)
        say(f"bare: {bare}")
        results["few"] = await questions(at, few, plan, plan.wants)
        if plan.ten_times:
            say(f"{TIMES} times the people")
            many = few + [each for seed in range(2, TIMES + 1) for each in await people(at, told, seed)]
            await analysed(dsn)
            results["many"] = await questions(at, many, plan, lambda name: plan.wants(name) and name in RATIO)
        again = await asked(nothing, lambda: request_of("/", at.token), CLIENTS, plan.seconds)
        say(f"bare: {again}")
    return list(promises(bare if bare["a_second"] > again["a_second"] else again, results)), {"bare": [bare, again], **results}


async def analysed(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    try:
        await db.execute("VACUUM ANALYZE")
    finally:
        await db.close()


async def questions(
    at: Server, people: Sequence[Person], plan: Plan, wanted: Callable[[str], bool]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in filter(wanted, QUESTIONS):
        whom = [each for each in people if each.resources <= 1_000] if name == "everything" else people
        found[name] = await asked(at, requests_for(name, whom, at.token), CLIENTS, plan.seconds)
        if name == "everything":
            short = [each for each in people if each.resources <= 300] or people[:1]
            one = await asked(at, requests_for(name, short, at.token), 1, plan.seconds / 2)
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
    told.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    told.add_argument("--resources", type=int, default=1_500, help="of real bundles, each person once")
    told.add_argument("--seconds", type=float, default=4.0, help="for each row")
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--only", default="", help=f"rows, of {', '.join(QUESTIONS)}")
    told.add_argument("--ten-times", action="store_true", help="and once more among ten times the people")
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    if args.bare:
        uvloop.run(_answer_barely(args.bare))
        return
    plan = Plan(args.resources, args.seconds, args.workers, frozenset(filter(None, args.only.split(","))), args.ten_times)
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        found, detail = uvloop.run(measured(cluster, Path(folder) / "data", plan))
    tell(found, detail, compact=args.json)


if __name__ == "__main__":
    main()
