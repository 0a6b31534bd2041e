"""What is kept of somebody in the name of each source, and what of it is gone? In the records that are named alone."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.holdings.store.changing import Row, columns
from carerecord.holdings.store.looking import ROW
from carerecord.kit.db import Database

# What is gone now, of some types ($3), from records of patients ($1), each by the source that goes with it ($2): deleted, or in
# another record. What went from one entry of a person to another of the same is not gone.
_GONE = """SELECT source, type, id, max(at) AS at
          FROM (SELECT asked.source, version.type, version.id, version.at
                  FROM unnest($1::text[], $2::text[]) AS asked (whose, source)
                  JOIN version ON version.patient = asked.whose AND version.source = asked.source
                 WHERE version.method = 'D' AND version.type = ANY ($3)
                   AND NOT EXISTS (SELECT
                                     FROM version AS later
                                    WHERE (later.patient, later.type, later.id) = (version.patient, version.type, version.id)
                                      AND later.version > version.version)
                 UNION ALL
                SELECT asked.source, departure.type, departure.id, departure.at
                  FROM unnest($1::text[], $2::text[]) AS asked (whose, source)
                  JOIN departure ON departure.patient = asked.whose AND departure.source = asked.source
                 WHERE departure.type = ANY ($3)
                   AND NOT EXISTS (SELECT
                                     FROM held
                                    WHERE held.patient = ANY ($1) AND (held.type, held.id) = (departure.type, departure.id))
               ) AS went
         GROUP BY source, type, id"""


class Gone(Struct, frozen=True, gc=False):
    """One item that is no more in somebody's record."""

    source: str
    type: str
    at: datetime


async def kept_of(
    db: Database, whose: Sequence[tuple[str, str]], types: Sequence[str], most_confidential: int, many: int,
    only: tuple[str, str] = ("", ""),
) -> tuple[Row, ...]:  # fmt: skip
    """The current versions of these types in records of patients, each written in the name of the source that goes with it."""
    rows = await db.fetch(
        f"""
        SELECT {ROW}
          FROM unnest($1::text[], $2::text[]) AS asked (whose, source)
         CROSS JOIN LATERAL (SELECT patient, type, id, version
                               FROM held
                              WHERE patient = asked.whose AND type = ANY ($3) AND confidential <= $4
                                AND ($6 = '' OR (type, id) = ($6, $7))) AS found
          JOIN version USING (patient, type, id, version)
         WHERE version.source = asked.source
         LIMIT $5
        """,  # noqa: S608
        *columns(whose, 2),
        list(types),
        most_confidential,
        many,
        *only,
    )
    return tuple(Row(*row) for row in rows)


async def gone_of(db: Database, whose: Sequence[tuple[str, str]], types: Sequence[str], many: int) -> tuple[Gone, ...]:
    """What went from records of patients, each by the source that goes with it."""
    rows = await db.fetch(
        f"SELECT source, type, at FROM ({_GONE}) AS gone LIMIT $4",  # noqa: S608
        *columns(whose, 2),
        list(types),
        many,
    )
    return tuple(Gone(*row) for row in rows)


async def sums_of(
    db: Database, whose: Sequence[tuple[str, str]], types: Sequence[str], most_confidential: int
) -> tuple[tuple[str, str, bool, int, int, datetime], ...]:
    """By source and type, of what stands and of what is gone: how many, their version numbers added up, when the newest came."""
    rows = await db.fetch(
        f"""
        SELECT asked.source, found.type, false AS gone, count(*) AS many, sum(found.version)::bigint AS versions,
               max(version.at) AS at
          FROM unnest($1::text[], $2::text[]) AS asked (whose, source)
         CROSS JOIN LATERAL (SELECT patient, type, id, version
                               FROM held
                              WHERE patient = asked.whose AND type = ANY ($3) AND confidential <= $4) AS found
          JOIN version USING (patient, type, id, version)
         WHERE version.source = asked.source
         GROUP BY asked.source, found.type
         UNION ALL
        SELECT source, type, true, count(*), 0, max(at)
          FROM ({_GONE}) AS gone
         GROUP BY source, type
        """,  # noqa: S608
        *columns(whose, 2),
        list(types),
        most_confidential,
    )
    return tuple((row["source"], row["type"], row["gone"], row["many"], row["versions"], row["at"]) for row in rows)
