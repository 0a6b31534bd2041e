"""Is the region reached, and does it reach carerecord, by HTTP and files alone?"""

import re
from pathlib import Path

import carerecord.region

FOLDER = Path(carerecord.region.__file__).parent
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|COPY\s+\w+\s+FROM)\b")
DATABASES = re.compile(r"^\s*(?:import|from)\s+(asyncpg|psycopg|sqlite3|carerecord\.(?!region\b|fhir\b)\w+)", re.MULTILINE)


def test_there_is_no_sql_in_the_region_and_no_way_to_a_database() -> None:
    files = sorted(FOLDER.rglob("*.py"))
    found = [path.name for path in files if SQL.search(text := path.read_text("utf-8")) or DATABASES.search(text)]

    assert len(files) > 20
    assert found == []
