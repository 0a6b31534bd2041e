"""What do some Patient resources say, or say last where they are gone, and in whose name was it written?"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.looking import COLUMNS, ROW
from carerecord.kit.db import Database


class Stands(NamedTuple):
    row: Row
    gone: bool
    at: datetime  # of the last change


async def last_of(db: Database, ids: Sequence[str]) -> tuple[Stands, ...]:
    """By id; of what is gone, what it said before."""
    rows = await db.fetch(
        f"""
        SELECT {ROW}, last.method = 'D' AS gone, last.at AS last_at
          FROM unnest($1::text[]) AS asked (id)
          JOIN address ON address.type = 'Patient' AND address.id = asked.id
         CROSS JOIN LATERAL (SELECT method, at
                               FROM version
                              WHERE (patient, type, id) = (address.patient, address.type, address.id)
                              ORDER BY version DESC
                              LIMIT 1) AS last
         CROSS JOIN LATERAL (SELECT *
                               FROM version
                              WHERE (patient, type, id) = (address.patient, address.type, address.id) AND method <> 'D'
                              ORDER BY version DESC
                              LIMIT 1) AS version
         ORDER BY version.id
        """,  # noqa: S608
        list(ids),
    )
    return tuple(Stands(Row(*row[:COLUMNS]), row["gone"], row["last_at"]) for row in rows)
