"""Is what a service announces written down, in order, once, and never skipped?"""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.conftest import TestDatabase

from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import START, Outbox, Position, purge, read_after


class Moved(msgspec.Struct, frozen=True):
    number: int


@pytest.fixture
async def db(service_database):
    return await service_database("locator")


@pytest.fixture
async def outbox(db: TestDatabase) -> Outbox:
    outbox = Outbox(db.pool, "locator", SystemClock())
    await outbox.settle()
    return outbox


async def told(db: TestDatabase, after: Position = START) -> list[int]:
    reading = await read_after(db.pool, after, (), 100_000)
    return [msgspec.json.decode(row.body)["number"] for row in reading.written]


async def test_an_announcement_is_there_when_it_returns(db, outbox):
    event = await outbox.announce("Moved", Moved(1))

    row = await db.pool.fetchrow("SELECT event::text, kind, body FROM outbox")

    assert tuple(row) == (event, "Moved", b'{"number":1}')


async def test_many_who_announce_at_once_share_commits(db, outbox):
    await asyncio.gather(*(outbox.announce("Moved", Moved(n)) for n in range(200)))

    assert await told(db) == list(range(200))
    assert await db.pool.fetchval("SELECT count(DISTINCT xid) FROM outbox") <= 3


async def test_with_a_connection_it_is_told_only_if_that_transaction_commits(db, outbox):
    async with db.pool.acquire() as connection:
        given_up = connection.transaction()
        await given_up.start()
        await outbox.announce("Moved", Moved(1), connection)
        await given_up.rollback()
    async with db.pool.acquire() as connection, connection.transaction():
        await outbox.announce("Moved", Moved(2), connection)

    assert await told(db) == [2]


async def test_what_cannot_be_written_is_unavailable(db, outbox):
    await db.pool.execute("ALTER TABLE outbox RENAME TO elsewhere")

    with pytest.raises(Unavailable):
        await outbox.announce("Moved", Moved(1))


async def test_after_a_failure_the_next_announcement_works(db, outbox):
    await db.pool.execute("ALTER TABLE outbox RENAME TO elsewhere")
    results = await asyncio.gather(*(outbox.announce("Moved", Moved(n)) for n in range(5)), return_exceptions=True)
    await db.pool.execute("ALTER TABLE elsewhere RENAME TO outbox")

    await outbox.announce("Moved", Moved(7))

    assert all(isinstance(result, Unavailable) for result in results)
    assert await told(db) == [7]


async def test_a_caller_who_gives_up_does_not_take_the_others_along(db, outbox):
    async with db.pool.acquire() as holding, holding.transaction():
        await holding.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        one, two = (asyncio.create_task(outbox.announce("Moved", Moved(n))) for n in (1, 2))
        await asyncio.sleep(0.05)
        one.cancel()
        await asyncio.sleep(0.05)
    await two

    assert 2 in await told(db)


async def test_a_transaction_that_began_first_and_commits_last_is_not_skipped(db, outbox):
    async with db.pool.acquire() as first, db.pool.acquire() as second:
        slow = first.transaction()
        await slow.start()
        await outbox.announce("Moved", Moved(1), first)
        async with second.transaction():
            await outbox.announce("Moved", Moved(2), second)

        early = await read_after(db.pool, START, (), 100)
        await slow.commit()

    assert early.written == ()
    assert early.whole_at is None, "the book may not be called whole while a later event waits for an earlier one"
    assert await told(db) == [1, 2]


async def test_an_empty_outbox_is_whole_until_now(db, outbox):
    assert (await read_after(db.pool, START, (), 100)).whole_at is not None


async def test_kinds_that_a_hearer_does_not_want_are_passed_over(db, outbox):
    await outbox.announce("Moved", Moved(1))
    await outbox.announce("Other", Moved(2))

    reading = await read_after(db.pool, START, ("Other",), 100)

    assert [row.kind for row in reading.written] == ["Other"]
    assert reading.passed is not None
    assert reading.passed > reading.written[0].position


async def test_a_bell_is_rung_for_the_kinds_that_its_hearer_wants(db, outbox):
    moved, other, either = outbox.listen(("Moved",)), outbox.listen(("Other", "Another")), outbox.listen()

    await outbox.announce("Moved", Moved(1))
    assert (moved.is_set(), other.is_set(), either.is_set()) == (True, False, True)

    async with db.pool.acquire() as connection, connection.transaction():
        await outbox.announce("Other", Moved(2), connection)
    assert other.is_set()


async def test_after_seven_days_what_all_hearers_passed_is_deleted(db, outbox):
    for number in (1, 2, 3):
        await outbox.announce("Moved", Moved(number))
    second = (await read_after(db.pool, START, (), 100)).written[1].position
    await db.pool.execute(
        "INSERT INTO hearer (name, passed_era, passed_xid, passed_id) VALUES ('audit', $1, $2, $3), ('sleeper', 0, '0', 0)",
        second.era, second.xid, second.id,
    )  # fmt: skip
    later = SystemClock().now() + timedelta(days=8)

    assert await purge(db.pool, ("audit",), SystemClock().now()) == 0, "too young"
    assert await purge(db.pool, ("audit", "sleeper"), later) == 0, "one has not heard it"
    assert await purge(db.pool, ("audit", "never-came"), later) == 0
    assert await purge(db.pool, ("audit",), later) == 2
    assert await told(db) == [3]


async def test_in_another_cluster_later_events_come_after_earlier_ones_all_the_same(db, outbox):
    """A dump restored elsewhere: transaction numbers begin anew, far below those that hearers have come to."""
    await outbox.announce("Moved", Moved(1))
    await db.pool.execute("UPDATE outbox SET xid = '999999999'")
    await db.pool.execute("UPDATE cluster_era SET cluster = 'another'")

    await outbox.settle()
    await outbox.announce("Moved", Moved(2))

    assert await told(db) == [1, 2]
    assert await told(db, Position(1, 999_999_999, 1)) == [2]


async def test_settling_where_nothing_has_moved_waits_for_nobody(db, outbox):
    """A relay settles again at each start; a transaction that stays open must not stop everybody's announcements then."""
    await db.pool.execute("TRUNCATE cluster_era")
    async with db.pool.acquire() as slow, slow.transaction():
        await outbox.announce("Moved", Moved(1), slow)

        await asyncio.wait_for(outbox.settle(), 2)
        await asyncio.wait_for(outbox.announce("Moved", Moved(2)), 2)


def test_positions_are_ordered_and_survive_being_written():
    assert Position(1, 9, 9) < Position(1, 10, 1) < Position(2, 1, 1)
    assert Position.read(str(Position(1, 10, 3))) == Position(1, 10, 3)
