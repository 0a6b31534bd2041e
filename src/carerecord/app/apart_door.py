"""How is one service of a house that runs apart stopped, started or replaced, from another terminal, while the rest goes on?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from msgspec import Struct

from carerecord.app.catalogue import OPERATOR
from carerecord.app.serve import bound, port_of, server_on
from carerecord.kit.doors import Door
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Part, answer
from carerecord.kit.question import Question
from carerecord.kit.tokens import derive

NAME = "apart"


class ApartAsked(Struct, frozen=True):
    name: str = ""  # a service; "" where all are meant
    command: tuple[str, ...] = ()  # of another implementation, which takes its place


class Process(Struct, frozen=True):
    name: str
    state: str  # running | stopped | ended
    address: str
    command: tuple[str, ...] = ()  # of another implementation, where one runs


LIST = Question(NAME, "list", ApartAsked, tuple[Process, ...])
STOP = Question(NAME, "stop", ApartAsked, Process)
START = Question(NAME, "start", ApartAsked, Process)
REPLACE = Question(NAME, "replace", ApartAsked, Process)


class Processes(Protocol):
    """The house, as its door needs it."""

    instead: dict[str, tuple[str, ...]]

    def address(self, name: str) -> str: ...
    def names(self) -> tuple[str, ...]: ...
    def state(self, name: str) -> str: ...
    def start(self, name: str) -> None: ...
    def stop(self, *names: str, hard: bool = False) -> None: ...
    async def ready(self, names: Sequence[str] = ()) -> None: ...
    async def replace(self, name: str, command: Sequence[str] = ()) -> None: ...


@asynccontextmanager
async def apart_door(house: Processes, secret: bytes) -> AsyncIterator[str]:
    """The address of the door; whoever owns the data folder may knock, and nobody else."""

    def said(name: str) -> Process:
        return Process(name, house.state(name), house.address(name), house.instead.get(name, ()))

    async def every(_: ApartAsked) -> tuple[Process, ...]:
        return tuple(said(name) for name in house.names())

    async def stop(asked: ApartAsked) -> Process:
        house.state(asked.name)
        await asyncio.to_thread(house.stop, asked.name)
        return said(asked.name)

    async def start(asked: ApartAsked) -> Process:
        if house.state(asked.name) != "running":
            house.start(asked.name)
            await house.ready([asked.name])
        return said(asked.name)

    async def replace(asked: ApartAsked) -> Process:
        await house.replace(asked.name, asked.command)
        return said(asked.name)

    async def well() -> str:
        return ""

    part = Part(NAME, answers=(answer(LIST, every), answer(STOP, stop), answer(START, start), answer(REPLACE, replace)))
    door = Door(
        part,
        key=derive(secret, f"door/{NAME}"),
        callers=frozenset({OPERATOR}),
        ready=well,
        metrics=Metrics(NAME),
        log=log_for(NAME),
    )
    listening = bound(0)
    server, _ = server_on(door.app(), listening)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{port_of(listening)}"
    finally:
        server.should_exit = True
        await asyncio.gather(running, return_exceptions=True)
