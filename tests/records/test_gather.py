"""Whose fault is silence, and is it remembered rightly?"""

import asyncio

from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.kit.clock import SystemClock
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.records.breaker import AFTER
from carerecord.records.gather import LATE_S, Gatherer
from tests.records.facts import a_source

ASKING = Asking(a_source("trust"), ("t1",), frozenset({"problems"}), Expected())


class Slow:
    """A window that comes back later than it was told to."""

    def __init__(self, late_s: float) -> None:
        self.late_s, self.asked, self.in_time = late_s, 0, 0

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        self.asked += 1
        await asyncio.sleep(max(0.0, until + self.late_s - asyncio.get_running_loop().time()))
        self.in_time += asyncio.get_running_loop().time() <= until + LATE_S  # else we were held up, and it is not held against it
        return Reply(asking.source, "no answer", "It did not answer in time.", failed=True)


def gatherer(window: Slow) -> Gatherer:
    return Gatherer(window, SystemClock(), log_for("records"), Metrics("records"), first_paint_s=0.02, last_call_s=0.02)


async def test_a_source_that_stays_silent_is_left_alone_after_a_while():
    window = Slow(0.0)
    asks = gatherer(window)
    for _ in range(AFTER + 20):
        reply = await asks.one(ASKING)

    assert window.in_time == AFTER
    assert "left alone" in reply.says


async def test_a_rush_here_teaches_nobody_to_leave_a_source_alone():
    for late_s in (0.15, 10.0):  # it came back late, or had to be given up
        window = Slow(late_s)
        asks = gatherer(window)
        for _ in range(AFTER + 2):
            reply = await asks.one(ASKING)

        assert window.asked == AFTER + 2
        assert reply.state == "no answer"


async def test_what_is_done_with_a_reply_is_done_while_others_are_waited_for():
    class OneByOne:
        async def ask(self, asking: Asking, *, until: float) -> Reply:
            await asyncio.sleep(0.0 if asking.source.id == "gp" else 0.1)
            return Reply(asking.source, "live")

    order: list[str] = []

    async def then(reply: Reply) -> str:
        order.append(reply.source.id)
        return reply.source.id

    asks = Gatherer(OneByOne(), SystemClock(), log_for("records"), Metrics("records"))
    both = (ASKING, Asking(a_source("gp"), ("g1",), frozenset({"problems"}), Expected()))
    batches = [batch async for batch in asks.all_of(both, then)]

    assert order == ["gp", "trust"]
    assert batches == [("gp", "trust")]


async def test_a_page_that_is_slow_to_be_drawn_is_drawn_less_often_and_waits_for_nobody_at_the_end():
    class InTurn:
        async def ask(self, asking: Asking, *, until: float) -> Reply:
            await asyncio.sleep(0.1 + 0.35 * int(asking.source.id[1:]))
            return Reply(asking.source, "live")

    async def then(reply: Reply) -> str:
        return reply.source.id

    loop = asyncio.get_running_loop()
    askings = [Asking(a_source(f"s{number}"), ("1",), frozenset({"problems"}), Expected()) for number in range(5)]

    async def drawn(each_takes_s: float) -> tuple[list[int], float]:
        asks = Gatherer(InTurn(), SystemClock(), log_for("records"), Metrics("records"), first_paint_s=0.05)
        began, batches = loop.time(), []
        async for batch in asks.all_of(askings, then):
            batches.append(len(batch))
            await asyncio.sleep(each_takes_s)
        return batches, loop.time() - began

    (often, _), (seldom, took_s) = await asyncio.gather(drawn(0.0), drawn(0.2))

    assert sum(often) == sum(seldom) == 5
    assert len(seldom) < len(often)
    assert took_s < 2.5  # the last came after 1.5 s, and nobody waited on
