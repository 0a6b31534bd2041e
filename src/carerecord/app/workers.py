"""How do N processes keep one house on one port? Forked from one that has loaded what they share, and minded by it.

The parent answers nobody: it starts each worker, starts again one that died, and stops them all in order. What takes long to
load is loaded before they are made, so its memory is theirs together.
"""

import asyncio
import ctypes
import gc
import importlib
import os
import random
import re
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

import aiohttp
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carerecord.app.catalogue import Service
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate, deployment
from carerecord.app.house import listening, stoppable, until_signalled
from carerecord.app.runfile import RunFile, written
from carerecord.app.serve import bound, open_doors, own_metrics, port_of, server_on, serving
from carerecord.app.sharing import Shares
from carerecord.app.wire import House, running
from carerecord.fhir import gates, validate, xml
from carerecord.fhir.search import parameters
from carerecord.kit.errors import Unavailable

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 20.0
_LOOKS_EVERY_S: Final = 0.1
_TOO_SOON_S: Final = 5.0  # one that dies so young again is started ever later, …
_LATEST_S: Final = 30.0  # … at most so late
_PAGE_WITHIN_S: Final = 2.0
_PR_SET_PDEATHSIG: Final = 1
_FIGURE: Final = re.compile(rb"^(?=# HELP )", re.MULTILINE)
_SAMPLE: Final = re.compile(rb"^(\w+)(\{)?", re.MULTILINE)


@dataclass(frozen=True)
class _Doors:
    """What all of them have open: two doors that they share, and one of each worker's own, for its figures."""

    inner: socket.socket
    front: socket.socket | None
    own: tuple[socket.socket, ...]
    inner_shares: Shares
    front_shares: Shares


