"""Our own HTTP client: does every way in which an answer can be sent arrive whole, and nothing else?"""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from carerecord.connectors import channels
from carerecord.connectors.channel import MOST_BESIDE, Arrived, Channel
from carerecord.connectors.channels import A_HOST, Channels, Origin
from carerecord.connectors.web_trouble import CutShort, Elsewhere, NoAnswer, TooLarge, WebTrouble

MOST = 10_000
SAID = b"nothing recorded " * 20
TRUST = ssl.create_default_context()


class Played:
    """A system that answers each request with the next of these bytes, cut as a test says; None: it closes without a word."""

    def __init__(
        self, *answers: bytes | None, cut: int = 1 << 20, closes: bool = False, holds: bool = False, strays: bytes = b""
    ) -> None:
        self._answers: Iterator[bytes | None] = iter(answers)
        self._cut, self._closes, self._holds, self._strays = cut, closes, holds, strays
        self.requests: list[bytes] = []
        self.connections = self.open = self.most_open = 0
        self.go_on = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections, self.open = self.connections + 1, self.open + 1
        self.most_open = max(self.most_open, self.open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                if self._holds:
                    await self.go_on.wait()
                answer = next(self._answers, None)
                for at in range(0, len(answer or b""), self._cut):
                    writer.write((answer or b"")[at : at + self._cut])
                    await writer.drain()
                    await asyncio.sleep(0)
                if answer is None or self._closes:
                    return
                if self._strays:
                    await asyncio.sleep(0.05)
                    writer.write(self._strays)
                    self._strays = b""
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.close()


Ask = Callable[..., "asyncio.Future[Arrived]"]


@asynccontextmanager
async def asking(played: Played, ours: Channels | None = None) -> AsyncIterator[Ask]:
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir/Patient/1?_count=5")
    ours = ours or Channels(100)

    def ask(method: str = "GET", within_s: float = 3.0, most: int = MOST, **headers: str) -> "asyncio.Future[Arrived]":
        until = asyncio.get_running_loop().time() + within_s
        return asyncio.ensure_future(ours.ask(method, url, headers, b"" if method == "POST" else None, TRUST, most, until))

    try:
        yield ask
    finally:
        await ours.close()
        played.go_on.set()
        server.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def closed(played: Played) -> None:
    await until(lambda: not played.open)


def answer(body: bytes = SAID, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 7, trailers: bytes = b"") -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;of=this\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


def bare_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


CHUNKED = "Transfer-Encoding: chunked"
WHOLE = {
    "by length": answer(),
    "in chunks": answer(chunked(SAID), CHUNKED, length=False),
    "in chunks, with trailers": answer(chunked(SAID, trailers=b"ETag: no\r\n"), CHUNKED, length=False),
    "packed": answer(gzip.compress(SAID), "Content-Encoding: gzip"),
    "packed in two members": answer(gzip.compress(SAID[:50]) + gzip.compress(SAID[50:]), "Content-Encoding: gzip"),
    "packed and in chunks": answer(chunked(gzip.compress(SAID)), CHUNKED, "Content-Encoding: GZIP", length=False),
    "deflated": answer(zlib.compress(SAID), "content-encoding: deflate"),
    "deflated without its head": answer(bare_deflate(SAID), "Content-Encoding: deflate"),
    "after provisional answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(),
}


@pytest.mark.parametrize("cut", [1, 1 << 20])
@pytest.mark.parametrize("how", WHOLE)
async def test_an_answer_arrives_whole_however_it_is_sent_and_its_connection_is_used_again(how: str, cut: int):
    played = Played(WHOLE[how], WHOLE[how], cut=cut)
    async with asking(played) as ask:
        arrived = [await ask(), await ask()]

    assert [(each.status, each.body) for each in arrived] == [(200, SAID)] * 2
    assert all(b"etag" not in each.headers for each in arrived)
    assert played.connections == 1


async def test_an_answer_without_a_length_ends_with_its_connection():
    played = Played(answer(length=False), answer(length=False), closes=True)
    async with asking(played) as ask:
        arrived = [await ask(), await ask()]

    assert [each.body for each in arrived] == [SAID] * 2
    assert played.connections == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_status_without_a_body_is_whole_at_its_head(status: str):
    async with asking(Played(answer(b"", 'ETag: W/"3"', status=status, length=False))) as ask:
        arrived = await ask()

    assert (arrived.status, arrived.body, arrived.headers[b"etag"]) == (int(status[:3]), b"", b'W/"3"')


CUT = {
    "short of its length": (answer()[:-1], CutShort),
    "between chunks": (answer(chunked(SAID), CHUNKED, length=False)[:-5], CutShort),
    "within what is packed": (answer(gzip.compress(SAID)[:-9], "Content-Encoding: gzip"), CutShort),
    "packed as it does not say": (answer(SAID, "Content-Encoding: gzip"), CutShort),
    "within a chunk's size": (answer(b"zz\r\nno\r\n", CHUNKED, length=False), CutShort),
    "within the head": (b"HTTP/1.1 200 OK\r\nContent-", NoAnswer),
    "before anything": (None, NoAnswer),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", NoAnswer),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", WebTrouble),
    "a length and chunks": (answer(chunked(SAID), CHUNKED, length=True), WebTrouble),
    "to another address": (answer(b"", "Location: http://127.0.0.1/x", status="302 Found"), Elsewhere),
    "another protocol": (answer(b"", "Connection: upgrade", "Upgrade: h2c", status="101 Switching", length=False), WebTrouble),
}


