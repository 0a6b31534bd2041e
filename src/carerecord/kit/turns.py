"""Who may work on the event loop just now? One at a time, a few milliseconds each, in the order in which they came.

Forty answers that arrive together would each take their slice in one round of the loop, and nothing else would run until the last
of them had. With turns a round holds one slice, however many wait.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

TURN_S = 0.008
SHORT_S = 0.001  # of work that nobody waits for, beside a door where an answer costs less than that
T = TypeVar("T")
R = TypeVar("R")


class Turns:
    """One for all who do long work in this process."""

    def __init__(self, *, turn_s: float = TURN_S) -> None:
        self._turn_s = turn_s
        self._queue = asyncio.Lock()  # first come, first served
        self._since = 0.0  # when the first turn of this round of the loop began; 0 = none has

    def mine(self) -> "Turn":
        """`async with turns.mine() as turn`: wait for a turn and have it. Within it nothing is awaited but `Turn.over`."""
        return Turn(self)

    async def each(self, work: Callable[[T], R], of: Iterable[T]) -> list[R]:
        """`work` of each, in order: small pieces of which there may be many."""
        done: list[R] = []
        async with self.mine() as turn:
            for one in of:
                done.append(work(one))
                if turn.spent:
                    await turn.over()
        return done

    def _spent(self) -> bool:
        return self._since > 0.0 and time.perf_counter() - self._since > self._turn_s

    def _next_round(self) -> None:
        self._since = 0.0


class Turn:
    """The turn of one task."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self._mine = turns, False

    async def __aenter__(self) -> "Turn":
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    @property
    def spent(self) -> bool:
        """Whether it is time for `over`: asked between pieces of work so small that awaiting would be a good part of them."""
        return self._turns._spent()

    async def over(self) -> None:
        """Called between two small pieces of work: when the turn has lasted long enough the others have theirs first."""
        if self._turns._spent():
            self.end()
            await self.begin()

    async def begin(self) -> None:
        turns = self._turns
        await turns._queue.acquire()
        self._mine = True
        try:
            if turns._spent():
                await asyncio.sleep(0)  # this round of the loop has had its share; we stay first in the queue
        except BaseException:
            self.end()
            raise
        if not turns._since:
            turns._since = time.perf_counter()
            asyncio.get_running_loop().call_soon(turns._next_round)

    def end(self) -> None:
        if self._mine:
            self._mine = False
            self._turns._queue.release()
