"""Is everyone brought in, and nobody twice, when the process that does it is killed in the middle of a page?"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.ingest.test_enrol import run_once, some_people
from tests.ingest.world import a_serving, a_world

from carerecord.contracts.ingest import EnrolSourceAsked
from carerecord.region.servers.habits import Habit


@pytest.mark.parametrize("pages", [1, 3, 4])
async def test_a_killed_worker_s_page_is_taken_up_and_counted_once(service_database, pages):
    slow = Habit("slow", seconds=0.05, enrolment=True)
    async with a_world(service_database, a_serving(*some_people(45), habits=(slow,))) as world:
        world.clock.at = datetime.now(UTC)
        await world.porter(world.enroller()).enrol_source(EnrolSourceAsked("elm-bank"))
        told = {
            "patients": world.desk_dsn,
            "locator": world.locator_dsn,
            "ingest": world.dsn,
            "source": msgspec.json.encode(world.sources[0]).decode(),
        }
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.ingest.a_worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(told).encode() + b"\n")
        for _ in range(pages):
            assert await asyncio.wait_for(worker.stdout.readline(), 30) == b"page\n"
        worker.kill()
        await worker.wait()
        half_way = await world.row()
        world.clock.at += timedelta(minutes=5)
        await run_once(world, "the next")
        row = await world.row()
        entries = await world.desk.db.fetchval("SELECT count(*) FROM patient")
        pointers = await world.locator.db.fetchval("SELECT count(*) FROM pointer")

    assert half_way.state == "running"
    assert (pages - 1) * 10 <= half_way.seen < 45
    assert (row.state, row.seen, row.new + row.unchanged) == ("done", 45, 45)
    assert row.unchanged <= 10, "at most the page in hand was there already"
    assert (entries, pointers) == (45, 45)
