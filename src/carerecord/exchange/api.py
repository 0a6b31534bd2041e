"""The door of the FHIR API: addresses only, no questions."""

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from carerecord.exchange import bundles, resources, searching, tokens
from carerecord.exchange.capability import Capability
from carerecord.exchange.visit import Face, Handler, Visit, endpoint
from carerecord.fhir.search import parameters
from carerecord.kit.clock import stamp
from carerecord.kit.errors import CareRecordError, NotFound, Unavailable
from carerecord.kit.part import Part, Supplies


class NotDone(CareRecordError):
    """A method that this address does not take."""

    status, issue = 405, "not-supported"


class _Known:
    """The capability statement, once the definitions are compiled."""

    def __init__(self, supplies: Supplies) -> None:
        self._supplies = supplies
        self._capability: Capability | None = None

    async def start(self) -> None:
        known = await asyncio.to_thread(parameters.load)
        self._capability = Capability(known, stamp(self._supplies.clock.now()))

    async def metadata(self, visit: Visit) -> Response:
        if self._capability is None:
            raise Unavailable("The API is starting.", service="exchange")
        return await self._capability.metadata(visit)


def build(supplies: Supplies) -> Part:
    face = Face(supplies.calls, supplies.log, supplies.address)
    known = _Known(supplies)

    def at(path: str, handlers: Mapping[str, Handler], *, guarded: bool = True) -> Route:
        async def handle(visit: Visit) -> Response:
            handler = handlers.get("GET" if visit.request.method == "HEAD" else visit.request.method)
            if handler is None:
                raise NotDone(f"This address takes {', '.join(handlers)}.")
            return await handler(visit)

        return Route(path, endpoint(face, handle, guarded=guarded), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def nothing(_: Visit) -> Response:
        raise NotFound("There is no such address in this API.")

    routes: list[BaseRoute] = [
        at("/metadata", {"GET": known.metadata}, guarded=False),
        at("/.well-known/smart-configuration", {"GET": tokens.configuration}, guarded=False),
        at("/oauth/token", {"POST": tokens.token}, guarded=False),
        at("/", {"POST": bundles.take}),
        at("/Patient/{id}/$everything", {"GET": searching.everything}),
        at("/{type}/$validate", {"POST": resources.validate}),
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
        at("/{path:path}", dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), nothing)),
    ]
    return Part("exchange", routes=(Mount("/fhir", routes=routes),), start=known.start)

