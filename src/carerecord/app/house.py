"""How does one process keep house? Engines, services, doors, and an end on the first signal."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from carerecord.app.catalogue import Service
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate, deployment
from carerecord.app.ports import for_later
from carerecord.app.runfile import RunFile, written
from carerecord.app.serve import bound, handed_over, open_doors, port_of
from carerecord.app.wire import House, running
from carerecord.kit.errors import BadSetting

T = TypeVar("T")

Settings = Mapping[str, Mapping[str, str]]  # service -> words

DESCRIPTORS: Final = 65_536


@asynccontextmanager
async def kept(
    gate: Gate,
    services: Sequence[Service],
    engines: Engines,
    *,
    control: str = "",
    tour: str = "",
    log: str = "",
    settings: Settings | None = None,
) -> AsyncIterator[tuple[House, RunFile]]:
    """A house with its doors open, and where they are."""
    shared = os.environ.get("CARERECORD_SHARED_PORT") == "yes"
    with ExitStack() as doors:
        inner = handed_over(gate.inner_fd) if gate.inner_fd is not None else listening(gate.inner_port, gate.host, shared=shared)
        doors.enter_context(closing(inner))
        has_face = any(each.face for each in services)
        front = doors.enter_context(closing(listening(gate.port, gate.host))) if has_face else None
        front_address = f"http://{gate.host}:{port_of(front)}" if front is not None else ""
        told = deployment(gate, databases=engines.databases, nats_url=engines.nats_url, address=front_address)
        if settings:
            told = replace(told, settings=laid_over(told.settings, settings))
        run = RunFile(os.getpid(), front_address, f"http://{gate.host}:{port_of(inner)}", control=control, tour=tour, log=log)
        async with running(told, services) as house, open_doors(house, inner=inner, front=front):
            with written(gate.data_dir, run):
                yield house, run


def room_for_connections() -> None:
    """As many descriptors as this process may have: what it is started with is often 1,024, which two doors use up."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def laid_over(told: Settings, own: Settings) -> Settings:
    """What a demo says of a service stands, and what the environment says beside it stands too."""
    return {**told, **{service: {**told.get(service, {}), **words} for service, words in own.items()}}


def listening(port: int, host: str, *, shared: bool = False) -> socket.socket:
    """A listening socket.

    Raises:
        BadSetting: the port is taken; says by whom, and the command that uses another.
    """
    try:
        return bound(port, host=host, shared=shared)
    except OSError:
        holder = _holder(port)
        raise BadSetting(f"Port {port} is taken{holder}. Use another: PORT={port + 1} make demo, or --port {port + 1}.") from None


def reserved(port: int, host: str) -> int:
    """A port that will be opened later: the one asked for, or for 0 one that is given to nobody's outgoing connection meanwhile.

    Raises:
        BadSetting: the port is taken.
    """
    if port:
        listening(port, host).close()
        return port
    found = for_later(host)
    if found is None:
        raise BadSetting("No port was found free. Name one: PORT=8080 make demo, or --port 8080.")
    return found


def _holder(port: int) -> str:
    """Who listens on a port, as far as this user may see: " by python3 (pid 123)", or ""."""
    wanted = f"{port:04X}"
    inodes = set()
    with suppress(OSError):
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            parts = line.split()
            if parts[1].endswith(f":{wanted}") and parts[3] == "0A":
                inodes.add(parts[9])
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for link in (folder / "fd").iterdir():
                if os.readlink(link).removeprefix("socket:[").rstrip("]") in inodes:
                    return f" by {(folder / 'comm').read_text().strip()} (pid {folder.name})"
    return ""


async def until_signalled() -> None:
    """Return at the first SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    await stop.wait()


async def stoppable(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; a signal that comes while nobody awaits `until_signalled` cancels it, so that whatever it opened is closed.

    Raises:
        SystemExit: it was stopped so; the code is the one that a shell gives to that signal.
    """
    loop, task, came = asyncio.get_running_loop(), asyncio.ensure_future(work), 0

    def stop(each: signal.Signals) -> None:
        nonlocal came
        came = each
        task.cancel()

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop, each)
    try:
        return await task
    except asyncio.CancelledError:
        if not came:
            raise
    raise SystemExit(128 + came)


def stopped_by_term() -> None:
    """Let SIGTERM end this process as an exception does, outside an event loop too, so that engines and region stop in order."""

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
