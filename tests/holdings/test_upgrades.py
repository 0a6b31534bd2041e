"""The store is changed while others read and write: migrated, and its index rows made anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import migration_folders
from tests.holdings.conftest import Desk, held, ids

from carerecord.contracts.holdings import ReindexAsked
from carerecord.holdings.reindexing import reindexed
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.migrate import migrate

# What a next version might bring: a column, a table, an index, a rule.
NEXT = """
ALTER TABLE version ADD COLUMN sender text NOT NULL DEFAULT '';
ALTER TABLE held ADD COLUMN kind smallint;
ALTER TABLE held ADD CONSTRAINT kind_is_known CHECK (kind < 100) NOT VALID;
CREATE TABLE notice (patient text NOT NULL, id uuid NOT NULL, PRIMARY KEY (patient, id));
CREATE INDEX address_by_patient ON address (patient);
"""


def result(number: int, code: str = "1") -> dict[str, object]:
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "effectiveDateTime": "2026-11-22",
    }  # fmt: skip


class Load:
    """Steady reads and writes; the first that fails, or waits a second for a lock, ends it and the test."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.read, self.written, self.going = desk, 0, 0, True

    async def reads(self) -> None:
        while self.going:
            await self.desk.read("Patient", "p1")
            await self.desk.search("Observation", ("patient", "p1"), ("code", "http://loinc.org|1"))
            self.read += 1

    async def writes(self, lane: int) -> None:
        number = 1_000 + lane
        while self.going:
            held(await self.desk.put(result(number)))
            self.written += 1
            number += 10

    async def grows(self, by: int) -> None:
        upto = self.written + by, self.read + by
        async with asyncio.timeout(30):
            while self.written < upto[0] or self.read < upto[1]:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def steady(desk: Desk) -> AsyncIterator[Load]:
    await desk.database.pool.execute(f'ALTER DATABASE "{desk.database.name}" SET lock_timeout = \'1s\'')
    await desk.database.pool.expire_connections()
    await desk.put({"resourceType": "Patient", "id": "p1"})
    load = Load(desk)
    async with asyncio.TaskGroup() as together:
        for work in (load.reads(), load.writes(1), load.writes(2)):
            together.create_task(work)
        try:
            yield load
        finally:
            load.going = False


async def test_it_is_migrated_under_steady_reads_and_writes_and_none_fails_or_waits_a_second(desk: Desk, tmp_path: Path) -> None:
    *others, own = migration_folders("holdings")
    later = tmp_path / "holdings" / "migrations"
    later.mkdir(parents=True)
    for file in own.glob("*.sql"):
        (later / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    number = len(list(later.glob("*.sql"))) + 1
    (later / f"{number:04}_next.sql").write_text(NEXT, encoding="utf-8")

    async with steady(desk) as load:
        await load.grows(5)
        before = load.written
        applied = await migrate(desk.database.dsn, [*others, later])
        await load.grows(5)

    assert applied == (f"holdings/{number:04}_next",)
    assert load.written > before > 0
    assert await desk.database.pool.fetchval("SELECT count(*) FROM notice") == 0


async def blinded(desk: Desk) -> None:
    """The index as one that knows nothing of codes would have left it."""
    await desk.database.pool.execute("UPDATE held SET tokens = '{}' WHERE type = 'Observation'")


async def test_what_was_not_findable_is_found_once_its_rows_are_made_anew_beside_readers_and_writers(desk: Desk) -> None:
    for number in range(100, 112):
        await desk.put(result(number, "77"))
    await blinded(desk)
    asked = ReindexAsked("Observation", "code", most=5)

    assert ids(await desk.search("Observation", ("patient", "p1"), ("code", "http://loinc.org|77"))) == []
    async with steady(desk) as load:
        await load.grows(3)
        steps = [await reindexed(asked, desk.keeper.finder)]
        while not steps[-1].done:
            steps.append(await reindexed(asked, desk.keeper.finder))
        await load.grows(3)

    found = ids(await desk.search("Observation", ("patient", "p1"), ("code", "http://loinc.org|77"), ("_count", "50")))
    assert sorted(found) == sorted(f"o{number}" for number in range(100, 112))
    assert steps[-1].changed >= 12
    assert len(steps) > 2


async def test_one_that_was_stopped_goes_on_where_it_was_and_one_that_ended_begins_anew(desk: Desk) -> None:
    for number in range(8):
        await desk.put(result(number))
    await blinded(desk)
    finder, asked = desk.keeper.finder, ReindexAsked("Observation", "code", most=3)

    steps = [await reindexed(asked, finder) for _ in range(3)]
    again = await reindexed(asked, finder)

    assert [(each.looked, each.changed, each.done) for each in steps] == [(3, 3, False), (6, 6, False), (8, 8, True)]
    assert (again.looked, again.changed, again.done) == (3, 0, False)


async def test_a_step_that_is_killed_leaves_no_trace_of_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        await desk.put(result(number))
    await blinded(desk)
    finder, asked = desk.keeper.finder, ReindexAsked("Observation", "code", most=2)
    await reindexed(asked, finder)

    async def killed(*_: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as patched:
        patched.setattr("carerecord.holdings.store.reindexing.went_on", killed)
        with pytest.raises(OSError, match="gone"):
            await reindexed(asked, finder)
    after = await reindexed(asked, finder)

    assert (after.looked, after.changed) == (4, 4)


@pytest.mark.parametrize(("type_", "parameter"), [("Observation", "nothing"), ("Nothing", "code")])
async def test_a_parameter_that_is_not_there_is_told(desk: Desk, type_: str, parameter: str) -> None:
    with pytest.raises(NotUnderstood):
        await reindexed(ReindexAsked(type_, parameter), desk.keeper.finder)
