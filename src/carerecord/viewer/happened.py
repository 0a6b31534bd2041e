"""What happened while values were taken? A medicine that one source stopped and another supplied since, and nothing else.

What may be drawn beside a result is what a rule of the records desk has found (medicine/stopped-dispensed): no cause is guessed.
"""

from collections.abc import Iterator
from datetime import timedelta

from carerecord.contracts.records import Entry, Group
from carerecord.fhir.facts import Medicine
from carerecord.pages.charts.trend import Happening
from carerecord.viewer.view import View

STOPPED_AND_SUPPLIED = "stopped here, dispensed since"  # the label of the records desk


def happened(view: View) -> tuple[Happening, ...]:
    section = view.sections.get("medicines")
    groups = [each for each in section.groups if each.label == STOPPED_AND_SUPPLIED] if section else []
    return tuple(each for group in groups for each in _of(view, group))


def _of(view: View, group: Group) -> Iterator[Happening]:
    """The newest stop, and the newest supply after it."""
    told = [(entry, entry.facts.medicine) for entry in _entries(view, group)]
    over = [medicine for _, medicine in told if medicine and medicine.ended and not medicine.current]
    stops = [(medicine.ended, "stopped") for medicine in over if not _supply(medicine)]
    supplies = [(medicine.issued, "dispensed") for _, medicine in told if medicine and medicine.issued and _supply(medicine)]
    last = max(stops, default=("", ""))[0]
    for at, what in (*(each for each in stops if each[0] == last), *((max(supplies),) if supplies else ())):
        when = view.fmt.moment(at)
        if when and at[:10] >= last[:10]:
            # A day without an hour stands in its middle: it comes neither before nor after a value of that day.
            moment = when.first() if when.timed else when.first() + timedelta(hours=12)
            yield Happening(moment, view.fmt.date(at), f"{group.title} {what}")


def _entries(view: View, group: Group) -> Iterator[Entry]:
    for key in group.entries:
        entry = view.entries.get(key)
        if entry and not entry.mismatch and entry.facts.warning != "entered in error":
            yield entry


def _supply(medicine: Medicine) -> bool:
    return medicine.kind == "dispense"
