"""How much came from whom, when, and how far has the audit book been told of it?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Database


class Part(Struct, frozen=True):
    """A stretch of the journal, for one line of the book."""

    first: int
    last: int
    by_sender: tuple[tuple[str, int], ...]
    digest: str  # SHA-256 over the digests of its messages, in order


class Hours(Struct, frozen=True):
    """How often one sender was heard in the first hour that is known, and in those by which its silence is judged."""

    sender: str
    last: datetime
    counts: Mapping[datetime, int]
    today: int


async def unbooked(db: Database, before: datetime, most: int) -> Part | None:
    """The next stretch that the book has not been told of, received before then; its row is locked for the teller."""
    rows = await db.fetch(
        """
        WITH begun AS (
            SELECT up_to FROM booked FOR UPDATE
        ), part AS (
            SELECT id, sender, digest
              FROM message, begun
             WHERE id > up_to
               -- What is not settled yet is not read, but for the first of it: it may be much, and this is asked often.
               AND id < coalesce((SELECT id FROM message WHERE id > (SELECT up_to FROM begun) AND at >= $1 ORDER BY id LIMIT 1),
                                 9223372036854775807)
             ORDER BY id
             LIMIT $2
        )
        SELECT sender, count(*) AS many, min(id) AS first, max(id) AS last,
               (SELECT encode(sha256(string_agg(digest, '' ORDER BY id)), 'hex') FROM part) AS digest
          FROM part
         GROUP BY sender
         ORDER BY sender
        """,
        before,
        most,
    )
    if not rows:
        return None
    by_sender = tuple((row["sender"], row["many"]) for row in rows)
    return Part(min(row["first"] for row in rows), max(row["last"] for row in rows), by_sender, rows[0]["digest"])


async def booked(db: Database, up_to: int) -> None:
    await db.execute("UPDATE booked SET up_to = $1", up_to)


async def add_heard(db: Database, heard: Mapping[str, int], at: datetime) -> None:
    said = {sender: count for sender, count in heard.items() if count}
    await db.execute(
        """
        INSERT INTO rhythm AS known (sender, hour, count, last)
        SELECT sender, date_trunc('hour', $1::timestamptz), count, $1
          FROM unnest($2::text[], $3::integer[]) AS told (sender, count)
         ORDER BY sender
        ON CONFLICT (sender, hour) DO UPDATE SET count = known.count + excluded.count, last = excluded.last
        """,
        at,
        list(said),
        list(said.values()),
    )


async def rhythms(db: Database, days: int, now: datetime) -> Sequence[Hours]:
    """Of each sender the last `days` before it was last heard: also of one that is silent for a year, from before that.

    Of hundreds of senders that were heard a minute ago a few hours each, and not every hour of a month.
    """
    rows = await db.fetch(
        """
        WITH heard AS (
            SELECT sender, max(hour) - make_interval(hours => 24 * $1) AS begins, max(last) AS last,
                   date_trunc('hour', max(last), 'UTC') AS since,
                   coalesce(sum(count) FILTER (WHERE hour >= date_trunc('day', $2::timestamptz, 'UTC')), 0) AS today
              FROM rhythm
             GROUP BY sender
        ), judged AS MATERIALIZED (
            SELECT heard.*, (SELECT min(hour) FROM rhythm WHERE rhythm.sender = heard.sender AND hour >= begins) AS first,
                   ARRAY (SELECT at - make_interval(hours => back)
                            FROM generate_series(since, least($2, since + interval '504 hours'), interval '1 hour') AS at
                           CROSS JOIN unnest(ARRAY[24, 48, 72, 96, 120, 144, 168, 336, 504, 672]) AS back) AS hours
              FROM heard
        )
        SELECT sender, known.hour, known.count, judged.last, today
          FROM judged
         CROSS JOIN LATERAL (
               SELECT hour, count
                 FROM rhythm
                WHERE rhythm.sender = judged.sender AND hour >= begins AND hour = ANY (first || hours)
               OFFSET 0) AS known
         ORDER BY sender, known.hour
        """,
        days,
        now,
    )
    found: dict[str, dict[datetime, int]] = {}
    told: dict[str, tuple[datetime, int]] = {}
    for row in rows:
        found.setdefault(row["sender"], {})[row["hour"]] = row["count"]
        told[row["sender"]] = row["last"], row["today"]
    return tuple(Hours(sender, told[sender][0], counts, told[sender][1]) for sender, counts in found.items())


async def await_senders(db: Database, senders: Sequence[str], since: datetime) -> None:
    """Those that were awaited before are awaited since then."""
    await db.execute(
        "INSERT INTO awaited (sender, since) SELECT unnest($1::text[]), $2 ON CONFLICT (sender) DO NOTHING", list(senders), since
    )


async def awaited(db: Database) -> Mapping[str, datetime]:
    rows = await db.fetch("SELECT sender, since FROM awaited")
    return {row["sender"]: row["since"] for row in rows}


async def forget_rhythm(db: Database, days: int) -> None:
    """What each sender did more than so many days before it was last heard."""
    await db.execute(
        """
        DELETE FROM rhythm
         USING (SELECT sender, max(hour) AS newest FROM rhythm GROUP BY sender) AS heard
         WHERE rhythm.sender = heard.sender AND hour < newest - make_interval(days => $1)
        """,
        days,
    )
