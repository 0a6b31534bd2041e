"""How does a pretend system speak HTTP? A lean HTTP/1.1 server on asyncio that can also misbehave, byte by byte.

A web framework would mend what these servers must be able to break: an answer that stops after its headers, a chunk that never
ends, a connection that is reset at byte 512.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl

import httptools
import orjson

FHIR = "application/fhir+json"
HTML = "text/html; charset=utf-8"
_MOST_BYTES = 4_000_000
_HANDS_S = 0.05  # nobody is told of hands that are still being shaken: they are let go by the other side


@dataclass(frozen=True)
class Asked:
    """One request, whole."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]  # names in lower case; the last of a name counts
    body: bytes = b""

    def value(self, name: str) -> str:
        """The first value of this query parameter, or nothing."""
        return next((value for key, value in self.query if key == name), "")

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def cookie(self, name: str) -> str:
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return next((value for key, _, value in pairs if key == name), "")


@dataclass(frozen=True)
class Reply:
    """An answer as HTTP means it."""

    body: bytes = b""
    status: int = 200
    content_type: str = FHIR
    headers: tuple[tuple[str, str], ...] = ()

    def head(self, *, length: int | None = None, chunked: bool = False) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}", f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(
            "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(self.body) if length is None else length}"
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class End(Enum):
    """How a script ends when not in good order."""

    HANG = "hang"  # say no more, keep the connection until the other side lets go
    ABORT = "abort"  # reset the connection
    CLOSE = "close"  # close it in good order


@dataclass(frozen=True)
class Script:
    """An answer as a fault means it: bytes are sent as they are, a number is waited for in seconds."""

    steps: Iterable[bytes | float | End]


Answer = Reply | Script
Handler = Callable[[Asked], "Answer | Awaitable[Answer]"]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def as_json(
    value: object, status: int = 200, *, content_type: str = "application/json", headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    return Reply(orjson.dumps(value), status, content_type, headers)


def redirect(to: str, *headers: tuple[str, str], status: int = 302) -> Reply:
    return Reply(b"", status, HTML, (("Location", to), ("Cache-Control", "no-store"), *headers))


class _Connection(asyncio.Protocol):
    """One socket: requests are answered one at a time, in order."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Asked | None] = deque()
        self._busy: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._gone = asyncio.Event()
        self._start()

    def _start(self) -> None:
        self._url, self._headers, self._body, self._size = b"", dict[str, str](), list[bytes](), 0

    # asyncio's side
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        self._listener.connections.add(self)
        if not self._listener.listens:  # any more: it was taken while the door closed
            self.drop()

    def connection_lost(self, _: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._gone.set()
        self._room.set()
        if self._busy is not None:
            self._busy.cancel()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.write(Reply(b"", 400).head())
            self._transport.close()

    # httptools' side
    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _MOST_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        url = httptools.parse_url(self._url)
        query = tuple(parse_qsl((url.query or b"").decode("latin-1"), keep_blank_values=True))
        method = self._parser.get_method().decode()
        asked = Asked(method, (url.path or b"/").decode("latin-1"), query, self._headers, b"".join(self._body))
        keep = self._parser.should_keep_alive()
        self._start()
        self._waiting.append(asked)
        if not keep:
            self._waiting.append(None)
        self._next()

    # ours
    def _next(self) -> None:
        """Answer what waits: at once where the handler needs no waiting, else in a task."""
        while self._waiting and self._busy is None:
            asked = self._waiting.popleft()
            if asked is None:
                self._transport.close()
                return
            answer = self._listener.answer(asked)
            if isinstance(answer, Reply):
                self._send(asked, answer)
            else:
                self._busy = asyncio.get_running_loop().create_task(self._later(asked, answer))

    async def _later(self, asked: Asked, answer: Answer | Awaitable[Answer]) -> None:
        if not isinstance(answer, (Reply, Script)):
            try:
                answer = await answer
            except Exception as error:  # a fault of the pretend server is an answer like any other
                answer = self._listener.failed(error)
        if isinstance(answer, Reply):
            self._send(asked, answer)
        else:
            await self._play(answer)
        self._busy = None
        self._next()

    def _send(self, asked: Asked, reply: Reply) -> None:
        self._transport.write(reply.head() if asked.method == "HEAD" else reply.head() + reply.body)

    async def _play(self, script: Script) -> None:
        for step in script.steps:
            if isinstance(step, bytes):
                await self._room.wait()
                if self._transport.is_closing():
                    return
                self._transport.write(step)
            elif isinstance(step, End):
                await self._finish(step)
                return
            else:
                await asyncio.sleep(step)

    async def _finish(self, end: End) -> None:
        if end is End.HANG:
            await self._gone.wait()
        elif end is End.CLOSE:
            self._transport.close()
        else:
            await asyncio.sleep(0.02)  # what was written leaves first: a reset throws away what still waits
            self._transport.abort()

    def drop(self) -> None:
        self._transport.abort()


@dataclass
class Listener:
    """One port of the loopback: `refuse` closes it and every connection, `listen` opens it (the same port again)."""

    handler: Handler
    tls: ssl.SSLContext | None = None
    port: int = 0
    name: str = "127.0.0.1"  # how it calls itself in addresses
    connections: set[_Connection] = field(default_factory=set)
    faults: list[Exception] = field(default_factory=list)  # of its own code; a test looks here
    _server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.name}:{self.port}"

    @property
    def listens(self) -> bool:
        return self._server is not None

    async def listen(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port, ssl=self.tls, backlog=1024)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        for each in server.sockets:
            with suppress(RuntimeError):  # said by uvloop, which takes nobody half way
                asyncio.get_running_loop().remove_reader(each)
        await asyncio.sleep(0)  # whoever was being taken is there
        server.close()
        for connection in tuple(self.connections):
            connection.drop()
        await asyncio.sleep(_HANDS_S if self.tls else 0)

    def answer(self, asked: Asked) -> Answer | Awaitable[Answer]:
        try:
            return self.handler(asked)
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> Reply:
        self.faults.append(error)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(f"a pretend server failed: {type(error).__name__} at {frame.filename}:{frame.lineno}", file=sys.stderr)
        return Reply(b'{"error":"the pretend server itself failed"}', 500, "application/json")
