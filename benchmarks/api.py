"""How fast is the FHIR API read, over HTTP, beside a bare answer of 2 KB? Real bundles, fresh people, everything on.

What runs is `carerecord serve --workers N`: access, sealing, the audit line durable before each answer, the book with its relay
and its hearer. What is bare, and how the two are held against each other, says `benchmarks/turns.py`. `cpu_us` is what one answer
cost the workers, `engine_cpu_us` the database and `client_cpu_us` the clients.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import msgspec
import uvloop

from benchmarks.line import Line, request_of
from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from benchmarks.turns import Bare, asked, bare_answers, in_turns
from benchmarks.writing import Server, real_bundles, served
from carerecord.app.postgres import embedded_postgres

CLIENTS: Final = 8
TIMES: Final = 10
ROUNDS: Final = 5  # of few and many people in turns
MOST_UP_TO_300_MS: Final = 25.0


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
    patience_s: float = 0.0  # for each row, until others leave the machine alone

    def wants(self, name: str) -> bool:
        return not self.only or name in self.only


async def measured(folder: Path, plan: Plan) -> tuple[list[Promise], dict[str, Any]]:
    """Few people; and in a house of their own, on a cluster of its own, ten times as many: in turns too."""
    quiet()
    told = [text for text, _ in real_bundles(plan.resources)]
    async with AsyncExitStack() as stack:
        nothing = await stack.enter_async_context(bare_answers(plan.workers))
        few = await _house(stack, folder / "few", plan, told, 1)
        found = await questions(nothing, *few, plan)
        if not plan.ten_times:
            return list(promises(found, {})), {"few": found}
        say(f"{TIMES} times the people")
        many = await _house(stack, folder / "many", plan, told, TIMES)
        beside = {name: await few_and_many(few, many, name, plan) for name in RATIO if plan.wants(name)}
    return list(promises(found, beside)), {"few": found, "ten_times": beside}


async def _house(
    stack: AsyncExitStack, folder: Path, plan: Plan, told: Sequence[bytes], times: int
) -> tuple[Server, list[Person]]:
    cluster = stack.enter_context(embedded_postgres(folder / "pg"))
    at, dsn = await stack.enter_async_context(served(cluster, folder / "data", plan.workers))
    known = [each for seed in range(times) for each in await people(at, told, seed + 1)]
    await analysed(dsn)
    return at, known


async def few_and_many(
    few: tuple[Server, list[Person]], many: tuple[Server, list[Person]], name: str, plan: Plan
) -> dict[str, float]:
    """One question in both houses, in turns: the median of each turn's ratios, by the clock and by the processor."""
    found: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        one, other = [
            await asked(at, requests_for(name, known, at.token), CLIENTS, plan.seconds / ROUNDS) for at, known in (few, many)
        ]
        found.append({
            "p50": other["p50_ms"] / one["p50_ms"], "p99": other["p99_ms"] / one["p99_ms"],
            "cpu": (other["cpu_us"] + other["engine_cpu_us"]) / (one["cpu_us"] + one["engine_cpu_us"]),
        })  # fmt: skip
    middle = {each: round(statistics.median(turn[each] for turn in found), 3) for each in found[0]}
    say(f"{name}, {TIMES} times the people: {middle}")
    return middle


async def analysed(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    try:
        await db.execute("VACUUM ANALYZE")
    finally:
        await db.close()


async def questions(nothing: Bare, at: Server, people: Sequence[Person], plan: Plan) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in filter(plan.wants, QUESTIONS):
        whom = [each for each in people if each.resources <= 1_000] if name == "everything" else people
        requests = requests_for(name, whom, at.token)
        found[name] = await in_turns(nothing, at, requests, CLIENTS, plan.seconds, at.token, plan.patience_s)
        if name == "everything":
            short = [each for each in people if each.resources <= 300] or people[:1]
            one = await asked(at, requests_for(name, short, at.token), 1, plan.seconds / 2)
            mean = statistics.mean(each.resources for each in whom)
            found[name] |= {"resources_a_second": round(found[name]["a_second"] * mean), "one_client_p50_ms": one["p50_ms"]}
        say(f"{name}: {found[name]}")
    return found


def promises(few: dict[str, dict[str, float]], many: dict[str, dict[str, float]]) -> Iterable[Promise]:
    for name, took in few.items():
        if name in RATIO:
            must = round(1 / RATIO[name], 2)
            each_us = 1e6 / took["a_second"]
            yield Promise(name, round(each_us, 1), "us", round(each_us * took["ratio"], 1), must)
            whole = took["cpu_us"] + took["engine_cpu_us"] + took["client_cpu_us"]
            yield Promise(f"{name}, by the processor", whole, "us", round(whole * took["cpu_ratio"], 1), must)
        if name in P99_MS:
            yield Promise(f"{name}, p99", took["p99_ms"], "ms", P99_MS[name])
    if "everything" in few:
        yield Promise("$everything, microseconds a resource", round(1e6 / few["everything"]["resources_a_second"], 1), "us", 50.0)
        yield Promise("$everything up to 300, p50", few["everything"]["one_client_p50_ms"], "ms", MOST_UP_TO_300_MS)
    if "screen" in few:
        yield Promise("eight searches in one batch", round(1e6 / few["screen"]["a_second"], 1), "us", round(1e6 / 350, 1))
    for name, beside in many.items():
        yield Promise(f"{name}, {TIMES} times the people, p50", beside["p50"], "times", 1.0, 1.25)
        yield Promise(f"{name}, {TIMES} times the people, p99", beside["p99"], "times", 1.0, 1.5)
        yield Promise(f"{name}, {TIMES} times the people, by the processor", beside["cpu"], "times", 1.0, 1.25)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--resources", type=int, default=1_500, help="of real bundles, each person once")
    told.add_argument("--seconds", type=float, default=4.0, help="for each row")
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--only", default="", help=f"rows, of {', '.join(QUESTIONS)}")
    told.add_argument("--ten-times", action="store_true", help="and once more among ten times the people")
    told.add_argument("--patience", type=float, default=0.0, help="so many seconds for each row, until others rest")
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    plan = Plan(args.resources, args.seconds, args.workers, frozenset(filter(None, args.only.split(","))), args.ten_times,
                args.patience)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder:
        found, detail = uvloop.run(measured(Path(folder), plan))
    tell(found, detail, compact=args.json)


if __name__ == "__main__":
    main()
