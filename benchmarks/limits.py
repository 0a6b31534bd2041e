"""What does this machine allow at best, and what does each step of reading a resource cost beside it? Microseconds of CPU."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import orjson

from benchmarks.far import a_bundle
from benchmarks.near import a_house, far_sources, say
from benchmarks.promises import tell
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.contracts.records import OPEN, Record
from carerecord.fhir.bundle import parse, split
from carerecord.fhir.reading import read
from carerecord.fhir.validate import load
from carerecord.kit.clock import SystemClock
from carerecord.kit.db import Connection

ROUNDS = 9


def each_us(many: int, work: Callable[[], Any]) -> float:
    """CPU of `work` divided by `many`, the median of the rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        took.append((time.process_time() - began) / many * 1e6)
    return round(statistics.median(took), 2)


def reading(entries: int) -> dict[str, float]:
    """From the bytes of one answer to facts, step by step, for each resource."""
    body, check, now = a_bundle(1, entries), load().check, SystemClock().now()
    raws = [entry.raw for entry in split(body).entries]
    parsed = [parse(raw) for raw in raws]
    many = len(raws)
    return {
        "bytes_each": len(body) // many,
        "orjson_us": each_us(many, lambda: [orjson.loads(raw) for raw in raws]),
        "split_us": each_us(many, lambda: split(body)),
        "parse_us": each_us(many, lambda: [parse(raw) for raw in raws]),
        "validate_us": each_us(many, lambda: [check(each) for each in parsed]),
        "read_us": each_us(many, lambda: [read(each, now=now) for each in parsed]),
    }


async def one_commit(cluster: Cluster) -> float:
    """Milliseconds of the smallest durable write: what the line in the book cannot do without."""
    db, took = await asyncpg.connect(cluster.dsn), []
    try:
        await db.execute("CREATE TABLE limit_of_commit (id bigserial PRIMARY KEY, body text)")
        for _ in range(50):
            began = time.perf_counter()
            await db.execute("INSERT INTO limit_of_commit (body) VALUES ($1)", "x" * 800)
            took.append((time.perf_counter() - began) * 1000)
    finally:
        await db.close()
    return round(statistics.median(took), 2)


async def merging(cluster: Cluster, folder: Path, sources: int, entries: int) -> dict[str, float]:
    """What the whole record costs to write for a socket, beside what it holds."""
    async with far_sources(sources, entries, 0.05) as far, a_house(cluster, folder, far) as (house, asked, _):
        *_, record = [chunk async for chunk in house.calls("viewer").stream(OPEN, asked)]
    encoder = msgspec.json.Encoder()
    shown = sum(len(section.entries) for section in record.sections)
    decoder = msgspec.json.Decoder(Record)
    written = encoder.encode(record)
    return {
        "entries": shown,
        "bytes": len(written),
        "encode_us_each": each_us(shown, lambda: encoder.encode(record)),
        "decode_us_each": each_us(shown, lambda: decoder.decode(written)),
    }


WORDS = 9  # text index rows for a resource
_AT_ONCE = 250  # resources in one commit
_INSERTS, _CLIENTS = 10_000, 16


async def copy_limit(db: Connection, texts: Sequence[bytes]) -> float:
    """Resources a second by COPY over one connection: as jsonb with a primary key, and nine text index rows each with one B-tree.

    It says nothing of our own tables, so that it does not move when they do.
    """
    await db.execute("CREATE TABLE limit_resource (id text PRIMARY KEY, body jsonb)")
    await db.execute("CREATE TABLE limit_word (word text, id text)")
    await db.execute("CREATE INDEX limit_word_word ON limit_word (word)")
    rows = [(str(uuid4()), text.decode()) for text in texts]
    words = [(f"{place % 400}|{id_[:18]}", id_) for id_, _ in rows for place in range(WORDS)]
    began = time.perf_counter()
    for at in range(0, len(rows), _AT_ONCE):
        async with db.transaction():
            await db.copy_records_to_table("limit_resource", records=rows[at : at + _AT_ONCE], columns=("id", "body"))
            several = words[at * WORDS : (at + _AT_ONCE) * WORDS]
            await db.copy_records_to_table("limit_word", records=several, columns=("word", "id"))
    took = time.perf_counter() - began
    await db.execute("DROP TABLE limit_resource, limit_word")
    return round(len(rows) / took)


async def insert_limit(dsn: str, texts: Sequence[bytes]) -> float:
    """Durable INSERTs of one row a second, by 16 clients."""
    pool = await asyncpg.create_pool(dsn, min_size=_CLIENTS, max_size=_CLIENTS)
    one, left = texts[len(texts) // 2], iter(range(_INSERTS))
    try:
        await pool.execute("CREATE TABLE limit_insert (id bigserial PRIMARY KEY, body bytea)")

        async def client() -> None:
            async with pool.acquire() as db:
                for _ in left:
                    await db.execute("INSERT INTO limit_insert (body) VALUES ($1)", one)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(_CLIENTS)))
        took = time.perf_counter() - began
        await pool.execute("DROP TABLE limit_insert")
        return round(_INSERTS / took)
    finally:
        await pool.close()


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--sources", type=int, default=40)
    told.add_argument("--entries", type=int, default=50)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    say("reading one answer, step by step")
    results: dict[str, Any] = {"reading": reading(args.entries)}
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        results["durable_commit_ms"] = asyncio.run(one_commit(cluster))
        say("one whole record")
        results["record"] = asyncio.run(merging(cluster, Path(folder) / "house", args.sources, args.entries))
    tell((), results, compact=args.json)  # what this machine can do at best; nothing is promised


if __name__ == "__main__":
    main()
