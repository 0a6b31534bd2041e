"""Do several processes keep one house on one port, and is nothing lost when one of them is killed?"""

import asyncio
import math
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from tests.app.a_demo import Carerecord, Running, running
from tests.flows.a_house import drop_databases, own_databases

from carerecord.app.catalogue import service
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.app.serve import bound
from carerecord.app.sharing import Counted, Shares, Taking
from carerecord.app.wire import Deployment
from carerecord.app.wire import running as at_home

pytestmark = pytest.mark.timeout(120)
CONNECTIONS = re.compile(r'^carerecord_worker_connections\{worker="[01]"\} ([1-4])$', re.MULTILINE)
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "c"}]}}


def workers_of(serving: Running) -> list[psutil.Process]:
    return psutil.Process(serving.process.pid).children()


class Writers:
    """Four clients that write without pause and remember what was acknowledged."""

    def __init__(self, base: str, token: str) -> None:
        self._base, self._headers = base, {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        self.kept: list[str] = []
        self.lost = 0
        self.until = math.inf

    async def write(self) -> None:
        """On one connection, and on a new one when it breaks."""
        while time.monotonic() < self.until:
            try:
                async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1), headers=self._headers) as session:
                    while time.monotonic() < self.until:
                        async with session.post(f"{self._base}/Observation", json=OBSERVATION) as reply:
                            assert reply.status == 201, await reply.text()
                            self.kept.append((await reply.json())["id"])
            except aiohttp.ClientError:
                self.lost += 1

    async def read(self, id_: str) -> int:
        asked = f"{self._base}/Observation/{id_}"
        async with aiohttp.ClientSession(headers=self._headers) as session, session.get(asked) as reply:
            return reply.status


async def page(address: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(address) as reply:
        return await reply.text()


def twice_explained(figures: str) -> list[str]:
    """A strict scraper takes no page that explains a figure twice."""
    told = [line.split()[2] for line in figures.splitlines() if line.startswith("# TYPE ")]
    return sorted({each for each in told if told.count(each) > 1})


def test_two_processes_answer_on_one_port_and_killing_one_loses_no_acknowledged_write(
    cluster: Cluster, nats: NatsServer, tmp_path: Path, carerecord: Carerecord
):
    names = "identity,holdings,audit,consent,patients,policy,exchange"
    databases = asyncio.run(own_databases(cluster, "shared"))
    told = {f"CARERECORD_{name.upper()}_DATABASE": dsn for name, dsn in databases.items()}
    told["CARERECORD_NATS_URL"] = nats.url
    try:
        with running(tmp_path / "data", "serve", "--target", names, "--workers", "2", "--port", "0", **told) as serving:
            serving.until("carerecord is ready at")
            inner, base = serving.run_file["inner"], f"{serving.front}/fhir"
            assert len(workers_of(serving)) == 2
            added = carerecord(tmp_path / "data", "client", "add", "Bench", "--organisation", "R9A", "--scopes", "system/*.cruds")
            assert added.returncode == 0, added.stderr
            id_ = added.stdout.splitlines()[0].split()[1]
            token = carerecord(tmp_path / "data", "client", "token", id_).stdout.split()[-1]
            writers = Writers(base, token)

            async def writing_while_one_is_killed() -> None:
                patience = time.monotonic() + 20
                clients = [asyncio.create_task(writers.write()) for _ in range(4)]
                before = ""
                while len(held := CONNECTIONS.findall(before)) < 2 or sum(map(int, held)) < 4:
                    assert time.monotonic() < patience, before  # each tells it now and then
                    await asyncio.sleep(0.2)
                    before = await page(f"{inner}/metrics")
                workers_of(serving)[0].kill()
                writers.until = time.monotonic() + 3
                await asyncio.gather(*clients)

            asyncio.run(writing_while_one_is_killed())
            serving.until("ended; starting it again")

            async def every_one_is_there() -> list[int]:
                return [await writers.read(each) for each in writers.kept]

            assert len(writers.kept) > 50
            assert 1 <= writers.lost <= 4, "the connections of the one that was killed, and no other"
            assert set(asyncio.run(every_one_is_there())) == {200}
            both = [f'carerecord_worker_up{{worker="{number}"}} 1' for number in (0, 1)]
            both.append('carerecord_pool_connections{worker="1",service="holdings"}')
            end = time.monotonic() + 20
            while not all(line in (figures := asyncio.run(page(f"{inner}/metrics"))) for line in both):
                assert time.monotonic() < end, figures
                time.sleep(0.1)
            assert twice_explained(figures) == []
            code, alive = serving.end(signal.SIGTERM)
        assert (code, alive) == (0, [])
        assert "Traceback" not in serving.said
    finally:
        asyncio.run(drop_databases(cluster, "shared"))


def test_a_worker_that_cannot_start_stops_the_whole_and_says_why(tmp_path: Path):
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    told = {f"CARERECORD_{name}_DATABASE": nowhere for name in ("IDENTITY", "HOLDINGS")}
    told["CARERECORD_NATS_URL"] = "nats://127.0.0.1:1"
    target = "identity,holdings,consent,policy,exchange"

    with running(tmp_path / "data", "serve", "--target", target, "--workers", "2", "--port", "0", **told) as serving:
        assert serving.process.wait(60) == 1

    assert "worker 0: The database of the identity service cannot be used" in serving.said
    assert "Worker 0 ended as it started" in serving.said
    assert "Traceback" not in serving.said


def test_apart_and_workers_are_not_both(tmp_path: Path, carerecord: Carerecord):
    ended = carerecord(tmp_path / "data", "serve", "--apart", "--workers", "2")

    assert ended.returncode == 1
    assert "either --apart or --workers" in ended.stderr


async def test_what_must_be_done_once_is_done_by_the_first_worker_alone(cluster: Cluster, nats: NatsServer, tmp_path: Path):
    databases = await own_databases(cluster, "first", ("audit",))
    try:
        for worker in (0, 1):
            told = Deployment(tmp_path, secret=b"s" * 32, databases=databases, nats_url=nats.url, worker=worker)
            async with at_home(told, [service("audit")]):
                busy = {task.get_name() for task in asyncio.all_tasks()}
            assert "audit.watch" in busy
            assert ("audit.hears.holdings" in busy, "audit.notes" in busy) == (worker == 0, worker == 0)
    finally:
        await drop_databases(cluster, "first", ("audit",))


# --- who takes the next connection


class _Silent(asyncio.Protocol):
    def __init__(self, connections: Counted) -> None:
        self._connections = connections

    def connection_made(self, transport: Any) -> None:
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)


