"""What if many ask the database at once? Those who come while a statement is under way go together in the next one.

A statement costs its round trip, its plan and its share of the event loop, however little it asks; eight readers at once then
cost little more than one. Nobody waits for company that is not there yet: where no statement is under way, one goes at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")

AT_ONCE: Final = 2  # statements of one kind under way; one that is slow does not hold up all
_MOST: Final = 50  # questions in one statement
_ROUNDS: Final = 2  # of the loop, before a statement: what has come over other lines is read, and asks too


class Together(Generic[A, R]):
    def __init__(self, answer: Callable[[Sequence[A]], Awaitable[Sequence[R]]], *, at_once: int = AT_ONCE) -> None:
        self._answer, self._at_once = answer, at_once
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, question: A) -> R:
        """The answer, from a statement that began after the question was put: what was committed before is seen.

        Raises:
            Whatever the statement raised. Where several shared it each is asked again alone, so that one's fault is its own.
        """
        return await self._put(question)

    async def all(self, questions: Sequence[A]) -> list[R]:
        """The answers of several, in their order."""
        if len(questions) == 1:
            return [await self._put(questions[0])]
        return await asyncio.gather(*[self._put(each) for each in questions])

    def _put(self, question: A) -> "asyncio.Future[R]":
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._under_way < self._at_once:
            self._under_way += 1
            task = asyncio.create_task(self._work(), name="holdings together")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _work(self) -> None:
        try:
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                asked = [each for each in group if not each[1].done()]  # who has gone away asks no more
                if asked:
                    await self._told(asked)
        finally:
            # At once, not when the loop hears that the task has ended: who comes between would wait for nobody.
            self._under_way -= 1

    async def _told(self, group: Sequence[tuple[A, "asyncio.Future[R]"]]) -> None:
        try:
            answers = await self._answer([question for question, _ in group])
        except Exception as fault:
            if len(group) == 1:
                if not group[0][1].done():
                    group[0][1].set_exception(fault)
                return
            for each in group:
                await self._told((each,))
            return
        except BaseException:
            for _, future in group:
                future.cancel()
            raise
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
