"""Is every acknowledged message filed exactly once, whatever is killed whenever? The sender's own journal is the judge."""

import asyncio
import json
import random
import sys
from typing import Any

import pytest
from tests.ingest.a_hospital import KEEPERS
from tests.ingest.sending import Sending

from carerecord.ingest.filing import GIVEN_UP

SENDERS = 3
FEW_KILLS = 5


class Porters:
    """One porter after another, each an OS process; the next one stands by."""

    def __init__(self, told: dict[str, str]) -> None:
        self._told = told
        self._standing_by: asyncio.subprocess.Process | None = None
        self._at_work: asyncio.subprocess.Process | None = None

    async def next(self, *, last: bool) -> int:
        """The port of a new one."""
        self._at_work, self._standing_by = self._standing_by or await _spawned(), None
        if not last:
            self._standing_by = await _spawned()
        porter = self._at_work
        assert porter.stdin is not None
        assert porter.stdout is not None
        porter.stdin.write(json.dumps(self._told).encode() + b"\n")
        return int(await asyncio.wait_for(porter.stdout.readline(), 60))

    async def kill(self) -> None:
        for each in (self._at_work, self._standing_by if self._at_work is None else None):
            if each is not None:
                each.kill()
                await each.wait()
        self._at_work = None


async def _spawned() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ingest.a_porter", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(FEW_KILLS, marks=pytest.mark.timeout(120)),
        pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
async def test_every_acknowledged_message_is_filed_exactly_once(service_database: Any, kills: int):
    databases = {name: await service_database(name) for name in (*KEEPERS, "ingest")}
    told = {name: each.dsn for name, each in databases.items()}
    chance = random.Random(5)
    senders = [Sending(each, asyncio.get_running_loop().create_future()) for each in range(SENDERS)]
    running = [asyncio.create_task(each.run()) for each in senders]
    porters = Porters(told)
    try:
        for round_ in range(kills + 1):
            port = await porters.next(last=round_ == kills)
            for each in senders:
                if each.port.done():
                    each.port = asyncio.get_running_loop().create_future()
                each.port.set_result(port)
            if round_ < kills:
                await asyncio.sleep(chance.uniform(0.1, 0.8))
                await porters.kill()
        await asyncio.sleep(0.3)
        for each in senders:
            each.over = True
        await asyncio.gather(*running)
        journal = databases["ingest"].pool
        async with asyncio.timeout(60 + kills):
            while await journal.fetchval("SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM stuck)"):
                parked = await journal.fetch("SELECT id, reason FROM stuck WHERE state <> 'again'")
                assert {row["reason"] for row in parked} <= ({GIVEN_UP} if kills > FEW_KILLS else set())
                # Of two hundred deaths three may meet one message: it waits for a person then, who has it filed again.
                ids = [row["id"] for row in parked]
                await journal.execute("UPDATE stuck SET state = 'again', tries = 0, next_at = now() WHERE id = ANY ($1)", ids)
                await asyncio.sleep(0.1)
    finally:
        await porters.kill()
        await porters.kill()
        for task in running:
            task.cancel()

    sent = {number for each in senders for number in each.acknowledged}
    known = {row["local_id"] for row in await databases["locator"].pool.fetch("SELECT local_id FROM pointer")}
    kept = databases["holdings"].pool
    filed = await kept.fetch("SELECT type, version, count(*) AS many FROM version GROUP BY type, version ORDER BY type")
    messages = await journal.fetchval("SELECT count(*) FROM message")
    assert len(sent) > kills * 5, "the senders were at work all the time"
    assert all(any(number in each for each in known) for number in sent), "nothing that was acknowledged is missing"
    assert [tuple(row) for row in filed] == [("Patient", 1, messages), ("Provenance", 1, messages)], "and nothing is there twice"
    assert messages - len(sent) <= SENDERS * (kills + 1), "the rest is what was durable when the answer was lost"
