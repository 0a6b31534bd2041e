"""What stands in the tables, now or as of a moment? Each within the records that it names, or a range of times."""

from collections.abc import Sequence
from datetime import datetime

from carerecord.holdings.reaching import GUARDED, RESTRICTED
from carerecord.holdings.store.changing import Key, Row, columns
from carerecord.kit.db import Database

SAID = """version.patient, version.type, version.id, version.version, version.at, version.method::text, version.organisation,
               version.body, version.when_at, version.confidential, version.source"""
# A Patient that bears the label R or V says by itself that the person is restricted.
LABELLED = f"(version.type = 'Patient' AND version.confidential >= {RESTRICTED})"
ROW = f"{SAID}, (SELECT true FROM veil WHERE veil.patient = version.patient LIMIT 1) IS NOT NULL OR {LABELLED} AS veiled"  # noqa: S608
COLUMNS = 12  # of a row
# The same where all come from the records of one parameter ($2): looked up once, and not with each row.
_OF_THEM = f"{SAID}, (SELECT true FROM veil WHERE veil.patient = ANY ($2) LIMIT 1) IS NOT NULL OR {LABELLED} AS veiled"  # noqa: S608
# How confidential the last version is of what stands at an address.
_TODAY = """(SELECT confidential
                          FROM version AS last
                         WHERE (last.patient, last.type, last.id) = (address.patient, address.type, address.id)
                         ORDER BY version DESC
                         LIMIT 1) AS today"""
# What stood at a moment ($1) of that which was written since, in some records ($2): nothing of it is in `held` any more.
_STOOD = """
                SELECT stood.patient, stood.type, stood.id, stood.version, stood.when_at
                  FROM (SELECT DISTINCT patient, type, id FROM version WHERE patient = ANY ($2) AND at > $1) AS changed
                 CROSS JOIN LATERAL (SELECT *
                                       FROM version
                                      WHERE (patient, type, id) = (changed.patient, changed.type, changed.id) AND at <= $1
                                      ORDER BY version DESC
                                      LIMIT 1) AS stood
                 WHERE stood.method <> 'D'
                   AND greatest(stood.confidential,
                                (SELECT confidential
                                   FROM held
                                  WHERE (patient, type, id) = (stood.patient, stood.type, stood.id))) <= $3"""


async def one(db: Database, type_: str, id_: str, version: int) -> tuple[Row, int] | None:
    """This version, 0 = the last, wherever it lies; and how confidential the last one is."""
    if version == 0:
        row = await db.fetchrow(
            f"""
            SELECT {ROW}
              FROM address
             CROSS JOIN LATERAL (SELECT *
                                   FROM version
                                  WHERE (patient, type, id) = (address.patient, address.type, address.id)
                                  ORDER BY version DESC
                                  LIMIT 1) AS version
             WHERE address.type = $1 AND address.id = $2
            """,  # noqa: S608
            type_,
            id_,
        )
        return None if row is None else (Row(*row[:COLUMNS]), row["confidential"])
    row = await db.fetchrow(
        f"""
        SELECT {ROW}, {_TODAY}
          FROM address
          JOIN version ON version.patient = ANY (array_append(address.before, address.patient))
                      AND (version.type, version.id) = (address.type, address.id)
         WHERE address.type = $1 AND address.id = $2 AND version.version = $3
        """,  # noqa: S608
        type_,
        id_,
        version,
    )
    return None if row is None else (Row(*row[:COLUMNS]), row["today"])


async def versions(db: Database, type_: str, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[Row, int]]:
    """These versions, wherever they lie, each with how confidential the last one is; what there is not is left out."""
    rows = await db.fetch(
        f"""
        SELECT {ROW}, {_TODAY}
          FROM unnest($2::text[], $3::int[]) AS asked (id, version)
          JOIN address ON (address.type, address.id) = ($1, asked.id)
          JOIN version ON version.patient = ANY (array_append(address.before, address.patient))
                      AND (version.type, version.id, version.version) = ($1, asked.id, asked.version)
        """,  # noqa: S608
        type_,
        [id_ for id_, _ in wanted],
        [version for _, version in wanted],
    )
    return {(row["id"], row["version"]): (Row(*row[:COLUMNS]), row["today"]) for row in rows}


