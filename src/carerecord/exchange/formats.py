"""In which form does a client send and want it? JSON or XML, packed or not, in lines or not: what is kept is always JSON."""

import asyncio
import re
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from carerecord.exchange.answers import FHIR_JSON
from carerecord.fhir import xml, xml_reading
from carerecord.fhir.errors import Unreadable
from carerecord.kit.errors import CareRecordError, NotUnderstood

FHIR_XML: Final = "application/fhir+xml"
PATCH: Final = "application/json-patch+json"
FORM: Final = "application/x-www-form-urlencoded"
MOST_BYTES: Final = 50_000_000
MOST_TIMES: Final = 200  # as much again as resources pack down to, and more
_ABOUT_FORM: Final = re.compile(rb"_format|_pretty|(?:\A|&)[^=&]*%")  # or a name with an escape, which may be either
_USUAL_ACCEPT: Final = 200  # letters: what is longer is read anew each time
_ALWAYS_UNPACKED: Final = 1_000_000
_WORTH_PACKING: Final = 1_400  # what fits one packet is sent as it is
_LONG: Final = 200_000  # bytes that are worked on beside the event loop
_JSON: Final = frozenset((FHIR_JSON, "application/json", "text/json", "json"))
_XML: Final = frozenset((FHIR_XML, "application/xml", "text/xml", "xml"))
_ANY: Final = frozenset(("*/*", "application/*", ""))
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')


class NotServed(CareRecordError):
    """A format that is not written here."""

    status, issue = 406, "not-supported"


class NotTaken(CareRecordError):
    """A format that is not read here."""

    status, issue = 415, "not-supported"


class TooLarge(NotUnderstood):
    status, issue = 413, "too-long"


class Form(NamedTuple):
    """How an answer is written."""

    xml: bool = False
    pretty: bool = False


PLAIN: Final = Form()


def form_of(request: Request, accepts: bytes, *, any_form: bool = False) -> Form:
    """By `_format`, else by Accept. `any_form`: what is asked for may be bytes of any type.

    Raises:
        NotServed: neither names one that is written here.
    """
    pretty = False
    if _ABOUT_FORM.search(request.scope["query_string"]):
        query = request.query_params
        pretty = query.get("_pretty", "").lower() == "true"
        if said := query.get("_format", ""):
            return named(said, pretty=pretty)
    accept = accepts.decode("latin-1")
    form = _known(accept) if len(accept) <= _USUAL_ACCEPT else _accepted(accept)
    if form is None and any_form:
        return PLAIN
    if form is None:
        raise NotServed(f"Answers are written as {FHIR_JSON} or {FHIR_XML}.")
    return form._replace(pretty=True) if pretty else form


def _accepted(accept: str) -> Form | None:
    for kind in _by_wish(accept):
        if kind in _ANY or kind in _JSON or kind == "application/fhir+ndjson":
            return PLAIN
        if kind in _XML:
            return Form(xml=True)
    return None


_known: Final = lru_cache(1_024)(_accepted)


def named(said: str, *, pretty: bool) -> Form:
    """What `_format` names. Raises NotServed."""
    kind = said.partition(";")[0].strip().lower().replace(" ", "+")  # a plus in a query that nobody escaped
    if kind not in _JSON and kind not in _XML and kind not in _ANY:
        raise NotServed(f"_format is json or xml, or {FHIR_JSON} or {FHIR_XML}.")
    return Form(kind in _XML, pretty)


def _by_wish(accept: str) -> list[str]:
    """The kinds that are accepted, the dearest first."""
    wishes: list[tuple[float, str]] = []
    for each in accept.split(",")[:50]:
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        said = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        weight = float(said) if re.fullmatch(r"[01](\.[0-9]{0,3})?", said) else 1.0
        if weight:
            wishes.append((-weight, kind))
    return [kind for _, kind in sorted(wishes, key=lambda wish: wish[0])]


