"""The door of the FHIR API: addresses only, no questions."""

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from carerecord.exchange import bundles, operations, resources, searching, tokens
from carerecord.exchange.capability import Capability
from carerecord.exchange.visit import Address, Face, Handler, Visit
from carerecord.fhir import xml
from carerecord.fhir.search import parameters
from carerecord.kit.clock import stamp
from carerecord.kit.errors import CareRecordError, NotFound, Unavailable
from carerecord.kit.part import Part, Supplies


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
        self._capability = Capability(known, stamp(self._supplies.clock.now()))

    async def metadata(self, visit: Visit) -> Response:
        if self._capability is None:
            raise Unavailable("The API is starting.", service="exchange")
        return await self._capability.metadata(visit)


def build(supplies: Supplies) -> Part:
    face = Face(supplies.calls, supplies.log, supplies.address)
    known = _Known(supplies, face)

    def at(path: str, handlers: Mapping[str, Handler], *, guarded: bool = True) -> Route:
        takes = ", ".join(("HEAD", *handlers) if "GET" in handlers else handlers)

        async def handle(visit: Visit) -> Response:
            handler = handlers.get("GET" if visit.request.method == "HEAD" else visit.request.method)
            if handler is None:
                raise NotDone(f"This address takes {takes}.", allow=takes)
            return await handler(visit)

        return Route(path, Address(face, handle, guarded=guarded))

    async def nothing(_: Visit) -> Response:
        raise NotFound("There is no such address in this API.")

    routes: list[BaseRoute] = [
        at("/metadata", {"GET": known.metadata}, guarded=False),
        at("/.well-known/smart-configuration", {"GET": tokens.configuration}, guarded=False),
        at("/oauth/token", {"POST": tokens.token}, guarded=False),
        at("/", {"POST": bundles.take}),
        at("/Patient/{id}/$everything", {"GET": operations.everything}),
        at("/Observation/$lastn", {"GET": operations.lastn}),
        at("/{type}/$validate", {"POST": operations.validate}),
        at("/{type}/{id}/$validate", {"GET": operations.validate, "POST": operations.validate}),
        at("/{type}/{id}/$meta", {"GET": operations.meta}),
        at("/{type}/_search", {"POST": searching.by_post}),
        at("/{type}/{id}/_history", {"GET": resources.history}),
        at("/{type}/{id}/_history/{version}", {"GET": resources.vread}),
        at("/Patient/{id}/{type}", {"GET": searching.in_compartment}),
        at(
            "/{type}/{id}",
            {"GET": resources.read, "PUT": resources.update, "PATCH": resources.patch, "DELETE": resources.delete},
        ),
        at(
            "/{type}",
            {
                "GET": searching.by_get, "POST": resources.create, "PUT": resources.update, "PATCH": resources.patch,
                "DELETE": resources.delete,
            },
        ),
        Route("/{path:path}", Address(face, nothing)),
    ]
    # The base itself, without a stroke at its end, is an address too: a redirect would lose the body.
    base = at("/fhir", {"POST": bundles.take})
    return Part("exchange", routes=(base, Mount("/fhir", routes=routes)), start=known.start)
