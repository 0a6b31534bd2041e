"""How fast is the FHIR API written to, over HTTP, beside what this machine could do at best? Real bundles, fresh people, all on.

What runs is `carerecord serve --workers N`: validation, history, sealing, index, events, access, the audit book with its relay
and its hearer, and a commit before each answer. The clients are one raw protocol in this process. Rates are by the clock;
`cpu_us` is what one resource cost the workers and `engine_cpu_us` what it cost the database, true even on a machine in use.
"""

import argparse
import asyncio
import gzip
import itertools
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import msgspec
import psutil
import uvloop

from benchmarks.limits import copy_limit, insert_limit
from benchmarks.line import Line, request_of
from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from benchmarks.store import REAL, as_lines, bundles
from carerecord.app.catalogue import service
from carerecord.app.gate import Gate
from carerecord.app.operator import operator_calls
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, IssueAsked

SERVICES: Final = ("identity", "holdings", "audit", "consent", "patients", "policy", "exchange")
BUNDLE_CLIENTS: Final = 4
CREATE_CLIENTS: Final = 16
TIMES: Final = 16  # the real resources in one import, each time under fresh ids
_PLACE: Final = re.compile(rb"(?i)\r\ncontent-location: (\S+)")


class _Entry(msgspec.Struct):
    resource: msgspec.Raw


class _Bundle(msgspec.Struct):
    entry: list[_Entry]


def real_bundles(most: int) -> list[tuple[bytes, list[bytes]]]:
    """The smallest real transaction bundles that together hold about so many resources, each with its resources."""
    found: list[tuple[bytes, list[bytes]]] = []
    for path in sorted(REAL.glob("*.json.gz"), key=lambda path: path.stat().st_size):
        text = gzip.decompress(path.read_bytes())
        found.append((text, [bytes(each.resource) for each in msgspec.json.decode(text, type=_Bundle).entry]))
        if sum(len(resources) for _, resources in found) >= most:
            break
    return found


@dataclass(frozen=True)
class Server:
    """`carerecord serve`, with its workers below it."""

    port: int
    token: str
    pid: int
    engine: int  # the database's first process

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.pid).children()
        return [each for each in children if "nats" not in each.name()] or [psutil.Process(self.pid)]

    def cpu_s(self) -> tuple[float, float]:
        return _used(self.workers()), _used([psutil.Process(self.engine), *psutil.Process(self.engine).children()])

    def pss_mb(self) -> float:
        """With the parent, which holds what they share."""
        every = {each.pid: each for each in (psutil.Process(self.pid), *self.workers())}
        return round(sum(each.memory_full_info().pss for each in every.values()) / 1e6, 1)


def _used(processes: Sequence[psutil.Process]) -> float:
    total = 0.0
    for each in processes:
        try:
            times = each.cpu_times()
            total += times.user + times.system
        except psutil.Error:
            continue
    return total


@asynccontextmanager
async def served(cluster: Cluster, folder: Path, workers: int) -> AsyncIterator[tuple[Server, str]]:
    databases = await cluster.service_databases([each for each in SERVICES if service(each).keeps])
    told = {f"CARERECORD_{name.upper()}_DATABASE": dsn for name, dsn in databases.items()}
    command = ["serve", "--target", ",".join(SERVICES), "--workers", str(workers), "--port", "0"]
    environment = {**os.environ, **told, "CARERECORD_DATA_DIR": str(folder), "CARERECORD_LOG_LEVEL": "WARNING"}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carerecord", *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        line = await asyncio.wait_for(program.stdout.readline(), 90)
        port = int(line.decode().rsplit(":", 1)[1])
        async with operator_calls(Gate(data_dir=folder)) as calls:
            client = (await calls.ask(ADD_CLIENT, AddClientAsked("A benchmark", "R9A", ("system/*.cruds",)))).client
            token = (await calls.ask(ISSUE, IssueAsked(client.id, 7_200.0))).access_token
        yield Server(port, token, program.pid, cluster.pid), databases["holdings"]
    finally:
        program.terminate()
        await program.wait()


