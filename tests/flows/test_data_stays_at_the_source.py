"""After fifty openings nothing clinical is anywhere but at its source, and no name or NHS number outside the patient index."""

import asyncio
import gzip
import io
import secrets
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
from nats import connect

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.audit import Line
from carerecord.contracts.patients import SEARCH, SearchAsked
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.kit.log import configure, log_for
from carerecord.region.shapes import Region
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house

pytestmark = pytest.mark.timeout(240)

OPENINGS = 50
CHUNK = 1 << 22
SAID_IN = ("text", "display", "comment", "description", "patientInstruction", "valueString", "title")
Words = Mapping[str, Sequence[str]]  # clinical, name, NHS number


def in_file(path: Path, words: list[bytes]) -> set[bytes]:
    """Which of these words a file holds, plain, or inside any gzip or zlib stream that begins in it."""
    data = path.read_bytes()
    found = {word for word in words if word in data}
    for start in _streams(data):
        try:
            inner = zlib.decompressobj(wbits=47).decompress(data[start : start + CHUNK], CHUNK)
        except zlib.error:
            continue
        found |= {word for word in words if word in inner}
    return found


def _streams(data: bytes) -> Iterator[int]:
    at = data.find(b"\x1f\x8b\x08")
    while at >= 0:
        yield at
        at = data.find(b"\x1f\x8b\x08", at + 1)


def test_the_scan_finds_what_it_looks_for(tmp_path):
    (tmp_path / "plain").write_bytes(b"xx CANARY xx")
    (tmp_path / "packed").write_bytes(b"--" + gzip.compress(b"a CANARY in a stream"))
    assert in_file(tmp_path / "plain", [b"CANARY"]) == in_file(tmp_path / "packed", [b"CANARY"]) == {b"CANARY"}


async def in_databases(databases: Mapping[str, str], words: Words) -> list[str]:
    """Every service's every table, read whole as text: which words stand where they may not."""
    astray = []
    for service, dsn in databases.items():
        connection = await asyncpg.connect(dsn)
        try:
            tables = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            for table in tables:
                rows = await connection.fetch(f"SELECT t::text AS line FROM {table['name']} t")
                text = "\n".join(_readable(row["line"]) for row in rows)
                for kind, each in words.items():
                    if kind != "clinical" and service == "patients":
                        continue
                    astray += [f"{service} {table['name']}: {kind}" for word in each if word in text]
        finally:
            await connection.close()
    return sorted(set(astray))


def _readable(line: str) -> str:
    """A row as text, with its bytea columns decoded."""
    parts = []
    for part in line.replace('"', ",").replace("(", ",").replace(")", ",").split(","):
        if part.startswith("\\\\x") or part.startswith("\\x"):
            try:
                parts.append(bytes.fromhex(part.lstrip("\\").removeprefix("x")).decode("utf-8", "replace"))
                continue
            except ValueError:
                pass
        parts.append(part)
    return ",".join(parts)


def with_a_canary(region: Region, word: str) -> Region:
    """The same region, with a word that stands nowhere else in the world in every clinical text of every source."""

    def marked(node: Any) -> Any:
        if isinstance(node, list):
            return [marked(each) for each in node]
        if not isinstance(node, dict):
            return node
        return {key: f"{each} {word}" if key in SAID_IN and isinstance(each, str) else marked(each) for key, each in node.items()}

    def held(resource: Any) -> Any:
        return resource if resource["resourceType"] == "Patient" else marked(resource)

    holdings = {
        key: tuple(replace(each, resources=tuple(held(one) for one in each.resources)) for each in every)
        for key, every in region.holdings.items()
    }
    return replace(region, holdings=holdings)


async def in_files(cluster: Cluster, nats: NatsServer, folder: Path, words: Words) -> list[str]:
    """The same for files: tables and write-ahead log (where the index may write names), JetStream, the data folder."""
    admin = await asyncpg.connect(cluster.dsn)
    await admin.execute("CHECKPOINT")
    await admin.close()
    clinical = [word.encode() for word in words["clinical"]]
    everything = [word.encode() for each in words.values() for word in each]
    return [
        str(path.relative_to(place.parent))
        for place, wanted in ((cluster.place / "data", clinical), (nats.store, everything), (folder, everything))
        for path in place.rglob("*")
        if path.is_file() and path.stat().st_size and in_file(path, wanted)
    ]


async def opened_often(whole: Whole) -> list[Record]:
    known = {holding.person for every in whole.region.holdings.values() for holding in every}
    people = [each.nhs_number for each in whole.region.people if each.key in known]
    turns = asyncio.Semaphore(4)

    async def open_one(nhs_number: str) -> Record:
        async with turns:
            found = await whole.calls.ask(SEARCH, SearchAsked(text=nhs_number, actor=DR_NAIR))
            asked = OpenAsked(DR_NAIR, found.matches[0].person.patient, EMERGENCY)
            return [chunk async for chunk in whole.calls.stream(OPEN, asked)][-1]

    return await asyncio.gather(*(open_one(people[turn % len(people)]) for turn in range(OPENINGS)))


async def test_after_fifty_openings_nothing_is_kept(cluster: Cluster, nats: NatsServer, tmp_path: Path):
    canary = f"zq{secrets.token_hex(8)}"
    before = set(Path(tempfile.gettempdir()).glob("*"))
    log, real, usual = io.StringIO(), sys.stderr, structlog.get_config()
    sys.stderr = log
    configure("DEBUG")
    try:
        async with a_whole_house(
            cluster, tmp_path, people=20, nats_url=nats.url, changed=lambda region: with_a_canary(region, canary)
        ) as whole:
            opened = await opened_often(whole)
            seen = [entry.facts for record in opened for section in record.sections for entry in section.entries]
            assert sum(canary in facts.title for facts in seen) > 100, "the word was shown to people"
            words = {
                "clinical": [canary],
                "name": sorted({each.family for each in whole.region.people if len(each.family) >= 6}),
                "NHS number": [each.nhs_number for each in whole.region.people],
            }
            await asyncio.sleep(2.0)  # relays hand on, hearers write
            assert await in_databases(whole.databases, words) == []
            assert await in_files(cluster, nats, tmp_path, words) == []
            for kind, each in words.items():
                assert not [word for word in each if word in log.getvalue()], f"the log holds a {kind}"
            fresh = [path for path in Path(tempfile.gettempdir()).glob("*") if path not in before and path.is_file()]
            assert [path.name for path in fresh if in_file(path, [canary.encode()])] == []

            # And would it have been found? The same word, said once where it may not be.
            leak = Line("", "2026-11-22T12:00:00Z", "record-opened", "records", None, reason=f"{canary} {words['name'][0]}")
            await whole.house.supplies("records").outbox.announce("Line", leak)
            log_for("records").info("leak", said=canary)
            board = await connect(nats.url)  # a stream of its own: what was heard is gone from those of the house
            await board.jetstream().add_stream(name="leak", subjects=["leak"])
            await board.jetstream().publish("leak", canary.encode())
            await asyncio.sleep(2.0)
            assert {"audit", "records"} <= {each.split()[0] for each in await in_databases(whole.databases, words)}
            found = await in_files(cluster, nats, tmp_path, words)
            assert any("pg_wal" in each for each in found)
            assert any(each.endswith(".blk") for each in found), "JetStream"
            await board.jetstream().delete_stream("leak")
            await board.close()
            assert canary in log.getvalue()
    finally:
        sys.stderr = real
        structlog.configure(**usual)
