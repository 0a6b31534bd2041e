"""How is an entry of a batch answered whose type another service owns? As its address answers it, under the same scopes."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from carerecord.exchange import auditing, consents, objections, subscriptions
from carerecord.exchange.answers import FHIR_JSON
from carerecord.exchange.owners import OWNED_ELSEWHERE, NotHere
from carerecord.exchange.visit import Handler, Visit
from carerecord.kit.clock import stamp

# By type, then by method and whether one is named by its id.
ANSWERED: Final[Mapping[str, Mapping[tuple[str, bool], Handler]]] = {
    objections.TYPE: {
        ("GET", False): consents.by_get, ("POST", False): consents.create,
        ("GET", True): consents.read, ("PUT", True): consents.update,
    },
    auditing.TYPE: {("GET", False): auditing.by_get, ("GET", True): auditing.read},
    subscriptions.TYPE: {
        ("GET", False): subscriptions.by_get, ("POST", False): subscriptions.create, ("GET", True): subscriptions.read,
        ("PUT", True): subscriptions.update, ("DELETE", True): subscriptions.delete,
    },
}  # fmt: skip
Conditions = Mapping[bytes, str]  # headers of an entry, as the whole of a request would bear them
_KEPT: Final = (b"host", b"prefer")  # of the whole request's headers


async def answered(visit: Visit, method: str, type_: str, id_: str, query: str, body: bytes, conditions: Conditions) -> bytes:
    """The entry of the answer.

    Raises:
        NotHere: the owner of this type does not do this. Whatever else it refuses.
    """
    handler = ANSWERED.get(type_, {}).get((method, bool(id_)))
    if handler is None:
        raise NotHere(OWNED_ELSEWHERE[type_][1])
    return _entry(await handler(_visit(visit, method, type_, id_, query, body, conditions)))


def _visit(
    visit: Visit, method: str, type_: str, id_: str, query: str, body: bytes, conditions: Conditions
) -> Visit:
    """The same client at the address of the entry."""
    headers = [each for each in visit.request.scope["headers"] if each[0] in _KEPT]
    headers.append((b"content-type", FHIR_JSON.encode()))
    headers += [(name, said.encode("latin-1", "replace")) for name, said in conditions.items() if said]
    at = {"method": method, "headers": headers, "query_string": query.encode("latin-1", "replace")}
    scope = {**visit.request.scope, **at, "path_params": {"type": type_, "id": id_}}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Visit(visit.face, Request(scope, receive), visit.bearer, visit.request_id)


def _entry(response: Response) -> bytes:
    headers, body = response.headers, bytes(response.body)
    if response.status_code >= 400:
        return b'{"response":{"status":"%d","outcome":' % response.status_code + body + b"}}"
    told = {"status": str(response.status_code)}
    for name, header in (("location", "location"), ("etag", "etag")):
        if header in headers:
            told[name] = headers[header]
    if "last-modified" in headers:
        told["lastModified"] = stamp(parsedate_to_datetime(headers["last-modified"]))
    return (b'{"resource":' + body + b"," if body else b"{") + b'"response":' + orjson.dumps(told) + b"}"
