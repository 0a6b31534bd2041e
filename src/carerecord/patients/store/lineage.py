"""What did sources say of two of their numbers, and how did a set come to be as it is?"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from carerecord.kit.db import Connection, Database
from carerecord.patients.linking import TOLD

_WAITS: Final = " waits"  # behind a kind: a source has said so, and a human looks first
WAITING: Final = ("merge" + _WAITS, "link" + _WAITS)


class Waiting(Struct, frozen=True):
    """What a source has said of two entries, and a human is asked about."""

    gone: str
    into: str
    kind: str  # merge | link
    recorded_at: datetime
    message: str


class Said(Struct, frozen=True):
    """The last instruction about two entries."""

    gone: str
    into: str
    kind: str
    recorded_at: datetime
    done_at: datetime
    moved: tuple[str, ...]
    former: tuple[str, ...]


async def record(db: Connection, stamps: Sequence[tuple[str, datetime, datetime | None]]) -> None:
    """When sources last recorded what they state, and since when they have, where they say so."""
    await db.execute(
        """
        UPDATE patient SET recorded_at = told.at, changed_at = coalesce(told.since, changed_at)
          FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS told (id, at, since)
         WHERE patient.id = told.id
        """,
        [patient for patient, _, _ in stamps],
        [at for _, at, _ in stamps],
        [since for _, _, since in stamps],
    )


async def survivors(db: Database, patients: Iterable[str]) -> dict[str, str]:
    """For each id that was merged into another: the one that stands for it now, along the whole chain."""
    rows = await db.fetch(
        """
        WITH RECURSIVE chain AS (
            SELECT gone, into_id, 1 AS depth FROM merge WHERE gone = ANY ($1) AND kind = 'merge'
            UNION
            SELECT chain.gone, merge.into_id, depth + 1
              FROM chain
              JOIN merge ON merge.gone = chain.into_id AND merge.kind = 'merge'
             WHERE depth < 50
        )
        SELECT DISTINCT ON (gone) gone, into_id FROM chain ORDER BY gone, depth DESC
        """,
        list(patients),
    )
    return {row["gone"]: row["into_id"] for row in rows}


async def next_of(db: Database, patient: str) -> str:
    """Into which this one was merged, one step; "" where it stands for itself."""
    return await db.fetchval("SELECT into_id FROM merge WHERE gone = $1 AND kind = 'merge'", patient) or ""


async def said(db: Database, one: str, other: str) -> list[Said]:
    """About these two, either way round."""
    rows = await db.fetch(
        """
        SELECT gone, into_id, kind, recorded_at, done_at, moved, former FROM merge
         WHERE (gone = $1 AND into_id = $2) OR (gone = $2 AND into_id = $1)
        """,
        one,
        other,
    )
    return [
        Said(
            row["gone"], row["into_id"], row["kind"], row["recorded_at"], row["done_at"],
            tuple(row["moved"]), tuple(row["former"]),
        )
        for row in rows
    ]  # fmt: skip


async def say(
    db: Connection, gone: str, into: str, kind: str, recorded_at: datetime, now: datetime, message: str,
    moved: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    await db.execute(
        """
        INSERT INTO merge (gone, into_id, kind, recorded_at, done_at, message, moved, former)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (gone, into_id) DO UPDATE
           SET kind = excluded.kind, recorded_at = excluded.recorded_at, done_at = excluded.done_at, message = excluded.message,
               moved = excluded.moved, former = excluded.former, ended_at = NULL
        """,
        gone,
        into,
        kind,
        recorded_at,
        now,
        message,
        [patient for patient, _ in moved],
        [person for _, person in moved],
    )


async def end(db: Connection, gone: str, at: datetime, into: str = "", until: datetime | None = None) -> None:
    """From `at` on `gone` stands for itself, or is at least not stood for by `into`, or by whom it was merged into `until` then;
    its set stays as it is."""
    await db.execute(
        """
        UPDATE merge
           SET kind = 'link', ended_at = $2
         WHERE gone = $1 AND kind = 'merge' AND $3 IN ('', into_id) AND ($4::timestamptz IS NULL OR recorded_at <= $4)
        """,
        gone,
        at,
        into,
        until,
    )


async def merge(
    db: Connection, gone: str, into: str, recorded_at: datetime, now: datetime, message: str, moved: Sequence[tuple[str, str]]
) -> None:
    """Who stands for whom is as merges were recorded, in whatever order they come, and whoever had to decide of one first.

    Whoever is named as the survivor stands for itself from then on: so no chain closes into a ring. One that comes late ended
    when the later one was done: with that taken back it holds.
    """
    overtaken_at = await _overtaken_at(db, gone, recorded_at)
    await end(db, into, now, until=recorded_at)
    await end(db, gone, now, until=recorded_at)
    await say(db, gone, into, "merge", recorded_at, now, message, moved)
    if overtaken_at:
        await end(db, gone, overtaken_at, into)


async def _overtaken_at(db: Connection, gone: str, when: datetime) -> datetime | None:
    """When the first merge that was recorded later and names it was done: it stands as that one says, or for itself. None where
    there is none."""
    found: datetime | None = await db.fetchval(
        """
        SELECT done_at
          FROM merge
         WHERE $1 IN (gone, into_id)
           AND recorded_at > $2
           AND (kind = 'merge' OR ended_at IS NOT NULL)
         ORDER BY recorded_at, done_at
         LIMIT 1
        """,
        gone,
        when,
    )
    return found


async def end_across(db: Connection, moved: Sequence[str], now: datetime) -> None:
    """Nobody stands for a number of somebody else: whoever moved these has parted some from those that stood for them."""
    await db.execute(
        """
        UPDATE merge
           SET kind = 'link', ended_at = $2
          FROM (SELECT gone, into_id FROM merge WHERE gone = ANY ($1) AND kind = 'merge'
                 UNION
                SELECT gone, into_id FROM merge WHERE into_id = ANY ($1) AND kind = 'merge') AS told
          JOIN link AS mine   ON mine.patient   = told.gone    AND mine.until   IS NULL
          JOIN link AS theirs ON theirs.patient = told.into_id AND theirs.until IS NULL
         WHERE mine.person <> theirs.person
           AND merge.gone = told.gone
           AND merge.into_id = told.into_id
        """,
        list(moved),
        now,
    )


async def across(db: Database) -> list[str]:
    """Numbers for which one of somebody else stands."""
    rows = await db.fetch(
        """
        SELECT gone
          FROM merge
          JOIN link AS mine   ON mine.patient   = gone    AND mine.until   IS NULL
          JOIN link AS theirs ON theirs.patient = into_id AND theirs.until IS NULL
         WHERE kind = 'merge'
           AND mine.person <> theirs.person
        """
    )
    return [row["gone"] for row in rows]


async def hold_again(db: Connection, at: datetime) -> None:
    """What ended at that moment holds as before, where its two are one person still and nothing has been said since."""
    rows = await db.fetch(
        """
        SELECT gone, into_id
          FROM merge
          JOIN link AS mine   ON mine.patient   = gone    AND mine.until   IS NULL
          JOIN link AS theirs ON theirs.patient = into_id AND theirs.until IS NULL
         WHERE ended_at = $1
           AND kind = 'link'
           AND mine.person = theirs.person
           AND NOT EXISTS (SELECT FROM merge AS since WHERE since.gone = merge.gone AND since.kind = 'merge')
         ORDER BY recorded_at, gone, into_id
        """,
        at,
    )
    for gone, into in rows:
        stands = await survivors(db, [gone, into])
        if gone not in stands and stands.get(into, into) != gone:  # neither one restored just now, nor a ring
            told = "UPDATE merge SET kind = 'merge', ended_at = NULL WHERE gone = $1 AND into_id = $2"
            await db.execute(told, gone, into)


async def followers(db: Database, patients: Iterable[str]) -> dict[str, str]:
    """Whom one of these stands for, along the whole chain, and which: where that one goes, they go too."""
    rows = await db.fetch(
        """
        WITH RECURSIVE chain AS (
            SELECT gone, into_id FROM merge WHERE into_id = ANY ($1) AND gone <> ALL ($1) AND kind = 'merge'
            UNION
            SELECT follower.gone, chain.into_id
              FROM chain
             CROSS JOIN LATERAL (SELECT gone FROM merge WHERE into_id = chain.gone AND kind = 'merge' OFFSET 0) AS follower
             WHERE follower.gone <> ALL ($1)
        )
        SELECT gone, into_id FROM chain
        """,
        list(patients),
    )
    return {row["gone"]: row["into_id"] for row in rows}


async def merged_with(db: Database, patients: Iterable[str], but: Iterable[str]) -> dict[str, str]:
    """Who is one with these by merges in force, whichever stands for the other, and by none that leads through `but`; and with
    which of them."""
    rows = await db.fetch(
        """
        WITH RECURSIVE beside AS (
            SELECT id AS patient, id AS root FROM unnest($1::text[]) AS told (id)
            UNION
            SELECT other, root
              FROM beside
             CROSS JOIN LATERAL (SELECT into_id FROM merge WHERE gone = beside.patient AND kind = 'merge'
                                  UNION ALL
                                 SELECT gone FROM merge WHERE into_id = beside.patient AND kind = 'merge') AS one (other)
             WHERE other <> ALL ($1)
               AND other <> ALL ($2)
        )
        SELECT patient, min(root) AS root FROM beside WHERE patient <> ALL ($1) GROUP BY patient
        """,
        list(patients),
        list(but),
    )
    return {row["patient"]: row["root"] for row in rows}


async def wait(db: Connection, gone: str, into: str, kind: str, recorded_at: datetime, now: datetime, message: str) -> None:
    """A source has said this, and nothing comes of it before a human has decided. The last that it said of the two waits."""
    await wait_no_more(db, gone, into)
    await say(db, gone, into, kind + _WAITS, recorded_at, now, message, ())


async def wait_no_more(db: Connection, one: str, other: str) -> None:
    await db.execute(
        "DELETE FROM merge WHERE kind LIKE '%' || $3 AND ((gone = $1 AND into_id = $2) OR (gone = $2 AND into_id = $1))",
        one,
        other,
        _WAITS,
    )


async def waiting(db: Database, left: Sequence[str], right: Sequence[str]) -> list[Waiting]:
    """What waits between one of these and one of those, as it was recorded."""
    rows = await db.fetch(
        """
        SELECT gone, into_id, replace(kind, $3, '') AS kind, recorded_at, message
          FROM merge
         WHERE kind LIKE '%' || $3
           AND ((gone = ANY ($1) AND into_id = ANY ($2)) OR (gone = ANY ($2) AND into_id = ANY ($1)))
         ORDER BY recorded_at, gone, into_id
        """,
        list(left),
        list(right),
        _WAITS,
    )
    return [Waiting(*row) for row in rows]


async def wait_again(db: Connection, patients: Sequence[str], at: datetime) -> None:
    """What a decision of that moment let happen waits as before; what somebody said then that no source had told is unsaid."""
    await db.execute(
        """
        WITH told AS (
            SELECT gone, into_id,
                   EXISTS (SELECT
                             FROM review
                            WHERE one = least(gone, into_id)
                              AND other = greatest(gone, into_id)
                              AND closed_at IS NULL
                              AND conflicts && $4
                          ) AS asked
              FROM merge
             WHERE gone = ANY ($1)
               AND into_id = ANY ($1)
               AND done_at = $2
               AND kind IN ('merge', 'link')
        ), unsaid AS (
            DELETE FROM merge USING told WHERE merge.gone = told.gone AND merge.into_id = told.into_id AND NOT asked
        )
        UPDATE merge
           SET kind = CASE WHEN ended_at IS NULL THEN kind ELSE 'merge' END || $3, moved = '{}', former = '{}', ended_at = NULL
          FROM told
         WHERE merge.gone = told.gone
           AND merge.into_id = told.into_id
           AND asked
        """,
        list(patients),
        at,
        _WAITS,
        TOLD,
    )


async def explain(db: Connection, patients: Sequence[str], now: datetime, message: str, by: str) -> None:
    """Why the rows of `link` that were opened now were opened."""
    await db.execute(
        "UPDATE link SET message = $3, said_by = $4 WHERE patient = ANY ($1) AND since = $2 AND until IS NULL",
        list(patients),
        now,
        message,
        by,
    )


async def steps(db: Database, patient: str) -> list[tuple[datetime, str, str, list[str], str, str]]:
    """(at, id, because, who were one person from then on, message, by) of every set that this id's people were in, in order;
    and where those went who left one."""
    rows = await db.fetch(
        """
        WITH people AS (
            SELECT DISTINCT person FROM link WHERE patient = $1
        ), theirs AS (
            SELECT link.* FROM people JOIN link USING (person) WHERE until IS NULL
             UNION ALL
            SELECT link.* FROM people JOIN link USING (person) WHERE until IS NOT NULL
        ), step AS (
            SELECT * FROM theirs
             UNION
            SELECT hence.* FROM theirs JOIN link AS hence ON hence.patient = theirs.patient AND hence.since = theirs.until
        )
        SELECT l.since, l.patient, l.because, l.message, l.said_by,
               (SELECT array_agg(mate.patient ORDER BY mate.first)
                  FROM (SELECT patient, min(id) AS first
                          FROM (SELECT patient, id FROM link WHERE person = l.person AND since <= l.since AND until IS NULL
                                 UNION ALL
                                SELECT patient, id FROM link WHERE person = l.person AND since <= l.since AND until > l.since)
                            AS there
                         GROUP BY patient) AS mate) AS together
          FROM step AS l
         ORDER BY l.since, l.id
        """,
        patient,
    )
    return [
        (row["since"], row["patient"], row["because"], row["together"] or [row["patient"]], row["message"], row["said_by"])
        for row in rows
    ]
