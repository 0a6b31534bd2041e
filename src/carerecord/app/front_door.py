"""How do several faces, each in a process of its own, stand behind one front door? By the first part of the path."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

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
    """Open the door on this port: `faces` says which address answers below which prefix. What comes is passed on as it comes."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)  # a face may be stopped, and then no old connection is of use
    timeout = aiohttp.ClientTimeout(total=None, connect=2.0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            address = face_for(request.path, faces)
            if not address:
                return web.Response(status=404, text="There is nothing here.")
            headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _OF_THE_HOP]
            body = await request.read()
            try:
                asking = session.request(
                    request.method, f"{address}{request.raw_path}", headers=headers, data=body or None, allow_redirects=False
                )
                async with asking as reply:
                    answer = web.StreamResponse(status=reply.status, reason=reply.reason)
                    for name, value in reply.headers.items():
                        if name.lower() not in _OF_THE_HOP:
                            answer.headers.add(name, value)
                    await answer.prepare(request)
                    async for part in reply.content.iter_any():
                        await answer.write(part)
                    await answer.write_eof()
                    return answer
            except aiohttp.ClientConnectorError:
                return web.Response(status=503, text="This part does not answer. Try again in a moment.")

        door = web.Application(client_max_size=_MOST_BYTES)
        door.router.add_route("*", "/{rest:.*}", pass_on)
        runner = web.AppRunner(door, access_log=None, auto_decompress=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield
        finally:
            await runner.cleanup()
