"""One person's record as it stands in the region now: live, kept or both, as each source takes part, with the state of all.

A client that sends `Care-Reason` asks for this, in place of what is kept here under an id of ours. It asks on behalf of a role of
its organisation and is judged as that role; the reason stands in the audit book.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from carerecord.contracts.actors import Actor, Reason, Role
from carerecord.contracts.records import GATHER, GatherAsked, Gathered, SectionState, Sent, SourceState
from carerecord.contracts.roles import ROLES
from carerecord.exchange import answers
from carerecord.exchange.drawn import Drawn
from carerecord.exchange.links import CURSOR, address, size
from carerecord.exchange.visit import Visit
from carerecord.fhir.bundle import parse
from carerecord.fhir.deaths import WHY, in_doubt, says_died
from carerecord.fhir.search.match import answers as test_of
from carerecord.fhir.search.query import BadSearch, Clause, read
from carerecord.fhir.sections import ALL, SECTIONS
from carerecord.kit.errors import NotUnderstood, Refused

REASON: Final = "care-reason"
_REASON: Final = REASON.encode()
PURPOSE: Final = "care-purpose"
STATE: Final = "urn:carerecord:source-state"
ISSUER: Final = "urn:carerecord:client"
_TYPES: Final = tuple(dict.fromkeys(search.type for each in ALL for search in each.searches))
_FINE: Final = frozenset({"live", "copy", "not recorded", "none held", "not shared", "registered elsewhere"})
_CODES: Final = {
    "withheld": "suppressed", "not permitted": "suppressed", "withheld at source": "suppressed", "not switched on": "suppressed",
    "no answer": "transient", "unreadable": "structure", "discarded": "conflict", "in doubt": "conflict",
}  # fmt: skip
_OF_ALL: Final = frozenset(("_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"))
_FORM_ALONE: Final = frozenset(("_format", "_pretty"))
_FORM: Final = frozenset((*_FORM_ALONE, "_type"))
_PAGES: Final = frozenset(("_count", CURSOR))


def asks(visit: Visit) -> bool:
    """Whether this client asks for the record, and not for what is kept here under an id of ours."""
    return visit.said(_REASON)


async def everything(visit: Visit, patient: str, types: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Response:
    """`$everything` of a person of the index. What is drawn live has no history, so `_type` alone narrows it."""
    if more := {name for name, _ in pairs} - _FORM - _PAGES:
        named = ", ".join(sorted(more))[:80]
        raise NotUnderstood(f"A record that is drawn from its sources is narrowed by _type alone, not by {named}.")

    async def draw() -> Drawn:
        gathered = await _gathered(visit, patient, types or _TYPES)
        return _drawn(visit, gathered, gathered.resources)

    return await _page(visit, f"{visit.base}/Patient/{patient}/$everything", pairs, draw)


async def search(visit: Visit, patient: str, type_: str, pairs: Sequence[tuple[str, str]]) -> Response:
    """A search of one type in a person's record: sources are asked for the type, and what they sent is tested here.

    Raises:
        NotUnderstood: a parameter that is not one of this type, or that needs more than the resource itself.
    """
    told = [(name, value) for name, value in pairs if name not in _FORM_ALONE and name not in _PAGES]
    try:
        query = read(type_, told, visit.face.parameters)
        clauses = [each for each in query.clauses if isinstance(each, Clause)]
        tests = [test_of(each, base=visit.base) for each in clauses]
    except BadSearch as bad:
        raise NotUnderstood(bad.reason) from None
    of_the_answer = any(name.startswith("_") and name.partition(":")[0] not in _OF_ALL for name, _ in told)
    if len(clauses) < len(query.clauses) or of_the_answer:
        says = "Of a record that is drawn from its sources a search takes the parameters of its type: no chain, sort or include."
        raise NotUnderstood(says)

    async def draw() -> Drawn:
        gathered = await _gathered(visit, patient, (type_,))
        return _drawn(visit, gathered, [each for each in gathered.resources if each.type == type_ and _answers(each, tests)])

    return await _page(visit, f"{visit.base}/Patient/{patient}/{type_}", pairs, draw)


def _answers(sent: Sent, tests: Sequence[Callable[[Any], bool]]) -> bool:
    parsed = parse(bytes(sent.raw)) if tests else {}
    return all(test(parsed) for test in tests)


async def _gathered(visit: Visit, patient: str, types: Iterable[str]) -> Gathered:
    """Under the scopes of the token, the rules of the role and what the person has said.

    Raises:
        Refused: this client acts for nobody who may open a record, or the rules do not permit it.
        NotAcceptable: no reason is stated.
    """
    row = visit.known.client
    if not row.acts_for:
        says = "This client acts for nobody, so it asks for nobody's record. An operator says for whom."
        raise Refused(says, rule="client/acts-for")
    allowed = tuple(each for each in types if visit.may(each, "r"))
    if not allowed:
        raise Refused("The token's scopes allow none of these types.", rule="scope")
    name = ROLES[row.acts_for]
    actor = Actor(ISSUER, row.id, row.name, Role(row.id, row.acts_for, name, row.organisation, row.organisation))
    headers = visit.request.headers
    reason = Reason(headers.get(PURPOSE, "direct-care"), headers[REASON].strip())
    return await visit.face.calls.ask(GATHER, GatherAsked(actor, patient, reason, allowed, visit.request_id))


# --- written as a searchset


def _drawn(visit: Visit, gathered: Gathered, resources: Sequence[Sent]) -> Drawn:
    states = [_outcome(each) for each in gathered.states]
    if told := list(_of_all(gathered)):
        states.append(_outcome_entry(told))
    return Drawn(tuple(_entry(each, visit.base, gathered.death_doubted) for each in resources), tuple(states))


async def _page(
    visit: Visit, here: str, pairs: Sequence[tuple[str, str]], draw: Callable[[], Awaitable[Drawn]]
) -> Response:
    """All of it, or as many as `_count` says; the state of every source goes with each page."""
    told = dict(pairs)
    query = tuple((name, value) for name, value in pairs if name not in _FORM_ALONE and name != CURSOR)
    headers, row = visit.request.headers, visit.known.client
    question = (here, query, row.id, row.acts_for, visit.known.scopes, headers[REASON], headers.get(PURPOSE, ""))
    count = size(told.get("_count", ""), sys.maxsize)
    shown, many, following = await visit.face.shelf.page(question, told.get(CURSOR, ""), count, draw)
    links = [("self", address(here, query)), *([("next", address(here, (*query, (CURSOR, following))))] if following else [])]
    return answers.Written(answers.bundle("searchset", (*shown.entries, *shown.states), links, total=many))


def _entry(sent: Sent, base: str, death_doubted: str) -> bytes:
    """Each source's resources under an address of their own, so that one id of two sources is two, and references stay within."""
    address = f"{base}/{sent.type}/{sent.id}" if sent.kept else f"{base}/_source/{sent.source}/{sent.type}/{sent.id}"
    text = bytes(sent.raw)
    if death_doubted and sent.type == "Patient" and says_died(patient := parse(text)):
        text = in_doubt(patient, death_doubted)
    return b'{"fullUrl":%s,"resource":%s,"search":{"mode":"match"}}' % (orjson.dumps(address), text)


