"""What do 20 openings at once cost, of 40 sources each, on two workers and on one? The sources are in another process."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil

from benchmarks.near import a_house, credential, far_sources, workers
from benchmarks.promises import Promise, tell
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.contracts.records import OpenAsked
from carerecord.kit.question import encode

SLOWEST_S = 0.5
WAIT_S = 60.0


class Opening(asyncio.Protocol):
    """One opening over one warm connection: bytes out, bytes in until the end of the chunked answer. Nothing is decoded."""

    def __init__(self) -> None:
        self._done: asyncio.Future[int] | None = None
        self._size, self._tail = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, written: bytes) -> int:
        self._done, self._size, self._tail = asyncio.get_running_loop().create_future(), 0, b""
        self._transport.write(written)  # type: ignore[attr-defined]
        return await asyncio.wait_for(self._done, WAIT_S)

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        self._tail = (self._tail + data)[-5:]
        if self._tail == b"0\r\n\r\n" and self._done is not None and not self._done.done():
            self._done.set_result(self._size)

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError("the worker closed the connection"))


def request(asked: OpenAsked, secret: bytes) -> bytes:
    body = encode(asked)
    headers = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(body)), **credential(secret)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /records/ask/open HTTP/1.1\r\n{lines}\r\n".encode() + body


async def rounds_of(ports: Sequence[int], at_once: int, rounds: int, written: bytes) -> dict[str, Any]:
    """`at_once` openings started together, again and again, over connections that are already there."""
    loop = asyncio.get_running_loop()
    open_ = [(await loop.create_connection(Opening, "127.0.0.1", ports[n % len(ports)]))[1] for n in range(at_once)]
    took: list[float] = []
    size = 0

    async def one(opening: Opening) -> None:
        nonlocal size
        began = time.perf_counter()
        size = await opening.ask(written)
        took.append(time.perf_counter() - began)

    for _ in range(2):
        await asyncio.gather(*(one(each) for each in open_))
    took.clear()
    cpu = time.process_time()
    for _ in range(rounds):
        await asyncio.gather(*(one(each) for each in open_))
    cpu = time.process_time() - cpu
    took.sort()
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    return {
        "openings": len(took), "median_ms": round(statistics.median(took) * 1000), "p99_ms": round(p99 * 1000),
        "ratio_p99_to_slowest": round(p99 / SLOWEST_S, 2), "answer_bytes": size,
        "load_generator_cpu_ms_per_opening": round(cpu / len(took) * 1000, 2),
    }  # fmt: skip


async def memory_of(ports: Sequence[int], written: bytes, pids: Sequence[int]) -> dict[str, float]:
    """What one more opening at once adds to a worker, from its resident size before and during 20."""
    loop = asyncio.get_running_loop()
    worker = psutil.Process(pids[0])
    before = worker.memory_info().rss
    open_ = [(await loop.create_connection(Opening, "127.0.0.1", ports[0]))[1] for _ in range(20)]
    asking = [asyncio.create_task(each.ask(written)) for each in open_]
    peak = before
    while not all(task.done() for task in asking):
        await asyncio.sleep(0.02)
        peak = max(peak, worker.memory_info().rss)
    return {"per_opening_mb": round((peak - before) / 20 / 1e6, 2), "worker_mb": round(before / 1e6, 1)}


async def measure(cluster: Cluster, folder: Path, at_once: int, rounds: int, sources: int, entries: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_sources(sources, entries, SLOWEST_S))
        _, asked, told = await stack.enter_async_context(a_house(cluster, folder, far))
        written = request(asked, told.secret)
        results: dict[str, Any] = {"sources": sources, "entries": sources * entries, "at_once": at_once}
        for count, promise in ((2, 1.5), (1, 2.2)):
            async with workers(count, told) as ports:
                results[f"workers_{count}"] = await rounds_of(ports, at_once, rounds, written) | {"promise_ratio": promise}
                if count == 1:
                    pids = [each.pid for each in psutil.Process().children() if "benchmarks.near" in " ".join(each.cmdline())]
                    results["memory"] = await memory_of(ports, written, pids)
    return results


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--at-once", type=int, default=20)
    told.add_argument("--rounds", type=int, default=10)
    told.add_argument("--sources", type=int, default=40)
    told.add_argument("--entries", type=int, default=50)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    import uvloop

    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder, embedded_postgres(Path(folder) / "pg") as cluster:
        results = uvloop.run(measure(cluster, Path(folder) / "house", args.at_once, args.rounds, args.sources, args.entries))
    slowest_ms = SLOWEST_S * 1000
    promises = (
        Promise("20 openings at once on two workers, 99th of 100", results["workers_2"]["p99_ms"], "ms", slowest_ms, 1.5),
        Promise("20 openings at once on one worker, 99th of 100", results["workers_1"]["p99_ms"], "ms", slowest_ms, 2.2),
    )
    tell(promises, results, compact=args.json)


if __name__ == "__main__":
    main()
