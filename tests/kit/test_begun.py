import asyncio

import pytest

from carerecord.kit.begun import Begun


async def test_work_is_under_way_before_anything_is_awaited() -> None:
    done, opened = [], asyncio.Event()

    async def work() -> str:
        done.append("begun")
        await opened.wait()
        await asyncio.sleep(0)
        done.append("ended")
        return "answer"

    begun = Begun(work())
    assert done == ["begun"]
    asyncio.get_running_loop().call_soon(opened.set)
    assert await begun == "answer"
    assert done == ["begun", "ended"]


async def test_work_that_never_waits_has_its_answer_at_once() -> None:
    async def work() -> int:
        return 7

    assert await Begun(work()) == 7


async def test_a_fault_after_the_first_wait_is_met_where_it_is_awaited() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError

    begun = Begun(work())
    with pytest.raises(LookupError):
        await begun


async def test_who_is_cancelled_while_he_waits_ends_the_work_too() -> None:
    heard = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("ended")
            raise

    async def waits() -> None:
        await Begun(work())

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["ended"]
