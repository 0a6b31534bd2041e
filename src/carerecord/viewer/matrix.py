"""Who holds what? Sources by sections: how many items each source holds, and where nothing could be seen."""

from dataclasses import dataclass

from carerecord.contracts.records import SourceState
from carerecord.fhir.sections import ALL
from carerecord.viewer.states import RETRY, Sign, brief, sentence, sign, trouble
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

    @property
    def trouble(self) -> bool:
        return trouble(self.state.state) or bool(self.state.warnings)

    @property
    def loud(self) -> bool:
        """Named at length in the strip. That somebody was not asked is quiet, unless it warned."""
        return self.late or bool(self.state.warnings) or (trouble(self.state.state) and self.sign.tone != "ask")


@dataclass(frozen=True)
class Matrix:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def matrix(view: View) -> Matrix:
    shared = {each.section for state in view.record.states for each in state.sections if each.state != "not shared"}
    columns = tuple(
        Column(each.id, _SHORT.get(each.id, each.title), each.title) for each in ALL if each.id in shared and each.id in _SHORT
    )
    rank = {"bad": 0, "unseen": 1, "loading": 2, "part": 3, "withheld": 4, "ask": 6}
    order = sorted(view.record.states, key=lambda each: rank.get(sign(each.state).tone, 5 if each.warnings else 7))
    return Matrix(columns, tuple(_line(view, state, columns) for state in order))


def _line(view: View, state: SourceState, columns: tuple[Column, ...]) -> Line:
    cells = tuple(_cell(view, state, column) for column in columns)
    late = state in view.late and view.late_is_news
    answer = brief(state, view.fmt, late=late)
    retry = RETRY.get(state.state, "Ask again" if state.warnings else "")
    told = sign(state.state)
    empty = told.tone == "empty" and not late
    return Line(state, view.mark_of(state.source), told, answer, sentence(state, view.fmt), cells, retry, late, empty)


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
             "unshared": "–"}  # fmt: skip
    return Cell(column, "empty" if tone == "held" else tone, signs[tone], sign(said.state).word)
