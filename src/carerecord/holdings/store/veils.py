"""Who keeps what back? Veils lie on records; a Patient who is written later is known by the numbers of those who object."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from carerecord.kit.db import Connection, Database
from carerecord.kit.lists import numbers, words

_WHAT: Final = "sections, source, organisation, rule, says, places"
# Whoever is written now and bears a number of somebody who objects. $1 and $2: their ids and hashes, side by side.
_BEARERS: Final = f"""
        INSERT INTO veil (patient, objection, {_WHAT})
        SELECT DISTINCT told.patient, objection, {_WHAT}
          FROM unnest($1::text::text[], $2::text::bigint[]) AS told (patient, hash)
          JOIN objector USING (hash)
        ON CONFLICT DO NOTHING"""  # noqa: S608


class Veil(Struct, frozen=True, gc=False):
    """What one objection keeps back of one record."""

    patient: str
    objection: str
    sections: tuple[str, ...]
    source: str
    organisation: str
    rule: str
    says: str
    places: bool = False


async def over(db: Database, patients: Sequence[str], organisation: str) -> tuple[Veil, ...]:
    """What lies over these records for whoever asks from this organisation."""
    rows = await db.fetch(
        f"""
        SELECT patient, objection, {_WHAT}
          FROM veil
         WHERE patient = ANY ($1) AND organisation IN ('', $2)
         ORDER BY patient, objection
        """,  # noqa: S608
        list(patients),
        organisation,
    )
    return tuple(Veil(each[0], each[1], tuple(each[2]), *each[3:]) for each in rows)


async def state(db: Database) -> tuple[int, int]:
    """So far consent was heard, and so far the index."""
    row = await db.fetchrow("SELECT upto, restricted_upto FROM veiled")
    assert row is not None
    return row["upto"], row["restricted_upto"]


async def mark(db: Database, low: str, high: str | None, members: Sequence[str] | None) -> str:
    """The same as long as the same veils lie over a range of records."""
    return str(
        await db.fetchval(
            """
            SELECT count(*) || '.' || coalesce(sum(hashtext(veil::text)), 0)
              FROM veil
             WHERE patient >= $1 AND ($2::text IS NULL OR patient < $2) AND ($3::text[] IS NULL OR patient = ANY ($3))
            """,
            low,
            high,
            None if members is None else list(members),
        )
    )


async def alone(db: Connection) -> None:
    """Until the transaction ends nobody else hangs veils."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('veils'))")


async def put_numbers(db: Connection, told: Sequence[tuple[int, Veil]], objections: Sequence[str]) -> None:
    """By which numbers those who object are known, in place of what was said of the same objections.

    Where one of them is new this waits for whoever writes a Patient just now, who does not know of it: they stand there before
    veils are hung, and who comes after them knows of it. Each write of a Patient holds this lock until it is committed, and
    took it before it looked; reads do not.
    """
    known = await db.fetch("SELECT hash, objection FROM objector WHERE objection = ANY ($1)", list(objections))
    if {(hashed, each.objection) for hashed, each in told}.difference([tuple(row) for row in known]):
        await db.execute("LOCK TABLE veil IN SHARE ROW EXCLUSIVE MODE")
    await db.execute("DELETE FROM objector WHERE objection = ANY ($1)", list(objections))
    await db.copy_records_to_table(
        "objector",
        records=[
            (hashed, each.objection, list(each.sections), each.source, each.organisation, each.rule, each.says, each.places)
            for hashed, each in told
        ],
        columns=("hash", "objection", "sections", "source", "organisation", "rule", "says", "places"),
    )


async def hang(
    db: Connection, veils: Sequence[Veil], objections: Sequence[str], upto: int, restricted_upto: int = 0
) -> None:
    """On these records, and on those of whoever bears a number; what else lay by the same objections is taken down."""
    await db.execute("DELETE FROM veil WHERE objection = ANY ($1)", list(objections))
    await db.executemany(
        f"INSERT INTO veil (patient, objection, {_WHAT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",  # noqa: S608
        [
            (
                each.patient, each.objection, list(each.sections), each.source, each.organisation, each.rule, each.says,
                each.places,
            )
            for each in veils
        ],
    )
    await db.execute(
        f"""
        INSERT INTO veil (patient, objection, {_WHAT})
        SELECT DISTINCT across.id, objection, {_WHAT}
          FROM objector
          JOIN across USING (hash)
         WHERE objection = ANY ($1) AND across.type = 'Patient'
        ON CONFLICT DO NOTHING
        """,  # noqa: S608
        list(objections),
    )
    for heard, so_far in (("upto", upto), ("restricted_upto", restricted_upto)):
        if so_far:  # lower than before, where consent or the index was restored as it stood earlier
            await db.execute(f"UPDATE veiled SET {heard} = $1", so_far)  # noqa: S608
    # A statement that was planned while half as many objected, or none, goes through them all for each row that it reads.
    if await db.fetchval("SELECT pg_relation_size(oid) > 2 * 8192 * relpages FROM pg_class WHERE oid = 'veil'::regclass"):
        await db.execute("ANALYZE veil")


async def know(db: Connection, told: Sequence[tuple[str, int]]) -> None:
    """Patients who are written now, by their hashes."""
    await db.execute(_BEARERS, words([patient for patient, _ in told]), numbers([hashed for _, hashed in told]))
