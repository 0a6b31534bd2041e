"""How do versions, index rows, addresses and claims come to stand where they do?"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from msgspec import Struct

from carerecord.holdings.store import veils
from carerecord.kit.db import Connection, Database
from carerecord.kit.events import Along
from carerecord.kit.lists import by_column, numbers, words

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
    when_at: datetime  # its place in the order
    confidential: int  # place in U < L < M < N < R < V; a deletion is what it deleted
    source: str = ""  # the registered source in whose name it was written
    veiled: bool = False  # something lies over this record: what of it is kept back, and from whom, is to be looked at
    masked: bool = False  # it was looked at: shown without what would tell where the person is

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

    @property
    def place(self) -> str:
        return f"{self.type}/{self.id}/{self.version}"


class Lies(Struct, frozen=True, gc=False):
    patient: str
    before: tuple[str, ...] = ()
    protected: bool = False  # told by `locked` alone: where that person is is protected


class Left(Struct, frozen=True, gc=False):
    """One resource that lies in another record from now on."""

    patient: str  # in whose it lay
    type: str
    id: str
    source: str
    at: datetime


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
        SELECT type, id, patient, before,
               (SELECT true FROM veil WHERE veil.patient = known.patient AND places LIMIT 1) IS NOT NULL AS protected
          FROM unnest($1::text::text[], $2::text::text[]) AS asked (type, id)
         CROSS JOIN LATERAL (SELECT patient, before
                               FROM address
                              WHERE (type, id) = (asked.type, asked.id)
                                FOR UPDATE) AS known
        """,
        *by_column(sorted(set(wanted)), 2),
    )
    return {(row["type"], row["id"]): Lies(row["patient"], tuple(row["before"]), row["protected"]) for row in rows}


async def arrived(db: Connection, told: Sequence[Key]) -> set[tuple[str, str]]:
    """Those that were not there and have an address now. The others are left as they are. Waits for others who write the same."""
    rows = await db.fetch(
        """
        INSERT INTO address (type, id, patient)
        SELECT type, id, patient FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS told (patient, type, id)
         ORDER BY type, id
        ON CONFLICT (type, id) DO NOTHING
        RETURNING type, id
        """,
        *by_column(told, 3),
    )
    return {(row["type"], row["id"]) for row in rows}


async def settle(db: Connection, new: Sequence[Key]) -> None:
    """Addresses of what was not there when it was locked. Waits for others who write the same.

    Raises:
        UniqueViolationError: they have: it is there now.
    """
    if new:
        records = sorted([(type_, id_, patient) for patient, type_, id_ in new])
        await db.copy_records_to_table("address", records=records, columns=("type", "id", "patient"))


async def move(db: Connection, moved: Sequence[Key]) -> None:
    """Addresses of what lies in another record from now on, and was locked."""
    if moved:
        await db.execute(
            """
            UPDATE address
               SET patient = told.patient, before = array_append(before, address.patient)
              FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS told (patient, type, id)
             WHERE (address.type, address.id) = (told.type, told.id)
            """,
            *by_column(moved, 3),
        )


class Last(Struct, frozen=True, gc=False):
    """The last version of a resource in one record."""

    version: int = 0  # 0 = there is none
    method: str = ""  # D is gone
    confidential: int = 0
    when_at: datetime | None = None
    source: str = ""


async def latest(db: Database, keys: Sequence[Key]) -> dict[Key, Last]:
    rows = await db.fetch(
        """
        SELECT patient, type, id, last.version, last.method::text, last.confidential, last.when_at, last.source
          FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS asked (patient, type, id)
         CROSS JOIN LATERAL (SELECT version, method, confidential, when_at, source
                               FROM version
                              WHERE (patient, type, id) = (asked.patient, asked.type, asked.id)
                              ORDER BY version DESC
                              LIMIT 1) AS last
        """,
        *by_column(keys, 3),
    )
    return {
        (row["patient"], row["type"], row["id"]): Last(*row[3:]) for row in rows
    }


