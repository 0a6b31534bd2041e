"""What does each role meet first? Read from `first_screens.toml`; it orders, and hides nothing."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from carerecord.contracts.roles import ROLES
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.errors import BadSetting

FILE = Path(__file__).parent / "first_screens.toml"

# The panels that are more than the first rows of a section: their place where no width is said, and what they are drawn from.
STANDARD: Mapping[str, str] = {
    "attention": "g-alerts", "decisions": "g-plans", "since": "g-12", "meds": "g-meds", "key": "g-results", "probs": "g-probs",
}  # fmt: skip
DRAWN_FROM: Mapping[str, str] = {
    "decisions": "plans", "since": "encounters", "meds": "medicines", "key": "results", "probs": "problems",
}  # fmt: skip
_NAV = ("alerts", "allergies", "medicines", "problems", "results", "encounters", "documents", "plans")
_MOST_IN_NAV = 8
_COLUMNS = 12


class Panel(Struct, frozen=True, forbid_unknown_fields=True):
    """One panel of the first screen."""

    show: str  # a panel of STANDARD, or a section
    wide: int = 0  # of twelve columns; 0 = the panel's usual place, or all of them
    of: tuple[str, ...] = ()  # kinds of source, where it is about those alone: it then says so, and how many more there are

    @property
    def id(self) -> str:
        """Of the element: sections have their own further down."""
        return self.show if self.show in STANDARD else f"first-{self.show}"

    @property
    def place(self) -> str:
        return f"g-w{self.wide}" if self.wide else STANDARD.get(self.show, "g-12")


class FirstScreen(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""

    home: str = "/search"
    links: tuple[tuple[str, str], ...] = (("/search", "Find a patient"),)
    first: tuple[tuple[Panel, ...], ...] = ()
    sections: tuple[str, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Those named, in their order, then the standard ones that were not: nothing is left out."""
        named = tuple(panel for row in self.first for panel in row)
        here = {panel.show for panel in named}
        return (*named, *(Panel(each) for each in STANDARD if each not in here))

    @property
    def briefs(self) -> tuple[Panel, ...]:
        return tuple(panel for panel in self.panels if panel.show not in STANDARD)

    @property
    def order(self) -> tuple[str, ...]:
        """Every section, those of this role first."""
        return (*self.sections, *(each for each in SECTION_IDS if each not in self.sections))

    @property
    def nav(self) -> tuple[str, ...]:
        """The sections that the bar over the record names; the others are one click further."""
        return tuple(dict.fromkeys((*self.sections, *_NAV)))[: max(_MOST_IN_NAV, len(self.sections))]


def screen_of(role: str) -> FirstScreen:
    return screens().get(role, FirstScreen())


@cache
def screens() -> Mapping[str, FirstScreen]:
    return read_screens(FILE.read_text(encoding="utf-8"))


def read_screens(text: str) -> Mapping[str, FirstScreen]:
    """The first screens of this text, by role.

    Raises:
        BadSetting: every fault, told together.
    """
    tables = tomllib.loads(text)
    faults = [f"{role} is not a role" for role in tables if role not in ROLES]
    found: dict[str, FirstScreen] = {}
    for role, table in tables.items():
        try:
            found[role] = msgspec.convert(table, FirstScreen)
        except msgspec.ValidationError as error:
            faults.append(f"{role}: {error}")
            continue
        faults += [f"{role}: {fault}" for fault in _faults(found[role])]
    if faults:
        raise BadSetting("; ".join(faults))
    return found


def _faults(screen: FirstScreen) -> Sequence[Any]:
    shown = [panel.show for row in screen.first for panel in row]
    faults = [f"{each} is no panel and no section" for each in shown if each not in STANDARD and each not in SECTION_IDS]
    faults += [f"{each} is no section" for each in screen.sections if each not in SECTION_IDS]
    faults += [f"{each} stands twice" for each in sorted({each for each in shown if shown.count(each) > 1})]
    faults += [f"{panel.show} is about a kind of source, and is no section" for row in screen.first for panel in row
               if panel.of and panel.show in STANDARD]  # fmt: skip
    widths = [[panel.wide for panel in row] for row in screen.first]
    faults += [f"a row is {sum(row)} of {_COLUMNS} columns wide" for row in widths if any(row) and sum(row) != _COLUMNS]
    return faults
