"""How does a house open its doors? One inner door for neighbours and operators, one front door for people, an orderly stop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import Metric, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from carerecord.app.heads import BoundedHead
from carerecord.app.sharing import Counted, Shares, Taking
from carerecord.kit.doors import DRAIN_S, WithFarewell, WithFaultsTold, WithRequestId, WithStraightWays
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Straight

if TYPE_CHECKING:
    from carerecord.app.wire import House

HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the front gate has one for all its doors.

    One that `drains` hands its callers over when it stops: it takes no new connection, answers those it has, each with the
    request to come back by a new one, and closes none that a caller might be about to use.
    """

    drains = False
    leaving = False
    share: tuple[Shares, int] | None = None  # with whom it shares its socket, and which of them it is

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.share is None or sockets is None:
            await super().startup(sockets)
            return
        connections = self.server_state.connections = Counted(*self.share)
        config, state = self.config, self.server_state

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

        await self.lifespan.startup()
        self.servers = [Taking(each, protocol, self.share[0], connections) for each in sockets]  # type: ignore[misc]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.drains:
            self.leaving = True
            for server in self.servers:
                server.close()
            for each in sockets or []:
                each.close()
            until = asyncio.get_running_loop().time() + DRAIN_S
            while self.server_state.connections and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(port: int, *, host: str = HOST, shared: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one. `shared` lets several workers listen on one port.

    Raises:
        OSError: somebody has it.
    """
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        taken.bind((host, port))
        taken.listen(1024)
    except OSError:
        taken.close()
        raise
    taken.setblocking(False)
    return taken


def handed_over(number: int) -> socket.socket:
    """A socket that whoever started us has bound and not yet opened: it listens once there is somebody to answer."""
    taken = socket.socket(fileno=number)
    taken.setblocking(False)
    return taken


def port_of(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


Pages = Callable[[], Awaitable[bytes]]


class _Together:
    """The figures of several services, each explained once: a strict scraper takes no page that does it twice."""

    def __init__(self, parts: Sequence[Metrics]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for each in self._parts:
            for family in each.registry.collect():
                if (known := found.setdefault(family.name, family)) is not family:
                    known.samples.extend(family.samples)
        return found.values()


def own_metrics(house: "House") -> bytes:
    return generate_latest(_Together([each.supplies.metrics for each in house.housed]))


def inner_app(house: "House", pages: Pages | None = None) -> ASGIApp:
    """`/SERVICE/ask/WORD`, `/SERVICE/health/…`, `/SERVICE/metrics`; and the whole process's health and metrics at the root.

    `pages`: the metrics of all processes that share this door, where there are several.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True, "services": [each.service.name for each in house.housed]})

    async def ready(_: Request) -> Response:
        missing = {each.service.name: said for each in house.housed if (said := await each.door.missing())}
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    async def metrics(_: Request) -> Response:
        page = await pages() if pages is not None else own_metrics(house)
        return Response(page, media_type="text/plain; version=0.0.4")

    routes: list[BaseRoute] = [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        *(Mount(f"/{each.service.name}", routes=each.door.routes()) for each in house.housed),
    ]
    return Starlette(routes=routes, middleware=[Middleware(WithRequestId)])


def front_app(house: "House") -> ASGIApp:
    """What people and outside systems reach: the faces' own routes, and nothing of the inner door."""
    routes = [route for each in house.housed for route in each.part.routes]
    straight = [each for each in routes if isinstance(each, Straight)]
    others = Starlette(routes=[each for each in routes if not isinstance(each, Straight)])
    return WithRequestId(WithFaultsTold(WithStraightWays(straight, others), log_for("front")))


@asynccontextmanager
async def open_doors(
    house: "House", *, inner: socket.socket, front: socket.socket | None, share: tuple[Shares, Shares, int] | None = None,
    pages: Pages | None = None,
) -> AsyncIterator[None]:  # fmt: skip
    """Serve until the block ends; then take no more, finish what is in hand (ten seconds at most), and close.

    `share`: with whom the inner and the front socket are shared, and which of these processes this is.
    """
    servers = [server_on(inner_app(house, pages), inner, drains=True, share=share and (share[0], share[2]))]
    if front is not None and any(each.service.face for each in house.housed):
        servers.append(server_on(front_app(house), front, share=share and (share[1], share[2])))
    async with serving(servers):
        yield


@asynccontextmanager
async def serving(servers: list[tuple[Server, socket.socket]]) -> AsyncIterator[None]:
    running = [asyncio.create_task(server.serve(sockets=[listening])) for server, listening in servers]
    try:
        while not all(server.started for server, _ in servers):
            await asyncio.sleep(0.005)
            for task in running:
                if task.done():
                    task.result()
        yield
    finally:
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*running, return_exceptions=True)


def server_on(
    app: ASGIApp, listening: socket.socket, *, drains: bool = False, share: tuple[Shares, int] | None = None
) -> tuple[Server, socket.socket]:
    config = uvicorn.Config(
        WithFarewell(app, lambda: server.leaving) if drains else app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        http=BoundedHead,
    )
    server = Server(config)
    server.drains, server.share = drains, share
    return server, listening
