"""How do services become a house? Builds those that live here, gives each its keys, database and ways to its neighbours,
and stops them in order."""

import asyncio
import gc
import importlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import aiohttp
import asyncpg

from carerecord.app.catalogue import NAMES, Service, callers_of, hearers_of, kinds_heard
from carerecord.kit.calls import KEPT_S, Calls, Direct, Socket, Transport
from carerecord.kit.clock import Clock, SystemClock
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.doors import Door
from carerecord.kit.errors import BadSetting, Unavailable
from carerecord.kit.events import Outbox
from carerecord.kit.hearer import run_hearer
from carerecord.kit.heartbeat import WARN_S, heartbeat
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.migrate import migrate, ready
from carerecord.kit.noticeboard import Noticeboard
from carerecord.kit.part import Heard, Job, Part, Supplies
from carerecord.kit.relay import run_purge, run_relay
from carerecord.kit.tokens import Keys, keys_for

if TYPE_CHECKING:
    from types import ModuleType

STOP_WITHIN_S = 10.0


@dataclass(frozen=True)
class Deployment:
    """What the front gate was told: where things are and what is secret."""

    data_dir: Path
    secret: bytes = field(repr=False, default=b"")  # from which the keys of every service here are derived …
    keys: Mapping[str, Keys] = field(repr=False, default_factory=dict)  # … unless they were given ready made
    databases: Mapping[str, str] = field(repr=False, default_factory=dict)  # service -> DSN
    nats_url: str = field(repr=False, default="")
    peers: Mapping[str, str] = field(default_factory=dict)  # service that is elsewhere -> base address of its process
    address: str = ""  # where people reach the front door
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # service -> words
    secrets_dir: Path | None = None
    round_trip: bool = False
    workers: int = 1
    worker: int = 0  # which of several processes on one port this is; the first relays and hears for all of them
    clock: Clock = field(default_factory=SystemClock)

    def keys_of(self, service: Service) -> Keys:
        """Its own keys and no others.

        Raises:
            BadSetting: neither the keys nor the secret to derive them from were given.
        """
        if service.name in self.keys:
            return self.keys[service.name]
        if not self.secret:
            raise BadSetting(f"The {service.name} service needs its keys: set CARERECORD_KEYS_FILE or CARERECORD_SECRET_FILE.")
        return keys_for(self.secret, service.name, NAMES, service.calls)

    def named_secret(self, name: str) -> str:
        """The value of a named secret: a file of that name in the secrets folder.

        Raises:
            BadSetting: no such file.
        """
        folder = self.secrets_dir or self.data_dir / "secrets"
        file = folder / name
        if not name or Path(name).name != name or not file.is_file():
            raise BadSetting(f"There is no secret named {name!r} in the secrets folder.")
        return file.read_text(encoding="utf-8").strip()


class Builder(Protocol):
    def __call__(self, supplies: Supplies) -> Part: ...


@dataclass(frozen=True)
class Housed:
    """One service that lives in this process."""

    service: Service
    part: Part
    supplies: Supplies
    door: Door


@dataclass(frozen=True)
class House:
    """The services of this process, started."""

    housed: tuple[Housed, ...]
    deployment: Deployment

    def part(self, name: str) -> Part:
        return next(each.part for each in self.housed if each.service.name == name)

    def calls(self, name: str) -> Calls:
        return next(each.supplies.calls for each in self.housed if each.service.name == name)

    def supplies(self, name: str) -> Supplies:
        return next(each.supplies for each in self.housed if each.service.name == name)


class _Later:
    """The way to a neighbour in this process, known once that neighbour has been built."""

    def __init__(self, name: str, parts: Mapping[str, Direct]) -> None:
        self._name, self._parts = name, parts

    def __getattr__(self, method: str) -> object:
        return getattr(self._parts[self._name], method)


