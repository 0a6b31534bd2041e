"""What becomes of a connection to NATS that comes to nothing?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from carerecord.kit import noticeboard
from carerecord.kit.errors import Unavailable
from carerecord.kit.log import log_for
from carerecord.kit.noticeboard import Noticeboard

INFO = b'INFO {"version":"2.15.1","max_payload":1048576}\r\n'


class Played:
    """An event server that greets whoever comes while `well`. Otherwise it hangs, or ends without a word."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.well, self._hangs = True, hangs
        self.came = self.open = 0
        self._greeted: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came, self.open = self.came + 1, self.open + 1
        try:
            if self.well:
                self._greeted.append(writer)
                writer.write(INFO)
                while line := await reader.readline():
                    if line == b"PING\r\n":
                        writer.write(b"PONG\r\n")
            elif not self._hangs:
                writer.write_eof()
            await reader.read()  # until the other end lets go
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()

    def cut(self) -> None:
        """Like a server that has died, and one that comes up in its place."""
        self.well = False
        for each in self._greeted:
            each.close()


@asynccontextmanager
async def asking(played: Played) -> AsyncIterator[Noticeboard]:
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    board = Noticeboard(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", log_for("test"))
    try:
        yield board
    finally:
        await board.close()
        server.close()
        await until(lambda: not played.open)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_server_that_takes_a_connection_and_never_speaks_holds_none_of_ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(noticeboard, "CONNECT_WITHIN_S", 0.3)
    played = Played(hangs=True)
    played.well = False
    async with asking(played) as board:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await board.connected()
        await until(lambda: played.came == 3 and not played.open)


async def test_each_attempt_to_come_back_that_fails_is_closed_before_the_next():
    played = Played()
    async with asking(played) as board:
        client = await board.connected()
        played.cut()
        await until(lambda: played.came >= 4 and played.open <= 1)
        played.well = True
        await until(lambda: client.is_connected)
        await until(lambda: played.open == 1)
        assert await board.connected() is client
