"""Does any statement read through people's data from one end to the other? The plans of all of them, over a crowd."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import TestDatabase

from carerecord.holdings.store import changing, exporting, looking, of_sources, together, veils
from carerecord.holdings.store.exporting import Range
from carerecord.holdings.store.together import Across, InRecord, Look

PEOPLE, EACH = 250, 100  # 25,000 resources
NOW = datetime(2026, 11, 1, tzinfo=UTC)
FAR = datetime(9999, 1, 1, tzinfo=UTC)
_WHOLE_TABLES = {"version", "held", "address", "across", "claim", "aside", "departure", "veil", "objector"}
# Led by something other than a person: each is spread by its own key.
_OWN_KEY = {"address": ["type", "id"], "claim": ["hash"], "across": ["hash", "patient", "type", "id"],
            "export": ["id"], "export_file": ["export", "number"], "load": ["id"], "load_part": ["load", "number"],
            "load_lane": ["load", "lane"], "load_fault": ["load", "line"], "reindexing": ["type", "parameter"],
            "objector": ["hash", "objection"], "veiled": ["only_one"]}  # fmt: skip
_OF_THE_KIT = {"outbox", "cluster_era", "hearer", "heard", "parked"}


class Explaining:
    """A connection that asks how each statement would be carried out, and answers nothing."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self.plans: list[tuple[str, dict[str, Any]]] = []

    async def fetch(self, sql: str, *told: Any) -> list[Any]:
        row = await self._db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *told)
        self.plans.append((sql, json.loads(row)[0]["Plan"]))
        return []

    async def fetchrow(self, sql: str, *told: Any) -> None:
        await self.fetch(sql, *told)

    async def execute(self, sql: str, *told: Any) -> None:
        await self.fetch(sql, *told)

    async def copy_records_to_table(self, *_: Any, **__: Any) -> None:
        return None


@pytest.fixture
async def crowd(service_database) -> TestDatabase:
    database = await service_database("holdings")
    await database.pool.execute(
        """
        INSERT INTO version (patient, type, id, version, at, method, organisation, body, when_at, confidential)
        SELECT 'p' || p, CASE WHEN n = 0 THEN 'Patient' WHEN n % 3 = 0 THEN 'Condition' ELSE 'Observation' END,
               'p' || p || '-' || n, 1, $1::timestamptz + (p * $3 + n) * interval '1 second', 'C', 'R9A', repeat('x', 300)::bytea,
               $1::timestamptz - n * interval '1 day', 2
          FROM generate_series(1, $2::int) AS p, generate_series(0, $3::int - 1) AS n
         ORDER BY p, n
        """,
        NOW,
        PEOPLE,
        EACH,
    )
    await database.pool.execute(
        """
        INSERT INTO held (patient, type, id, version, at, when_at, confidential, tokens)
        SELECT patient, type, id, version, at, when_at, confidential, ARRAY[hashtext(id)::bigint, hashtext(type)::bigint]
          FROM version
        """
    )
    await database.pool.execute("INSERT INTO address (type, id, patient) SELECT type, id, patient FROM held")
    await database.pool.execute(
        "INSERT INTO departure (patient, type, id, source, at) SELECT patient, type, 'x' || id, '', at FROM held"
    )
    await database.pool.execute(  # thirty each, as of a real person: names letter by letter, identifiers, birth date
        """
        INSERT INTO across
        SELECT hashtext(id || n), patient, type, id FROM held, generate_series(1, 30) AS n WHERE type = 'Patient'
        """
    )
    await database.pool.execute("INSERT INTO claim SELECT decode(md5(id), 'hex'), type, id FROM held")
    await database.pool.execute(
        "INSERT INTO aside SELECT 'of:' || p, gen_random_uuid(), now(), 'x', 'c', 'o', '', '', '' FROM generate_series(1, 3000) p"
    )
    for table, key in (("veil", "'p' || p, 'o'"), ("objector", "p, 'o' || p")):
        await database.pool.execute(
            f"INSERT INTO {table} SELECT {key}, '{{other}}', '', '', '', '' FROM generate_series(1, 3000) AS p"
        )
    await database.pool.execute("ANALYZE")
    filled: TestDatabase = database
    return filled