@asynccontextmanager
async def two_takers() -> AsyncIterator[tuple[int, Counted, Counted, list[Taking]]]:
    listening, shares = bound(0), Shares(2)
    both = [Counted(shares, number) for number in (0, 1)]
    # One socket twice, as two processes have it.
    twice = [listening, listening.dup()]
    for each in twice:
        each.setblocking(False)
    takers = [Taking(each, partial(_Silent, mine), shares, mine) for each, mine in zip(twice, both, strict=True)]
    try:
        yield listening.getsockname()[1], *both, takers
    finally:
        for taker, each in zip(takers, twice, strict=True):
            taker.close()
            each.close()


async def connected(port: int) -> asyncio.StreamWriter:
    return (await asyncio.open_connection("127.0.0.1", port))[1]


async def test_four_connections_are_two_for_each_of_two_workers():
    async with two_takers() as (port, one, other, _):
        opened = [await connected(port) for _ in range(4)]
        await asyncio.sleep(0.05)

        assert sorted((len(one), len(other))) == [2, 2]
        for each in opened:
            each.close()


async def test_a_worker_takes_all_where_the_other_is_stopped():
    async with two_takers() as (port, one, other, takers):
        takers[1].close()
        opened = [await connected(port) for _ in range(4)]
        await asyncio.sleep(0.1)

        assert (len(one), len(other)) == (4, 0)
        for each in opened:
            each.close()


async def test_a_worker_that_is_away_is_not_waited_for():
    shares = Shares(2)
    Counted(shares, 1).add(object())

    assert shares.fewest() == 1
    shares.away(1)
    assert shares.fewest() > 1_000


def test_a_listening_socket_is_one_queue_for_all():
    with socket.create_server(("127.0.0.1", 0)) as listening, listening.dup() as same:
        assert listening.getsockname() == same.getsockname()
