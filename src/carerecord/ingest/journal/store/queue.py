"""What waits for a person, and what did a person decide of it?"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from carerecord.ingest.journal.store.filing import ANEW, Kept
from carerecord.kit.db import Connection, Database


class Waiting(Struct, frozen=True):
    """How much waits to be filed for the first time."""

    count: int
    oldest_at: datetime | None


class Stuck(Struct, frozen=True):
    id: int
    sender: str
    trigger: str
    state: str
    reason: str
    tries: int
    at: datetime
    next_at: datetime
    repeats: int


async def waiting(db: Database) -> Waiting:
    row = await db.fetchrow(
        "SELECT count(*) AS many, (SELECT at FROM message WHERE id = min(waiting.id)) AS oldest FROM waiting"
    )
    assert row is not None
    return Waiting(row["many"], row["oldest"])


async def stuck(db: Database, sender: str, after: int, most: int) -> tuple[Stuck, ...]:
    rows = await db.fetch(
        """
        SELECT stuck.id, stuck.sender, message.trigger, stuck.state, stuck.reason, stuck.tries, message.at, stuck.next_at,
               coalesce(repeat.times, 0)
          FROM stuck
          JOIN message USING (id)
          LEFT JOIN repeat USING (id)
         WHERE ($1 = '' OR stuck.sender = $1) AND stuck.id > $2
         ORDER BY stuck.id
         LIMIT $3
        """,
        sender,
        after,
        most,
    )
    return tuple(Stuck(*row) for row in rows)


async def stuck_by_sender(db: Database) -> Mapping[str, int]:
    rows = await db.fetch("SELECT sender, count(*) AS many FROM stuck GROUP BY sender")
    return {row["sender"]: row["many"] for row in rows}


async def one(db: Database, id_: int) -> tuple[Kept, str, str] | None:
    """A message of the journal, its state and why; the state of one that is filed is empty."""
    row = await db.fetchrow(
        """
        SELECT message.id, message.at, message.sender, message.organisation, message.digest, message.trigger, message.body,
               CASE WHEN stuck.id IS NOT NULL THEN stuck.state
                    WHEN discarded.id IS NOT NULL THEN 'discarded'
                    WHEN waiting.id IS NOT NULL THEN 'waiting'
                    ELSE '' END AS state,
               coalesce(stuck.reason, discarded.reason, '') AS reason
          FROM message
          LEFT JOIN stuck USING (id)
          LEFT JOIN discarded USING (id)
          LEFT JOIN waiting ON waiting.id = message.id
         WHERE message.id = $1
        """,
        id_,
    )
    return None if row is None else (Kept(*row[:7]), row["state"], row["reason"])


async def replay(db: Connection, id_: int, sender: str, now: datetime, *, asked: str) -> int:
    """Tried again at once and from the first: this one, or a sender's, or (neither said) all. Within a transaction.

    `asked`: how a reason ends that puts a question. It stays with this one, for whoever files it again has answered; of many
    nobody has looked at each.
    """
    done = await db.execute(
        """
        UPDATE stuck
           SET state = 'again', tries = 0, next_at = $3,
               reason = CASE WHEN $1 <> 0 AND right(reason, length($5)) = $5 THEN reason ELSE $4 END
         WHERE ($1 = 0 OR id = $1) AND ($2 = '' OR sender = $2)
        """,
        id_,
        sender,
        now,
        ANEW,
        asked,
    )
    return int(done.rsplit(" ", 1)[1])


async def discard(db: Connection, id_: int, now: datetime, by: str, reason: str, *, not_yet: str) -> bool:
    """Within a transaction. False: it does not wait for a person, or is tried again for a reason (`not_yet`) that leaves behind
    what it said."""
    done = await db.execute(
        "DELETE FROM stuck WHERE id = $1 AND (state IN ('parked', 'unreadable') OR (state = 'again' AND reason <> $2))",
        id_,
        not_yet,
    )
    if done != "DELETE 1":
        return False
    await db.execute("INSERT INTO discarded (id, at, by, reason) VALUES ($1, $2, $3, $4)", id_, now, by, reason)
    return True
