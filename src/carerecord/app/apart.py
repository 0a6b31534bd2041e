"""How do services run apart on one machine? A process for each, with its own database, its own keys and no others'."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from carerecord.app.apart_door import apart_door
from carerecord.app.catalogue import NAMES, Service
from carerecord.app.engine import LAUNCH, private_folder, write_private
from carerecord.app.engines import Engines
from carerecord.app.front_door import front_door
from carerecord.app.gate import Gate, secret_of
from carerecord.app.house import reserved, until_signalled
from carerecord.app.runfile import RunFile, written
from carerecord.kit.errors import Conflict, NotAcceptable, NotFound, Unavailable
from carerecord.kit.tokens import keys_for, written_keys

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 15.0


@dataclass
class Apart:
    """Services of one deployment, each in a process of its own. Each can be stopped, killed and started alone."""

    gate: Gate
    services: Sequence[Service]
    engines: Engines
    settings: Mapping[str, str] = field(default_factory=dict)  # environment for all of them
    log: Path | None = None  # the file for what they have to say; None: standard error
    replacing: set[str] = field(default_factory=set)  # whose new process is not to be started again should it end
    instead: dict[str, tuple[str, ...]] = field(default_factory=dict)  # service -> the command of another implementation
    ports: dict[str, int] = field(default_factory=dict)
    fronts: dict[str, int] = field(default_factory=dict)  # where each face listens, when there are several behind one door
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faces = [each.name for each in self.services if each.face]
        self.ports = {each.name: reserved(0, self.gate.host) for each in self.services}
        self.fronts = {name: reserved(0, self.gate.host) for name in faces} if len(faces) > 1 else {}

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def faces(self) -> dict[str, str]:
        """Which address answers below which prefix, when there are several faces."""
        return {self._row(name).at: f"http://{self.gate.host}:{port}" for name, port in self.fronts.items()}

    def start(self, name: str) -> None:
        """Start one service; it is ready when `ready` says so."""
        self._begin(name).close()

    def _begin(self, name: str) -> socket.socket:
        """Start its process; the socket that it is to listen on, which is closed to callers until then.

        Several processes may listen on one port, so that one can take another's place. Whoever keeps the socket that is
        returned keeps callers waiting should the process end: close it.
        """
        each = self._row(name)
        folder = private_folder(self.gate.data_dir / "apart" / name)
        keys = keys_for(secret_of(self.gate), name, NAMES, each.calls)
        write_private(folder / "keys.json", json.dumps(written_keys(keys)))
        told = {
            "CARERECORD_DATA_DIR": str(folder),
            "CARERECORD_SECRETS_DIR": str(self.gate.secrets_dir or self.gate.data_dir / "secrets"),
            "CARERECORD_KEYS_FILE": str(folder / "keys.json"),
            "CARERECORD_NATS_URL": self.engines.nats_url,
            "CARERECORD_PEERS": ",".join(f"{other}={self.address(other)}" for other in each.calls if other in self.ports),
            "CARERECORD_ADDRESS": self.gate.address or f"http://{self.gate.host}:{self.gate.port}",
            "CARERECORD_PORT": str(self.fronts.get(name, self.gate.port)),
            "CARERECORD_SOURCES_FOLDER": str(self.gate.data_dir / "sources"),
            "CARERECORD_IDENTITY_FOLDER": str(self.gate.data_dir / "providers"),
        }
        if each.keeps:
            told[f"CARERECORD_{name.upper()}_DATABASE"] = self.engines.databases[name]
        others = {f"CARERECORD_{other.upper()}_DATABASE" for other in NAMES}
        environment = {key: value for key, value in os.environ.items() if key not in others and key != "PORT"}
        own = [sys.executable, "-m", "carerecord", "serve", "--target", name, "--inner-port", str(self.ports[name])]
        command = self.instead.get(name) or own
        listening = _unopened(self.gate.host, self.ports[name])
        told["CARERECORD_INNER_FD"] = str(listening.fileno())
        told["CARERECORD_INNER_PORT"] = str(self.ports[name])
        with self.log.open("ab") if self.log else nullcontext() as log:
            self.processes[name] = subprocess.Popen(
                # By way of LAUNCH it is told to stop when we are killed without a word.
                [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "same", *command],
                env={**environment, **told, **self.settings},
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(listening.fileno(),),
                start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the services in order
            )
        return listening

    def _row(self, name: str) -> Service:
        for each in self.services:
            if each.name == name:
                return each
        raise NotFound(f"{name} is not a service here; they are: {', '.join(each.name for each in self.services)}.")

    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.services)

    def state(self, name: str) -> str:
        """running, stopped, or that it ended by itself and is about to be started again.

        Raises:
            NotFound: there is no such service here.
        """
        process = self.processes.get(self._row(name).name)
        return "stopped" if process is None else "running" if process.poll() is None else "ended"

    async def replace(self, name: str, command: Sequence[str] = ()) -> None:
        """Let another process, of this program or of another, take a service's place without a question lost.

        Both listen for a moment: the old one goes when the new one has opened its door, and answers until its callers have
        changed over. When the new one does not come up, nothing has changed.

        Raises:
            Conflict: the service does not run.
            NotAcceptable: a face, whose front door has one holder; or a command that there is not.
            Unavailable: the new one ended, or did not open its door in time.
        """
        if self._row(name).face:
            raise NotAcceptable(f"{name} holds the front door, which has one holder: stop it and start it.")
        old = self.processes.get(name)
        if old is None or old.poll() is not None:
            raise Conflict(f"{name} does not run; start it first.")
        program = shutil.which(command[0]) if command else ""
        if program is None:
            raise NotAcceptable(f"There is no program {command[0]} here.")
        before = self.instead.pop(name, ())
        if program:
            self.instead[name] = (program, *command[1:])
        self.replacing.add(name)
        try:
            with closing(self._begin(name)) as listening:
                await self._opened(name, listening)
        except Unavailable:
            self.stop(name, hard=True)
            self.processes[name], self.instead[name] = old, before
            raise
        finally:
            self.replacing.discard(name)
        await asyncio.to_thread(_ended, old)

    async def _opened(self, name: str, listening: socket.socket) -> None:
        """Wait until the new process listens: the kernel knows, whatever language it is written in."""
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_WITHIN_S
        while not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            if self.processes[name].poll() is not None:
                raise Unavailable(f"What was to take the place of {name} ended as it started; its last words are in the log.")
            if loop.time() > until:
                raise Unavailable(f"What was to take the place of {name} has not opened its door.")
            await asyncio.sleep(0.02)

    def stop(self, *names: str, hard: bool = False) -> None:
        """End these services at once: in order, or by SIGKILL."""
        _ended(*(process for name in names if (process := self.processes.pop(name, None)) is not None), hard=hard)

    def stop_all(self) -> None:
        """End every service, the upper floors first: whoever asks ends before whoever answers."""
        for floor in sorted({each.floor for each in self.services}, reverse=True):
            self.stop(*(each.name for each in self.services if each.floor == floor))

    async def ready(self, names: Sequence[str] = ()) -> None:
        """Wait until these services (all) are ready.

        Raises:
            Unavailable: one ended, or was not ready in time.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_WITHIN_S
        async with aiohttp.ClientSession() as session:
            for name in names or tuple(self.processes):
                while not await _is_ready(session, f"{self.address(name)}/health/ready"):
                    if self.processes[name].poll() is not None:
                        raise Unavailable(f"The {name} service ended as it started; its last words are above.")
                    if loop.time() > until:
                        raise Unavailable(f"The {name} service is not ready after {READY_WITHIN_S:.0f} seconds.")
                    await asyncio.sleep(0.05)


