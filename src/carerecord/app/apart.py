"""How do services run apart on one machine? A process for each, with its own database, its own keys and no others'."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from carerecord.app.catalogue import NAMES, Service
from carerecord.app.engine import LAUNCH, private_folder, write_private
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate, secret_of
from carerecord.app.house import listening, until_signalled
from carerecord.app.runfile import RunFile, written
from carerecord.app.serve import bound, port_of
from carerecord.kit.errors import Unavailable
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
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        listening = {each.name: bound(0) for each in self.services}
        self.ports = {name: port_of(taken) for name, taken in listening.items()}
        for taken in listening.values():
            taken.close()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start(self, name: str) -> None:
        """Start one service; it is ready when `ready` says so."""
        each = next(service for service in self.services if service.name == name)
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
            "CARERECORD_PORT": str(self.gate.port),
            "CARERECORD_SOURCES_FOLDER": str(self.gate.data_dir / "sources"),
            "CARERECORD_IDENTITY_FOLDER": str(self.gate.data_dir / "providers"),
        }
        if each.keeps:
            told[f"CARERECORD_{name.upper()}_DATABASE"] = self.engines.databases[name]
        others = {f"CARERECORD_{other.upper()}_DATABASE" for other in NAMES}
        environment = {key: value for key, value in os.environ.items() if key not in others and key != "PORT"}
        command = [sys.executable, "-m", "carerecord", "serve", "--target", name, "--inner-port", str(self.ports[name])]
        self.processes[name] = subprocess.Popen(
            # By way of LAUNCH it is told to stop when we are killed without a word.
            [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "same", *command],
            env={**environment, **told, **self.settings},
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the services in order
        )

    def stop(self, *names: str, hard: bool = False) -> None:
        """End these services at once: in order, or by SIGKILL."""
        ending = [process for name in names if (process := self.processes.pop(name, None)) is not None]
        for process in ending:
            process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        for process in ending:
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

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


async def serve_apart(gate: Gate, services: Sequence[Service], engines: Engines, *, say: Callable[[str], None]) -> None:
    """Run each service in its own process until a signal comes; one that ends is started again."""
    if any(each.face for each in services):
        door = listening(gate.port, gate.host)  # said now if it is taken; and a free one is chosen here when none was named
        gate = gate.model_copy(update={"port": port_of(door)})
        door.close()
    house = Apart(gate, services, engines)
    try:
        for each in services:
            house.start(each.name)
        await house.ready()
        places = {each.name: house.address(each.name) for each in services}
        front = f"http://{gate.host}:{gate.port}" if any(each.face for each in services) else ""
        with written(gate.data_dir, RunFile(os.getpid(), front, "", places)):
            for name, place in places.items():
                say(f"{name}: {place}")
            if front:
                say(f"carerecord is ready at {front}")
            watching = asyncio.create_task(_watch(house, say))
            await until_signalled()
            watching.cancel()
    finally:
        house.stop_all()


async def _watch(house: Apart, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for name, process in tuple(house.processes.items()):
            if process.poll() is not None:
                say(f"{name} ended ({process.returncode}); starting it again")
                house.start(name)
