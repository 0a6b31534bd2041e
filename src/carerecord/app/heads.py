"""How many may come at once, and how long may a request take to come?

It is read before anybody is known, so it has an end: uvicorn's own reader sets none.
"""

import asyncio
import resource
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES: Final = 32_768  # of the first line and all headers; browsers and our own faces stay below 8,000
HEAD_WITHIN_S: Final = 20.0  # from its first byte; a browser sends it in one
BODY_WITHIN_S: Final = 60.0  # and a second more for each so many bytes of it, but so long at most from the last of them
BODY_PACE: Final = 1_000


class _TooLong(Exception):
    pass


class BoundedHead(HttpToolsProtocol):
    """A longer one is answered 400, and its connection closed: also one that never ends, of which no more than that is held.

    So it is with what stands between the parts of a body, and with the trailers behind it. A head that is not whole in time, of
    whatever length, is answered 408; a body that comes too slowly ends its connection, and so does one on which nothing comes.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._made = 0  # whole heads, parts of bodies and whole messages on this connection
        self._waiting = 0  # bytes that came since the last of them
        self._half = ""  # head | body: what of a request is not whole
        self._due = 0.0  # when it is to be
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2:
            transport.abort()  # what else this process does needs descriptors too
        # Ended by what comes first, as between two requests.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._patience is not None:
            self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        before = self._made
        super().data_received(data)
        self._waiting = self._waiting + len(data) if self._made == before else 0
        if self._waiting > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")
        if self._half == "body":
            self._due = min(self._due + len(data) / BODY_PACE, self.loop.time() + BODY_WITHIN_S)
        elif not self._half and not self._answering:  # blank lines, which the parser skips: uvicorn's patience ended with them
            self._half, self._due = "head", self.loop.time() + HEAD_WITHIN_S
        if self._half and not self.transport.is_closing():
            if self._patience is not None and self._patience.when() > self._due:  # a head behind a body has a head's time
                self._patience.cancel()
                self._patience = None
            self._patience = self._patience or self.loop.call_at(self._due, self._look)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._half, self._due = "head", self.loop.time() + HEAD_WITHIN_S

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_BYTES:
            raise _TooLong  # to the parser, which ends there
        self._made += 1
        self._half, self._due = "body", self.loop.time() + BODY_WITHIN_S
        super().on_headers_complete()
        # Trailers come behind a body, past whatever a proxy takes out of headers: uvicorn would add them to those.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._made += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._made += 1
        self._half = ""
        super().on_message_complete()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        """The time of what was half there is over: is anything so now, and for too long?"""
        self._patience = None
        if not self._half or self.transport.is_closing():
            return
        now = self.loop.time()
        if self.flow.read_paused or (self._half == "head" and self._answering):  # it is us who are slow
            self._due = max(self._due, now + HEAD_WITHIN_S)
        if self._due > now:
            self._patience = self.loop.call_at(self._due, self._look)
            return
        if self._half == "head":
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
