"""How do the trusts send? An integration engine for each: one MLLP connection, message after message, each answer waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from carerecord.region.shapes import SendingSystem, Sent

_AGO = re.compile(r"@(-?[0-9]+)m@")
_START, _END = b"\x0b", b"\x1c\r"
_LONDON = ZoneInfo("Europe/London")
_ANSWERS_WITHIN_S = 10.0


class NotTaken(RuntimeError):
    """A message was not taken: the other end is silent, or refused it. Says the answer's code, never the message."""


class Engine:
    """One trust's. It opens its connection when it first has something to send, and again after it broke."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()
        self._numbers = count(1)

    async def send(self, sent: Sent, system: SendingSystem) -> None:
        """Raises NotTaken: it was not answered by AA."""
        now = datetime.now(_LONDON)
        message = written(sent, system, now, f"{system.mark}{now:%H%M%S%f}{next(self._numbers)}")
        async with self._turn:
            try:
                answer = await asyncio.wait_for(self._exchanged(message), _ANSWERS_WITHIN_S)
            except (OSError, EOFError, TimeoutError):
                await self.close()
                raise NotTaken(f"{system.name}: nobody takes its messages") from None
        code = next((line.split(b"|")[1] for line in answer.split(b"\r") if line.startswith(b"MSA|")), b"")
        if code != b"AA":
            raise NotTaken(f"{system.name}: a message was answered {code.decode('ascii', 'replace') or 'by nothing'}")

    async def _exchanged(self, message: bytes) -> bytes:
        if self._open is None or self._open[1].is_closing():
            self._open = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._open
        writer.write(_START + message + _END)
        await writer.drain()
        return (await reader.readuntil(_END)).strip(_START + _END)

    async def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def written(sent: Sent, system: SendingSystem, now: datetime, control_id: str) -> bytes:
    """The message as it goes over the wire, at this moment."""

    def moment(found: re.Match[str]) -> str:
        return f"{now + timedelta(minutes=int(found[1])):%Y%m%d%H%M%S%z}"

    by = f"{system.application}|{system.facility}|CARERECORD|FELLS"
    head = f"MSH|^~\\&|{by}|{now:%Y%m%d%H%M%S%z}||{sent.trigger}|{control_id}|P|2.4"
    return "\r".join([head, *(_AGO.sub(moment, each) for each in sent.segments)]).encode() + b"\r"


class Engines:
    """All of the region's, by trust."""

    def __init__(self, address: str, systems: Sequence[SendingSystem]) -> None:
        self._systems: Mapping[str, SendingSystem] = {each.key: each for each in systems}
        self._by_trust = {ods: Engine(address) for ods in {each.ods for each in systems}} if address else {}

    async def send(self, messages: Sequence[Sent]) -> None:
        """One after another, as they stand. Raises NotTaken."""
        for each in messages:
            system = self._systems[each.system]
            if system.ods not in self._by_trust:
                raise NotTaken("this region was not told where messages are taken")
            await self._by_trust[system.ods].send(each, system)

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._by_trust.values()))
