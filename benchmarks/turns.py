"""How is an answer of ours held against a bare one, so that others' work falls on both? In turns, by clock and by processor.

The bare answer is 2 KB by the same server, with the same settings and as many processes, asked by the same clients over as many
lines that stay open. A turn asks the bare one, then ours; each turn makes a ratio of its own, and what is told is their median.

By the clock the ratio is that of the rates. By the processor it is that of all that was used for an answer: by those who
answer, by the database, and by the clients. On a machine with nothing else to do the two agree, since then all of it is used.
On one that others use too, the clock says how much of it they left, and the processor how often it was taken away: a process
that finds nothing of its own in the caches needs two or three times as long for the same, and a bare answer the least. So each
turn says how much others used meanwhile, and with patience it is taken again until they left it alone.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psutil
import uvloop

from benchmarks.line import Line, request_of
from carerecord.app.serve import bound, port_of, server_on

BARE: Final = b'{"resourceType":"Patient","text":"%s"}' % (b"x" * 2_000)
TURNS: Final = 7
QUIET: Final = 0.2  # processors in use by others: less is nobody
_OF_A_TURN: Final = 0.25  # the bare answer's part of ours


class Asked(Protocol):
    """Processes that answer on one port, and what they have used so far: theirs, and the database's."""

    @property
    def port(self) -> int: ...

    def cpu_s(self) -> tuple[float, float]: ...


@dataclass(frozen=True)
class Bare:
    port: int
    answering: tuple[psutil.Process, ...]

    def cpu_s(self) -> tuple[float, float]:
        return sum(sum(each.cpu_times()[:2]) for each in self.answering), 0.0


async def _bare(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(BARE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BARE})


async def _answer_barely(port: int) -> None:
    """One process with nothing but the bare answer, by the server and settings of the front door."""
    server, listening = server_on(_bare, bound(port, shared=True))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    print("up", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    serving.cancel()


@asynccontextmanager
async def bare_answers(many: int) -> AsyncIterator[Bare]:
    with closing(bound(0, shared=True)) as held:
        port = port_of(held)
    programs = []
    try:
        for _ in range(many):
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.turns", str(port),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            programs.append(program)
            assert program.stdout is not None
            assert await asyncio.wait_for(program.stdout.readline(), 60) == b"up\n"
        yield Bare(port, tuple(psutil.Process(each.pid) for each in programs))
    finally:
        for program in programs:
            if program.returncode is None:
                program.terminate()
            await program.wait()


async def asked(at: Asked, requests: Callable[[], bytes], clients: int, seconds: float) -> dict[str, float]:
    """So many clients, each asking again as soon as it is answered, for so long."""
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", at.port))[1] for _ in range(clients)]
    took: list[float] = []
    bytes_ = 0

    async def client(line: Line, until: float) -> None:
        nonlocal bytes_
        while (began := time.perf_counter()) < until:
            answer = await line.ask(requests())
            took.append(time.perf_counter() - began)
            bytes_ += len(answer)
            if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise RuntimeError(answer[:600].decode("utf-8", "replace"))

    until = time.perf_counter() + min(0.5, seconds / 4)
    await asyncio.gather(*(client(each, until) for each in lines))  # to warm: plans, keys, tokens
    took.clear()
    bytes_ = 0
    (workers_before, engine_before), own = at.cpu_s(), time.process_time()
    began = time.perf_counter()
    await asyncio.gather(*(client(each, began + seconds) for each in lines))
    whole = time.perf_counter() - began
    (workers_after, engine_after), own = at.cpu_s(), time.process_time() - own
    for each in lines:
        each._transport.close()
    took.sort()
    many = len(took)
    return {
        "a_second": round(many / whole, 1), "p50_ms": round(statistics.median(took) * 1e3, 2),
        "p99_ms": round(took[int(many * 0.99)] * 1e3, 2), "times": many, "bytes": round(bytes_ / many),
        "cpu_us": round((workers_after - workers_before) / many * 1e6),
        "engine_cpu_us": round((engine_after - engine_before) / many * 1e6), "client_cpu_us": round(own / many * 1e6),
    }  # fmt: skip


def whole_us(took: dict[str, float]) -> float:
    """Of the processor, for one answer, of all who have a part in it."""
    return took["cpu_us"] + took["engine_cpu_us"] + took["client_cpu_us"]


def _busy_s() -> float:
    """Of all processors together, by whoever used them; what the machine below us took away, too."""
    told = psutil.cpu_times()
    return float(sum(told) - told.idle - told.iowait - told.guest - told.guest_nice)


async def _turn(
    nothing: Bare, at: Asked, requests: Callable[[], bytes], clients: int, seconds: float, token: str
) -> dict[str, float]:
    def ours_s() -> float:
        return sum((*nothing.cpu_s(), *at.cpu_s(), time.process_time()))

    began, busy, own = time.perf_counter(), _busy_s(), ours_s()
    bare = await asked(nothing, lambda: request_of("/", token), clients, seconds * _OF_A_TURN)
    ours = await asked(at, requests, clients, seconds)
    others = (_busy_s() - busy - (ours_s() - own)) / (time.perf_counter() - began)
    return ours | {
        "bare_a_second": bare["a_second"], "bare_cpu_us": bare["cpu_us"], "bare_client_cpu_us": bare["client_cpu_us"],
        "ratio": ours["a_second"] / bare["a_second"], "cpu_ratio": whole_us(bare) / whole_us(ours), "others": max(0.0, others),
    }  # fmt: skip


async def in_turns(
    nothing: Bare, at: Asked, requests: Callable[[], bytes], clients: int, seconds: float, token: str, patience_s: float = 0.0
) -> dict[str, float]:
    """The median of the quietest turns; `ratio` by the clock and `cpu_ratio` by the processor, beside one bare answer; `others`
    had so many processors meanwhile. So long it is patient until there were enough turns in which they had next to none."""
    found: list[dict[str, float]] = []
    until = time.monotonic() + patience_s
    while len(found) < TURNS or (time.monotonic() < until and sum(each["others"] < QUIET for each in found) < TURNS):
        while time.monotonic() < until and await _others_busy() > QUIET:
            await asyncio.sleep(0.2)
        found.append(await _turn(nothing, at, requests, clients, seconds / TURNS, token))
    found = sorted(found, key=lambda turn: turn["others"])[:TURNS]
    middle = {name: round(statistics.median(each[name] for each in found), 4) for name in found[0]}
    return middle | {"times": sum(each["times"] for each in found), "best_ratio": round(max(each["ratio"] for each in found), 4)}


async def _others_busy() -> float:
    busy, began = _busy_s(), time.perf_counter()
    await asyncio.sleep(0.3)
    return (_busy_s() - busy) / (time.perf_counter() - began)


if __name__ == "__main__":
    uvloop.run(_answer_barely(int(sys.argv[1])))
