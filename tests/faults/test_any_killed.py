"""Is every acknowledged message filed exactly once, whichever process dies at whatever moment? Each service is one of its own.

What is killed comes back at once, as Kubernetes would have it. The senders' own journals are the judge.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from carerecord.app.apart import Apart
from carerecord.app.catalogue import CATALOGUE
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate
from carerecord.app.house import reserved
from carerecord.app.nats import NatsServer, embedded_nats
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.ingest.filing import GIVEN_UP
from tests.flows.a_house import own_databases
from tests.ingest.sending import Sending

NAMES = ("sources", "patients", "locator", "holdings", "audit", "ingest")
SENDERS = 3
HOSPITAL = """
[[source]]
id = "fenwick"
organisation = "R1A"
name = "Fenwick General"
kind = "acute"
connector = "none"
number_system = "https://fenwick.test/Id/number"
[[sender]]
id = "fenwick-pas"
source = "fenwick"
sends_as = [["PAS", "R1A"]]
"""


@dataclass
class Town:
    """Services and engines, each a process that may be killed."""

    house: Apart
    cluster: Cluster
    nats: NatsServer
    port: int  # of the door for messages

    def victims(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Kill one of them and bring it back."""
        services = {name: lambda name=name: self._service(name) for name in NAMES}
        return {"ingest": services["ingest"], "postgres": lambda: self._engine(self.cluster), **services,
                "nats": lambda: self._engine(self.nats)}  # fmt: skip

    async def _service(self, name: str) -> None:
        self.house.stop(name, hard=True)
        self.house.start(name)
        await self.house.ready([name])

    async def _engine(self, engine: Cluster | NatsServer) -> None:
        engine.kill()
        engine.start()  # from the main thread, or it would stop with the thread


@asynccontextmanager
async def a_town(folder: Path, cluster: Cluster, nats: NatsServer) -> AsyncIterator[Town]:
    (folder / "sources").mkdir()
    (folder / "sources" / "fenwick.toml").write_text(HOSPITAL)
    databases = await own_databases(cluster, "any")
    port = reserved(0, "127.0.0.1")
    house = Apart(
        Gate(data_dir=folder), [each for each in CATALOGUE if each.name in NAMES], Engines(databases, nats.url),
        settings={"CARERECORD_INGEST_MLLP": f"127.0.0.1:{port}", "CARERECORD_INGEST_MLLP_PLAINTEXT": "true"},
    )  # fmt: skip
    try:
        for name in NAMES:
            house.start(name)
        await house.ready()
        yield Town(house, cluster, nats, port)
    finally:
        house.stop_all()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, marks=pytest.mark.timeout(240)),
        pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_every_acknowledged_message_is_filed_exactly_once(tmp_path: Path, kills: int):
    with embedded_postgres(tmp_path / "postgres") as cluster, embedded_nats(tmp_path / "nats") as nats:
        asyncio.run(_judged(tmp_path, cluster, nats, kills))


async def _judged(folder: Path, cluster: Cluster, nats: NatsServer, kills: int) -> None:
    chance = random.Random(kills)
    async with a_town(folder, cluster, nats) as town:
        there = asyncio.get_running_loop().create_future()
        there.set_result(town.port)
        senders = [Sending(each, there) for each in range(SENDERS)]
        sending = [asyncio.create_task(each.run()) for each in senders]
        victims = town.victims()
        whom = [*victims, *(chance.choice([*victims]) for _ in range(kills))][:kills]
        for name in whom:
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            await victims[name]()
        await asyncio.sleep(0.5)
        for each in senders:
            each.over = True
        await asyncio.gather(*sending)
        async with asyncio.timeout(120 + kills):
            await _all_is_filed(town.house.engines.databases["ingest"], may_park=kills > 5)
        found = await _found(town)

    acknowledged = {number for each in senders for number in each.acknowledged}
    assert len(acknowledged) > kills * 3, "the senders were at work all the time"
    assert acknowledged <= found["pointers"], "nothing that was acknowledged is missing"
    assert found["pointers"] == found["indexed"]
    many = found["messages"]
    assert found["filed"] == [("Patient", 1, many), ("Provenance", 1, many)], "and nothing is there twice"
    assert many - len(acknowledged) <= SENDERS * (kills + 1), "the rest is what was durable when the answer was lost"


async def _all_is_filed(dsn: str, *, may_park: bool) -> None:
    db = await asyncpg.connect(dsn)
    try:
        while await db.fetchval("SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM stuck)"):
            parked = await db.fetch("SELECT id, reason FROM stuck WHERE state <> 'again'")
            assert {row["reason"] for row in parked} <= ({GIVEN_UP} if may_park else set())
            # Of two hundred deaths three may meet one message: it waits for a person then, who has it filed again.
            again = "UPDATE stuck SET state = 'again', tries = 0, next_at = now() WHERE id = ANY ($1)"
            await db.execute(again, [row["id"] for row in parked])
            await asyncio.sleep(0.2)
    finally:
        await db.close()


async def _found(town: Town) -> dict[str, Any]:
    """What each service's own tables hold in the end."""

    async def rows(name: str, sql: str) -> list[asyncpg.Record]:
        db = await asyncpg.connect(town.house.engines.databases[name])
        try:
            return list(await db.fetch(sql))
        finally:
            await db.close()

    versions = "SELECT type, version, count(*) AS many FROM version GROUP BY type, version ORDER BY type"
    return {
        "pointers": {_number(row["local_id"]) for row in await rows("locator", "SELECT local_id FROM pointer")},
        "indexed": {_number(row["local_id"]) for row in await rows("patients", "SELECT local_id FROM patient")},
        "filed": [tuple(row) for row in await rows("holdings", versions)],
        "messages": (await rows("ingest", "SELECT count(*) AS many FROM message"))[0]["many"],
    }


def _number(local_id: str) -> str:
    return local_id.rpartition("|")[2]
