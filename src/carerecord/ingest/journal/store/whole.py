"""Which things that a sender's extracts spoke of does its last one, which holds everything, speak of no more?"""

from msgspec import Struct

from carerecord.ingest.extracts import ROW
from carerecord.kit.db import Database

GONE = "row gone"  # the trigger of what is taken back because no row speaks of it


class Rows(Struct, frozen=True):
    """How it stands with the rows that came since the last extract ended, before this one does."""

    unfiled: int
    discarded: int


class Last(Struct, frozen=True):
    """The last that was said of a thing, still sealed."""

    thread: str
    digest: bytes
    body: bytes
    organisation: str


async def rows(db: Database, sender: str, end: int) -> Rows:
    row = await db.fetchrow(
        """
        WITH begun AS (
            SELECT coalesce(max(id), 0) AS id FROM message WHERE sender = $1 AND trigger = 'ROW^END' AND id < $2
        )
        SELECT (SELECT count(*) FROM waiting JOIN message USING (id), begun
                 WHERE sender = $1 AND message.id > begun.id AND message.id < $2)
               + (SELECT count(*) FROM stuck, begun WHERE sender = $1 AND stuck.id > begun.id AND stuck.id < $2) AS unfiled,
               (SELECT count(*) FROM discarded JOIN message USING (id), begun
                 WHERE sender = $1 AND message.id > begun.id AND message.id < $2) AS discarded
        """,
        sender,
        end,
    )
    assert row is not None
    return Rows(row["unfiled"], row["discarded"])


async def standing(db: Database, organisation: str, sender: str, before: str, end: int) -> tuple[int, tuple[Last, ...]]:
    """How many things this sender's rows alone speak of, and those of which none has spoken since before that moment.

    What another end than this message took back is gone already.
    """
    found = await db.fetch(
        """
        WITH said AS (
            SELECT statement.thread, max(recorded) AS recorded
              FROM statement
              JOIN message ON message.id = statement.message AND message.sender = $2
             WHERE statement.organisation = $1 AND statement.trigger = $4
             GROUP BY statement.thread
        ), alone AS (
            SELECT said.*
              FROM said
             WHERE NOT EXISTS (SELECT FROM statement AS other
                                WHERE other.thread = said.thread
                                  AND (other.trigger NOT IN ($4, $5)
                                       OR (other.trigger = $5 AND other.recorded >= said.recorded AND other.message <> $6)))
        )
        SELECT count(*) OVER () AS many, alone.recorded < $3 AS is_gone, alone.thread, last.digest, last.body
          FROM alone
         CROSS JOIN LATERAL (
               SELECT digest, body
                 FROM statement
                WHERE statement.thread = alone.thread AND statement.trigger = $4
                ORDER BY recorded DESC, sent DESC, message DESC
                LIMIT 1) AS last
         ORDER BY alone.thread
        """,
        organisation,
        sender,
        before,
        ROW,
        GONE,
        end,
    )
    many = found[0]["many"] if found else 0
    return many, tuple(Last(row["thread"], row["digest"], row["body"], organisation) for row in found if row["is_gone"])
