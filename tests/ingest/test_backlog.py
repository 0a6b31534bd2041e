"""Does a backlog drain with memory flat? Groups come out of the journal one at a time, however many wait."""

import gc
import os
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.ingest.a_hospital import a_hospital, adt

from carerecord.region.people.names import COMMUNITIES, names

PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def people(many: int) -> Iterator[bytes]:
    """As unlike each other as a town's people are: whoever shares a name shares no birth date, and hardly a house."""
    chance, lists = Random(7), names()
    for each in range(many):
        community = chance.choices(list(COMMUNITIES), list(COMMUNITIES.values()))[0]
        born = date(1930, 1, 1) + timedelta(days=chance.randrange(34_000))
        yield adt(
            number=f"M{each}", control=f"{each}", family=chance.choice(lists.families[community]).upper(), born=f"{born:%Y%m%d}",
            given=lists.given_name(chance, community, "female", born.year).upper(),
            home=f"{chance.randrange(1, 200)} MILL LANE^^FENWICK^^ZZ{chance.randrange(1, 60)} {chance.randrange(1, 10)}"
                 f"{chance.choice('ABDEFGHJ')}{chance.choice('ABDEFGHJ')}",
        )  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is read from /proc")
@pytest.mark.parametrize("many", [192, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_a_backlog_drains_with_memory_flat(service_database: Any, many: int):
    async with a_hospital(service_database) as hospital:
        told = people(many)
        while part := list(islice(told, 64)):
            await hospital.put(*part)
        # What is kept at hand, of so many and no more, is full or nearly so half-way.
        lanes = list(await hospital.filer.lease(8))
        while await hospital.waiting() > many / 2:
            await hospital.filer._once(lanes[0])
            lanes.append(lanes.pop(0))
        before = memory_mb()

        await hospital.file_all()

        assert (await hospital.waiting(), await hospital.stuck()) == (0, [])
        assert memory_mb() - before < 60
