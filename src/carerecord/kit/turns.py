"""Who may work on the event loop just now? One at a time, a few milliseconds each, in the order in which they came.

Forty answers that arrive together would each take their slice in one round of the loop, and nothing else would run until the last
of them had. With turns a round holds one slice, however many wait.

Where a request is many works that must all be done (`share_s`), those of the request that came first go first: when ten come
together the first then has its answer after a tenth of the time, and the last no later than if all had theirs at the end.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

from carerecord.kit.request import Request, is_awaited, whose

TURN_S = 0.008
SHORT_S = 0.001  # of work that nobody waits for, beside a door where an answer costs less than that; but for `alone_s`
T = TypeVar("T")
R = TypeVar("R")
_Waiting = tuple[int, int, int, "asyncio.Future[None]"]  # the least is next


class Turns:
    """One for all who do long work in this process.

    `share_s`: the work of one request goes before that of those who came later, until it has had as much as this; then those
    who have had less go first. None: whoever asks first. `alone_s`: how long a turn lasts while nobody outside waits for this
    process: each change of turns costs a round of the loop, and brings other work into the processor's cache.
    """

    def __init__(self, *, turn_s: float = TURN_S, share_s: float | None = None, alone_s: float | None = None) -> None:
        self._turn_s, self._share_s = turn_s, share_s
        self._alone_s = turn_s if alone_s is None else alone_s
        self._lasts_s = turn_s  # this one
        self._taken = False
        self._queue: list[_Waiting] = []  # a heap
        self._asked = count()
        self._since = 0.0  # when the first turn of this round of the loop began; 0 = none has

    def mine(self) -> "Turn":
        """`async with turns.mine() as turn`: wait for a turn and have it. Within it nothing is awaited but `Turn.over`."""
        return Turn(self, whose())

    async def each(self, work: Callable[[T], R], of: Iterable[T]) -> list[R]:
        """`work` of each, in order: small pieces of which there may be many."""
        done: list[R] = []
        async with self.mine() as turn:
            for one in of:
                done.append(work(one))
                if turn.spent:
                    await turn.over()
        return done

    def _next_round(self) -> None:
        self._since = 0.0

    async def _take(self, whose: Request, *, pass_on: bool) -> None:
        """`pass_on`: it is taken by us; whoever is first now, we among them, is to have it."""
        if not self._taken:
            self._taken = True
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = (0, 0) if self._share_s is None else (int(whose.worked_s / self._share_s), whose.place)
        heappush(self._queue, (*before, next(self._asked), given))
        if pass_on:
            self._give()
        try:
            await given
        except BaseException:
            if given.done() and not given.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        while self._queue:
            *_, given = heappop(self._queue)
            if not given.done():  # else its task was cancelled
                given.set_result(None)
                return
        self._taken = False


class Turn:
    """The turn of one task."""

    def __init__(self, turns: Turns, whose: Request) -> None:
        self._turns, self._whose, self._mine = turns, whose, False

    async def __aenter__(self) -> "Turn":
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    @property
    def spent(self) -> bool:
        """Whether it is time for `over`: asked between pieces of work so small that awaiting would be a good part of them."""
        turns = self._turns
        return turns._since > 0.0 and time.perf_counter() - turns._since > turns._lasts_s

    async def over(self) -> None:
        """Called between two small pieces of work: when the turn has lasted long enough the others have theirs first."""
        if self.spent:
            self._mine = False
            self._note()
            await self.begin(pass_on=True)

    async def begin(self, *, pass_on: bool = False) -> None:
        turns = self._turns
        await turns._take(self._whose, pass_on=pass_on)
        self._mine, self._began = True, time.perf_counter()
        try:
            if self.spent:
                await asyncio.sleep(0)  # this round of the loop has had its share; we stay first in the queue
                self._began = time.perf_counter()
        except BaseException:
            self.end()
            raise
        if not turns._since:
            turns._since = self._began
            turns._lasts_s = turns._turn_s if is_awaited() else turns._alone_s
            asyncio.get_running_loop().call_soon(turns._next_round)

    def end(self) -> None:
        if self._mine:
            self._mine = False
            self._note()
            self._turns._give()

    def _note(self) -> None:
        self._whose.worked_s += time.perf_counter() - self._began
