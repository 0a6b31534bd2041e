"""How does a client fetch very much at once? FHIR Bulk Data: begin, ask how far it is, fetch files, or cancel."""

import re
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
import orjson
from starlette.responses import Response, StreamingResponse

from carerecord.contracts.bulk import Export, ExportAsked, ExportNamed, ExportRows, ExportRowsAsked
from carerecord.contracts.holdings import EXPORT, EXPORT_CANCEL, EXPORT_ROWS, EXPORT_STATE, Issue, Reach
from carerecord.exchange import answers, deaths, parameters
from carerecord.exchange.owners import BY_ID
from carerecord.exchange.resources import kept_here
from carerecord.exchange.visit import Visit, token_of
from carerecord.kit.errors import NotFound, NotUnderstood, Refused, TooMany

NDJSON: Final = "application/fhir+ndjson"
DOWNLOADS_AT_ONCE: Final = 4  # of one client, in one process
MOST_FILTERS: Final = 20
_FORMATS: Final = frozenset((NDJSON, "application/ndjson", "ndjson"))
_TAKEN: Final = frozenset(("_outputFormat", "_since", "_type", "_typeFilter", "patient"))
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z")
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z")
_RETRY_S: Final = {"waiting": 1, "running": 2}
_FILTER: Final = re.compile(r"(?P<type>[A-Z][A-Za-z]{2,60})\?(?P<query>.+)\Z", re.DOTALL)


class NoSuchRange(NotUnderstood):
    status, issue = 416, "value"


_downloads: Final[Counter[str]] = Counter()
_sizes: Final[dict[str, int]] = {}  # of files that were read once, by their mark
_SIZES_AT_HAND: Final = 10_000


async def of_all(visit: Visit) -> Response:
    return await _begin(visit, "system")


async def of_people(visit: Visit) -> Response:
    return await _begin(visit, "patient")


async def of_group(visit: Visit) -> Response:
    visit.must("Group", "r")
    return await _begin(visit, "group", str(visit.request.path_params["id"]))


async def _begin(visit: Visit, of: str, group: str = "") -> Response:
    """The kick-off.

    Raises:
        NotUnderstood: it is not asked for as asynchronous, or with a parameter that is not taken. Refused: some or all of it lies
        beyond the scopes.
    """
    if "respond-async" not in asked_for(visit):
        raise NotUnderstood("An export takes a while: send Prefer: respond-async.")
    pairs = await parameters.asked(visit)
    if unknown := {name for name, _ in pairs} - _TAKEN - {"_format", "_pretty"}:
        if visit.strict:
            raise NotUnderstood(f"$export takes {', '.join(sorted(_TAKEN))}, not {', '.join(sorted(unknown))[:80]}.")
        pairs = tuple(pair for pair in pairs if pair[0] in _TAKEN)
    told = dict(pairs)
    if told.get("_outputFormat", NDJSON).replace(" ", "+") not in _FORMATS:
        raise NotUnderstood(f"_outputFormat is {NDJSON}.")
    if told.get("_since") and not _INSTANT.match(told["_since"].replace(" ", "+")):
        raise NotUnderstood("_since is an instant with its zone, as 2026-01-31T09:00:00Z.")
    reach = both_read_and_searched(visit)
    types = tuple(dict.fromkeys(each for name, value in pairs if name == "_type" for each in value.split(",") if each))
    for type_ in types:
        kept_here(visit, type_)
        if type_ == BY_ID:
            raise NotUnderstood(f"A {BY_ID} is read by its id, and is in no export: what names it is.")
        visit.must(type_, "r")
        visit.must(type_, "s")
    people = tuple(dict.fromkeys(_patient(value) for name, value in pairs if name == "patient"))
    if people and of == "system":
        raise NotUnderstood("patient is said with Patient/$export or Group/ID/$export.")
    said = [part for name, value in pairs if name == "_typeFilter" for part in _apart(value)]
    filters = tuple(_filter(each, types) for each in said)
    if len(filters) > MOST_FILTERS:
        raise NotUnderstood(f"At most {MOST_FILTERS} filters are taken.")
    asked = ExportAsked(
        of, reach, group, people, types, told.get("_since", "").replace(" ", "+"), filters, _address(visit, of, group, pairs),
        visit.base, visit.client, visit.request_id,
    )  # fmt: skip
    begun = await visit.face.calls.ask(EXPORT, asked)
    return Response(status_code=202, headers={"Content-Location": f"{visit.base}/_export/{begun.id}"})


