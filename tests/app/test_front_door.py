"""Do several faces stand behind one door, each below its own prefix, as if it were the door itself?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from carerecord.app import front_door as door_of_faces
from carerecord.app import heads
from carerecord.app.apart import Apart
from carerecord.app.catalogue import Service, chosen
from carerecord.app.engines import Engines
from carerecord.app.front_door import face_for, front_door
from carerecord.app.gate import Gate
from carerecord.app.house import reserved
from carerecord.app.serve import bound, port_of, server_on


def test_the_longest_prefix_answers_and_a_word_that_only_begins_alike_does_not():
    faces = {"/": "pages", "/fhir": "api"}
    told = {path: face_for(path, faces) for path in ("/", "/search", "/fhir", "/fhir/Patient/1", "/fhirside")}
    assert told == {"/": "pages", "/search": "pages", "/fhir": "api", "/fhir/Patient/1": "api", "/fhirside": "pages"}
    assert face_for("/search", {"/fhir": "api"}) == ""


def test_of_several_faces_each_has_a_port_of_its_own_behind_the_one_door(tmp_path: Path):
    api = Service("an-api", 5, face=True, keeps=False, at="/fhir")
    two = Apart(Gate(data_dir=tmp_path, port=8080), (*chosen("viewer"), api), Engines({}, ""))
    assert set(two.faces()) == {"/", "/fhir"}
    assert len({8080, *two.fronts.values()}) == 3
    one = Apart(Gate(data_dir=tmp_path), chosen("policy,viewer"), Engines({}, ""))
    assert one.faces() == {}, "a face alone is the door"


@asynccontextmanager
async def a_face(name: str, waits: asyncio.Event) -> AsyncIterator[str]:
    async def say(request: Request) -> Response:
        body = (await request.body()).decode()
        said = f"{name} {request.method} {request.url.path}?{request.url.query} {body} {request.headers['host']}"
        reply = PlainTextResponse(said, 207)
        reply.headers.append("set-cookie", "a=1")
        reply.headers.append("set-cookie", "b=2")
        return reply

    async def stream(_: Request) -> Response:
        async def parts() -> AsyncIterator[str]:
            yield "first"
            await waits.wait()
            yield "late"

        return StreamingResponse(parts())

    async def move(_: Request) -> Response:
        return RedirectResponse("/elsewhere", 303)

    methods = ["GET", "POST"]
    routes = [Route("/stream", stream), Route("/move", move), Route("/{rest:path}", say, methods=methods)]
    server, listening = server_on(Starlette(routes=routes), bound(0))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{port_of(listening)}"
    finally:
        server.should_exit = True
        await running


@pytest.fixture
async def waits() -> asyncio.Event:
    return asyncio.Event()


async def test_what_is_said_passes_whole_and_as_it_comes(waits: asyncio.Event):
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(a_face("pages", waits))
        api = await stack.enter_async_context(a_face("api", waits))
        port = reserved(0, "127.0.0.1")
        await stack.enter_async_context(front_door("127.0.0.1", port, {"/": pages, "/fhir": api, "/gone": "http://127.0.0.1:9"}))
        door = f"http://127.0.0.1:{port}"
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async with session.post(f"{door}/a%20b?x=%26", data=b"body") as reply:
            assert (reply.status, await reply.text()) == (207, f"pages POST /a b?x=%26 body 127.0.0.1:{port}")
            assert reply.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        async with session.get(f"{door}/fhir/metadata") as reply:
            assert (await reply.text()).startswith("api GET /fhir/metadata")
        async with session.get(f"{door}/move", allow_redirects=False) as reply:
            assert (reply.status, reply.headers["Location"]) == (303, "/elsewhere")
        async with session.get(f"{door}/stream") as reply:
            assert await asyncio.wait_for(reply.content.readany(), 5) == b"first", "before the rest is there"
            waits.set()
            assert await reply.content.read() == b"late"
        async with session.get(f"{door}/gone/away") as reply:
            assert reply.status == 503


async def test_a_head_that_does_not_come_and_a_body_that_is_too_much_have_an_end_here_too(
    waits: asyncio.Event, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.3)
    monkeypatch.setattr(door_of_faces, "_MOST_BYTES", 100_000)
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(a_face("pages", waits))
        port = reserved(0, "127.0.0.1")
        await stack.enter_async_context(front_door("127.0.0.1", port, {"/": pages}))
        told, much = [], b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000
        for said in (b"GET / HTTP/1.1\r\nX-Slow: ", much):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            told.append(await asyncio.wait_for(reader.read(12), 5))
            writer.close()

    assert told == [b"HTTP/1.1 408", b"HTTP/1.1 413"]
