"""How does a service's database come to have the shape that its code expects?

Plain SQL files, `NNNN_what.sql`, forward only; several folders may lie in one database (the outbox's and the
service's own), each with its own numbers. yoyo-migrations runs them and keeps the list of those done, but it and its
driver are imported only when something is new: the usual start costs one query. Design: docs/adr/0011-migrations.md.
"""

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from carerecord.kit.db import Database
from carerecord.kit.errors import CareRecordError

DONE = "_yoyo_migration"  # yoyo's own table of migrations applied
LOCK = 7_236_514_001  # any constant will do, as long as every process that migrates takes the same
WAIT_FOR_OTHERS_S = 60
# Whoever changes a table waits behind its readers, and everybody who comes later waits behind them. So the wait is short, and the
# whole is tried again.
LOCK_WITHIN_MS = 500
AGAIN_AFTER_S = 0.5
FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class BadMigration(CareRecordError):
    """A migration that is misnamed, out of order or failed; said at start. Nothing of it is left behind."""

    status, issue = 500, "exception"


@dataclass(frozen=True)
class Migration:
    id: str  # "patients/0001_person": the service, then the file
    file: Path


def migrations_in(folders: Iterable[Path]) -> tuple[Migration, ...]:
    """Return the migrations of each `…/NAME/migrations` folder, folders in the order given, files by number from 0001.

    Raises:
        BadMigration: a name that is not NNNN_what.sql, a number missing or used twice.
    """
    found: list[Migration] = []
    for folder in folders:
        for number, file in enumerate(sorted(folder.glob("*.sql")), start=1):
            match = FILE_NAME.fullmatch(file.name)
            if match is None or int(match[1]) != number:
                raise BadMigration(f"{folder.parent.name}/{file.name} should be {number:04}_what.sql")
            found.append(Migration(f"{folder.parent.name}/{file.stem}", file))
    return tuple(found)


async def pending(db: Database, folders: Iterable[Path]) -> tuple[Migration, ...]:
    """Those that the database does not have yet, in order. One query."""
    try:
        done = {row["migration_id"] for row in await db.fetch(f"SELECT migration_id FROM {DONE}")}  # noqa: S608
    except asyncpg.UndefinedTableError:
        done = set()
    return tuple(each for each in migrations_in(folders) if each.id not in done)


async def ready(db: Database, folders: Iterable[Path]) -> bool:
    """Whether the database can be reached and has them all; for /health/ready. A newer database is ready too."""
    return not await pending(db, folders)


async def migrate(dsn: str, folders: Iterable[Path]) -> tuple[str, ...]:
    """Bring the database up to date and return the ids of what was applied; usually nothing, in about 10 ms.

    All that is new goes in by one transaction under an advisory lock: two processes that start together apply each
    migration once, and one that fails or is killed leaves the database as it was. Who reads and writes meanwhile waits half a
    second at most for a lock of ours: one that is not had by then is given up, and the whole is tried again for a minute.

    Raises:
        BadMigration: one failed, or others held a lock for a minute.
    """
    wanted = tuple(folders)
    db = await asyncpg.connect(dsn)
    try:
        if not await pending(db, wanted):
            return ()
    finally:
        await db.close()
    return await asyncio.to_thread(_apply, dsn, migrations_in(wanted))


def _apply(dsn: str, migrations: tuple[Migration, ...]) -> tuple[str, ...]:
    from psycopg import Error
    from psycopg.errors import LockNotAvailable
    from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend  # type: ignore[import-untyped]
    from yoyo.connections import parse_uri  # type: ignore[import-untyped]

    backend = PostgresqlPsycopgBackend(parse_uri(dsn), DONE)
    applying = "the lock"
    try:
        # The session's lock, not a row: if we are killed, it is gone with our connection.
        backend.execute(f"SET lock_timeout = '{WAIT_FOR_OTHERS_S}s'")
        backend.execute(f"SELECT pg_advisory_lock({LOCK})")
        backend.init_database()
        backend.execute(f"SET lock_timeout = '{LOCK_WITHIN_MS}ms'")
        done = set(backend.get_applied_migration_hashes())
        new = [each for each in map(_as_yoyo, migrations) if each.hash not in done]
        until = time.monotonic() + WAIT_FOR_OTHERS_S
        while True:
            try:
                with backend.transaction():
                    for each in new:
                        applying = each.id
                        # Not `apply_one`: it commits the effect on one connection and the mark on another.
                        each.process_steps(backend, "apply")
                        backend.mark_one(each, log=False)
                return tuple(each.id for each in new)
            except LockNotAvailable:
                if time.monotonic() >= until:
                    raise
                time.sleep(AGAIN_AFTER_S)
    except Error as error:
        raise BadMigration(f"migration {applying} failed: {error}") from error
    finally:
        backend.connection.close()


def _as_yoyo(migration: Migration) -> Any:
    """A yoyo migration of one step, the whole file: yoyo would cut it at semicolons, in function bodies too."""
    from yoyo.migrations import Migration as YoyoMigration  # type: ignore[import-untyped]
    from yoyo.migrations import MigrationStep

    class WholeFile(YoyoMigration):  # type: ignore[misc]
        def load(self) -> None:
            self._depends: set[YoyoMigration] = set()
            self.steps = [MigrationStep(0, migration.file.read_text(encoding="utf-8"), None)]

    return WholeFile(migration.id, str(migration.file), str(migration.file.parent))
