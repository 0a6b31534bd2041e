"""Who asks, in which format, and how strictly? What every address of the FHIR API has in common."""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from carerecord.contracts.holdings import Change, Client, Issue, Reach
from carerecord.contracts.identity import BEARER, Bearer, BearerAsked
from carerecord.exchange import formats
from carerecord.exchange.answers import NOT_STORED, Written, outcome
from carerecord.exchange.drawn import Shelf
from carerecord.exchange.formats import Form, NotServed
from carerecord.exchange.mastering import Masters
from carerecord.exchange.owners import BY_ID
from carerecord.exchange.veils import Veils
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.scopes import allows, types_with
from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.xml import Elements
from carerecord.kit import request as requests
from carerecord.kit.calls import Calls, broken
from carerecord.kit.errors import CareRecordError, NotSignedIn, Refused
from carerecord.kit.log import Log

_allows: Final = lru_cache(4_096)(allows)
_types_with: Final = lru_cache(4_096)(types_with)
BEARER_AT_HAND_S: Final = 10.0  # a client that is revoked is out after at most so long
_AT_HAND: Final = 10_000
_BASES_AT_HAND: Final = 100
_READS: Final = "rs"
_HAD: Final = (b"if-none-match", b"if-modified-since")


class Known(NamedTuple):
    """Who shows a token, as identity said and as holdings wants to hear it."""

    asked_at: float  # by the clock that never goes back
    bearer: Bearer
    client: Client


