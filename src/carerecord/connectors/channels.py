"""Which connection carries a request: one that was kept from the last, or a new one? So many at once, and no more."""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from typing import NamedTuple

from aiohappyeyeballs import start_connection
from yarl import URL

from carerecord.connectors.channel import BROKEN, Arrived, Channel, Stale
from carerecord.connectors.inflating import ENCODINGS
from carerecord.connectors.web_trouble import NoAnswer, NotTrusted, why_not_trusted

A_HOST = 40  # at once
KEPT_S = 30.0  # an idle connection is let go after this
NEXT_ADDRESS_S = 0.25  # of a host with several, the next one is tried beside the first after this (RFC 8305)
_ALWAYS = f"Accept-Encoding: {ENCODINGS}\r\nUser-Agent: carerecord\r\n"
_ENDS_A_LINE = str.maketrans({"\r": None, "\n": None, "\0": None})


class Origin(NamedTuple):
    """Where a connection leads, and by which trust: one made with our certificate is not used without."""

    host: str
    port: int
    trust: ssl.SSLContext | None  # None: not encrypted


class _Place:
    """The connections to one origin."""

    def __init__(self) -> None:
        self.idle: list[Channel] = []  # the last one used is used next
        self.busy: set[Channel] = set()
        self.room = asyncio.Semaphore(A_HOST)
        self.askers = 0  # who wait for room or for a connection among them
        self.closed = False


class Channels:
    """All connections of one process to systems outside."""

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)
        self._places: dict[Origin, _Place] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """All of them, at once; whoever still waits for an answer gets none."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        places, self._places = list(self._places.values()), {}
        for place in places:
            place.closed = True
            for channel in (*place.idle, *place.busy):
                channel.close()
        await asyncio.sleep(0)  # the loop takes them from the system in its next round

    async def ask(
        self, method: str, url: URL, headers: Mapping[str, str], sent: bytes | None, trust: ssl.SSLContext,
        most: int, until: float,
    ) -> Arrived:  # fmt: skip
        """`until` is a moment of the event loop's clock. A GET over a kept connection that was stale goes over a new one, once.

        Raises:
            WebTrouble: no whole answer came. ValueError: a header holds the end of a line.
        """
        request = _written(method, url, headers, sent)
        origin = Origin(url.raw_host or "", url.port or 0, trust if url.scheme == "https" else None)
        place = self._places.get(origin)
        if place is None:
            place = self._places[origin] = _Place()
        place.askers += 1
        try:
            return await self._answered(place, origin, method, request, most, until)
        finally:
            place.askers -= 1

    async def _answered(self, place: _Place, origin: Origin, method: str, request: bytes, most: int, until: float) -> Arrived:
        await _entered(place.room, until)
        try:
            await _entered(self._room, until)
            try:
                try:
                    return await self._exchanged(place, origin, request, most, until)
                except Stale:
                    if method != "GET":
                        raise
                    return await self._exchanged(place, origin, request, most, until, anew=True)
            finally:
                self._room.release()
        finally:
            place.room.release()

    async def _exchanged(
        self, place: _Place, origin: Origin, request: bytes, most: int, until: float, *, anew: bool = False
    ) -> Arrived:
        channel = (None if anew else _kept(place)) or await _connected(origin, until)
        if place.closed:  # meanwhile
            channel.close()
            raise NoAnswer(BROKEN)
        place.busy.add(channel)
        try:
            arrived = await channel.exchange(request, most, until)
        finally:
            place.busy.discard(channel)
        if channel.open:
            place.idle.append(channel)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(KEPT_S, self._sweep)
        return arrived

    def _sweep(self) -> None:
        """Let go of what was not used for long, and of origins that nobody asks any more."""
        self._sweeping, before = None, time.monotonic() - KEPT_S
        for origin, place in list(self._places.items()):
            for channel in place.idle:
                if channel.idle_since <= before:
                    channel.close()
            place.idle = [channel for channel in place.idle if channel.open]
            if not (place.idle or place.askers):
                del self._places[origin]
        if any(place.idle for place in self._places.values()):
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_S / 2, self._sweep)


def _kept(place: _Place) -> Channel | None:
    before = time.monotonic() - KEPT_S
    while place.idle:
        channel = place.idle.pop()
        if channel.open and channel.idle_since > before:
            return channel
        channel.close()
    return None


async def _entered(room: asyncio.Semaphore, until: float) -> None:
    if not room.locked():
        await room.acquire()
        return
    try:
        async with asyncio.timeout_at(until):
            await room.acquire()
    except TimeoutError:
        raise NoAnswer("It did not answer in time.") from None


async def _connected(origin: Origin, until: float) -> Channel:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(until):
            try:
                addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                raise NoAnswer("Its address could not be found.") from None
            found = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, loop=loop)
            try:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                name = origin.host.rstrip(".") if origin.trust else None
                _, channel = await loop.create_connection(Channel, sock=found, ssl=origin.trust, server_hostname=name)
            except BaseException:
                found.close()
                raise
            return channel
    except TimeoutError:
        raise NoAnswer("It did not answer in time.") from None
    except ssl.SSLCertVerificationError as error:
        raise NotTrusted(why_not_trusted(error)) from None
    except ssl.SSLError:
        raise NotTrusted("A safe connection could not be made.") from None
    except (OSError, RuntimeError):  # uvloop says some refusals so
        raise NoAnswer("It could not be reached.") from None


def _written(method: str, url: URL, headers: Mapping[str, str], sent: bytes | None) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if len(lines.translate(_ENDS_A_LINE)) != len(lines) - 2 * len(headers):
        raise ValueError("a header holds the end of a line")
    host = url.host_port_subcomponent or ""
    length = "" if sent is None else f"Content-Length: {len(sent)}\r\n"
    head = f"{method} {url.raw_path_qs} HTTP/1.1\r\nHost: {host}\r\n{_ALWAYS}{length}{lines}\r\n".encode()
    return head + sent if sent else head
