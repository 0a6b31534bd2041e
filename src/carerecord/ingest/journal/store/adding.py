"""What stands in the journal, and what waits? Every statement of it; many at a time."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from carerecord.kit.db import Database


class Row(Struct, frozen=True, gc=False):
    """One message on its way into the journal."""

    sender: str
    organisation: str
    digest: bytes
    trigger: str
    size: int
    body: bytes
    lane: int
    fault: str = ""  # why its content cannot be read: it waits for a person


_ADD = """
    WITH told AS (
        SELECT *
          FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::integer[], $7::bytea[], $8::smallint[], $9::text[])
               WITH ORDINALITY AS told (sender, organisation, digest, trigger, size, body, lane, fault, place)
    ), kept AS (
        INSERT INTO message (at, sender, organisation, digest, trigger, size, body)
        SELECT $1, sender, organisation, digest, trigger, size, body FROM told ORDER BY place
        ON CONFLICT (digest) DO NOTHING
        RETURNING id, digest
    ), queued AS (
        INSERT INTO waiting (lane, id)
        SELECT told.lane, kept.id FROM kept JOIN told USING (digest) WHERE told.fault = ''
    ), aside AS (
        INSERT INTO stuck (id, lane, sender, state, reason, next_at, since)
        SELECT kept.id, told.lane, told.sender, 'unreadable', told.fault, $1, $1
          FROM kept JOIN told USING (digest) WHERE told.fault <> ''
    )
    SELECT digest FROM kept
    """


# The same where each can be read, as nearly always: what nothing is joined for takes a third less.
_ADD_PLAIN = """
    WITH kept AS (
        INSERT INTO message (at, sender, organisation, digest, trigger, size, body)
        SELECT $1, sender, organisation, digest, trigger, size, body
          FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::integer[], $7::bytea[])
               WITH ORDINALITY AS told (sender, organisation, digest, trigger, size, body, place)
         ORDER BY place
        ON CONFLICT (digest) DO NOTHING
        RETURNING id, digest
    ), queued AS (
        INSERT INTO waiting (lane, id)
        SELECT ($8::smallint[])[array_position($4::bytea[], digest)], id FROM kept
    )
    SELECT digest FROM kept
    """


async def add(db: Database, rows: Sequence[Row], at: datetime) -> frozenset[bytes]:
    """Write them, and that they wait, in one statement: all or none. Answers the digests of those that were not there before."""
    faults = [row.fault for row in rows]
    faulty = any(faults)
    kept = await db.fetch(
        _ADD if faulty else _ADD_PLAIN,
        at,
        [row.sender for row in rows],
        [row.organisation for row in rows],
        [row.digest for row in rows],
        [row.trigger for row in rows],
        [row.size for row in rows],
        [row.body for row in rows],
        [row.lane for row in rows],
        *((faults,) if faulty else ()),
    )
    return frozenset(row["digest"] for row in kept)


async def add_repeats(db: Database, digests: Sequence[bytes], at: datetime) -> None:
    """These came again: counted, and nothing else."""
    await db.execute(
        """
        WITH again AS (
            SELECT id, sender, count(*)::integer AS times
              FROM unnest($1::bytea[]) AS told (digest)
              JOIN message USING (digest)
             GROUP BY id, sender
        ), counted AS (
            INSERT INTO repeat (id, times, last)
            SELECT id, times, $2 FROM again ORDER BY id
            ON CONFLICT (id) DO UPDATE SET times = repeat.times + excluded.times, last = excluded.last
        )
        SELECT FROM again
        """,
        list(digests),
        at,
    )
