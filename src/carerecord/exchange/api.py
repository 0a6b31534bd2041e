"""The door of the FHIR API: addresses only, no questions."""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from carerecord.exchange import (
    auditing,
    binaries,
    bundles,
    consents,
    documents,
    exporting,
    identifying,
    importing,
    matching,
    messages,
    operations,
    record,
    resources,
    searching,
    several,
    subscriptions,
    summary,
    tokens,
)
from carerecord.exchange.capability import Capability
from carerecord.exchange.drawn import Shelf
from carerecord.exchange.routing import Addresses
from carerecord.exchange.visit import Address, Face, Handler, Visit
from carerecord.fhir import xml
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.search import parameters
from carerecord.kit.clock import stamp
from carerecord.kit.errors import CareRecordError, NotFound, NotUnderstood, Unavailable
from carerecord.kit.part import Job, Part, Supplies
from carerecord.kit.tokens import seal


class NotDone(CareRecordError):
    """A method that this address does not take."""

    status, issue = 405, "not-supported"


class _Known:
    """The capability statement, once the definitions are compiled."""

    def __init__(self, supplies: Supplies, face: Face) -> None:
        self._supplies, self._face = supplies, face
        self._capability: Capability | None = None

    async def start(self) -> None:
        known, self._face.elements = await asyncio.gather(asyncio.to_thread(parameters.load), asyncio.to_thread(xml.load))
        self._face.parameters = known
        self._capability = Capability(known, ("Patient", *CENTRES), stamp(self._supplies.clock.now()))

    async def metadata(self, visit: Visit) -> Response:
        if self._capability is None:
            raise Unavailable("The API is starting.", service="exchange")
        return await self._capability.metadata(visit)


Handlers = Mapping[str, Handler]
CENTRES: Final = ("Device", "Encounter", "Practitioner", "RelatedPerson")  # of compartments, beside the Patient
_DRAWN: tuple[Handler, ...] = (operations.everything, searching.in_compartment)  # from the sources, where a client asks so


