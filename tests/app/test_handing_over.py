"""Does a door that closes lose nobody's question, and does another process take over its port?"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from carerecord.app.apart import Apart, _unopened
from carerecord.app.catalogue import chosen
from carerecord.app.engines import Engines
from carerecord.app.gate import Gate
from carerecord.app.serve import Server, handed_over, port_of, server_on
from carerecord.kit.calls import KEPT_S
from carerecord.kit.doors import DRAIN_S
from carerecord.kit.errors import Conflict, NotAcceptable, NotFound, Unavailable

HOST = "127.0.0.1"


@asynccontextmanager
async def a_door(name: str, taken: socket.socket, *, drains: bool = True) -> AsyncIterator[tuple[Server, "asyncio.Task[None]"]]:
    async def say(_: Request) -> Response:
        return PlainTextResponse(name)

    server, listening = server_on(Starlette(routes=[Route("/", say)]), taken, drains=drains)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield server, running
    finally:
        server.should_exit = True
        await asyncio.gather(running, return_exceptions=True)


def two_on_one_port() -> tuple[socket.socket, socket.socket]:
    first = _unopened(HOST, 0)
    second = _unopened(HOST, port_of(first))
    for each in (first, second):
        each.setblocking(False)
    return first, second


async def closing(server: Server) -> None:
    server.should_exit = True
    while not server.leaving:
        await asyncio.sleep(0.005)


async def test_a_caller_who_is_connected_is_answered_once_more_and_then_finds_whoever_took_over():
    first, second = two_on_one_port()
    port = port_of(first)
    app = aiohttp.TCPConnector(limit=1, keepalive_timeout=KEPT_S)
    async with aiohttp.ClientSession(connector=app) as session, a_door("old", first) as (old, ended):
        async with session.get(f"http://{HOST}:{port}/") as reply:
            assert await reply.text() == "old"
        async with a_door("new", second):
            await closing(old)
            async with session.get(f"http://{HOST}:{port}/") as reply:  # by the connection that it kept
                assert (await reply.text(), reply.headers["Connection"]) == ("old", "close")
            for _ in range(20):
                async with session.get(f"http://{HOST}:{port}/") as reply:
                    assert await reply.text() == "new"
            await asyncio.wait_for(asyncio.shield(ended), 1.0)  # nobody is left: it need not wait longer


async def test_a_connection_that_stays_idle_is_let_go_by_its_caller_first():
    assert KEPT_S < DRAIN_S
    first, second = two_on_one_port()
    second.close()
    loop = asyncio.get_running_loop()
    async with a_door("old", first) as (old, ended):
        _, writer = await asyncio.open_connection(HOST, port_of(first))  # a caller who never lets go
        began = loop.time()
        await closing(old)
        await asyncio.wait_for(asyncio.shield(ended), DRAIN_S + 2)
        assert loop.time() - began >= DRAIN_S
        writer.close()


def test_a_door_that_is_not_open_yet_keeps_nobody_waiting():
    taken, other = two_on_one_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port_of(taken)), timeout=1)
    given = handed_over(taken.detach())
    assert not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    given.listen()
    socket.create_connection((HOST, port_of(given)), timeout=1).close()
    given.close()
    other.close()


async def test_what_cannot_take_a_place_leaves_it_as_it_was(tmp_path):
    house = Apart(Gate(data_dir=tmp_path), chosen("policy,viewer"), Engines({}, ""), log=tmp_path / "log")
    with pytest.raises(Conflict, match="policy does not run"):
        await house.replace("policy")
    with pytest.raises(NotAcceptable, match="front door"):
        await house.replace("viewer")
    with pytest.raises(NotFound, match="they are: policy, viewer"):
        house.state("locator")
    try:
        house.start("policy")
        await house.ready()
        first = house.processes["policy"].pid
        with pytest.raises(NotAcceptable, match="no program"):
            await house.replace("policy", ["a-program-that-there-is-not"])
        with pytest.raises(Unavailable, match="ended as it started"):
            await house.replace("policy", [sys.executable, "-c", "raise SystemExit(3)"])
        await house.ready(["policy"])
        assert (house.processes["policy"].pid, house.instead.get("policy", ())) == (first, ())
        await house.replace("policy")
        await house.ready(["policy"])
        assert house.processes["policy"].pid != first
    finally:
        await asyncio.to_thread(house.stop_all)
    assert house.state("policy") == "stopped"
