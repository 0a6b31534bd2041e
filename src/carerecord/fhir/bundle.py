"""What did a source send? A Bundle split into entries, every resource kept as the very bytes that were received."""

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
import orjson
from msgspec import Raw, Struct

from carerecord.fhir.errors import NotABundle, Unreadable
from carerecord.fhir.facts import Facts
from carerecord.fhir.salvage import DEEPEST, apart, shallow

ANSWERING_TYPES: Final = frozenset(
    (
        "searchset", "collection", "batch-response", "transaction-response", "batch", "transaction", "history",
        "document", "message",
    )
)  # fmt: skip


class Entry(Struct, frozen=True, gc=False):
    """One resource of a Bundle."""

    type: str  # resourceType
    id: str  # as the source knows it; "" where it has none
    raw: bytes  # exactly as received
    mode: str = "match"  # match, include or outcome
    full_url: str = ""
    facts: Facts | None = None  # what it says, where that was known from its letters alone


class Faulty(Struct, frozen=True, gc=False):
    """An entry that holds no usable resource. It is counted and shown as unreadable, never dropped in silence."""

    position: int  # from 0, in the Bundle as received
    reason: str
    raw: bytes


class Bundle(Struct, frozen=True, gc=False):
    """A Bundle taken apart; no resource in it has been read further than its type and id."""

    type: str
    entries: tuple[Entry, ...]  # matches and includes, in the order received
    outcomes: tuple[bytes, ...]  # OperationOutcome resources, with search.mode outcome or without
    faulty: tuple[Faulty, ...]
    total: int | None = None  # what the source says it holds; often more than one page
    next: str = ""  # where the next page is
    self_link: str = ""


class _Search(Struct, gc=False):
    mode: str | None = None


class _Link(Struct, gc=False):
    relation: str | None = None
    url: str | None = None


class _Entry(Struct, gc=False):
    resource: Raw = Raw(b"")
    search: _Search | None = None
    fullUrl: str | None = None


class _Wire(Struct, gc=False):
    resourceType: str = ""
    type: str = ""
    total: int | None = None
    link: list[_Link] | None = None
    entry: list[Raw] | None = None


class _SoundWire(Struct, gc=False):
    """The same where every entry has the form of one, as nearly always: taken in a single pass."""

    resourceType: str = ""
    type: str = ""
    total: int | None = None
    link: list[_Link] | None = None
    entry: list[_Entry] | None = None


class _Head(Struct, gc=False):
    resourceType: str = ""
    id: str = ""


_wire = msgspec.json.Decoder(_Wire)
_sound_wire = msgspec.json.Decoder(_SoundWire)
_entry = msgspec.json.Decoder(_Entry)
_head = msgspec.json.Decoder(_Head)
_plain = msgspec.json.Decoder(float_hook=Decimal)
Known = Callable[[bytes], Facts | None]
_AT_ONCE: Final = 1_000  # resources looked at in one go by who knows some from their letters: a few milliseconds
_NO_MARKS: Final = bytes(each for each in range(256) if each not in b":[{")
_USUAL_TYPES: Final = frozenset(
    ("AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization", "MedicationRequest",
     "Observation", "Patient", "Procedure")
)  # fmt: skip
_RESOURCE_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{2,60}\Z")


def split(body: bytes, known: Known | None = None) -> Bundle:
    """Take a Bundle apart without altering a byte of what it holds.

    One resource alone that is no Bundle is accepted where it is an OperationOutcome (a source that refuses in a 200).
    An entry that cannot be used becomes a `Faulty`; the others stand. What a resource says that is `known` stands in its entry;
    such a one is not looked into for its type and id.

    Raises:
        NotABundle: no JSON, JSON of another kind, or a Bundle of a type that holds no answers. The reason never quotes
            what was received.
    """
    wire: _SoundWire | _Wire
    faulty: tuple[Faulty, ...] = ()
    try:
        wire = _sound_wire.decode(body)
        entries = wire.entry or ()
        taken = [_taken(each, known) for each in entries[:_AT_ONCE]] + [_taken(each) for each in entries[_AT_ONCE:]]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unreadable):
        wire, taken, faulty = _split_with_care(body)
    if wire.resourceType == "OperationOutcome":
        return Bundle("outcome", (), (bytes(body),), ())
    if wire.resourceType != "Bundle":
        raise NotABundle(f"the answer is {'a FHIR resource, but no Bundle' if wire.resourceType else 'no FHIR resource'}")
    if wire.type not in ANSWERING_TYPES:
        raise NotABundle("the Bundle does not say what type it is")
    links = {link.relation: link.url or "" for link in wire.link or ()}
    return Bundle(
        type=wire.type,
        entries=tuple([each for each in taken if each.type != "OperationOutcome"]),
        outcomes=tuple([each.raw for each in taken if each.type == "OperationOutcome"]),
        faulty=faulty,
        total=wire.total,
        next=links.get("next", ""),
        self_link=links.get("self", ""),
    )


