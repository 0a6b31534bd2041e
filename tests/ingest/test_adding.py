"""Groups on their way into the journal: all of one or none, in their order, and what is there already is written once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.ingest.a_hospital import PAS, a_door, adt

from carerecord.ingest.head import Verdict, read
from carerecord.ingest.journal.arrivals import Arrival
from carerecord.ingest.journal.store import adding
from carerecord.ingest.journal.store.adding import Again, Row, add
from carerecord.kit.db import Pool

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def row(number: int, fault: str = "") -> Row:
    return Row("fenwick-pas", "R1A", b"%016d" % number, "ADT^A01", 100, b"sealed %d" % number, number % 8, fault)


@pytest.fixture
async def db(service_database: Any) -> Pool:
    pool: Pool = (await service_database("ingest")).pool
    return pool


async def test_groups_of_any_size_stand_in_their_order_and_wait_in_their_lanes(db: Pool):
    first = 0
    for size in (1, 5, 9, 256):
        fresh = await add(db, [row(first + each) for each in range(size)], AT, new=True)
        assert len(fresh) == size
        first += size

    rows = await db.fetch("SELECT digest, body, lane FROM message JOIN waiting USING (id) ORDER BY id")
    told = [row(each) for each in range(first)]
    assert [tuple(each) for each in rows] == [(each.digest, each.body, each.lane) for each in told]


async def test_where_one_of_them_is_there_already_none_is_written_until_each_is_looked_for(db: Pool):
    await add(db, [row(1)], AT, new=True)
    group = [row(2), row(1), row(3)]

    with pytest.raises(Again):
        await add(db, group, AT, new=True)
    assert await db.fetchval("SELECT count(*) FROM message") == 1

    assert await add(db, group, AT) == {row(2).digest, row(3).digest}
    assert await db.fetchval("SELECT count(*) FROM message") == await db.fetchval("SELECT count(*) FROM waiting") == 3


async def test_a_group_of_any_size_is_planned_once(db: Pool):
    known = "SELECT count(*) FROM pg_prepared_statements WHERE statement ~ 'nextval[(]'"
    async with db.acquire() as one:
        for size in adding._SIZES:
            for first in (1_000 * size, 1_000 * size + 500):
                await add(one, [row(first + each) for each in range(size)], AT, new=True)
        assert await one.fetchval(known) == len(adding._SIZES)


async def test_what_cannot_be_read_waits_for_a_person_and_not_for_a_lane(db: Pool):
    await add(db, [row(1), row(2, "MSH ends")], AT)

    assert await db.fetchval("SELECT array_agg(lane) FROM waiting") == [1]
    assert [tuple(each) for each in await db.fetch("SELECT state, reason FROM stuck")] == [("unreadable", "MSH ends")]


async def test_of_those_who_send_one_after_the_other_half_are_written_while_the_other_half_come(
    service_database: Any, monkeypatch: pytest.MonkeyPatch
):
    groups, sent = list[int](), list[int]()

    async def counted(*told: Any, **named: Any) -> frozenset[bytes]:
        groups.append(len(told[1]))
        return await add(*told, **named)

    monkeypatch.setattr(adding, "add", counted)
    async with a_door(service_database) as hospital:

        def put(_: Any = None) -> None:
            if len(sent) < 80:
                sent.append(len(sent))
                raw = adt(number=f"M{len(sent)}")
                hospital.journal.put(Arrival(raw, read(raw), PAS, Verdict.TAKEN, "", put))

        put()
        await asyncio.sleep(0)  # the first is on its way by itself
        for _ in range(7):
            put()
        await hospital.journal.settled()

    assert sum(groups) == 80
    assert groups[:2] == [1, 4]
    assert set(groups[1:-1]) == {4}
