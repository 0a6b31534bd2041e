"""What does one page know of one record? The record with its items and sources at hand by name, and the way to write values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from carerecord.contracts.records import Entry, Group, Origin, Record, Section, SectionState, SourceState
from carerecord.pages.charts.trend import Series
from carerecord.pages.formatting import Formatter, joined
from carerecord.viewer.states import COPIED, SIGNS, Sign, sign, trouble

FEW_LATE = 3


@dataclass(frozen=True)
class View:
    """One record as one reader sees it now."""

    record: Record
    fmt: Formatter
    drawn: dict[tuple[str, str], Series | None] = field(default_factory=dict, repr=False, compare=False)  # each trend, once

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        return {entry.key: entry for section in self.record.sections for entry in section.entries}

    @cached_property
    def sources(self) -> Mapping[str, SourceState]:
        return {state.source: state for state in self.record.states}

    @cached_property
    def sections(self) -> Mapping[str, Section]:
        return {section.id: section for section in self.record.sections}

    @cached_property
    def said(self) -> Mapping[tuple[str, str], SectionState]:
        """What each source said about each section that it shares."""
        return {(state.source, each.section): each for state in self.record.states for each in state.sections}

    def about(self, section: str) -> tuple[tuple[SourceState, SectionState], ...]:
        """Every source that shares a section, with what its answer means there."""
        found = ((state, self.said.get((state.source, section))) for state in self.record.states)
        return tuple((state, said) for state, said in found if said is not None and said.state != "not shared")

    def troubled(self, section: str) -> tuple[tuple[SourceState, SectionState], ...]:
        return tuple((state, said) for state, said in self.about(section) if trouble(said.state))

    @cached_property
    def late(self) -> tuple[SourceState, ...]:
        """The sources that joined after the first paint."""
        return tuple(state for state in self.record.states if state.late and not trouble(state.state))

    @property
    def late_is_news(self) -> bool:
        """A mark is news only where it is rare: where many are late, the strip says so once."""
        return len(self.late) <= FEW_LATE

    def of(self, section: str) -> tuple[Entry, ...]:
        found = self.sections.get(section)
        return found.entries if found else ()

    def conflicts(self, section: str) -> tuple[str, ...]:
        """One sentence for each thing that one source calls active and another refuted or resolved: who says what, by name."""
        found = self.sections.get(section)
        return tuple(self._contradiction(each) for each in found.groups if each.label == "conflict") if found else ()

    def who_says(self, keys: Sequence[str]) -> str:
        """Refuted by Fenwick on 28-Mar-2026, active by Elm Bank on 01-Feb-1997: what a notice is about."""
        said = []
        for entry in (self.entries[key] for key in keys if key in self.entries):
            allergy = entry.facts.allergy
            status = entry.facts.status if allergy is None else "denied" if allergy.negative else allergy.status
            on = f" on {self.fmt.date(entry.facts.at)}" if entry.facts.at else ""
            said.append(f"{status} by {joined(tuple(mark.name for mark in self.marks(entry)))}{on}")
        words = ", ".join(dict.fromkeys(said))
        return f"{words[:1].upper()}{words[1:]}."

    def _contradiction(self, group: Group) -> str:
        said: dict[str, list[str]] = {}
        for entry in (self.entries[key] for key in group.entries if key in self.entries):
            status = entry.facts.allergy.status if entry.facts.allergy else entry.facts.status
            said.setdefault(status, []).extend(mark.name for mark in self.marks(entry))
        parts = [f"{status} by {joined(tuple(dict.fromkeys(names)))}" for status, names in said.items()]
        return f"{group.title}: {', '.join(parts)}. Every entry stands below; nothing is chosen for you."

    def mark_of(self, source: str) -> "Mark":
        state = self.sources.get(source)
        if state is None:
            return Mark(source, source[:2].upper(), source, SIGNS["live"])
        return Mark(state.source, state.mark, state.name, sign(state.state), state in self.late and self.late_is_news)

    def marks(self, entry: Entry) -> tuple["Mark", ...]:
        """The sources that hold an item, each once, the one whose words are shown first."""
        first = {origin.source: origin for origin in reversed(entry.origins)}
        return tuple(self._marked(first[source]) for source in dict.fromkeys(origin.source for origin in entry.origins))

    def _marked(self, origin: Origin) -> "Mark":
        """The mark of an item: one that a copy holds says so wherever its source is named."""
        mark = self.mark_of(origin.source)
        if origin.kept != "copy":
            return mark
        state = self.sources.get(origin.source)
        at = state.copy_at if state and state.copy_at else origin.came_at
        return replace(mark, name=f"{mark.name} (copy as at {self.fmt.at(at)})", sign=COPIED)


@dataclass(frozen=True)
class Mark:
    """Two letters for a source, the same wherever it speaks, with its name for touch and for screen readers."""

    source: str
    letters: str
    name: str
    sign: Sign
    late: bool = False
