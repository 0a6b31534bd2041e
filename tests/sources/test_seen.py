"""What openings saw of each source is added up by day, on a real database."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime

from tests.conftest import TestDatabase

from carerecord.contracts.sources import CodeCount, Observed, SectionSeen
from carerecord.kit.db import Pool
from carerecord.sources.store.seen import Seen, add_seen, forget_before, seen_since

DAY = date(2026, 11, 22)
ELM = Observed(
    "elm", 3, 2, (SectionSeen("allergies", 3, 2, 1), SectionSeen("results", 3, 2, 2)), ((4, 1), (9, 1)), "2026-11-22T14:00:00Z",
    (CodeCount("urn:local", 5), CodeCount("", 1)),
)  # fmt: skip
OAK = Observed("oak", 1, 0, (SectionSeen("results", 1, 0, 0),))
AT = datetime(2026, 11, 22, 14, tzinfo=UTC)


async def told(db: Pool, said: Iterable[Observed], day: date = DAY) -> None:
    async with db.acquire() as connection, connection.transaction():
        await add_seen(connection, day, tuple(said))


async def test_numbers_of_one_day_are_added_to_each_other_and_those_of_another_day_stand_apart(
    service_database: Callable[[str], Awaitable[TestDatabase]],
) -> None:
    db = (await service_database("sources")).pool
    await told(db, (ELM, OAK))
    await told(db, (ELM,))
    await told(db, (OAK,), date(2026, 11, 1))

    seen = await seen_since(db, DAY)
    assert seen["elm"] == Seen(
        6, 4, AT, {"allergies": SectionSeen("allergies", 6, 4, 2), "results": SectionSeen("results", 6, 4, 4)}, ((4, 2), (9, 2)),
        (CodeCount("urn:local", 10), CodeCount("", 2)),
    )  # fmt: skip
    assert seen["oak"] == Seen(1, 0, None, {"results": SectionSeen("results", 1, 0, 0)})
    await forget_before(db, DAY)
    assert (await seen_since(db, date(2026, 1, 1)))["oak"].asked == 1


async def test_one_source_that_is_told_of_twice_at_once_counts_twice(
    service_database: Callable[[str], Awaitable[TestDatabase]],
) -> None:
    db = (await service_database("sources")).pool
    await told(db, (ELM, OAK, ELM))
    seen = await seen_since(db, DAY)
    assert (seen["elm"].asked, seen["elm"].sections["results"].held, seen["elm"].codes[0].count) == (6, 4, 10)


async def test_however_many_sources_are_told_of_there_are_four_statements(
    service_database: Callable[[str], Awaitable[TestDatabase]],
) -> None:
    db = (await service_database("sources")).pool
    asked: list[str] = []
    async with db.acquire() as connection:
        connection.add_query_logger(lambda record: asked.append(record.query))
        await add_seen(connection, DAY, [Observed(f"s{n}", 1, 1, ELM.sections, ELM.waits, "", ELM.unmapped) for n in range(200)])
    assert len([each for each in asked if "INSERT INTO" in each]) == 4
    assert len(await seen_since(db, DAY)) == 200
