"""Does a veil hang over each record that it should, whoever writes at that moment, and over each version that lies there?"""

import asyncio
from typing import Any

import pytest
from tests.holdings.conftest import Desk, held, ids
from tests.holdings.test_keeping import PATIENT

from carerecord.contracts.holdings import Hung, Reach, VeilAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.holdings.hanging import Hanging
from carerecord.holdings.store import looking

NUMBER = "9990000018"
SYSTEM = Reach(veiled_for="R9A")


async def hang(desk: Desk, *sections: str, patients: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> None:
    one = Hung("o1", patients, numbers, sections, rule="consent/objection", says="Not shown.")
    await Hanging(desk.keeper.finder).hang(VeilAsked((one,), upto=1))


async def test_who_is_written_but_not_committed_when_a_veil_is_hung_is_behind_it(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    written, go_on = asyncio.Event(), asyncio.Event()
    kept = desk.keeper.writer.kept_and_told

    async def slowly(*told: Any, **more: Any) -> None:
        await kept(*told, **more)
        written.set()
        await go_on.wait()

    monkeypatch.setattr(desk.keeper.writer, "kept_and_told", slowly)
    somebody = PATIENT | {"identifier": [{"system": NHS_NUMBER, "value": NUMBER}]}
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        put = group.create_task(desk.put(somebody))
        await written.wait()
        hanging = group.create_task(hang(desk, "demographics", numbers=(NUMBER,)))
        await asyncio.sleep(0.3)
        assert not hanging.done(), "it waits for whoever does not know of it"
        go_on.set()

    held(put.result())
    assert ids(await desk.search("Patient", ("_id", "p1"))) == ["p1"]
    assert ids(await desk.search("Patient", ("_id", "p1"), reach=SYSTEM)) == []


async def test_what_is_hung_anew_waits_for_nobody_who_writes(desk: Desk):
    await hang(desk, "demographics", numbers=(NUMBER,))
    async with desk.database.pool.acquire() as db, db.transaction():
        await db.execute("INSERT INTO veil VALUES ('p1', 'o2', '{}', '', '', '', '')")
        async with asyncio.timeout(5):
            await hang(desk, "demographics", numbers=(NUMBER,))


async def test_a_statement_that_was_planned_while_nobody_objected_goes_through_nobody_s_objections(desk: Desk):
    pool = desk.database.pool
    await pool.execute("ANALYZE veil")
    async with pool.acquire() as db:
        await db.execute("SET plan_cache_mode = force_generic_plan")
        await db.execute(f"PREPARE found (text) AS SELECT {looking.ROW} FROM version WHERE patient = $1")
        planned = "\n".join(row[0] for row in await db.fetch("EXPLAIN EXECUTE found ('p1')"))
        assert "Seq Scan on veil" in planned, "with nobody in it that is no work"
        for upto in range(200, 1_200, 200):
            hung = tuple([Hung(f"o{number}", (f"p{number}",), (), ("results",)) for number in range(upto - 200, upto)])
            await Hanging(desk.keeper.finder).hang(VeilAsked(hung, upto))
        planned = "\n".join(row[0] for row in await db.fetch("EXPLAIN EXECUTE found ('p1')"))
    assert "veil_pkey" in planned
    assert "Seq Scan on veil" not in planned