@dataclass
class Face:
    """All that the API leans on; built once, in `api.build`."""

    calls: Calls
    log: Log
    address: str  # where clients reach the front door
    shelf: Shelf  # of answers that are handed over in pages
    patient_id: PatientIds
    masters: Masters = field(init=False)
    veils: Veils = field(init=False)
    elements: Elements = field(default_factory=dict)  # what XML needs to know; loaded at start
    parameters: Parameters = field(default_factory=lambda: Parameters({}))  # of searches; loaded at start
    _bearers: dict[bytes, Known] = field(default_factory=dict)
    _bases: dict[tuple[str, bytes | None], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.masters = Masters(self.calls)
        self.veils = Veils(self.calls, self.log, self.patient_id)

    async def bearer(self, token: bytes) -> Known:
        """Who shows this token; asked anew every ten seconds."""
        key, now = sha256(token).digest(), time.monotonic()
        known = self._bearers.get(key)
        if known is not None and now - known.asked_at < BEARER_AT_HAND_S and known.bearer.ends_at > time.time():
            return known
        found = await self.calls.ask(BEARER, BearerAsked(token.decode("latin-1")))
        if len(self._bearers) >= _AT_HAND:
            self._bearers.clear()
        row = found.client
        client = Client(row.id, row.organisation, row.name, row.chooses_ids, row.must_match, row.on_invalid, row.source)
        known = self._bearers[key] = Known(now, found, client)
        return known

    def base(self, request: Request, host: bytes | None) -> str:
        """Our FHIR address as the client knows it who asks for this host."""
        if self.address:
            return self.address.rstrip("/") + "/fhir"
        key = (request.scope["scheme"], host)
        if (found := self._bases.get(key)) is None:
            if len(self._bases) >= _BASES_AT_HAND:
                self._bases.clear()
            found = self._bases[key] = str(request.base_url).rstrip("/") + "/fhir"
        return found


@dataclass(slots=True)
class Visit:
    """One request of one client."""

    face: Face
    request: Request
    bearer: Known | None = None
    request_id: str = ""
    form: Form = formats.PLAIN  # of the answer
    veiled_by: CareRecordError | None = None  # why it cannot be known what people keep back
    heads: dict[bytes, bytes] = field(init=False)  # what it says of itself, by names in small letters; of several the first
    _base: str = ""

    def __post_init__(self) -> None:
        self.heads = dict(reversed(self.request.scope["headers"]))

    @property
    def base(self) -> str:
        """Our FHIR address as this client knows it."""
        if not self._base:
            self._base = self.face.base(self.request, self.heads.get(b"host"))
        return self._base

    def said(self, header: bytes) -> bool:
        """Whether the client sent a header of this name, which is written in small letters."""
        return header in self.heads

    @property
    def query(self) -> str:
        """As it was written."""
        return str(self.request.scope["query_string"].decode("latin-1"))

    @property
    def conditional(self) -> bool:
        """Whether the client has something already, perhaps the same."""
        return not self.heads.keys().isdisjoint(_HAD)

    @property
    def client(self) -> Client:
        if self.bearer is None:
            raise NotSignedIn("Show a bearer token.")
        return self.bearer.client

    @property
    def known(self) -> Bearer:
        if self.bearer is None:
            raise NotSignedIn("Show a bearer token.")
        return self.bearer.bearer

    def may(self, type_: str, letter: str) -> bool:
        """Whether the token's scopes allow this interaction with this type."""
        return _allows(self.known.scopes, type_, letter)

    def must(self, type_: str, letter: str) -> None:
        """Raises Refused: the token's scopes do not allow this interaction (c, r, u, d or s) with this type."""
        if not _allows(self.known.scopes, type_, letter):
            raise Refused(f"The token's scopes do not allow this with {type_}.", rule="scope")

    def must_by_name(self, type_: str, letter: str) -> None:
        """The same for a type that no scope for every type includes. Raises Refused."""
        if not _allows(tuple(each for each in self.known.scopes if f"/{type_}." in each), type_, letter):
            says = f"{type_} is for a token whose scopes name it: a scope for every type does not include it."
            raise Refused(says, rule="scope")

    def reach(self, letter: str) -> Reach:
        """What the scopes allow, behind what people keep back from this client's organisation.

        Raises:
            CareRecordError: it is to be read, and what people have said about sharing cannot be known.
        """
        if letter in _READS and self.veiled_by is not None:
            raise self.veiled_by
        return Reach(_types_with(self.known.scopes, letter), veiled_for=self.client.organisation)

    def looks(self, changes: Iterable[Change], letter: str = "r") -> Reach:
        """What writes may look up. Those that ask for nothing are made though nobody can say what people keep back.

        Raises:
            CareRecordError: one of them asks by a condition, a reference or a patch, and it cannot be known what may be told.
        """
        if self.veiled_by is not None and not any(map(_asks, changes)):
            return Reach(())
        return self.reach(letter)

    async def look_behind(self) -> None:
        """Know what people keep back at this moment. Who only writes is answered all the same where nobody can say."""
        if self.face.veils.known:
            self.veiled_by = None
            return
        try:
            await self.face.veils.fresh()
            self.veiled_by = None
        except CareRecordError as unknown:
            self.veiled_by = unknown

    @property
    def strict(self) -> bool:
        return not self.said(b"prefer") or self._prefers().get("handling") != "lenient"

    @property
    def wanted(self) -> str:
        """What is sent back of what was written: minimal, representation or OperationOutcome."""
        said = self._prefers().get("return", "") if self.said(b"prefer") else ""
        return {"minimal": "minimal", "operationoutcome": "OperationOutcome"}.get(said, "representation")

    def _prefers(self) -> dict[str, str]:
        """Each preference, in small letters (RFC 7240); of what is said twice the first counts."""
        told: dict[str, str] = {}
        for header in self.request.headers.getlist("prefer"):
            for each in header.lower().replace(";", ",").split(","):
                name, _, value = each.partition("=")
                told.setdefault(name.strip(), value.strip().strip('"'))
        return told

    async def body(self) -> bytes:
        """The resource that was sent, as JSON. Raises as `formats.resource` does."""
        return await formats.resource(self.request, self.face.elements)


def _asks(change: Change) -> bool:
    """Whether what becomes of it tells of what is there."""
    by_condition = change.method == "patch" or change.condition or change.if_none_exist
    return bool(by_condition) or change.type == BY_ID or b"?" in change.text


Handler = Callable[[Visit], Awaitable[Response]]


class Address:
    """One address, for every method: a guard, a handler, and its errors as OperationOutcome."""

    def __init__(self, face: Face, handler: Handler, *, guarded: bool = True, any_form: bool = False) -> None:
        self._face, self._handler, self._guarded, self._any_form = face, handler, guarded, any_form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        visit = Visit(self._face, request, request_id=requests.current())
        try:
            visit.form = formats.form_of(request, visit.heads.get(b"accept", b""), any_form=self._any_form)
            if self._guarded:
                visit.bearer = await self._face.bearer(token_of(visit))
                await visit.look_behind()
            response = await self._handler(visit)
        except Exception as error:
            response = failed(visit, error)
        if not isinstance(response, StreamingResponse):
            if visit.form is not formats.PLAIN:
                response = await _written(visit, response)
            if formats.worth_packing(response):
                await formats.packed(response, visit.heads.get(b"accept-encoding", b""))
        if not isinstance(response, Written) and not any(name == b"cache-control" for name, _ in response.raw_headers):
            response.raw_headers.append(NOT_STORED)
        return response


async def _written(visit: Visit, response: Response) -> Response:
    """In the form that the client wants. What was changed stays changed where its answer cannot be written so."""
    elements = visit.face.elements
    try:
        await formats.dressed(response, visit.form, elements)
    except NotServed as error:
        read = visit.request.method in ("GET", "HEAD")
        told = outcome(406 if read else response.status_code, Issue("error" if read else "warning", error.issue, "", error.says))
        for name in ("Location", "ETag", "Last-Modified"):
            if name in response.headers:
                told.headers[name] = response.headers[name]
        await formats.dressed(told, visit.form, elements)
        response = told
    return response


def failed(visit: Visit, error: Exception) -> Response:
    told = broken(error)
    if told is not error:
        visit.face.log.error("exchange.failed", exc_info=error)
    response = outcome(told.status, Issue("error", told.issue, "", told.says))
    if told.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "allow" in told.facts:
        response.headers["Allow"] = told.facts["allow"]
    if "retry_after_s" in told.facts:
        response.headers["Retry-After"] = told.facts["retry_after_s"]
    return response


def token_of(visit: Visit) -> bytes:
    kind, _, token = visit.heads.get(b"authorization", b"").partition(b" ")
    if kind.lower() != b"bearer" or not (token := token.strip()):
        raise NotSignedIn("Show a bearer token.")
    return token
