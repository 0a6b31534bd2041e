"""What stands in the index row and in the text of a resource that is known by its letters (`fhir/lettered`), and in whose record
does it lie?

Both are made of words, and each of these is either in the letters, and so the same for all of them, or one of the values. Which
is which is seen where probes that stand for values come up.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import getitem, itemgetter
from sys import intern
from typing import Any, Final, TypeVar

from msgspec import Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.gates import Gates
from carerecord.fhir.leaves import Picks, picks
from carerecord.fhir.lettered import Letters
from carerecord.fhir.search.values import span, spans
from carerecord.holdings.bodies import with_ours
from carerecord.holdings.hashes import Finds, Hashes
from carerecord.holdings.index import Index, Row
from carerecord.holdings.reaching import confidential

_NOWHERE: Final = -1
_OUR_ID, _OUR_VERSION, _OUR_TIME = "probe-id", 7_000_007, "probe-time"
F = TypeVar("F", bound=Finds)


class Plan(Struct, frozen=True, gc=False):
    """What is known of all resources with the same letters. Places are those of their values."""

    type: str
    confidential: int
    row: "RowPlan | None"  # None: it must be read for that
    text: "TextPlan | None"  # None: the same
    id: int = _NOWHERE
    whose: int = _NOWHERE  # of the id of the Patient in whose record it lies


class RowPlan(Struct, frozen=True, gc=False):
    tokens: tuple[int, ...]  # of the letters
    across: tuple[int, ...]
    tables: tuple[Hashes, ...]  # of the values that are tokens too …
    values: Picks  # … and these
    wide: tuple[tuple[Finds, int], ...]
    times: tuple[int, ...]
    periods: tuple[tuple[tuple[str, int], ...], ...]  # each with its beginning, its end or both

    def filled(self, values: Sequence[str]) -> Row:
        """As `Index.row` of the resource."""
        tokens, across = {*self.tokens, *map(getitem, self.tables, self.values(values))}, self.across
        if self.wide:
            across = tuple(sorted({*across, *[one for hashes, place in self.wide for one in hashes.all(values[place])]}))
        return Row(tuple(sorted(tokens)), across, self._when(values))

    def _when(self, values: Sequence[str]) -> datetime | None:
        found = [each.since for place in self.times if (each := span(values[place])) is not None]
        for parts in self.periods:
            found += [each.since for each in spans({name: values[place] for name, place in parts})]
        return max(found, default=None)


class TextPlan(Struct, frozen=True, gc=False):
    """The words of a version's text. Every second of them is the place of a value, of the id, of the version or of its time."""

    words: tuple[str, ...]  # shared by all that have the same
    order: Callable[[Sequence[str]], Sequence[str]]  # of our id, version and time, and after them the values

    def filled(self, id_: str, version: int, at: str, values: Sequence[str]) -> str:
        """As `with_ours` of the resource."""
        words = [*self.words]
        words[1::2] = self.order((id_, str(version), at, *values))
        return "".join(words)


class Known(Struct, frozen=True, gc=False):
    """One resource that is known by its letters."""

    plan: Plan
    values: Sequence[str]

    @property
    def id(self) -> str:
        return self.values[self.plan.id] if self.plan.id >= 0 else ""

    @property
    def whose(self) -> str:
        return self.values[self.plan.whose] if self.plan.whose >= 0 else ""

    @property
    def row(self) -> tuple[Row, int]:
        """And the place of its label."""
        assert self.plan.row is not None
        return self.plan.row.filled(self.values), self.plan.confidential

    def text(self, id_: str, version: int, at: str) -> str:
        """With our id, version and time, the ends of lines as letters; "" where it must be read for that."""
        return self.plan.text.filled(id_, version, at, self.values) if self.plan.text else ""


def letters(gates: Gates, index: Index) -> Letters[Plan]:
    def planned(raw: bytes, probes: Sequence[str]) -> Plan:
        return _plan(index, raw, probes)

    return Letters(gates, planned)


class _Unclear(Exception):
    """A value comes up as another word than itself."""


def _plan(index: Index, raw: bytes, probes: Sequence[str]) -> Plan:
    resource = parse(raw)
    type_ = str(resource["resourceType"])
    places = {value: place if "." not in value else _NOWHERE for place, value in enumerate(probes)}  # but for numbers
    id_ = places.get(str(resource.get("id")), _NOWHERE)
    label, text = confidential(resource), _text(raw, probes)
    try:
        trace = index.traced(resource, type_)
        tokens, values = _apart(trace.tokens, places)
        across, wide = _apart(trace.across, places)
        times, periods = _times(trace.dated, places)
        row = RowPlan(
            tokens, across, tuple([hashes for hashes, _ in values]), picks([place for _, place in values]), wide, times, periods
        )
        whose = index.whose(resource, type_)
        return Plan(type_, label, row, text, id_, places[whose] if whose else _NOWHERE)
    except (_Unclear, LookupError):
        return Plan(type_, label, None, text, id_)


def _text(raw: bytes, probes: Sequence[str]) -> TextPlan | None:
    told = (_OUR_ID, str(_OUR_VERSION), _OUR_TIME, *probes)
    text = with_ours(raw, id_=_OUR_ID, version=_OUR_VERSION, at=_OUR_TIME).decode()
    found = sorted([(text.find(each), place) for place, each in enumerate(told) if each in text])
    words, at = list[str](), 0
    for begins, place in found:
        if begins < at or text.count(told[place]) > 1:  # it is not told apart
            return None
        words += [intern(text[at:begins]), ""]
        at = begins + len(told[place])
    return TextPlan((*words, intern(text[at:])), itemgetter(*[place for _, place in found]))


def _apart(words: Sequence[tuple[F, str]], places: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[tuple[F, int], ...]]:
    """Those of the letters, hashed; and those that are values."""
    fixed, values = set[int](), dict[tuple[int, int], tuple[F, int]]()
    for hashes, word in words:
        if places.get(word, _NOWHERE) >= 0:
            values[id(hashes), places[word]] = hashes, places[word]
        elif any(probe in word for probe in places):
            raise _Unclear
        else:
            fixed.update(hashes.all(word))
    return tuple(sorted(fixed)), tuple(values.values())


def _times(
    dated: Sequence[Any], places: Mapping[str, int]
) -> tuple[tuple[int, ...], tuple[tuple[tuple[str, int], ...], ...]]:  # fmt: skip
    """Moments and days; and periods."""
    if any(not isinstance(node, str) and (not isinstance(node, dict) or node.keys() - {"start", "end"}) for node in dated):
        raise _Unclear
    return tuple([places[node] for node in dated if isinstance(node, str)]), tuple([
        tuple([(name, places[value]) for name, value in node.items()]) for node in dated if isinstance(node, dict)
    ])  # fmt: skip
