"""Which medicines, by who says what? One substance at a time, every statement visible; nothing merged or inferred."""

from dataclasses import dataclass

from carerecord.contracts.records import Entry, Group
from carerecord.fhir.facts import Medicine
from carerecord.pages.formatting import Formatter
from carerecord.pages.medicines import MedicineLine
from carerecord.viewer.items import Row, more_of, row, stopped, undone
from carerecord.viewer.view import Mark, View

# The label that the records desk gives, how loud it is, and in which order a reader should meet it.
_LABELS = {
    "stopped here, dispensed since": ("stop", 0), "conflict": ("stop", 1), "differs": ("diff", 2),
    "possibly replaced": ("diff", 3), "only here": ("only", 4), "same": ("same", 5), "": ("same", 6),
}  # fmt: skip
_COUNTED = {"tablet", "capsule", "sachet", "dose", "ampoule", "cartridge", "pen", "inhaler", "bottle"}
COLUMNS = 4  # more sources than this do not stand side by side: each statement then names its source


@dataclass(frozen=True)
class Says:
    """One source, or several that say the same in the same words, about one substance."""

    marks: tuple[Mark, ...]
    line: MedicineLine
    notes: tuple[str, ...]
    stopped: str  # "" or when and why, first of all
    more: tuple[str, ...]  # lines of their own: further steps, what the patient is told, why it is to be checked
    named: bool  # it goes by another name than its neighbours
    rows: tuple[Row, ...]
    late: bool = False

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        return tuple(dict.fromkeys(tag for each in self.rows for tag in each.tags))


@dataclass(frozen=True)
class Substance:
    title: str
    label: str
    tone: str
    says: str
    statements: tuple[Says, ...]  # grouped: for the summary
    rows: tuple[Row, ...]  # one for each entry
    cells: tuple[tuple[Mark, tuple[Says, ...]], ...]  # by source: for the section, what reads the same said once
    unsure: bool = False
    by_code: bool = False

    def by(self, source: str) -> tuple[Says, ...]:
        return next((said for mark, said in self.cells if mark.source == source), ())


@dataclass(frozen=True)
class Medicines:
    current: tuple[Substance, ...]
    unsure: tuple[Substance, ...]  # neither current nor past for certain
    past: tuple[Substance, ...]
    columns: tuple[Mark, ...]  # sources of current medicines, when they fit side by side


def medicines(view: View) -> Medicines:
    section = view.sections.get("medicines")
    groups = section.groups if section else ()
    grouped = {key for group in groups for key in group.entries}
    alone = [each for each in view.of("medicines") if each.key not in grouped and not each.mismatch]
    made = tuple(Group(each.key, _name(each), "", "", (each.key,), _current(each), _unsure(each)) for each in alone)
    every = [(group, _substance(view, group)) for group in (*groups, *made)]

    current = sorted((each for group, each in every if each.rows and group.current and not group.unsure), key=_loudest)
    unsure = tuple(each for group, each in every if each.rows and group.current and group.unsure)
    past = tuple(each for group, each in every if each.rows and not group.current)
    sources = dict.fromkeys(each.entry.source for substance in current for each in substance.rows)
    columns = tuple(view.mark_of(source) for source in sources) if len(sources) <= COLUMNS else ()
    return Medicines(tuple(current), unsure, past, columns)


def _name(entry: Entry) -> str:
    return entry.facts.medicine.group if entry.facts.medicine else entry.facts.title


def _current(entry: Entry) -> bool:
    return entry.facts.medicine is None or entry.facts.medicine.current


def _unsure(entry: Entry) -> bool:
    return entry.facts.medicine is not None and entry.facts.medicine.unsure


def _loudest(substance: Substance) -> int:
    return _LABELS.get(substance.label, ("diff", 3))[1]


def _substance(view: View, group: Group) -> Substance:
    entries = [view.entries[key] for key in group.entries if key in view.entries and not view.entries[key].mismatch]
    tone = _LABELS.get(group.label, ("diff", 3))[0]
    rows = tuple(row(view, each) for each in entries)
    names = [each.facts.medicine.group for each in entries if each.facts.medicine and each.facts.medicine.group]
    name = group.title if group.by_code else min(names, key=len, default=group.title)
    by_source: dict[str, list[Row]] = {}
    for each in rows:
        by_source.setdefault(each.entry.source, []).append(each)
    cells = tuple((view.mark_of(source), _statements(view, tuple(same), name)) for source, same in by_source.items())
    return Substance(
        name, group.label, tone, group.says, _statements(view, rows, name), rows, cells, group.unsure, group.by_code
    )  # fmt: skip


def named_apart(medicine: Medicine | None, name: str) -> bool:
    """Whether a statement must bear its own name: its neighbours go by another."""
    return medicine is not None and bool(medicine.group) and medicine.group != name


def _statements(view: View, rows: tuple[Row, ...], name: str) -> tuple[Says, ...]:
    """Rows whose line reads the same share it, with every source's mark; stopped ones come first and stand alone."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for each in rows:
        medicine = each.facts.medicine
        line = view.fmt.medicine(medicine) if medicine else MedicineLine(each.title)
        more = tuple(filter(None, more_of(medicine, view.fmt)))
        found.setdefault((stopped(each.facts, view.fmt), line, more), []).append(each)
    said = []
    for same in found.values():
        medicine = same[0].facts.medicine
        halt, more = stopped(same[0].facts, view.fmt), tuple(filter(None, more_of(medicine, view.fmt)))
        line = view.fmt.medicine(medicine) if medicine else MedicineLine(same[0].title)
        notes = tuple(
            dict.fromkeys(words for each in same if not undone(each.facts) and (words := note(each.facts.medicine, view.fmt)))
        )
        marks = tuple({mark.source: mark for each in same for mark in each.marks}.values())
        apart = named_apart(medicine, name)
        said.append(Says(marks, line, notes, halt, more, apart, tuple(same), any(each.late for each in same)))
    return tuple(sorted(said, key=lambda each: not each.stopped))


def note(medicine: Medicine | None, fmt: Formatter) -> str:
    """What a source says of its statement: repeat, last issued, quantity dispensed."""
    if medicine is None:
        return ""
    if medicine.kind == "dispense":
        quantity = f"{_many(fmt.quantity(medicine.quantity))} " if medicine.quantity else ""
        return f"{quantity}dispensed {fmt.date(medicine.issued)}" if medicine.issued else f"{quantity}dispensed".strip()
    if medicine.kind == "administration":
        return f"given {fmt.at(medicine.issued or medicine.started)}" if medicine.issued or medicine.started else "given"
    if medicine.kind == "issue":
        many = f" of {_many(fmt.quantity(medicine.quantity))}" if medicine.quantity else ""
        return ", ".join(filter(None, (f"one issue{many}, {fmt.date(medicine.issued)}" if medicine.issued else f"one issue{many}",
                                       medicine.course)))  # fmt: skip
    issued = f"last issued {fmt.date(medicine.issued)}" if medicine.issued else ""
    started = f"from {fmt.date(medicine.started)}" if medicine.started and not issued else ""
    return ", ".join(filter(None, (medicine.course, medicine.prescribed, issued, started, medicine.reason)))


def _many(quantity: str) -> str:
    """28 tablets, as a label says it; a source's unit is in the singular."""
    count, _, unit = quantity.partition(" ")
    return f"{quantity}s" if unit in _COUNTED and count != "1" else quantity
