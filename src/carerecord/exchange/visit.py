"""Who asks, in which format, and how strictly? What every address of the FHIR API has in common."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from carerecord.contracts.holdings import Client, Issue, Reach
from carerecord.contracts.identity import BEARER, Bearer, BearerAsked
from carerecord.exchange.answers import FHIR_JSON, outcome
from carerecord.fhir.scopes import allows, types_with
from carerecord.kit import request as requests
from carerecord.kit.calls import Calls, broken
from carerecord.kit.errors import CareRecordError, NotSignedIn, NotUnderstood, Refused
from carerecord.kit.log import Log

MOST_BYTES: Final = 50_000_000
BEARER_AT_HAND_S: Final = 10.0  # a client that is revoked is out after at most so long
_AT_HAND: Final = 10_000


class TooLarge(NotUnderstood):
    status, issue = 413, "too-long"


class NotServed(CareRecordError):
    """A format that is not written here."""

    status, issue = 406, "not-supported"


class NotTaken(CareRecordError):
    """A format that is not read here."""

    status, issue = 415, "not-supported"


@dataclass
class Face:
    """All that the API leans on; built once, in `api.build`."""

    calls: Calls
    log: Log
    address: str  # where clients reach the front door
    _bearers: dict[bytes, tuple[float, Bearer]] = field(default_factory=dict)

    async def bearer(self, token: str) -> Bearer:
        """Who shows this token; asked anew every ten seconds."""
        key, now = sha256(token.encode()).digest(), time.monotonic()
        known = self._bearers.get(key)
        if known is not None and now - known[0] < BEARER_AT_HAND_S and known[1].ends_at > time.time():
            return known[1]
        found = await self.calls.ask(BEARER, BearerAsked(token))
        if len(self._bearers) >= _AT_HAND:
            self._bearers.clear()
        self._bearers[key] = (now, found)
        return found


@dataclass
class Visit:
    """One request of one client."""

    face: Face
    request: Request
    bearer: Bearer | None = None
    request_id: str = ""

    @property
    def base(self) -> str:
        """Our FHIR address as this client knows it."""
        return (self.face.address.rstrip("/") or str(self.request.base_url).rstrip("/")) + "/fhir"

    @property
    def client(self) -> Client:
        row = self.known.client
        return Client(row.id, row.organisation, row.name, row.chooses_ids, row.must_match, row.on_invalid)

    @property
    def known(self) -> Bearer:
        if self.bearer is None:
            raise NotSignedIn("Show a bearer token.")
        return self.bearer

    def must(self, type_: str, letter: str) -> None:
        """Raises Refused: the token's scopes do not allow this interaction (c, r, u, d or s) with this type."""
        if not allows(self.known.scopes, type_, letter):
            raise Refused(f"The token's scopes do not allow this with {type_}.", rule="scope")

    def reach(self, letter: str) -> Reach:
        return Reach(types_with(self.known.scopes, letter))

    @property
    def strict(self) -> bool:
        return "handling=lenient" not in self.request.headers.get("prefer", "").replace(" ", "")

    @property
    def wanted(self) -> str:
        """What is sent back of what was written: minimal, representation or OperationOutcome."""
        for each in self.request.headers.get("prefer", "").replace(" ", "").split(","):
            if each.startswith("return="):
                return each.removeprefix("return=")
        return "representation"

    async def body(self) -> bytes:
        """What was sent, as JSON.

        Raises:
            TooLarge: more than is read. NotTaken: not JSON.
        """
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (FHIR_JSON, "application/json", "application/json-patch+json"):
            raise NotTaken(f"Send {FHIR_JSON}; a patch as application/json-patch+json.")
        taken = bytearray()
        async for part in self.request.stream():
            taken += part
            if len(taken) > MOST_BYTES:
                raise TooLarge(f"At most {MOST_BYTES // 1_000_000} MB are read at once.")
        return bytes(taken)


Handler = Callable[[Visit], Awaitable[Response]]


def endpoint(face: Face, handler: Handler, *, guarded: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """The handler as Starlette calls it: behind a token unless said otherwise, its errors as OperationOutcome."""

    async def answer(request: Request) -> Response:
        visit = Visit(face, request, request_id=requests.current())
        try:
            _format(request)
            if guarded:
                visit.bearer = await face.bearer(_token(request))
            response = await handler(visit)
        except Exception as error:
            response = failed(visit, error)
        if "x-request-id" in request.headers and "x-request-id" not in response.headers:
            response.headers["X-Request-Id"] = visit.request_id
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def failed(visit: Visit, error: Exception) -> Response:
    told = broken(error)
    if told is not error:
        visit.face.log.error("exchange.failed", exc_info=error)
    response = outcome(told.status, Issue("error", told.issue, "", told.says))
    if told.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in told.facts:
        response.headers["Retry-After"] = told.facts["retry_after_s"]
    return response


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise NotSignedIn("Show a bearer token.")
    return token.strip()


def _format(request: Request) -> None:
    said = request.query_params.get("_format", "") or request.headers.get("accept", "")
    kinds = [each.partition(";")[0].strip().lower() for each in said.split(",")]
    if said and not any(each in ("*/*", "application/*", "json", "application/json", FHIR_JSON, "") for each in kinds):
        raise NotServed(f"Answers are written as {FHIR_JSON}.")


async def drained(receive: Callable[[], Awaitable[Message]]) -> None:
    """Read a body that nobody wants, so that the connection can be used again."""
    while (await receive()).get("more_body"):
        pass
