"""What does a section say on the first screen of a role that needs it there? Its first items, and always what is missing."""

from dataclasses import dataclass

from carerecord.fhir.sections import SECTIONS
from carerecord.pages.formatting import joined
from carerecord.viewer.first_screen import Panel
from carerecord.viewer.items import Row
from carerecord.viewer.sections import SectionView
from carerecord.viewer.view import View

FIRST = 5


@dataclass(frozen=True)
class Brief:
    """One panel. `section` is None where the reader's role shows nothing of it."""

    id: str
    show: str
    title: str
    section: SectionView | None
    rows: tuple[Row, ...] = ()
    meta: str = ""
    filter: str = ""  # a filter is always stated, with what it leaves out
    empty: str = ""  # no list is empty without a word


def brief(view: View, panel: Panel, section: SectionView | None) -> Brief:
    title = SECTIONS[panel.show].title
    if section is None:
        return Brief(panel.id, panel.show, title, None)
    rows = tuple(each for each in section.rows if not panel.of or _kinds(view, each) & set(panel.of))
    return Brief(
        panel.id, panel.show, title, section, rows[:FIRST], _meta(section, rows), _filter(section, panel, rows),
        "" if rows else _empty(section, panel),
    )  # fmt: skip


def _kinds(view: View, row: Row) -> set[str]:
    return {view.sources[mark.source].kind for mark in row.marks if mark.source in view.sources}


def _meta(section: SectionView, rows: tuple[Row, ...]) -> str:
    return f"newest {FIRST} of {len(rows)}" if len(rows) > FIRST else section.head if len(rows) == len(section.rows) else ""


def _filter(section: SectionView, panel: Panel, rows: tuple[Row, ...]) -> str:
    if not panel.of or not rows:
        return ""
    others = len(section.rows) - len(rows)
    more = f" {others} of other systems stand{'s' if others == 1 else ''} below." if others else ""
    return f"Those of {_systems(panel)} alone.{more}"


def _empty(section: SectionView, panel: Panel) -> str:
    if panel.of and section.rows:
        return f"None of the {len(section.rows)} is of {_systems(panel)}."
    if section.empty or section.says or section.withheld or section.held:
        return section.empty
    return f"{section.head[:1].upper()}{section.head[1:]}."


def _systems(panel: Panel) -> str:
    return f"{joined(each.replace('-', ' ') for each in panel.of)} systems"
