"""How does the pretend region start and stop? One process makes the people, forks the parts, tells the registry."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO

import msgspec

from carerecord.region import make_region
from carerecord.region.many import widened
from carerecord.region.organisations import BOARD, ORGANISATION_BY_ODS, SAFETY_TESTERS, USER_BY_NAME, USERS
from carerecord.region.organisations.sending import SENDING
from carerecord.region.parts import PartOfRegion, Told, parts_of, serve_part
from carerecord.region.registry_files import (
    pds_table,
    provider_table,
    sending_tables,
    source_table,
    tester_table,
    write_secrets,
    write_tables,
)
from carerecord.region.scenes.all import tell_scenes
from carerecord.region.servers.control import FrontControl
from carerecord.region.servers.deathbed import die_with_parent
from carerecord.region.servers.engine import Engines
from carerecord.region.servers.fhir_server import BASE as FHIR_BASE
from carerecord.region.servers.gp_connect_server import listed_at
from carerecord.region.servers.habits import habit_of
from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.sds import Sds, spine_fields
from carerecord.region.servers.tour import Tour
from carerecord.region.shapes import Region, Scene, User, View

FILED_WITHIN_S = 1.5
_STOPS_S = 5.0


class Addresses(msgspec.Struct, frozen=True):
    """Where the region is, as its process tells the one that started it."""

    tour: str
    control: str
    systems: dict[str, str]  # key -> FHIR address
    providers: dict[str, str]  # key -> issuer
    pds: str
    people: int
    now: datetime  # the moment that all times of the region are relative to
    processes: tuple[int, ...]


class Wanted(msgspec.Struct, frozen=True):
    """What a region's process is asked to be."""

    data_dir: str
    front: str
    seed: int
    people: int
    real: str = ""
    each: bool = False
    sources: int = 0  # systems in all; 0: those of the region
    messages: str = ""  # host:port where carerecord takes HL7 v2 messages; "": nowhere


@dataclass(frozen=True)
class RunningRegion:
    """A region that is up."""

    addresses: Addresses
    users: Sequence[User]
    pid: int
    messages: str = ""  # where its trusts send

    @property
    def tour(self) -> str:
        return self.addresses.tour

    @property
    def control(self) -> str:
        return self.addresses.control

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes as this region tells them, those included that are not complete."""
        return tell_scenes(self.addresses.now).scenes

    @property
    def processes(self) -> tuple[int, ...]:
        return (self.pid, *self.addresses.processes)

    @property
    def systems(self) -> Mapping[str, str]:
        return self.addresses.systems


class RegionFailed(RuntimeError):
    """The region's process ended before it was up; what it said stands in its log."""