async def _is_ready(session: aiohttp.ClientSession, address: str) -> bool:
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with session.get(address, timeout=aiohttp.ClientTimeout(total=2)) as reply:
            return reply.status == 200
    return False


def _unopened(host: str, port: int) -> socket.socket:
    """A socket bound to this port, not listening: nobody is kept waiting at a door that is not open yet."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind((host, port))
    return taken


def _ended(*processes: "subprocess.Popen[bytes]", hard: bool = False) -> None:
    for process in processes:
        process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def kept_apart(
    gate: Gate,
    services: Sequence[Service],
    engines: Engines,
    *,
    say: Callable[[str], None],
    settings: Mapping[str, str] | None = None,
    control: str = "",
    tour: str = "",
    log: Path | None = None,
) -> AsyncIterator[tuple[Apart, RunFile]]:
    """Each service ready in a process of its own; one that ends by itself is started again, one that was stopped is not."""
    has_face = any(each.face for each in services)
    if has_face:
        gate = gate.model_copy(update={"port": reserved(gate.port, gate.host)})  # that it is taken is said now
    house = Apart(gate, services, engines, settings=settings or {}, log=log)
    try:
        for each in services:
            house.start(each.name)
        await house.ready()
        front_doors = front_door(gate.host, gate.port, house.faces()) if house.fronts else nullcontext()
        async with front_doors, apart_door(house, secret_of(gate)) as inner:
            places = {each.name: house.address(each.name) for each in services}
            front = f"http://{gate.host}:{gate.port}" if has_face else ""
            run = RunFile(os.getpid(), front, inner, places, control=control, tour=tour, log=str(log or ""))
            with written(gate.data_dir, run):
                watching = asyncio.create_task(_watch(house, say))
                try:
                    yield house, run
                finally:
                    watching.cancel()
    finally:
        house.stop_all()


async def serve_apart(gate: Gate, services: Sequence[Service], engines: Engines, *, say: Callable[[str], None]) -> None:
    """Run each service in its own process until a signal comes."""
    async with kept_apart(gate, services, engines, say=say) as (_, run):
        for name, place in run.services.items():
            say(f"{name}: {place}")
        if run.front:
            say(f"carerecord is ready at {run.front}")
        await until_signalled()


async def _watch(house: Apart, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for name, process in tuple(house.processes.items()):
            if process.poll() is not None and house.processes.get(name) is process and name not in house.replacing:
                say(f"{name} ended ({process.returncode}); starting it again")
                house.start(name)
