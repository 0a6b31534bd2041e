"""Does the memory of the workers grow? Ten minutes of everything at once: reads, searches, whole records, creates, bundles."""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any, Final

import uvloop

from benchmarks.api import QUESTIONS, people, requests_for
from benchmarks.line import Line, request_of
from benchmarks.near import quiet, say
from benchmarks.promises import Promise, tell
from benchmarks.writing import Server, creates, real_bundles, served
from carerecord.app.postgres import Cluster, embedded_postgres

MOST_MB: Final = 350
MOST_GROWTH: Final = 1.05
_LOOKS_EVERY_S: Final = 15.0
_TO_WARM: Final = 0.2  # of the time, before the first look that counts: caches that have an end are filling


async def _client(at: Server, requests: Callable[[], bytes], until: float, done: list[int]) -> None:
    line = (await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", at.port))[1]
    while time.monotonic() < until:
        answer = await line.ask(requests())
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(answer[:600].decode("utf-8", "replace"))
        done[0] += 1
    line._transport.close()


async def measured(cluster: Cluster, folder: Path, workers: int, minutes: float) -> tuple[list[Promise], dict[str, Any]]:
    quiet()
    bundles = real_bundles(1_500)
    async with served(cluster, folder, workers) as (at, _):
        known = await people(at, [text for text, _ in bundles], 1)
        reading = [requests_for(name, known, at.token) for name in QUESTIONS]
        single = itertools.cycle([request for request, _ in creates(at, bundles, known[0].id)])
        whole = itertools.cycle([request_of("/fhir", at.token, text) for text, _ in bundles])
        turns = itertools.cycle([*reading, single.__next__, single.__next__, whole.__next__])

        def following() -> bytes:
            return next(turns)()

        until, done = time.monotonic() + minutes * 60, [0]
        clients = [asyncio.create_task(_client(at, following, until, done)) for _ in range(8)]
        seen: list[tuple[float, float, int]] = []
        while (now := time.monotonic()) < until:
            await asyncio.sleep(min(_LOOKS_EVERY_S, until - now))
            seen.append((round(time.monotonic() - until + minutes * 60), at.pss_mb(), done[0]))
            say(f"{seen[-1][0]} s: {seen[-1][1]} MB after {done[0]:,} answers")
        await asyncio.gather(*clients)
    counted = [mb for at_s, mb, _ in seen if at_s >= minutes * 60 * _TO_WARM]
    few = max(1, len(counted) // 5)
    return [
        Promise("memory of the workers with their parent (PSS)", max(mb for _, mb, _ in seen), "MB", MOST_MB),
        Promise(f"the same at the end of {minutes:g} minutes", round(mean(counted[-few:]), 1), "MB",
                round(mean(counted[:few]), 1), MOST_GROWTH),
    ], {"workers": workers, "answers": done[0], "pss_mb": seen}  # fmt: skip


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--minutes", type=float, default=10.0)
    told.add_argument("--workers", type=int, default=2)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        found, detail = uvloop.run(measured(cluster, Path(folder) / "data", args.workers, args.minutes))
    tell(found, detail, compact=args.json)


if __name__ == "__main__":
    main()
