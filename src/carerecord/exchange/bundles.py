"""Many interactions in one request: a batch, each for itself; a transaction, all or none."""

import base64
import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

import msgspec
from msgspec import Raw, Struct
from starlette.responses import Response

from carerecord.contracts.holdings import WRITE, Change, Issue, Reach, WriteAsked, Written
from carerecord.exchange import answers, by_owner, deaths, reads
from carerecord.exchange.owners import BY_ID, OWNED_ELSEWHERE
from carerecord.exchange.resources import KEPT_ASIDE, criteria, kept_here, unless
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood

MOST_ENTRIES: Final = 5_000
READS_AT_ONCE: Final = 16  # of one batch: the screen of a record, and no more than its share of what serves others too
OTHERS_FAULT: Final = 424  # of a change that was not made because one beside it could not be
_ETAG: Final = re.compile(r'(?:W/)?"(\d{1,9})"\Z')


class _Request(Struct):
    method: str = ""
    url: str = ""
    ifMatch: str = ""
    ifNoneMatch: str = ""
    ifNoneExist: str = ""


class _Entry(Struct):
    fullUrl: str = ""
    resource: Raw = Raw(b"")
    request: _Request = msgspec.field(default_factory=_Request)


class _Bundle(Struct):
    resourceType: str = ""
    type: str = ""
    entry: list[_Entry] = []


class _Binary(Struct):
    resourceType: str = ""
    data: str = ""


_binary = msgspec.json.Decoder(_Binary)
_decoder = msgspec.json.Decoder(_Bundle)


async def take(visit: Visit) -> Response:
    """A batch or transaction at the base address."""
    try:
        told = _decoder.decode(await visit.body())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotUnderstood("This is not a Bundle in JSON.") from None
    if told.resourceType != "Bundle" or told.type not in ("batch", "transaction"):
        raise NotUnderstood("A Bundle of type batch or transaction is taken here.")
    if len(told.entry) > MOST_ENTRIES:
        raise NotUnderstood(f"At most {MOST_ENTRIES} entries are taken at once.")
    if told.type == "batch":
        entries = await _each(visit, told.entry)
    else:
        made = await _together(visit, told.entry)
        if isinstance(made, Response):
            return made
        entries = made
    return answers.Written(answers.bundle(f"{told.type}-response", entries))


async def _together(visit: Visit, entries: list[_Entry]) -> list[bytes] | Response:
    """All writes at once, in the order that FHIR gives them (delete, create, update and patch); reads afterwards."""
    writes: list[tuple[int, Change]] = []
    for place, each in enumerate(entries):
        if (type_ := _type(each)) in OWNED_ELSEWHERE:
            says = f"{type_} has another owner, so it cannot be part of a transaction: send it by itself, or in a batch."
            return answers.outcome(422, Issue("error", "not-supported", f"Bundle.entry[{place}]", says))
        if each.request.method != "GET":
            writes.append((place, _change(visit, each)))
    order = {"delete": 0, "create": 1, "update": 2, "patch": 3}
    writes.sort(key=lambda pair: order[pair[1].method])
    made: dict[int, bytes] = {}
    if writes:
        changes = await visit.face.masters.minded(visit.client, [change for _, change in writes])
        # Each change was held against the scopes above, by its own letter.
        reach = Reach(tuple(sorted({change.type for change in changes})), veiled_for=visit.client.organisation)
        looks = visit.looks(changes, "s")
        asked = WriteAsked(visit.client, reach, changes, visit.request_id, transaction=True, looks=looks)
        written = await deaths.of_written(visit.face.calls, await visit.face.calls.ask(WRITE, asked))
        pairs = [(place, became) for (place, _), became in zip(writes, written, strict=True)]
        for place, became in pairs:
            if became.status >= 400 and became.status != OTHERS_FAULT:
                return answers.outcome(became.status, *(_placed(issue, place) for issue in became.issues))
        made = {place: _told(visit, became) for place, became in pairs}
    read = iter(await _each(visit, [each for place, each in enumerate(entries) if place not in made]))
    return [made[place] if place in made else next(read) for place in range(len(entries))]


