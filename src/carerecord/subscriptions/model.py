"""What does a Subscription ask for, and can it be done? Read strictly: whatever would not be obeyed is refused by its path."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NoReturn
from urllib.parse import unquote_plus, urlsplit

from msgspec import Struct, json

from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotAcceptable, NotUnderstood

TYPE: Final = "Subscription"
CONTENT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
FHIR_JSON: Final = "application/fhir+json"
ELSEWHERE: Final = frozenset(("AuditEvent", "Binary", "Consent", TYPE))
LONGEST: Final = 2_000  # of an endpoint, a criterion and a header
MOST_HEADERS: Final = 10
_json: Final = json.Encoder(decimal_format="number")  # 1.10 stays 1.10
_MEMBERS: Final = frozenset(
    ("resourceType", "id", "meta", "status", "reason", "criteria", "channel", "end", "error", "contact", "text")
)  # not implicitRules: a rule that is not known must not be passed over
_OF_CHANNEL: Final = frozenset(("type", "endpoint", "payload", "_payload", "header"))
_CRITERIA: Final = re.compile(r"([A-Z][A-Za-z]{1,40})(?:\?(.*))?\Z", re.DOTALL)
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}): ?([\x20-\x7e\x80-\xff]{0,1900})\Z")
_OURS: Final = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
     "expect", "proxy-authorization", "proxy-connection", "forwarded", "x-forwarded-for", "x-forwarded-host", "accept-encoding")
)  # fmt: skip
_NO_CONTENT: Final = (
    "asks for the resource itself. A notice carries ids alone: who gets it reads the resource here, under the rules of that "
    f"moment. Leave payload out (an empty POST), or say {FHIR_JSON} with the extension backport-payload-content id-only or empty"
)


class Wanted(Struct, frozen=True):
    """What one Subscription asks for."""

    type: str
    query: tuple[tuple[str, str], ...]
    endpoint: str
    content: str  # "" an empty POST | empty | id-only
    headers: tuple[tuple[str, str], ...]
    ends_at: datetime | None
    status: str  # requested | off

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""


class Body(Struct, frozen=True):
    """What is sealed: the resource as its client wrote it, what it asks for, and our address as that client knows it."""

    resource: dict[str, Any]
    wanted: Wanted
    base: str

    @property
    def text(self) -> bytes:
        return _json.encode(self)


def body_in(text: bytes) -> Body:
    return _body.decode(text)


_body: Final = json.Decoder(Body, float_hook=Decimal)


def resource_in(raw: bytes) -> dict[str, Any]:
    """Raises NotUnderstood: no JSON, or another type."""
    try:
        given = parse(raw)
    except Unreadable as bad:
        raise NotUnderstood(f"This is not read: {bad.reason}.") from None
    if given.get("resourceType") != TYPE:
        raise NotUnderstood("A Subscription is taken here.")
    return given


def wanted(given: Mapping[str, Any], now: datetime) -> Wanted:
    """Raises NotAcceptable: something of it would not be obeyed. It says what and where, and never what was sent."""
    if strange := sorted(set(given) - _MEMBERS):
        _refuse(f".{strange[0][:40]}", "is not obeyed here: leave it out")
    for name in ("reason", "criteria"):
        if not isinstance(given.get(name), str) or not given[name].strip() or len(given[name]) > LONGEST:
            _refuse(f".{name}", f"is needed, in at most {LONGEST:,} letters")
    status = given.get("status")
    if status not in ("requested", "active", "error", "off"):
        _refuse(".status", "is requested, or off to rest; active is for this server to say")
    channel = given.get("channel")
    if not isinstance(channel, dict):
        _refuse(".channel", "is needed")
    type_, query = _criteria(given["criteria"])
    return Wanted(
        type_, query, _endpoint(channel), _content(channel), _headers(channel.get("header", [])), _end(given.get("end"), now),
        "off" if status == "off" else "requested",
    )  # fmt: skip


def _criteria(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    found = _CRITERIA.match(text.strip())
    if found is None:
        _refuse(".criteria", "is a search of one type: Observation?patient=ID&code=…; topics are not known here")
    type_, query = found[1], found[2] or ""
    if type_ in ELSEWHERE:
        _refuse(".criteria", f"asks for {type_}, of whose changes nobody is told")
    pairs = [each.partition("=") for each in query.split("&") if each]
    return type_, tuple([(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs])


def _endpoint(channel: Mapping[str, Any]) -> str:
    if strange := sorted(set(channel) - _OF_CHANNEL):
        _refuse(f".channel.{strange[0][:40]}", "is not obeyed here: leave it out")
    if channel.get("type") != "rest-hook":
        _refuse(".channel.type", "is rest-hook: notices go out by no other channel")
    endpoint = channel.get("endpoint")
    if not isinstance(endpoint, str) or len(endpoint) > LONGEST or not endpoint.isascii() or re.search(r"[\s\\]", endpoint):
        _refuse(".channel.endpoint", "is the address, https://…, to which notices are posted")
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.password is not None or parts.fragment:
        _refuse(".channel.endpoint", "is https://host/path, without a user, a password or a fragment; secrets go into header")
    return endpoint


def _content(channel: Mapping[str, Any]) -> str:
    payload, beside = channel.get("payload"), channel.get("_payload")
    if payload is None and beside is None:
        return ""
    extensions = beside.get("extension") if isinstance(beside, dict) else None
    said = [each.get("valueCode") for each in extensions or () if isinstance(each, dict) and each.get("url") == CONTENT]
    if payload != FHIR_JSON or len(said) != 1 or said[0] not in ("id-only", "empty"):
        _refuse(".channel.payload", _NO_CONTENT)
    return str(said[0])


def _headers(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list) or len(given) > MOST_HEADERS:
        _refuse(".channel.header", f"is a list of at most {MOST_HEADERS}")
    found = []
    for each in given:
        header = _HEADER.match(each) if isinstance(each, str) else None
        if header is None:
            _refuse(".channel.header", "is written Name: value, on one line")
        if header[1].lower() in _OURS:
            _refuse(".channel.header", f"may not set {header[1]}: that is said by what is sent")
        found.append((header[1], header[2].strip()))
    return tuple(found)


def _end(said: Any, now: datetime) -> datetime | None:
    if said is None:
        return None
    try:
        end = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        end = None
    if end is None or end.tzinfo is None:
        _refuse(".end", "is an instant with its zone: 2027-01-31T00:00:00Z")
    if end <= now:
        _refuse(".end", "has passed")
    return end.astimezone(UTC)


def written(resource: Mapping[str, Any], *, id_: str, version: int, at: datetime, status: str, error: str) -> bytes:
    """The resource as it stands: what its client wrote, with what this server says of it."""
    meta = resource.get("meta")
    told = {
        **{name: value for name, value in resource.items() if name not in ("id", "meta", "status", "error")},
        "id": id_,
        "meta": {**(meta if isinstance(meta, dict) else {}), "versionId": str(version), "lastUpdated": stamp(at)},
        "status": status,
    }
    return _json.encode(told | ({"error": error} if error else {}))


def _refuse(path: str, says: str) -> NoReturn:
    raise NotAcceptable(f"{TYPE}{path} {says}.")
