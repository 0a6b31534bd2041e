"""How long may the head of a request be? It is read before anybody is known, so it has an end: uvicorn's own reader sets none."""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES: Final = 32_768  # of the first line and all headers; browsers and our own faces stay below 8,000


class _TooLong(Exception):
    pass


class BoundedHead(HttpToolsProtocol):
    """A longer one is answered 400, and its connection closed: also one that never ends, of which no more than that is held."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._begun = self._whole = 0  # heads on this connection
        self._waiting = 0  # bytes that came for one that is not whole yet

    def data_received(self, data: bytes) -> None:
        before = self._begun if self._begun != self._whole else -1
        super().data_received(data)
        same = before == self._begun != self._whole
        self._waiting = self._waiting + len(data) if same else 0
        if self._waiting > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        self._begun += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_BYTES:
            raise _TooLong  # to the parser, which ends there
        self._whole += 1
        super().on_headers_complete()