async def state(visit: Visit) -> Response:
    """How far it is; the manifest once it is done."""
    found = await visit.face.calls.ask(EXPORT_STATE, _named(visit))
    if found.state == "failed":
        return answers.outcome(500, Issue("error", "exception", "", "The export failed. Begin it again."))
    if found.state != "done":
        headers = {"X-Progress": f"{found.records:,} records gone through", "Retry-After": str(_RETRY_S.get(found.state, 5))}
        return Response(status_code=202, headers=headers)
    expires = format_datetime(datetime.fromisoformat(found.ends_at), usegmt=True)
    return Response(_manifest(visit, found), media_type="application/json", headers={"Expires": expires})


def _manifest(visit: Visit, found: Export) -> bytes:
    def files(*, gone: bool) -> list[dict[str, Any]]:
        return [
            {
                "type": "Bundle" if gone else each.type,
                "url": f"{visit.base}/_export/{found.id}/{each.number}",
                "count": each.rows,
            }
            for each in found.files
            if each.gone == gone
        ]

    return orjson.dumps({
        "transactionTime": found.at, "request": found.address, "requiresAccessToken": True, "output": files(gone=False),
        "deleted": files(gone=True), "error": [],
    })  # fmt: skip


async def cancel(visit: Visit) -> Response:
    await visit.face.calls.ask(EXPORT_CANCEL, _named(visit))
    return Response(status_code=202)


async def file(visit: Visit) -> Response:
    """One file, as it is read from the store; from a byte on where a Range says so.

    Raises:
        NotFound: no such file for this client. NoSuchRange: it begins after the end. TooMany: several are being fetched.
    """
    number = str(visit.request.path_params["number"])
    if not number.isdecimal() or len(number) > 9:
        raise NotFound("There is no such file.")
    asked = ExportRowsAsked(
        str(visit.request.path_params["id"]), int(number), visit.reach("r"), visit.client, "", visit.request_id
    )
    if _downloads[visit.client.id] >= DOWNLOADS_AT_ONCE:
        raise TooMany(f"At most {DOWNLOADS_AT_ONCE} files are fetched at once. Wait for one.", retry_after_s="2")
    with _one_more(visit.client.id):
        first = await visit.face.calls.ask(EXPORT_ROWS, asked)
        # Whether a death is in doubt changes with the index, and no mark tells of it: people are fetched whole, or anew.
        etag = f'"{asked.export}-{number}-{first.mark}"' if first.type not in ("Patient", "") else ""
        span = _range(visit, etag) if etag else None
        headers = {"ETag": etag, "Accept-Ranges": "bytes"} if etag else {"Accept-Ranges": "none"}
        if span is None and visit.request.method != "HEAD":
            packed = "gzip" in visit.request.headers.get("accept-encoding", "").lower()
            chunks: AsyncIterator[bytes] = _noted(etag, _rows(visit, asked, first))
            if packed:
                headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding, Authorization"}
                chunks = _packed(chunks)
            return StreamingResponse(_counted(visit.client.id, chunks), 200, headers, NDJSON)
        size = _sizes.get(etag)
        if size is None:
            size = 0
            async with aclosing(_noted(etag, _rows(visit, asked, first))) as whole:
                async for chunk in whole:
                    size += len(chunk)
        if span is None:
            return Response(headers={**headers, "Content-Length": str(size)}, media_type=NDJSON)
        since, until = _within(span, size)
        headers |= {"Content-Range": f"bytes {since}-{until}/{size}", "Content-Length": str(until + 1 - since)}
        cut = _cut(_rows(visit, asked, first), since, until)
        return StreamingResponse(_counted(visit.client.id, cut), 206, headers, NDJSON)


