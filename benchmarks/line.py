"""How does a benchmark ask over HTTP without costing much itself? One raw protocol: a request, its answer, the next."""

import asyncio
from typing import Any


class Line(asyncio.Protocol):
    """One client. No parser of HTTP: the length of the body is all that is looked for."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self._needs = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the server closed the line"))

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        self._waiting = asyncio.get_running_loop().create_future()
        self._buffer.clear()
        self._needs = -1
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._needs < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.find(b"content-length: ")
            self._needs = end + 4 + int(head[at + 16 : (head + b"\r\n").find(b"\r\n", at)])
        if len(self._buffer) >= self._needs and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(bytes(self._buffer))


def request_of(path: str, token: str, body: bytes = b"", *, kind: str = "application/fhir+json", prefer: str = "") -> bytes:
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {token}\r\n"
    head += "Accept: application/fhir+json\r\n"
    if prefer:
        head += f"Prefer: {prefer}\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
