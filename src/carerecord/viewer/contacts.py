"""Who saw this person lately? Contacts as lanes over time, and the last few as a list."""

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from carerecord.contracts.records import Entry
from carerecord.pages.charts.lanes import Contact, Lane, lanes
from carerecord.pages.dates import moment
from carerecord.viewer.items import Row, row
from carerecord.viewer.states import sign
from carerecord.viewer.view import View

HATCHED = 6  # lanes of sources that cannot be seen
_UNPLANNED = ("emergency", "ambulance")
_UNSEEN = {"unseen": "did not answer", "bad": "answer discarded: another person", "loading": "still loading"}


@dataclass(frozen=True)
class Since:
    drawing: Markup
    last: tuple[Row, ...]
    count: int
    sources: int
    unseen: bool  # a lane is hatched


def since(view: View) -> Since:
    by_source: dict[str, list[Contact]] = {}
    for entry in view.of("encounters"):
        if contact := _met(view, entry):
            by_source.setdefault(entry.source, []).append(contact)
    for entry in view.of("medicines"):
        if contact := _supplied(view, entry):
            by_source.setdefault(entry.source, []).append(contact)
    rows: list[Lane] = []
    for state in view.record.states:
        said = view.said.get((state.source, "encounters"))
        tone = sign(said.state).tone if said else ""
        contacts = [each for each in by_source.get(state.source, []) if view.fmt.now - each.at < timedelta(days=365)]
        if tone in _UNSEEN:
            rows.append(Lane(state.mark, _short(state.name, rows), (), f"{state.name}: {_UNSEEN[tone]}"))
        elif contacts:
            rows.append(Lane(state.mark, _short(state.name, rows), tuple(contacts)))
    hidden = [each for each in rows if each.unseen]
    rows = [*_few(hidden), *(each for each in rows if not each.unseen)]
    items = view.of("encounters")
    last = tuple(row(view, each) for each in items[:5])
    return Since(lanes(rows, view.fmt.now) if rows else Markup(""), last, len(items), len(by_source), bool(hidden))


def _few(hidden: list[Lane]) -> list[Lane]:
    """Lanes of which nothing can be seen: of many the last stands for the rest, for one hatch is like another."""
    if len(hidden) <= HATCHED:
        return hidden
    rest = len(hidden) - HATCHED + 1
    says = f"{rest} more sources cannot be seen either: the strip names them"
    return [*hidden[: HATCHED - 1], Lane("", f"{rest} more", (), says)]


def _short(name: str, others: list[Lane]) -> str:
    """A lane's name: whole words, as many as its margin holds, without a first word that another lane bears already."""
    words = name.split()
    if len(words) > 1 and any(other.name.split()[0] == words[0] for other in others):
        words = words[1:]
    said = ""
    for word in words:
        if len(said) + len(word) > 13:
            break
        said = f"{said} {word}".strip()
    return said or name[:13]


def _met(view: View, entry: Entry) -> Contact | None:
    facts = entry.facts
    when = moment(facts.encounter.started if facts.encounter else "") or moment(facts.at)
    if when is None or entry.mismatch or facts.warning in ("entered in error", "cancelled"):
        return None
    met = facts.encounter
    kind = "planned"
    until = moment(met.ended) if met else None
    if met and met.kind == "inpatient":
        kind = "stay"
    elif met and (met.kind in _UNPLANNED or met.planned is False):
        kind = "unplanned"
    end = view.fmt.now if met and met.in_progress else until.first() if until else None
    reason = f", {met.reason}" if met and met.reason else ""
    date = view.fmt.date(facts.at)
    label = f"{facts.title} now" if met and met.in_progress else f"{facts.title} {date[:6]}"
    return Contact(when.first(), kind, f"{date} {facts.title}{reason}", label, end)


def _supplied(view: View, entry: Entry) -> Contact | None:
    medicine = entry.facts.medicine
    when = moment(medicine.issued) if medicine and medicine.kind == "dispense" else None
    if medicine is None or when is None:
        return None
    date = view.fmt.date(medicine.issued)
    return Contact(when.first(), "supply", f"{date} dispensed {medicine.group}", f"Dispensed {date[:6]}")
