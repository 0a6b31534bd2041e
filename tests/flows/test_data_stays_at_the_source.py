"""After fifty openings nothing clinical is anywhere but at its source, and no name or NHS number outside the patient index."""

import asyncio
import gzip
import io
import logging
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.kit.log import configure
from tests.flows.a_house import a_whole_house

pytestmark = pytest.mark.timeout(240)

OPENINGS = 50
CHUNK = 1 << 22


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


async def in_databases(databases: dict[str, str], words: dict[str, list[str]]) -> list[str]:
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


async def test_after_fifty_openings_nothing_is_kept(cluster: Cluster, nats: NatsServer, tmp_path: Path):
    before = {path for path in Path(tempfile.gettempdir()).glob("*") if not path.name.startswith("pytest")}
    log = io.StringIO()
    real, sys.stderr = sys.stderr, log
    configure("DEBUG")
    try:
        async with a_whole_house(cluster, tmp_path, people=40, nats_url=nats.url) as whole:
            people = [
                each
                for each in whole.region.people
                if each.key in {h.person for hs in whole.region.holdings.values() for h in hs}
            ]
            opened = []
            for turn in range(OPENINGS):
                opened.append((await whole.open(people[turn % len(people)].key))[-1])
            await asyncio.sleep(2.0)  # relays hand on, hearers write
            entries = [entry for record in opened for section in record.sections for entry in section.entries]
            words = {
                "clinical": sorted({entry.facts.title for entry in entries if len(entry.facts.title) >= 9})
                + sorted(
                    {entry.facts.document.text[:40] for entry in entries if entry.facts.document and entry.facts.document.text}
                ),
                "name": sorted({each.family for each in people if len(each.family) >= 6}),
                "NHS number": [each.nhs_number for each in people],
            }
            assert len(words["clinical"]) > 40
            assert len(words["name"]) > 10
            assert await in_databases(dict(whole.databases), words) == []
            async with asyncio.timeout(30):
                admin = await asyncpg.connect(cluster.dsn)
                await admin.execute("CHECKPOINT")
                await admin.close()
            # The index may hold names and numbers, so the files below are looked through for clinical text, and for names and
            # numbers where the index does not write.
            clinical = [word.encode() for word in words["clinical"]]
            identity = [word.encode() for kind in ("name", "NHS number") for word in words[kind]]
            for folder, wanted in (
                (cluster.place / "data", clinical),
                (nats.store, clinical + identity),
                (tmp_path, clinical + identity),
            ):
                for path in folder.rglob("*"):
                    if path.is_file() and path.stat().st_size:
                        assert not in_file(path, wanted), f"{path.relative_to(folder)} holds what it may not"
    finally:
        sys.stderr = real
        logging.getLogger().handlers.clear()
    said = log.getvalue()
    for kind, each in words.items():
        assert not [word for word in each if word in said], f"the log holds a {kind}"
    for path in Path(tempfile.gettempdir()).glob("*"):
        if path not in before and path.is_file():
            assert not in_file(path, clinical + identity), path.name
