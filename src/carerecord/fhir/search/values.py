"""What does a resource hold under a search parameter? Each value as searching sees it: a token, a text, a span, a number."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
_AT_HAND: Final = 4_096
_INSTANT: Final = timedelta(microseconds=1)
_DATE: Final = re.compile(
    r"(?P<y>\d{4})(?:-(?P<m>\d\d)(?:-(?P<d>\d\d)(?:T(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.(?P<f>\d+))?)?"
    r"(?P<z>Z|[+-]\d\d:\d\d)?)?)?)?\Z"
)
_RELATIVE: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})").fullmatch
_MARKS: Final = re.compile(r"[\W_]+")


class Token(Struct, frozen=True, gc=False):
    code: str
    system: str | None = None  # None: the element has no system at all, as a bare code or a boolean
    text: str = ""  # what is displayed
    of_type: tuple[str, str] | None = None  # system and code of an identifier's type


class Text(Struct, frozen=True, gc=False):
    plain: str  # as written
    folded: str  # without case, accents and punctuation


class Span(Struct, frozen=True, gc=False):
    """A time as the span that its precision leaves open: a day is 24 hours. `until` is not within it."""

    since: datetime
    until: datetime


class Number(Struct, frozen=True, gc=False):
    low: Decimal | None
    high: Decimal | None  # the same as `low`, where it is no range
    system: str = ""
    code: str = ""
    unit: str = ""


class Link(Struct, frozen=True, gc=False):
    """What a reference points at: a type and id, or an address, or a business identifier."""

    type: str = ""
    id: str = ""
    url: str = ""  # the whole, where it is absolute or canonical
    identifier: Token | None = None


Value = Token | Text | Span | Number | Link | str | tuple["Value", ...]
Read = Callable[[Any], Iterator[Value]]


def tokens(node: Any) -> Iterator[Token]:
    if isinstance(node, bool):
        yield Token("true" if node else "false")
    elif isinstance(node, str | int | Decimal):
        yield Token(str(node))
    elif isinstance(node, dict):
        if "coding" in node or "text" in node:
            text = _text(node.get("text"))
            codings = [each for each in _listed(node.get("coding")) if isinstance(each, dict)]
            for each in codings:
                yield Token(_text(each.get("code")), _text(each.get("system")), _text(each.get("display")) or text)
            if text and not any(_text(each.get("display")) == "" for each in codings):
                yield Token("", "", text)
        elif "value" in node:  # an Identifier or a ContactPoint, whose system is a kind and no namespace
            system = _text(node.get("system"))
            kinds = [Token(t.code, t.system) for t in tokens(node["type"]) if t.code] if "type" in node else []
            first = kinds[0] if kinds else None
            yield Token(
                _text(node.get("value")), system, _text(_under(node, "type", "text")),
                (first.system or "", first.code) if first else None,
            )  # fmt: skip
        elif "code" in node or "system" in node:
            yield Token(_text(node.get("code")), _text(node.get("system")), _text(node.get("display")))


def texts(node: Any) -> Iterator[Text]:
    if isinstance(node, str):
        yield Text(node, folded(node))
    elif isinstance(node, dict):  # a HumanName or an Address: each of its parts
        for name in ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"):
            for each in _listed(node.get(name)):
                if isinstance(each, str) and each:
                    yield Text(each, folded(each))


def spans(node: Any) -> Iterator[Span]:
    if isinstance(node, str):
        if (found := span(node)) is not None:
            yield found
    elif isinstance(node, dict):
        if "start" in node or "end" in node:
            began, ended = span(_text(node.get("start"))), span(_text(node.get("end")))
            if began or ended:
                yield Span(began.since if began else FIRST, ended.until if ended else LAST)
        elif "event" in node:
            yield from (each for event in _listed(node["event"]) for each in spans(event))
        elif isinstance(bounds := _under(node, "repeat", "boundsPeriod"), dict):
            yield from spans(bounds)


def numbers(node: Any) -> Iterator[Number]:
    if isinstance(node, bool):
        return
    if isinstance(node, int | Decimal | float):
        value = Decimal(str(node)) if isinstance(node, float) else Decimal(node)
        yield Number(value, value)
    elif isinstance(node, dict):
        if "low" in node or "high" in node:  # a Range
            lowest, highest = next(numbers(node.get("low")), None), next(numbers(node.get("high")), None)
            unit = lowest or highest
            if unit is not None:
                ends = (lowest.low if lowest else None, highest.high if highest else None)
                yield Number(*ends, unit.system, unit.code, unit.unit)
        elif "currency" in node:
            for each in numbers(node.get("value")):
                yield Number(each.low, each.high, "urn:iso:std:iso:4217", _text(node["currency"]))
        else:
            for each in numbers(node.get("value")):
                # "<5" is some number below five.
                low = None if node.get("comparator") in ("<", "<=") else each.low
                high = None if node.get("comparator") in (">", ">=") else each.high
                yield Number(low, high, _text(node.get("system")), _text(node.get("code")), _text(node.get("unit")))


def links(node: Any) -> Iterator[Link]:
    if isinstance(node, str):
        yield link(node)
    elif isinstance(node, dict):
        if "resourceType" in node:  # a resource inside a Bundle stands for itself
            yield Link(_text(node.get("resourceType")), _text(node.get("id")))
            return
        inner = next(tokens(node["identifier"]), None) if isinstance(node.get("identifier"), dict) else None
        found = link(_text(node.get("reference")))
        if found.type or found.url or inner:
            yield Link(found.type or _text(node.get("type")), found.id, found.url, inner)


def uris(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node


READ: Final[Mapping[str, Read]] = {
    "token": tokens, "string": texts, "date": spans, "number": numbers, "quantity": numbers, "reference": links, "uri": uris,
}  # fmt: skip


def link(said: str) -> Link:
    """Relative, absolute, versioned, canonical: `Patient/1/_history/3` points at Patient/1."""
    if relative := _RELATIVE(said):
        return Link(relative[1], relative[2])
    if not said or said.startswith("#"):
        return Link()
    parts = said.split("/_history/")[0].split("/")
    if len(parts) >= 2 and re.fullmatch(r"[A-Z][A-Za-z]+", parts[-2]) and re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", parts[-1]):
        return Link(parts[-2], parts[-1], "" if len(parts) == 2 else said.split("/_history/")[0])
    return Link(url=said)


@lru_cache(_AT_HAND)  # what was done in one encounter bears one time
def span(said: str) -> Span | None:
    """The span of a date as FHIR writes it, whatever is left out; without a zone it is taken as UTC. None: no date."""
    found = _DATE.match(said.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        base = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0) % 24, int(minute or 0), min(int(second or 0), 59),
            int((fraction or "0").ljust(6, "0")[:6]), UTC,
        )  # fmt: skip
        if zone and zone != "Z":
            ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            base = base - ahead if zone[0] == "+" else base + ahead
        if month is None:
            return Span(base, base.replace(year=base.year + 1))
        if day is None:
            return Span(base, base.replace(year=base.year + base.month // 12, month=base.month % 12 + 1))
        if hour is None:
            return Span(base, base + timedelta(days=1))
        if second is None:
            return Span(base, base + timedelta(minutes=1))
        digits = len(fraction or "")
        return Span(base, base + max(timedelta(microseconds=10 ** max(0, 6 - digits)), _INSTANT))
    except (ValueError, OverflowError):
        return None


def folded(text: str) -> str:
    """Without case, accents, punctuation and needless space: how a search for a text compares."""
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return _MARKS.sub(" ", bare.casefold()).strip()


def all_of(nodes: Sequence[Any], type_: str) -> tuple[Value, ...]:
    read = READ[type_]
    return tuple(value for node in nodes for value in read(node))


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _under(node: Mapping[str, Any], *names: str) -> Any:
    found: Any = node
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
