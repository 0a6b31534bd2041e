"""Does a question read more where ten times as many people are kept? In rows and pages, which no busy machine changes."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.conftest import TestDatabase

from carerecord.holdings.store import together
from carerecord.holdings.store.together import Across, InRecord, Look

FEW, TIMES, EACH = 30, 10, 60
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ASKED = range(8)  # who ask in one statement, each of a person of their own
# A tree of pages may have grown by one step for each of the trees that a question goes down.
MORE_PAGES: Final = 1.25


class Counting:
    """A connection that counts what each statement read, and answers nothing."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self.rows, self.pages = 0.0, 0

    async def fetch(self, sql: str, *told: Any) -> list[Any]:
        plan = json.loads(await self._db.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *told))[0]["Plan"]
        self.pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        self.rows = _rows(plan)
        return []


def _rows(plan: Mapping[str, Any]) -> float:
    """What its scans of tables and indexes found, and what they threw away again."""
    found = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Relation Name" in plan else 0
    return float(found * plan["Actual Loops"] + sum(_rows(each) for each in plan.get("Plans", ())))


def _in_record(groups: list[list[int]], many: int) -> list[InRecord]:
    return [InRecord(f"p{n}", "Observation", groups, 4, many) for n in ASKED]


QUESTIONS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "read by id": lambda db: together.looked_at(db, [Look("Observation", f"p{n}-7", 4, b"{}", b"", b"") for n in ASKED], NOW),
    "what a resource points at": lambda db: together.last_of_each(db, [("Patient", f"p{n}-0") for n in ASKED]),
    "results by code": lambda db: together.in_record_of_each(db, _in_record([[7]], 101)),
    "the newest of a record": lambda db: together.in_record_of_each(db, _in_record([], 51)),
    "the newest of a record, and whose it is": lambda db: together.in_record_of_each(
        db, [each._replace(beside=True) for each in _in_record([], 51)]
    ),
    "a patient by identifier": lambda db: together.across_of_each(db, [Across("Patient", [[n + 1_000]], 4, 101) for n in ASKED]),
}


async def _with_people(database: TestDatabase, since: int, until: int) -> None:
    await database.pool.execute(
        """
        INSERT INTO version (patient, type, id, version, at, method, organisation, body, when_at, confidential)
        SELECT 'p' || p, CASE WHEN n = 0 THEN 'Patient' WHEN n % 3 = 0 THEN 'Condition' ELSE 'Observation' END,
               'p' || p || '-' || n, 1, $1, 'C', 'R9A', repeat('x', 300)::bytea, $1::timestamptz - n * interval '1 day', 2
          FROM generate_series($2::int, $3::int - 1) AS p, generate_series(0, $4::int - 1) AS n
        """,
        NOW - timedelta(days=1), since, until, EACH,
    )  # fmt: skip
    mine = "substr(patient, 2)::int >= $1"
    await database.pool.execute(
        f"""
        INSERT INTO held (patient, type, id, version, at, when_at, confidential, tokens)
        SELECT patient, type, id, version, at, when_at, confidential, ARRAY[split_part(id, '-', 2)::bigint % 10, 77]
          FROM version WHERE {mine}
        """,
        since,
    )
    await database.pool.execute(f"INSERT INTO address (type, id, patient) SELECT type, id, patient FROM held WHERE {mine}", since)
    await database.pool.execute(  # a hundred each, of which the first is asked for: names letter by letter, numbers
        f"""
        INSERT INTO across (hash, patient, type, id)
        SELECT substr(patient, 2)::bigint + 1000 + n * 1000000, patient, type, id
          FROM held, generate_series(0, 99) AS n
         WHERE type = 'Patient' AND {mine}
        """,
        since,
    )
    await database.pool.execute("ANALYZE")


async def test_each_question_reads_the_same_rows_among_ten_times_as_many_people(service_database) -> None:
    database = await service_database("holdings")
    rounds: list[dict[str, Counting]] = []
    for since, until in ((0, FEW), (FEW, FEW * TIMES)):
        await _with_people(database, since, until)
        counted = {name: Counting(database.pool) for name in QUESTIONS}
        for name, question in QUESTIONS.items():
            for _ in range(2):  # the first time it reads what the database itself needs to know
                await question(counted[name])
        rounds.append(counted)

    few, many = rounds
    assert all(each.rows >= len(ASKED) for each in few.values())
    assert {name: each.rows for name, each in many.items()} == {name: each.rows for name, each in few.items()}
    assert [
        (name, few[name].pages, each.pages) for name, each in many.items() if each.pages > few[name].pages * MORE_PAGES
    ] == []
