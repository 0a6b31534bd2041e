"""Which R4 resources does one answer of a supplier hold, by its mapping? Every item becomes one, or is named as unreadable."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.rest_json_mapping import ABOUT, Item, Request, Supplier
from carerecord.connectors.rest_json_paths import BadPath, Scope, every, leaves, one, text_of
from carerecord.connectors.rest_json_rules import Around, Names
from carerecord.connectors.safe_xml import PIECE_BYTES, XmlReader
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.turns import Turn, Turns

# A supplier's JSON is read in one piece, so it must be small enough not to hold up others; pages are then to be smaller.
MOST_JSON_BYTES: Final = 2_000_000
_AT_ONCE_BYTES: Final = 32_768  # more than that is read in a thread
_FHIR_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")
_encoder = msgspec.json.Encoder(decimal_format="number")


class Made(Struct, frozen=True):
    """One item of an answer: the resource that it is, or why it is none."""

    type: str
    id: str
    raw: bytes  # R4 as JSON; what was received, where it is unreadable
    fault: str = ""  # names elements, never what they hold
    unknown: tuple[Names, ...] = ()  # fields of it that the mapping does not know
    sent: Any = None  # the item as it came
    counted: bool = True  # of the list that the answer's total counts: the first that the mapping names


async def answer_of(body: bytes, answers: str, turns: Turns) -> Any:
    """The answer as plain values; in XML below the name of its root. Raises Unreadable."""
    if answers == "json":
        return _json(body) if len(body) <= _AT_ONCE_BYTES else await asyncio.to_thread(_json, body)
    async with turns.mine() as turn:
        reader = XmlReader()
        for start in range(0, len(body), PIECE_BYTES):
            reader.feed(body[start : start + PIECE_BYTES])
            await turn.over()
        root = reader.root()
        return {root.name: root.plain}


def _json(body: bytes) -> Any:
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise Unreadable("the answer is empty")
    if body[:1] not in b"{[":
        raise Unreadable("the answer is not JSON")
    return parse(b'{"answer":' + body + b"}")["answer"]


def around_of(supplier: Supplier, answer: Any) -> Around:
    """What the rules may look up in this answer."""
    root = Scope(answer, ())
    lists = {
        name: {text_of(one(each, id_)): each for each in every(root, at)} for name, (at, id_) in supplier.lists.items()
    }
    return Around(supplier.codes, lists, supplier.empty)


async def made_of(request: Request, answer: Any, around: Around, about: str, turn: Turn) -> AsyncIterator[Made]:
    """Each item of the answer, in order. `about` is the source's own number of the person who was asked for."""
    for made in each_made(request, answer, around, about):
        yield made
        await turn.over()


def each_made(request: Request, answer: Any, around: Around, about: str) -> Iterator[Made]:
    """The same for a caller who need let nobody in between: of an answer that is small."""
    root, met = Scope(answer, ()), dict[str, int]()
    by_list: dict[str, list[Item]] = {}
    for item in request.items:
        by_list.setdefault(item.list.text, []).append(item)
    for items in by_list.values():
        for scope in every(root, items[0].list):
            made = _made(items, scope, around, about)
            # Two items of one number are two items: neither is taken for the other.
            key = f"{made.type}/{made.id}"
            met[key] = met.get(key, 0) + 1
            if met[key] > 1 and made.id:
                made = _numbered(made, met[key])
            found = frozenset(leaves(scope.value, scope.names))
            yield replace(made, unknown=tuple(_not_known(found, request)), sent=scope.value, counted=items[0] is request.items[0])


def unknown_in(
    reads: frozenset[Names], left_out: frozenset[Names], answer: Any
) -> tuple[frozenset[Names], frozenset[Names]]:
    """Fields of the whole answer that the mapping does not know, and those that it leaves out on purpose."""
    found = frozenset(names for names in leaves(answer) if not _covered(names, reads))
    on_purpose = frozenset(names for names in found if _covered(names, left_out))
    return found - on_purpose, on_purpose


def patient_of(supplier: Supplier, scope: Scope, around: Around) -> dict[str, Any]:
    """Who an answer is about, as a Patient; its id is the source's own number. Raises BadPath."""
    id_ = text_of(one(scope, supplier.person.item.id))
    if not id_ or "/" in id_ or not id_.strip("."):  # it may have to stand in an address
        raise BadPath("the person has no number that could be used")
    return {"resourceType": "Patient", **supplier.person.item.fields.apply(scope, around), "id": id_}


def people_of(supplier: Supplier, answer: Any) -> list[dict[str, Any]]:
    """Everyone whom an answer is about, who is told apart from nobody by having a number. Raises BadPath."""
    around = around_of(supplier, answer)
    scopes = every(Scope(answer, ()), supplier.person.item.list)
    return [patient_of(supplier, each, around) for each in scopes if text_of(one(each, supplier.person.item.id))]


def as_json(resource: Mapping[str, Any]) -> bytes:
    """Decimals as the digits that they were sent as."""
    return _encoder.encode(resource)


def _made(items: list[Item], scope: Scope, around: Around, about: str) -> Made:
    type_ = items[0].type
    try:
        item = next((each for each in items if _fits(each, scope)), None)
        if item is None:
            return Made(type_, "", b"{}", "it is of a kind that the mapping does not know")
        type_ = item.type
        id_ = _id(text_of(one(scope, item.id)))
        resource = {"resourceType": type_, **({"id": id_} if id_ else {}), **item.fields.apply(scope, around)}
        person = _about(item, scope, about)
        if person:
            resource[ABOUT.get(type_, "subject")] = person
        return Made(type_, id_, as_json(resource))
    except BadPath as fault:
        return Made(type_, "", _only_type(type_), fault.reason)


def _fits(item: Item, scope: Scope) -> bool:
    return item.when is None or text_of(one(scope, item.when.field)) in item.when.is_


def _about(item: Item, scope: Scope, about: str) -> dict[str, Any]:
    """Whom the item itself names, or where it names nobody, the person under whom it was found."""
    if not ABOUT.get(item.type, "subject"):
        return {}
    said = text_of(one(scope, item.person)) if item.person else ""
    if not said:
        return {"reference": f"Patient/{about}"}
    if item.person_is == "nhs-number":
        return {"identifier": {"system": NHS_NUMBER, "value": "".join(said.split())}}
    return {"reference": f"Patient/{said}"}


def _numbered(made: Made, count: int) -> Made:
    id_ = f"{made.id[:56]}-{count}"
    return replace(made, id=id_, raw=as_json(parse(made.raw) | {"id": id_}))


def _id(text: str) -> str:
    """A number as FHIR allows it; another kind of number keeps one of its own that is always the same."""
    if not text or _FHIR_ID.match(text):
        return text
    return "n-" + hashlib.sha256(text.encode()).hexdigest()[:40]


def _only_type(type_: str) -> bytes:
    return as_json({"resourceType": type_})


def _not_known(found: frozenset[Names], request: Request) -> list[Names]:
    return sorted(each for each in found if not _covered(each, request.reads) and not _covered(each, request.left_out))


def _covered(names: Names, known: frozenset[Names]) -> bool:
    """A path covers what stands below it: a text element with attributes is read as a whole only where its path says so."""
    return any(names[:length] in known for length in range(len(names), 0, -1))


