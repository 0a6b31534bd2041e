"""Does a pool keep its promises: few connections, an end to waiting, and life after the server's death?"""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.conftest import TestDatabase

from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.kit import db
from carerecord.kit.calls import broken
from carerecord.kit.errors import Unavailable


async def test_a_session_has_jit_off_utc_and_a_name(database: TestDatabase) -> None:
    row = await database.pool.fetchrow(
        "SELECT current_setting('jit') AS jit, current_setting('timezone') AS zone, current_setting('application_name') AS name"
    )
    assert row is not None
    assert tuple(row) == ("off", "UTC", "carerecord test")


async def test_a_pool_holds_four_connections_and_the_fifth_waits_only_so_long(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "ACQUIRE_WITHIN_S", 0.2)
    held = [await database.pool.acquire() for _ in range(4)]

    with pytest.raises(TimeoutError) as waited:
        await database.pool.fetchval("SELECT 1")

    assert db.is_away(waited.value)
    for each in held:
        await database.pool.release(each)
    assert await database.pool.fetchval("SELECT 1") == 1


async def test_a_value_that_can_never_be_kept_does_not_count_as_away(database: TestDatabase) -> None:
    """Nobody may try it again for ever, and no caller is told that something does not answer."""
    long = random.Random(1).randbytes(6_000).hex()
    await database.pool.execute("CREATE TABLE kept (id text PRIMARY KEY, number int)")
    for id_, number in (("a\x00b", 1), ("\ud800", 1), (long, 1), ("one", 2**40), ("one", "one")):
        with pytest.raises(Exception) as unfit:
            await database.pool.execute("INSERT INTO kept VALUES ($1, $2)", id_, number)
        assert not db.is_away(unfit.value), id_[:5]
        assert not isinstance(broken(unfit.value), Unavailable)
    await database.pool.execute("INSERT INTO kept VALUES ('one', 1)")


async def test_a_server_whose_socket_or_name_is_gone_is_told_as_one_that_does_not_answer(tmp_path: Path) -> None:
    """And not as a fault of ours: whoever asks may try again."""
    with pytest.raises(FileNotFoundError) as gone:
        await asyncpg.connect(f"postgresql://ward@/ward?host={tmp_path}")
    with pytest.raises(FileNotFoundError) as ours:
        (tmp_path / "nothing").read_text()

    assert isinstance(broken(gone.value), Unavailable)
    assert not isinstance(broken(ours.value), Unavailable)


async def test_a_wrong_statement_does_not_count_as_away(database: TestDatabase) -> None:
    with pytest.raises(asyncpg.UndefinedTableError) as wrong:
        await database.pool.fetch("SELECT * FROM nowhere")
    assert not db.is_away(wrong.value)


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One that the test may kill."""
    with embedded_postgres(tmp_path / "postgres") as running:
        yield running


async def test_a_pool_heals_when_the_server_is_killed_and_comes_back(own_cluster: Cluster) -> None:
    pool = await db.open_pool(await own_cluster.create_service_database("ward"), service="ward")
    await pool.execute("CREATE TABLE bed (id int)")
    await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(4)))  # four open connections

    own_cluster.kill()
    with pytest.raises(Exception) as away:
        await pool.fetchval("SELECT 1")
    assert db.is_away(away.value)

    own_cluster.start()
    await asyncio.sleep(0.1)
    assert await asyncio.gather(*(pool.fetchval("SELECT count(*) FROM bed") for _ in range(8))) == [0] * 8
    await pool.close()


async def test_connections_at_hand_go_to_whoever_wants_to_hold_one(database: TestDatabase) -> None:
    for _ in range(3):
        await asyncio.gather(*(database.pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(4)))
        async with asyncio.timeout(2.0):
            held = [await database.pool.acquire() for _ in range(4)]
        assert database.pool.get_idle_size() == 0
        for each in held:
            await database.pool.release(each)
        assert database.pool.get_idle_size() == 4


async def test_a_statement_that_nobody_waits_for_any_more_leaves_nothing_to_the_next(database: TestDatabase) -> None:
    await database.pool.fetchval("SELECT 1")
    asleep = asyncio.create_task(database.pool.fetchval("SELECT pg_sleep(20)"))
    await asyncio.sleep(0.1)
    asleep.cancel()
    async with asyncio.timeout(5.0):
        answers = await asyncio.gather(*(database.pool.fetchval("SELECT $1::int", each) for each in range(20)))
        await asyncio.gather(asleep, return_exceptions=True)

    assert answers == list(range(20))


async def test_a_pool_closes_though_connections_are_at_hand(service_database) -> None:
    pool = (await service_database("holdings")).pool
    await asyncio.gather(*(pool.fetchval("SELECT pg_sleep(0.01)") for _ in range(4)))
    async with asyncio.timeout(4.0):
        await pool.close()

    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")