def _placed(issue: Issue, place: int) -> Issue:
    within = f"Bundle.entry[{place}].resource"
    return msgspec.structs.replace(issue, path=f"{within}.{issue.path.partition('.')[2]}" if "." in issue.path else within)


async def _each(visit: Visit, entries: Sequence[_Entry]) -> list[bytes]:
    """A batch: in its order, but that reads with no write between them are answered at the same time."""
    told: list[bytes] = []
    place = 0
    while place < len(entries):
        await visit.look_behind()  # an entry before may have been an objection
        gets = list(takewhile(lambda entry: entry.request.method == "GET", entries[place : place + READS_AT_ONCE]))
        if gets:
            told += await reads.each(visit, [each.request.url for each in gets])
        else:
            told.append(await _alone(visit, entries[place]))
        place += len(gets) or 1
    return told


async def _alone(visit: Visit, entry: _Entry) -> bytes:
    """One write of a batch: its fault is its own."""
    try:
        request, at = entry.request, reads.addressed(entry.request.url)
        if at is not None and at.type in OWNED_ELSEWHERE:
            sent = bytes(entry.resource)
            conditions = {b"if-match": request.ifMatch, b"if-none-exist": request.ifNoneExist}
            return await by_owner.answered(visit, request.method, at.type, at.id, at.query, sent, conditions)
        change = _change(visit, entry)
        letter = {"create": "c", "update": "u", "patch": "u", "delete": "d"}[change.method]
        changes = await visit.face.masters.minded(visit.client, (change,))
        asked = WriteAsked(visit.client, visit.reach(letter), changes, visit.request_id, looks=visit.looks(changes))
        (made,) = await deaths.of_written(visit.face.calls, await visit.face.calls.ask(WRITE, asked))
        return _told(visit, made)
    except Exception as error:
        return reads.refused(visit, error)


def _type(entry: _Entry) -> str:
    """What its address names; "" for one that names no type."""
    found = reads.addressed(entry.request.url)
    return found.type if found else ""


def _change(visit: Visit, entry: _Entry) -> Change:
    """What one entry wants written.

    Raises:
        NotUnderstood: a method or address that says nothing. Refused: the scopes do not allow it.
    """
    request = entry.request
    found = reads.addressed(request.url)
    method = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(request.method)
    if found is None or method is None:
        raise NotUnderstood("Each entry says a method and an address of ours: POST Type, PUT Type/id, DELETE Type/id.")
    type_, id_, query = found
    kept_here(visit, type_)
    visit.must(type_, {"create": "c", "update": "u", "patch": "u", "delete": "d"}[method])
    match = _ETAG.match(request.ifMatch)
    if request.ifMatch and match is None:
        raise NotUnderstood('ifMatch is written W/"3", as the ETag was.')
    condition = query if method != "create" and not id_ else ""
    if method == "patch":
        visit.must(type_, "r")
    if condition or request.ifNoneExist:
        visit.must(type_, "s")
    if method != "create" and not id_ and not condition:
        raise NotUnderstood("Name the resource by its id, or say by a query which one is meant.")
    resource = _steps(entry.resource) if method == "patch" else entry.resource
    return Change(
        method, type_, id_ if method != "create" else "", resource, entry.fullUrl, criteria(request.ifNoneExist, type_),
        condition, int(match.group(1)) if match else 0, unless=unless(request.ifNoneMatch) if method == "update" else "",
    )  # fmt: skip


def _steps(resource: Raw) -> Raw:
    """The patch of an entry: what a Binary holds, as FHIR has it, or its steps as they are. Holdings judges it."""
    try:
        binary = _binary.decode(resource)
        return Raw(base64.b64decode(binary.data, validate=True)) if binary.resourceType == BY_ID else resource
    except (msgspec.MsgspecError, ValueError):
        return resource


def _told(visit: Visit, made: Written) -> bytes:
    if made.status >= 400 or made.status == KEPT_ASIDE:
        return answers.refused_entry(made.status, made.issues)
    head = b"{"
    if made.held is not None and not made.held.gone and visit.wanted == "representation":
        head = b'{"resource":' + made.held.text + b","
    place = f"{visit.base}/{made.held.type}/{made.held.id}/_history/{made.held.version}" if made.held else ""
    return head + b'"response":' + answers.response(made.status, made.held, place) + b"}"
