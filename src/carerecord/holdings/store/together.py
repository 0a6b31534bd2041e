"""What stands in the tables now, for many questions in one statement? Each is answered as if it had been asked alone.

Each question is a row, answered by nested look-ups (`OFFSET 0` keeps the planner from any other way): what one costs
does not depend on how many people there are, nor on who asks beside it. The planner cannot count them: arrays stand in
sub-selects, and questions with groups of unequal length come as JSON. Else it would plan anew for every length, which costs five
times the answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.looking import COLUMNS, LABELLED, ROW, SAID
from carerecord.kit.db import Database, Record
from carerecord.kit.question import encode

MOST_GROUPS: Final = 4  # of hashes, in one question
Group = Sequence[int]


class Look(NamedTuple):
    """The last version of a type and id, unless it is more confidential; and the line that tells of it, in JSON: what stands
    before the records touched, and what after them, where it is shown and where it is not."""

    type: str
    id: str
    most_confidential: int
    begun: bytes
    shown: bytes
    refused: bytes
    veiled_for: str | None = None  # the organisation that asks, where objections count


class InRecord(NamedTuple):
    """Versions of a type in one record that bear one hash of each group, newest first; `beside` them, at the end, the last
    version of the Patient whose record it is, a deletion too, and however confidential."""

    patient: str
    type: str
    groups: Sequence[Group]
    most_confidential: int
    many: int
    beside: bool = False


class Across(NamedTuple):
    """Of whom every group of hashes says one, by record and id, beginning after a place."""

    type: str
    groups: Sequence[Group]
    most_confidential: int
    many: int


_WHOSE: Final = """

                               UNION ALL
                              SELECT lies.patient, lies.type, lies.id, last.version, '-infinity'
                                FROM address AS lies
                               CROSS JOIN LATERAL (SELECT max(version) AS version
                                                     FROM version
                                                    WHERE (patient, type, id) = (lies.patient, lies.type, lies.id)) AS last
                               WHERE asked.beside
                                 AND (lies.type, lies.id, lies.patient) = ('Patient', asked.patient, asked.patient)"""


class Reached(NamedTuple):
    """How many keys there were, and those of them that may be seen."""

    keys: tuple[tuple[str, str], ...]  # patient, id
    rows: tuple[Row, ...]


async def last_of_each(db: Database, asked: Sequence[tuple[str, str]]) -> list[Row | None]:
    """The last version of each type and id, wherever it lies: a deletion too, and however confidential."""
    rows = await db.fetch(
        f"""
        SELECT {ROW}, asked.place
          FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) WITH ORDINALITY AS asked (type, id, place)
         CROSS JOIN LATERAL (SELECT patient
                               FROM address
                              WHERE address.type = asked.type AND address.id = asked.id
                             OFFSET 0) AS lies
         CROSS JOIN LATERAL (SELECT *
                               FROM version
                              WHERE (patient, type, id) = (lies.patient, asked.type, asked.id)
                              ORDER BY version DESC
                              LIMIT 1) AS version
        """,  # noqa: S608
        [type_ for type_, _ in asked],
        [id_ for _, id_ in asked],
    )
    found: list[Row | None] = [None] * len(asked)
    for row in rows:
        found[row["place"] - 1] = _row(row)
    return found


async def looked_at(db: Database, asked: Sequence[Look], now: datetime) -> list[Row | None]:
    """What each may see, and in the same transaction the line of each in the outbox: there is none without the other.

    None: there is no such resource, or it is too confidential. Of what lies behind a veil no line is written: whether it is shown
    is for its body, and whoever looks there tells of it. Where the connection is lost as the answer comes, a line may stand
    there twice, as the question was asked twice.
    """
    rows = await db.fetch(
        f"""
        WITH asked AS MATERIALIZED (
            SELECT *
              FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::int[]), (SELECT $4::bytea[]),
                          (SELECT $5::bytea[]), (SELECT $6::bytea[]), (SELECT $8::bool[]))
                   WITH ORDINALITY AS asked (type, id, most_confidential, begun, shown, refused, minds, place)
        ), found AS MATERIALIZED (
            SELECT {ROW}, asked.place, version.confidential <= asked.most_confidential AS seen, asked.minds
              FROM asked
             CROSS JOIN LATERAL (SELECT patient
                                   FROM address
                                  WHERE address.type = asked.type AND address.id = asked.id
                                 OFFSET 0) AS lies
             CROSS JOIN LATERAL (SELECT *
                                   FROM version
                                  WHERE (patient, type, id) = (lies.patient, asked.type, asked.id)
                                  ORDER BY version DESC
                                  LIMIT 1) AS version
        ), told AS (
            INSERT INTO outbox (event, kind, at, body)
            SELECT gen_random_uuid(), 'Line', $7,
                   asked.begun
                   || CASE WHEN found.patient IS NULL OR starts_with(found.patient, 'of:') THEN '[]'::bytea
                           ELSE convert_to(json_build_array(found.patient)::text, 'UTF8') END
                   || CASE WHEN found.seen THEN asked.shown ELSE asked.refused END
              FROM asked
              LEFT JOIN found USING (place)
             WHERE NOT coalesce(found.veiled AND found.minds, false)
             ORDER BY place
        )
        SELECT * FROM found WHERE seen OR (veiled AND minds)
        """,  # noqa: S608
        [each.type for each in asked],
        [each.id for each in asked],
        [each.most_confidential for each in asked],
        [each.begun for each in asked],
        [each.shown for each in asked],
        [each.refused for each in asked],
        now,
        [each.veiled_for is not None for each in asked],
    )
    found: list[Row | None] = [None] * len(asked)
    for row in rows:
        found[row["place"] - 1] = _row(row)
    return found


async def in_record_of_each(db: Database, asked: Sequence[InRecord]) -> list[tuple[Row, ...]]:
    names = _names(asked)
    narrowed = "".join(f"\n AND (asked.{name} IS NULL OR tokens && asked.{name})" for name in names)
    rows = await db.fetch(
        f"""
        SELECT {SAID}, over.veiled OR {LABELLED} AS veiled, asked.place
          FROM {_rows("patient text, type text, most_confidential int, many int, beside bool", names)}
         CROSS JOIN LATERAL (SELECT (SELECT true FROM veil WHERE veil.patient = asked.patient LIMIT 1) IS NOT NULL AS veiled
                             OFFSET 0) AS over  -- of the record once, not of each row
         CROSS JOIN LATERAL ((SELECT patient, type, id, version, when_at
                                FROM held
                               WHERE held.patient = asked.patient AND held.type = asked.type
                                 AND confidential <= asked.most_confidential{narrowed}
                               ORDER BY when_at DESC, id
                               LIMIT asked.many){_WHOSE if any(each.beside for each in asked) else ""}) AS found
         CROSS JOIN LATERAL (SELECT *
                               FROM version
                              WHERE (patient, type, id, version) = (found.patient, found.type, found.id, found.version)
                             OFFSET 0) AS version
         ORDER BY asked.place, found.when_at DESC, found.id
        """,  # noqa: S608
        _told(asked),
    )
    found: list[list[Row]] = [[] for _ in asked]
    for row in rows:
        found[row["place"] - 1].append(_row(row))
    return [tuple(each) for each in found]


async def across_of_each(db: Database, asked: Sequence[Across]) -> list[Reached]:
    names = _names(asked)
    others = "".join(
        f"""
           AND (asked.{name} IS NULL
                OR EXISTS (SELECT
                             FROM across AS other
                            WHERE other.hash = ANY (asked.{name})
                              AND (other.patient, other.type, other.id) = (across.patient, across.type, across.id)))"""  # noqa: S608
        for name in names[1:]
    )
    rows = await db.fetch(
        f"""
        SELECT {ROW}, asked.place, found.patient AS whose, found.id AS which
          FROM {_rows("type text, most_confidential int, many int", names)}
         CROSS JOIN LATERAL (SELECT DISTINCT patient, id
                               FROM (SELECT patient, id
                                       FROM across
                                      WHERE hash = ANY (asked.g1) AND type = asked.type{others}
                                     OFFSET 0) AS said  -- or it would go through everybody for the sake of the order
                              ORDER BY patient, id
                              LIMIT asked.many) AS found
          LEFT JOIN LATERAL (SELECT version.*
                               FROM held
                               JOIN version USING (patient, type, id, version)
                              WHERE (held.patient, held.type, held.id) = (found.patient, asked.type, found.id)
                                AND held.confidential <= asked.most_confidential
                             OFFSET 0) AS version ON true
         ORDER BY asked.place, found.patient, found.id
        """,  # noqa: S608
        _told(asked),
    )
    keys: list[list[tuple[str, str]]] = [[] for _ in asked]
    found: list[list[Row]] = [[] for _ in asked]
    for row in rows:
        keys[row["place"] - 1].append((row["whose"], row["which"]))
        if row["patient"] is not None:
            found[row["place"] - 1].append(_row(row))
    return [Reached(tuple(key), tuple(rows)) for key, rows in zip(keys, found, strict=True)]


def _names(asked: Sequence[InRecord] | Sequence[Across]) -> list[str]:
    """A column for each group of the question that has most."""
    return [f"g{place}" for place in range(1, max(len(each.groups) for each in asked) + 1)]


def _rows(shape: str, groups: Sequence[str]) -> str:
    """The questions as rows, out of the one parameter."""
    columns = ", ".join([shape, *(f"{name} bigint[]" for name in groups)])
    names = ", ".join([each.split()[0] for each in columns.split(", ")])
    return f"ROWS FROM (json_to_recordset($1::json) AS ({columns})) WITH ORDINALITY AS asked ({names}, place)"


def _told(asked: Sequence[InRecord] | Sequence[Across]) -> str:
    rows = []
    for each in asked:
        row = each._asdict()
        row |= {f"g{place}": group for place, group in enumerate(row.pop("groups"), 1)}
        rows.append(row)
    return encode(rows).decode()


def _row(row: Record) -> Row:
    return Row(*row[:COLUMNS])
