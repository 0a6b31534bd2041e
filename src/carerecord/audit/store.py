"""The memory of the book: lines added, read, and read through."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from carerecord.audit.model import EMPTY, Standing, Told, chained
from carerecord.kit.db import Connection, Database, Record

_ONE_WRITER = 7_236_514_022  # an advisory lock: the chain has one end


async def add(db: Connection, lines: Sequence[Told]) -> int:
    """Add these lines, in order, within the caller's transaction; those that stand already are left out. How many were added."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", _ONE_WRITER)
    there = {
        row["event"] for row in await db.fetch("SELECT event FROM line WHERE event = ANY ($1)", [line.event for line in lines])
    }
    fresh = {line.event: line for line in lines if line.event not in there}
    seq, before = await head(db)
    standing = tuple(chained(seq, before, tuple(fresh.values())))
    await db.execute(
        """
        INSERT INTO line (seq, teller, event, at, body, hash)
        SELECT *
          FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bytea[], $6::bytea[])
        """,
        [line.seq for line in standing],
        [line.teller for line in standing],
        [line.event for line in standing],
        [line.at for line in standing],
        [line.body for line in standing],
        [line.hash for line in standing],
    )
    people = [(patient, line.at, line.seq) for line in standing for patient in line.patients]
    await db.execute(
        """
        INSERT INTO line_person (patient, at, seq)
        SELECT *
          FROM unnest($1::text[], $2::timestamptz[], $3::bigint[])
        """,
        [each[0] for each in people],
        [each[1] for each in people],
        [each[2] for each in people],
    )
    return len(standing)


async def head(db: Database) -> tuple[int, bytes]:
    """The number and hash of the last line; 0 and `EMPTY` when there is none."""
    row = await db.fetchrow("SELECT seq, hash FROM line ORDER BY seq DESC LIMIT 1")
    return (int(row["seq"]), bytes(row["hash"])) if row is not None else (0, EMPTY)


async def about(db: Database, person: Iterable[str], before: datetime, before_seq: int, most: int) -> tuple[Standing, ...]:
    """Lines that show any of `person`'s ids, newest first."""
    rows = await db.fetch(
        """
        SELECT seq, teller, event, at, body, hash
          FROM line
         WHERE seq IN (
               SELECT seq
                 FROM line_person
                WHERE patient = ANY ($1)
                  AND (at, seq) < ($2, $3)
                GROUP BY at, seq
                ORDER BY at DESC, seq DESC
                LIMIT $4)
         ORDER BY at DESC, seq DESC
        """,
        list(person),
        before,
        before_seq,
        most,
    )
    return _standing(rows)


async def latest(db: Database, before: datetime, before_seq: int, most: int) -> tuple[Standing, ...]:
    """Lines about anyone and anything, newest first."""
    rows = await db.fetch(
        """
        SELECT seq, teller, event, at, body, hash
          FROM line
         WHERE (at, seq) < ($1, $2)
         ORDER BY at DESC, seq DESC
         LIMIT $3
        """,
        before,
        before_seq,
        most,
    )
    return _standing(rows)


async def of_event(db: Database, event: UUID) -> tuple[Standing, ...]:
    return _standing(await db.fetch("SELECT seq, teller, event, at, body, hash FROM line WHERE event = $1", event))


async def following(db: Database, seq: int, most: int) -> tuple[Standing, ...]:
    """The lines after number `seq`, in order, each with the people that its index rows name."""
    rows = await db.fetch(
        """
        SELECT line.*,
               array(SELECT patient
                       FROM line_person
                      WHERE line_person.seq = line.seq
                        AND line_person.at = line.at) AS patients
          FROM line
         WHERE seq > $1
         ORDER BY seq
         LIMIT $2
        """,
        seq,
        most,
    )
    return _standing(rows)


async def whole_until(db: Database) -> datetime | None:
    """The moment up to which every teller has handed on all it had to say; None when one has never said so."""
    row = await db.fetchrow("SELECT min(whole_until) AS until, bool_and(whole_until IS NOT NULL) AS known FROM heard")
    assert row is not None
    until: datetime | None = row["until"]
    return until if row["known"] else None


def _standing(rows: Sequence[Record]) -> tuple[Standing, ...]:
    return tuple(
        Standing(
            row["seq"], row["teller"], row["event"], row["at"], row["body"], row["hash"], tuple(row.get("patients") or ())
        )
        for row in rows
    )
