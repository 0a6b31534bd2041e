"""What stands in the index row of a resource that is known by its letters (`fhir/lettered`), and in whose record does it lie?

A row is made of words, and each of these is either in the letters, and so the same for all of them, or one of the values. Which
is which is seen where probes that stand for values come up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import Struct

from carerecord.fhir.gates import Gates
from carerecord.fhir.lettered import Letters
from carerecord.fhir.search.values import spans
from carerecord.holdings.hashes import Finds, Hashes
from carerecord.holdings.index import Index, Row
from carerecord.holdings.reaching import confidential

_NOWHERE: Final = -1
F = TypeVar("F", bound=Finds)


class Plan(Struct, frozen=True, gc=False):
    """What is known of all resources with the same letters. Places are those of their values."""

    type: str
    confidential: int
    row: "RowPlan | None"  # None: it must be read for that
    id: int = _NOWHERE
    whose: int = _NOWHERE  # of the id of the Patient in whose record it lies


class RowPlan(Struct, frozen=True, gc=False):
    tokens: tuple[int, ...]  # of the letters
    across: tuple[int, ...]
    values: tuple[tuple[Hashes, int], ...]  # that are tokens too
    wide: tuple[tuple[Finds, int], ...]
    dated: tuple[tuple[tuple[str, int], ...], ...]  # one time; or the beginning and the end of a period

    def filled(self, values: Sequence[str]) -> Row:
        """As `Index.row` of the resource."""
        tokens, across = self.tokens, self.across
        if self.values:
            tokens = tuple(sorted({*tokens, *[hashes[values[place]] for hashes, place in self.values]}))
        if self.wide:
            across = tuple(sorted({*across, *[one for hashes, place in self.wide for one in hashes.all(values[place])]}))
        return Row(tokens, across, self._when(values))

    def _when(self, values: Sequence[str]) -> datetime | None:
        found = [
            each.since
            for parts in self.dated
            for each in spans({name: values[at] for name, at in parts} if parts[0][0] else values[parts[0][1]])
        ]
        return max(found, default=None)


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


def letters(gates: Gates, index: Index) -> Letters[Plan]:
    def planned(resource: Mapping[str, Any], probes: Sequence[str]) -> Plan:
        return _plan(index, resource, probes)

    return Letters(gates, planned)


class _Unclear(Exception):
    """A value comes up as another word than itself."""


def _plan(index: Index, resource: Mapping[str, Any], probes: Sequence[str]) -> Plan:
    type_ = str(resource["resourceType"])
    places = {value: place if "." not in value else _NOWHERE for place, value in enumerate(probes)}  # but for numbers
    id_ = places.get(str(resource.get("id")), _NOWHERE)
    label = confidential(resource)
    try:
        trace = index.traced(resource, type_)
        tokens, values = _apart(trace.tokens, places)
        across, wide = _apart(trace.across, places)
        row = RowPlan(tokens, across, values, wide, tuple([_time(each, places) for each in trace.dated]))
        whose = index.whose(resource, type_)
        return Plan(type_, label, row, id_, places[whose] if whose else _NOWHERE)
    except (_Unclear, LookupError):
        return Plan(type_, label, None, id_)


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


def _time(node: Any, places: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    if isinstance(node, str):
        return (("", places[node]),)
    if not isinstance(node, dict) or node.keys() - {"start", "end"}:
        raise _Unclear
    return tuple([(name, places[value]) for name, value in node.items()])
