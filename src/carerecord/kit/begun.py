"""How is work begun at once, and awaited later by whoever began it? A task would begin only in the next round of the loop.

Beside work that fills each round, as filing does beside the door, a round is a millisecond.
"""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """`work`, done up to where it first has to wait. The task that made it awaits it, once, before it waits for anything else."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work = work
        self._waits, self._ended = self._go_on(None)

    def __await__(self) -> Generator[Any, Any, T]:
        while self._ended is None:
            try:
                heard = yield self._waits
            except BaseException as error:
                self._waits, self._ended = self._go_on(None, error)
            else:
                self._waits, self._ended = self._go_on(heard)
        (answer,) = self._ended
        return answer

    def _go_on(self, heard: Any, error: BaseException | None = None) -> tuple[Any, tuple[T] | None]:
        """What it waits for now, or what it has come to."""
        try:
            return (self._work.send(heard) if error is None else self._work.throw(error)), None
        except StopIteration as end:
            return None, (end.value,)
