"""One resource: read, write, patch, delete, and what it was before."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

from msgspec import Raw
from starlette.responses import Response

from carerecord.contracts.holdings import (
    HISTORY,
    READ,
    WRITE,
    Change,
    Held,
    HistoryAsked,
    Issue,
    Reach,
    ReadAsked,
    WriteAsked,
    Written,
)
from carerecord.exchange import answers, deaths, formats
from carerecord.exchange.links import size
from carerecord.exchange.owners import BY_ID, OWNED_ELSEWHERE, NotHere
from carerecord.exchange.trimmed import trimmed
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import CareRecordError, NotFound, NotUnderstood, Refused

KEPT_ASIDE = 202  # faulty, for people to mend: it is in no record
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"\Z')
_MOST_HISTORY = 100
NO_OPERATION = "There is no such operation here: those that there are stand in /metadata."
_OF_A_READ = frozenset(("_elements", "_format", "_pretty", "_summary"))
_SUMMARIES = ("true", "text", "data", "false")

class Gone(CareRecordError):
    status, issue = 410, "deleted"


def type_of(visit: Visit, letter: str) -> str:
    """The type in the address, where this client may do this with it.

    Raises:
        Refused: its scopes do not allow it. NotHere: R4 has no such type, or another service keeps it.
    """
    named = visit.request.path_params
    type_ = str(named["type"])
    kept_here(visit, type_)
    if str(named.get("id", "")).startswith("$"):
        raise NotHere(NO_OPERATION)
    visit.must(type_, letter)
    return type_


def kept_here(visit: Visit, type_: str) -> None:
    """Raises NotHere: R4 has no such type, or another service keeps it."""
    if type_ in OWNED_ELSEWHERE:
        raise NotHere(OWNED_ELSEWHERE[type_][1])
    of_r4(visit, type_)


def of_r4(visit: Visit, type_: str) -> None:
    """Raises NotHere: R4 has no such type."""
    if type_.startswith("$"):
        raise NotHere(NO_OPERATION)
    if not visit.face.parameters.of(type_):
        raise NotHere("There is no such resource type in FHIR R4.")


async def read(visit: Visit) -> Response:
    type_ = type_of(visit, "r")
    held = await held_here(visit, type_)
    if known_already(visit, held):
        return unchanged(held)
    if not visit.request.scope["query_string"]:
        return answers.resource(held, "")
    query = visit.request.query_params
    if visit.strict and (unknown := sorted(set(query) - _OF_A_READ)):
        raise NotUnderstood(f"A read takes {', '.join(sorted(_OF_A_READ))}, not {', '.join(unknown)[:80]}.")
    if query.get("_summary", "false") not in _SUMMARIES:
        raise NotUnderstood(f"_summary: of one resource it is one of {', '.join(_SUMMARIES)}")
    elements = [each for each in query.get("_elements", "").split(",") if each]
    text = trimmed(held.text, query.get("_summary", ""), elements)
    return answers.resource(held, "", text=text)


async def vread(visit: Visit) -> Response:
    type_ = type_of(visit, "r")
    held = await held_here(visit, type_, version_of(visit))
    return unchanged(held) if known_already(visit, held) else answers.resource(held, visit.base)


def version_of(visit: Visit) -> int:
    """The version in the address. Raises NotFound: it is no number that a version could have."""
    version = visit.request.path_params["version"]
    if not version.isdecimal() or len(version) > 9 or not int(version):
        raise NotFound("There is no such version.")
    return int(version)


async def held_here(visit: Visit, type_: str, version: int = 0) -> Held:
    id_ = visit.request.path_params["id"]
    asked = ReadAsked(type_, id_, visit.reach("r"), version, visit.client, visit.request_id)
    held = await visit.face.calls.ask(READ, asked)
    if held.gone:
        raise Gone("It was deleted.")
    return await deaths.of_one(visit.face.calls, held)


async def create(visit: Visit) -> Response:
    type_ = type_of(visit, "c")
    return await write(visit, Change("create", type_, raw=Raw(await visit.body()), if_none_exist=if_none(visit, type_)))


async def update(visit: Visit) -> Response:
    type_ = type_of(visit, "u")
    id_ = visit.request.path_params.get("id", "")
    change = Change(
        "update", type_, id_, Raw(await visit.body()), condition="" if id_ else _condition(visit), if_match=if_match(visit),
        unless=unless(visit.request.headers.get("if-none-match", "")),
    )  # fmt: skip
    return await write(visit, change)


async def patch(visit: Visit) -> Response:
    type_ = type_of(visit, "u")
    id_ = visit.request.path_params.get("id", "")
    steps = Raw(await formats.steps(visit.request))
    condition = "" if id_ else _condition(visit)
    return await write(visit, Change("patch", type_, id_, steps, condition=condition, if_match=if_match(visit)))


async def delete(visit: Visit) -> Response:
    type_ = type_of(visit, "d")
    id_ = visit.request.path_params.get("id", "")
    condition = "" if id_ else _condition(visit)
    return await write(visit, Change("delete", type_, id_, condition=condition, if_match=if_match(visit)))


async def history(visit: Visit) -> Response:
    """Of one resource, of a type, or of all: whatever the address names, newest first.

    Raises:
        NotUnderstood: a parameter that it does not take. Refused: nothing of it is within the token's scopes.
    """
    named = visit.request.path_params
    letter = "r" if "id" in named else "s"  # as SMART has it: what was, of a type or of all, is searched for
    type_ = type_of(visit, letter) if "type" in named else ""
    if type_ == BY_ID and "id" not in named:
        raise NotHere(f"A {BY_ID} is read by its id, and has no history of all.")
    if not visit.reach(letter).types:
        raise Refused("The token's scopes do not allow this.", rule="scope")
    query = visit.request.query_params
    if unknown := set(query) - {"_since", "_count", "_page", "_format", "_pretty"}:
        raise NotUnderstood(f"A history takes _since and _count, not {', '.join(sorted(unknown))[:80]}.")
    said = query.get("_count", "")
    most = size(said, _MOST_HISTORY, _MOST_HISTORY)
    asked = HistoryAsked(
        visit.reach(letter), type_, str(named.get("id", "")), query.get("_since", ""), query.get("_page", ""), most,
        visit.client, visit.request_id,
    )  # fmt: skip
    page = await deaths.of_page(visit.face.calls, await visit.face.calls.ask(HISTORY, asked))
    here = "/".join(each for each in (visit.base, type_, asked.id, "_history") if each)
    told = [("_since", asked.since)] if asked.since else []
    if said:
        told.append(("_count", str(most)))
    links = [("self", _with(here, told)), *([("next", _with(here, [*told, ("_page", page.next)]))] if page.next else [])]
    entries = [answers.history_entry(each, visit.base) for each in page.matches]
    return Response(answers.bundle("history", entries, links), media_type=answers.FHIR_JSON)


def _with(here: str, query: list[tuple[str, str]]) -> str:
    return f"{here}?{urlencode(query)}" if query else here


async def write(visit: Visit, change: Change) -> Response:
    if change.method == "patch":
        visit.must(change.type, "r")  # its tests, and the whole that is sent back, tell what is there
    if change.condition or change.if_none_exist:
        visit.must(change.type, "s")  # a condition is a search: what came of it tells what is there
    reach = visit.reach({"create": "c", "update": "u", "patch": "u", "delete": "d"}[change.method])
    looks = visit.looks((change,))
    if change.type != BY_ID:
        looks = Reach(())  # what a Binary names is read, to know who may change it
    changes = await visit.face.masters.minded(visit.client, (change,))
    asked = WriteAsked(visit.client, reach, changes, visit.request_id, looks=looks)
    (made,) = await deaths.of_written(visit.face.calls, await visit.face.calls.ask(WRITE, asked))
    return told(visit, made)


def told(visit: Visit, made: Written) -> Response:
    if made.status >= 400 or made.status == KEPT_ASIDE:
        return answers.outcome(made.status, *made.issues)
    if made.held is None or made.held.gone:
        response = Response(status_code=204)
        if made.held is not None:
            answers.stamped(response, made.held)
        return response
    if visit.wanted == "minimal":
        return answers.resource(made.held, visit.base, status=made.status, text=b"")
    if visit.wanted == "OperationOutcome":
        text = answers.written(made.issues or (Issue("information", "informational", "", "It is kept."),))
        return answers.resource(made.held, visit.base, status=made.status, text=text)
    return answers.resource(made.held, visit.base, status=made.status)


def _condition(visit: Visit) -> str:
    if not visit.query:
        raise NotUnderstood("Name the resource by its id, or say by a query which one is meant.")
    return visit.query


def takes_no_condition(visit: Visit, instead: str) -> None:
    """Raises NotUnderstood: the client wants it created only where none is, and here that cannot be told."""
    if visit.request.headers.get("if-none-exist", "").strip():
        raise NotUnderstood(f"If-None-Exist is not taken for this type. {instead}")


def if_none(visit: Visit, type_: str) -> str:
    return criteria(visit.request.headers.get("if-none-exist", ""), type_)


def criteria(said: str, type_: str) -> str:
    """A condition as a query. Some write it as an address: ?identifier=… or Patient?identifier=…"""
    return said.strip().removeprefix(type_).removeprefix("?") if said.strip().startswith((f"{type_}?", "?")) else said


def unless(said: str) -> str:
    """When nothing is to be written: `*`, where anything stands. Raises NotUnderstood."""
    if said and said.strip() != "*":
        raise NotUnderstood("If-None-Match of an update is *: it is written only where nothing stands.")
    return "there" if said else ""


def if_match(visit: Visit) -> int:
    said = visit.request.headers.get("if-match", "")
    if not said:
        return 0
    if (version := _version(said)) is None:
        raise NotUnderstood('If-Match is written W/"3", as the ETag was.')
    return version


def _version(said: str) -> int | None:
    found = _ETAG.match(said.strip())
    return int(found.group(1)) if found else None


def known_already(visit: Visit, held: Held) -> bool:
    """Whether the client has this version (FHIR R4, 3.1.0.3): by its ETag, else by its time. Of a death it may not have
    heard that it is in doubt, or no longer is."""
    if not visit.conditional or deaths.is_told(held):
        return False
    headers = visit.request.headers
    if "if-none-match" in headers:
        return has_already(headers["if-none-match"], held)
    return _not_since(headers.get("if-modified-since", ""), held)


def has_already(said: str, held: Held) -> bool:
    """Whether it is one of these versions."""
    tags = [each.strip() for each in said.split(",")[:100]]
    return "*" in tags or any(_version(each) == held.version for each in tags)


def _not_since(said: str, held: Held) -> bool:
    if not said:
        return False
    try:
        since = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return False
    return datetime.fromisoformat(held.at).replace(microsecond=0) <= since


def unchanged(held: Held) -> Response:
    response = Response(status_code=304)
    answers.stamped(response, held)
    return response
