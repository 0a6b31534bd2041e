"""The pointers, led by the person's id: where somebody's information lies is one range."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from carerecord.contracts.locator import Pointer, Seen, Sweep
from carerecord.kit.clock import stamp
from carerecord.kit.db import Database
from carerecord.kit.question import encode


async def pointers_for(db: Database, person: Iterable[str]) -> tuple[tuple[Pointer, ...], bool]:
    """By source, then as the source numbers; and whether copies of anything are kept, of anybody at all."""
    rows = await db.fetch(
        """
        SELECT source, local_id, patient, sections, empty, seen_at, enrolled_at, EXISTS (SELECT FROM copied)
          FROM pointer
         WHERE patient = ANY ($1)
         ORDER BY source, local_id, patient
        """,
        list(person),
    )
    pointers = tuple(
        [
            Pointer(
                source, local_id, patient, tuple(sections), tuple(empty),
                stamp(seen_at) if seen_at else "", stamp(enrolled_at) if enrolled_at else "",
            )
            for source, local_id, patient, sections, empty, seen_at, enrolled_at, _ in rows
        ]
    )  # fmt: skip
    return pointers, bool(rows) and rows[0]["exists"]


async def learn(db: Database, pointers: Sequence[Pointer], now: datetime) -> int:
    """These sources know these people; what they hold is not touched. Returns how many pointers are new."""
    done = await db.execute(
        """
        INSERT INTO pointer (patient, source, local_id, enrolled_at)
        SELECT DISTINCT patient, source, local_id, $4::timestamptz
          FROM unnest($1::text[], $2::text[], $3::text[]) AS told (patient, source, local_id)
         ORDER BY patient, source, local_id
        ON CONFLICT (patient, source, local_id) DO NOTHING
        """,
        [pointer.patient for pointer in pointers],
        [pointer.source for pointer in pointers],
        [pointer.local_id for pointer in pointers],
        now,
    )
    return int(done.rsplit(" ", 1)[1])


async def forget(db: Database, pointers: Sequence[Pointer]) -> None:
    """These sources know these people no more."""
    await db.execute(
        """
        DELETE FROM pointer
         USING unnest($1::text[], $2::text[]) AS gone (source, local_id)
         WHERE (pointer.source, pointer.local_id) = (gone.source, gone.local_id)
        """,
        [pointer.source for pointer in pointers],
        [pointer.local_id for pointer in pointers],
    )


async def seen(db: Database, answers: Sequence[Seen]) -> int:
    """What sources held when they answered, and how those did that had been left out. One statement; returns pointers kept.

    Only the sections that were asked for are said anew: one that held something is held, one that held nothing is empty, any
    other stays as it was. Most often nothing has changed, and no set is made. An answer older than what stands here changes
    nothing. A source that knows nobody by that person (no local id) becomes no pointer, and counts for the sweep.
    """
    done = await db.execute(
        """
        WITH told AS (
            SELECT patient, source, local_id, sections, empty, at, was_skipped AS skipped
              FROM json_to_recordset($1)
                   AS told (patient text, source text, local_id text, sections text[], empty text[], at timestamptz,
                            was_skipped boolean)
        ), swept AS (
            INSERT INTO sweep (day, asked, held)
            SELECT at::date, count(*), count(*) FILTER (WHERE cardinality(sections) > 0)
              FROM told
             WHERE skipped
             GROUP BY at::date
             ORDER BY at::date
            ON CONFLICT (day) DO UPDATE
               SET asked = sweep.asked + excluded.asked, held = sweep.held + excluded.held
        ), latest AS (
            SELECT DISTINCT ON (patient, source, local_id) *
              FROM told
             WHERE local_id <> ''
             ORDER BY patient, source, local_id, at DESC
        )
        INSERT INTO pointer (patient, source, local_id, sections, empty, seen_at)
        SELECT patient, source, local_id, sections, empty, at FROM latest
        ON CONFLICT (patient, source, local_id) DO UPDATE
           SET sections = CASE WHEN excluded.sections <@ pointer.sections AND NOT excluded.empty && pointer.sections
                               THEN pointer.sections
                               ELSE ARRAY (SELECT unnest(excluded.sections)
                                            UNION
                                           SELECT unnest(pointer.sections) EXCEPT SELECT unnest(excluded.empty)
                                            ORDER BY 1) END,
               empty    = CASE WHEN excluded.empty <@ pointer.empty AND NOT excluded.sections && pointer.empty
                               THEN pointer.empty
                               ELSE ARRAY (SELECT unnest(excluded.empty)
                                            UNION
                                           SELECT unnest(pointer.empty) EXCEPT SELECT unnest(excluded.sections)
                                            ORDER BY 1) END,
               seen_at  = excluded.seen_at
         WHERE pointer.seen_at IS NULL OR pointer.seen_at <= excluded.seen_at
        """,
        encode(answers).decode(),  # one text: asyncpg looks at each element of an array, and an opening tells three hundred
    )
    return int(done.rsplit(" ", 1)[1])


async def add_copies(db: Database, copies: Iterable[tuple[str, str]], at: datetime) -> None:
    """Resources of these types came to be kept under these ids; what came later stays."""
    rows = sorted(set(copies))
    await db.execute(
        """
        INSERT INTO copied AS known (patient, type, at)
        SELECT patient, type, $3::timestamptz
          FROM unnest($1::text[], $2::text[]) AS told (patient, type)
         ORDER BY patient, type
        ON CONFLICT (patient, type) DO UPDATE
           SET at = excluded.at
         WHERE known.at < excluded.at
        """,
        [patient for patient, _ in rows],
        [type_ for _, type_ in rows],
        at,
    )


async def copies_of(db: Database, patients: Sequence[str]) -> dict[str, dict[str, datetime]]:
    """By id, when the newest of each type came."""
    found: dict[str, dict[str, datetime]] = {}
    for patient, type_, at in await db.fetch("SELECT patient, type, at FROM copied WHERE patient = ANY ($1)", list(patients)):
        found.setdefault(patient, {})[type_] = at
    return found


async def swept(db: Database) -> Sweep:
    """Over all days kept; `since` is the first of them."""
    row = await db.fetchrow(
        "SELECT coalesce(sum(asked), 0) AS asked, coalesce(sum(held), 0) AS held, min(day) AS since FROM sweep"
    )
    if row is None or row["since"] is None:
        return Sweep(0, 0, "")
    return Sweep(int(row["asked"]), int(row["held"]), row["since"].isoformat())