async def in_records(
    db: Database, patients: Sequence[str], type_: str, narrowed: Sequence[Sequence[int]], most_confidential: int,
    many: int, *, after: tuple[datetime, str] | None = None, moment: datetime | None = None,
) -> tuple[Row, ...]:  # fmt: skip
    """Versions of a type in these records that bear one hash of each group, newest first: the current, or as of a moment.

    Of what was written since that moment no hash is known: all of it comes.
    """
    clauses = "".join(f" AND tokens && ${place}::bigint[]" for place in range(8, 8 + len(narrowed)))
    later = " AND when_at <= $6 AND (when_at < $6 OR id > $7)" if after else " AND $6::timestamptz IS NULL AND $7::text IS NULL"
    as_of = " AND at <= $1" if moment else " AND $1::timestamptz IS NULL"
    stood = f" UNION ALL SELECT * FROM ({_STOOD}) AS before WHERE type = $4{later}" if moment else ""  # noqa: S608
    # Built of our own words and numbers alone, here and below.
    rows = await db.fetch(
        f"""
        SELECT {_OF_THEM}
          FROM (SELECT patient, type, id, version, when_at
                  FROM held
                 WHERE patient = ANY ($2) AND type = $4 AND confidential <= $3{as_of}{later}{clauses}{stood}
                 ORDER BY when_at DESC, id
                 LIMIT $5) AS found
          JOIN version USING (patient, type, id, version)
         ORDER BY found.when_at DESC, version.id
        """,  # noqa: S608
        moment,
        list(patients),
        most_confidential,
        type_,
        many,
        *(after or (None, None)),
        *[list(group) for group in narrowed],
    )
    return tuple(Row(*row) for row in rows)


async def across(
    db: Database, type_: str, groups: Sequence[Sequence[int]], many: int, after: tuple[str, str] = ("", "")
) -> tuple[Key, ...]:
    """Of whom every group of hashes says one, by record and id."""
    others = "".join(
        f"""
           AND EXISTS (SELECT FROM across AS other
                        WHERE other.hash = ANY (${place}::bigint[])
                          AND (other.patient, other.type, other.id) = (across.patient, across.type, across.id))"""
        for place in range(6, 5 + len(groups))
    )
    rows = await db.fetch(
        f"""
        SELECT DISTINCT patient, id
          FROM (SELECT patient, id
                  FROM across
                 WHERE hash = ANY ($1) AND type = $2 AND (patient, id) > ($3, $4){others}
                OFFSET 0) AS said  -- or it would go through everybody for the sake of the order
         ORDER BY patient, id
         LIMIT $5
        """,  # noqa: S608
        list(groups[0]),
        type_,
        *after,
        many,
        *[list(group) for group in groups[1:]],
    )
    return tuple((row["patient"], type_, row["id"]) for row in rows)


async def rows_of(
    db: Database, keys: Sequence[Key], most_confidential: int, moment: datetime | None = None
) -> tuple[Row, ...]:
    """The versions of these that are current, or were at a moment; those that are gone left out."""
    if not keys:
        return ()
    asked = "unnest($1::text[], $2::text[], $3::text[]) AS asked (patient, type, id)"
    if moment is None:
        rows = await db.fetch(
            f"""
            SELECT {ROW}
              FROM {asked}
              JOIN held USING (patient, type, id)
              JOIN version USING (patient, type, id, version)
             WHERE held.confidential <= $4
            """,  # noqa: S608
            *columns(keys, 3),
            most_confidential,
        )
        return tuple(Row(*row) for row in rows)
    rows = await db.fetch(
        f"""
        SELECT {ROW}
          FROM {asked}
         CROSS JOIN LATERAL (SELECT *
                               FROM version
                              WHERE (patient, type, id) = (asked.patient, asked.type, asked.id) AND at <= $5
                              ORDER BY version DESC
                              LIMIT 1) AS version
         WHERE version.method <> 'D'
           AND greatest(version.confidential,
                        (SELECT confidential
                           FROM held
                          WHERE (patient, type, id) = (version.patient, version.type, version.id))) <= $4
        """,  # noqa: S608
        *columns(keys, 3),
        most_confidential,
        moment,
    )
    return tuple(Row(*row) for row in rows)


