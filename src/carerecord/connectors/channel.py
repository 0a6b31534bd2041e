"""One connection to a system outside: a request goes out, an answer comes whole, within a size and by a moment, or not at all.

The parser is llhttp's, by httptools. What is held of an answer that has not ended never exceeds its limit by more than what one
read of the socket brings; nor do heads, trailers and provisional answers without end (ADR 101).
"""

import asyncio
import time
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from msgspec import Struct

from carerecord.connectors.inflating import Inflating
from carerecord.connectors.web_trouble import CutShort, Elsewhere, NoAnswer, TooLarge, WebTrouble

MOST_BESIDE = 65_536  # bytes in a row of which none is of the body: the head, and whatever else a peer may send without end
_LOOKED_AT = frozenset({b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"retry-after", b"etag"})
BROKEN = "It broke the connection without an answer."
BROKEN_OFF = "Its answer broke off."
LARGE = "Its answer is too large."


class Stale(NoAnswer):
    """A kept connection had been closed at the other end before anything of the answer came: the request was not answered."""


class Arrived(Struct, frozen=True):
    """A whole answer, whatever its status. Of its headers, those that are looked at, by name in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Channel(asyncio.Protocol):
    """One exchange after the other. Closed as soon as one does not end as it should: what comes later belongs to nobody."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Arrived] | None = None  # of the exchange that is under way
        self._kept = False  # an exchange has ended well on it
        self.idle_since = 0.0
        self._begin(0)

    def _begin(self, most: int) -> None:
        self._most = most
        self._came = False  # anything of the answer
        self._beside = 0
        self._again()

    def _again(self) -> None:
        """Before the head of an answer, and of the one that follows a provisional one (1xx)."""
        self._status = 0  # 0: its head has not come
        self._headers: dict[bytes, bytes] = {}
        self._inflating: Inflating | None = None
        self._body = bytearray()  # and not the parts as they came, of which each may be a byte long
        self._size = 0

    @property
    def open(self) -> bool:
        """Whether another exchange may go over it."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Whoever waits for an answer on it gets none."""
        self._fail(self._broken())

    async def exchange(self, sent: bytes, most: int, until: float) -> Arrived:
        """`until` is a moment of the event loop's clock.

        Raises:
            WebTrouble: no whole answer came.
        """
        if self._transport is None or self._transport.is_closing():
            raise Stale(BROKEN)
        loop = asyncio.get_running_loop()
        self._begin(most)
        self._answer = loop.create_future()
        at_the_end = loop.call_at(until, self._late)
        self._transport.write(sent)
        try:
            arrived = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            at_the_end.cancel()
            self._answer = None
        self._kept, self.idle_since = True, time.monotonic()
        return arrived

    def _late(self) -> None:
        self._fail(NoAnswer("It began to answer and then fell silent." if self._status else "It did not answer in time."))

    def _fail(self, trouble: WebTrouble) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(trouble)

    # --- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody has asked
            self.close()
            return
        self._came = True
        size = self._size
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(self._broken())
            return
        self._beside = self._beside + len(data) if self._size == size else 0
        if self._beside > MOST_BESIDE:
            self._fail(TooLarge(LARGE))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is None or self._answer.done():
            return
        if error is None and self._status and not {b"content-length", b"transfer-encoding"} & self._headers.keys():
            self._finish()  # its end is the end of the connection
        else:
            self._answer.set_exception(self._broken())

    def _broken(self) -> WebTrouble:
        if self._status:
            return CutShort(BROKEN_OFF)
        if self._kept and not self._came:
            return Stale(BROKEN)
        return NoAnswer(BROKEN)

    # --- what the parser tells

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # a second answer to one question

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._status and (name := name.lower()) in _LOOKED_AT:
            self._headers.setdefault(name, value)

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if 300 <= status < 400 and status != 304:
            self._fail(Elsewhere("It answered by sending us to another address, which is not followed."))
        elif int(self._headers.get(b"content-length", 0)) > self._most:
            self._fail(TooLarge(LARGE))
        elif packed := self._headers.get(b"content-encoding"):
            self._inflating = Inflating.of(packed.lower())

    def on_body(self, body: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        try:
            if self._inflating is not None:
                body = self._inflating.more(body, self._most - self._size)
            self._size += len(body)
            if self._size > self._most:
                raise TooLarge(LARGE)
        except WebTrouble as trouble:
            self._fail(trouble)
            return
        self._body += body

    def on_message_complete(self) -> None:
        if 100 <= self._status < 200:
            self._again()
            return
        self._finish()
        if not self._parser.should_keep_alive():
            self.close()

    def _finish(self) -> None:
        if self._answer is None or self._answer.done():
            return
        if self._inflating is not None and not self._inflating.ended:
            self._fail(CutShort(BROKEN_OFF))
            return
        body, self._body = self._body, bytearray()
        self._answer.set_result(Arrived(self._status, self._headers, bytes(body)))
