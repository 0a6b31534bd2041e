"""What has this person said about sharing, and is it still in force?"""

from datetime import datetime

from carerecord.contracts.consent import Objection
from carerecord.contracts.patients import PersonIds
from carerecord.kit.clock import stamp
from carerecord.kit.db import Database, Record


async def objections_for(db: Database, person: PersonIds) -> tuple[Objection, ...]:
    """Those in force, under any of the person's ids, oldest first."""
    rows = await db.fetch(
        """
        SELECT id, patient_id, section, source, organisation, said_at, withdrawn_at
          FROM objection
         WHERE patient_id = ANY ($1)
           AND withdrawn_at IS NULL
         ORDER BY said_at, id
        """,
        list(person),
    )
    return tuple(_objection(row) for row in rows)


async def all_said(db: Database, person: PersonIds) -> tuple[Objection, ...]:
    """In force or withdrawn, under any of the person's ids, the newest first."""
    rows = await db.fetch(
        """
        SELECT id, patient_id, section, source, organisation, said_at, withdrawn_at
          FROM objection
         WHERE patient_id = ANY ($1)
         ORDER BY said_at DESC, id
        """,
        list(person),
    )
    return tuple(_objection(row) for row in rows)


async def told_since(db: Database, after: int, most: int) -> tuple[tuple[Objection, ...], int]:
    """In force or withdrawn, in the order of their last change; and the number of the last of them.

    Who has heard of more than was ever said here hears all anew: this book was restored as it stood before.
    """
    if after > int(await db.fetchval("SELECT coalesce(max(told), 0) FROM objection")):
        after = 0
    rows = await db.fetch(
        """
        SELECT id, patient_id, section, source, organisation, said_at, withdrawn_at, told
          FROM objection
         WHERE told > $1
         ORDER BY told
         LIMIT $2
        """,
        after,
        most,
    )
    return tuple(_objection(row) for row in rows), rows[-1]["told"] if rows else after


async def one_at_a_time(db: Database) -> None:
    """Until the transaction ends nobody else says or withdraws anything: numbers are seen in their order."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('objection told'))")


async def said_once(db: Database, id_: str) -> Objection | None:
    row = await db.fetchrow(
        "SELECT id, patient_id, section, source, organisation, said_at, withdrawn_at FROM objection WHERE id = $1", id_
    )
    return _objection(row) if row is not None else None


async def add_objection(
    db: Database, patient: str, section: str, source: str, organisation: str, at: datetime, said_to: str
) -> tuple[Objection, bool]:
    """The objection in force, and whether it is new: what was said before stands as it was said."""
    row = await db.fetchrow(
        """
        INSERT INTO objection (patient_id, section, source, organisation, said_at, said_to)
        VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (patient_id, section, source, organisation) WHERE withdrawn_at IS NULL
            DO NOTHING
        RETURNING id, patient_id, section, source, organisation, said_at, withdrawn_at
        """,
        patient,
        section,
        source,
        organisation,
        at,
        said_to,
    )
    if row is not None:
        return _objection(row), True
    row = await db.fetchrow(
        """
        SELECT id, patient_id, section, source, organisation, said_at, withdrawn_at
          FROM objection
         WHERE (patient_id, section, source, organisation) = ($1, $2, $3, $4)
           AND withdrawn_at IS NULL
        """,
        patient,
        section,
        source,
        organisation,
    )
    assert row is not None
    return _objection(row), False


async def withdraw_objection(db: Database, id_: str, at: datetime, withdrawn_to: str) -> Objection | None:
    """The objection, now withdrawn; None when there is none of that id in force."""
    row = await db.fetchrow(
        """
        UPDATE objection
           SET withdrawn_at = $2, withdrawn_to = $3, told = nextval('objection_told')
         WHERE id = $1
           AND withdrawn_at IS NULL
        RETURNING id, patient_id, section, source, organisation, said_at, withdrawn_at
        """,
        id_,
        at,
        withdrawn_to,
    )
    return _objection(row) if row is not None else None


def _objection(row: Record) -> Objection:
    return Objection(
        str(row["id"]),
        row["patient_id"],
        row["section"],
        row["source"],
        row["organisation"],
        stamp(row["said_at"]),
        stamp(row["withdrawn_at"]) if row["withdrawn_at"] else "",
    )
