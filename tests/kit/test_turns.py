"""Does the event loop stay free while many have long work to do?"""

import asyncio
import time
from typing import Any

import pytest

from carerecord.kit import request
from carerecord.kit.turns import Turns


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def rounds_until(done: "asyncio.Future[Any]") -> int:
    count = 0
    while not done.done():
        await asyncio.sleep(0)
        count += 1
    return count


async def test_forty_who_come_together_leave_the_loop_free_between_each_slice():
    turns = Turns(turn_s=0.002)

    async def one() -> None:
        async with turns.mine():
            work(0.003)

    everyone = asyncio.gather(*(one() for _ in range(40)))

    assert await rounds_until(everyone) >= 40


async def test_small_work_of_many_shares_a_round():
    turns = Turns(turn_s=10.0)

    async def one() -> None:
        async with turns.mine() as turn:
            await turn.over()

    everyone = asyncio.gather(*(one() for _ in range(40)))

    assert await rounds_until(everyone) < 10


async def test_a_long_work_lets_a_short_one_through():
    turns = Turns(turn_s=0.002)
    ended: list[str] = []

    async def long() -> None:
        async with turns.mine() as turn:
            for _ in range(20):
                work(0.003)
                await turn.over()
        ended.append("long")

    async def short() -> None:
        async with turns.mine():
            work(0.001)
        ended.append("short")

    await asyncio.gather(long(), short())

    assert ended == ["short", "long"]


async def test_who_is_cancelled_while_waiting_takes_nobody_elses_turn():
    turns = Turns(turn_s=0.0)
    order: list[str] = []

    async def long(name: str) -> None:
        async with turns.mine() as turn:
            for _ in range(5):
                work(0.001)
                await turn.over()
        order.append(name)

    tasks = [asyncio.create_task(long(name)) for name in "abc"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    await asyncio.gather(*tasks[1:])
    async with asyncio.timeout(1), turns.mine():
        order.append("after")

    assert sorted(order[:2]) == ["b", "c"]
    assert order[2] == "after"


async def test_a_turn_that_was_given_to_who_is_cancelled_before_he_hears_of_it_goes_to_the_next():
    turns = Turns()
    had: list[str] = []

    async def one(name: str) -> None:
        async with turns.mine():
            had.append(name)

    first = turns.mine()
    await first.begin()
    gone, next_ = asyncio.create_task(one("gone")), asyncio.create_task(one("next"))
    await asyncio.sleep(0)
    first.end()
    gone.cancel()
    async with asyncio.timeout(1):
        await next_

    assert had == ["next"]


async def test_small_pieces_of_which_there_are_many_keep_their_order_and_let_others_between():
    turns = Turns(turn_s=0.002)

    def piece(number: int) -> int:
        work(0.0005)
        return number * number

    everything = asyncio.ensure_future(turns.each(piece, range(40)))

    assert await rounds_until(everything) >= 4
    assert everything.result() == [number * number for number in range(40)]


async def works_of(name: str, turns: Turns, ended: list[str], seconds: float, many: int) -> None:
    """A request whose works are all there at once, each in a task of its own, as an opening has them."""

    async def one() -> None:
        with request.request(name):  # the task bears it already
            async with turns.mine() as turn:
                work(seconds)
                await turn.over()
                ended.append(name)

    with request.request(name):
        await asyncio.gather(*(one() for _ in range(many)))


async def test_of_requests_that_come_together_the_first_is_done_before_the_others():
    ended: list[str] = []
    turns = Turns(turn_s=0.002, share_s=1.0)
    names = [f"request-{number}" for number in range(4)]

    await asyncio.gather(*(works_of(each, turns, ended, 0.001, 6) for each in names))

    assert list(dict.fromkeys(reversed(ended))) == list(reversed(names))
    assert set(ended[:6]) == {names[0]}


async def test_one_long_work_of_the_first_goes_on_before_those_who_came_later():
    ended: list[str] = []
    turns = Turns(turn_s=0.002, share_s=1.0)

    async def long() -> None:
        with request.request("the-first-one"):
            async with turns.mine() as turn:
                for _ in range(6):
                    work(0.003)
                    await turn.over()
                ended.append("the-first-one")

    everyone = asyncio.gather(long(), works_of("the-other-one", turns, ended, 0.001, 2))

    assert await rounds_until(everyone) >= 6
    assert ended[0] == "the-first-one"


async def test_a_request_that_has_had_its_share_lets_a_small_one_through():
    ended: list[str] = []
    turns = Turns(turn_s=0.002, share_s=0.02)

    await asyncio.gather(works_of("a-large-one", turns, ended, 0.003, 20), works_of("a-small-one", turns, ended, 0.001, 3))

    assert ended[0] == ended[-1] == "a-large-one"
    assert ended.index("a-small-one") < 10


async def test_what_is_done_for_no_request_waits_for_those_that_came_before_it():
    ended: list[str] = []
    turns = Turns(turn_s=0.002, share_s=1.0)

    async def beside() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # after those of the opening
        async with turns.mine():
            ended.append("beside")

    await asyncio.gather(works_of("an-opening", turns, ended, 0.002, 5), beside())

    assert ended[-1] == "beside"


async def test_a_turn_lasts_longer_while_nobody_outside_waits_and_is_short_again_for_whoever_comes():
    async def rounds(turns: Turns) -> int:
        async def one() -> None:
            async with turns.mine() as turn:
                for _ in range(10):
                    work(0.002)
                    await turn.over()

        return await rounds_until(asyncio.ensure_future(one()))

    await asyncio.sleep(request.LATELY_S + 0.01)  # whoever came in another test is long gone
    assert await rounds(Turns(turn_s=0.001, alone_s=0.5)) < 5
    assert await rounds(Turns(turn_s=0.001)) >= 10
    with request.request():
        assert await rounds(Turns(turn_s=0.001, alone_s=0.5)) >= 10, "somebody's request is under way"
    assert request.is_awaited(), "who was answered just now may ask the next"
    await asyncio.sleep(request.LATELY_S + 0.01)
    assert not request.is_awaited()
    request.came()
    assert request.is_awaited(), "somebody came to a door through which no request passes"