async def test_no_statement_reads_through_the_data_of_people(crowd: TestDatabase) -> None:
    key, place, hour = ("p7", "Observation", "p7-1"), ("Observation", "p7-1"), timedelta(hours=1)
    when = NOW - timedelta(days=9)
    async with crowd.pool.acquire() as connection, connection.transaction():
        db: Any = Explaining(connection)
        await changing.addresses(db, [place])
        await changing.locked(db, [place])
        await changing.move(db, [key])
        await changing.latest(db, [key])
        await changing.drop_current(db, [key])
        await changing.move_claim(db, b"x" * 16, *place)
        for version in (0, 1):
            await looking.one(db, *place, version)
        for after in (None, (when, "p7-3")):
            for moment in (None, NOW + hour):
                await looking.in_records(db, ["p7"], "Observation", [[1, 2]], 4, 100, after=after, moment=moment)
                await looking.in_records(db, ["p7", "p8"], "Observation", [], 4, 100, after=after, moment=moment)
        for only in (("", ""), ("Observation", "p7-1")):
            await of_sources.kept_of(db, [("p7", ""), ("p8", "")], ["Condition", "Observation"], 5, 100, only)
        await of_sources.gone_of(db, [("p7", ""), ("p8", "")], ["Condition", "Observation"], 100)
        await of_sources.sums_of(db, [("p7", ""), ("p8", "")], ["Condition", "Observation"], 5)
        await together.last_of_each(db, [place, ("Patient", "p8-0")])
        await together.looked_at(db, [Look(*each, 4, b"{", b"}", b"}") for each in (place, ("Patient", "p8-0"))], NOW)
        for many in (1, 8):
            await together.in_record_of_each(db, [InRecord(f"p{n}", "Observation", [[1, 2]], 4, 100) for n in range(many)])
            await together.in_record_of_each(db, [InRecord(f"p{n}", "Condition", [[1], [2]][:n], 4, 9) for n in range(many)])
            await together.in_record_of_each(db, [InRecord(f"p{n}", "Condition", [], 4, 9, True) for n in range(many)])
            await together.across_of_each(db, [Across("Patient", [[5], [6, 7]][: n + 1], 4, 100) for n in range(many)])
        await looking.across(db, "Patient", [[5]], 100)
        await looking.across(db, "Patient", [[5], [6, 7]], 100, ("p7", "p7-0"))
        for moment in (None, NOW + hour):
            await looking.rows_of(db, [key], 4, moment)
            await looking.whole_record(db, "p7", ["Observation"], 4, ("", ""), 1_000, moment=moment)
        await looking.history(db, ["p7"], *place, 9, 4, NOW, 100)
        for window in (timedelta(minutes=1), hour):
            below = (NOW + hour, "p7", *place, 1)
            await looking.written_between(db, NOW + hour - window, NOW + hour, None, ["Observation"], None, 4, 100)
            await looking.written_between(db, NOW + hour - window, NOW + hour, below, [], None, 4, 100)
        await looking.written_between(db, NOW, NOW + 9 * hour, None, [], ["p7"], 4, 100)
        await looking.owners(db, "of:")
        await veils.over(db, ["p7", "p8"], "R9A")
        await veils.know(db, [("p7", 5), ("p7", 6)])
        for where in (Range("p10", "p12"), Range("p10", None), Range("", None, ["p7", "p8"])):
            for upto in (None, ("p11", "Observation", "p11-5", 1)):
                await exporting.downwards(db, where, ["Observation"], NOW, 500, upto, bodies=True)
                await exporting.downwards(db, where, [], NOW, 500, upto, bodies=False)
        await exporting.settled(db, *place, NOW)

    assert len(db.plans) > 25
    astray = [(node, sql) for sql, plan in db.plans for node in _scans(plan) if node in _WHOLE_TABLES]
    assert astray == [], "\n".join(f"{name}: {sql}" for name, sql in astray)


async def test_the_history_of_all_is_led_by_the_time_though_nothing_says_how_wide(crowd: TestDatabase) -> None:
    """The widest window is read only where the narrower ones held too little; even then not from end to end by choice."""
    async with crowd.pool.acquire() as connection:
        db: Any = Explaining(connection)
        await looking.written_between(db, NOW, NOW + timedelta(minutes=8), None, [], None, 4, 100)
        assert "version_at" in json.dumps(db.plans)


async def test_what_is_taken_away_is_looked_up_by_its_id_though_nobody_has_counted_what_people_are_found_by(
    service_database,
) -> None:
    database = await service_database("holdings")
    await database.pool.execute(
        "INSERT INTO across SELECT hashtext(p || '/' || n), 'p' || p, 'Patient', 'p' || p"
        "  FROM generate_series(1, 2000) AS p, generate_series(1, 24) AS n"
    )
    async with database.pool.acquire() as connection:
        db: Any = Explaining(connection)
        await changing.drop_current(db, [(f"p{n}", "Patient", f"p{n}") for n in range(300)])
        taken = [(f"p{n}", "Patient", f"p{n}") for n in range(1, 301)]
        await changing.drop_current(connection, taken)
        left = await connection.fetchval("SELECT count(*) FROM across")

    assert [node for _, plan in db.plans for node in _scans(plan) if node == "across"] == []
    assert left == (2_000 - 300) * 24


async def test_every_key_of_people_is_led_by_the_person(service_database) -> None:
    database = await service_database("holdings")
    rows = await database.pool.fetch(
        """
        SELECT c.relname AS name, array_agg(a.attname::text ORDER BY k.place) AS columns
          FROM pg_constraint p
          JOIN pg_class c ON c.oid = p.conrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
         CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k (attnum, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
         WHERE p.contype = 'p'
         GROUP BY c.relname
        """
    )
    keys = {row["name"]: row["columns"] for row in rows}
    tables = {row[0] for row in await database.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    kit = {row[0] for row in await _of_an_empty_service(database)}
    own = {name: columns for name, columns in keys.items() if name not in kit}

    assert own.keys() == tables - kit, "a table without a primary key"
    assert {name: columns for name, columns in own.items() if columns[0] != "patient"} == _OWN_KEY
    assert {"version", "held", "aside"} <= own.keys()


async def _of_an_empty_service(database: TestDatabase) -> list[Any]:
    """What the kit itself keeps in each database: the outbox, the cursors, the list of migrations."""
    rows = await database.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [row for row in rows if row[0] in _OF_THE_KIT or row[0].startswith(("_yoyo", "yoyo"))]


def _scans(plan: dict[str, Any]) -> list[str]:
    """Tables that a plan reads from one end to the other."""
    here = [plan["Relation Name"]] if plan["Node Type"] in ("Seq Scan", "Parallel Seq Scan") else []
    return here + [each for inner in plan.get("Plans", ()) for each in _scans(inner)]
