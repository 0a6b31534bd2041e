"""A service asked in process and over a real socket: the two ways that every answer and every error must agree on."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from carerecord.app.serve import bound, port_of, server_on
from carerecord.kit.calls import Calls, Direct, Socket, Transport
from carerecord.kit.doors import Door
from carerecord.kit.errors import CareRecordError
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Part
from carerecord.kit.question import Question, Stream
from carerecord.kit.tokens import keys_for

SECRET = b"a secret of this test, thirty-two"
CALLER = "asker"


async def _well() -> str:
    return ""


@asynccontextmanager
async def across_a_socket(
    part: Part, *, caller: str = CALLER, callers: frozenset[str] = frozenset({CALLER})
) -> AsyncIterator[Socket]:
    """The part behind a real door on a real port, and the way there."""
    keys = keys_for(SECRET, part.name, (part.name, caller), ())
    door = Door(part, key=keys.door, callers=callers, ready=_well, metrics=Metrics(part.name), log=log_for(part.name))
    listening = bound(0)
    server, _ = server_on(door.app(), listening)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
        shown = keys_for(SECRET, caller, (part.name,), (part.name,)).credentials[part.name]
        async with aiohttp.ClientSession() as session:
            yield Socket(session, f"http://127.0.0.1:{port_of(listening)}", shown)
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await running


@dataclass(frozen=True)
class Said:
    """What came back: chunks (one for a plain question), or an error."""

    chunks: tuple[bytes, ...] = ()
    error: str = ""
    says: str = ""
    facts: tuple[tuple[str, str], ...] = ()


async def said(way: Transport, question: Question[Any, Any], asked: Any) -> Said:
    calls = Calls(CALLER, {question.service: way})
    try:
        if isinstance(question, Stream):
            return Said(tuple([msgspec.json.encode(chunk) async for chunk in calls.stream(question, asked)]))
        return Said((msgspec.json.encode(await calls.ask(question, asked)),))
    except CareRecordError as error:
        return Said(error=type(error).__name__, says=error.says, facts=tuple(sorted(error.facts.items())))


_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{16,}\b|\b[a-z2-7]{20}\b"
    r"|(?<![\w-])[A-Za-z0-9_-]{22,}(?![\w-])"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)?|\b1[789]\d{8}\.\d+\b|\"elapsed_s\":[0-9.e-]+")


def alike(one: Said) -> Said:
    """The same answer with ids numbered by first appearance and times taken out: two instances make up their own."""
    text = "\n".join(chunk.decode() for chunk in one.chunks)
    seen: dict[str, str] = {}
    text = _TIME.sub("<time>", text)
    text = _ID.sub(lambda match: seen.setdefault(match[0], f"<id {len(seen)}>"), text)
    return Said((text.encode(),) if one.chunks else (), one.error, one.says, one.facts)


def _where_they_part(one: Said, other: Said) -> str:
    said, heard = str(one), str(other)
    place = next((at for at, (a, b) in enumerate(zip(said, heard, strict=False)) if a != b), min(len(said), len(heard)))
    return f"…{said[max(0, place - 60) : place + 60]}… became …{heard[max(0, place - 60) : place + 60]}…"


async def agree(make: Callable[[AsyncExitStack], Any], dialogue: Sequence[tuple[Question[Any, Any], Any]]) -> list[Said]:
    """Hold one dialogue with three instances of a service: direct, direct through the encoder, across a socket.

    `make(stack)` builds a fresh part; a question in the dialogue may be a function of the answers so far.
    """
    heard: list[list[Said]] = []
    for way_name in ("direct", "round trip", "socket"):
        async with AsyncExitStack() as stack:
            part: Part = await make(stack)
            await part.start()
            stack.push_async_callback(part.stop)
            way: Transport = (
                await stack.enter_async_context(across_a_socket(part))
                if way_name == "socket"
                else Direct(part.answers, round_trip=way_name == "round trip")
            )
            answers: list[Said] = []
            for question, asked in dialogue:
                answers.append(await said(way, question, asked(answers) if callable(asked) else asked))
            heard.append(answers)
    direct, round_trip, socket = ([alike(each) for each in answers] for answers in heard)
    for (question, _), one, other, third in zip(dialogue, direct, round_trip, socket, strict=True):
        assert one == other, f"{question.name}, encoded: {_where_they_part(one, other)}"
        assert one == third, f"{question.name}, across a socket: {_where_they_part(one, third)}"
    return heard[0]