async def whole_record(
    db: Database, patient: str, types: Sequence[str], most_confidential: int, after: tuple[str, str], many: int,
    *, moment: datetime | None = None, since: datetime | None = None,
) -> tuple[Row, ...]:  # fmt: skip
    """Everything in one record, or all that was written since, by type and id: as it is, or as it stood at a moment."""
    where = "(type, id) > ($4, $5) AND (cardinality($6::text[]) = 0 OR type = ANY ($6))"
    as_of = "at <= $1" if moment else "$1::timestamptz IS NULL"
    stood = f" UNION ALL SELECT patient, type, id, version FROM ({_STOOD}) AS before WHERE {where}" if moment else ""  # noqa: S608
    rows = await db.fetch(
        f"""
        SELECT {_OF_THEM}
          FROM (SELECT patient, type, id, version
                  FROM held
                 WHERE patient = ANY ($2) AND confidential <= $3 AND {as_of} AND {where}
                   AND ($7::timestamptz IS NULL OR at >= $7){stood}
                 ORDER BY type, id
                 LIMIT $8) AS found
          JOIN version USING (patient, type, id, version)
         ORDER BY version.type, version.id
        """,  # noqa: S608
        moment,
        [patient],
        most_confidential,
        *after,
        list(types),
        since,
        many,
    )
    return tuple(Row(*row) for row in rows)


async def history(
    db: Database, patients: Sequence[str], type_: str, id_: str, below: int, most_confidential: int, since: datetime, many: int
) -> tuple[Row, ...]:
    """Versions of one resource below `below`, newest first."""
    rows = await db.fetch(
        f"""
        SELECT {ROW}
          FROM version
         WHERE patient = ANY ($1) AND type = $2 AND id = $3 AND version < $4 AND confidential <= $5 AND at >= $6
         ORDER BY version DESC
         LIMIT $7
        """,  # noqa: S608
        list(patients),
        type_,
        id_,
        below,
        most_confidential,
        since,
        many,
    )
    return tuple(Row(*row) for row in rows)


async def written_between(
    db: Database, since: datetime, until: datetime, below: tuple[datetime, str, str, str, int] | None,
    types: Sequence[str], patients: Sequence[str] | None, most_confidential: int, many: int,
) -> tuple[Row, ...]:  # fmt: skip
    """Versions written from `since` and before `until`, newest first, those after the place `below` where one is given.

    What today's label hides is hidden whole. The range of times leads; within named records the records do.
    """
    order = "version.at, version.patient, version.type, version.id, version.version"
    later = f"AND ({order}) < ($6, $7, $8, $9, $10)" if below else ""
    rows = await db.fetch(
        f"""
        SELECT {ROW}
          FROM version
         CROSS JOIN LATERAL (SELECT confidential
                               FROM version AS last
                              WHERE (last.patient, last.type, last.id) = (version.patient, version.type, version.id)
                              ORDER BY last.version DESC
                              LIMIT 1) AS today
         WHERE version.at >= $1 AND version.at < $2 AND version.type <> '{GUARDED}'
           AND (cardinality($3::text[]) = 0 OR version.type = ANY ($3))
           AND {"version.patient = ANY ($4)" if patients is not None else "$4::text[] IS NULL"}
           AND greatest(version.confidential, today.confidential) <= $5
           {later}
         ORDER BY {order.replace(",", " DESC,")} DESC
         LIMIT {int(many)}
        """,  # noqa: S608
        since,
        until,
        list(types),
        None if patients is None else list(patients),
        most_confidential,
        *(below or ()),
    )
    return tuple(Row(*row) for row in rows)


async def owners(db: Database, prefix: str) -> tuple[str, ...]:
    """Under which keys the resources of nobody lie: one for each organisation that sent some. A loose scan, not a long one."""
    rows = await db.fetch(
        """
        WITH RECURSIVE owner AS (
            (SELECT patient FROM held WHERE patient >= $1 AND patient < $2 ORDER BY patient LIMIT 1)
            UNION ALL
            SELECT (SELECT patient FROM held WHERE patient > owner.patient AND patient < $2 ORDER BY patient LIMIT 1)
              FROM owner
             WHERE owner.patient IS NOT NULL
        )
        SELECT patient FROM owner WHERE patient IS NOT NULL
        """,
        prefix,
        prefix + "\U0010ffff",
    )
    return tuple(row["patient"] for row in rows)


async def counts(db: Database) -> tuple[tuple[str, int], ...]:
    """How many resources of each type there are; what was deleted is none."""
    rows = await db.fetch("SELECT type, count(*) AS many FROM held GROUP BY type ORDER BY type")
    return tuple((row["type"], row["many"]) for row in rows)
