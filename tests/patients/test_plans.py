"""Does any statement over people read a whole table?"""

import json
from datetime import date
from typing import Any

import pytest

from carerecord.kit.db import Pool
from carerecord.patients.keys import MOST
from carerecord.patients.store import finding, kept, likeness, lineage

PEOPLE = 40_000


@pytest.fixture
async def full(service_database) -> Pool:
    """An index as large as a town's, written in SQL because only its shape matters here."""
    pool: Pool = (await service_database("patients")).pool
    await pool.execute("ALTER TABLE patient SET (autovacuum_enabled = false)")  # it would tell the planner of the first of them
    await pool.execute(
        """
        INSERT INTO patient (id, source, local_id, stated, nhs_number, nhs_status, birth_date, postcode, enrolled_at, changed_at)
        SELECT 'p' || n, 'elm-bank', n, '{}', '999' || lpad(n::text, 7, '0'), '01', date '1930-01-01' + (n % 30000),
               'ZZ' || n % 90 || '1AA', now(), now()
          FROM generate_series(1, $1::int) AS n
        """,
        PEOPLE,
    )
    await pool.execute("INSERT INTO identifier (patient, value) SELECT id, nhs_number FROM patient")
    await pool.execute("INSERT INTO name (patient, word) SELECT id, 'given' || local_id::int % 300 FROM patient")
    await pool.execute("INSERT INTO name (patient, word) SELECT id, 'family' || local_id::int % 5000 FROM patient")
    await pool.execute("INSERT INTO word_key (key, word) SELECT DISTINCT word, word FROM name")
    await pool.execute("INSERT INTO link (patient, person, since, because) SELECT id, 's' || id, now(), 'enrolled' FROM patient")
    await pool.execute("INSERT INTO likeness (patient, facts, keys) SELECT id, '[]', ARRAY[local_id::bigint] FROM patient")
    await pool.execute("INSERT INTO likeness_key (key, no) SELECT no % 20000, no FROM likeness")
    await pool.execute(
        "INSERT INTO severed (one, other, since, by) SELECT 'p' || n, 'q' || n, now(), '' FROM generate_series(1, 5000) AS n"
    )
    await pool.execute(
        """
        INSERT INTO merge (gone, into_id, kind, recorded_at, done_at, message, moved, former)
        SELECT 'p' || n, 'p' || n + 1, 'merge', now(), now(), '', '{}', '{}' FROM generate_series(1, 20000, 2) AS n
        """
    )
    await kept.analyse(pool)
    await pool.execute("ANALYZE severed, merge")
    return pool


NEAR = [date(1950, month, 14) for month in range(1, 13)]
ASKED = {
    "by number": (finding.BY_NUMBER, (["9990000018", "EB1001"], finding.MOST)),
    "by names": (finding.BY_NAMES, (["given7", "family7"], [0, 1], 2, finding.MOST)),
    "by two names": (finding.BY_TWO_NAMES, (["given7"], ["family7"], finding.MOST)),
    "by birth date": (finding.BY_BIRTH_DATE, ([date(1950, 7, 14)], finding.MOST)),
    "by birth date and name": (finding.BY_BIRTH_DATE_AND_NAME, (NEAR, ["given7", "family7"], finding.MOST)),
    "by postcode": (finding.BY_POSTCODE, ("ZZ11AA", finding.MOST)),
    "who might this be": (likeness.ALIKE, (list(range(12)), MOST)),
    "… and all of their sets": (likeness.SETS, (["sp7", "sp8"],)),
    "near words": (finding.NEAR_WORDS, (["family7", "famly7"],)),
    "words beginning": (finding.WORDS_BEGINNING, (["fam"], "\U0010ffff", 40)),
}


async def test_no_statement_reads_a_table_from_end_to_end(full):
    read = {name: await scanned(full, statement, *told) for name, (statement, told) in ASKED.items()}
    assert read == {key: [] for key in ASKED}

    said: list[tuple[str, tuple[object, ...]]] = []

    class Asked:
        async def fetch(self, statement, *told):
            said.append((statement, told))
            return []

    db = Asked()
    await kept.set_of(db, "p7")  # type: ignore[arg-type]
    await kept.sets_of(db, ["p7", "p8", "p9"])  # type: ignore[arg-type]
    await kept.entries_at(db, ["elm-bank"] * 3, ["1", "2", "3"])  # type: ignore[arg-type]
    await kept.entries_numbered(db, ["9990000018", "9990000026"])  # type: ignore[arg-type]
    await kept.ids_beside(db, ["p7", "p8"])  # type: ignore[arg-type]
    await likeness.beside(db, ["p7", "p8"])  # type: ignore[arg-type]
    await likeness.member_rows(db, ["sp7", "sp8"])  # type: ignore[arg-type]
    await lineage.steps(db, "p7")  # type: ignore[arg-type]
    await lineage.followers(db, [f"p{n}" for n in range(10)])  # type: ignore[arg-type]

    assert len(said) == 9
    for statement, told in said:
        assert await scanned(full, statement, *told) == [], statement


async def scanned(pool: Pool, statement: str, *told: object) -> list[str]:
    """The tables that the plan reads from end to end."""
    plan = json.loads(await pool.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *told))
    found: list[str] = []

    def walk(node: dict[str, Any]) -> None:
        if node["Node Type"] == "Seq Scan":
            found.append(node["Relation Name"])
        for child in node.get("Plans", ()):
            walk(child)

    walk(plan[0]["Plan"])
    return found


async def test_the_planner_is_told_once_how_far_the_index_has_grown_however_many_processes_say_so(full):
    doubled = "INSERT INTO patient SELECT 'q' || id, 'oak', local_id, stated, '', '', birth_date, '', now(), now() FROM patient"
    await full.execute(doubled)
    told = []
    for _ in range(2):
        await kept.analyse(full)
        told.append(await full.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'patient'::regclass"))
        await full.execute("DELETE FROM patient WHERE id LIKE 'q%'")

    assert told[0] == pytest.approx(2 * PEOPLE, rel=0.05)
    assert told[1] == told[0]
