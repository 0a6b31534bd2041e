"""How are pretend systems started? In this loop for a test or a process of the region, or in a process of their own."""

from __future__ import annotations

import asyncio
import pickle
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from carerecord.region.servers.certificates import Certificate
from carerecord.region.servers.deathbed import die_with_parent
from carerecord.region.servers.fhir_server import BASE, FhirServer
from carerecord.region.servers.gp_connect_server import GpConnectServer
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.http import Answer, Asked, Listener, Reply
from carerecord.region.shapes import Holding, System

_STARTS_S = 20.0


@dataclass(frozen=True)
class Serving:
    """What one system serves, and how. It can be pickled."""

    system: System
    holdings: Sequence[Holding] = ()
    habits: tuple[Habit, ...] = ()
    latency_s: float | None = None  # None: the system's own, give or take a fifth
    certificate: Certificate | None = None
    prepared: Mapping[str, bytes] | None = None  # whole bodies by FHIR type, "*" for any: sent as they are
    secret: str = field(default="", repr=False)


class RunningServer:
    """One system that is up: its addresses, what it was asked, its habits."""

    def __init__(self, serving: Serving) -> None:
        self.system = serving.system
        self.client_id, self.secret = "carerecord", serving.secret or secrets.token_urlsafe(18)
        self._serving = serving
        tls = serving.certificate.context() if serving.certificate else None
        self.listener = Listener(self._not_yet, tls)

    @staticmethod
    def _not_yet(_: Asked) -> Answer:
        return Reply(b"", 503)

    async def start(self) -> None:
        await self.listener.listen()
        each = self._serving
        speaks = GpConnectServer if each.system.connector == "gp_connect" else FhirServer
        self.fhir: FhirServer | GpConnectServer = speaks(
            each.system,
            each.holdings,
            self.listener.address,
            habits=each.habits,
            latency_s=each.latency_s,
            secret=self.secret,
            prepared=each.prepared,
        )
        self.listener.handler = self.fhir

    @property
    def address(self) -> str:
        return self.listener.address + BASE

    @property
    def token_address(self) -> str:
        return f"{self.listener.address}/oauth/token" if self.system.needs_token else ""

    @property
    def asked(self) -> list[Asked]:
        return self.fhir.asked

    @property
    def connections(self) -> int:
        return len(self.listener.connections)

    def set(self, *habits: Habit) -> None:
        """These habits and no others, from now on."""
        self.fhir.habits.set(*habits)

    def reset(self) -> None:
        """Back to the habits that it started with; counts and tokens are forgotten."""
        self.fhir.habits.reset()

    async def refuse(self) -> None:
        """Refuse connections, as a machine that is switched off."""
        await self.listener.refuse()

    async def listen(self) -> None:
        """Listen again, on the same port."""
        await self.listener.listen()


@asynccontextmanager
async def running(servings: Sequence[Serving]) -> AsyncIterator[dict[str, RunningServer]]:
    """The systems by key, up in this loop. Raises the first fault of a server's own code when the block ends."""
    servers = {each.system.key: RunningServer(each) for each in servings}
    await asyncio.gather(*(server.start() for server in servers.values()))
    try:
        yield servers
    finally:
        await asyncio.gather(*(server.refuse() for server in servers.values()))
    for server in servers.values():
        if server.listener.faults:
            raise server.listener.faults[0]


@asynccontextmanager
async def running_apart(servings: Sequence[Serving]) -> AsyncIterator[dict[str, str]]:
    """The systems' FHIR addresses by key, up in one OS process of their own, which ends with the block or with us."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        program.stdin.write(pickle.dumps(tuple(servings)))
        program.stdin.write_eof()
        told = await asyncio.wait_for(program.stdout.readline(), _STARTS_S)
        yield orjson.loads(told)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def _serve(servings: Sequence[Serving]) -> None:
    async with running(servings) as servers:
        sys.stdout.buffer.write(orjson.dumps({key: server.address for key, server in servers.items()}) + b"\n")
        sys.stdout.buffer.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    die_with_parent()
    uvloop.run(_serve(pickle.loads(sys.stdin.buffer.read())))  # noqa: S301 -- from our own parent, over our own pipe
