"""Whose whereabouts are protected, in the order in which that was said or what belongs to them changed?"""

from collections.abc import Sequence

from carerecord.kit.db import Connection, Database


async def given(db: Database) -> int:
    """The last number that was given, committed or not."""
    return int(await db.fetchval("SELECT last_value FROM restricted_told"))


async def told_since(db: Database, after: int, most: int) -> tuple[list[tuple[str, bool]], int]:
    """Ids of entries that say so, or did, in the order of their last change; and the number of the last of them.

    Who has heard of more than was ever said here hears all anew: this index was restored as it stood before.
    """
    if after > int(await db.fetchval("SELECT coalesce(max(restricted_told), 0) FROM patient")):
        after = 0
    rows = await db.fetch(
        "SELECT id, restricted, restricted_told FROM patient WHERE restricted_told > $1 ORDER BY restricted_told LIMIT $2",
        after,
        most,
    )
    return [(row["id"], row["restricted"]) for row in rows], rows[-1]["restricted_told"] if rows else after


async def told_anew(db: Connection, sets: Sequence[str]) -> None:
    """Who belongs to these sets has changed: the restricted among them are told again, with all that is theirs now."""
    await db.execute(
        """
        UPDATE patient
           SET restricted_told = nextval('restricted_told')
          FROM link
         WHERE link.person = ANY ($1) AND link.until IS NULL AND patient.id = link.patient AND patient.restricted
        """,
        list(sets),
    )
