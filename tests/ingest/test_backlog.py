"""Does a backlog drain with memory flat? Groups come out of the journal one at a time, however many wait."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.a_hospital import a_hospital, adt

PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is read from /proc")
@pytest.mark.parametrize("many", [192, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_a_backlog_drains_with_memory_flat(service_database: Any, many: int):
    async with a_hospital(service_database) as hospital:
        for begun in range(0, many, 64):
            await hospital.put(*[adt(number=f"M{each}", family=f"F{each}X") for each in range(begun, min(begun + 64, many))])
        # What is kept at hand, of so many and no more, is full or nearly so half-way.
        lanes = list(await hospital.filer.lease(8))
        while await hospital.waiting() > many / 2:
            await hospital.filer._once(lanes[0])
            lanes.append(lanes.pop(0))
        before = memory_mb()

        await hospital.file_all()

        assert (await hospital.waiting(), await hospital.stuck()) == (0, [])
        assert memory_mb() - before < 60
