"""What does one opening cost beyond its slowest source? 40 sources of 50 entries, beside a bare gather-and-parse."""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from benchmarks.near import SECTIONS, Far, a_house, apart, far_sources, say
from benchmarks.promises import Promise, tell
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.wire import House
from carerecord.contracts.locator import WHERE, WhereAsked
from carerecord.contracts.patients import WHO, WhoAsked
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import MAY, MayAsked
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.kit.calls import Calls

SLOWEST_S = 0.5
LAST_CALL_S = 8.0
MOST_S = 240.0  # the rounds end by then, done or not
BEAT_S = 0.01


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


async def three_questions(calls: Calls, asked: OpenAsked, sources: int) -> float:
    """Who, where and may, one after the other, as records asks them; milliseconds at the median."""
    took = []
    wanted = (Grant("", "demographics"), *(Grant(f"s{n}", each) for n in range(sources) for each in sorted(SECTIONS)))
    for _ in range(60):
        began = time.perf_counter()
        person = await calls.ask(WHO, WhoAsked(asked.patient, statements=False))
        await calls.ask(WHERE, WhereAsked(person.ids))
        await calls.ask(MAY, MayAsked(asked.actor, person.ids, asked.reason, "claimed", wanted, ("records",)))
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 2)


class Beats:
    """By how much each beat of the event loop was late, and how much of that was our own CPU: the rest is the machine's."""

    def __init__(self) -> None:
        self.worst_s, self.worst_cpu_s = 0.0, 0.0

    async def count(self) -> None:
        while True:
            began, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(BEAT_S)
            late = time.perf_counter() - began - BEAT_S
            self.worst_s = max(self.worst_s, late)
            self.worst_cpu_s = max(self.worst_cpu_s, min(late, time.thread_time() - cpu))


async def measure(cluster: Cluster, folder: Path, rounds: int, sources: int, entries: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_sources(sources, entries, SLOWEST_S))
        house, asked, told = await stack.enter_async_context(a_house(cluster, folder, far))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        for _ in range(3):
            await bare(session, far)
            _, chunks = await opening(house, asked)
        shown = sum(len(section.entries) for section in chunks[-1].sections)
        say(f"{shown} entries of {sources} sources; {rounds} rounds")
        beats = Beats()
        beating = asyncio.create_task(beats.count())
        bares, openings, cpu_s = [], [], []
        before, ends_at = await far.used(), time.monotonic() + MOST_S
        for number in range(rounds):
            bares.append(await bare(session, far))
            cpu = time.process_time()
            openings.append((await opening(house, asked))[0])
            cpu_s.append(time.process_time() - cpu)
            if number % 10 == 9:
                say(f"round {number + 1}: {statistics.median(openings) * 1000:.0f} ms at the median")
            if time.monotonic() > ends_at:
                say("no more rounds: the time is up")
                break
        beating.cancel()
        after = await far.used()
        together_ms = await three_questions(house.calls("records"), asked, sources)
        say("who, where and may, each in a process of its own")
        async with apart(told) as calls:
            apart_ms = await three_questions(calls, asked, sources)
    wall, bare_s = statistics.median(openings), statistics.median(bares)
    added_ms, bare_ms = (wall - SLOWEST_S) * 1000, (bare_s - SLOWEST_S) * 1000
    done = len(openings)
    return {
        "sources": sources, "entries": sources * entries, "shown": shown, "rounds": done,
        "latencies_ms": f"spread evenly from {SLOWEST_S * 100:.0f} to {SLOWEST_S * 1000:.0f}",
        "slowest_ms": SLOWEST_S * 1000, "opening_median_ms": round(wall * 1000, 1), "bare_median_ms": round(bare_s * 1000, 1),
        "cpu_of_an_opening_ms": round(statistics.median(cpu_s) * 1000, 1),
        "requests_of_an_opening": round((after["requests"] - before["requests"]) / done - sources, 1),
        "sources_cpu_ms_of_a_round": round((after["cpu_s"] - before["cpu_s"]) / done * 1000, 1),
        "added_ms": round(added_ms, 1), "added_by_bare_ms": round(bare_ms, 1),
        "added_allowed_ms": round(max(3 * bare_ms, 40.0), 1),
        "loop_blocked_worst_ms": round(beats.worst_s * 1000, 1),
        "loop_blocked_worst_own_cpu_ms": round(beats.worst_cpu_s * 1000, 1),
        "who_where_may_ms": together_ms, "who_where_may_apart_ms": apart_ms,
    }  # fmt: skip


