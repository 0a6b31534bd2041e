"""What have openings seen of each source? Numbers by day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct

from carerecord.contracts.sources import CodeCount, Observed, SectionSeen
from carerecord.kit.db import Connection, Database


class Seen(Struct, frozen=True):
    """One source over some days."""

    asked: int = 0
    answered: int = 0
    last_answer: datetime | None = None
    sections: Mapping[str, SectionSeen] = {}
    waits: tuple[tuple[int, int], ...] = ()
    codes: tuple[CodeCount, ...] = ()


async def add_seen(db: Connection, day: date, told: Sequence[Observed]) -> None:
    """Add these numbers to those of the day. Within a transaction: all of them or none.

    A statement for each table, however much is told: an opening that comes at that moment waits for its turn. In the order of
    their keys, so that two who tell at once do not wait for each other crosswise.
    """
    await db.execute(
        """
        INSERT INTO seen_source (source, day, asked, answered, last_answer)
        SELECT source, $1::date, sum(asked), sum(answered), max(nullif(last_answer, '')::timestamptz)
          FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[]) AS told (source, asked, answered, last_answer)
         GROUP BY source
         ORDER BY source
            ON CONFLICT (source, day) DO UPDATE
           SET asked = seen_source.asked + EXCLUDED.asked, answered = seen_source.answered + EXCLUDED.answered,
               last_answer = greatest(seen_source.last_answer, EXCLUDED.last_answer)
        """,
        day,
        *_columns([(each.source, each.asked, each.answered, each.last_answer) for each in told], 4),
    )
    await db.execute(
        """
        INSERT INTO seen_section (source, section, day, asked, answered, held)
        SELECT source, section, $1::date, sum(asked), sum(answered), sum(held)
          FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
               AS told (source, section, asked, answered, held)
         GROUP BY source, section
         ORDER BY source, section
            ON CONFLICT (source, section, day) DO UPDATE
           SET asked = seen_section.asked + EXCLUDED.asked, answered = seen_section.answered + EXCLUDED.answered,
               held = seen_section.held + EXCLUDED.held
        """,
        day,
        *_columns([(one.source, each.section, each.asked, each.answered, each.held) for one in told for each in one.sections], 5),
    )
    await db.execute(
        """
        INSERT INTO seen_wait (source, step, day, answers)
        SELECT source, step, $1::date, sum(answers)
          FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS told (source, step, answers)
         GROUP BY source, step
         ORDER BY source, step
            ON CONFLICT (source, step, day) DO UPDATE SET answers = seen_wait.answers + EXCLUDED.answers
        """,
        day,
        *_columns([(one.source, step, count) for one in told for step, count in one.waits], 3),
    )
    await db.execute(
        """
        INSERT INTO seen_code (source, system, day, items)
        SELECT source, system, $1::date, sum(items)
          FROM unnest($2::text[], $3::text[], $4::bigint[]) AS told (source, system, items)
         GROUP BY source, system
         ORDER BY source, system
            ON CONFLICT (source, system, day) DO UPDATE SET items = seen_code.items + EXCLUDED.items
        """,
        day,
        *_columns([(one.source, each.system, each.count) for one in told for each in one.unmapped], 3),
    )


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[at] for row in rows] for at in range(width)]


async def seen_since(db: Database, day: date) -> dict[str, Seen]:
    """What was seen of each source from this day on."""
    totals = await db.fetch(
        """
        SELECT source, sum(asked)::bigint AS asked, sum(answered)::bigint AS answered, max(last_answer) AS last_answer
          FROM seen_source WHERE day >= $1 GROUP BY source
        """,
        day,
    )
    sections = await db.fetch(
        """
        SELECT source, section, sum(asked)::bigint AS asked, sum(answered)::bigint AS answered, sum(held)::bigint AS held
          FROM seen_section WHERE day >= $1 GROUP BY source, section
        """,
        day,
    )
    waits = await db.fetch(
        "SELECT source, step, sum(answers)::bigint AS n FROM seen_wait WHERE day >= $1 GROUP BY 1, 2 ORDER BY 1, 2", day
    )
    codes = await db.fetch(
        "SELECT source, system, sum(items)::bigint AS n FROM seen_code WHERE day >= $1 GROUP BY 1, 2 ORDER BY n DESC, system", day
    )
    by_section: dict[str, dict[str, SectionSeen]] = {}
    for row in sections:
        seen = SectionSeen(row["section"], row["asked"], row["answered"], row["held"])
        by_section.setdefault(row["source"], {})[row["section"]] = seen
    by_wait: dict[str, list[tuple[int, int]]] = {}
    for row in waits:
        by_wait.setdefault(row["source"], []).append((row["step"], row["n"]))
    by_code: dict[str, list[CodeCount]] = {}
    for row in codes:
        by_code.setdefault(row["source"], []).append(CodeCount(row["system"], row["n"]))
    return {
        row["source"]: Seen(
            row["asked"], row["answered"], row["last_answer"], by_section.get(row["source"], {}),
            tuple(by_wait.get(row["source"], ())), tuple(by_code.get(row["source"], ())),
        )
        for row in totals
    }  # fmt: skip


async def forget_before(db: Database, day: date) -> None:
    """Let go of numbers older than this day."""
    for table in ("seen_source", "seen_section", "seen_wait", "seen_code"):
        await db.execute(f"DELETE FROM {table} WHERE day < $1", day)  # noqa: S608 - one of the four names above