async def add_versions(db: Connection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    await db.copy_records_to_table(
        "version",
        records=[
            (
                r.patient, r.type, r.id, r.version, r.at, r.method.encode(), r.organisation, r.body, r.when_at, r.confidential,
                r.source,
            )
            for r in rows
        ],
        columns=("patient", "type", "id", "version", "at", "method", "organisation", "body", "when_at", "confidential", "source"),
    )


async def add_new(db: Database, rows: Sequence[Row], current: Sequence[Current], told: Along) -> None:
    """Resources that were not there before, all that belongs to them and what is told of them: one statement, one commit.

    `told`: its parameters begin at `AFTER_NEW`.
    """
    somebody = any(row.type == "Patient" for row in rows)
    await db.execute(
        _new((_BEHIND_VEILS if somebody else "") + told.statement),
        *by_column([(row.patient, row.type, row.id) for row in rows], 3),
        [row.at for row in rows],
        words([row.organisation for row in rows]),
        [row.body for row in rows],
        [row.when_at for row in rows],
        numbers([row.confidential for row in rows]),
        words([row.source for row in rows]),
        words([numbers(row.tokens) for row in current]),
        numbers([place for place, row in enumerate(current, 1) for _ in row.across]),
        numbers([hashed for row in current for hashed in row.across]),
        *told.parameters,
    )


AFTER_NEW: Final = 13


# Patients who bear a number of somebody who objects: their records are behind the veil from the first.
_BEHIND_VEILS: Final = """, veiled AS (
            INSERT INTO veil (patient, objection, sections, source, organisation, rule, says, places)
            SELECT DISTINCT new.id, objection, sections, objector.source, objector.organisation, rule, says, places
              FROM unnest($11::text::bigint[], $12::text::bigint[]) AS wide (place, hash)
              JOIN objector USING (hash)
              JOIN new USING (place)
             WHERE new.type = 'Patient'
            ON CONFLICT DO NOTHING
        )
        """


@cache
def _new(told: str) -> str:
    return f"""
        WITH new AS MATERIALIZED (
            SELECT *
              FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::timestamptz[], $5::text::text[], $6::bytea[],
                          $7::timestamptz[], $8::text::smallint[], $9::text::text[], $10::text::text[])
                   WITH ORDINALITY
                   AS told (patient, type, id, at, organisation, body, when_at, confidential, source, tokens, place)
        ), addressed AS (
            INSERT INTO address (type, id, patient)
            SELECT type, id, patient FROM new
        ), written AS (
            INSERT INTO version (patient, type, id, version, at, method, organisation, body, when_at, confidential, source)
            SELECT patient, type, id, 1, at, 'C', organisation, body, when_at, confidential, source FROM new
        ), indexed AS (
            INSERT INTO held (patient, type, id, version, at, when_at, confidential, tokens)
            SELECT patient, type, id, 1, at, when_at, confidential, tokens::bigint[] FROM new
        ), found_across AS (
            INSERT INTO across (hash, patient, type, id)
            SELECT hash, patient, type, id
              FROM unnest($11::text::bigint[], $12::text::bigint[]) AS wide (place, hash)
              JOIN new USING (place)
        ) {told}"""  # noqa: S608


async def put_current(db: Connection, rows: Sequence[Current]) -> None:
    """Their index rows; those that stood there are dropped first."""
    if not rows:
        return
    await db.copy_records_to_table(
        "held",
        records=[
            (row.patient, row.type, row.id, row.version, row.at, row.when_at, row.confidential, row.tokens) for row in rows
        ],
        columns=("patient", "type", "id", "version", "at", "when_at", "confidential", "tokens"),
    )
    wide = [(hashed, row.patient, row.type, row.id) for row in rows for hashed in row.across]
    if wide:
        wide.sort()  # rows that lie side by side in the index come one after the other: a seventh less to do for PostgreSQL
        await db.copy_records_to_table("across", records=wide, columns=("hash", "patient", "type", "id"))
    if people := [(row.id, hashed) for row in rows if row.type == "Patient" for hashed in row.across]:
        await veils.know(db, people)


async def drop_current(db: Connection, keys: Sequence[Key]) -> None:
    if not keys:
        return
    told = by_column(keys, 3)
    await db.execute(
        """
        DELETE FROM held
         WHERE (patient, type, id) IN (SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]))
        """,
        *told,
    )
    await db.execute(DROP_ACROSS, *told)


# By the id, one after the other: a planner that has never counted the table believes that a hundred rows bear it, and reads all.
DROP_ACROSS: Final = """
    DELETE FROM across
     WHERE ctid = ANY (ARRAY (SELECT found.at
                                FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS told (patient, type, id)
                               CROSS JOIN LATERAL (SELECT ctid AS at
                                                     FROM across
                                                    WHERE (patient, type, id) = (told.patient, told.type, told.id)
                                                   OFFSET 0) AS found))
"""


async def depart(db: Connection, rows: Sequence[Left]) -> None:
    if not rows:
        return
    await db.execute(
        """
        INSERT INTO departure (patient, type, id, source, at)
        SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[], $5::timestamptz[])
        ON CONFLICT (patient, type, id) DO UPDATE SET source = excluded.source, at = excluded.at
        """,
        *by_column([(row.patient, row.type, row.id, row.source) for row in rows], 4),
        [row.at for row in rows],
    )


async def add_aside(
    db: Connection, rows: Sequence[tuple[str, UUID, datetime, str]], client: str, organisation: str, request: str,
    issues: bytes, bodies: Sequence[bytes],
) -> None:  # fmt: skip
    await db.copy_records_to_table(
        "aside",
        records=[(*row, client, organisation, request, issues, body) for row, body in zip(rows, bodies, strict=True)],
        columns=("patient", "id", "at", "type", "client", "organisation", "request", "issues", "body"),
    )


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


def columns(rows: Sequence[tuple[str, ...]], many: int) -> list[list[str]]:
    return [[row[place] for row in rows] for place in range(many)]