@asynccontextmanager
async def running(
    deployment: Deployment, services: Sequence[Service], *, builders: Mapping[str, Builder] | None = None
) -> AsyncIterator[House]:
    """Start these services and, at the end, stop them: the upper floors first, each finishing what is in hand.

    `builders` replaces the `build` of a service by name: for tests and for other implementations of the same contract.
    """
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S))
        )
        here: dict[str, Direct] = {}
        names = {each.name for each in services}
        housed: list[Housed] = []
        await _migrate_all(deployment, services)
        for each in services:
            ways: dict[str, Transport] = {}
            keys = deployment.keys_of(each)
            for other in each.calls:
                if other in names:
                    ways[other] = cast(Transport, _Later(other, here))
                else:
                    ways[other] = Socket(session, f"{_peer(deployment, other)}/{other}", keys.credentials[other])
            housed.append(await _build(stack, deployment, each, keys, Calls(each.name, ways), builders or {}))
            here[each.name] = Direct(
                housed[-1].part.answers, log=housed[-1].supplies.log, round_trip=deployment.round_trip
            )  # fmt: skip
        for one in housed:
            if one.supplies.events is not None:
                await one.supplies.outbox.settle()
            await one.part.start()
            stack.push_async_callback(_stopped, one)
        board = Noticeboard(deployment.nats_url, log_for("noticeboard")) if deployment.nats_url else None
        if board is not None:
            stack.push_async_callback(board.close)
        jobs = [(one, job) for one in housed for job in _jobs(one, board) if not (job.alone and deployment.worker)]
        tasks = [asyncio.create_task(_kept_up(one, job), name=job.name) for one, job in jobs]
        stack.push_async_callback(_cancelled, tasks)
        _spare_the_collector()
        yield House(tuple(housed), deployment)


def _spare_the_collector() -> None:
    """What was made to get here stays for good, so the collector need not walk over it while somebody waits for a page.

    An answer is thousands of small frozen values that end with it, without circles: looked through seldom, they cost little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _peer(deployment: Deployment, name: str) -> str:
    """Where a service that is elsewhere is asked: told, or by its name as Kubernetes resolves it."""
    return deployment.peers.get(name, f"http://{name}:8000").rstrip("/")


async def _migrate_all(deployment: Deployment, services: Sequence[Service]) -> None:
    keepers = [each for each in services if each.keeps]
    for each in keepers:
        if each.name not in deployment.databases:
            raise BadSetting(f"The {each.name} service needs a database: set CARERECORD_{each.name.upper()}_DATABASE.")
    await asyncio.gather(*(_migrated(each, deployment.databases[each.name]) for each in keepers))


async def _migrated(service: Service, dsn: str) -> None:
    try:
        await migrate(dsn, service.migrations)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        setting = f"CARERECORD_{service.name.upper()}_DATABASE"  # named and not quoted: it bears a password
        says = f"The database of the {service.name} service cannot be used ({type(error).__name__}). {setting} tells where it is."
        raise Unavailable(says, service=service.name) from error


async def _build(
    stack: AsyncExitStack,
    deployment: Deployment,
    service: Service,
    keys: Keys,
    calls: Calls,
    builders: Mapping[str, Builder],
) -> Housed:
    pool: Pool | None = None
    outbox: Outbox | None = None
    log, metrics = log_for(service.name), Metrics(service.name)
    if service.keeps:
        pool = await open_pool(deployment.databases[service.name], service=service.name)
        stack.push_async_callback(_closed, pool)
        outbox = Outbox(pool, service.name, deployment.clock)
        stack.push_async_callback(outbox.close)
    supplies = Supplies(
        name=service.name,
        calls=calls,
        keys=keys,
        clock=deployment.clock,
        log=log,
        metrics=metrics,
        settings=deployment.settings.get(service.name, {}),
        secrets=deployment.named_secret,
        data_dir=deployment.data_dir,
        address=deployment.address,
        processes=deployment.workers,
        database=pool,
        events=outbox,
    )
    build = builders.get(service.name) or _builder(service.name)
    part = build(supplies)
    door = Door(
        part,
        key=keys.door,
        callers=callers_of(service.name),
        ready=_readiness(service, pool),
        metrics=metrics,
        log=log,
    )
    return Housed(service, part, supplies, door)


def _builder(name: str) -> Builder:
    module: ModuleType = importlib.import_module(f"carerecord.{name}.api")
    return cast(Builder, module.build)


def _readiness(service: Service, pool: Pool | None) -> Callable[[], "asyncio.Future[str]"]:
    async def missing() -> str:
        if pool is None:
            return ""
        try:
            return "" if await ready(pool, service.migrations) else "its database lacks a migration"
        except Exception:
            return "its database does not answer"

    return cast("Callable[[], asyncio.Future[str]]", missing)


def _jobs(housed: Housed, board: Noticeboard | None) -> list[Job]:
    """What runs beside the answers: the service's own jobs, its relays and hearers, and what watches over them."""
    name, supplies = housed.service.name, housed.supplies
    jobs = [*housed.part.jobs, Job(f"{name}.watch", lambda: _watch(supplies))]
    if board is None or not housed.service.keeps:
        return jobs
    hearers = hearers_of(name)
    clock, log, metrics = supplies.clock, supplies.log, supplies.metrics
    for hearer in hearers:
        relay = partial(
            run_relay, outbox=supplies.outbox, hearer=hearer, kinds=kinds_heard(hearer), board=board, clock=clock, log=log,
            metrics=metrics,
        )  # fmt: skip
        jobs.append(Job(f"{name}.relay.{hearer}", relay, alone=True))
    if hearers:
        purge = partial(run_purge, outbox=supplies.outbox, hearers=hearers, clock=clock, log=log)
        jobs.append(Job(f"{name}.purge", purge, alone=True))
    for heard in _tellers(housed):
        hear = partial(
            run_hearer, service=name, heard=heard, pool=supplies.db, board=board, clock=clock, log=log, metrics=metrics
        )
        jobs.append(Job(f"{name}.hears.{heard.teller}", hear, alone=True))
    return jobs


