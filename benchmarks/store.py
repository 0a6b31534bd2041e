"""What does the store of FHIR resources cost beside the plainest thing that this machine could do? Real bundles, fresh people.

Everything is on: validation, history, sealing, index, events, audit, and a commit before each answer. What is measured is
holdings itself, asked in process: the HTTP of the API is not part of it.
"""

import argparse
import asyncio
import gzip
import os
import random
import re
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop

from benchmarks.limits import copy_limit, insert_limit
from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from carerecord.app.catalogue import CATALOGUE
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.wire import Deployment, running
from carerecord.contracts.bulk import LoadAsked, LoadFaultsAsked, LoadNamed
from carerecord.contracts.holdings import (
    EVERYTHING,
    LOAD,
    LOAD_FAULTS,
    LOAD_STATE,
    READ,
    SEARCH,
    WRITE,
    Change,
    Client,
    EverythingAsked,
    FindAsked,
    Reach,
    ReadAsked,
    WriteAsked,
)
from carerecord.exchange.importing import fed
from carerecord.kit.calls import Calls
from carerecord.kit.db import Connection
from carerecord.kit.part import Part

REAL = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).parents[2] / "shared" / "data") / "synthea"
SYSTEM = Client("bench", "R9A", "Bench", chooses_ids=True)
ALL = Reach()
TIMES = 10  # as many people, for the last round
Work = Callable[[], Awaitable[Any]]
_URN = re.compile(rb"urn:uuid:[0-9a-f-]{36}")
_OWN_ID = re.compile(rb'"id"\s*:\s*"[^"]*"')


class _Entry(msgspec.Struct):
    fullUrl: str
    resource: msgspec.Raw


class _Bundle(msgspec.Struct):
    entry: list[_Entry]


def bundles(most: int) -> list[tuple[Change, ...]]:
    """The smallest real bundles that together hold about so many resources, as the changes of transactions."""
    found: list[tuple[Change, ...]] = []
    total = 0
    for path in sorted(REAL.glob("*.json.gz"), key=lambda path: path.stat().st_size):
        entries = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=_Bundle).entry
        told = [(each, msgspec.json.decode(each.resource)["resourceType"]) for each in entries]
        found.append(tuple(Change("create", type_, raw=each.resource, full_url=each.fullUrl) for each, type_ in told))
        total += len(entries)
        if total >= most:
            break
    return found


async def with_clients(many: int, works: Iterable[Work]) -> dict[str, float]:
    """All of the work, by so many clients at once: how many a second, and how long one takes."""
    left, took = iter(works), []

    async def client() -> None:
        for work in left:
            began = time.perf_counter()
            await work()
            took.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(many)))
    whole = time.perf_counter() - began
    took.sort()
    return {
        "a_second": round(len(took) / whole, 1), "p50_ms": round(statistics.median(took), 2),
        "p99_ms": round(took[int(len(took) * 0.99)], 2), "times": len(took),
    }  # fmt: skip


@asynccontextmanager
async def a_keeper(cluster: Cluster, folder: Path) -> AsyncIterator[tuple[Calls, Connection, str]]:
    keeper = next(each for each in CATALOGUE if each.name == "holdings")
    face = next(each for each in CATALOGUE if each.name == "exchange")
    databases = await cluster.service_databases(["holdings"])
    told = Deployment(data_dir=folder, secret=b"s" * 32, databases=databases)
    async with running(told, (keeper, face), builders={"exchange": lambda supplies: Part("exchange")}) as house:
        db = await asyncpg.connect(databases["holdings"])
        try:
            yield house.calls("exchange"), db, databases["holdings"]
        finally:
            await db.close()


