"""How is one piece of work after another taken from a queue that lies in the database, until we are stopped?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from carerecord.kit.db import is_away
from carerecord.kit.log import Log

LOOKS_EVERY_S: Final = 1.0  # for what another process left, where nobody rings
SWEEPS_EVERY_S: Final = 60.0


@dataclass(frozen=True)
class Rounds:
    """What a killed process had in hand is gone on with by another: `work` takes it once its lease is over."""

    log: Log
    name: str  # of what is worked on, as the log says it
    bell: asyncio.Event = field(default_factory=asyncio.Event)  # something has come

    async def run(
        self, work: Callable[[], Awaitable[bool]], sweep: Callable[[], Awaitable[object]], *,
        settles_s: Callable[[], float] = float,
    ) -> None:  # fmt: skip
        """`work` says whether there was any; `settles_s`: for so long is waited after the bell before anything is looked at."""
        loop, swept = asyncio.get_running_loop(), 0.0
        while True:
            try:
                if loop.time() - swept > SWEEPS_EVERY_S:
                    swept = loop.time()
                    await sweep()
                worked = await work()
            except Exception as error:
                if not is_away(error):
                    self.log.error(f"{self.name}.failed", exc_info=error)
                worked = False
            if not worked:
                self.bell.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.bell.wait(), LOOKS_EVERY_S)
                    await asyncio.sleep(settles_s())
