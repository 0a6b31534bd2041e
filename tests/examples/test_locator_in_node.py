"""A locator in another language, by the written contract: does it answer as ours does, and take its place while it is asked?"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from carerecord.app.apart import Apart
from carerecord.app.catalogue import NAMES, chosen, service
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate, secret_of
from carerecord.app.house import reserved
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.ingest import ENROL_SOURCE, EnrolSourceAsked
from carerecord.contracts.locator import (
    LEARN,
    SEEN,
    SWEPT,
    WHERE,
    LearnAsked,
    Pointer,
    Seen,
    SeenAsked,
    SweepAsked,
    WhereAsked,
)
from carerecord.contracts.patients import SEARCH, SearchAsked
from carerecord.contracts.records import OPEN, OpenAsked
from carerecord.kit.calls import CALLER, KEPT_S, Calls, Socket
from carerecord.kit.errors import Unavailable
from carerecord.kit.tokens import credential, derive, keys_for, written_keys
from carerecord.locator import api as locator
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import SECRET, across_a_socket, alike, said
from tests.conftest import TestDatabase
from tests.flows.a_house import DR_NAIR, EMERGENCY, a_region, drop_databases, own_databases, write_folder

PROGRAM = Path(__file__).parents[2] / "examples" / "locator-in-node" / "locator.mjs"
NODE = shutil.which("node") or str(Path(sys.executable).parent / "node")
AT, LATER = "2026-11-22T14:00:00Z", "2026-11-22T15:30:00.250+01:00"

DIALOGUE: list[tuple[Any, Any]] = [
    (WHERE, WhereAsked(("p1",))),
    (SWEPT, SweepAsked()),
    (LEARN, LearnAsked(())),
    (LEARN, LearnAsked((Pointer("elm-bank", "gone", "p1"),))),
    (LEARN, LearnAsked((), (Pointer("elm-bank", "gone", ""),))),
    (LEARN, LearnAsked((Pointer("elm-bank", "gp1", "p1"), Pointer("quayside", "q1", "p2"), Pointer("elm-bank", "gp1", "p1")))),
    (LEARN, LearnAsked((Pointer("elm-bank", "gp1", "p1"), Pointer("fenwick", "Ünï, \"7\"", "p1")))),
    (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", ("allergies", "medicines"), ("plans",), AT),))),
    (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", ("plans",), ("medicines",), LATER),))),
    (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", ("results",), (), "2026-11-22T09:00:00Z"),))),  # older: changes nothing
    (SEEN, SeenAsked((Seen("p3", "harbour", "", ("results",), (), AT, True), Seen("p3", "fell", "", (), (), AT, True)))),
    (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", (), (), "2026-11-22T14:00:00"),))),
    (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", (), (), "yesterday"),))),
    (SEEN, SeenAsked(())),
    (WHERE, WhereAsked(("p2", "p1", "p3"))),
    (WHERE, WhereAsked(())),
    (SWEPT, SweepAsked()),
]  # fmt: skip


@asynccontextmanager
async def in_node(database: TestDatabase, folder: Path) -> AsyncIterator[str]:
    """The locator in JavaScript on this database; the address of its door."""
    keys = folder / "keys.json"
    keys.write_text(json.dumps(written_keys(keys_for(SECRET, "locator", ("locator",), ()))))
    port = reserved(0, "127.0.0.1")
    told = {
        "CARERECORD_LOCATOR_DATABASE": database.dsn,
        "CARERECORD_KEYS_FILE": str(keys),
        "CARERECORD_INNER_PORT": str(port),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([NODE, PROGRAM], env={**os.environ, **told}, stderr=log)
    try:
        for _ in range(400):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 10) == 0, (folder / "log").read_text()


async def test_every_answer_and_every_refusal_is_the_same(
    service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path
) -> None:
    async with in_node(await service_database("locator"), tmp_path) as address, aiohttp.ClientSession() as session:
        theirs = Socket(session, f"{address}/locator", credential(derive(SECRET, "door/locator"), "records"))
        part = locator.build(supplies_for("locator", await service_database("locator"), data_dir=tmp_path))
        async with across_a_socket(part) as ours:
            for question, asked in DIALOGUE:
                wanted, heard = await said(ours, question, asked), await said(theirs, question, asked)
                assert alike(heard) == alike(wanted), f"{question.name} {asked}"


async def test_its_door_refuses_as_ours_does(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> None:
    database = await service_database("locator")
    key = derive(SECRET, "door/locator")
    good = {CALLER: credential(key, "records")}
    asks: list[tuple[str, dict[str, str], bytes]] = [
        ("where", {}, b'{"person": []}'),
        ("where", {CALLER: "records:" + "0" * 64}, b'{"person": []}'),
        ("where", {CALLER: credential(key, "viewer")}, b'{"person": []}'),
        ("where", {CALLER: credential(key, "") + "x"}, b'{"person": []}'),
        ("nowhere", good, b"{}"),
        ("where", good, b"not JSON"),
        ("where", good, b'{"person": "p1"}'),
        ("where", good, b'{"people": ["p1"]}'),
        ("where", good, b'{"person": [1]}'),
        ("where", good, b'{"person": null}'),
        ("where", good, b'\xff{"person": []}'),
        ("where", good, b'{"person": ["p1"], "a field of a later version": true}'),
        ("seen", good, b'{"seen": [{"patient": "p1"}]}'),
    ]
    part = locator.build(supplies_for("locator", database, data_dir=tmp_path))
    async with in_node(database, tmp_path) as theirs, aiohttp.ClientSession() as session:
        async with across_a_socket(part, callers=frozenset({"records", "ingest"})) as socket:
            for word, headers, body in asks:
                answers = []
                for address in (f"{theirs}/locator", socket._address):
                    async with session.post(f"{address}/ask/{word}", headers=headers, data=body) as reply:
                        answers.append((reply.status, await reply.json()))
                assert answers[0] == answers[1], (word, body)
        async with session.post(f"{theirs}/locator/ask/where", headers={"X-Request-ID": "a-request-of-mine"}) as reply:
            assert reply.headers["X-Request-ID"] == "a-request-of-mine"
        async with session.get(f"{theirs}/locator/metrics") as reply:
            assert 'outcome="NotUnderstood"' in await reply.text()
        await database.pool.execute("ALTER TABLE pointer RENAME TO gone")
        async with session.get(f"{theirs}/health/ready") as reply:
            assert (reply.status, (await reply.json())["missing"]) == (503, "its database lacks a migration")
        way = Socket(session, f"{theirs}/locator", good[CALLER])
        with pytest.raises(Unavailable, match="A part of the system that is needed does not answer"):
            await Calls("records", {"locator": way}).ask(WHERE, WhereAsked(("p1",)))
    assert "p1" not in (tmp_path / "log").read_text(), "no person in a log line"


SYSTEMS = ("kirkgate", "fenwick-epr")


@pytest.mark.timeout(240)
async def test_it_takes_the_place_of_ours_under_load_and_ours_its_without_an_error(
    cluster: Cluster, nats: NatsServer, tmp_path: Path
) -> None:
    prefix = f"node_{uuid.uuid4().hex[:10]}"
    services = chosen("sources,patients,locator,consent,policy,ingest,records")
    gate = Gate(data_dir=tmp_path)
    try:
        async with a_region(6, systems=SYSTEMS) as (region, servers):
            write_folder(tmp_path, region, servers)
            house = Apart(gate, services, Engines(await own_databases(cluster, prefix), nats.url), log=tmp_path / "log")
            try:
                for each in services:
                    house.start(each.name)
                await house.ready()
                async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_S)) as session:
                    load = Load(house, gate, session)
                    for source in servers:
                        await load.viewer.ask(ENROL_SOURCE, EnrolSourceAsked(source, wait=True))
                    number = next(each.nhs_number for each in region.people if each.key == "harold-singh")
                    found = await load.viewer.ask(SEARCH, SearchAsked(text=number, actor=DR_NAIR))
                    async with load.on(found.matches[0].person.patient):
                        await load.more(20)
                        await house.replace("locator", (NODE, str(PROGRAM)))
                        await load.more(40)
                        by_node = await load.answered_by_node()
                        await house.replace("locator")
                        await load.more(40)
            finally:
                await asyncio.to_thread(house.stop_all)
    finally:
        await drop_databases(cluster, prefix)
    assert load.errors == []
    assert by_node.get("answered", 0) > 40, "it was asked, and answered"
    assert set(by_node) == {"answered"}
    assert load.opened > 5


class Load:
    """Askers who never rest: some open a record, some ask where."""

    def __init__(self, house: Apart, gate: Gate, session: aiohttp.ClientSession) -> None:
        self.house, self.session = house, session
        self.viewer, self.records = (self._calls(gate, each) for each in ("viewer", "records"))
        self.errors: list[str] = []
        self.asked = self.opened = 0

    def _calls(self, gate: Gate, name: str) -> Calls:
        keys = keys_for(secret_of(gate), name, NAMES, service(name).calls)
        ways = {
            other: Socket(self.session, f"{self.house.address(other)}/{other}", keys.credentials[other])
            for other in service(name).calls
            if other in self.house.ports
        }
        return Calls(name, ways)

    @asynccontextmanager
    async def on(self, patient: str) -> AsyncIterator[None]:
        askers = [asyncio.create_task(self._open(patient)) for _ in range(2)]
        askers += [asyncio.create_task(self._where(patient)) for _ in range(6)]
        try:
            yield
        finally:
            for each in askers:
                each.cancel()
            await asyncio.gather(*askers, return_exceptions=True)

    async def _open(self, patient: str) -> None:
        while True:
            try:
                *_, last = [chunk async for chunk in self.viewer.stream(OPEN, OpenAsked(DR_NAIR, patient, EMERGENCY))]
                if not last.complete or any(each.rule.startswith("gap/") for each in last.attention):
                    gaps = [f"{each.rule} {each.source} {each.says}" for each in last.attention if each.rule.startswith("gap/")]
                    self.errors.append(f"a record with gaps: {gaps}")
                self.opened += 1
            except Exception as error:
                self.errors.append(f"open: {error!r}")
            await asyncio.sleep(0.02)

    async def _where(self, patient: str) -> None:
        while True:
            try:
                if not await self.records.ask(WHERE, WhereAsked((patient,))):
                    self.errors.append("it knows nothing of somebody who is known")
                self.asked += 1
            except Exception as error:
                self.errors.append(f"where: {error!r}")
            await asyncio.sleep(secrets.randbelow(20) / 1000)

    async def more(self, times: int) -> None:
        """Wait until so many more questions have been put, and two more records opened."""
        until, opened = self.asked + times, self.opened + 2
        while self.asked < until or self.opened < opened:
            await asyncio.sleep(0.05)

    async def answered_by_node(self) -> dict[str, int]:
        async with self.session.get(f"{self.house.address('locator')}/metrics") as reply:
            lines = [each for each in (await reply.text()).splitlines() if "seconds_count" in each]
        found: dict[str, int] = {}
        for line in lines:
            outcome = line.split('outcome="')[1].split('"')[0]
            found[outcome] = found.get(outcome, 0) + int(float(line.rsplit(" ", 1)[1]))
        return found
