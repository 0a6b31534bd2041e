"""Which items are one and the same, seen through several sources? Only on an equal business identifier, or, for results, on equal
code, minute, value and unit; and never where what would be shown of them differs."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine
from carerecord.records.order import moment, place

Mark = tuple[str, ...]  # what makes two items one
_NOTHING: Mapping[Any, Any] = {}


class Laid(Struct, frozen=True, gc=False):
    """What one source sent under one heading, laid out so that a whole source is taken in at a stroke."""

    entries: dict[str, Entry]  # by the place at which each stands: `order.place`
    marks: Mapping[str, tuple[Mark, ...]]  # by place
    first: Mapping[Mark, str]  # the place of the first that bears a mark


class Together:
    """The items of one heading, source by source, with doubles made one.

    Every origin is kept; the facts shown are those of the source that recorded an item first. Two items of one source are
    never joined: that source says that they are two.
    """

    def __init__(self) -> None:
        self._shown: dict[str, Entry] = {}
        self._first: dict[Mark, str] = {}
        self._moved: dict[str, str] = {}  # a place that was given up, and where its item stands now

    def add(self, laid: Laid) -> None:
        if self._first.keys().isdisjoint(laid.first) and self._shown.keys().isdisjoint(laid.entries):
            # Nothing here was seen before: no item need be looked at.
            self._shown |= laid.entries
            self._first |= laid.first
            return
        for at, entry in laid.entries.items():
            self._add(at, entry, laid.marks.get(at, ()))

    def newest_first(self) -> tuple[Entry, ...]:
        """By time, then by key, so that the same answers always give the same page."""
        shown = self._shown
        return tuple([shown[at] for at in sorted(shown, reverse=True)])

    def _add(self, at: str, entry: Entry, marks: tuple[Mark, ...]) -> None:
        known = next((self._first[mark] for mark in marks if mark in self._first), None)
        while known in self._moved:
            known = self._moved[known]
        if known is not None and _may_join(self._shown[known], entry):
            one = _join(self._shown.pop(known), entry)
            at = _free(place(one), self._shown)
            if at != known:
                self._moved[known] = at
            self._shown[at] = one
        else:
            at = _free(at, self._shown)
            self._shown[at] = entry
        for mark in marks:
            self._first.setdefault(mark, at)


def laid_out(entries: Iterable[Entry]) -> Laid:
    """The entries of one source under one heading. What waits behind a mismatch warning is joined with nothing."""
    rows: dict[str, Entry] = {}
    marks: dict[str, tuple[Mark, ...]] = {}
    first: dict[Mark, str] = {}
    for entry in entries:
        when = moment(entry.facts.at)
        at = f"{when} {entry.key}"
        if at in rows:
            at = _free(at, rows)
        rows[at] = entry
        if not entry.mismatch and (borne := _marks(entry, when)):
            marks[at] = borne
            for mark in borne:
                first.setdefault(mark, at)
    return Laid(rows, marks or _NOTHING, first or _NOTHING)


def joined(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries of several sources, newest first, doubles made one."""
    together = Together()
    for entry in entries:
        together.add(laid_out((entry,)))
    return together.newest_first()


def _free(at: str, taken: Mapping[str, Entry]) -> str:
    """Two items of one key are both shown, whatever a source means by it."""
    while at in taken:
        at += "'"
    return at


def _marks(entry: Entry, when: str) -> tuple[Mark, ...]:
    """An identifier counts with the type and what it is about: laboratories give one number to every result of a sample."""
    facts = entry.facts
    result = facts.result
    if result is None:
        return tuple([(facts.resource_type, each, facts.title) for each in facts.identifiers]) if facts.identifiers else ()
    measure = result.measure
    minute = (("", result.test, when[:16], measure.value, measure.unit),) if measure.value and len(facts.at) > 10 else ()
    if len(facts.identifiers) == 1:  # as nearly always
        return (facts.resource_type, facts.identifiers[0], result.test), *minute
    return *[(facts.resource_type, each, result.test) for each in facts.identifiers], *minute


def _may_join(one: Entry, other: Entry) -> bool:
    a, b = one.facts, other.facts
    sources = {origin.source for origin in one.origins}
    if other.origins[0].source in sources or a.warning != b.warning:
        return False
    if a.result and b.result:
        x, y = a.result.measure, b.result.measure
        return (x.value, x.unit) == (y.value, y.unit)
    if a.medicine and b.medicine:
        m, n = a.medicine, b.medicine
        return _told(m) == _told(n)
    if a.allergy and b.allergy:
        return (a.allergy.status, a.allergy.severity) == (b.allergy.status, b.allergy.severity)
    return a.section == b.section and a.status == b.status


def _told(medicine: Medicine) -> tuple[object, ...]:
    m = medicine
    return (m.dose, m.dose_rest, m.advice, m.amount, m.frequency, m.current, m.unsure, m.kind)


def _join(one: Entry, other: Entry) -> Entry:
    if moment(other.origins[0].recorded) < moment(one.origins[0].recorded):
        one, other = other, one
    return replace(one, origins=(*one.origins, *other.origins), late=one.late and other.late)
