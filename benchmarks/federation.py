"""What does one opening cost beyond its slowest source? 40 sources of 50 entries, beside a bare gather-and-parse."""

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from benchmarks.near import Far, a_house, far_sources
from benchmarks.promises import Promise, tell
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.wire import House
from carerecord.contracts.locator import WHERE, WhereAsked
from carerecord.contracts.patients import WHO, WhoAsked
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import MAY, MayAsked
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.kit.heartbeat import heartbeat

SLOWEST_S = 0.5
LAST_CALL_S = 8.0


async def bare(session: aiohttp.ClientSession, far: Far) -> float:
    """The least that anybody could do: ask them all with aiohttp and parse what comes."""

    async def one(address: str) -> Any:
        async with session.get(f"{address}/Patient/p/$everything") as reply:
            return orjson.loads(await reply.read())

    began = time.perf_counter()
    await asyncio.gather(*(one(address) for address in far.addresses))
    return time.perf_counter() - began


async def opening(house: House, asked: OpenAsked) -> tuple[float, list[Record]]:
    began = time.perf_counter()
    chunks = [chunk async for chunk in house.calls("viewer").stream(OPEN, asked)]
    return time.perf_counter() - began, chunks


async def three_questions(house: House, asked: OpenAsked, sources: int) -> dict[str, float]:
    """Who, where and may, one after the other, in one process."""
    calls, took = house.calls("records"), []
    sections = ("alerts", "allergies", "medicines", "problems", "results", "observations", "encounters", "documents", "plans")
    wanted = (Grant("", "demographics"), *(Grant(f"s{n}", each) for n in range(sources) for each in sections))
    for _ in range(60):
        began = time.perf_counter()
        person = await calls.ask(WHO, WhoAsked(asked.patient))
        await calls.ask(WHERE, WhereAsked(person.ids))
        await calls.ask(MAY, MayAsked(asked.actor, person.ids, asked.reason, "claimed", wanted, ("records",)))
        took.append((time.perf_counter() - began) * 1000)
    return {"median_ms": round(statistics.median(took), 2), "promise_ms": 3.0}


async def measure(cluster: Cluster, folder: Path, rounds: int, sources: int, entries: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_sources(sources, entries, SLOWEST_S))
        house, asked, _ = await stack.enter_async_context(a_house(cluster, folder, far))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        worst = 0.0

        def seen(blocked_s: float) -> None:
            nonlocal worst
            worst = max(worst, blocked_s)

        for _ in range(3):
            await bare(session, far)
            _, chunks = await opening(house, asked)
        shown = sum(len(section.entries) for section in chunks[-1].sections)
        beating = asyncio.create_task(heartbeat(seen))
        bares, openings, cpu_s = [], [], []
        for _ in range(rounds):
            bares.append(await bare(session, far))
            before = time.process_time()
            openings.append((await opening(house, asked))[0])
            cpu_s.append(time.process_time() - before)
        beating.cancel()
        questions = await three_questions(house, asked, sources)
    wall, bare_s = statistics.median(openings), statistics.median(bares)
    added_ms, bare_ms = (wall - SLOWEST_S) * 1000, (bare_s - SLOWEST_S) * 1000
    allowed_ms = max(3 * bare_ms, 40.0)
    return {
        "sources": sources, "entries": sources * entries, "shown": shown, "rounds": rounds,
        "slowest_ms": SLOWEST_S * 1000, "opening_median_ms": round(wall * 1000, 1), "bare_median_ms": round(bare_s * 1000, 1),
        "cpu_of_an_opening_ms": round(statistics.median(cpu_s) * 1000, 1),
        "ratio_to_slowest": round(wall / SLOWEST_S, 3), "promise_ratio": 1.12,
        "added_ms": round(added_ms, 1), "added_by_bare_ms": round(bare_ms, 1), "promise_added_ms": round(allowed_ms, 1),
        "loop_blocked_worst_ms": round(worst * 1000, 1), "promise_blocked_ms": 50,
        "who_where_may": questions,
    }  # fmt: skip


async def one_hung(cluster: Cluster, folder: Path, sources: int, entries: int) -> dict[str, Any]:
    """With one source that never answers: the whole partial answer comes by the last call and a twentieth."""
    async with far_sources(sources, entries, SLOWEST_S, hung=True) as far, a_house(cluster, folder, far) as (house, asked, _):
        took, chunks = await opening(house, asked)
    states = [state.state for state in chunks[-1].states]
    return {
        "took_ms": round(took * 1000),
        "deadline_ms": LAST_CALL_S * 1000, "ratio": round(took / LAST_CALL_S, 3), "promise_ratio": 1.05,
        "live": states.count("live"), "no_answer": states.count("no answer"), "chunks": len(chunks),
    }  # fmt: skip


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rounds", type=int, default=30)
    told.add_argument("--sources", type=int, default=40)
    told.add_argument("--entries", type=int, default=50)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    import uvloop

    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder:
        place = Path(folder)
        with embedded_postgres(place / "one") as cluster:
            results = uvloop.run(measure(cluster, place / "house", args.rounds, args.sources, args.entries))
        with embedded_postgres(place / "two") as cluster:
            results["one_hung"] = uvloop.run(one_hung(cluster, place / "hung", args.sources, args.entries))
    hung, median_ms = results["one_hung"], results["opening_median_ms"]
    promises = (
        Promise("Opening at the median, beside its slowest source", median_ms, "ms", results["slowest_ms"], 1.12),
        Promise("Time added, beside a bare gather-and-parse", results["added_ms"], "ms", results["promise_added_ms"]),
        Promise("Event loop blocked at worst", results["loop_blocked_worst_ms"], "ms", 50.0),
        Promise("Who, where and may, in one process", results["who_where_may"]["median_ms"], "ms", 3.0),
        Promise("One hung source: the whole partial answer", hung["took_ms"], "ms", hung["deadline_ms"], 1.05),
    )
    tell(promises, results, compact=args.json)


if __name__ == "__main__":
    main()
