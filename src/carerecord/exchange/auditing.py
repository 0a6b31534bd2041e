"""Who looked? The audit book as FHIR AuditEvents, for systems whose scopes name it: read and searched, and written by nobody."""

import base64
import binascii
from typing import Final

import msgspec
import orjson
from msgspec import Struct
from starlette.responses import Response

from carerecord.contracts.audit import EVENTS, Events, EventsAsked
from carerecord.contracts.holdings import Issue
from carerecord.exchange import answers
from carerecord.exchange.links import CURSOR, MOST, USUAL, Query, address, pairs_of, size
from carerecord.exchange.people import actor_of, asked_for, whose_in
from carerecord.exchange.searching import posted
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood

TYPE: Final = "AuditEvent"
PARAMETERS: Final = {"patient": "reference"}
_TAKEN: Final = frozenset((*PARAMETERS, "patient:identifier", "patient:Patient", "_count", CURSOR, "_format", "_pretty"))


class _Named(Struct):
    id: str


_named: Final = msgspec.json.Decoder(_Named)


async def read(visit: Visit) -> Response:
    visit.must_by_name(TYPE, "r")
    asked = EventsAsked(id=str(visit.request.path_params["id"]), actor=actor_of(visit))
    told = await visit.face.calls.ask(EVENTS, asked)
    return answers.Written(bytes(told.events[0]))


async def by_get(visit: Visit) -> Response:
    return await _search(visit, pairs_of(visit.query))


async def by_post(visit: Visit) -> Response:
    return await _search(visit, await posted(visit))


async def _search(visit: Visit, pairs: Query) -> Response:
    """The lines about one person, or about everybody, newest first.

    Raises:
        NotUnderstood: a parameter that it does not take, or a page link that is none of ours.
    """
    visit.must_by_name(TYPE, "s")
    if unknown := sorted({name for name, _ in pairs} - _TAKEN):
        raise NotUnderstood(f"AuditEvent is searched by patient, not by {', '.join(unknown)[:80]}.")
    told, said = dict(pairs), whose_in(pairs)
    before, most = _before(told.get(CURSOR, "")), size(told.get("_count", ""), USUAL)
    person: tuple[str, ...] = ()
    if said is not None:
        found = await asked_for(visit, said)
        if found is None:
            return answers.Written(answers.bundle("searchset", (), [("self", address(_here(visit), (said,)))], total=0))
        person = (*found.person, *found.kept)
    asked = EventsAsked(person, min(most, MOST), actor_of(visit), before)
    return _bundle(visit, await visit.face.calls.ask(EVENTS, asked), (said,) if said else (), told.get("_count", ""))


def _bundle(visit: Visit, page: Events, said: Query, count: str) -> Response:
    here, query = _here(visit), (*said, *((("_count", count),) if count else ()))
    links = [("self", address(here, query))]
    if page.next:
        written = base64.urlsafe_b64encode(page.next.encode()).decode().rstrip("=")
        links.append(("next", address(here, (*query, (CURSOR, written)))))
    entries = [
        b'{"fullUrl":%s,"resource":%s,"search":{"mode":"match"}}' % (orjson.dumps(f"{here}/{_named.decode(raw).id}"), bytes(raw))
        for raw in page.events
    ]
    until = page.complete_until
    says = f"The book is complete up to {until}." if until else "The book is being brought up to date."
    entries.append(answers.outcome_entry([Issue("information", "informational", "", says)]))
    return answers.Written(answers.bundle("searchset", entries, links))


def _here(visit: Visit) -> str:
    return f"{visit.base}/{TYPE}"


def _before(cursor: str) -> str:
    """Raises NotUnderstood: not one of our links."""
    try:
        return base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise NotUnderstood("This page link is not one of ours. Begin the search again.") from None
