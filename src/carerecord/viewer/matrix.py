"""Who holds what? Sources by sections: how many items each source holds, and where nothing could be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from carerecord.contracts.records import SourceState
from carerecord.fhir.sections import ALL, SECTIONS
from carerecord.pages.formatting import joined
from carerecord.viewer.states import MANY, MOST_NAMED, RETRY, Sign, brief, sentence, sign, trouble
from carerecord.viewer.view import Mark, View

_SHORT = {
    "alerts": "Alerts", "safeguarding": "Safeg.", "adjustments": "Adjust.", "allergies": "Allergies", "medicines": "Medicines",
    "problems": "Problems",
    "results": "Results", "observations": "Obs", "encounters": "Contacts", "immunisations": "Imms", "procedures": "Procs",
    "documents": "Docs", "plans": "Plans", "appointments": "Appts", "professionals": "People", "social": "Social",
    "other": "Other",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    section: str
    short: str
    title: str


@dataclass(frozen=True)
class Cell:
    """`tone` is a tone of `states`, or held1, held2, held3 for 1-3, 4-14 and 15 or more items."""

    column: Column
    tone: str
    shown: str
    says: str  # for a screen reader and for touch
    link: bool = False


@dataclass(frozen=True)
class Line:
    state: SourceState
    mark: Mark
    sign: Sign
    answer: str
    says: str
    cells: tuple[Cell, ...]
    retry: str = ""  # the word on the button, when there is one
    late: bool = False  # it answered after the first paint
    empty: bool = False  # it answered, and holds nothing
    off: str = ""  # what of it is not switched on for this reader, where the rest is

    @property
    def elsewhere(self) -> bool:
        return self.state.state == "registered elsewhere"

    @property
    def bare(self) -> bool:
        """All that a narrow window needs to say of it stands in its answer: each of its cells would say none."""
        return not self.trouble and all(each.tone in ("empty", "unshared") for each in self.cells)

    @property
    def trouble(self) -> bool:
        return trouble(self.state.state) or bool(self.state.warnings)

    @property
    def silent(self) -> bool:
        """It did not answer, and nothing else is to be said of it."""
        return (
            self.state.state == "no answer" and self.state.kept != "copy" and not (self.late or self.state.warnings)
            and all(each.state in ("no answer", "not shared") for each in self.state.sections)
        )  # fmt: skip

    @property
    def loud(self) -> bool:
        """Named at length in the strip. That somebody was not asked is quiet, unless it warned."""
        return (
            self.late or bool(self.state.warnings or self.off) or (trouble(self.state.state) and self.sign.tone != "ask")
        )  # fmt: skip


@dataclass(frozen=True)
class Matrix:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def many(self) -> bool:
        return len(self.lines) > MANY

    @property
    def loud(self) -> tuple[Line, ...]:
        silent = {line.state.source for line in self.silent}
        return tuple(line for line in self.lines if line.loud and line.state.source not in silent)

    @property
    def silent(self) -> tuple[Line, ...]:
        """Where many did not answer: they are named in one sentence, each with how to reach it behind that."""
        alike = tuple(line for line in self.lines if line.silent)
        return alike if len(alike) > MOST_NAMED else ()

    @property
    def answered(self) -> tuple[Line, ...]:
        """Those that answered and hold something, or have nothing to say: few words each."""
        return tuple(line for line in self.lines if not (line.loud or line.empty or line.elsewhere) and line.sign.tone != "ask")

    @property
    def elsewhere(self) -> tuple[Line, ...]:
        """Practices that were not asked, for the register names another one: they are none of those that answered."""
        return tuple(line for line in self.lines if line.elsewhere and not line.loud)

    @property
    def empty(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.empty and not line.loud)

    @property
    def unasked(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.loud and line.sign.tone == "ask")

    @property
    def none_held(self) -> tuple[Line, ...]:
        """Where there are many: those that answered and hold nothing at all, which share one row."""
        return tuple(line for line in self.empty if line.bare and not line.loud) if self.many else ()

    @property
    def silent_cells(self) -> tuple[Cell, ...]:
        """Of those that did not answer: how many share each section."""
        found = []
        for place, column in enumerate(self.columns):
            shared = sum(line.cells[place].tone == "unseen" for line in self.silent)
            says = f"{shared} of them did not answer" if shared else "None of them shares this"
            found.append(Cell(column, "unseen" if shared else "unshared", str(shared) if shared else "–", says))
        return tuple(found)

    @property
    def none_cells(self) -> tuple[Cell, ...]:
        """That row: nothing recorded wherever one of them shares the section."""
        found = []
        for place, column in enumerate(self.columns):
            shared = sum(line.cells[place].tone == "empty" for line in self.none_held)
            says = f"Not recorded in {shared} of them" if shared else "None of them shares this"
            found.append(Cell(column, "empty" if shared else "unshared", "0" if shared else "–", says))
        return tuple(found)

    @property
    def rows(self) -> tuple[Line, ...]:
        """The lines of the table: where there are many, only those of which there is more to say than one word."""
        alike = {line.state.source for line in self.silent}
        if not self.many:
            return tuple(line for line in self.lines if line.state.source not in alike)
        alike |= {line.state.source for line in (*self.none_held, *self.elsewhere)}
        return tuple(line for line in self.lines if line.sign.tone != "ask" and line.state.source not in alike)


def by_organisation(lines: Sequence[Line]) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """Lines under the name of who holds them, in the order of the names."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.state.organisation_name or line.state.name, []).append(line)
    return tuple((name, tuple(found[name])) for name in sorted(found))


