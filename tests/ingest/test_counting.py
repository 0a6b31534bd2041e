"""How far is the book told of what came? As far as it is settled, and no message beyond that is read but the first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carerecord.ingest.journal.store import adding, counting
from carerecord.ingest.journal.store.adding import Row

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MANY = 5_000
READ = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = 'message'"


def row(number: int) -> Row:
    return Row(f"sender-{number % 2}", "R1A", b"%016d" % number, "ADT^A01", 100, b"sealed", number % 8)


@pytest.fixture
async def db(service_database: Any) -> Any:
    async with (await service_database("ingest")).pool.acquire() as db:
        yield db


async def added(db: Any, first: int, many: int, at: datetime) -> None:
    for begun in range(first, first + many, 256):
        await adding.add(db, [row(each) for each in range(begun, min(begun + 256, first + many))], at, new=True)


async def read_so_far(db: Any) -> int:
    await db.execute("SELECT pg_stat_force_next_flush()")
    return int(await db.fetchval(READ))


async def test_the_book_is_told_of_what_is_settled_up_to_the_first_that_is_not(db: Any):
    await added(db, 0, 5, AT)
    await added(db, 5, 2, AT + timedelta(seconds=9))
    await added(db, 7, 2, AT)  # it took its number early, or a clock went back: told of when those before it are

    part = await counting.unbooked(db, AT + timedelta(seconds=5), 100)

    assert part is not None
    first = await db.fetchval("SELECT min(id) FROM message")
    assert (part.first, part.last) == (first, first + 4)
    assert part.by_sender == (("sender-0", 3), ("sender-1", 2))
    await counting.booked(db, part.last)
    assert await counting.unbooked(db, AT + timedelta(seconds=5), 100) is None
    rest = await counting.unbooked(db, AT + timedelta(seconds=10), 100)
    assert rest is not None
    assert (rest.first, rest.last) == (first + 5, first + 8)


async def test_a_book_that_is_told_of_many_has_them_in_parts(db: Any):
    await added(db, 0, 10, AT)

    part = await counting.unbooked(db, AT + timedelta(seconds=5), 4)

    assert part is not None
    assert part.last - part.first == 3


@pytest.mark.parametrize("counted", [False, True])
async def test_what_is_not_settled_is_not_read_however_much_comes(db: Any, *, counted: bool):
    await added(db, 0, 3, AT)
    await added(db, 3, MANY, AT + timedelta(seconds=9))
    if counted:
        await db.execute("ANALYZE message")
    before = await read_so_far(db)

    part = await counting.unbooked(db, AT + timedelta(seconds=5), 100_000)

    assert part is not None
    assert part.last - part.first == 2
    assert await read_so_far(db) - before < 100
