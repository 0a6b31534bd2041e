"""Many resources: searches by GET and POST, and within a compartment."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from carerecord.contracts.holdings import SEARCH, FindAsked, Issue, Page
from carerecord.exchange import answers, formats
from carerecord.exchange.formats import Form, NotTaken
from carerecord.exchange.resources import type_of
from carerecord.exchange.trimmed import trimmed
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood

MOST = 1_000  # resources on a page
USUAL = 100
MOST_PARAMETERS = 1_000
_MOST_FORM = 200_000
CURSOR = "_page"
# `_totalMethod` is what fhirpy adds when it counts: it asks for no more than a total, which is there anyway.
_NOT_HANDED_ON = frozenset(("_format", "_pretty", "_totalMethod", CURSOR))
Query = tuple[tuple[str, str], ...]


async def by_get(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    return await _search(visit, type_, pairs_of(visit.request.url.query))


async def by_post(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    if visit.request.headers.get("content-type", "").partition(";")[0].strip().lower() != formats.FORM:
        raise NotTaken(f"Send the search as {formats.FORM}.")
    said = pairs_of((await formats.sent(visit.request, _MOST_FORM)).decode("utf-8", "replace"))
    told = dict(said)
    pretty = visit.form.pretty or told.get("_pretty", "").lower() == "true"
    visit.form = formats.named(told["_format"], pretty=pretty) if told.get("_format") else Form(visit.form.xml, pretty)
    return await _search(visit, type_, pairs_of(visit.request.url.query) + said)


async def in_compartment(visit: Visit) -> Response:
    """`Patient/p1/Observation`: what of a type lies in one person's record."""
    type_ = type_of(visit, "s")
    visit.must("Patient", "r")
    whose = ("patient", str(visit.request.path_params["id"]))
    if type_ == "Patient":
        whose = ("_id", whose[1])
    return await _search(visit, type_, (whose, *pairs_of(visit.request.url.query)))


async def _search(visit: Visit, type_: str, pairs: Query) -> Response:
    told = dict(pairs)
    if told.get("_contained", "false") != "false":
        raise NotUnderstood("Contained resources are found with those that hold them: _contained is false.")
    query = tuple((name, value) for name, value in pairs if name not in _NOT_HANDED_ON)
    most = size(told.get("_count", ""), USUAL)
    asked = FindAsked(
        type_, query, visit.reach("s"), visit.strict, visit.base, told.get(CURSOR, ""), most, visit.client, visit.request_id
    )
    page = await visit.face.calls.ask(SEARCH, asked)
    elements = [each for each in told.get("_elements", "").split(",") if each]
    return searchset(visit, page, f"{visit.base}/{type_}", query, told.get("_summary", ""), elements)


def searchset(visit: Visit, page: Page, here: str, query: Query, summary: str, elements: Sequence[str]) -> Response:
    understood = tuple((name, value) for name, value in query if name not in page.ignored)
    links = [("self", _address(here, understood))]
    if page.next:
        links.append(("next", _address(here, (*understood, (CURSOR, page.next)))))
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


def pairs_of(text: str) -> Query:
    """A query as it was written. Raises NotUnderstood: more parameters than any search has."""
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise NotUnderstood(f"At most {MOST_PARAMETERS} parameters are read.") from None


def size(said: str, usual: int) -> int:
    return min(int(said), MOST) if said.isdecimal() and 0 < len(said) < 7 and int(said) else usual
