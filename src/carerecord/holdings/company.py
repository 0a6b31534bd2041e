"""Which single writes go together? Those that wait at the same moment and touch different resources: one commit for many."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from carerecord.contracts.holdings import Written
from carerecord.holdings.drafts import Draft
from carerecord.kit.errors import Unavailable

MOST: Final = 32  # single writes in one transaction
GATHER_S: Final = 0.001  # where several write at once, so long is waited for more of them: a lone writer waits for nobody


@dataclass(frozen=True)
class _Waiting:
    draft: Draft
    done: "asyncio.Future[None]"


@dataclass
class Company:
    """`together` keeps several drafts or none of them; `alone` keeps one. After an error of `parted` each goes by itself, so that
    nobody pays for another's fault."""

    together: Callable[[Sequence[Draft]], Awaitable[None]]
    alone: Callable[[Draft], Awaitable[None]]
    parted: tuple[type[Exception], ...]
    _waiting: list[_Waiting] = field(default_factory=list)
    _flush: "asyncio.Task[None] | None" = None
    _several: bool = False  # whether the last group was more than one

    async def keep(self, draft: Draft) -> Written:
        """Raises what `alone` raises for it."""
        waiting = _Waiting(draft, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_all(), name="holdings writes")
        await waiting.done
        assert draft.done is not None
        return draft.done

    async def _flush_all(self) -> None:
        try:
            while self._waiting:
                if self._several:
                    await asyncio.sleep(GATHER_S)
                group: dict[tuple[str, str], _Waiting] = {}
                later: list[_Waiting] = []
                for each in self._waiting:
                    key = (each.draft.type, each.draft.id)
                    if key in group or len(group) >= MOST:
                        later.append(each)
                    else:
                        group[key] = each
                self._waiting = later
                self._several = len(group) > 1
                await self._flush_group(list(group.values()))
        finally:
            self._flush = None

    async def _flush_group(self, group: Sequence[_Waiting]) -> None:
        try:
            if await self._all(group):
                return
            for each in group:
                try:
                    await self.alone(each.draft)
                except Exception as fault:
                    _settled(each, fault)
                else:
                    _settled(each)
        except BaseException as fault:
            for each in group:
                _settled(each, fault if isinstance(fault, Exception) else Unavailable("It is closing. Try again in a moment."))
            if not isinstance(fault, Exception):
                raise

    async def _all(self, group: Sequence[_Waiting]) -> bool:
        """Whether all were kept at once."""
        try:
            await self.together([each.draft for each in group])
        except self.parted:
            for each in group:
                each.draft.done = None
            return False
        for each in group:
            _settled(each)
        return True


def _settled(waiting: _Waiting, fault: Exception | None = None) -> None:
    if waiting.done.done():
        return
    if fault is None:
        waiting.done.set_result(None)
    else:
        waiting.done.set_exception(fault)
