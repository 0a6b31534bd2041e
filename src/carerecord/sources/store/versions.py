"""Which versions of the registry have been in force?"""

import json
from collections.abc import Mapping
from datetime import datetime

from carerecord.kit.db import Database


async def last_version(db: Database) -> tuple[str, Mapping[str, str]]:
    """The version in force last, and the digest of each of its sources; ("", {}) at the very first start."""
    row = await db.fetchrow("SELECT version, sources FROM registry_version ORDER BY id DESC LIMIT 1")
    return (row["version"], json.loads(row["sources"])) if row else ("", {})


async def add_version(db: Database, version: str, sources: Mapping[str, str], at: datetime) -> None:
    await db.execute(
        "INSERT INTO registry_version (version, in_force_at, sources) VALUES ($1, $2, $3)",
        version,
        at,
        json.dumps(sources),
    )