async def load(calls: Calls, told: Sequence[tuple[Change, ...]], clients: int) -> tuple[dict[str, float], list[str]]:
    people: list[str] = []

    async def one(changes: tuple[Change, ...]) -> None:
        written = await calls.ask(WRITE, WriteAsked(SYSTEM, ALL, changes))
        bad = next((each for each in written if each.status >= 400 and each.status != 424), None)
        assert bad is None, bad
        people.extend(each.held.id for each in written if each.held is not None and each.held.type == "Patient")

    began = time.perf_counter()
    await with_clients(clients, [partial(one, each) for each in told])
    many = sum(len(each) for each in told)
    return {"resources": many, "resources_a_second": round(many / (time.perf_counter() - began))}, people


def as_lines(told: Sequence[tuple[Change, ...]]) -> bytes:
    """The same resources as NDJSON, under fresh ids, each reference naming what it means."""
    lines: list[bytes] = []
    for changes in told:
        names = {each.full_url.encode(): f"{each.type}/{uuid.uuid4()}".encode() for each in changes}
        for each in changes:
            text = _URN.sub(partial(_named, names), each.text)
            mine = names[each.full_url.encode()].partition(b"/")[2]
            lines.append(_OWN_ID.sub(b'"id":"' + mine + b'"', text, count=1).replace(b"\n", b" "))
    return b"\n".join(lines) + b"\n"


def _named(names: Mapping[bytes, bytes], found: re.Match[bytes]) -> bytes:
    return names.get(found[0], found[0])


async def bulk(calls: Calls, told: Sequence[tuple[Change, ...]]) -> dict[str, float]:
    """One import, from its first byte until every line has been filed."""
    body = as_lines(told)

    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 262_144):
            yield body[place : place + 262_144]

    asked = LoadAsked(ALL, SYSTEM)
    began, cpu = time.perf_counter(), time.process_time()
    load = await calls.ask(LOAD, asked)
    await fed(calls, load.id, asked, chunks())
    while (state := await calls.ask(LOAD_STATE, LoadNamed(load.id, SYSTEM))).state != "done":
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    assert state.refused == 0, (await calls.ask(LOAD_FAULTS, LoadFaultsAsked(load.id, SYSTEM))).faults[:1]
    each_us = (time.process_time() - cpu) / state.kept * 1e6
    return {"resources": state.kept, "resources_a_second": round(state.kept / took), "cpu_each_us": round(each_us)}


