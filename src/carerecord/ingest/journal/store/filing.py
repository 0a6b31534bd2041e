"""What waits to be filed, and in whose hand is it?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from carerecord.kit.db import Connection, Database

ANEW: Final = "Somebody has it filed again: it is its turn soon."  # why one waits that a person has replayed


class Kept(Struct, frozen=True, gc=False):
    """One message of the journal, still sealed."""

    id: int
    at: datetime
    sender: str
    organisation: str
    digest: bytes
    trigger: str
    body: bytes
    tries: int = 0
    before: str = ""  # why it could not be filed the last time it was tried


async def lease(
    db: Database, owner: str, now: datetime, until: datetime, most: int, besides: Sequence[int] = ()
) -> dict[int, tuple[int, ...]]:
    """Lanes with something to do that are nobody's, or ours already, whoever waits longest first; and what was in hand where one
    was left in the middle."""
    rows = await db.fetch(
        """
        WITH free AS (
            SELECT lane
              FROM lane
             WHERE (owner = $1 OR held_until < $2) AND lane <> ALL ($5)
               AND (EXISTS (SELECT FROM waiting WHERE waiting.lane = lane.lane)
                    OR EXISTS (SELECT FROM stuck WHERE stuck.lane = lane.lane AND state = 'again' AND next_at <= $2))
             ORDER BY (SELECT min(id) FROM waiting WHERE waiting.lane = lane.lane), lane
             LIMIT $3
               FOR UPDATE SKIP LOCKED
        )
        UPDATE lane SET owner = $1, held_until = $4
          FROM free
         WHERE lane.lane = free.lane
        RETURNING lane.lane, lane.in_hand
        """,
        owner,
        now,
        most,
        until,
        list(besides),
    )
    return {row["lane"]: tuple(row["in_hand"]) for row in rows}


async def let_go(db: Database, owner: str, lanes: Sequence[int]) -> None:
    await db.execute(
        "UPDATE lane SET owner = '', held_until = '-infinity', in_hand = '{}' WHERE owner = $1 AND lane = ANY ($2)",
        owner,
        list(lanes),
    )


async def suspect(
    db: Connection, lane: int, ids: Sequence[int], now: datetime, tries: int, reason: str, given_up: str, *, few: int
) -> None:
    """These were in the hand of a worker that ended in the middle: each is tried again, so many times and no more. Then what it
    said is taken back; whoever ends its worker at that too is parked as it is.

    That a worker ended with many in its hand, more than a `few`, is held against none of them. A pause, so that workers that are
    ended from outside, one after the other, do not find the same message in hand each time. Within a transaction.
    """
    alone = len(ids) == 1
    await db.execute(
        """
        UPDATE stuck
           SET tries = tries + $6,
               state = CASE WHEN tries + $6 > $3 THEN 'parked' ELSE 'again' END,
               reason = CASE WHEN tries + $6 > $3 THEN $7 ELSE $4 END,
               next_at = $5::timestamptz + make_interval(secs => 5 * 3 ^ tries)
         WHERE lane = $1 AND id = ANY ($2) AND state = 'again'
        """,
        lane,
        list(ids),
        tries,
        reason,
        now,
        int(len(ids) <= few),
        given_up,
    )
    await db.execute(
        """
        WITH were AS (
            DELETE FROM waiting WHERE lane = $1 AND id = ANY ($2) RETURNING id
        )
        INSERT INTO stuck (id, lane, sender, state, reason, tries, next_at, since)
        SELECT id, $1, sender, 'again', $4, $5, $3::timestamptz + interval '1 second', at FROM were JOIN message USING (id)
        """,
        lane,
        list(ids),
        now,
        reason,
        int(alone),
    )
    await db.execute("UPDATE lane SET in_hand = '{}' WHERE lane = $1", lane)


_KEPT = "message.id, message.at, message.sender, message.organisation, message.digest, message.trigger, message.body"


async def next_group(db: Database, lane: int, most: int) -> tuple[Kept, ...]:
    """The oldest that wait in this lane, as they came."""
    rows = await db.fetch(
        f"""
        SELECT {_KEPT}
          FROM (SELECT id FROM waiting WHERE lane = $1 ORDER BY id LIMIT $2) AS first
          JOIN message USING (id)
         ORDER BY message.id
        """,  # noqa: S608 - our own column names
        lane,
        most,
    )
    return tuple(Kept(*row) for row in rows)


async def next_again(db: Database, lane: int, now: datetime, most: int) -> tuple[Kept, ...]:
    """Those whose next try is due."""
    rows = await db.fetch(
        f"""
        SELECT {_KEPT}, stuck.tries, stuck.reason
          FROM stuck
          JOIN message USING (id)
         WHERE lane = $1 AND state = 'again' AND next_at <= $2
         ORDER BY stuck.id
         LIMIT $3
        """,  # noqa: S608 - our own column names
        lane,
        now,
        most,
    )
    return tuple(Kept(*row) for row in rows)


async def in_hand(db: Database, owner: str, lane: int, ids: Sequence[int], until: datetime) -> bool:
    """Write down what is being worked on. False: another worker has this lane."""
    done = await db.execute(
        "UPDATE lane SET in_hand = $3, held_until = $4 WHERE lane = $2 AND owner = $1", owner, lane, list(ids), until
    )
    return done == "UPDATE 1"


async def filed(db: Database, owner: str, lane: int, ids: Sequence[int]) -> None:
    """These are done: they wait no more, and nothing is in hand. In one statement."""
    await db.execute(
        """
        WITH done AS (
            DELETE FROM waiting WHERE lane = $2 AND id = ANY ($3)
        ), mended AS (
            DELETE FROM stuck WHERE id = ANY ($3)
        )
        UPDATE lane SET in_hand = '{}' WHERE lane = $2 AND owner = $1
        """,
        owner,
        lane,
        list(ids),
    )


class Fate(Struct, frozen=True):
    """Why one message is not filed now, and when it is tried again."""

    id: int
    state: str  # again | parked | unreadable
    reason: str
    tries: int
    next_at: datetime


async def set_aside(db: Database, lane: int, fates: Sequence[Fate]) -> None:
    await db.execute(
        """
        WITH told AS (
            SELECT *
              FROM unnest($2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[])
                   AS told (id, state, reason, tries, next_at)
        ), out AS (
            DELETE FROM waiting WHERE lane = $1 AND id = ANY ($2)
        )
        INSERT INTO stuck (id, lane, sender, state, reason, tries, next_at, since)
        SELECT told.id, $1, message.sender, told.state, told.reason, told.tries, told.next_at, message.at
          FROM told JOIN message USING (id)
        ON CONFLICT (id) DO UPDATE
           SET state = excluded.state, reason = excluded.reason, tries = excluded.tries, next_at = excluded.next_at
        """,
        lane,
        [each.id for each in fates],
        [each.state for each in fates],
        [each.reason for each in fates],
        [each.tries for each in fates],
        [each.next_at for each in fates],
    )
