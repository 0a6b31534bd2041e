"""How long may the head of a request be? It is read before anybody is known, so it has an end: uvicorn's own reader sets none."""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES: Final = 32_768  # of the first line and all headers; browsers and our own faces stay below 8,000


class _TooLong(Exception):
    pass


class BoundedHead(HttpToolsProtocol):
    """A longer one is answered 400, and its connection closed: also one that never ends, of which no more than that is held.

    So it is with what stands between the parts of a body, and with the trailers behind it.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._made = 0  # whole heads, parts of bodies and whole messages on this connection
        self._waiting = 0  # bytes that came since the last of them

    def data_received(self, data: bytes) -> None:
        before = self._made
        super().data_received(data)
        self._waiting = self._waiting + len(data) if self._made == before else 0
        if self._waiting > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_BYTES:
            raise _TooLong  # to the parser, which ends there
        self._made += 1
        super().on_headers_complete()
        # Trailers come behind a body, past whatever a proxy takes out of headers: uvicorn would add them to those.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._made += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._made += 1
        super().on_message_complete()
