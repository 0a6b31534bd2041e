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

from benchmarks.near import a_house, a_worker, credential, far_sources, say
from benchmarks.promises import Promise, tell
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.contracts.records import OpenAsked
from carerecord.kit.question import encode

SLOWEST_S = 0.5
WAIT_S = 60.0
LAST_CALL_S = 8.0
MOST_S = 120.0  # the rounds end by then, done or not
# A record of 2,000 entries comes as 2 MB and is written as 2 MB; as facts it is about 5 MB, and its pages are let go as they are
# read. With 12 MB each, 100 openings at once fit into a worker of 1.5 GB.
MEMORY_MB = 12.0


class Opening(asyncio.BufferedProtocol):
    """One opening over one warm connection: bytes out, bytes in until the end of the chunked answer. Nothing is decoded.

    All read into one piece of memory, since what the load costs is taken from the same two cores.
    """

    _into = memoryview(bytearray(1 << 20))

    def __init__(self) -> None:
        self._done: asyncio.Future[int] | None = None
        self._size, self._tail = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, written: bytes) -> int:
        self._done, self._size, self._tail = asyncio.get_running_loop().create_future(), 0, b""
        self._transport.write(written)  # type: ignore[attr-defined]
        return await asyncio.wait_for(self._done, WAIT_S)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._into

    def buffer_updated(self, nbytes: int) -> None:
        self._size += nbytes
        self._tail = (self._tail + bytes(self._into[max(0, nbytes - 5) : nbytes]))[-5:]
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
    sizes: list[int] = []
    whole = await open_[0].ask(written)  # bytes; an answer with a gap in it is smaller
    partial = 0

    async def one(opening: Opening) -> None:
        nonlocal partial
        began = time.perf_counter()
        size = await opening.ask(written)
        seconds = time.perf_counter() - began
        if size < 0.98 * whole:
            partial += 1
            seconds = max(seconds, LAST_CALL_S)  # what came back with gaps is no answer in time
        took.append(seconds)
        sizes.append(size)

    for _ in range(2):
        await asyncio.gather(*(one(each) for each in open_))
    took.clear()
    sizes.clear()
    partial = 0
    cpu = time.process_time()
    ends_at = time.monotonic() + MOST_S
    for _ in range(rounds):
        await asyncio.gather(*(one(each) for each in open_))
        if time.monotonic() > ends_at:
            say("no more rounds: the time is up")
            break
    cpu = time.process_time() - cpu
    took.sort()
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    return {
        "openings": len(took), "median_ms": round(statistics.median(took) * 1000),
        "mean_ms": round(statistics.mean(took) * 1000), "p99_ms": round(p99 * 1000),
        "answer_bytes": whole, "mean_bytes": round(statistics.mean(sizes)), "answers_with_gaps": partial,
        "load_generator_cpu_ms_per_opening": round(cpu / len(took) * 1000, 2),
    }  # fmt: skip


async def memory_of(port: int, at_once: int, written: bytes, pid: int) -> dict[str, float]:
    """What openings at once add to a fresh worker that has answered one: the growth of its resident size at the peak, shared out.

    What allocators and the shelf for retries keep afterwards is counted too.
    """
    loop = asyncio.get_running_loop()
    worker = psutil.Process(pid)
    open_ = [(await loop.create_connection(Opening, "127.0.0.1", port))[1] for _ in range(at_once)]
    await open_[0].ask(written)
    before = peak = worker.memory_info().rss
    asking = [asyncio.create_task(each.ask(written)) for each in open_]
    while not all(task.done() for task in asking):
        await asyncio.sleep(0.02)
        peak = max(peak, worker.memory_info().rss)
    return {"per_opening_mb": round((peak - before) / at_once / 1e6, 2), "worker_mb": round(before / 1e6, 1)}


async def measure(cluster: Cluster, folder: Path, at_once: int, rounds: int, sources: int, entries: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_sources(sources, entries, SLOWEST_S))
        async with a_house(cluster, folder, far) as (_, asked, told):
            pass  # enrolled: from here on the workers are the house, and this process is the load alone
        written = request(asked, told.secret)
        results: dict[str, Any] = {
            "sources": sources, "entries": sources * entries, "at_once": at_once,
            "latencies_ms": f"spread evenly from {SLOWEST_S * 100:.0f} to {SLOWEST_S * 1000:.0f}",
        }  # fmt: skip
        for count in (2, 1):
            async with AsyncExitStack() as hall:
                workers = [await hall.enter_async_context(a_worker(told)) for _ in range(count)]
                if count == 1:
                    say("memory")
                    results["memory"] = await memory_of(workers[0][0], at_once, written, workers[0][1])
                say(f"{at_once} openings at once, {count} worker{'s' if count > 1 else ''}, {rounds} rounds")
                before, cpu = await far.used(), _cpu_s(workers)
                found = await rounds_of([port for port, _ in workers], at_once, rounds, written)
                after, many = await far.used(), found["openings"] + 2 * at_once + 1  # two rounds of warming up
                found["worker_cpu_ms_per_opening"] = round((_cpu_s(workers) - cpu) / many * 1000, 1)
                found["requests_per_opening"] = round((after["requests"] - before["requests"]) / many, 1)
                found["sources_cpu_ms_per_opening"] = round((after["cpu_s"] - before["cpu_s"]) / many * 1000, 2)
                results[f"workers_{count}"] = found
    return results


def _cpu_s(workers: Sequence[tuple[int, int]]) -> float:
    times = [psutil.Process(pid).cpu_times() for _, pid in workers]
    return sum(each.user + each.system for each in times)


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
        Promise("Memory that one more opening at once adds to a worker", results["memory"]["per_opening_mb"], "MB", MEMORY_MB),
    )
    tell(promises, results, compact=args.json)


if __name__ == "__main__":
    main()
