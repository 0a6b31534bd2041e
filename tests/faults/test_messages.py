"""What becomes of messages when what is beneath them fails? Acknowledged ones are there, and what was not is told so."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.contracts.patients import WHO, WhoAsked
from carerecord.ingest import hl7v2
from carerecord.kit.db import open_pool
from carerecord.kit.migrate import migrate
from tests.conftest import migration_folders
from tests.ingest.a_hospital import SENT, Line, a_door, a_hospital, a_house_of, adt, framed, listening, said


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One that the test may kill; a commit waits for the disk, as in service."""
    with embedded_postgres(tmp_path / "pg") as cluster:
        yield cluster


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
async def test_what_was_acknowledged_outlives_a_database_that_is_killed(own_cluster: Cluster, kills: int):
    """Case 13. The door stays open; while the database is away a sender is told AR, and sends again."""
    dsn = own_cluster.dsn
    await migrate(dsn, migration_folders("ingest"))
    pool = await open_pool(dsn, service="ingest")
    house = await a_house_of({"ingest": pool}, keepers=False)
    house.journal.patience_s = 10.0
    acknowledged: set[str] = set()
    over = asyncio.Event()

    async def send(name: str, port: int) -> None:
        line, number = await Line.to(port), 0
        while not over.is_set():
            control = f"{name}-{number}"
            code, told, _ = await _sent(line, adt(control=control, number=control))
            assert told == control
            if code == "AA":
                acknowledged.add(control)
                number += 1

    async with listening(house) as (_, port):
        sending = [asyncio.create_task(send(name, port)) for name in ("a", "b", "c")]
        for _ in range(kills):
            await asyncio.sleep(0.3)
            own_cluster.kill()
            own_cluster.start()
            before = len(acknowledged)
            async with asyncio.timeout(10):
                while len(acknowledged) == before:
                    await asyncio.sleep(0.02)
        over.set()
        await asyncio.gather(*sending)
        bodies = await pool.fetch("SELECT body, digest FROM message")
    pool.terminate()

    opened = [house.journal.seals.open(row["body"], organisation="R1A", place=row["digest"]) for row in bodies]
    there = [raw.split(b"|")[9].decode() for raw in opened]
    assert len(acknowledged) > 3 * kills
    assert acknowledged <= set(there)
    assert len(there) == len(set(there)), "and none is there twice"


async def _sent(line: Line, raw: bytes) -> tuple[str, str, str]:
    await line.write(framed(raw))
    return said(await line.answer(30))


async def test_a_full_disk_is_told_as_ar_and_heals_by_itself(service_database: Any):
    """Case 17."""
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line, pool = await Line.to(port), hospital.journal.db
        hospital.journal.db = _Full()  # type: ignore[assignment]

        assert (await line.send(adt()))[0] == "AR"
        hospital.journal.db = pool
        assert (await line.send(adt()))[0] == "AA"


class _Full:
    async def acquire(self) -> Any:
        return self

    async def release(self, _: Any) -> None: ...

    async def fetch(self, *_: Any) -> Any:
        raise asyncpg.DiskFullError("no space left on device")


async def test_a_clock_that_jumps_back_files_all_the_same_and_changes_no_order(service_database: Any):
    """Case 19: what was recorded decides, not when our clock says that it came."""
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt("A31", family="NEW", at=SENT + timedelta(hours=2), control="2"))
        await hospital.file_all()
        hospital.clock.at -= timedelta(hours=1)
        await hospital.put(adt("A31", family="OLD", at=SENT, control="1"))
        await hospital.file_all()

        assert (await hospital.waiting(), await hospital.stuck()) == (0, [])
        hospital.clock.at += timedelta(hours=1)
        assert b"NEW" in (await hospital.history("Patient"))[0].text.upper()


async def test_a_line_that_drops_before_the_answer_has_one_effect(service_database: Any):
    """Case 22: durable, and its sender never heard so; it sends again."""
    async with a_hospital(service_database) as hospital, listening(hospital) as (_, port):
        dropped = await Line.to(port)
        await dropped.write(framed(adt()))
        dropped.writer.transport.abort()
        async with asyncio.timeout(5):
            while not await hospital.journalled():
                await asyncio.sleep(0.02)

        assert (await (await Line.to(port)).send(adt()))[0] == "AA"
        await hospital.file_all()
        assert (await hospital.journalled(), len(await hospital.history("Patient"))) == (1, 1)


async def test_a_late_result_for_a_merged_number_is_found_with_the_survivor_and_shows_its_origin(service_database: Any):
    """Case 23."""
    result = "\r".join(
        [
            "MSH|^~\\&|LAB|R1A|CARE|ROUTE|20261101140000+0000||ORU^R01|77|P|2.4",
            "PID|1||OLD1^^^R1A^MR||MARLOW^EDITH||19480314|F",
            "OBR|1|P1|F1|UE^Urea^L|||20261101110000", "OBX|1|NM|UR^Urea^L||5.8|mmol/L|2-7||||F", "",
        ]
    ).encode()  # fmt: skip
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt("A28", number="NEW1", control="1"), adt("A28", number="OLD1", control="2"))
        await hospital.put(adt("A40", number="NEW1", control="3", at=SENT + timedelta(hours=1), more=("MRG|OLD1^^^R1A^MR",)))
        await hospital.file_all()
        await hospital.put(result)
        await hospital.file_all()
        rows = await hospital.pools["locator"].fetch("SELECT local_id, patient FROM pointer")
        entry = {row["local_id"]: row["patient"] for row in rows}
        person = await hospital.calls.ask(WHO, WhoAsked(entry["NEW1"]))
        (urea,) = await hospital.history("Observation")

    assert {each.local_id for each in person.statements} == {"NEW1", "OLD1"}, "one person now, and both numbers to be seen"
    origin = f"Patient/{hl7v2.patient_id(hospital.senders.rows[0], 'OLD1')}"
    assert json.loads(urea.text)["subject"]["reference"] == origin, "it lies under the number that the laboratory sent"


async def test_a_database_whose_disk_fails_to_sync_stops_and_does_not_write_on(own_cluster: Cluster):
    """Case 18: PostgreSQL stops itself, and reads its log anew from before the failure; the rest is case 13."""
    wanted = {"data_sync_retry": "off", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    connection = await asyncpg.connect(own_cluster.dsn)
    assert {each: await connection.fetchval(f"SHOW {each}") for each in wanted} == wanted
    await connection.close()