async def sent(request: Request, most: int) -> bytes:
    """The body, unpacked.

    Raises:
        TooLarge: more than `most` bytes, or packed harder than any real resource. NotTaken: an encoding that is not read.
        NotUnderstood: it cannot be unpacked.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise NotTaken("A body is sent as it is, or with Content-Encoding: gzip.")
    unpacker = zlib.decompressobj(31) if "gzip" in encoding else None
    taken, came = bytearray(), 0
    async for part in request.stream():
        came += len(part)
        try:
            taken += unpacker.decompress(part, most + 1 - len(taken)) if unpacker else part
        except zlib.error:
            raise NotUnderstood("The body is not what gzip writes.") from None
        if len(taken) > most or (unpacker and len(taken) > max(_ALWAYS_UNPACKED, came * MOST_TIMES)):
            raise TooLarge(f"At most {most:,} bytes are read at once, and none that are packed {MOST_TIMES} times.")
    if unpacker and came and (not unpacker.eof or unpacker.unused_data):
        raise NotUnderstood("The body is not what gzip writes, once and whole.")
    return bytes(taken)


def is_fhir(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in _JSON or kind in _XML


async def resource(request: Request, elements: xml.Elements) -> bytes:
    """What was sent, as JSON.

    Raises:
        NotTaken: neither JSON nor XML, or not in UTF-8. NotUnderstood: XML that is no resource; it says why.
    """
    kind, body = _kind(request), await sent(request, MOST_BYTES)
    if kind in _JSON:
        return body
    try:
        return await asyncio.to_thread(xml_reading.read, body, elements)
    except Unreadable as bad:
        raise NotUnderstood(f"This XML is not read: {bad.reason}.") from None


async def as_it_came(request: Request, most: int, *, besides: str = "") -> bytes:
    """JSON or XML, untouched. `besides`: what else the caller takes. Raises NotTaken: neither, or not in UTF-8."""
    _kind(request, besides)
    return await sent(request, most)


def _kind(request: Request, besides: str = "") -> str:
    """Raises NotTaken: neither JSON nor XML, or not in UTF-8."""
    kind, _, more = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind not in _JSON and kind not in _XML:
        raise NotTaken(f"Send {FHIR_JSON}, {FHIR_XML}{besides}." if besides else f"Send {FHIR_JSON} or {FHIR_XML}.")
    if "charset" in more.lower() and "utf-8" not in more.lower().replace("utf8", "utf-8"):
        raise NotTaken("Send it in UTF-8.")
    return kind


async def steps(request: Request) -> bytes:
    """A JSON Patch. Raises NotTaken for any other kind of patch."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PATCH:
        raise NotTaken(f"Send a patch as {PATCH}.")
    return await sent(request, MOST_BYTES)


async def dressed(response: Response, form: Form, elements: xml.Elements) -> None:
    """A FHIR answer in JSON, put into the form that was asked for.

    Raises:
        NotServed: it holds what XML cannot carry.
    """
    if form is PLAIN or not response.body or not (form.xml or form.pretty):
        return
    if not response.headers.get("content-type", "").startswith(FHIR_JSON):
        return
    body = bytes(response.body)
    try:
        made = await asyncio.to_thread(xml.written, body, elements, pretty=form.pretty) if form.xml else in_lines(body)
    except Unreadable as bad:
        raise NotServed(f"This cannot be written as XML: {bad.reason}. Ask for JSON.") from None
    response.body = made
    response.headers["Content-Length"] = str(len(made))
    if form.xml:
        response.headers["Content-Type"] = f"{FHIR_XML}; charset=utf-8"


def worth_packing(response: Response) -> bool:
    return len(response.body) >= _WORTH_PACKING and not any(name == b"content-encoding" for name, _ in response.raw_headers)


async def packed(response: Response, takes: bytes) -> None:
    """With gzip, where the client takes it. What is worth it only: `worth_packing`."""
    response.raw_headers.append((b"vary", b"Accept, Accept-Encoding, Authorization"))
    if not takes or "gzip" not in _by_wish(takes.decode("latin-1")):
        return
    body = bytes(response.body)
    made = await asyncio.to_thread(_gzip, body) if len(body) > _LONG else _gzip(body)
    response.body = made
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(made))


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(3, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def in_lines(text: bytes) -> bytes:
    """JSON on many lines, each value letter for letter."""
    parts: list[bytes] = []
    depth = 0
    before = b""
    for token in _TOKEN.findall(text):
        if token in (b"}", b"]"):
            depth -= 1
            parts.append(b"" if before in (b"{", b"[") else b"\n" + b"  " * depth)
        elif before in (b"{", b"[", b","):
            parts.append(b"\n" + b"  " * depth)
        parts.append(b": " if token == b":" else token)
        depth += token in (b"{", b"[")
        before = token
    return b"".join(parts)