@pytest.mark.parametrize("how", CUT)
async def test_an_answer_that_breaks_off_is_none(how: str):
    sent, trouble = CUT[how]
    played = Played(sent, answer(), closes=True)
    async with asking(played) as ask:
        with pytest.raises(trouble):
            await ask()
        assert (await ask()).body == SAID, "by a new connection"


LARGE = {
    "by its length": answer(b"x" * MOST + b"x"),
    "in chunks": answer(chunked(b"x" * (MOST + 1), 1_000), CHUNKED, length=False),
    "without a length": answer(b"x" * (MOST + 1), length=False),
    "packed": answer(gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip"),
    "packed in crumbs": answer(chunked(gzip.compress(b"") * 2_000, 4_096), CHUNKED, "Content-Encoding: gzip", length=False),
    "in its head": b"HTTP/1.1 200 OK\r\n" + b"X-More: more\r\n" * 20_000,
    "in one line of its head": b"HTTP/1.1 200 OK\r\nX-More: " + b"x" * 4 * MOST_BESIDE,
    "in its trailers": answer(b"1\r\nx\r\n0\r\n" + b"X-More: more\r\n" * 20_000, CHUNKED, length=False),
    "provisionally": b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("how", LARGE)
async def test_more_than_may_be_taken_in_is_given_up_and_never_held(how: str):
    async with asking(Played(LARGE[how], cut=16_384)) as ask:
        tracemalloc.start()
        try:
            with pytest.raises(TooLarge):
                await ask()
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert held < 4_000_000


async def test_just_as_much_as_may_be_taken_in_is():
    async with asking(Played(answer(b"x" * MOST), answer(gzip.compress(b"x" * MOST), "Content-Encoding: gzip"))) as ask:
        assert [len((await ask()).body), len((await ask()).body)] == [MOST, MOST]


async def test_a_kept_connection_that_was_closed_meanwhile_costs_a_read_nothing_and_a_post_an_error():
    played = Played(answer(), None, answer(), None)
    async with asking(played) as ask:
        first, second = await ask(), await ask()
        with pytest.raises(NoAnswer):
            await ask("POST")

    assert (first.body, second.body, played.connections) == (SAID, SAID, 2)
    assert len(played.requests) == 4, "what was posted may have been done: it is not sent again by ourselves"


async def test_a_new_connection_that_breaks_is_no_answer_and_is_not_tried_for_ever():
    played = Played()
    async with asking(played) as ask:
        with pytest.raises(NoAnswer):
            await ask()

    assert len(played.requests) == 1


@pytest.mark.parametrize("extra", [answer(b"of somebody else"), b"HTTP/1.1 2", b"nonsense"])
async def test_a_second_answer_to_one_question_is_no_answer_to_the_next(extra: bytes):
    played = Played(answer() + extra, answer(b"mine"))
    async with asking(played) as ask:
        first, second = await ask(), await ask()

    assert (first.body, second.body, played.connections) == (SAID, b"mine", 2)


async def test_what_comes_unasked_closes_the_connection():
    played = Played(answer(), answer(b"mine"), strays=answer(b"of somebody else"))
    async with asking(played) as ask:
        await ask()
        await closed(played)
        second = await ask()

    assert (second.body, played.connections) == (b"mine", 2)


@pytest.mark.parametrize(("sent", "says"), [(b"", "did not answer in time"), (answer()[:-5], "then fell silent")])
async def test_silence_ends_at_its_moment_and_frees_the_connection(sent: bytes, says: str):
    played = Played(sent)
    async with asking(played) as ask:
        with pytest.raises(NoAnswer, match=says):
            await ask(within_s=0.6)
        await closed(played)


async def test_who_goes_away_frees_the_connection():
    played = Played(b"")
    async with asking(played) as ask:
        asked = ask()
        await until(lambda: played.requests)
        asked.cancel()
        await closed(played)

    assert asked.cancelled()
    assert len(played.requests) == 1


async def test_a_host_is_asked_so_many_questions_at_once_and_the_others_wait_their_turn():
    many = A_HOST + 5
    played = Played(*[answer()] * many, holds=True)
    async with asking(played) as ask:
        asked = [ask(within_s=30.0) for _ in range(many)]
        await until(lambda: len(played.requests) == A_HOST)
        with pytest.raises(NoAnswer, match="in time"):
            await ask(within_s=0.2)
        waiting = played.open
        played.go_on.set()
        arrived = await asyncio.gather(*asked)

    assert (waiting, played.most_open, len(arrived)) == (A_HOST, A_HOST, many)


async def test_a_connection_that_nobody_needs_is_let_go(monkeypatch):
    monkeypatch.setattr(channels, "KEPT_S", 0.1)
    played = Played(answer(), answer())
    async with asking(played) as ask:
        await ask()
        await closed(played)
        await ask()

    assert played.connections == 2


async def test_a_header_that_would_end_its_line_is_never_sent():
    played = Played(answer())
    async with asking(played) as ask:
        for value in ("x\r\nX-Other: y", "x\ny", "x\0"):
            with pytest.raises(ValueError, match="end of a line"):
                await ask(Authorization=value)

    assert played.requests == []


async def test_a_request_says_where_it_goes_and_what_may_come_back():
    played = Played(answer())
    async with asking(played) as ask:
        await ask(Accept="application/fhir+json")

    (head,) = played.requests
    lines = head.decode().split("\r\n")
    assert lines[0] == "GET /fhir/Patient/1?_count=5 HTTP/1.1"
    assert lines[1].startswith("Host: 127.0.0.1:")
    assert {"Accept-Encoding: gzip, deflate", "User-Agent: carerecord", "Accept: application/fhir+json"} < set(lines)


async def test_an_answer_in_chunks_of_two_bytes_takes_no_more_room_than_its_bytes():
    body = b"ab" * 100_000
    played = Played(answer(chunked(body, 2), CHUNKED, length=False))
    async with asking(played) as ask:
        tracemalloc.start()
        try:
            arrived = await ask(within_s=30.0, most=len(body))
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert arrived.body == body
    assert held < 4_000_000


async def test_an_answer_that_we_break_off_ourselves_is_not_whole_because_it_said_no_length():
    ours = Channels(100)
    async with asking(Played(answer(length=False)), ours) as ask:
        asked = ask()
        await asyncio.sleep(0.1)
        await ours.close()
        with pytest.raises(WebTrouble):
            await asked


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Cleared, it holds up whoever has found a connection."""
    found, free = channels._connected, asyncio.Event()
    free.set()

    async def connected(origin: Origin, until: float) -> Channel:
        channel = await found(origin, until)
        await free.wait()
        return channel

    monkeypatch.setattr(channels, "_connected", connected)
    return free


async def test_a_host_that_is_being_reached_when_its_idle_connections_go_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, way: asyncio.Event
):
    monkeypatch.setattr(channels, "KEPT_S", 0.4)
    played = Played(*[answer()] * 3, strays=b"closes the first")
    async with asking(played) as ask:
        await ask()
        await closed(played)
        way.clear()
        second = ask()
        await asyncio.sleep(0.5)
        way.set()
        await second
        await ask()

    assert (len(played.requests), played.connections) == (3, 2)


async def test_who_reaches_a_host_after_all_was_closed_asks_nothing(way: asyncio.Event):
    played, ours = Played(answer()), Channels(100)
    way.clear()
    async with asking(played, ours) as ask:
        asked = ask()
        await until(lambda: played.connections)
        await ours.close()
        way.set()
        with pytest.raises(NoAnswer):
            await asked
        await closed(played)

    assert (played.connections, played.requests) == (1, [])