async def written(at: Server, requests: Sequence[tuple[bytes, int]], clients: int, seconds: float) -> dict[str, float]:
    """Each client writes again as soon as it is answered; a request holds so many resources."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", at.port))[1] for _ in range(clients)]
    left = itertools.cycle(requests)
    took: list[float] = []
    resources = 0

    async def client(line: Line, until: float) -> None:
        nonlocal resources
        while (began := time.perf_counter()) < until:
            request, many = next(left)
            answer = await line.ask(request)
            if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise RuntimeError(answer[:600].decode("utf-8", "replace"))
            took.append(time.perf_counter() - began)
            resources += many

    await asyncio.gather(*(client(each, time.perf_counter() + seconds / 4) for each in lines))  # to warm: plans, keys, walks
    took.clear()
    resources = 0
    before, own = at.cpu_s(), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(*(client(each, began + seconds) for each in lines))
    whole, after = time.perf_counter() - began, at.cpu_s()
    for each in lines:
        each._transport.close()
    took.sort()
    cpu, engine = ((late - early) / resources * 1e6 for early, late in zip(before, after, strict=True))
    own_us = (time.process_time() - own) / resources * 1e6
    return {
        "resources_a_second": round(resources / whole), "p50_ms": round(took[len(took) // 2] * 1e3, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1e3, 2), "requests": len(took), "resources": resources,
        "cpu_us": round(cpu), "engine_cpu_us": round(engine), "client_cpu_us": round(own_us),
    }  # fmt: skip


async def imported(at: Server, lines: bytes) -> dict[str, float]:
    """One import, from its first byte until every line has been filed and is told of."""
    line = (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", at.port))[1]
    asked = request_of("/fhir/$import", at.token, lines, kind="application/fhir+ndjson", prefer="respond-async")
    before, began = at.cpu_s(), time.perf_counter()
    answer = await line.ask(asked)
    received = time.perf_counter() - began
    place = _PLACE.search(answer)
    if place is None:
        raise RuntimeError(answer[:600].decode("utf-8", "replace"))
    path = urlsplit(place[1].decode()).path
    while (answer := await line.ask(request_of(path, at.token))).startswith(b"HTTP/1.1 202"):
        await asyncio.sleep(0.1)  # a client is asked to wait for two seconds
    whole, after = time.perf_counter() - began, at.cpu_s()
    line._transport.close()
    told = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
    if told["refused"] or told["kept"] != lines.count(b"\n"):
        raise RuntimeError(answer[:600].decode("utf-8", "replace"))
    cpu, engine = ((late - early) / told["kept"] * 1e6 for early, late in zip(before, after, strict=True))
    return {
        "resources_a_second": round(told["kept"] / whole), "received_s": round(received, 2), "whole_s": round(whole, 2),
        "resources": told["kept"], "cpu_us": round(cpu), "engine_cpu_us": round(engine),
    }  # fmt: skip


async def a_patient(at: Server) -> str:
    """The id that a new one was given."""
    line = (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", at.port))[1]
    answer = await line.ask(request_of("/fhir/Patient", at.token, b'{"resourceType":"Patient"}'))
    line._transport.close()
    return str(msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["id"])


def creates(at: Server, bundles: Sequence[tuple[bytes, list[bytes]]], patient: str) -> list[tuple[bytes, int]]:
    """Observations of one patient, each by itself."""
    made = []
    for _, resources in bundles:
        for text in resources:
            told = msgspec.json.decode(text)
            if told["resourceType"] == "Observation":
                told["subject"] = {"reference": f"Patient/{patient}"}
                told.pop("encounter", None)
                made.append((request_of("/fhir/Observation", at.token, msgspec.json.encode(told)), 1))
    return made


async def bytes_of(db: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, int]:
    """Of tables and indexes, and how many versions stand in them."""
    size = "SELECT sum(pg_total_relation_size(c)) FROM unnest(ARRAY['version', 'held', 'address', 'across']::regclass[]) c"
    return int(await db.fetchval(size)), int(await db.fetchval("SELECT count(*) FROM version"))


async def measured(
    cluster: Cluster, folder: Path, workers: int, most: int, seconds: float, rounds: int
) -> tuple[list[Promise], dict[str, Any]]:
    """The limits and what is measured take turns, so that others' work falls on both; a promise is the median of the rounds."""
    quiet()
    whole = real_bundles(most)
    texts = [text for _, resources in whole for text in resources]
    found: dict[str, list[dict[str, float]]] = {"bundles": [], "import": [], "create": []}
    memory: list[float] = []  # after each round
    async with served(cluster, folder, workers) as (at, dsn):
        db = await asyncpg.connect(dsn)
        try:
            asked = [(request_of("/fhir", at.token, text), len(resources)) for text, resources in whole]
            single = creates(at, whole, await a_patient(at))
            json_each = sum(len(request.partition(b"\r\n\r\n")[2]) for request, _ in single) / len(single)
            for turn in range(1, rounds + 1):
                limit = await copy_limit(db, texts)
                loaded = await written(at, asked, BUNDLE_CLIENTS, seconds)
                found["bundles"].append({**loaded, "limit_a_second": limit})
                say(f"round {turn}: bundles {found['bundles'][-1]}")
                lines, limit = as_lines(bundles(most) * TIMES), await copy_limit(db, texts)
                found["import"].append({**await imported(at, lines), "limit_a_second": limit})
                say(f"round {turn}: import {found['import'][-1]}")
                limit, (before, there) = await insert_limit(dsn, texts), await bytes_of(db)
                one = await written(at, single, CREATE_CLIENTS, seconds)
                after, now = await bytes_of(db)
                bytes_each = round((after - before) / (now - there))
                found["create"].append({**one, "limit_a_second": limit, "bytes_each": bytes_each, "json_each": round(json_each)})
                say(f"round {turn}: creates {found['create'][-1]}")
                memory.append(at.pss_mb())
        finally:
            await db.close()

    def median(row: str, what: str) -> float:
        return statistics.median(each[what] for each in found[row])

    def against(name: str, row: str, must: float) -> Promise:
        ratio = statistics.median(each["limit_a_second"] / each["resources_a_second"] for each in found[row])
        value = 1e6 / median(row, "resources_a_second")
        return Promise(name, round(value, 1), "us", round(value / ratio, 1), must)

    promises = [
        against("transaction bundles against the copy limit", "bundles", 2.5),
        against("bulk import, NDJSON, against the copy limit", "import", 2.0),
        against("create one against the durable insert", "create", 3.34),
        Promise("create one, p99", median("create", "p99_ms"), "ms", 50),
        Promise("disk of an Observation against its JSON", median("create", "bytes_each"), "bytes", round(json_each), 1.5),
        Promise("memory of the workers together (PSS)", max(memory), "MB", 350),
    ]
    return promises, {"workers": workers, **found, "pss_mb": memory}


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--resources", type=int, default=3_000, help="of real bundles, sent again and again as fresh people")
    told.add_argument("--seconds", type=float, default=5.0, help="for each row of a round")
    told.add_argument("--rounds", type=int, default=3)
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        data = Path(folder) / "data"
        found, detail = uvloop.run(measured(cluster, data, args.workers, args.resources, args.seconds, args.rounds))
    tell(found, detail, compact=args.json)


if __name__ == "__main__":
    main()
