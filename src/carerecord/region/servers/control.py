"""How are the habits of a running region switched? One small address for each process, and one in front of them all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
import orjson

from carerecord.region.servers.habits import Habit, Habits
from carerecord.region.servers.http import Answer, Asked, Listener, Reply, as_json
from carerecord.region.servers.oidc_provider import OidcProvider


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a control address may be told. All parts are optional; reset comes first, then the rest."""

    reset: bool | tuple[str, ...] = ()  # true: every system; habits and counts are as at the start, everyone listens
    set: dict[str, tuple[Habit, ...]] = {}  # these habits and no others
    add: dict[str, tuple[Habit, ...]] = {}  # these habits too
    refuse: tuple[str, ...] = ()  # switched off: connections are refused
    listen: tuple[str, ...] = ()  # switched on again
    rotate: tuple[str, ...] = ()  # identity providers whose signing keys turn
    scene: int = 0  # a scene of the tour begins: everything is reset for it


class Controlled(Protocol):
    """A system, the PDS or a provider, as the control sees it."""

    @property
    def listener(self) -> Listener: ...

    @property
    def habits(self) -> Habits | None: ...

    @property
    def oidc_provider(self) -> OidcProvider | None: ...


class Control:
    """The handler of one process's control address."""

    def __init__(self, controlled: Mapping[str, Controlled]) -> None:
        self._controlled = controlled

    def __call__(self, asked: Asked) -> Answer | asyncio.Future[Answer]:
        if asked.path != "/control":
            return as_json({"error": "There is only /control here."}, 404)
        if asked.method == "GET":
            return self._state()
        try:
            order = msgspec.json.decode(asked.body, type=Order)
        except msgspec.DecodeError as error:
            return as_json({"error": str(error)}, 400)
        return asyncio.ensure_future(self._obey(order))

    def _state(self) -> Reply:
        now = {name: list(each.habits.now) if each.habits else [] for name, each in self._controlled.items()}
        return Reply(msgspec.json.encode({"habits": now}), 200, "application/json")

    async def _obey(self, order: Order) -> Answer:
        everyone = order.reset is True or order.scene > 0
        reset = tuple(self._controlled) if everyone else order.reset or ()
        for name in reset if isinstance(reset, tuple) else ():
            if each := self._controlled.get(name):
                await each.listener.listen()
                if each.habits is not None:
                    each.habits.reset()
        for name, habits in order.set.items():
            if (each := self._controlled.get(name)) and each.habits is not None:
                each.habits.set(*habits)
        for name, habits in order.add.items():
            if (each := self._controlled.get(name)) and each.habits is not None:
                each.habits.set(*each.habits.now, *habits)
        for name in order.refuse:
            if each := self._controlled.get(name):
                await each.listener.refuse()
        for name in order.listen:
            if each := self._controlled.get(name):
                await each.listener.listen()
        for name in order.rotate:
            if (each := self._controlled.get(name)) and each.oidc_provider is not None:
                each.oidc_provider.ring.rotate()
        return self._state()


class FrontControl:
    """The region's one control address: says the same to every process, and joins what they answer."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    def __call__(self, asked: Asked) -> asyncio.Future[Answer]:
        return asyncio.ensure_future(self._pass_on(asked))

    async def _pass_on(self, asked: Asked) -> Answer:
        answers = await self.tell(asked.body, asked.method, asked.path)
        bad = next((body for status, body in answers if status != 200), None)
        if bad is not None:
            return Reply(bad, 400, "application/json")
        joined: dict[str, Any] = {}
        for _, body in answers:
            joined |= orjson.loads(body)["habits"]
        return as_json({"habits": joined})

    async def tell(self, body: bytes, method: str = "POST", path: str = "/control") -> list[tuple[int, bytes]]:
        return list(await asyncio.gather(*(say(address, method, path, body) for address in self._addresses)))


async def say(address: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One small request to a server of the region; status and body of its answer."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.read()
    finally:
        writer.close()
    told, _, rest = answer.partition(b"\r\n\r\n")
    return int(told.split(b" ", 2)[1]), rest