def matrix(view: View) -> Matrix:
    shared = {each.section for state in view.record.states for each in state.sections if each.state != "not shared"}
    columns = tuple(
        Column(each.id, _SHORT.get(each.id, each.title), each.title) for each in ALL if each.id in shared and each.id in _SHORT
    )
    rank = {"bad": 0, "unseen": 1, "loading": 2, "part": 3, "withheld": 4, "off": 5, "ask": 7}

    def place(each: SourceState) -> tuple[int, str]:
        return rank.get(sign(each.state).tone, 6 if each.warnings else 8), each.organisation_name

    order = sorted(view.record.states, key=place)
    return Matrix(columns, tuple(_line(view, state, columns) for state in order))


def _line(view: View, state: SourceState, columns: tuple[Column, ...]) -> Line:
    cells = tuple(_cell(view, state, column) for column in columns)
    late = state in view.late and view.late_is_news
    answer = brief(state, view.fmt, late=late)
    retry = RETRY.get(state.state, "Ask again" if state.warnings else "")
    told = sign(state.state)
    empty = told.tone == "empty" and not late
    off = _off(state) if told.tone != "off" else ""
    return Line(state, view.mark_of(state.source), told, answer, sentence(state, view.fmt), cells, retry, late, empty, off)


def _off(state: SourceState) -> str:
    """Allergies and Medicines not switched on yet."""
    closed = [each.section for each in state.sections if each.state == "not switched on"]
    if not closed:
        return ""
    titles = [SECTIONS[each].title if each in SECTIONS else each for each in closed]
    return f"{joined(titles) if len(titles) <= 3 else f'{len(titles)} sections'} not switched on yet"


def _cell(view: View, state: SourceState, column: Column) -> Cell:
    said = view.said.get((state.source, column.section))
    if said is None or said.state == "not shared":
        return Cell(column, "unshared", "–", "Does not share this")
    tone = sign(said.state).tone
    if tone in ("held", "part") and said.count:
        depth = "held3" if said.count >= 15 else "held2" if said.count >= 4 else "held1"
        if tone == "held":
            return Cell(column, depth, str(said.count), f"from {state.name}", link=True)
        whole = max(said.sent, said.count + said.unreadable)
        shown = f"{said.count} of {whole}" if whole > said.count else str(said.count)
        return Cell(column, "part", shown, sentence(state, view.fmt, said), link=True)
    signs = {"empty": "0", "unseen": "!", "part": "!", "loading": "…", "ask": "·", "bad": "✕", "withheld": "■", "held": "0",
             "unshared": "–", "off": "·"}  # fmt: skip
    return Cell(column, "empty" if tone == "held" else tone, signs[tone], sign(said.state).word)
