"""How are all sources asked at once? Each by its deadline; what has come is shown at the first paint, the rest as it joins."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import cache
from typing import Protocol, TypeVar

from msgspec.structs import replace

from carerecord.connectors.reply import Asking, Reply
from carerecord.contracts.records import SectionState
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit import request as requests
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.records.breaker import Breaker

A = TypeVar("A")

TOGETHER_S = 0.3  # late answers that come within this time of each other join the page together
TOGETHER_MOST_S = 2.0  # and at most within this, while pages are slow to be drawn
SHARE = 4  # a worker in a rush draws for a fifth of its time: else it would draw the same again and again, and read nothing
LATE_S = 0.1  # a deadline that passes by more than this passed because we were busy: no fault of the source
GRACE_S = 0.25  # a window comes back by its deadline by itself; after this much more it is given up


class Window(Protocol):
    """A connector: it comes back by `until` (the loop's clock) whatever happens."""

    async def ask(self, asking: Asking, *, until: float) -> Reply: ...


class One(Protocol):
    """One source asked, by whichever way."""

    async def __call__(self, asking: Asking, *, began: float | None = None, insist: bool = False) -> Reply: ...


class Gatherer:
    """Asks sources and remembers, for this process, how each has answered lately. It keeps nothing of what they said."""

    def __init__(
        self, window: Window, clock: Clock, log: Log, metrics: Metrics, *, at_once: int = 1_000,
        first_paint_s: float = 1.0, last_call_s: float = 8.0, ticking: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._window, self._clock, self._log, self._metrics = window, clock, log, metrics
        self._room = asyncio.Semaphore(at_once)
        self.first_paint_s, self.last_call_s = first_paint_s, last_call_s
        self._ticking = ticking
        self._breakers: dict[str, Breaker] = {}
        self._took = cache(lambda source, state: metrics.sources.labels(metrics.service, source, state))
        self._took_s: dict[str, float] = {}  # by source, how long it took when it was last asked

    async def all_of(
        self, askings: Sequence[Asking], then: Callable[[Reply], Awaitable[A]], *, insist: str = "", request: str = "",
        one: "One | None" = None,
    ) -> AsyncGenerator[tuple[A, ...], None]:
        """Replies in batches: those at hand at the first paint (or all, if sooner), then late ones as they come.

        `one` asks one source, where an opening has a way of its own.
        `then` is done with each reply as soon as it has come, while the others are still waited for; it must not fail. The
        first batch comes at the first paint even when it is empty. By the last call every source has a reply. When the caller
        goes away the asking stops and its sockets are freed.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        # The slowest decides when the record is whole, so it is asked first.
        slowest_first = sorted(askings, key=lambda each: -self._took_s.get(each.source.id, 0.0))
        way = one or self.one
        place = {
            asyncio.create_task(self._named(request, each, began, insist, then, way)): each.source.id for each in slowest_first
        }
        pending = set(place)

        def results(done: "set[asyncio.Task[A]]") -> tuple[A, ...]:
            return tuple(task.result() for task in sorted(done, key=place.__getitem__))

        try:
            paint_at = began + self.first_paint_s
            done, pending = await asyncio.wait(pending, timeout=self.first_paint_s) if pending else (set(), set())
            drawn_at = loop.time()
            yield results(done)
            while pending:
                together_s = min(max(TOGETHER_S, SHARE * (loop.time() - drawn_at)), TOGETHER_MOST_S)
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if pending and loop.time() >= paint_at:
                    more, pending = await asyncio.wait(pending, timeout=together_s)
                    done |= more
                drawn_at = loop.time()
                yield results(done)
        finally:
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)

    async def _named(
        self, request: str, asking: Asking, began: float, insist: str, then: Callable[[Reply], Awaitable[A]], one: "One"
    ) -> A:
        """In a task of its own, so that the request id holds for this and all that it causes."""
        with requests.request(request):
            return await then(await one(asking, began=began, insist=asking.source.id == insist))

    async def one(self, asking: Asking, *, began: float | None = None, insist: bool = False, within_s: float = 0.0) -> Reply:
        """Ask one source. `insist` asks even one that rests after failures: a person has said so."""
        source, loop = asking.source, asyncio.get_running_loop()
        breaker = self._breaker(source.id)
        if not breaker.may_ask() and not insist:
            return self._resting(asking, breaker)
        began = loop.time() if began is None else began
        until = began + (within_s or min(source.deadline_s, self.last_call_s))
        try:
            async with asyncio.timeout_at(until + GRACE_S), self._room:
                reply = await self._window.ask(asking, until=until)
        except TimeoutError:
            reply = nothing(asking, "no answer", "Its answer was not taken in in time: too much was going on here.")
            reply = replace(reply, failed=True, elapsed_s=loop.time() - began, as_at=stamp(self._clock.now()))
        except asyncio.CancelledError:
            breaker.let_go()
            raise
        except Exception as error:
            # A fault of ours in one source's answer must not take the others down with it.
            self._log.error("source.failed", source=source.id, exc_info=error)
            reply = nothing(asking, "unreadable", "Its answer could not be worked with.")
        return self._noted(reply, breaker, ours=loop.time() > until + LATE_S)

    def last_answer(self, source: str) -> str:
        return self._breaker(source).last_answer

    def _noted(self, reply: Reply, breaker: Breaker, *, ours: bool) -> Reply:
        """`ours`: it is we who were late. A rush here must not teach us to leave every source alone."""
        before = breaker.last_answer
        self._took_s[reply.source.id] = reply.elapsed_s
        if reply.failed:
            if ours:
                breaker.let_go()
            else:
                breaker.failed()
            self._log.warning(
                "source.silent", source=reply.source.id, state=reply.state, waited_s=round(reply.elapsed_s, 3),
                failures=breaker.failures, says=reply.says, ours=ours,
            )  # fmt: skip
        elif reply.state in ("live", "not recorded", "none held"):
            breaker.answered(reply.as_at)
        else:
            breaker.let_go()
        self._took(reply.source.id, reply.state).observe(reply.elapsed_s)
        return replace(reply, last_answer=before) if before else reply

    def _resting(self, asking: Asking, breaker: Breaker) -> Reply:
        says = f"It has failed {breaker.failures} times in a row and is left alone for {breaker.resting_s():.0f} s."
        return replace(nothing(asking, "no answer", says), last_answer=breaker.last_answer, as_at=stamp(self._clock.now()))

    def _breaker(self, source: str) -> Breaker:
        if source not in self._breakers:
            self._breakers[source] = Breaker(self._ticking)
        return self._breakers[source]


def nothing(asking: Asking, state: str, says: str) -> Reply:
    """A reply that holds nothing, with the reason said for every section that was asked for."""
    sections = tuple(SectionState(each, state, says=says) for each in SECTION_IDS if each in asking.sections)
    return Reply(asking.source, state, says, asking.local_ids, sections)

