"""How far is a reindexing, and how does an index row come to say something else of the same version?"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.holdings.store.changing import DROP_ACROSS, Current, Key, columns
from carerecord.kit.db import Connection, Database
from carerecord.kit.lists import words


class Place(Struct, frozen=True):
    upto: str
    looked: int
    changed: int


async def place(db: Connection, type_: str, parameter: str, now: datetime) -> Place:
    """Where to go on, for us alone until the transaction ends. One that had ended begins anew."""
    row = await db.fetchrow(
        """
        INSERT INTO reindexing AS known (type, parameter, began_at) VALUES ($1, $2, $3)
        ON CONFLICT (type, parameter) DO UPDATE
           SET upto = CASE WHEN known.ended_at IS NULL THEN known.upto ELSE '' END,
               looked = CASE WHEN known.ended_at IS NULL THEN known.looked ELSE 0 END,
               changed = CASE WHEN known.ended_at IS NULL THEN known.changed ELSE 0 END,
               began_at = CASE WHEN known.ended_at IS NULL THEN known.began_at ELSE excluded.began_at END,
               ended_at = NULL
        RETURNING upto, looked, changed
        """,
        type_,
        parameter,
        now,
    )
    assert row is not None
    return Place(row["upto"], row["looked"], row["changed"])


async def following(db: Connection, type_: str, after: str, most: int) -> tuple[Key, ...]:
    """The next of a type, in the order of their ids; nobody else writes them until the transaction ends."""
    rows = await db.fetch(
        """
        SELECT patient, type, id
          FROM address
         WHERE type = $1 AND id > $2
         ORDER BY id
         LIMIT $3
           FOR UPDATE
        """,
        type_,
        after,
        most,
    )
    return tuple((row["patient"], row["type"], row["id"]) for row in rows)


async def standing(db: Connection, keys: Sequence[Key]) -> dict[Key, tuple[datetime, frozenset[int], frozenset[int]]]:
    """What their index rows say now: place in the order, tokens, and what they are found by across all."""
    rows = await db.fetch(
        """
        SELECT patient, type, id, when_at, tokens,
               array(SELECT hash FROM across WHERE (patient, type, id) = (held.patient, held.type, held.id)) AS across
          FROM held
         WHERE (patient, type, id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
        """,
        *columns(keys, 3),
    )
    return {
        (row["patient"], row["type"], row["id"]): (row["when_at"], frozenset(row["tokens"]), frozenset(row["across"]))
        for row in rows
    }


async def say_anew(db: Connection, rows: Sequence[Current]) -> None:
    """The index rows of versions that stay what they are; their place in the order is that of the version too."""
    keys = columns([(row.patient, row.type, row.id) for row in rows], 3)
    await db.execute(
        """
        UPDATE held
           SET tokens = told.tokens::bigint[], when_at = told.when_at
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
               AS told (patient, type, id, tokens, when_at)
         WHERE (held.patient, held.type, held.id) = (told.patient, told.type, told.id)
        """,
        *keys,
        ["{" + ",".join(map(str, row.tokens)) + "}" for row in rows],
        [row.when_at for row in rows],
    )
    await db.execute(
        """
        UPDATE version
           SET when_at = told.when_at
          FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[])
               AS told (patient, type, id, version, when_at)
         WHERE (version.patient, version.type, version.id, version.version)
             = (told.patient, told.type, told.id, told.version) AND version.when_at <> told.when_at
        """,
        *keys,
        [row.version for row in rows],
        [row.when_at for row in rows],
    )
    await db.execute(DROP_ACROSS, *map(words, keys))
    wide = [(hashed, row.patient, row.type, row.id) for row in rows for hashed in row.across]
    if wide:
        await db.copy_records_to_table("across", records=wide, columns=("hash", "patient", "type", "id"))


async def went_on(db: Connection, type_: str, parameter: str, place: Place, ended_at: datetime | None) -> None:
    await db.execute(
        "UPDATE reindexing SET upto = $3, looked = $4, changed = $5, ended_at = $6 WHERE (type, parameter) = ($1, $2)",
        type_,
        parameter,
        place.upto,
        place.looked,
        place.changed,
        ended_at,
    )


async def of_type(db: Database, type_: str) -> int:
    found: int = await db.fetchval("SELECT count(*) FROM address WHERE type = $1", type_)
    return found

