"""Is what an extract holds no more taken back, and only that: never by a file that broke off, or before its rows are filed?"""

import os
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.ingest.a_hospital import PAS, SENT, Hospital, a_hospital, adt, receiving
from tests.ingest.test_extracts import HEAD, MAPPING
from tests.ingest.test_watching import at, lay, receipt, taken

from carerecord.contracts.ingest import ReplayAsked
from carerecord.ingest.extracts import end_of, is_end, rows_of
from carerecord.ingest.queue import Queue
from carerecord.ingest.whole import FEW, IN_DOUBT, MISSING, ROWS_DISCARDED, ROWS_WAIT

SENDER = msgspec.structs.replace(PAS, mapping="full = true\n" + MAPPING)
NIGHT_S = 86_400


@pytest.fixture
async def hospital(service_database: Any) -> AsyncIterator[Hospital]:
    async with a_hospital(service_database, senders=(SENDER,)) as made:
        yield made


def row(number: int, person: str = "") -> str:
    return f"{number},{person or f'M{number}'},,Marlow,14/07/1948,91936005,Substance {number},A,North"


class Extracts:
    """A night's file after another's."""

    def __init__(self, hospital: Hospital, folder: Path) -> None:
        self.hospital, self.folder, self.nights = hospital, folder, 0

    async def night(self, *lines: str, later_s: float = 200) -> None:
        self.nights += 1
        path = lay(self.folder, f"night-{self.nights}.csv", "\n".join([HEAD, *lines, ""]))
        moment = SENT.timestamp() + self.nights * NIGHT_S
        os.utime(path, (moment, moment))
        self.hospital.clock.at = SENT.replace(day=1 + self.nights, hour=13)
        await taken(at(self.hospital), self.folder)
        await self.hospital.file_all()
        await self.hospital.later(later_s)

    async def standing(self) -> list[str]:
        newest = {each.id: each for each in reversed(await self.hospital.history("AllergyIntolerance"))}
        return sorted(each.text.split(b'"text":"')[1].split(b'"')[0].decode() for each in newest.values() if not each.gone)

    async def known(self) -> list[str]:
        rows = await self.hospital.pools["locator"].fetch("SELECT local_id FROM pointer ORDER BY local_id")
        return [each["local_id"] for each in rows]


@pytest.fixture
def extracts(hospital: Hospital, tmp_path: Path) -> Extracts:
    return Extracts(hospital, tmp_path)


async def test_a_row_and_a_person_who_are_in_the_next_extract_no_more_are_taken_back(extracts: Extracts) -> None:
    await extracts.night(row(1, "M1"), row(2, "M1"), row(3, "M3"))
    await extracts.night(row(1, "M1"))
    gone = [each for each in await extracts.hospital.history("Patient") if each.gone]

    assert await extracts.standing() == ["Substance 1"]
    assert len(gone) == 1
    assert await extracts.known() == ["M1"]
    assert await extracts.hospital.stuck() == []
    told = receipt(extracts.folder, "night-2.csv")
    assert (told["messages"], told["taken"]) == (1, 1), "its end is no row"
    assert MISSING in str([dict(each) for each in await extracts.hospital.db.fetch("SELECT body FROM outbox")])


async def test_what_comes_again_is_there_again_and_the_same_night_twice_changes_nothing(extracts: Extracts) -> None:
    for lines in ((row(1), row(2)), (row(1),), (row(1), row(2)), (row(1), row(2))):
        await extracts.night(*lines)

    assert await extracts.standing() == ["Substance 1", "Substance 2"]
    assert receipt(extracts.folder, "night-4.csv")["same_as"] == "night-3.csv"


async def test_what_another_message_spoke_of_as_well_stays(extracts: Extracts) -> None:
    await extracts.night(row(1), row(2))
    await extracts.hospital.put(adt("A31", number="M2", family="MARLOW"), sender=SENDER)
    await extracts.night(row(1))

    assert await extracts.standing() == ["Substance 1"]
    assert await extracts.known() == ["M1", "M2"], "the person was sent by a message"


async def test_a_file_that_broke_off_takes_nothing_back_until_a_human_says_that_it_is_true(extracts: Extracts) -> None:
    everybody = [row(each, "M1") for each in range(FEW + 5)]
    await extracts.night(*everybody)
    await extracts.night(everybody[0])
    hospital = extracts.hospital

    (parked,) = await hospital.stuck()
    assert (parked[0], parked[2].endswith(IN_DOUBT), "24 of 26" in parked[2]) == ("parked", True, True)
    assert len(await extracts.standing()) == FEW + 5

    queue = Queue(receiving(hospital))
    await queue.replay(ReplayAsked(everything=True))
    await hospital.file_all()
    ((number, reason),) = await hospital.db.fetch("SELECT id, reason FROM stuck")
    assert reason.endswith(IN_DOUBT), "who files all again has not looked at this one"
    assert len(await extracts.standing()) == FEW + 5

    await queue.replay(ReplayAsked(number))
    await hospital.file_all()
    assert (await extracts.standing(), await hospital.stuck()) == (["Substance 0"], [])


async def test_an_empty_file_is_doubted_however_little_there_was(extracts: Extracts) -> None:
    await extracts.night(row(1))
    await extracts.night()

    assert await extracts.standing() == ["Substance 1"]
    assert [each[0] for each in await extracts.hospital.stuck()] == ["parked"]


async def test_nothing_is_missed_while_a_row_of_the_extract_waits_or_when_one_was_discarded(extracts: Extracts) -> None:
    await extracts.night(row(1), row(2))
    await extracts.night(row(1), "2,M2")
    hospital = extracts.hospital
    assert {each[2] for each in await hospital.stuck()} >= {ROWS_WAIT}
    assert len(await extracts.standing()) == 2

    broken = await hospital.db.fetchval("DELETE FROM stuck WHERE state = 'unreadable' RETURNING id")
    await hospital.db.execute("INSERT INTO discarded VALUES ($1, now(), 'me', 'broken')", broken)
    await hospital.later(200)
    assert [each[::2] for each in await hospital.stuck()] == [("parked", ROWS_DISCARDED)]
    assert len(await extracts.standing()) == 2


def test_a_row_whose_column_is_called_end_is_a_row() -> None:
    ((_, one),) = rows_of(BytesIO(b"row,end\n1,7\n"), "x", "2026-11-22T02:00:00+00:00")
    assert not is_end(one)
    assert is_end(end_of("x", "2026-11-22T02:00:00+00:00", 0))
