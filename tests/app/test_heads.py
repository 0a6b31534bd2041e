"""Has the head of a request an end, in length and in time, and does nothing else?"""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carerecord.app import heads, house
from carerecord.app.heads import MOST_BYTES
from carerecord.app.serve import server_on

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
END = b"\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def told(request: Request) -> Response:
        many = len(await request.body())
        return Response(f"{many}, {request.headers.get('x-late', 'nothing late')}")

    listening = socket.create_server(("127.0.0.1", 0))
    server, _ = server_on(Starlette(routes=[Route("/", told, methods=["GET", "POST"])]), listening)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    await running


async def answered(port: int, *parts: bytes) -> bytes:
    """What comes back for these parts, each sent when the one before it is on its way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.005)
    except ConnectionError:
        pass  # it is closed already: what it said is there to read
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_head_of_the_usual_length_is_read_in_however_many_parts_it_comes(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nCookie: " + b"a" * (MOST_BYTES - 200) + END
    assert (await answered(port, head)).startswith(b"HTTP/1.1 200")
    assert (await answered(port, *(head[at : at + 4_000] for at in range(0, len(head), 4_000)))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nCookie: " + b"a" * MOST_BYTES + END,
        b"GET /?" + b"a" * MOST_BYTES + b" HTTP/1.1" + END,
        b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % each for each in range(8_000)) + b"Host: x\r\n\r\n",
    ],
    ids=["a header", "an address", "many headers"],
)
async def test_a_longer_one_is_refused(port: int, head: bytes) -> None:
    assert (await answered(port, head)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "begins", [b"GET / HTTP/1.1\r\nCookie: ", b"GET /?", b"GET / HTTP/1.1\r\nA", b"GET / HTTP/1.1\r\nA: b\r\n"]
)
async def test_one_that_never_ends_is_cut_off(port: int, begins: bytes) -> None:
    part = b"A: b\r\n" * 1_000 if begins.endswith(b"\n") else b"a" * 6_000
    told = await answered(port, begins, *([part] * 40))
    assert told == b"" or told.startswith(b"HTTP/1.1 400"), "it is closed, whether or not the reason still came through"


async def test_a_long_body_and_one_request_behind_another_are_no_head(port: int) -> None:
    body = b"x" * 300_000
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    told = await answered(port, first + first[:50], first[50:], b"GET / HTTP/1.1" + END)
    assert told.count(b"HTTP/1.1 200") == 3
    assert told.count(b"\r\n\r\n300000") == 2


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"


@pytest.mark.parametrize("part", [b"A: b\r\n" * 1_000, b"a" * 6_000], ids=["many", "one"])
@pytest.mark.parametrize("begins", [b"0\r\nA: b\r\nC: ", b"1;extension="], ids=["trailers", "an extension of a chunk"])
async def test_what_stands_beside_a_body_has_an_end_too(port: int, begins: bytes, part: bytes) -> None:
    told = await answered(port, CHUNKED + begins, *([part] * 40))
    assert told == b"" or told.startswith(b"HTTP/1.1 400")


async def test_a_trailer_is_no_header(port: int) -> None:
    told = await answered(port, CHUNKED, b"0\r\nX-Late: yes\r\n\r\nGET / HTTP/1.1" + END)
    assert told.count(b"nothing late") == 2


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.3)
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.3)


async def trickled(port: int, begins: bytes, each: bytes) -> tuple[bytes, float]:
    """What comes back for one that goes on byte by byte and never ends, and after how long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = asyncio.get_running_loop().time()

    async def on() -> None:
        writer.write(begins)
        while not writer.is_closing():
            writer.write(each)
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(on())
    try:
        came = await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        came = b""
    finally:
        sending.cancel()
        writer.close()
    return came, asyncio.get_running_loop().time() - began


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_goes_on_byte_by_byte_is_ended_in_time(port: int) -> None:
    came, took_s = await trickled(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a")

    assert not came.startswith(b"HTTP/1.1 200")
    assert 0.2 < took_s < 5


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_stops_in_the_middle_is_told_so(port: int) -> None:
    assert (await answered(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")).startswith(b"HTTP/1.1 408")


@pytest.mark.usefixtures("hurried")
async def test_a_body_that_goes_on_byte_by_byte_is_ended_in_time(port: int) -> None:
    came, took_s = await trickled(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"a")

    assert not came.startswith(b"HTTP/1.1 200")
    assert 0.2 < took_s < 5


async def test_a_body_that_comes_on_is_waited_for_however_long_it_is(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 1.0)
    monkeypatch.setattr(heads, "BODY_PACE", 100_000)
    parts = [b"a" * 5_000] * 300
    began = asyncio.get_running_loop().time()

    came = await answered(port, b"POST / HTTP/1.1\r\nConnection: close\r\nHost: x\r\nContent-Length: 1500000\r\n\r\n", *parts)

    assert came.endswith(b"1500000, nothing late")
    assert asyncio.get_running_loop().time() - began > 1.2, "longer than it may stand still"


async def test_requests_one_after_the_other_are_answered_though_the_first_was_long_ago(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for pause_s in (1.2, 0.0):
        writer.write(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0.02)
        writer.write(b"Host: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"0, nothing late")
        await asyncio.sleep(pause_s)
    writer.close()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("begins", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "behind an answer"])
async def test_blank_lines_hold_no_connection(port: int, begins: bytes) -> None:
    """A reader skips them before a request: they are of its head, and have its time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if begins:
        writer.write(begins)
        await reader.readuntil(b"0, nothing late")
    writer.write(b"\r\n")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_head_behind_a_body_has_the_time_of_a_head(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.3)
    body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    began = asyncio.get_running_loop().time()
    told = await answered(port, body, b"abcd", b"GET / HTTP/1.1\r\nX-Slow: ")

    assert b"HTTP/1.1 200" in told
    assert b"HTTP/1.1 408" in told
    assert asyncio.get_running_loop().time() - began < 5


async def test_more_connections_than_half_of_all_descriptors_are_not_taken(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (6, 6))
    there = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    request = b"GET / HTTP/1.1" + END

    assert await answered(port, request) == b""
    there[0][1].close()
    await asyncio.sleep(0.05)
    assert (await answered(port, request)).startswith(b"HTTP/1.1 200")
    for _, writer in there:
        writer.close()


def test_as_many_descriptors_are_taken_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: told.append(limits))
    for limits in ((1_024, 524_288), (1_024, 4_096), (100_000, 200_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda which, limits=limits: limits)
        house.room_for_connections()

    assert told == [(65_536, 524_288), (4_096, 4_096)]


@pytest.mark.usefixtures("hurried")
async def test_a_body_that_stops_is_ended_in_time_however_much_of_it_came(port: int) -> None:
    began = asyncio.get_running_loop().time()
    told = await answered(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"a" * 60_000)

    assert told == b""
    assert asyncio.get_running_loop().time() - began < 5
