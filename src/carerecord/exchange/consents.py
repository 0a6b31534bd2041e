"""What has a person said about sharing? Objections, kept by the consent service, as FHIR Consents that deny.

A Consent comes and goes whole: one that says more than an objection can carry is refused, and the error names what it is.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from carerecord.contracts.consent import OBJECT, SAID, WITHDRAW, ObjectAsked, Objection, SaidAsked, WithdrawAsked
from carerecord.contracts.holdings import Issue
from carerecord.contracts.patients import WHO, PersonIds, WhoAsked
from carerecord.exchange import answers, resources
from carerecord.exchange.links import Query, address, pairs_of
from carerecord.exchange.objections import TYPE, differences, objection, version, written
from carerecord.exchange.people import actor_of, asked_for, meant, whose_in
from carerecord.exchange.searching import posted
from carerecord.exchange.visit import Visit
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.kit.errors import CareRecordError, NotAcceptable, NotUnderstood

PARAMETERS: Final = {"patient": "reference", "status": "token", "_id": "token"}
_TAKEN: Final = frozenset((*PARAMETERS, "patient:identifier", "patient:Patient", "_count", "_format", "_pretty"))
Faults = list[tuple[str, str]]


class Stale(CareRecordError):
    status, issue = 412, "conflict"


async def read(visit: Visit) -> Response:
    visit.must_by_name(TYPE, "r")
    return _told(visit, await _one(visit))


async def by_get(visit: Visit) -> Response:
    return await _search(visit, pairs_of(visit.query))


async def by_post(visit: Visit) -> Response:
    return await _search(visit, await posted(visit))


async def create(visit: Visit) -> Response:
    """An objection, in force from the moment that this answers; said twice it is one.

    Raises:
        NotFound: there is no such person. NotAcceptable: no such section, or a source that does not know the person.
        NotUnderstood: with If-None-Exist, which this takes no heed of.
    """
    visit.must_by_name(TYPE, "c")
    resources.takes_no_condition(visit, "What a person says twice is one: leave it out.")
    given = await _given(visit)
    asked = objection(given)
    faults = [*differences(given, written(asked))]
    if given.get("status") != "active":
        faults.append(("Consent.status", "is active: what is not in force is not written down"))
    if "dateTime" in given:
        faults.append(("Consent.dateTime", "is the moment at which it is written down here: leave it out"))
    if faults:
        return _refused(faults)
    person = await visit.face.calls.ask(WHO, WhoAsked((await _whose(visit, given))[0]))
    if asked.source and asked.source not in person.known_by:
        raise NotAcceptable("This source does not know the person: name one that does, or none for every source.")
    wanted = ObjectAsked(actor_of(visit), person.patient, asked.section, asked.source, asked.organisation)
    return _told(visit, await visit.face.calls.ask(OBJECT, wanted), 201)


async def update(visit: Visit) -> Response:
    """The same again, or withdrawn: an objection is never changed into another.

    Raises:
        NotFound: nothing was said under this id. Stale: it was withdrawn since.
    """
    visit.must_by_name(TYPE, "u")
    given, stands = await _given(visit), await _one(visit)
    replaces = resources.if_match(visit)
    if replaces and replaces != version(stands):
        raise Stale("It was withdrawn since: read it again.")
    now = written(stands)
    faults = [*differences(given, now)]
    faults += [(f"Consent.{name}", "is not what was said") for name in ("id", "dateTime") if given.get(name) != now[name]]
    if given.get("patient") != now["patient"] and stands.patient not in await _whose(visit, given):
        faults.append(("Consent.patient", "is not who said it"))
    if given.get("status") not in (now["status"], "inactive"):
        faults.append(("Consent.status", "is active or inactive; what was withdrawn is said anew, by a Consent of its own"))
    if faults:
        return _refused(faults)
    if given["status"] != now["status"]:
        stands = await visit.face.calls.ask(WITHDRAW, WithdrawAsked(actor_of(visit), stands.id))
    return _told(visit, stands)


async def _one(visit: Visit) -> Objection:
    asked = SaidAsked(actor_of(visit), id=str(visit.request.path_params["id"]))
    return (await visit.face.calls.ask(SAID, asked))[0]


async def _search(visit: Visit, pairs: Query) -> Response:
    """Raises NotUnderstood: it says not whose, or with a parameter that is not taken."""
    visit.must_by_name(TYPE, "s")
    if unknown := sorted({name for name, _ in pairs} - _TAKEN):
        raise NotUnderstood(f"Consent is searched by {', '.join(sorted(PARAMETERS))}, not by {', '.join(unknown)[:80]}.")
    told, said = dict(pairs), whose_in(pairs)
    if said is None:
        raise NotUnderstood("A search for Consent needs to say whose: add patient=….")
    found = await asked_for(visit, said)
    here = address(f"{visit.base}/{TYPE}", tuple(pair for pair in pairs if pair[0] not in ("_format", "_pretty")))
    everything = await visit.face.calls.ask(SAID, SaidAsked(actor_of(visit), found.person)) if found and found.person else ()
    shown = [written(each) for each in everything]
    for name, member in (("status", "status"), ("_id", "id")):
        if name in told:
            shown = [each for each in shown if each[member] in told[name].split(",")]
    entries = [
        orjson.dumps({"fullUrl": f"{visit.base}/{TYPE}/{each['id']}", "resource": each, "search": {"mode": "match"}})
        for each in shown
    ]
    return answers.Written(answers.bundle("searchset", entries, [("self", here)], total=len(entries)))


async def _given(visit: Visit) -> dict[str, Any]:
    try:
        given = parse(await visit.body())
    except Unreadable as bad:
        raise NotUnderstood(f"This is not read: {bad.reason}.") from None
    if given.get("resourceType") != TYPE:
        raise NotUnderstood("A Consent is taken here.")
    return given


async def _whose(visit: Visit, given: Mapping[str, Any]) -> PersonIds:
    """Who says it: the ids in the index, the one that was named first."""
    said = given.get("patient")
    said = said if isinstance(said, dict) else {}
    identifier = said.get("identifier")
    identifier = identifier if isinstance(identifier, dict) else {}
    number = str(identifier.get("system", "")), str(identifier.get("value", ""))
    found = await meant(visit, str(said.get("reference", "")), number if number[1] else ("", ""))
    if not found.person:
        raise NotAcceptable("The patient index does not know this Patient, so no record of theirs is shown to anybody.")
    return found.person


def _refused(faults: Faults) -> Response:
    return answers.outcome(422, *(Issue("error", "not-supported", path, f"This {says}.") for path, says in faults[:20]))


def _told(visit: Visit, said: Objection, status: int = 200) -> Response:
    consent = written(said)
    stamps = [
        (b"etag", b'W/"%d"' % version(said)),
        (b"last-modified", answers.http_date(consent["meta"]["lastUpdated"]).encode()),
    ]
    if status == 201:
        stamps.append((b"location", f"{visit.base}/{TYPE}/{said.id}/_history/1".encode("latin-1")))
    return answers.Written(b"" if visit.wanted == "minimal" else orjson.dumps(consent), status, stamps)
