"""What should ten seconds show? Attention, decisions, key results and problems: the record's first screen."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from carerecord.contracts.records import Attention, Entry, Trend
from carerecord.pages.charts.trend import Point, Series, small_multiple
from carerecord.pages.formatting import joined
from carerecord.viewer.items import Row, row
from carerecord.viewer.states import MOST_NAMED, RETRY
from carerecord.viewer.trends import series
from carerecord.viewer.view import Mark, View

_ATTENTION = {"danger": ("octagon", 0), "gap": ("unseen", 1), "differs": ("differs", 2), "late": ("late", 3), "info": ("info", 4)}
KEY_RESULTS = 6
LONG_PLAN = 160  # letters, or more than three lines
SHOWN_BEFORE = 3  # earlier values written beside the newest: the line alone is flat where the range is wide
_EACH = 3  # sources that gave no whole answer, each told by itself; more of them than these are told together
_SAID_ABOVE = ("danger/mismatch", "danger/two-entries")  # told in full over the whole page, in every role
REPLACED = "Replaced: "  # begins a line of a result's note: what its sender said before


@dataclass(frozen=True)
class Notice:
    attention: Attention
    icon: str
    says: str
    retry: str = ""  # the word on the button


def attention(view: View) -> tuple[Notice, ...]:
    """Dangers, then what cannot be seen, then the rest; nothing is left out but what stands over the whole page."""
    here = _together([each for each in view.record.attention if each.rule not in _SAID_ABOVE], view)
    found = sorted(here, key=lambda each: _ATTENTION.get(each.kind, ("info", 5))[1])
    return tuple(
        Notice(each, _ATTENTION.get(each.kind, ("info", 5))[0], _says(view, each), _retry(view, each)) for each in found
    )


def _says(view: View, notice: Attention) -> str:
    """Its words; where sources contradict each other about an allergy, who says what and since when."""
    if notice.rule == "allergy/conflict" and len(notice.entries) > 1:
        return view.who_says(notice.entries)
    return view.fmt.dated(notice.says)


def _together(notices: list[Attention], view: View) -> list[Attention]:
    """Where many sources gave no whole answer, one notice names them: a wall of the same words hides what differs."""
    gaps = [each for each in notices if each.rule == "gap/source"]
    if len(gaps) <= _EACH:
        return notices
    says = "They are named above, with how to ask each again."
    if len(gaps) <= MOST_NAMED:
        names = joined(tuple(view.mark_of(each.source).name for each in gaps))
        says = f"{names}. Each stands above, with how to ask it again."
    one = Attention("gap", f"{len(gaps)} sources gave no whole answer", says, "gap/source")
    return [each for each in notices if each.rule != "gap/source"] + [one]


def _retry(view: View, notice: Attention) -> str:
    state = view.sources.get(notice.source)
    return RETRY.get(state.state, "") if state and notice.kind in ("gap", "info") else ""


@dataclass(frozen=True)
class Decision:
    """One line of plans and decisions: present, superseded by a plan of another kind, none recorded or unavailable."""

    title: str
    state: str
    tone: str
    says: str
    row: Row | None = None
    older: tuple[Row, ...] = ()

    @property
    def doubt(self) -> tuple[str, str]:
        """What is not known of one that is present, which stands out as a gap does, and why; of any other, what is said."""
        doubt, _, why = self.says.partition(". ")
        return (doubt, why) if self.state == "present" else ("", self.says)


def decisions(view: View) -> tuple[Decision, ...]:
    tones = {"present": "present", "none recorded": "old", "unavailable": "unseen"}
    out, told = [], set()
    for line in view.record.plans:
        entry = view.entries.get(line.entry)
        shown = row(view, entry) if entry and line.entry not in told else None
        told.add(line.entry)
        older = tuple(row(view, view.entries[key]) for key in line.older if key in view.entries)
        state, tone = line.state, tones.get(line.state, "unseen")
        if entry and entry.superseded_by:
            state, tone = "superseded", "old"
        out.append(Decision(line.title, state, tone, line.says, shown, older))
    return tuple(out)


def long_plan(told: Iterable[Decision]) -> bool:
    """Whether one that stands says more than a narrow panel bears: its place on the page is then wider."""
    here = [each for each in told if each.state == "present"]
    words = [each.row.facts.plan.decision for each in here if each.row and each.row.facts.plan]
    return any(len(each) > LONG_PLAN or each.count("\n") > 2 for each in (*words, " ".join(each.says for each in here)))


@dataclass(frozen=True)
class KeyResult:
    """The newest value of one trend, how old it is, and the shape of its course."""

    series: Series
    newest: Point
    at: str
    range: str
    age: str
    old: bool
    drawing: Markup
    marks: tuple[Mark, ...]
    replaced: tuple[str, ...]  # what its sender said before, and may have been acted on
    part_of: str = ""  # the measurement of which this is one part, such as a blood pressure's lower value
    place: int = 0  # of the part in its measurement, as its sender wrote it

    @property
    def note(self) -> str:
        """Few or far-apart points say so: a line between them would say too much."""
        return "one value" if len(self.series.points) == 1 else ""

    @property
    def course(self) -> str:
        """The last values in figures, oldest first: 5.1 → 4.2 → 3.4."""
        last = self.series.points[-SHOWN_BEFORE - 1 :]
        return " → ".join(each.value for each in last) if len(last) > 1 else ""


def key_results(view: View) -> tuple[KeyResult, ...]:
    """The trends that a rule of the records desk names as key: critical, outside its range, then the rest, each newest first.

    The room that is left is for others: of late where some are key, such as a blood pressure, and any where none is.
    """
    trends = [each for section in view.record.sections for each in section.trends]
    chosen = _key_results(view, [each for each in trends if each.important])
    others = _key_results(view, [each for each in trends if not each.important])
    found = (*chosen, *(each for each in others if not (chosen and each.old)))
    return _whole(found)


def _whole(found: Iterable[KeyResult]) -> tuple[KeyResult, ...]:
    """As many as there is room for, a measurement with all its parts: half a blood pressure would be read as a value of its own.

    One for which there is too little room is left out, but not where a part of it is outside its range.
    """
    measurements = dict[str, list[KeyResult]]()
    for each in found:
        measurements.setdefault(each.part_of or each.series.key, []).append(each)
    told: list[KeyResult] = []
    for parts in measurements.values():
        room = KEY_RESULTS - len(told)
        if room > 0 and (not told or len(parts) <= room or any(each.newest.outside for each in parts)):
            told += sorted(parts, key=lambda each: each.place)
    return tuple(told)


def _key_results(view: View, trends: Iterable[Trend]) -> list[KeyResult]:
    found = []
    for trend in trends:
        drawn = series(view, trend)
        if drawn is None:
            continue
        newest = view.entries[next(key for key in reversed(trend.entries) if key in view.entries)]
        at = newest.facts.at
        age, old = view.fmt.since(at), view.fmt.is_old(at)
        marks = view.marks(newest)
        before = tuple(line.removeprefix(REPLACED) for line in newest.facts.note.splitlines() if line.startswith(REPLACED))
        part_of, place = (newest.key, _place(newest, trend.component)) if trend.component else ("", 0)
        drawing = small_multiple(drawn)
        found.append(KeyResult(drawn, drawn.points[-1], at, drawn.range, age, old, drawing, marks, before, part_of, place))
    found.sort(key=lambda each: each.series.points[-1].at, reverse=True)
    return sorted(found, key=lambda each: (not each.newest.flag.startswith("critically"), not each.newest.outside, each.old))


def _place(entry: Entry, component: str) -> int:
    parts = entry.facts.result.components if entry.facts.result else ()
    return next((place for place, each in enumerate(parts) if each.name == component), len(parts))


@dataclass(frozen=True)
class Problem:
    title: str
    row: Row
    marks: tuple[Mark, ...]


def problems(view: View) -> tuple[Problem, ...]:
    """Active problems, newest first; the same problem of several sources stands once, with every mark."""
    section = view.sections.get("problems")
    groups = {key: group.entries for group in (section.groups if section else ()) for key in group.entries}
    out, done = [], set()
    for entry in view.of("problems"):
        if entry.key in done or entry.mismatch or not _active(entry):
            continue
        same = [view.entries[key] for key in groups.get(entry.key, (entry.key,)) if key in view.entries]
        done |= {each.key for each in same}
        marks = tuple({mark.source: mark for each in same if _active(each) for mark in view.marks(each)}.values())
        out.append(Problem(entry.facts.title, row(view, entry), marks))
    return tuple(out)


def _active(entry: Entry) -> bool:
    over = ("resolved", "inactive", "remission", "refuted")
    return entry.facts.warning != "entered in error" and entry.facts.status.lower() not in over
