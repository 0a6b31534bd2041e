"""How do several faces, each in a process of its own, stand behind one front door? By the first part of the path."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from yarl import URL

from carerecord.app.serve import bound, server_on, serving

# Of one connection and not of what is said over it (RFC 9110, section 7.6.1); lengths are set anew as the body passes.
_OF_THE_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
)
_MOST_BYTES = 32_000_000


def face_for(path: str, faces: Mapping[str, str]) -> str:
    """The address of the face whose prefix is the longest that this path begins with."""
    fits = [prefix for prefix in faces if path == prefix or path.startswith(f"{prefix.rstrip('/')}/")]
    return faces[max(fits, key=len)] if fits else ""


@asynccontextmanager
async def front_door(host: str, port: int, faces: Mapping[str, str]) -> AsyncIterator[None]:
    """Open the door on this port: `faces` says which address answers below which prefix. What comes is passed on as it comes.

    It is the same door as any other of ours: a head or a body that does not come has an end.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True)  # a face may be stopped, and then no old connection is of use
    timeout = aiohttp.ClientTimeout(total=None, connect=2.0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        listening = bound(port, host=host)
        try:
            async with serving([server_on(passing_on(session, faces), listening)]):
                yield
        finally:
            listening.close()


def passing_on(session: aiohttp.ClientSession, faces: Mapping[str, str]) -> ASGIApp:
    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        address = face_for(scope["path"], faces) if _target(scope).startswith(b"/") else ""
        if not address:
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        try:
            body = await _body(request)
        except ClientDisconnect:
            return
        if body is None:
            await PlainTextResponse("That is more than is taken.", 413)(scope, receive, send)
            return
        await _asked(session, address, request, body, send)

    return pass_on


async def _asked(session: aiohttp.ClientSession, address: str, request: Request, body: bytes, send: Send) -> None:
    begun = False
    url = URL(f"{address}{_target(request.scope).decode('latin-1')}", encoded=True)
    gone = asyncio.create_task(_gone(request))
    try:
        asking = session.request(
            request.method, url, headers=_passed(request.headers.items()), data=body or None, allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )  # fmt: skip
        async with asking as reply:
            told = _passed(reply.headers.items())
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told if name.lower() != "date"]
            begun = True
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            async for part in reply.content.iter_any():
                if gone.done():
                    return  # nobody hears the rest: its teller need not go on
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except (aiohttp.ClientError, TimeoutError):
        if begun:
            raise  # the connection is cut, so that half an answer is not taken for a whole one
        away = Response("This part does not answer. Try again in a moment.", 503, media_type="text/plain")
        await away(request.scope, request.receive, send)
    finally:
        gone.cancel()


def _target(scope: Scope) -> bytes:
    """What was asked for, as it came."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw + b"?" + scope["query_string"] if scope["query_string"] else raw


async def _body(request: Request) -> bytes | None:
    """All of it; None where it is more than is taken."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > _MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


async def _gone(request: Request) -> None:
    """Until whoever asked has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _passed(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_HOP]
