"""Does a veil hang over each record that it should, whoever writes at that moment, and over each version that lies there?"""

import asyncio
from typing import Any

import pytest
from tests.holdings.conftest import Desk, held, ids
from tests.holdings.test_keeping import PATIENT, potassium

from carerecord.contracts.holdings import HistoryAsked, Reach
from carerecord.contracts.veils import Hung, VeilAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.holdings import including
from carerecord.holdings.hanging import Hanging
from carerecord.holdings.store import looking

NUMBER = "9990000018"
SYSTEM = Reach(veiled_for="R9A")
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SOCIAL: dict[str, Any] = {"category": [{"coding": [{"system": _CATEGORY, "code": "social-history"}]}]}


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


async def test_no_history_shows_what_something_was_before_it_came_behind_a_veil(desk: Desk):
    await desk.put(PATIENT)
    seen = held(await desk.create(potassium(4.1, "2026-01-01"))).id
    earlier = potassium(4.4, "2026-01-02", id="kept-back")
    await desk.put(earlier)
    await desk.put(earlier | SOCIAL)
    assert len((await desk.keeper.history(HistoryAsked(SYSTEM, "Observation"))).matches) == 3

    await hang(desk, "social", patients=("p1",))

    for type_ in ("Observation", ""):
        told = await desk.keeper.history(HistoryAsked(SYSTEM, type_))
        assert [each.id for each in told.matches if each.type == "Observation"] == [seen]


async def test_what_is_kept_back_leaves_room_for_the_rest_that_is_to_be_included(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(including, "MOST_INCLUDED", 3)
    await desk.put(PATIENT)
    for day in range(1, 5):
        await desk.create(potassium(4.4, f"2026-01-0{day}"))
    for day in range(5, 8):
        await desk.create(potassium(4.4, f"2026-01-0{day}", **SOCIAL))
    await hang(desk, "social", patients=("p1",))

    query = ("_id", "p1"), ("_revinclude", "Observation:patient")
    page = await desk.search("Patient", *query, reach=SYSTEM)
    monkeypatch.setattr(including, "MOST_INCLUDED", 4)
    fits = await desk.search("Patient", *query, reach=SYSTEM)

    assert (len(page.included), page.cut) == (3, True)
    assert (len(fits.included), fits.cut) == (4, False)


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


async def test_how_far_consent_was_heard_follows_it_back_where_it_was_restored(desk: Desk):
    hanging = Hanging(desk.keeper.finder)
    assert [(await hanging.hang(VeilAsked((Hung("o1"),), upto))).upto for upto in (8, 3, 0)] == [8, 3, 3]