def _split_with_care(body: bytes) -> tuple[_Wire, list[Entry], tuple[Faulty, ...]]:
    """Entry by entry, so that one that cannot be used leaves the others standing."""
    wire, items = _opened(body)
    taken: list[Entry] = []
    faulty: list[Faulty] = []
    for position, raw in enumerate(items):
        try:
            made = _split_entry(raw)
        except Unreadable as fault:
            faulty.append(Faulty(position, fault.reason, bytes(raw)))
            continue
        if made is not None:
            taken.append(made)
    return wire, taken, tuple(faulty)


def _opened(body: bytes) -> tuple[_Wire, Sequence[Raw]]:
    try:
        wire = _wire.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        found = apart(body)
        if found is None:
            raise NotABundle(_why_no_json(body)) from fault
        try:
            return _wire.decode(found.head), [Raw(item) for item in found.items]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NotABundle(_why_no_json(body)) from fault
    return wire, wire.entry or ()


def parse(raw: bytes) -> dict[str, Any]:
    """One resource as plain values. A number with a fraction is a Decimal, so that `1.10` stays `1.10` (FHIR forbids less).

    Raises:
        Unreadable: not JSON, not an object, nested deeper than any real resource, or an element given twice.
    """
    try:
        value = _plain.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, InvalidOperation) as fault:
        raise Unreadable("not well-formed JSON") from fault
    except RecursionError as fault:
        raise Unreadable("nested deeper than any real resource") from fault
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    # Few opening brackets settle that it is not deep, equal counts of colons that no name is given twice: a double is gone
    # once it is written out again, with its colon, and JSON can write a colon in one other way only.
    marks = raw.translate(None, _NO_MARKS)
    colons = marks.count(b":")
    if len(marks) - colons > DEEPEST and _deep(value):
        raise Unreadable("nested deeper than any real resource")
    escaped = b"\\" in raw and (b"\\u003a" in raw or b"\\u003A" in raw)
    if (escaped or colons != _written_again(value).count(b":")) and _has_double(raw):
        raise Unreadable("the same element is given twice")
    return value


def _deep(value: dict[str, Any]) -> bool:
    """Whether it nests deeper than DEEPEST: level by level, which for a long resource is a tenth of going through its bytes."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [
            each
            for node in level
            for each in (node.values() if type(node) is dict else node)
            if type(each) is dict or type(each) is list
        ]
        if not level:
            return False
    return True


def _split_entry(raw: Raw) -> Entry | None:
    try:
        entry = _entry.decode(raw)
        # Answers to a batch or a delete carry a response and no resource; elsewhere nothing means nothing.
        if not entry.resource and (b'"response"' in bytes(raw) or b'"request"' in bytes(raw)):
            return None
        return _taken(entry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Unreadable("an entry that is malformed, or does not have the form of a Bundle entry") from fault
    except RecursionError as fault:
        raise Unreadable("nested deeper than any real resource") from fault


def _taken(entry: _Entry, known: Known | None = None) -> Entry:
    raw, search = bytes(entry.resource), entry.search
    facts = known(raw) if known is not None else None
    type_, id_ = _type_and_id(raw) if facts is None else (facts.resource_type, facts.id)
    return Entry(type_, id_, raw, (search.mode if search else "") or "match", entry.fullUrl or "", facts)


def _type_and_id(raw: bytes) -> tuple[str, str]:
    if not raw:
        raise Unreadable("an entry without a resource")
    head = _head.decode(raw)
    if head.resourceType not in _USUAL_TYPES and not _RESOURCE_TYPE.match(head.resourceType):
        raise Unreadable("a resource that does not say its type")
    return head.resourceType, head.id


def _why_no_json(body: bytes) -> str:
    start = bytes(body[:64]).lstrip().lower()
    if not start:
        return "the answer is empty"
    if start.startswith((b"<!doctype", b"<html")):
        return "the answer is a web page"
    if start.startswith(b"<"):
        return "the answer is XML"
    if not start.startswith((b"{", b"\xef\xbb\xbf{")):
        return "the answer is not JSON"
    if not shallow(body):
        return "the answer is nested deeper than any real answer"
    return "the answer is JSON cut short or malformed"


def _nothing(_: Any) -> None:
    """A number, which has no colon: how it is written does not matter here."""


def _written_again(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_nothing)
    except (TypeError, orjson.JSONEncodeError):  # an integer beyond 64 bits
        return b""


class _Double(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Double


def _has_double(raw: bytes) -> bool:
    """Slow and exact; asked only when the quick count disagrees (odd spacing does that too)."""
    try:
        json.loads(raw, object_pairs_hook=_once)
    except _Double:
        return True
    return False
