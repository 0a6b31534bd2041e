"""Where do versions, index rows and addresses stand? Statements, each within one patient wherever a patient is known."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Connection, Database, Record

Key = tuple[str, str, str]  # patient, type, id


class Row(Struct, frozen=True, gc=False):
    """One version, its body still sealed."""

    patient: str
    type: str
    id: str
    version: int
    at: datetime
    method: str
    organisation: str
    body: bytes

    @property
    def place(self) -> str:
        return f"{self.type}/{self.id}/{self.version}"


class Current(Struct, frozen=True, gc=False):
    """The index row of one current version."""

    patient: str
    type: str
    id: str
    version: int
    at: datetime
    when_at: datetime
    confidential: int
    tokens: tuple[int, ...]
    across: tuple[int, ...] = ()


class Lies(Struct, frozen=True, gc=False):
    patient: str
    before: tuple[str, ...] = ()


async def addresses(db: Database, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Lies]:
    rows = await db.fetch(
        """
        SELECT type, id, patient, before
          FROM unnest($1::text[], $2::text[]) AS asked (type, id)
          JOIN address USING (type, id)
        """,
        [type_ for type_, _ in wanted],
        [id_ for _, id_ in wanted],
    )
    return {(row["type"], row["id"]): Lies(row["patient"], tuple(row["before"])) for row in rows}


async def locked(db: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Lies]:
    """Nobody else writes these until the transaction ends. One order for all, so that two writers never wait for each other."""
    rows = await db.fetch(
        """
        SELECT type, id, patient, before
          FROM address
         WHERE (type, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY type, id
           FOR UPDATE
        """,
        *_columns(sorted(set(wanted)), 2),
    )
    return {(row["type"], row["id"]): Lies(row["patient"], tuple(row["before"])) for row in rows}


async def settle(db: Connection, new: Sequence[Key]) -> None:
    """Addresses of resources that are new, and of those that now lie in another record. Waits for others who write the same."""
    await db.execute(
        """
        INSERT INTO address AS known (type, id, patient)
        SELECT type, id, patient FROM unnest($1::text[], $2::text[], $3::text[]) AS told (patient, type, id)
         ORDER BY type, id
        ON CONFLICT (type, id) DO UPDATE
           SET patient = excluded.patient, before = array_append(known.before, known.patient)
         WHERE known.patient <> excluded.patient
        """,
        *_columns(new, 3),
    )


async def latest(db: Database, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
    """The last version of each, and how it was written: D is gone."""
    rows = await db.fetch(
        """
        SELECT patient, type, id, last.version, last.method::text
          FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (patient, type, id)
         CROSS JOIN LATERAL (SELECT version, method
                               FROM version
                              WHERE (patient, type, id) = (asked.patient, asked.type, asked.id)
                              ORDER BY version DESC
                              LIMIT 1) AS last
        """,
        *_columns(keys, 3),
    )
    return {(row["patient"], row["type"], row["id"]): (row["version"], row["method"]) for row in rows}


async def add_versions(db: Connection, rows: Sequence[Row]) -> None:
    await db.copy_records_to_table(
        "version",
        records=[(r.patient, r.type, r.id, r.version, r.at, r.method.encode(), r.organisation, r.body) for r in rows],
        columns=("patient", "type", "id", "version", "at", "method", "organisation", "body"),
    )


async def put_current(db: Connection, rows: Sequence[Current]) -> None:
    """Their index rows, in place of those that stood there."""
    await drop_current(db, [(row.patient, row.type, row.id) for row in rows if row.version > 1])
    await db.copy_records_to_table(
        "held",
        records=[
            (row.patient, row.type, row.id, row.version, row.at, row.when_at, row.confidential, list(row.tokens)) for row in rows
        ],
        columns=("patient", "type", "id", "version", "at", "when_at", "confidential", "tokens"),
    )
    wide = [(hashed, row.patient, row.type, row.id) for row in rows for hashed in row.across]
    if wide:
        await db.copy_records_to_table("across", records=wide, columns=("hash", "patient", "type", "id"))


async def drop_current(db: Connection, keys: Sequence[Key]) -> None:
    if not keys:
        return
    for delete in (
        "DELETE FROM held WHERE (patient, type, id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))",
        "DELETE FROM across WHERE (patient, type, id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))",
    ):
        await db.execute(delete, *_columns(keys, 3))


async def read(db: Database, patient: str, type_: str, id_: str, version: int) -> Row | None:
    """This version; 0 = the last."""
    return _row(
        await db.fetchrow(
            """
            SELECT patient, type, id, version, at, method::text, organisation, body
              FROM version
             WHERE (patient, type, id) = ($1, $2, $3) AND ($4 = 0 OR version = $4)
             ORDER BY version DESC
             LIMIT 1
            """,
            patient,
            type_,
            id_,
            version,
        )
    )


async def candidates(
    db: Database, patients: Sequence[str], type_: str, narrowed: Sequence[Sequence[int]], most_confidential: int, most: int
) -> tuple[Row, ...]:
    """Current versions of a type in these records that bear one hash of each group, newest first."""
    clauses = "".join(f" AND tokens && ${place}::bigint[]" for place in range(5, 5 + len(narrowed)))
    rows = await db.fetch(  # built of our own words and numbers alone
        f"""
        SELECT version.patient, version.type, version.id, version.version, version.at, version.method::text,
               version.organisation, version.body
          FROM (SELECT patient, type, id, version, when_at
                  FROM held
                 WHERE patient = ANY ($1) AND type = $2 AND confidential <= $3{clauses}
                 ORDER BY when_at DESC, id
                 LIMIT $4) AS found
          JOIN version USING (patient, type, id, version)
         ORDER BY found.when_at DESC, version.id
        """,  # noqa: S608
        list(patients),
        type_,
        most_confidential,
        most,
        *[list(group) for group in narrowed],
    )
    return tuple(row for each in rows if (row := _row(each)) is not None)


async def found_across(db: Database, type_: str, hashes: Sequence[int], most: int) -> tuple[Key, ...]:
    rows = await db.fetch(
        """
        SELECT DISTINCT patient, id
          FROM across
         WHERE hash = ANY ($1) AND type = $2
         LIMIT $3
        """,
        list(hashes),
        type_,
        most,
    )
    return tuple((row["patient"], type_, row["id"]) for row in rows)


async def rows_of(db: Database, keys: Sequence[Key], most_confidential: int) -> tuple[Row, ...]:
    """The current versions of these, those that are gone left out."""
    rows = await db.fetch(
        """
        SELECT version.patient, version.type, version.id, version.version, version.at, version.method::text,
               version.organisation, version.body
          FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (patient, type, id)
          JOIN held USING (patient, type, id)
          JOIN version USING (patient, type, id, version)
         WHERE held.confidential <= $4
        """,
        *_columns(keys, 3),
        most_confidential,
    )
    return tuple(row for each in rows if (row := _row(each)) is not None)


async def whole_record(
    db: Database, patient: str, types: Sequence[str], most_confidential: int, after: tuple[str, str], most: int
) -> tuple[Row, ...]:
    """Everything in one record, by type and id."""
    rows = await db.fetch(
        """
        SELECT version.patient, version.type, version.id, version.version, version.at, version.method::text,
               version.organisation, version.body
          FROM (SELECT patient, type, id, version
                  FROM held
                 WHERE patient = $1 AND (type, id) > ($2, $3) AND confidential <= $4
                   AND (cardinality($5::text[]) = 0 OR type = ANY ($5))
                 ORDER BY type, id
                 LIMIT $6) AS found
          JOIN version USING (patient, type, id, version)
         ORDER BY version.type, version.id
        """,
        patient,
        *after,
        most_confidential,
        list(types),
        most,
    )
    return tuple(row for each in rows if (row := _row(each)) is not None)


async def history(db: Database, patients: Sequence[str], type_: str, id_: str, before: int, most: int) -> tuple[Row, ...]:
    """Versions of one resource below `before`, newest first."""
    rows = await db.fetch(
        """
        SELECT patient, type, id, version, at, method::text, organisation, body
          FROM version
         WHERE patient = ANY ($1) AND type = $2 AND id = $3 AND version < $4
         ORDER BY version DESC
         LIMIT $5
        """,
        list(patients),
        type_,
        id_,
        before,
        most,
    )
    return tuple(row for each in rows if (row := _row(each)) is not None)


async def claim(db: Connection, hashed: bytes, type_: str, id_: str) -> tuple[str, str] | None:
    """Who holds this claim already; None: it is ours now. Waits for another who is claiming the same."""
    row = await db.fetchrow(
        """
        INSERT INTO claim AS held (hash, type, id) VALUES ($1, $2, $3)
        ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash
        RETURNING type, id
        """,
        hashed,
        type_,
        id_,
    )
    assert row is not None
    return None if (row["type"], row["id"]) == (type_, id_) else (row["type"], row["id"])


async def move_claim(db: Connection, hashed: bytes, type_: str, id_: str) -> None:
    await db.execute("UPDATE claim SET type = $2, id = $3 WHERE hash = $1", hashed, type_, id_)


async def counts(db: Database) -> tuple[tuple[str, int], ...]:
    rows = await db.fetch("SELECT type, count(*) AS many FROM address GROUP BY type ORDER BY type")
    return tuple((row["type"], row["many"]) for row in rows)


def _columns(rows: Sequence[tuple[str, ...]], many: int) -> list[list[str]]:
    return [[row[place] for row in rows] for place in range(many)]


def _row(row: Record | None) -> Row | None:
    return None if row is None else Row(*row)


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
