"""Which items are one and the same, seen through several sources? Only on an equal business identifier, or, for results, on equal
code, minute, value and unit; and never where what would be shown of them differs."""

from collections.abc import Iterable, Mapping, Set

from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine
from carerecord.records.order import moment, place

Mark = tuple[str, ...]  # what makes two items one


class Laid(Struct, frozen=True, gc=False):
    """What one source sent under one heading, laid out so that a whole source is taken in at a stroke."""

    entries: dict[str, Entry]  # by the place at which each stands: `order.place`
    hints: Set[str]  # of items with a mark in common one of these is the same; the marks are made where two hints are


class Together:
    """The items of one heading, source by source, with doubles made one.

    Every origin is kept; the facts shown are those of the source that recorded an item first. Two items of one source are
    never joined: that source says that they are two.
    """

    def __init__(self) -> None:
        self._shown: dict[str, Entry] = {}
        self._hints: set[str] = set()
        self._first: dict[Mark, str] | None = None  # the place of the first that bears a mark; None: no two hints are the same
        self._moved: dict[str, str] = {}  # a place that was given up, and where its item stands now

    def add(self, laid: Laid) -> None:
        if self._hints.isdisjoint(laid.hints) and self._shown.keys().isdisjoint(laid.entries):
            # Nothing here was seen before: no item need be looked at.
            self._shown |= laid.entries
            if self._first is not None:
                for at, entry in laid.entries.items():
                    self._bear(_marks(entry), at)
        else:
            if self._first is None:
                self._first = {}
                for at, entry in self._shown.items():
                    self._bear(_marks(entry), at)
            for at, entry in laid.entries.items():
                self._add(at, entry, _marks(entry), self._first)
        self._hints |= laid.hints

    def _bear(self, marks: Iterable[Mark], at: str) -> None:
        assert self._first is not None
        for mark in marks:
            self._first.setdefault(mark, at)

    def newest_first(self) -> tuple[Entry, ...]:
        """By time, then by key, so that the same answers always give the same page."""
        shown = self._shown
        return tuple([shown[at] for at in sorted(shown, reverse=True)])

    def _add(self, at: str, entry: Entry, marks: tuple[Mark, ...], first: dict[Mark, str]) -> None:
        known = next((first[mark] for mark in marks if mark in first), None)
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
            first.setdefault(mark, at)


def laid_out(entries: Iterable[Entry]) -> Laid:
    """The entries of one source under one heading."""
    rows: dict[str, Entry] = {}
    hints: set[str] = set()
    for entry in entries:
        facts = entry.facts
        when = moment(facts.at)
        at = f"{when} {entry.key}"
        rows[at if at not in rows else _free(at, rows)] = entry
        if not entry.mismatch:
            hints.update(facts.identifiers)
            if (result := facts.result) is not None and (value := result.measure.value) and len(facts.at) > 10:
                hints.add(f"{when[:16]} {value}")
    return Laid(rows, hints)


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


def _marks(entry: Entry) -> tuple[Mark, ...]:
    """An identifier counts with the type and what it is about: laboratories give one number to every result of a sample. What
    waits behind a mismatch warning is joined with nothing."""
    facts, result = entry.facts, entry.facts.result
    if entry.mismatch:
        return ()
    if result is None:
        return tuple([(facts.resource_type, each, facts.title) for each in facts.identifiers])
    marks: list[Mark] = [(facts.resource_type, each, result.test) for each in facts.identifiers]
    if result.measure.value and len(facts.at) > 10:
        marks.append(("", result.test, moment(facts.at)[:16], result.measure.value, result.measure.unit))
    return tuple(marks)


def _may_join(one: Entry, other: Entry) -> bool:
    a, b = one.facts, other.facts
    sources = {one.source, *(origin.source for origin in one.also)}
    if other.source in sources or a.warning != b.warning:
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
    if moment(other.facts.last_updated) < moment(one.facts.last_updated):
        one, other = other, one
    return replace(one, also=(*one.also, *other.origins), late=one.late and other.late)
