"""How do several processes take the connections of one port? Each as its turn comes: whoever has fewest takes the next.

They listen on one socket, so a process that dies leaves nobody waiting in a queue of its own. Left to the kernel, one process
would take all connections of a client that opens four and keeps them.
"""

import asyncio
import mmap
import socket
from collections.abc import Callable
from typing import Any, Final

_AWAY: Final = 0xFFFFFFFF  # not up: nobody waits for it
_BYTES: Final = 4
_LEFT_S: Final = 0.002  # so long a connection is left to one that has fewer
_PAUSE_S: Final = 0.1  # when there is no room for another connection at all


class Shares:
    """How many connections each process has, in memory that all of them see. Made before they are."""

    def __init__(self, many: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, many * _BYTES)).cast("I")
        for number in range(many):
            self.away(number)

    def away(self, number: int) -> None:
        self._counts[number] = _AWAY

    def told(self, number: int, connections: int) -> None:
        self._counts[number] = connections

    def of(self, number: int) -> int:
        return 0 if self._counts[number] == _AWAY else self._counts[number]

    def fewest(self) -> int:
        return min(self._counts)


class Counted(set[Any]):
    """The connections of this process; each change is told to the others."""

    def __init__(self, shares: Shares, number: int) -> None:
        super().__init__()
        self._shares, self._number = shares, number
        shares.told(number, 0)

    def add(self, connection: Any) -> None:
        super().add(connection)
        self._shares.told(self._number, len(self))

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self._shares.told(self._number, len(self))


class Taking:
    """Takes connections from a listening socket that others take from as well; in the place of an asyncio server."""

    def __init__(
        self, listening: socket.socket, protocol: Callable[[], asyncio.Protocol], shares: Shares, connections: Counted
    ) -> None:
        self.sockets = (listening,)
        self._listening, self._protocol, self._shares, self._connections = listening, protocol, shares, connections
        self._loop = asyncio.get_running_loop()
        self._left = self._closed = False
        self._taken: set[asyncio.Task[Any]] = set()
        self._listen()

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening, self._ready)

    def _wait(self, pause_s: float) -> None:
        self._loop.remove_reader(self._listening)
        self._loop.call_later(pause_s, self._listen)

    def _ready(self) -> None:
        """One connection at most: the next may be another's."""
        if not self._left and len(self._connections) + len(self._taken) > self._shares.fewest():
            self._left = True  # once: if nobody takes it meanwhile, all are busy, and it is ours
            self._wait(_LEFT_S)
            return
        self._left = False
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # no descriptor is left, or no memory
            self._wait(_PAUSE_S)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._opened(connection))
        self._taken.add(task)
        task.add_done_callback(self._taken.discard)

    async def _opened(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # it has gone again
            connection.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        return None
