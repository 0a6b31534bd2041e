"""Who waits to be told of a change? Subscriptions, kept by the service of that name: each client has to do with its own alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from msgspec import Raw
from starlette.responses import Response

from carerecord.contracts.subscriptions import (
    AMEND,
    SUBSCRIBE,
    SUBSCRIBED,
    UNSUBSCRIBE,
    AmendAsked,
    SubscribeAsked,
    Subscribed,
    SubscribedAsked,
    Subscriber,
    UnsubscribeAsked,
)
from carerecord.exchange import answers, resources
from carerecord.exchange.consents import Stale
from carerecord.exchange.links import Query, address, pairs_of
from carerecord.exchange.searching import posted
from carerecord.exchange.visit import Visit
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import answers as test_of
from carerecord.fhir.search.query import BadSearch, Clause
from carerecord.fhir.search.query import read as read_query
from carerecord.kit.errors import Conflict, NotUnderstood

TYPE: Final = "Subscription"
PARAMETERS: Final = (
    "_id", "_lastUpdated", "_profile", "_security", "_source", "_tag", "contact", "criteria", "payload", "status", "type", "url",
)  # fmt: skip
_FORM: Final = frozenset(("_format", "_pretty", "_count"))  # a client's own are few: one page holds them


async def create(visit: Visit) -> Response:
    visit.must_by_name(TYPE, "c")
    resources.takes_no_condition(visit, "Look for it first, by criteria or url: each client finds its own.")
    asked = SubscribeAsked(_by(visit), Raw(await visit.body()), visit.base, visit.request_id)
    return _told(visit, await visit.face.calls.ask(SUBSCRIBE, asked), 201)


async def read(visit: Visit) -> Response:
    visit.must_by_name(TYPE, "r")
    return _told(visit, await _one(visit))


async def update(visit: Visit) -> Response:
    """Raises Stale: If-Match names another version than the one that stands."""
    visit.must_by_name(TYPE, "u")
    replaces = resources.if_match(visit)
    asked = AmendAsked(_by(visit), _id(visit), Raw(await visit.body()), visit.base, replaces, visit.request_id)
    with _stale(replaces):
        return _told(visit, await visit.face.calls.ask(AMEND, asked))


async def delete(visit: Visit) -> Response:
    """Raises Stale: as of an update."""
    visit.must_by_name(TYPE, "d")
    replaces = resources.if_match(visit)
    with _stale(replaces):
        await visit.face.calls.ask(UNSUBSCRIBE, UnsubscribeAsked(_by(visit), _id(visit), visit.request_id, replaces))
    return Response(status_code=204)


async def by_get(visit: Visit) -> Response:
    return await _search(visit, pairs_of(visit.query))


async def by_post(visit: Visit) -> Response:
    return await _search(visit, await posted(visit))


async def status(visit: Visit) -> Response:
    """`$status` of the Subscriptions R5 Backport guide: how is it with this one?"""
    visit.must_by_name(TYPE, "r")
    found = await _one(visit)
    told = [
        {"name": "subscription", "valueReference": {"reference": f"{visit.base}/{TYPE}/{found.id}"}},
        {"name": "status", "valueCode": found.status},
        {"name": "type", "valueCode": "query-status"},
        {"name": "events-since-subscription-start", "valueString": str(found.numbered)},
    ]
    if found.error:
        told.append({"name": "error", "valueCodeableConcept": {"text": found.error}})
    resource = {"resourceType": "Parameters", "id": found.id, "parameter": told}
    entry = orjson.dumps({"resource": resource, "search": {"mode": "match"}})
    return answers.Written(answers.bundle("searchset", [entry], total=1))


async def _search(visit: Visit, pairs: Query) -> Response:
    """By every search parameter of R4's Subscription. Raises NotUnderstood: by something else."""
    visit.must_by_name(TYPE, "s")
    said = tuple(pair for pair in pairs if pair[0] not in _FORM)
    try:
        clauses = read_query(TYPE, said, visit.face.parameters).clauses
        tests = [test_of(each, base=visit.base) for each in clauses if isinstance(each, Clause)]
    except BadSearch as bad:
        raise NotUnderstood(bad.reason) from None
    if len(tests) < len(said):
        raise NotUnderstood("A client's own subscriptions are searched by their own parameters: no chain, sort or include.")
    found = await visit.face.calls.ask(SUBSCRIBED, SubscribedAsked(_by(visit)))
    shown = [each for each in found if _answers(parse(bytes(each.raw)), tests)]
    entries = [
        b'{"fullUrl":%s,"resource":%s,"search":{"mode":"match"}}'
        % (orjson.dumps(f"{visit.base}/{TYPE}/{each.id}"), bytes(each.raw))
        for each in shown
    ]
    links = [("self", address(f"{visit.base}/{TYPE}", said))]
    return answers.Written(answers.bundle("searchset", entries, links, total=len(entries)))


def _answers(resource: dict[str, Any], tests: list[Any]) -> bool:
    return all(test(resource) for test in tests)


async def _one(visit: Visit) -> Subscribed:
    return (await visit.face.calls.ask(SUBSCRIBED, SubscribedAsked(_by(visit), _id(visit))))[0]


@contextmanager
def _stale(replaces: int) -> Iterator[None]:
    """A conflict is a 412 where the client said which version it means."""
    try:
        yield
    except Conflict as error:
        if replaces:
            raise Stale(error.says) from None
        raise


def _by(visit: Visit) -> Subscriber:
    row = visit.known.client
    return Subscriber(row.id, row.organisation, row.name, tuple(visit.known.scopes))


def _id(visit: Visit) -> str:
    return str(visit.request.path_params["id"])


def _told(visit: Visit, found: Subscribed, code: int = 200) -> Response:
    stamps = [(b"etag", b'W/"%d"' % found.version), (b"last-modified", answers.http_date(found.at).encode())]
    if code == 201:
        stamps.append((b"location", f"{visit.base}/{TYPE}/{found.id}/_history/{found.version}".encode("latin-1")))
    return answers.Written(b"" if visit.wanted == "minimal" else bytes(found.raw), code, stamps)