async def one_hung(cluster: Cluster, folder: Path, sources: int, entries: int) -> dict[str, Any]:
    """With one source that never answers: the whole partial answer comes by the last call and a twentieth."""
    async with far_sources(sources, entries, SLOWEST_S, hung=True) as far, a_house(cluster, folder, far) as (house, asked, _):
        took, chunks = await opening(house, asked)
    states = [state.state for state in chunks[-1].states]
    return {
        "took_ms": round(took * 1000),
        "deadline_ms": LAST_CALL_S * 1000,
        "live": states.count("live"), "no_answer": states.count("no answer"), "chunks": len(chunks),
    }  # fmt: skip


async def wide(cluster: Cluster, folder: Path, rounds: int, entries: int, *, registered: int, asked: int) -> dict[str, Any]:
    """Many sources registered, few of them asked: what the others cost an opening, in time and in memory."""
    async with (
        far_sources(asked, entries, SLOWEST_S) as far,
        a_house(cluster, folder, far, registered) as (house, question, _),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        for _ in range(3):
            await bare(session, far)
            _, chunks = await opening(house, question)
        gc.collect()
        before, resident = await far.used(), _resident_mb()
        bares, openings, ends_at = [], [], time.monotonic() + MOST_S / 2
        for _ in range(rounds):
            bares.append(await bare(session, far))
            openings.append((await opening(house, question))[0])
            if time.monotonic() > ends_at:
                break
        after = await far.used()
        gc.collect()
        grown = _resident_mb() - resident
        together_ms = await three_questions(house.calls("records"), question, asked)
    states = [state.state for state in chunks[-1].states]
    done, wall, bare_s = len(openings), statistics.median(openings), statistics.median(bares)
    return {
        "registered": registered, "known_to": asked, "rounds": done, "entries": asked * entries,
        "live": states.count("live"), "not_asked": states.count("not asked"), "slowest_ms": SLOWEST_S * 1000,
        "opening_median_ms": round(wall * 1000, 1), "bare_median_ms": round(bare_s * 1000, 1),
        "added_ms": round((wall - SLOWEST_S) * 1000, 1),
        "added_allowed_ms": round(max(3 * (bare_s - SLOWEST_S) * 1000, 40.0), 1),
        "requests_of_an_opening": round((after["requests"] - before["requests"]) / done - asked, 1),
        "memory_grown_mb": round(grown, 1), "who_where_may_ms": together_ms,
    }  # fmt: skip


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rounds", type=int, default=30)
    told.add_argument("--sources", type=int, default=40)
    told.add_argument("--entries", type=int, default=50)
    told.add_argument("--registered", type=int, default=200)
    told.add_argument("--asked", type=int, default=30)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    import uvloop

    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder:
        place = Path(folder)
        with embedded_postgres(place / "one") as cluster:
            results = uvloop.run(measure(cluster, place / "house", args.rounds, args.sources, args.entries))
        say("one source that never answers")
        with embedded_postgres(place / "two") as cluster:
            results["one_hung"] = uvloop.run(one_hung(cluster, place / "hung", args.sources, args.entries))
        say(f"{args.registered} sources registered, {args.asked} of them asked")
        with embedded_postgres(place / "three") as cluster:
            results["wide"] = uvloop.run(
                wide(cluster, place / "wide", args.rounds, args.entries, registered=args.registered, asked=args.asked)
            )
    hung, median_ms, broad = results["one_hung"], results["opening_median_ms"], results["wide"]
    promises = (
        Promise("Opening at the median, beside its slowest source (40 sources of 50 entries)", median_ms, "ms",
                results["slowest_ms"], 1.12),
        Promise("Time added, beside 3 bare gather-and-parse or 40 ms", results["added_ms"], "ms", results["added_allowed_ms"]),
        Promise("Event loop blocked at worst", results["loop_blocked_worst_ms"], "ms", 50.0),
        Promise("Who, where and may, in one process", results["who_where_may_ms"], "ms", 3.0),
        Promise("Who, where and may, each in a process of its own", results["who_where_may_apart_ms"], "ms", 10.0),
        Promise("200 sources registered, 30 asked: the opening at the median, beside its slowest source",
                broad["opening_median_ms"], "ms", broad["slowest_ms"], 1.12),
        Promise("200 registered, 30 asked: requests of an opening", broad["requests_of_an_opening"], "", broad["known_to"]),
        Promise("One hung source: the whole partial answer", hung["took_ms"], "ms", hung["deadline_ms"], 1.05),
    )  # fmt: skip
    tell(promises, results, compact=args.json)


if __name__ == "__main__":
    main()
