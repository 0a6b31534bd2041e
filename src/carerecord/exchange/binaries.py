"""How does a Binary come and go? As the resource where FHIR is asked for, else as the very bytes, with their own content type.

What is handed over so is never shown as a page of ours: it is a download, and nothing in it may run.
"""

import asyncio
import base64
import binascii
import re
from typing import Final

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from carerecord.contracts.holdings import Change, Held
from carerecord.exchange import answers, formats, resources
from carerecord.exchange.owners import BY_ID
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood

TYPE: Final = BY_ID
MOST_BYTES: Final = 10_000_000
CONTEXT: Final = "x-security-context"
ANYTHING: Final = "application/octet-stream"
_KIND: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(?:;\s?[\w.+-]{1,40}=[\w.+-]{1,80}){0,3}\Z", re.ASCII)
_BESIDE_THE_LOOP: Final = 200_000  # bytes; what is longer is turned by another thread
_GUARDS: Final = (
    (b"content-disposition", b"attachment"), (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"), answers.NOT_STORED,
)  # fmt: skip


class _Bytes(Struct):
    contentType: str = ""
    data: str = ""


_bytes: Final = msgspec.json.Decoder(_Bytes)


async def read(visit: Visit) -> Response:
    if _as_resource(visit):
        return await resources.read(visit)
    return await _as_it_is(visit, 0)


async def vread(visit: Visit) -> Response:
    if _as_resource(visit):
        return await resources.vread(visit)
    return await _as_it_is(visit, resources.version_of(visit))


async def create(visit: Visit) -> Response:
    visit.must(TYPE, "c")
    change = Change("create", TYPE, raw=await _sent(visit), if_none_exist=resources.if_none(visit, TYPE))
    return await resources.write(visit, change)


async def update(visit: Visit) -> Response:
    visit.must(TYPE, "u")
    id_ = str(visit.request.path_params["id"])
    unless = resources.unless(visit.request.headers.get("if-none-match", ""))
    change = Change("update", TYPE, id_, await _sent(visit, id_), if_match=resources.if_match(visit), unless=unless)
    return await resources.write(visit, change)


def _as_resource(visit: Visit) -> bool:
    """FHIR R4, Binary: the bytes, unless one of FHIR's own types is asked for."""
    asked = visit.request.query_params.get("_format", "") or visit.request.headers.get("accept", "")
    return "fhir" in asked.lower() or asked.strip().lower() in ("json", "xml")


async def _as_it_is(visit: Visit, version: int) -> Response:
    visit.must(TYPE, "r")
    held = await resources.held_here(visit, TYPE, version)
    if resources.known_already(visit, held):
        return resources.unchanged(held)
    kind, data = await _turned(held)
    response = Response(data, headers={"Content-Type": kind})
    response.raw_headers.extend(_GUARDS)
    answers.stamped(response, held)
    return response


async def _turned(held: Held) -> tuple[str, bytes]:
    told = _bytes.decode(held.text)
    long = len(told.data) > _BESIDE_THE_LOOP
    data = await asyncio.to_thread(base64.b64decode, told.data) if long else base64.b64decode(told.data)
    return told.contentType if _KIND.match(told.contentType) else ANYTHING, data


async def _sent(visit: Visit, id_: str = "") -> Raw:
    """The resource; of bytes as they are, made here.

    Raises:
        NotUnderstood: the bytes say not of what type they are. TooLarge: more than is taken.
    """
    headers = visit.request.headers
    said = headers.get("content-type", "").strip()
    if formats.is_fhir(said):
        return Raw(await visit.body())
    if not _KIND.match(said):
        raise NotUnderstood("Say of which type the bytes are: Content-Type.")
    body = await formats.sent(visit.request, MOST_BYTES)
    data = await asyncio.to_thread(_written, body) if len(body) > _BESIDE_THE_LOOP else _written(body)
    made: dict[str, object] = {"resourceType": TYPE, **({"id": id_} if id_ else {}), "contentType": said}
    if context := headers.get(CONTEXT, ""):
        made["securityContext"] = {"reference": context.removeprefix(f"{visit.base}/")}
    return Raw(msgspec.json.encode({**made, "data": data}))


def _written(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode()
