"""Many resources: searches by GET and POST, and within a compartment."""

from collections.abc import Callable, Sequence

from starlette.responses import Response

from carerecord.contracts.holdings import SEARCH, FindAsked, Issue, Page
from carerecord.contracts.permit import Withheld
from carerecord.exchange import answers, deaths, formats, record
from carerecord.exchange.formats import Form, NotTaken
from carerecord.exchange.links import CURSOR, USUAL, Query, address, pairs_of, size
from carerecord.exchange.resources import type_of
from carerecord.exchange.trimmed import trimming
from carerecord.exchange.visit import Visit
from carerecord.fhir.sections import SECTIONS

_MOST_FORM = 200_000
# `_totalMethod` is what fhirpy adds when it counts: it asks for no more than a total, which is there anyway.
_NOT_HANDED_ON = frozenset(("_format", "_pretty", "_totalMethod", CURSOR))


async def by_get(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    return await _search(visit, type_, pairs_of(visit.query))


async def by_post(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    return await _search(visit, type_, await posted(visit))


async def posted(visit: Visit) -> Query:
    """A search that is sent as a form, with what its address says. Raises NotTaken: sent as anything else."""
    if visit.request.headers.get("content-type", "").partition(";")[0].strip().lower() != formats.FORM:
        raise NotTaken(f"Send the search as {formats.FORM}.")
    said = pairs_of((await formats.sent(visit.request, _MOST_FORM)).decode("utf-8", "replace"))
    told = dict(said)
    pretty = visit.form.pretty or told.get("_pretty", "").lower() == "true"
    visit.form = formats.named(told["_format"], pretty=pretty) if told.get("_format") else Form(visit.form.xml, pretty)
    return pairs_of(visit.query) + said


async def in_compartment(visit: Visit) -> Response:
    """`Patient/p1/Observation`: what of a type lies in one person's record."""
    type_ = type_of(visit, "s")
    visit.must("Patient", "r")
    if record.asks(visit):
        return await record.search(visit, str(visit.request.path_params["id"]), type_, pairs_of(visit.query))
    return answers.Written(await around_a_person(visit, str(visit.request.path_params["id"]), type_, pairs_of(visit.query)))


async def in_compartment_by_post(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    visit.must("Patient", "r")
    return answers.Written(await around_a_person(visit, str(visit.request.path_params["id"]), type_, await posted(visit)))


async def around(visit: Visit) -> Response:
    """`Encounter/e1/Observation`: what of a type points at another centre."""
    type_ = type_of(visit, "s")
    return answers.Written(await searched(visit, type_, pairs_of(visit.query), _centre(visit)))


async def around_by_post(visit: Visit) -> Response:
    type_ = type_of(visit, "s")
    return answers.Written(await searched(visit, type_, await posted(visit), _centre(visit)))


def _centre(visit: Visit) -> str:
    """Raises Refused: the token's scopes do not allow it to be read."""
    named = visit.request.path_params
    visit.must(str(named["centre"]), "r")
    return f"{named['centre']}/{named['id']}"


async def around_a_person(visit: Visit, id_: str, type_: str, pairs: Query) -> bytes:
    """What lies in their record by its `patient`; the few types that have none by what the definition says."""
    if type_ == "Patient":
        return await searched(visit, type_, (("_id", id_), *pairs))
    if "patient" in visit.face.parameters.of(type_):
        return await searched(visit, type_, (("patient", id_), *pairs))
    return await searched(visit, type_, pairs, f"Patient/{id_}")


async def _search(visit: Visit, type_: str, pairs: Query) -> Response:
    return answers.Written(await searched(visit, type_, pairs))


async def searched(visit: Visit, type_: str, pairs: Query, centre: str = "") -> bytes:
    """The answer to a search, of everything or within the compartment of `centre` (Type/id), as a Bundle."""
    asked = search_for(visit, type_, pairs, centre)
    page = await deaths.of_page(visit.face.calls, await visit.face.calls.ask(SEARCH, asked))
    return answered(visit, asked, pairs, page)


def search_for(visit: Visit, type_: str, pairs: Query, centre: str = "") -> FindAsked:
    """The question that it is."""
    told = dict(pairs)
    query = tuple([(name, value) for name, value in pairs if name not in _NOT_HANDED_ON])
    most = size(told.get("_count", ""), USUAL)
    return FindAsked(
        type_, query, visit.reach("s"), visit.strict, visit.base, told.get(CURSOR, ""), most, visit.client, visit.request_id,
        centre,
    )  # fmt: skip


def answered(visit: Visit, asked: FindAsked, pairs: Query, page: Page) -> bytes:
    """The page as a Bundle."""
    told = dict(pairs)
    elements = [each for each in told.get("_elements", "").split(",") if each]
    here = f"{visit.base}/{asked.around}/{asked.type}" if asked.around else f"{visit.base}/{asked.type}"
    return bundle_of(visit, page, here, asked.query, told.get("_summary", ""), elements)


def searchset(visit: Visit, page: Page, here: str, query: Query, summary: str, elements: Sequence[str]) -> Response:
    return answers.Written(bundle_of(visit, page, here, query, summary, elements))


def bundle_of(visit: Visit, page: Page, here: str, query: Query, summary: str, elements: Sequence[str]) -> bytes:
    understood = tuple((name, value) for name, value in query if name not in page.ignored)
    links = [("self", address(here, understood))]
    if page.next:
        links.append(("next", address(here, (*understood, (CURSOR, page.next)))))
    entries = entries_of(page, visit.base, trimming(summary, elements))
    return answers.bundle("searchset", entries, links, total=page.total)


def withheld(each: Withheld) -> Issue:
    """That something is kept back; nothing of whether there is any of it."""
    title = SECTIONS[each.section].title if each.section in SECTIONS else each.section
    of = f" of {each.source}" if each.source else ""
    return Issue("information", "suppressed", "", f"{title}{of}: withheld under rule {each.rule}. {each.says}")


def entries_of(page: Page, base: str, trim: Callable[[bytes], bytes] | None = None) -> list[bytes]:
    """What a page holds, and in words what it does not."""
    entries = answers.entries(page.matches, base, "match", trim)
    entries += answers.entries(page.included, base, "include")
    issues = [withheld(each) for each in page.withheld]
    if page.ignored:
        says = f"Not understood, so passed over: {', '.join(page.ignored)}."
        issues.append(Issue("warning", "not-supported", "", says))
    if page.cut:
        says = f"More is to be included here than one page holds: these are the first {len(page.included):,}. Search for it."
        issues.append(Issue("warning", "incomplete", "", says))
    return [*entries, answers.outcome_entry(issues)] if issues else entries
