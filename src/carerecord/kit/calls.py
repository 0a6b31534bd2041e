"""How is a question put to another service? The file that knows whether a neighbour is in this process or across a socket."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from carerecord.kit import request
from carerecord.kit.errors import CareRecordError, Unavailable, by_name, is_unfit
from carerecord.kit.log import Log
from carerecord.kit.part import Answer
from carerecord.kit.question import Question, Stream, encode

A = TypeVar("A")
R = TypeVar("R")

CALLER = "X-Carerecord-Caller"
FRAME = struct.Struct(">BI")  # kind (0 a value, 1 an error), length
VALUE, ERROR = 0, 1
NO_SUCH_QUESTION = "There is no such question here."
KEPT_S = 2.0  # an idle connection is let go after this, before a door that is closing would (`kit/doors.DRAIN_S`)


class Spoken(msgspec.Struct, frozen=True):
    """An error as it crosses a socket."""

    error: str
    says: str
    facts: dict[str, str] = {}

    @classmethod
    def of(cls, error: CareRecordError) -> "Spoken":
        return cls(type(error).__name__, error.says, dict(error.facts))

    def error_again(self) -> CareRecordError:
        return by_name(self.error)(self.says, **self.facts)


_spoken = msgspec.json.Decoder(Spoken)


class Transport(Protocol):
    """A way to one service."""

    async def ask(self, question: Question[Any, Any], asked: Any) -> Any: ...

    def stream(self, question: Stream[Any, Any], asked: Any) -> AsyncIterator[Any]: ...


class Direct:
    """The neighbour is in this process: its handler is called with the frozen value.

    A fault of its own is written in its `log`, as its door would, before the caller is told of it. With `round_trip` both
    values go through the encoder first, so that what works here works apart. Tests and development run so.
    """

    def __init__(self, answers: Sequence[Answer], *, log: Log | None = None, round_trip: bool = False) -> None:
        self._handlers = {each.question.name: each.handler for each in answers}
        self._log, self._round_trip = log, round_trip

    async def ask(self, question: Question[Any, Any], asked: Any) -> Any:
        handler = self._handlers[question.name]
        if self._round_trip:
            asked = question.asked_decoder.decode(encode(asked))
        try:
            answered = await handler(asked)
        except CareRecordError:
            raise
        except Exception as error:
            raise self._broken(question.name, error) from error
        return question.answered_decoder.decode(encode(answered)) if self._round_trip else answered

    async def stream(self, question: Stream[Any, Any], asked: Any) -> AsyncIterator[Any]:
        handler = self._handlers[question.name]
        if self._round_trip:
            asked = question.asked_decoder.decode(encode(asked))
        async with aclosing(handler(asked)) as chunks:
            try:
                async for chunk in chunks:
                    yield question.answered_decoder.decode(encode(chunk)) if self._round_trip else chunk
            except CareRecordError:
                raise
            except Exception as error:
                raise self._broken(question.name, error) from error

    def _broken(self, word: str, error: Exception) -> CareRecordError:
        if self._log is not None:
            self._log.error("question.failed", question=word, exc_info=error)
        return broken(error)


class Socket:
    """The neighbour is across HTTP: the same value as JSON, with our credential and the request id."""

    def __init__(
        self, session: aiohttp.ClientSession, address: str, credential: str, *, deadline_s: float = 10.0, stream_s: float = 60.0
    ) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._headers = {CALLER: credential, "Content-Type": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=deadline_s, connect=2.0)
        self._stream_timeout = aiohttp.ClientTimeout(total=stream_s, connect=2.0)

    def _where(self, question: Question[Any, Any]) -> str:
        return f"{self._address}/ask/{question.word}"

    async def ask(self, question: Question[Any, Any], asked: Any) -> Any:
        headers = {**self._headers, request.HEADER: request.current()}
        try:
            async with self._session.post(
                self._where(question), data=encode(asked), headers=headers, timeout=self._timeout
            ) as reply:
                body = await reply.read()
                if reply.status == 200:
                    return question.answered_decoder.decode(body)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise silent(question.service) from error
        raise _heard_error(question.service, body)

    async def stream(self, question: Stream[Any, Any], asked: Any) -> AsyncIterator[Any]:
        headers = {**self._headers, request.HEADER: request.current()}
        try:
            async with self._session.post(
                self._where(question), data=encode(asked), headers=headers, timeout=self._stream_timeout
            ) as reply:
                if reply.status != 200:
                    raise _heard_error(question.service, await reply.read())
                while True:
                    try:
                        kind, length = FRAME.unpack(await reply.content.readexactly(FRAME.size))
                    except asyncio.IncompleteReadError as end:
                        if end.partial:
                            raise silent(question.service) from end
                        return
                    body = await reply.content.readexactly(length)
                    if kind == ERROR:
                        raise _heard_error(question.service, body)
                    if length == 0:
                        return  # the mark of a whole stream
                    yield question.answered_decoder.decode(body)
        except (aiohttp.ClientError, TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            raise silent(question.service) from error


class Calls:
    """What one service says to its neighbours. It can ask only those that the catalogue names."""

    def __init__(self, owner: str, ways: Mapping[str, Transport]) -> None:
        self._owner = owner
        self._ways = ways

    def _way(self, question: Question[Any, Any]) -> Transport:
        try:
            return self._ways[question.service]
        except KeyError:
            raise LookupError(f"the catalogue does not let {self._owner} ask {question.service}") from None

    async def ask(self, question: Question[A, R], asked: A) -> R:
        """The answer, or the error that the service said.

        Raises:
            Unavailable: the service does not answer.
            CareRecordError: whatever the service raised, as the same class.
        """
        answered: R = await self._way(question).ask(question, asked)
        return answered

    def stream(self, question: Stream[A, R], asked: A) -> AsyncIterator[R]:
        """The chunks as they come. Close it (`aclosing`) to stop the work at the other end."""
        return self._way(question).stream(question, asked)


def silent(service: str) -> Unavailable:
    return Unavailable(f"The {service} service does not answer. Try again in a moment.", service=service)


def broken(error: Exception) -> CareRecordError:
    """What a caller is told of a fault of ours: nothing of its inside. To try again helps only where the database was away."""
    if isinstance(error, CareRecordError):
        return error
    of_the_database = (type(error).__module__.startswith("asyncpg") and not is_unfit(error)) or _not_reached(error)
    if of_the_database or isinstance(error, (ConnectionError, TimeoutError)):
        return Unavailable("A part of the system that is needed does not answer. Try again in a moment.")
    return CareRecordError("Something failed inside. It has been written down for those who run this system.")


def _not_reached(error: Exception) -> bool:
    """Its socket is gone, or nobody knows its name: told by the system, and not by what asks it."""
    trace = error.__traceback__ if isinstance(error, OSError) else None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith("asyncpg"):
            return True
        trace = trace.tb_next
    return False


def _heard_error(service: str, body: bytes) -> CareRecordError:
    try:
        error = _spoken.decode(body).error_again()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return silent(service)
    # It is of an older build, in the midst of an upgrade: never told as "there is no such person" or resource.
    return silent(service) if error.says == NO_SUCH_QUESTION else error
