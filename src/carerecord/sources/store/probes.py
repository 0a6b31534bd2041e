"""What did each probe find?"""

from datetime import datetime

import msgspec

from carerecord.contracts.sources import Probe
from carerecord.kit.db import Database

KEPT_EACH = 50  # of one source; older ones are let go, save those with which a section was opened


async def add_probe(db: Database, found: Probe, reached_as: str, at: datetime) -> None:
    await db.execute(
        "INSERT INTO probe (id, source, reached_as, at, ok, report) VALUES ($1, $2, $3, $4, $5, $6)",
        found.id, found.source, reached_as, at, found.ok, msgspec.json.encode(found).decode(),
    )  # fmt: skip
    await db.execute(
        """
        DELETE FROM probe
         WHERE source = $1
           AND id NOT IN (SELECT id FROM probe WHERE source = $1 ORDER BY at DESC LIMIT $2)
           AND id NOT IN (SELECT evidence FROM stage WHERE source = $1)
        """,
        found.source, KEPT_EACH,
    )  # fmt: skip


async def probe_of(db: Database, id_: str) -> tuple[Probe, str, datetime] | None:
    """The report, how the source was reached, and when."""
    row = await db.fetchrow("SELECT report, reached_as, at FROM probe WHERE id = $1", id_)
    return (msgspec.json.decode(row["report"], type=Probe), row["reached_as"], row["at"]) if row else None


async def last_probes(db: Database) -> dict[str, Probe]:
    """The newest report of each source."""
    rows = await db.fetch("SELECT DISTINCT ON (source) source, report FROM probe ORDER BY source, at DESC")
    return {row["source"]: msgspec.json.decode(row["report"], type=Probe) for row in rows}


async def good_probes(db: Database, since: datetime) -> dict[tuple[str, str], str]:
    """The newest passing probe since then, by source and how it was reached."""
    rows = await db.fetch(
        "SELECT DISTINCT ON (source, reached_as) source, reached_as, id FROM probe WHERE ok AND at > $1 ORDER BY 1, 2, at DESC",
        since,
    )
    return {(row["source"], row["reached_as"]): row["id"] for row in rows}
