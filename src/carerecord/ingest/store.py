"""How far has each source been gone through, what could not be read, and which numbers wait to be traced?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from carerecord.contracts.ingest import Enrolment
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection, Database

HOLD = timedelta(seconds=90)  # longer than a page may take; a worker that is killed frees what it held after this


class Taken(Struct, frozen=True):
    """One source in the hand of one worker."""

    source: str
    next: str
    since: str
    began: str
    failures: int


class Counted(Struct, frozen=True):
    """What one page brought."""

    seen: int = 0
    new: int = 0
    linked: int = 0
    changed: int = 0
    unchanged: int = 0
    review: int = 0
    unreadable: int = 0


async def want(db: Database, source: str, now: datetime, *, whole: bool) -> None:
    """Ask for a run. One that is under way or stopped half-way goes on from its checkpoint; else a new one begins.

    `whole`: everybody, not only what changed since the last run that came to the end.
    """
    await db.execute(
        """
        INSERT INTO enrolment (source, state, asked_at, held_until, began)
        VALUES ($1, 'waiting', $2, $2, $3)
        ON CONFLICT (source) DO UPDATE
           SET state = 'waiting', says = '', failures = 0, asked_at = $2, held_until = $2, owner = '',
               since = CASE WHEN enrolment.next <> '' THEN enrolment.since WHEN $4 THEN '' ELSE enrolment.whole_until END,
               began = CASE WHEN enrolment.next <> '' THEN enrolment.began ELSE $3 END,
               started_at = CASE WHEN enrolment.next <> '' THEN enrolment.started_at END,
               ended_at = NULL,
               seen = CASE WHEN enrolment.next <> '' THEN enrolment.seen ELSE 0 END,
               new = CASE WHEN enrolment.next <> '' THEN enrolment.new ELSE 0 END,
               linked = CASE WHEN enrolment.next <> '' THEN enrolment.linked ELSE 0 END,
               changed = CASE WHEN enrolment.next <> '' THEN enrolment.changed ELSE 0 END,
               unchanged = CASE WHEN enrolment.next <> '' THEN enrolment.unchanged ELSE 0 END,
               review = CASE WHEN enrolment.next <> '' THEN enrolment.review ELSE 0 END,
               unreadable = CASE WHEN enrolment.next <> '' THEN enrolment.unreadable ELSE 0 END
         WHERE enrolment.state NOT IN ('waiting', 'running')
        """,
        source,
        now,
        stamp(now),
        whole,
    )


async def due(db: Database, sources: Sequence[str], every_s: Sequence[float], now: datetime) -> tuple[str, ...]:
    """Of these sources, those whose last run ended longer ago than its interval, or that never ran."""
    rows = await db.fetch(
        """
        SELECT scheduled.source
          FROM unnest($1::text[], $2::float8[]) AS scheduled (source, every_s)
          LEFT JOIN enrolment ON enrolment.source = scheduled.source
         WHERE enrolment.source IS NULL
            OR (enrolment.state IN ('done', 'failed') AND enrolment.ended_at + make_interval(secs => every_s) <= $3)
        """,
        list(sources),
        list(every_s),
        now,
    )
    return tuple(row["source"] for row in rows)


async def take(db: Database, owner: str, most: int, now: datetime) -> tuple[Taken, ...]:
    """Take what waits, and what a worker let fall, into the hand of `owner`."""
    rows = await db.fetch(
        """
        UPDATE enrolment
           SET state = 'running', owner = $1, held_until = $2, started_at = coalesce(started_at, $3)
         WHERE source IN (SELECT source
                            FROM enrolment
                           WHERE state IN ('waiting', 'running')
                             AND held_until <= $3
                           ORDER BY asked_at, source
                           LIMIT $4
                             FOR UPDATE SKIP LOCKED)
        RETURNING source, next, since, began, failures
        """,
        owner,
        now + HOLD,
        now,
        most,
    )
    return tuple(Taken(row["source"], row["next"], row["since"], row["began"], row["failures"]) for row in rows)


async def checkpoint(db: Connection, owner: str, source: str, following: str, counted: Counted, now: datetime) -> bool:
    """The page is done and counted; the next is `following`. False: the run is in another hand, so this page was theirs."""
    done = await db.execute(
        """
        UPDATE enrolment
           SET next = $3, held_until = $4, failures = 0, says = '',
               seen = seen + $5, new = new + $6, linked = linked + $7, changed = changed + $8, unchanged = unchanged + $9,
               review = review + $10, unreadable = unreadable + $11
         WHERE source = $1
           AND owner = $2
           AND state = 'running'
        """,
        source,
        owner,
        following,
        now + HOLD,
        counted.seen,
        counted.new,
        counted.linked,
        counted.changed,
        counted.unchanged,
        counted.review,
        counted.unreadable,
    )
    return done == "UPDATE 1"


async def finish(db: Connection, owner: str, source: str, now: datetime) -> None:
    """The run came to the end: the next one may ask for what changed since this one began."""
    await db.execute(
        """
        UPDATE enrolment
           SET state = 'done', next = '', owner = '', whole_until = began, ended_at = $3, held_until = $3
         WHERE source = $1
           AND owner = $2
        """,
        source,
        owner,
        now,
    )


async def let_go(
    db: Database, owner: str, source: str, state: str, now: datetime, *, says: str = "", until: datetime, anew: bool = False
) -> None:
    """Not done: `waiting` to be taken up again at `until`, or `failed`, and why. `anew`: from the first page, counted anew."""
    await db.execute(
        """
        UPDATE enrolment
           SET state = $3, owner = '', says = $5, held_until = $6,
               failures = failures + CASE WHEN $5 = '' THEN 0 ELSE 1 END,
               ended_at = CASE WHEN $3 = 'failed' THEN $4::timestamptz END,
               next = CASE WHEN $7 THEN '' ELSE next END,
               seen = CASE WHEN $7 THEN 0 ELSE seen END,
               new = CASE WHEN $7 THEN 0 ELSE new END,
               linked = CASE WHEN $7 THEN 0 ELSE linked END,
               changed = CASE WHEN $7 THEN 0 ELSE changed END,
               unchanged = CASE WHEN $7 THEN 0 ELSE unchanged END,
               review = CASE WHEN $7 THEN 0 ELSE review END,
               unreadable = CASE WHEN $7 THEN 0 ELSE unreadable END
         WHERE source = $1
           AND owner = $2
        """,
        source,
        owner,
        state,
        now,
        says,
        until,
        anew,
    )


async def set_aside(db: Connection, source: str, broken: Sequence[tuple[str, str]], now: datetime) -> None:
    """Remember which entries could not be read: (reference, reason)."""
    await db.execute(
        """
        INSERT INTO quarantine (source, reference, reason, at)
        SELECT DISTINCT ON (reference) $1, reference, reason, $4::timestamptz
          FROM unnest($2::text[], $3::text[]) AS broken (reference, reason)
        ON CONFLICT (source, reference) DO UPDATE SET reason = excluded.reason, at = excluded.at
        """,
        source,
        [reference for reference, _ in broken],
        [reason for _, reason in broken],
        now,
    )


async def read_after_all(db: Connection, source: str, references: Sequence[str]) -> None:
    """These entries have been read now: they are no longer set aside."""
    await db.execute("DELETE FROM quarantine WHERE source = $1 AND reference = ANY ($2)", source, list(references))


async def enrolments(db: Database) -> tuple[Enrolment, ...]:
    """By source."""
    rows = await db.fetch(
        """
        SELECT e.*, (SELECT count(*) FROM trace WHERE trace.source = e.source AND trace.state = 'done') AS traced
          FROM enrolment e
         ORDER BY e.source
        """
    )
    return tuple(
        Enrolment(
            source=row["source"],
            state=row["state"],
            seen=row["seen"],
            new=row["new"],
            linked=row["linked"],
            changed=row["changed"],
            unchanged=row["unchanged"],
            review=row["review"],
            traced=row["traced"],
            unreadable=row["unreadable"],
            says=row["says"],
            started_at=stamp(row["started_at"]) if row["started_at"] else "",
            ended_at=stamp(row["ended_at"]) if row["ended_at"] else "",
        )
        for row in rows
    )


# --- numbers to be traced


async def want_traces(
    db: Database, source: str, patients: Sequence[str], now: datetime, *, anew: bool = False
) -> None:
    """Nobody has verified the numbers of these ids. One that was traced before and is asked for again is traced again.

    `anew`: whatever is known of the number, for the register has said that something changed.
    """
    await db.execute(
        """
        INSERT INTO trace (patient, source, state, next_at, anew)
        SELECT DISTINCT patient, $1, 'waiting', $3::timestamptz, $4::boolean FROM unnest($2::text[]) AS wanted (patient)
        ON CONFLICT (patient) DO UPDATE
           SET state = 'waiting', failures = 0, next_at = excluded.next_at, anew = trace.anew OR excluded.anew
         WHERE trace.state = 'done' OR excluded.anew
        """,
        source,
        list(patients),
        now,
        anew,
    )


class Untraced(Struct, frozen=True):
    patient: str
    source: str
    failures: int
    anew: bool = False


async def take_traces(db: Database, most: int, now: datetime) -> tuple[Untraced, ...]:
    """Some that are due, held for a while so that no other worker takes them."""
    rows = await db.fetch(
        """
        UPDATE trace
           SET next_at = $2
         WHERE patient IN (SELECT patient
                             FROM trace
                            WHERE state = 'waiting'
                              AND next_at <= $1
                            ORDER BY next_at, patient
                            LIMIT $3
                              FOR UPDATE SKIP LOCKED)
        RETURNING patient, source, failures, anew
        """,
        now,
        now + HOLD,
        most,
    )
    return tuple(Untraced(row["patient"], row["source"], row["failures"], row["anew"]) for row in rows)


async def traced(db: Database, patient: str, outcome: str) -> None:
    await db.execute("UPDATE trace SET state = 'done', outcome = $2, anew = false WHERE patient = $1", patient, outcome)


async def trace_later(db: Database, patient: str, at: datetime) -> None:
    await db.execute("UPDATE trace SET failures = failures + 1, next_at = $2 WHERE patient = $1", patient, at)