async def questions(calls: Calls, people: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """The usual searches about random people, 8 clients."""
    chance = random.Random(7)

    def search(type_: str, *query: tuple[str, str]) -> list[Work]:
        def one() -> Awaitable[Any]:
            whose = (("patient", chance.choice(people)),) if type_ != "Patient" else ()
            return calls.ask(SEARCH, FindAsked(type_, (*whose, *query), ALL, client=SYSTEM))

        return [one] * rounds

    asked = {
        "by_code": search("Observation", ("code", "http://loinc.org|8302-2")),
        "encounters_with_include": search("Encounter", ("_include", "Encounter:patient"), ("_count", "20")),
        "active_conditions": search("Condition", ("clinical-status", "active")),
        "newest_50_results": search("Observation", ("category", "laboratory"), ("_count", "50")),
    }
    found = {name: await with_clients(8, works) for name, works in asked.items()}
    read = [lambda: calls.ask(READ, ReadAsked("Patient", chance.choice(people), ALL, client=SYSTEM))] * (rounds * 3)
    return {"read_by_id": await with_clients(8, read), **found}


async def disk(calls: Calls, db: Connection, told: Sequence[Change], patient: str) -> dict[str, float]:
    """Bytes of tables and indexes for each Observation that is created alone, beside its JSON; and the rate of that."""
    size = "SELECT sum(pg_total_relation_size(c)) FROM unnest(ARRAY['version', 'held', 'address', 'across']::regclass[]) c"
    texts = []
    for change in told:
        resource = msgspec.json.decode(change.text)
        resource["subject"] = {"reference": f"Patient/{patient}"}
        resource.pop("encounter", None)
        texts.append(msgspec.json.encode(resource))
    before = await db.fetchval(size)
    asked = [WriteAsked(SYSTEM, ALL, (Change("create", "Observation", raw=msgspec.Raw(each)),)) for each in texts]
    rate = await with_clients(16, [partial(calls.ask, WRITE, each) for each in asked])
    grown = int(await db.fetchval(size)) - int(before)
    return {**rate, "bytes_each": round(grown / len(texts)), "json_each": round(sum(map(len, texts)) / len(texts))}


async def measured(
    cluster: Cluster, folder: Path, most: int, rounds: int, only: str = ""
) -> tuple[list[Promise], dict[str, Any]]:
    """`only`: writing or reading, and not the other rows."""
    quiet()
    told = bundles(most)
    texts = [change.text for changes in told for change in changes]
    async with a_keeper(cluster, folder) as (calls, db, dsn):
        say("what the machine allows")
        bare = {"copy_a_second": await copy_limit(db, texts), "insert_a_second": await insert_limit(dsn, texts)}
        say(f"{len(told)} bundles, 4 clients")
        loaded, people = await load(calls, told, 4)
        await db.execute("ANALYZE")
        detail: dict[str, Any] = {"limits": bare, "bundles": loaded}
        if only != "reading":
            say("one import, NDJSON")
            detail["bulk"] = {**await bulk(calls, told * 3), "copy_limit": await copy_limit(db, texts)}
            say("single creates, 16 clients")
            results = [change for changes in told for change in changes if change.type == "Observation"]
            detail["single"] = await disk(calls, db, (results * 40)[:1_500], people[0])
        if only == "writing":
            return list(of_writing(detail)), detail
        say("questions")
        few = await questions(calls, people[1:], rounds)
        whole = await with_clients(
            1, [partial(calls.ask, EVERYTHING, EverythingAsked(each, ALL, client=SYSTEM)) for each in people[1:]]
        )
        say(f"{TIMES} times the people")
        _, others = await load(calls, told * (TIMES - 1), 4)
        await db.execute("ANALYZE")
        many = await questions(calls, [*people[1:], *others], rounds)
    detail |= {"few": few, "everything": whole, "many": many}
    return [*(() if only == "reading" else of_writing(detail)), *of_reading(few, many)], detail


def of_writing(detail: Mapping[str, Any]) -> Iterable[Promise]:
    bare, loaded, lines, single = (detail[each] for each in ("limits", "bundles", "bulk", "single"))
    return (
        Promise("bundles against the copy limit", 1e6 / loaded["resources_a_second"], "us", 1e6 / bare["copy_a_second"], 2.5),
        Promise("bulk import against the copy limit", 1e6 / lines["resources_a_second"], "us", 1e6 / lines["copy_limit"], 2.0),
        Promise("create one against the durable insert", 1e6 / single["a_second"], "us", 1e6 / bare["insert_a_second"], 3.34),
        Promise("create one, p99", single["p99_ms"], "ms", 50),
        Promise("disk of an Observation against its JSON", single["bytes_each"], "bytes", single["json_each"], 1.5),
    )


def of_reading(few: Mapping[str, Any], many: Mapping[str, Any]) -> Iterable[Promise]:
    """Of holdings alone, without HTTP: `benchmarks.api` holds the whole way to what is promised."""
    return (
        Promise("read by id", 1e6 / few["read_by_id"]["a_second"], "us", 1e6 / 3_000),
        Promise("read by id, p99", few["read_by_id"]["p99_ms"], "ms", 10),
        *(Promise(name, 1e6 / told["a_second"], "us", 1e6 / (700 if "50" in name else 1_200))
          for name, told in few.items() if name != "read_by_id"),
        *(Promise(f"{name}, {TIMES} times the people, p50", many[name]["p50_ms"], "ms", told["p50_ms"], 1.25)
          for name, told in few.items()),
    )  # fmt: skip


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--resources", type=int, default=1_500)
    told.add_argument("--rounds", type=int, default=400)
    told.add_argument("--only", default="", choices=("", "writing", "reading"), help="these rows, and not the others")
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        promises, detail = uvloop.run(measured(cluster, Path(folder), args.resources, args.rounds, args.only))
    tell(promises, detail, compact=args.json)


if __name__ == "__main__":
    main()