async def _rows(visit: Visit, asked: ExportRowsAsked, first: ExportRows) -> AsyncIterator[bytes]:
    """Page after page; before each it is asked whether this client may still be answered."""
    page = first
    while True:
        if page.rows:
            yield b"\n".join(await deaths.of_texts(visit.face.calls, [bytes(each) for each in page.rows])) + b"\n"
        if not page.next:
            return
        bearer = await visit.face.bearer(token_of(visit))
        visit.bearer = bearer
        await visit.look_behind()
        more = msgspec.structs.replace(asked, cursor=page.next, reach=visit.reach("r"), client=visit.client)
        page = await visit.face.calls.ask(EXPORT_ROWS, more)


async def _noted(etag: str, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        yield chunk
    if not etag:
        return
    if len(_sizes) >= _SIZES_AT_HAND:
        _sizes.clear()
    _sizes[etag] = size


async def _packed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(3, zlib.DEFLATED, 31)
    async for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


async def _cut(chunks: AsyncIterator[bytes], since: int, until: int) -> AsyncIterator[bytes]:
    at = 0
    async for chunk in chunks:
        if (part := chunk[max(0, since - at) : until + 1 - at]) and at <= until:
            yield part
        at += len(chunk)
        if at > until:
            return


@contextmanager
def _one_more(client: str) -> Iterator[None]:
    _downloads[client] += 1
    try:
        yield
    finally:
        _downloads[client] -= 1
        if _downloads[client] <= 0:
            del _downloads[client]


async def _counted(client: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with _one_more(client):
        async for chunk in chunks:
            yield chunk


def _range(visit: Visit, etag: str) -> tuple[str, str] | None:
    """What part is wanted. None for the whole: also where several parts are, or the file is not the one that was begun."""
    found = _RANGE.match(visit.request.headers.get("range", "").replace(" ", ""))
    if found is None or found[1] == found[2] == "":
        return None
    if visit.request.headers.get("if-range", etag).strip() != etag:
        return None
    return found[1], found[2]


def _within(span: tuple[str, str], size: int) -> tuple[int, int]:
    first, last = span
    since = int(first) if first else max(0, size - int(last))
    until = min(int(last), size - 1) if first and last else size - 1
    if since > until:
        raise NoSuchRange(f"The file has {size} bytes.")
    return since, until


def asked_for(visit: Visit) -> set[str]:
    return set(visit.request.headers.get("prefer", "").replace(" ", "").replace(";", ",").split(","))


def both_read_and_searched(visit: Visit) -> Reach:
    """To go through everything is to search and to read.

    Raises:
        Refused: the scopes allow it of no type.
    """
    read, searched = visit.reach("r").types, visit.reach("s").types
    types = searched if "*" in read else read if "*" in searched else tuple(sorted(set(read) & set(searched)))
    if not types:
        raise Refused("The token's scopes do not allow an export: it needs r and s of a type.", rule="scope")
    return Reach(types, veiled_for=visit.client.organisation)


def _address(visit: Visit, of: str, group: str, pairs: Iterable[tuple[str, str]]) -> str:
    """What was asked, as the manifest says it: without filters and people, since an address names no person."""
    place = {"system": "", "patient": "/Patient", "group": f"/Group/{group}"}[of]
    said = [(name, value) for name, value in pairs if name in ("_type", "_since", "_outputFormat")]
    return f"{visit.base}{place}/$export" + (f"?{urlencode(said)}" if said else "")


def _patient(said: str) -> str:
    id_ = said.removeprefix("Patient/")
    if not re.match(r"[A-Za-z0-9\-.]{1,64}\Z", id_):
        raise NotUnderstood("patient is written Patient/ID.")
    return id_


def _apart(said: str) -> Iterable[str]:
    """Several filters in one value, at commas that a type follows."""
    return re.split(r",(?=[A-Z][A-Za-z]{2,60}\?)", said)


def _filter(said: str, types: tuple[str, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = _FILTER.match(said)
    if found is None:
        raise NotUnderstood("_typeFilter is written Type?query, its marks escaped as in any address.")
    if types and found["type"] not in types:
        raise NotUnderstood("_typeFilter names a type that _type does not.")
    return found["type"], tuple(parse_qsl(found["query"], keep_blank_values=True, max_num_fields=50))


def _named(visit: Visit) -> ExportNamed:
    return ExportNamed(str(visit.request.path_params["id"]), visit.client, visit.request_id)
