"""Is an export planned once and whole, whoever is killed when, and does it end?"""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from tests.holdings.conftest import ALL, TRUST, Desk

from carerecord.contracts.bulk import Export, ExportAsked, ExportNamed, ExportRowsAsked
from carerecord.holdings import exporting
from carerecord.holdings.exporting import Exporter, Gone
from carerecord.holdings.store import exporting as store
from carerecord.kit.errors import NotAcceptable
from carerecord.kit.log import log_for


def an_exporter(desk: Desk) -> Exporter:
    return Exporter(desk.keeper.finder, desk.keeper.book, log_for("holdings"), rows_a_file=3)


async def people(desk: Desk, many: int) -> set[str]:
    for number in range(many):
        await desk.put({"resourceType": "Patient", "id": f"p{number}"})
        await desk.put({
            "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "K"},
            "subject": {"reference": f"Patient/p{number}"},
        })  # fmt: skip
    return {f"Patient/p{number}" for number in range(many)} | {f"Observation/o{number}" for number in range(many)}


async def planned(exporter: Exporter, begun: Export) -> Export:
    for _ in range(400):
        await exporter.work()
        state = await exporter.state(ExportNamed(begun.id, TRUST))
        if state.state == "done":
            return state
        await asyncio.sleep(0.05)
    raise AssertionError("it does not end")


async def rows(exporter: Exporter, done: Export) -> list[str]:
    found: list[str] = []
    for file in done.files:
        cursor, many = "", 0
        while True:
            page = await exporter.rows(ExportRowsAsked(done.id, file.number, ALL, TRUST, cursor))
            told = [json.loads(bytes(each)) for each in page.rows]
            found += [f"{each['resourceType']}/{each['id']}" for each in told]
            many += len(told)
            if not page.next:
                break
            cursor = page.next
        assert many == file.rows
    return found


async def test_a_killed_plan_goes_on_and_names_everything_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    every = await people(desk, 8)
    monkeypatch.setattr(exporting, "_STEP", 3)
    monkeypatch.setattr(exporting, "_PAGE", 2)
    exporter = an_exporter(desk)
    begun = await exporter.begin(ExportAsked("system", ALL, client=TRUST))
    real, times = store.planned, 0

    async def killed(*told: Any) -> bool:
        nonlocal times
        times += 1
        if times == 2:
            raise asyncio.CancelledError
        return bool(await real(*told))

    monkeypatch.setattr(store, "planned", killed)
    with pytest.raises(asyncio.CancelledError):
        await planned(exporter, begun)
    await desk.database.pool.execute("UPDATE export SET leased_until = NULL")  # as once the minute of the killed one is over
    done = await planned(an_exporter(desk), begun)

    assert done.records == 8
    assert len(done.files) > 4
    found = await rows(an_exporter(desk), done)
    assert (len(found), set(found)) == (16, every)


async def test_what_is_written_while_it_is_planned_is_not_in_it(desk: Desk) -> None:
    every = await people(desk, 3)
    exporter = an_exporter(desk)
    begun = await exporter.begin(ExportAsked("system", ALL, client=TRUST))
    await desk.put({"resourceType": "Patient", "id": "late"})
    assert set(await rows(exporter, await planned(exporter, begun))) == every


async def test_a_writer_that_began_before_the_moment_is_waited_for(desk: Desk) -> None:
    await people(desk, 1)
    exporter = an_exporter(desk)
    async with desk.database.pool.acquire() as db:
        writing = db.transaction()
        await writing.start()
        await db.fetchval("SELECT pg_current_xact_id()")
        begun = await exporter.begin(ExportAsked("system", ALL, client=TRUST))
        await asyncio.sleep(0.6)
        for _ in range(3):
            await exporter.work()
        assert (await exporter.state(ExportNamed(begun.id, TRUST))).state == "running"
        await writing.rollback()
    assert (await planned(exporter, begun)).records == 1


async def test_its_files_are_gone_when_its_time_is_over_and_later_the_export_is_forgotten(desk: Desk) -> None:
    await people(desk, 1)
    exporter = an_exporter(desk)
    done = await planned(exporter, await exporter.begin(ExportAsked("system", ALL, client=TRUST)))
    await desk.database.pool.execute("UPDATE export SET ends_at = now() - $1::interval", timedelta(seconds=1))
    with pytest.raises(Gone):
        await exporter.rows(ExportRowsAsked(done.id, 1, ALL, TRUST))
    await exporter.sweep()
    with pytest.raises(Gone):
        await exporter.state(ExportNamed(done.id, TRUST))
    assert await desk.database.pool.fetchval("SELECT count(*) FROM export_file") == 0
    await desk.database.pool.execute("UPDATE export SET ends_at = now() - $1::interval", timedelta(days=8))
    await exporter.sweep()
    assert await desk.database.pool.fetchval("SELECT count(*) FROM export") == 0


async def test_very_long_resources_come_a_few_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await people(desk, 3)
    exporter = an_exporter(desk)
    done = await planned(exporter, await exporter.begin(ExportAsked("system", ALL, client=TRUST)))
    monkeypatch.setattr(store, "MOST_BYTES", 1)
    monkeypatch.setattr(exporting, "MOST_BYTES", 1)
    first = await exporter.rows(ExportRowsAsked(done.id, 1, ALL, TRUST))
    assert len(first.rows) == 1
    assert len(await rows(exporter, done)) == 6


async def test_a_group_that_names_a_group_or_nobody_is_refused(desk: Desk) -> None:
    exporter = an_exporter(desk)
    nested = {"resourceType": "Group", "id": "g1", "type": "person", "actual": True,
              "member": [{"entity": {"reference": "Group/g2"}}]}  # fmt: skip
    described = {"resourceType": "Group", "id": "g2", "type": "person", "actual": False, "characteristic": [
        {"code": {"text": "x"}, "valueBoolean": True, "exclude": False}]}  # fmt: skip
    for each in (nested, described):
        await desk.put(each)
        with pytest.raises(NotAcceptable):
            await exporter.begin(ExportAsked("group", ALL, str(each["id"]), client=TRUST))
