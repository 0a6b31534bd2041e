"""Many resources: searches by GET and POST, within a compartment, and everything of one person."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from carerecord.contracts.holdings import EVERYTHING, SEARCH, EverythingAsked, FindAsked, Issue, Page
from carerecord.exchange import answers
from carerecord.exchange.resources import kept_here, type_of
from carerecord.exchange.trimmed import trimmed
from carerecord.exchange.visit import NotTaken, TooLarge, Visit
from carerecord.kit.errors import NotUnderstood

MOST = 1_000  # resources on a page
USUAL = 100
_MOST_FORM = 200_000
_CURSOR = "_page"
_NOT_HANDED_ON = frozenset(("_format", "_pretty", _CURSOR))
Query = tuple[tuple[str, str], ...]


async def by_get(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    return await _search(visit, type_, _pairs(visit.request.url.query))


async def by_post(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    if visit.request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise NotTaken("Send the search as application/x-www-form-urlencoded.")
    taken = bytearray()
    async for part in visit.request.stream():
        taken += part
        if len(taken) > _MOST_FORM:
            raise TooLarge("The search is longer than any that is answered.")
    return await _search(visit, type_, _pairs(visit.request.url.query) + _pairs(taken.decode("utf-8", "replace")))


async def in_compartment(visit: Visit) -> Response:
    """`Patient/p1/Observation`: what of a type lies in one person's record."""
    type_ = type_of(visit, "s")
    visit.must("Patient", "r")
    whose = ("patient", str(visit.request.path_params["id"]))
    if type_ == "Patient":
        whose = ("_id", whose[1])
    return await _search(visit, type_, (whose, *_pairs(visit.request.url.query)))


async def everything(visit: Visit) -> Response:
    visit.must("Patient", "r")
    query = visit.request.query_params
    types = tuple(each for each in query.get("_type", "").split(",") if each)
    for each in types:
        kept_here(each)
    if unknown := set(query) - {"_type", "_since", "_count", _CURSOR, "_format"}:
        raise NotUnderstood(f"$everything takes _type, _since and _count, not {', '.join(sorted(unknown))[:80]}.")
    asked = EverythingAsked(
        str(visit.request.path_params["id"]), visit.reach("r"), types, query.get("_since", ""), cursor=query.get(_CURSOR, ""),
        most=_size(query.get("_count", ""), MOST), client=visit.client, request=visit.request_id,
    )  # fmt: skip
    page = await visit.face.calls.ask(EVERYTHING, asked)
    here = f"{visit.base}/Patient/{asked.patient}/$everything"
    kept = tuple((name, value) for name, value in query.items() if name != _CURSOR)
    return _bundle(visit, page, here, kept, "", ())


async def _search(visit: Visit, type_: str, pairs: Query) -> Response:
    told = dict(pairs)
    query = tuple((name, value) for name, value in pairs if name not in _NOT_HANDED_ON)
    size = _size(told.get("_count", ""), USUAL)
    asked = FindAsked(
        type_, query, visit.reach("s"), visit.strict, visit.base, told.get(_CURSOR, ""), size, visit.client, visit.request_id
    )
    page = await visit.face.calls.ask(SEARCH, asked)
    elements = [each for each in told.get("_elements", "").split(",") if each]
    return _bundle(visit, page, f"{visit.base}/{type_}", query, told.get("_summary", ""), elements)


def _bundle(visit: Visit, page: Page, here: str, query: Query, summary: str, elements: Sequence[str]) -> Response:
    understood = tuple((name, value) for name, value in query if name not in page.ignored)
    links = [("self", _address(here, understood))]
    if page.next:
        links.append(("next", _address(here, (*understood, (_CURSOR, page.next)))))
    entries = [
        answers.entry(each, visit.base, "match", text=trimmed(each.text, summary, elements)) for each in page.matches
    ]
    entries += [answers.entry(each, visit.base, "include") for each in page.included]
    if page.ignored:
        says = f"Not understood, so passed over: {', '.join(page.ignored)}."
        entries.append(answers.outcome_entry([Issue("warning", "not-supported", "", says)]))
    return Response(answers.bundle("searchset", entries, links, total=page.total), media_type=answers.FHIR_JSON)


def _address(here: str, query: Query) -> str:
    return f"{here}?{urlencode(query)}" if query else here


def _pairs(text: str) -> Query:
    return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=1_000))


def _size(said: str, usual: int) -> int:
    return min(int(said), MOST) if said.isdecimal() and 0 < len(said) < 7 and int(said) else usual