@contextmanager
def pretend_region(
    data_dir: Path,
    *,
    front: str,
    seed: int = 1948,
    people: int = 300,
    real: Path | None = None,
    each: bool = False,
    sources: int = 0,
    messages: str = "",
    log: TextIO | None = None,
) -> Iterator[RunningRegion]:
    """A region of its own processes, known to carerecord by the files that it leaves in `data_dir`: sources, providers, secrets.

    `front` is carerecord's address, where its providers may send people back to; `messages` is where its trusts send. What the
    region has to say goes to `log`, or to standard error. It ends with the block, or with us.

    Raises:
        RegionFailed: it did not start.
    """
    wanted = Wanted(str(data_dir), front, seed, people, str(real.absolute()) if real else "", each, sources, messages)
    program = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "carerecord.region.run", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the region in order
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        program.stdin.write(msgspec.json.encode(wanted))
        program.stdin.close()
        told = program.stdout.readline()
        if not told:
            raise RegionFailed(f"The pretend region did not start; see {log.name if log else 'above'}.")
        yield RunningRegion(msgspec.json.decode(told, type=Addresses), USERS, program.pid, messages)
    finally:
        program.terminate()
        try:
            program.wait(_STOPS_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        program.stdout.close()


def run(wanted: Wanted, out: IO[bytes]) -> None:
    """Be the region, until a signal comes. Writes one line, the addresses, when everything answers."""
    region = _made(wanted)
    gc.freeze()  # what the people are made of is shared with every part and never changes
    parts = [_fork(region, part, wanted.front) for part in parts_of(region, each=wanted.each)]
    told = [_heard(pipe) for _, pipe in parts]
    try:
        _event_loop().run_until_complete(_preside(region, told, wanted, out, [pid for pid, _ in parts]))
    finally:
        for pid, _ in parts:
            _end(pid)


def _made(wanted: Wanted) -> Region:
    region = widened(make_region(wanted.seed, wanted.people, now=datetime.now(UTC)), wanted.sources)
    if not wanted.real:
        return region
    from carerecord.region.real import with_real

    return with_real(region, Path(wanted.real))


def _fork(region: Region, part: PartOfRegion, front: str) -> tuple[int, int]:
    """Start one part; its pid and the pipe on which it tells its addresses."""
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    status = 1
    try:
        os.close(reading)
        die_with_parent(parent)
        _event_loop().run_until_complete(_stay(region, part, front, writing))
        status = 0
    finally:
        os._exit(status)  # whatever the parent had in hand is not ours to finish


async def _stay(region: Region, part: PartOfRegion, front: str, writing: int) -> None:
    stopped = _on_signal()
    told, listeners = await serve_part(region, part, front)
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(msgspec.json.encode(told))
    await stopped.wait()
    await asyncio.gather(*(listener.refuse() for listener in listeners))


def _heard(reading: int) -> Told:
    with os.fdopen(reading, "rb") as pipe:
        body = pipe.read()
    if not body:
        raise SystemExit("A part of the pretend region did not start.")
    return msgspec.json.decode(body, type=Told)


def _introduce(region: Region, told: Sequence[Told], folder: Path, sds: str) -> None:
    """Leave the files by which carerecord knows the region; nothing else passes between the two but HTTP."""
    systems = {key: found for each in told for key, found in each.systems.items()}
    providers = {key: found for each in told for key, found in each.providers.items()}
    organisations = {each.ods: each for each in region.organisations}
    tables = [
        source_table(system, organisations[system.ods], systems[system.key][0], systems[system.key][1])
        | (spine_fields(sds) if system.connector == "gp_connect" else {})
        for system in region.systems
    ]
    tables += [pds_table(each.pds, ORGANISATION_BY_ODS[BOARD]) for each in told if each.pds]
    sending = [sending_tables(each, organisations[each.ods]) for each in SENDING]
    testers = [tester_table(USER_BY_NAME[name], providers[USER_BY_NAME[name].provider][0]) for name in SAFETY_TESTERS]
    known = [provider_table(each, providers[each.key][0], region.users, organisations) for each in region.providers]
    secrets = {f"source-{key}": secret for key, (_, token, secret) in systems.items() if token}
    write_secrets(folder / "secrets", secrets | {f"oidc-{key}": secret for key, (_, secret) in providers.items()})
    tables += [source for source, _ in sending]
    write_tables(
        folder / "sources" / "region.toml", "source", tables, "The pretend region's systems. Written anew at each start."
    )
    write_tables(
        folder / "sources" / "senders.toml", "sender", [sender for _, sender in sending],
        "Whose messages are taken. Written anew at each start.",
    )  # fmt: skip
    write_tables(folder / "sources" / "testers.toml", "safety_tester", testers, "Who may look first. Written anew at each start.")
    write_tables(
        folder / "providers" / "region.toml", "provider", known, "The pretend region's sign-in. Written anew at each start."
    )


def _directory(region: Region, told: Sequence[Told], address: str) -> Sds:
    """Where each practice that speaks GP Connect is reached."""
    roots = {key: found[0].removesuffix(FHIR_BASE) for each in told for key, found in each.systems.items()}
    return Sds([listed_at(each, roots[each.key]) for each in region.systems if each.connector == "gp_connect"], address)


async def _preside(region: Region, told: Sequence[Told], wanted: Wanted, out: IO[bytes], pids: Sequence[int]) -> None:
    """Show the tour and pass on what the control is told, until a signal comes or a part is lost."""
    stopped, front = _on_signal(), wanted.front
    control = FrontControl([each.control for each in told])

    engines = Engines(wanted.messages, SENDING)

    async def begin(scene: int, view: View) -> None:
        faults = view.faults
        further = {fault.system: [habit_of(each) for each in faults if each.system == fault.system] for fault in faults}
        await control.tell(msgspec.json.encode({"scene": scene, "add": further}))
        await engines.send(view.sends)
        await asyncio.sleep(FILED_WITHIN_S if view.sends else 0)  # a visitor finds what a trust said a moment ago

    tour = Tour(region, front, begin=begin)
    listeners = [Listener(control), Listener(tour), Listener(lambda _: Reply(b"", 503))]
    await asyncio.gather(*(listener.listen() for listener in listeners))
    directory = listeners[2].handler = _directory(region, told, listeners[2].address)
    _introduce(region, told, Path(wanted.data_dir), directory.base)
    addresses = Addresses(
        tour=listeners[1].address,
        control=listeners[0].address,
        systems={key: found[0] for each in told for key, found in each.systems.items()},
        providers={key: found[0] for each in told for key, found in each.providers.items()},
        pds=next((each.pds for each in told if each.pds), ""),
        people=len(region.people),
        now=region.now,
        processes=tuple(pids),
    )
    out.write(msgspec.json.encode(addresses) + b"\n")
    out.flush()
    watching = asyncio.create_task(_watch(pids, stopped))
    await stopped.wait()
    watching.cancel()
    await asyncio.gather(engines.close(), *(listener.refuse() for listener in listeners))


async def _watch(pids: Sequence[int], stopped: asyncio.Event) -> None:
    """A region that has lost a part is no region: it ends, and says so."""
    while True:
        await asyncio.sleep(1.0)
        if any(_ended(pid) for pid in pids):
            print("a part of the pretend region has ended; so does the rest", file=sys.stderr)
            stopped.set()
            return


def _ended(pid: int) -> bool:
    return os.waitpid(pid, os.WNOHANG)[0] != 0


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _event_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def _on_signal() -> asyncio.Event:
    """Set when this process is asked to end."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    return stopped


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    run(msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted), sys.stdout.buffer)
