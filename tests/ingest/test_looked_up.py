"""What was said of a few things is looked up thing by thing, by plans made when there was nothing: others' is never read."""

import asyncio
from typing import Any

from carerecord.ingest.journal.store import saying as store
from carerecord.ingest.journal.store.saying import Said
from carerecord.kit.db import Connection

MANY = 2_000
MINE = ["Encounter/mine", "Observation/mine"]
READ = "SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname IN ('statement', 'hangs')"


def said(thread: str, message: int, *, rules: bool = False) -> Said:
    return Said(thread, b"same", f"2026110112{message:04d}", "", message, "ADT^A01", rules, b"sealed", "R1A")


async def asked(db: Connection) -> tuple[Any, ...]:
    """Everything that filing asks of its threads."""
    await store.keep_latest(db, MINE, [2])
    rows = await store.statements(db, MINE)
    heard = [row.message for _, row in rows]
    await db.execute("SELECT pg_stat_force_next_flush()")
    return (
        rows, await store.said_since(db, MINE, heard), await store.said_since(db, MINE, [-1]),
        await store.below(db, MINE[:1]), await store.became(db, MINE[:1]), await store.ruled(db, [*MINE, "Patient/mine"]),
    )  # fmt: skip


async def test_what_others_said_is_never_read_however_much_it_becomes(service_database: Any):
    async with (await service_database("ingest")).pool.acquire() as db:
        hangs = [("Patient/mine", MINE[0]), (MINE[0], MINE[1]), ("Encounter/became", MINE[0])]
        told = [said(MINE[0], 1), said(MINE[0], 2), said(MINE[1], 3), said("Patient/mine", 4, rules=True)]
        await store.add_statements(db, told, hangs)
        await db.execute("SET plan_cache_mode = force_generic_plan")
        before = await asked(db)
        others = [f"{kind}/{each}" for each in range(MANY) for kind in ("Encounter", "Observation")]
        await store.add_statements(
            db, [said(each, 10 + place, rules=place % 2 == 0) for place, each in enumerate(others)],
            list(zip(others[::2], others[1::2], strict=True)),
        )  # fmt: skip
        read = await db.fetchval(READ)

        assert await asked(db) == before
        assert await db.fetchval(READ) - read < MANY

        assert [(at, row.thread, row.message) for at, row in before[0]] == [
            (MINE[0], MINE[0], 2), (MINE[1], MINE[1], 3), (MINE[0], "Patient/mine", 4), (MINE[1], "Patient/mine", 4),
        ]  # fmt: skip
        assert before[1:] == ((), tuple(sorted(MINE)), (MINE[1],), ("Encounter/became",), tuple(MINE))


async def test_what_comes_back_where_it_is_written_is_all_that_is_known_of_it_or_nothing(service_database: Any):
    async with (await service_database("ingest")).pool.acquire() as db:
        hangs = [("Patient/p", "Encounter/v"), ("Encounter/v", "Observation/o"), ("Account/a", "Encounter/v")]
        assert await store.add_statements(db, [said("Encounter/v", 1), said("Observation/o", 1)], hangs) == ()
        more = [said("Encounter/v", 2), said("Observation/n", 2)]
        before = await store.add_statements(db, more, [("Encounter/v", "Observation/n")])
        assert before == (said("Encounter/v", 1),)
        rows = await store.statements(db, ["Encounter/v", "Observation/n"])
        assert [row for _, row in rows] == [*before, *more]
        again = await store.add_statements(db, [said("Observation/n", 2)], [])
        assert again == (said("Observation/n", 2),), "what a killed worker wrote is told as it stands"

        await store.add_statements(db, [said("Account/a", 3, rules=True)], [])
        assert await store.add_statements(db, [said("Observation/n", 4)], []) is None, "a ruling from above"
        assert await store.add_statements(db, [said("Observation/other", 4, rules=True)], []) is None, "a ruling of its own"
        under = [("Account/a", "Encounter/new")]
        assert await store.add_statements(db, [said("Encounter/new", 5)], under) is None, "a ruling on what it now hangs on"


async def test_of_visits_that_are_one_nothing_comes_back_whichever_is_written(service_database: Any):
    async with (await service_database("ingest")).pool.acquire() as db:
        await store.add_statements(db, [said("Encounter/old", 1), said("Encounter/new", 1)], [("Encounter/new", "Encounter/old")])

        assert await store.add_statements(db, [said("Encounter/old", 2)], []) is None
        assert await store.add_statements(db, [said("Encounter/new", 3)], []) is None
        assert await store.add_statements(db, [said("Observation/o", 4)], [("Encounter/new", "Observation/o")]) == ()


async def test_two_who_say_at_one_moment_what_hangs_on_what_are_both_heard(service_database: Any):
    pool = (await service_database("ingest")).pool
    async with pool.acquire() as first, pool.acquire() as second:
        begun = first.transaction()
        await begun.start()
        await store.add_statements(first, [said("Observation/o", 1)], [("Encounter/v", "Observation/o")])
        more = [said("Observation/o", 2), said("Observation/n", 2)]
        waits = asyncio.create_task(
            store.add_statements(second, more, [("Encounter/v", "Observation/o"), ("Encounter/v", "Observation/n")])
        )
        while not await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await begun.commit()

        assert await waits == (said("Observation/o", 1),), "looked at again, once the first had said it"
        assert len(await store.statements(second, ["Observation/o", "Observation/n"])) == 3
        assert await store.below(second, ["Encounter/v"]) == ("Observation/n", "Observation/o")