def addresses(metadata: Handler) -> tuple[tuple[str, Handlers, bool], ...]:
    """Every address of the API, what it takes, and whether a token is asked for."""
    one: Handlers = {"GET": resources.read, "PUT": resources.update, "PATCH": resources.patch, "DELETE": resources.delete}
    many: Handlers = {**one, "GET": searching.by_get, "POST": resources.create}
    return (
        ("/metadata", {"GET": metadata}, False),
        ("/.well-known/smart-configuration", {"GET": tokens.configuration}, False),
        ("/oauth/token", {"POST": tokens.token}, False),
        ("/", {"GET": several.by_get, "POST": bundles.take}, True),
        ("/_search", {"POST": several.by_post}, True),
        ("/$export", {"GET": exporting.of_all, "POST": exporting.of_all}, True),
        ("/Patient/$export", {"GET": exporting.of_people, "POST": exporting.of_people}, True),
        ("/Group/{id}/$export", {"GET": exporting.of_group, "POST": exporting.of_group}, True),
        ("/$import", {"POST": importing.begin}, True),
        ("/$process-message", {"POST": messages.process}, True),
        ("/_import/{id}", {"GET": importing.state, "DELETE": importing.cancel}, True),
        ("/_import/{id}/errors", {"GET": importing.errors}, True),
        ("/_export/{id}", {"GET": exporting.state, "DELETE": exporting.cancel}, True),
        ("/_export/{id}/{number}", {"GET": exporting.file}, True),
        ("/Patient/{id}/$everything", {"GET": operations.everything, "POST": operations.everything}, True),
        ("/Patient/$match", {"POST": matching.match}, True),
        ("/Patient/$ihe-pix", {"GET": identifying.cross_referenced}, True),
        ("/Patient/{id}/$summary", {"GET": summary.summary, "POST": summary.summary}, True),
        ("/DocumentReference/$docref", {"GET": documents.docref, "POST": documents.docref}, True),
        ("/Observation/$lastn", {"GET": operations.lastn, "POST": operations.lastn}, True),
        ("/{type:Binary}", {"POST": binaries.create}, True),
        ("/{type}/$validate", {"POST": operations.validate}, True),
        ("/Consent", {"GET": consents.by_get, "POST": consents.create}, True),
        ("/Consent/_search", {"POST": consents.by_post}, True),
        ("/Consent/{id}", {"GET": consents.read, "PUT": consents.update}, True),
        ("/AuditEvent", {"GET": auditing.by_get}, True),
        ("/AuditEvent/_search", {"POST": auditing.by_post}, True),
        ("/AuditEvent/{id}", {"GET": auditing.read}, True),
        ("/Subscription", {"GET": subscriptions.by_get, "POST": subscriptions.create}, True),
        ("/Subscription/_search", {"POST": subscriptions.by_post}, True),
        ("/Subscription/{id}", {"GET": subscriptions.read, "PUT": subscriptions.update, "DELETE": subscriptions.delete}, True),
        ("/Subscription/{id}/$status", {"GET": subscriptions.status}, True),
        ("/{type}/{id}/$validate", {"GET": operations.validate, "POST": operations.validate}, True),
        ("/{type}/{id}/$meta", {"GET": operations.meta}, True),
        ("/_history", {"GET": resources.history}, True),
        ("/{type}/_history", {"GET": resources.history}, True),
        ("/{type}/_search", {"POST": searching.by_post}, True),
        ("/{type}/{id}/_history", {"GET": resources.history}, True),
        ("/{type:Binary}/{id}/_history/{version}", {"GET": binaries.vread}, True),
        ("/{type}/{id}/_history/{version}", {"GET": resources.vread}, True),
        ("/Patient/{id}/{type}", {"GET": searching.in_compartment}, True),
        ("/Patient/{id}/{type}/_search", {"POST": searching.in_compartment_by_post}, True),
        *((f"/{{centre:{each}}}/{{id}}/{{type}}", {"GET": searching.around}, True) for each in CENTRES),
        *((f"/{{centre:{each}}}/{{id}}/{{type}}/_search", {"POST": searching.around_by_post}, True) for each in CENTRES),
        ("/{type:Binary}/{id}", {**one, "GET": binaries.read, "PUT": binaries.update}, True),
        ("/{type}/{id}", one, True),
        ("/{type}", {name: many[name] for name in ("GET", "POST", "PUT", "PATCH", "DELETE")}, True),
    )


def build(supplies: Supplies) -> Part:
    key = supplies.keys.own_key("pages")
    shelf = Shelf(lambda what: seal(key, what))
    face = Face(supplies.calls, supplies.log, supplies.address, shelf, PatientIds(supplies.keys.entries))
    known = _Known(supplies, face)

    def at(handlers: Handlers, *, guarded: bool) -> Address:
        takes = ", ".join(("HEAD", *handlers) if "GET" in handlers else handlers)

        async def handle(visit: Visit) -> Response:
            method = visit.request.method
            handler = handlers.get("GET" if method == "HEAD" else method)
            if handler is None:
                raise NotDone(f"This address takes {takes}.", allow=takes)
            if record.asks(visit) and handler not in _DRAWN:
                raise NotUnderstood("Care-Reason goes with Patient/ID/$everything and Patient/ID/TYPE, where sources are asked.")
            return await handler(visit)

        raw = any(each.__module__ == binaries.__name__ for each in handlers.values())
        return Address(face, handle, guarded=guarded, any_form=raw)

    async def nothing(_: Visit) -> Response:
        raise NotFound("There is no such address in this API.")

    ways = [(path, at(handlers, guarded=guarded)) for path, handlers, guarded in addresses(known.metadata)]
    async def empty_the_shelf() -> None:
        while True:
            await asyncio.sleep(1.0)
            face.shelf.sweep()

    return Part(
        "exchange", routes=(Addresses("/fhir", ways, Address(face, nothing)),), start=known.start,
        jobs=(Job("exchange.shelf", empty_the_shelf), Job("exchange.veils", face.veils.run, alone=True)),
    )  # fmt: skip