def _tellers(housed: Housed) -> list[Heard]:
    """What it hears, teller by teller; "*" stands for every teller that the catalogue lets it hear."""
    heard = []
    for each in housed.part.hears:
        tellers = housed.service.hears if each.teller == "*" else (each.teller,)
        heard += [replace(each, teller=teller) for teller in tellers]
    return heard


async def _watch(supplies: Supplies) -> None:
    worst, since = 0.0, time.monotonic()

    def seen(blocked_s: float) -> None:
        nonlocal worst, since
        worst = max(worst, blocked_s)
        if time.monotonic() - since > 5.0:
            supplies.metrics.heartbeat.labels(supplies.name).set(worst)
            if supplies.database is not None:
                supplies.metrics.pool_size.labels(supplies.name).set(supplies.db.get_size())
                supplies.metrics.pool_idle.labels(supplies.name).set(supplies.db.get_idle_size())
            if worst > WARN_S:
                supplies.log.debug("loop.blocked", blocked_s=round(worst, 3))
            worst, since = 0.0, time.monotonic()

    await heartbeat(seen, beat_s=0.05)


async def _kept_up(housed: Housed, job: Job) -> None:
    """Run a job for ever: one that fails is said in the log and tried again, ever more slowly, up to half a minute."""
    pause_s = 0.5
    while True:
        began = time.monotonic()
        try:
            await job.run()
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            housed.supplies.log.error("job.failed", job=job.name, exc_info=error)
        pause_s = 0.5 if time.monotonic() - began > 60 else min(pause_s * 2, 30.0)
        await asyncio.sleep(pause_s)


async def _stopped(housed: Housed) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(housed.part.stop(), STOP_WITHIN_S)


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """End all of them. A cancellation can be lost in a library that is reconnecting at that moment, so it is said again."""
    left = set(tasks)
    for _ in range(5):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=2.0)
        if not left:
            return
    log_for("house").error("jobs.stuck", jobs=sorted(task.get_name() for task in left))


async def _closed(pool: Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), 5.0)
    except TimeoutError:
        pool.terminate()
