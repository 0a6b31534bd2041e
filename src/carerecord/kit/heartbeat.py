"""How long was the event loop blocked? Nothing on the data path may hold it for more than 50 ms."""

import asyncio
import time
from collections.abc import Callable

BEAT_S = 0.01
WARN_S = 0.05


async def heartbeat(seen: Callable[[float], None], *, beat_s: float = BEAT_S) -> None:
    """Sleep a beat at a time and tell `seen` by how many seconds each sleep overran; until cancelled."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(beat_s)
        seen(time.perf_counter() - began - beat_s)
