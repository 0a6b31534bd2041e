"""Which items are one and the same, seen through several sources? Only on an equal business identifier, or, for results, on equal
code, minute, value and unit; and never where what would be shown of them differs."""

from collections.abc import Sequence

from msgspec.structs import replace

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Facts
from carerecord.records.order import moment


def joined(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with doubles made one. Every origin is kept; the facts shown are those of the source that recorded it first.

    Two items of one source are never joined: that source says that they are two.
    """
    first_by_mark: dict[tuple[str, ...], int] = {}
    out: list[Entry] = []
    for entry in entries:
        marks = _marks(entry.facts) if not entry.mismatch else ()
        place = next((first_by_mark[mark] for mark in marks if mark in first_by_mark), None)
        if place is not None and _may_join(out[place], entry):
            out[place] = _join(out[place], entry)
        else:
            place = len(out)
            out.append(entry)
        for mark in marks:
            first_by_mark.setdefault(mark, place)
    return out


def _marks(facts: Facts) -> list[tuple[str, ...]]:
    """What makes two items one. An identifier counts with the type and what it is about: laboratories give one number to
    every result of a sample."""
    what = facts.result.test if facts.result else facts.title
    marks: list[tuple[str, ...]] = [(facts.resource_type, identifier, what) for identifier in facts.identifiers]
    result = facts.result
    if result is not None and result.measure.value and len(facts.at) > 10:
        measure = result.measure
        marks.append(("", result.test, moment(facts.at)[:16], measure.value, measure.unit))
    return marks


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
        return (m.dose, m.amount, m.frequency, m.current, m.kind) == (n.dose, n.amount, n.frequency, n.current, n.kind)
    if a.allergy and b.allergy:
        return (a.allergy.status, a.allergy.severity) == (b.allergy.status, b.allergy.severity)
    return a.section == b.section and a.status == b.status


def _join(one: Entry, other: Entry) -> Entry:
    if moment(other.origins[0].recorded) < moment(one.origins[0].recorded):
        one, other = other, one
    return replace(one, origins=(*one.origins, *other.origins), late=one.late and other.late)