@dataclass
class _Crew:
    gate: Gate
    services: Sequence[Service]
    engines: Engines
    doors: _Doors
    front: str  # the front door's address
    say: Callable[[str], None]
    pids: dict[int, int] = field(default_factory=dict)  # by number
    born: dict[int, float] = field(default_factory=dict)
    pause: dict[int, float] = field(default_factory=dict)  # before it is started again

    def start(self, number: int) -> int:
        """A new worker; returns what is readable once it is ready, or gone."""
        readable, writable = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent, pid = os.getpid(), os.fork()
        if not pid:
            os.close(readable)
            self._worker(number, parent, writable)
        os.close(writable)
        self.pids[number], self.born[number] = pid, time.monotonic()
        return readable

    def started(self, number: int) -> None:
        """Raises Unavailable: it did not come up."""
        readable = self.start(number)
        try:
            there, _, _ = select.select([readable], [], [], READY_WITHIN_S)
            if not there or not os.read(readable, 1):
                raise Unavailable(f"Worker {number} ended as it started; its last words are above.")
        finally:
            os.close(readable)

    def mind(self) -> None:
        """Until a signal comes as SystemExit: start again whoever ends."""
        due: dict[int, float] = {}
        while True:
            for number, pid in tuple(self.pids.items()):
                if _ended(pid):
                    del self.pids[number]
                    self._away(number)
                    self.say(f"worker {number} ended; starting it again")
                    young = time.monotonic() - self.born[number] < _TOO_SOON_S
                    pause = self.pause.get(number, 0.0)
                    self.pause[number] = min(max(1.0, pause * 2), _LATEST_S) if young else 0.0
                    due[number] = time.monotonic() + (pause if young else 0.0)
            for number in [number for number, at in due.items() if at <= time.monotonic()]:
                del due[number]
                os.close(self.start(number))
            time.sleep(_LOOKS_EVERY_S)

    def stop(self) -> None:
        """All at once, in order; one that does not end is killed."""
        for pid in self.pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN_S
        left = dict(self.pids)
        while left:
            left = {number: pid for number, pid in left.items() if not _ended(pid)}
            if left and time.monotonic() > until:
                for pid in left.values():
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.pids.clear()

    def _away(self, number: int) -> None:
        self.doors.inner_shares.away(number)
        self.doors.front_shares.away(number)

    # --- in the worker

    def _worker(self, number: int, parent: int, ready: int) -> NoReturn:
        code = 1
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() == parent:
                random.seed()
                uvloop.run(stoppable(self._kept(number, ready)))
                code = 0
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 0
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__} at {place.filename}:{place.lineno}"
            print(f"worker {number}: {said}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # the parent's engines are the parent's to stop

    async def _kept(self, number: int, ready: int) -> None:
        doors = self.doors
        told = deployment(
            self.gate, databases=self.engines.databases, nats_url=self.engines.nats_url, address=self.front
        )
        share = (doors.inner_shares, doors.front_shares, number)
        told = replace(told, worker=number, workers=len(doors.own))
        async with running(told, self.services) as house, aiohttp.ClientSession() as session:
            pages = _Figures(session, number, doors, house)
            own = server_on(pages.app, doors.own[number])
            async with serving([own]), open_doors(house, inner=doors.inner, front=doors.front, share=share, pages=pages.all):
                with suppress(BrokenPipeError):  # nobody waits for one that is started again
                    os.write(ready, b"1")
                os.close(ready)
                await until_signalled()
                self._away(number)


class _Figures:
    """The figures of all workers, each with its number: whichever is asked asks the others."""

    def __init__(self, session: aiohttp.ClientSession, number: int, doors: _Doors, house: House) -> None:
        self._session, self._number, self._doors, self._house = session, number, doors, house
        self.app = Starlette(routes=[Route("/metrics", self._own)])

    async def _own(self, _: Request) -> Response:
        return Response(own_metrics(self._house), media_type="text/plain; version=0.0.4")

    async def all(self) -> bytes:
        numbers = range(len(self._doors.own))
        pages = await asyncio.gather(*map(self._of, numbers))
        up = [int(page is not None) for page in pages]
        taken = [self._doors.front_shares.of(each) for each in numbers]
        told = _gauge(b"carerecord_worker_up", b"Whether this worker answers", up)
        told += _gauge(b"carerecord_worker_connections", b"Connections at the front door", taken)
        return told + _joined([_labelled(pages[each] or b"", each) for each in numbers])

    async def _of(self, number: int) -> bytes | None:
        if number == self._number:
            return own_metrics(self._house)
        asked = f"http://127.0.0.1:{port_of(self._doors.own[number])}/metrics"
        try:
            async with self._session.get(asked, timeout=aiohttp.ClientTimeout(total=_PAGE_WITHIN_S)) as reply:
                return await reply.read() if reply.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def _gauge(name: bytes, says: bytes, values: Sequence[int]) -> bytes:
    head = b"# HELP %s %s\n# TYPE %s gauge\n" % (name, says, name)
    return head + b"".join(b'%s{worker="%d"} %d\n' % (name, number, value) for number, value in enumerate(values))


def _labelled(page: bytes, number: int) -> bytes:
    worker = b'{worker="%d"' % number
    return _SAMPLE.sub(lambda found: found[1] + worker + (b"," if found[2] else b"}"), page)


def _joined(pages: Sequence[bytes]) -> bytes:
    """Each figure named and explained once, with the samples of all."""
    found: dict[bytes, list[bytes]] = {}
    for page in pages:
        for part in filter(None, _FIGURE.split(page)):
            says, kind, samples = part.split(b"\n", 2)
            found.setdefault(says + b"\n" + kind + b"\n", []).append(samples)
    return b"".join(head + b"".join(samples) for head, samples in found.items())


def serve_workers(gate: Gate, services: Sequence[Service], engines: Engines, many: int, *, say: Callable[[str], None]) -> None:
    """Keep these services at home in so many processes, until a signal comes.

    To be entered in the main thread, outside an event loop, with SIGTERM raising SystemExit.

    Raises:
        Unavailable: one of them did not come up; the others are stopped.
    """
    with _open(gate, services, many) as doors:
        _load(services)
        front = f"http://{gate.host}:{port_of(doors.front)}" if doors.front is not None else ""
        run = RunFile(os.getpid(), front, f"http://{gate.host}:{port_of(doors.inner)}")
        crew = _Crew(gate, services, engines, doors, front, say)
        try:
            for number in range(many):
                crew.started(number)
            with written(gate.data_dir, run):
                say(f"{', '.join(each.name for each in services)}: {many} workers, inner door at {run.inner}")
                if front:
                    print(f"carerecord is ready at {front}", flush=True)
                with suppress(KeyboardInterrupt, SystemExit):
                    crew.mind()
                say("stopping: finishing what is in hand")
        finally:
            crew.stop()


@contextmanager
def _open(gate: Gate, services: Sequence[Service], many: int) -> Iterator[_Doors]:
    with closing(listening(gate.inner_port, gate.host)) as inner:
        front = listening(gate.port, gate.host) if any(each.face for each in services) else None
        own = tuple(bound(0) for _ in range(many))
        try:
            yield _Doors(inner, front, own, Shares(many), Shares(many))
        finally:
            for each in (*own, *([front] if front is not None else [])):
                each.close()


def _load(services: Sequence[Service]) -> None:
    """What each of them would load for itself, once for all."""
    names = {each.name for each in services}
    for name in names:
        importlib.import_module(f"carerecord.{name}.api")
    if names & {"holdings", "exchange", "records"}:
        validate.load()
    if names & {"holdings", "exchange"}:
        gates.load()
        parameters.load()
        xml.load()
    gc.collect()
    gc.freeze()  # or the collector of each worker would write on every page of it


def _ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
