"""Which engines do tests run on? One real PostgreSQL and one real NATS for a run, an empty database for a test."""

import gc
import inspect
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil
import pytest
import structlog

import carerecord
from carerecord.app.nats import NatsServer, embedded_nats
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.log import configure
from carerecord.kit.migrate import migrate

HOUSE = Path(carerecord.__file__).parent
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 4_000_000_000  # of which a run takes a tenth or two
_KEPT = "carerecord-tests-"


DURATIONS = Path(__file__).parent / "durations.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write how long each file took into {DURATIONS.name}")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Seconds by file, of those that ran and passed; what is known of others stays. tests/house/test_durations.py reads it."""
    if not config.getoption("--record-durations"):
        return
    took: dict[str, float] = {}
    failed = {report.location[0] for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[report.location[0]] = took.get(report.location[0], 0.0) + report.duration
    known: dict[str, float] = json.loads(DURATIONS.read_text())["seconds"] if DURATIONS.is_file() else {}
    known |= {file: round(seconds, 1) for file, seconds in took.items() if file not in failed}
    there = {file: known[file] for file in sorted(known) if (config.rootpath / file).is_file()}
    cores = len(os.sched_getaffinity(0))
    DURATIONS.write_text(json.dumps({"cores": cores, "seconds": there}, indent=1) + "\n", encoding="utf-8")


@pytest.fixture(autouse=True, scope="module")
def seldom_gone_through() -> None:
    """What stays over the tests of a file, such as FHIR's definitions, is not gone through at each collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test leaves open is its own fault, and not that of whichever runs when the collector comes by."""
    yield
    if inspect.iscoroutinefunction(getattr(request.node, "function", None)):
        gc.collect()


@dataclass(frozen=True)
class TestDatabase:
    """A database of one test's own, dropped after it. `dsn` for another process, `pool` for this one."""

    __test__ = False

    name: str
    dsn: str = field(repr=False)
    pool: Pool


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> None:
    """The log as in service. structlog's own would draw each traceback with its variables, which can take seconds."""
    configure()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())  # wherever pytest has put standard output


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """PostgreSQL for the whole run. Nothing in it outlives the run, so it need not wait for the disk, nor lie on one."""
    unhurried = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
    with quick_folder(tmp_path_factory) as folder, embedded_postgres(folder / "postgres", settings=unhurried) as running:
        yield running


@contextmanager
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is room: a database is three hundred files, and there are thousands of databases."""
    for left in IN_MEMORY.glob(f"{_KEPT}*"):  # by a run that was killed
        if not psutil.pid_exists(int(left.name.removeprefix(_KEPT))):
            shutil.rmtree(left, ignore_errors=True)
    room = shutil.disk_usage(IN_MEMORY).free if os.access(IN_MEMORY, os.W_OK) else 0
    if min(room, psutil.virtual_memory().available) < ROOM_BYTES:
        yield tmp_path_factory.mktemp("engines")
        return
    folder = IN_MEMORY / f"{_KEPT}{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """NATS for the whole run; connect to `nats.url`. A test that kills it starts it again before it ends."""
    with embedded_nats(tmp_path_factory.mktemp("engines") / "nats") as running:
        yield running


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[TestDatabase]:
    """An empty database."""
    async with _database(cluster, service="test", template="template0") as made:
        yield made


@pytest.fixture
async def service_database(cluster: Cluster, migrated: dict[str, str]) -> AsyncIterator[Callable[[str], Awaitable[TestDatabase]]]:
    """`await service_database("patients")`: a database with the tables of that service and of the outbox."""
    async with AsyncExitStack() as stack:

        async def make(service: str) -> TestDatabase:
            if service not in migrated:
                migrated[service] = await template_of(cluster, service)
            return await stack.enter_async_context(_database(cluster, service=service, template=migrated[service]))

        yield make


@pytest.fixture(scope="session")
def migrated() -> dict[str, str]:
    """The name of the migrated template of each service asked for so far: migrations run once, then are copied."""
    return {}


def migration_folders(service: str) -> list[Path]:
    """The outbox's folder and the service's own, those that exist."""
    both = (HOUSE / "kit" / "migrations", HOUSE / service / "migrations")
    return [folder for folder in both if folder.is_dir()]


async def template_of(cluster: Cluster, service: str) -> str:
    """The name of a database with this service's tables, to be copied: made at the first call of a run."""
    name = f"template_{service}"
    if (cluster.dsn, service) in _migrated:
        return name
    with suppress(asyncpg.DuplicateDatabaseError):
        await _as_admin(cluster, f'CREATE DATABASE "{name}" TEMPLATE template0')
    await migrate(cluster.dsn_for(name), migration_folders(service))
    _migrated.add((cluster.dsn, service))
    return name


_migrated: set[tuple[str, str]] = set()


@asynccontextmanager
async def _database(cluster: Cluster, *, service: str, template: str) -> AsyncIterator[TestDatabase]:
    name = f"{re.sub('[^a-z0-9]', '_', service.lower())}_{uuid4().hex[:12]}"
    # Its files copied as files: page by page through the log, as usual, takes three times as long.
    await _as_admin(cluster, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    dsn = cluster.dsn_for(name)
    pool = await open_pool(dsn, service=service)
    try:
        yield TestDatabase(name, dsn, pool)
    finally:
        pool.terminate()  # not `close`: a test that leaves a connection in use has failed already, and need not hang
        await _as_admin(cluster, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _as_admin(cluster: Cluster, statement: str) -> None:
    admin = await asyncpg.connect(cluster.dsn)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()
