"""How is a service reached from outside its process? Questions, health and metrics over HTTP; errors said in one place."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carerecord.kit import request as requests
from carerecord.kit.calls import CALLER, ERROR, FRAME, NO_SUCH_QUESTION, VALUE, Spoken, broken
from carerecord.kit.errors import CareRecordError, NotFound, NotUnderstood, Refused
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Answer, Part, Straight
from carerecord.kit.question import encode
from carerecord.kit.tokens import caller_of

Ready = Callable[[], Awaitable[str]]  # "" when ready, else what is missing, in words

_MOST_BYTES = 32_000_000
_REQUEST = requests.HEADER.lower().encode()
DRAIN_S = 2.5  # a door that closes answers those who are connected for this long; longer than callers keep an idle connection


def outcome(error: CareRecordError) -> dict[str, Any]:
    """The error as a FHIR R4 OperationOutcome."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": error.issue, "diagnostics": error.says}],
    }


class WithRequestId:
    """Every request has an id, echoed to the caller and borne by all that it causes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = ""
        for name, value in scope["headers"]:
            if name == _REQUEST:
                given = value.decode("latin-1")
                break
        token = requests.begun(given)
        borne = (_REQUEST, requests.current().encode())

        def send_named(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), borne]
            return send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            requests.ended(token)


class WithFarewell:
    """While `leaving` says so, each answer asks its caller to come back by a new connection: to whoever takes our place."""

    def __init__(self, app: ASGIApp, leaving: Callable[[], bool]) -> None:
        self._app, self._leaving = app, leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start" and self._leaving():
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_marked)


class WithFaultsTold:
    """A fault of ours is written down by kind and place; the caller is told that there was one, and nothing of its inside."""

    def __init__(self, app: ASGIApp, log: Log) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        def send_noted(message: Message) -> Awaitable[None]:
            nonlocal begun
            begun = True  # whatever is sent, begins with the start
            return send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            self._log.error("request.failed", path=_route(scope), begun=begun, exc_info=error)
            if begun or scope["type"] != "http":
                raise
            told = broken(error)
            await Response(told.says, told.status, media_type="text/plain")(scope, receive, send)


class WithStraightWays:
    """Routes that know all the addresses below theirs are asked first: nothing of the router and its layers is for them."""

    def __init__(self, straight: Sequence[Straight], app: ASGIApp) -> None:
        self._straight, self._app = straight, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for each in self._straight:
                if each.takes(scope):
                    await each.handle(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _route(scope: Scope) -> str:
    """The route that was taken, never the address asked for: that may hold anything."""
    return str(getattr(scope.get("route"), "path", "")) or str(scope.get("type"))


class Door:
    """The inner door of one service: `/ask/WORD` for its neighbours, `/health/*` and `/metrics` for its operators."""

    def __init__(self, part: Part, *, key: bytes, callers: frozenset[str], ready: Ready, metrics: Metrics, log: Log) -> None:
        self._answers: Mapping[str, Answer] = {each.question.word: each for each in part.answers}
        self._key, self._callers, self._ready, self._metrics, self._log = key, callers, ready, metrics, log
        self._name, self._about = part.name, part.about

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/ask/{word}", self._ask, methods=["POST"]),
            Route("/health/live", self._live),
            Route("/health/ready", self._is_ready),
            Route("/metrics", self._page),
        ]

    def app(self) -> Starlette:
        return Starlette(routes=self.routes(), middleware=[Middleware(WithRequestId)])

    async def missing(self) -> str:
        """What keeps this service from being ready, in words; "" when nothing does."""
        return await self._ready()

    async def _live(self, _: Request) -> Response:
        return JSONResponse({"service": self._name, "live": True, **self._about()})

    async def _is_ready(self, _: Request) -> Response:
        missing = await self._ready()
        body = {"service": self._name, "ready": not missing, "missing": missing}
        return JSONResponse(body, status_code=503 if missing else 200)

    async def _page(self, _: Request) -> Response:
        return Response(self._metrics.page(), media_type="text/plain; version=0.0.4")

    async def _ask(self, request: Request) -> Response:
        word = request.path_params["word"]
        began = time.perf_counter()
        try:
            self._check_caller(request)
            each = self._answers.get(word)
            if each is None:
                raise NotFound(NO_SUCH_QUESTION)
            body = await _body(request)
            try:
                asked = each.question.asked_decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise NotUnderstood("The question does not have the shape that its contract states.") from None
            if each.streams:
                return StreamingResponse(self._frames(each, asked, began), media_type="application/octet-stream")
            answered = encode(await each.handler(asked))
        except Exception as error:
            return self._said(word, error, began)
        self._count(word, "answered", began)
        return Response(answered, media_type="application/json")

    def _check_caller(self, request: Request) -> None:
        caller = caller_of(self._key, request.headers.get(CALLER, ""))
        if caller is None:
            raise Refused("This door is open to services with a credential only.", rule="door/credential")
        if caller not in self._callers:
            raise Refused(f"The catalogue does not let {caller} ask {self._name}.", rule="door/catalogue")

    async def _frames(self, each: Answer, asked: Any, began: float) -> AsyncIterator[bytes]:
        chunks = each.handler(asked)
        try:
            async for chunk in chunks:
                body = encode(chunk)
                yield FRAME.pack(VALUE, len(body)) + body
            yield FRAME.pack(VALUE, 0)
            self._count(each.question.word, "answered", began)
        except Exception as error:
            said = encode(Spoken.of(self._told(each.question.word, error, began)))
            yield FRAME.pack(ERROR, len(said)) + said
        finally:
            await chunks.aclose()

    def _said(self, word: str, error: Exception, began: float) -> Response:
        told = self._told(word, error, began)
        return Response(encode(Spoken.of(told)), status_code=told.status, media_type="application/json")

    def _told(self, word: str, error: Exception, began: float) -> CareRecordError:
        told = broken(error)
        if told is not error:
            self._log.error("question.failed", question=word, exc_info=error)
        self._metrics.errors.labels(self._name, type(told).__name__).inc()
        self._count(word, type(told).__name__, began)
        return told

    def _count(self, word: str, ended: str, began: float) -> None:
        self._metrics.questions.labels(self._name, word, ended).observe(time.perf_counter() - began)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MOST_BYTES:
            raise NotUnderstood("The question is larger than this door takes.")
        parts.append(chunk)
    return b"".join(parts)