def _outcome(state: SourceState) -> bytes:
    issues = [_issue(state.state, state.name, state.says, state.copy_at)]
    issues += [_of_section(state, each) for each in state.sections if each.state != state.state]
    return _outcome_entry(issues, state.source)


def _of_section(state: SourceState, section: SectionState) -> dict[str, Any]:
    title = SECTIONS[section.section].title if section.section in SECTIONS else section.section
    return _issue(section.state, f"{state.name}: {title}", section.says, section.as_at)


def _of_all(gathered: Gathered) -> Iterable[dict[str, Any]]:
    if gathered.waiting:
        says = f"{gathered.waiting} items may be about somebody else and are not handed over."
        yield _issue("incomplete", "Items that wait for a human", says, "")
    if gathered.death_doubted:
        yield _issue("in doubt", "Death", f"{WHY[gathered.death_doubted]}. Who recorded it and who did not do not agree.", "")
    for missing in gathered.missing:
        yield _issue("incomplete", "Some of this record", missing, "")
    for each in dict.fromkeys((each.kind, each.says) for each in (*gathered.withheld, *gathered.unnamed)):
        yield _issue("withheld", "Some of this record", each[1], "")


def _issue(state: str, of: str, says: str, as_at: str) -> dict[str, Any]:
    told = ". ".join(filter(None, (says.rstrip("."), f"Copy as at {as_at}" if as_at else "")))
    issue: dict[str, Any] = {
        "severity": "information" if state in _FINE else "warning",
        "code": "informational" if state in _FINE else _CODES.get(state, "incomplete"),
        "details": {"coding": [{"system": STATE, "code": state.replace(" ", "-")}], "text": of},
    }
    return issue | ({"diagnostics": f"{told}."} if told else {})


def _outcome_entry(issues: Sequence[dict[str, Any]], id_: str = "") -> bytes:
    outcome = {"resourceType": "OperationOutcome", **({"id": id_} if id_ else {}), "issue": issues}
    return orjson.dumps({"resource": outcome, "search": {"mode": "outcome"}})
