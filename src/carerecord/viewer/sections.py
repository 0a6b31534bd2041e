"""What stands under each heading? Its items, and always what is missing from them: no list is ever empty without a word."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import Section, SectionState, SourceState
from carerecord.fhir.facts import Result
from carerecord.fhir.sections import SECTIONS
from carerecord.pages.charts.trend import SHOWN, Series, trend, within
from carerecord.pages.formatting import joined
from carerecord.viewer.happened import happened
from carerecord.viewer.items import Row, row, value_words
from carerecord.viewer.states import ALIKE, MOST_NAMED, RETRY, Sign, counted, sentence, sign, together
from carerecord.viewer.trends import series
from carerecord.viewer.view import View

FIRST = 12  # rows shown before "Show n more"
TABLES = ("results", "observations")
APART = 3  # sources that cannot be seen, each with its own sentence; more than these that are in one state share one
_NONE_KNOWN = "none known"


@dataclass(frozen=True)
class Say:
    """One state sentence above a list."""

    source: SourceState
    sign: Sign
    words: str
    retry: str = ""


@dataclass(frozen=True)
class Hole:
    """What cannot be seen, in one sentence; more names than it bears stand behind it."""

    sign: Sign
    words: str
    names: str  # all of them, where `words` has only their number
    each: tuple[Say, ...]


@dataclass(frozen=True)
class Figure:
    series: Series
    drawing: Markup
    caption: str
    beside: bool = False  # something that happened is drawn beside the values


@dataclass(frozen=True)
class SectionView:
    id: str
    title: str
    count: int
    head: str  # "12, newest first"
    answered: str  # "4 of 5 sources that share this answered"
    says: tuple[Say, ...]
    shared_by: int  # sources
    withheld: tuple[Withheld, ...]
    rows: tuple[Row, ...]
    empty: str  # "Not recorded in A, B and C."
    figures: tuple[Figure, ...] = ()
    gap: str = ""  # all that is missing, in one line: what a summary must say
    hidden: bool = False  # the reader's role shows nothing of it: named with the others at the end, not on its own
    held: tuple[Row, ...] = ()  # items of a source that knows this person by another name: behind a warning
    heard: bool = False  # a source that shares it has answered
    bare: tuple[str, ...] = ()  # names of those that answered and recorded nothing
    denied: str = ""  # allergies alone, where all that was said is that there is none: what stands for a number then

    @property
    def seen_only_if_asked(self) -> tuple[Say, ...]:
        return tuple(each for each in self.says if each.sign.tone == "ask")

    @property
    def holes(self) -> tuple[Say, ...]:
        """Sources that were asked and cannot be seen."""
        return tuple(each for each in self.says if each.sign.tone != "ask")

    @property
    def told_holes(self) -> tuple[Hole, ...]:
        """The same, those alike in one sentence where they are many: a wall of the same words hides what differs."""
        alike: dict[str, list[Say]] = {}
        for each in self.holes:
            alike.setdefault(each.sign.word if each.sign.tone in ALIKE else each.words, []).append(each)
        found: list[Hole] = []
        for word, same in alike.items():
            if len(same) <= APART:
                found += [Hole(each.sign, each.words, "", (each,)) for each in same]
                continue
            names = [each.source.name for each in same]
            many = len(same) > MOST_NAMED
            words = counted(word, len(same), self.shared_by) if many else f"{word}: {joined(names)}."
            found.append(Hole(same[0].sign, words, joined(names) if many else "", tuple(same)))
        return tuple(found)

    @property
    def silent(self) -> tuple[str, ...]:
        """The names of those that `gap` has only counted, a sentence for each state that they are in."""
        return tuple(f"{each.sign.word}: {each.names}." for each in self.told_holes if each.names)

    @property
    def recorded_nothing(self) -> str:
        """The names of those that `empty` has only counted."""
        return f"{joined(self.bare)}." if len(self.bare) > MOST_NAMED else ""

    @property
    def incomplete(self) -> bool:
        """Something that was asked for is missing. That nobody had a reason to ask a source is said, and is no alarm."""
        return bool(self.holes or self.withheld)

    @property
    def kind(self) -> str:
        return "medicines" if self.id == "medicines" else "table" if self.id in TABLES else "rows"

    @property
    def short(self) -> str:
        """What stands beside the name in the list of sections: a number, none, or that nothing can be said."""
        if self.id == "demographics":
            return ""
        if self.held:
            return f"{self.count} + {len(self.held)} held" if self.count else f"{len(self.held)} held"
        if self.denied:
            return self.denied
        return str(self.count) if self.count else "none" if self.heard and not (self.says or self.withheld) else "–"

    def nothing(self, words: str) -> str:
        """What a panel says that found nothing to show: `words` where something was answered, nothing where a gap says it all."""
        if self.held and not self.count:
            return ""  # the gap says that it waits behind a warning
        if self.count:
            return words
        if self.empty:
            return self.empty
        return words if self.heard else "" if self.gap else f"{self.head[:1].upper()}{self.head[1:]}."


def sections(view: View) -> tuple[SectionView, ...]:
    """Every heading of the record, and those that are withheld whole."""
    there = tuple(section_view(view, each) for each in view.record.sections)
    named = {each.id for each in there}
    hidden = tuple(dict.fromkeys(each.section for each in view.record.withheld if each.section not in named))
    gone = tuple(section_view(view, Section(each, SECTIONS[each].title, ())) for each in hidden if each in SECTIONS)
    place = {each: number for number, each in enumerate(SECTIONS)}
    return tuple(sorted((*there, *gone), key=lambda each: place.get(each.id, 99)))


def section_view(view: View, section: Section) -> SectionView:
    told = view.about(section.id)
    says = tuple(
        Say(state, sign(said.state), sentence(state, view.fmt, said), RETRY.get(said.state, ""))
        for state, said in view.troubled(section.id)
    )
    every = tuple(row(view, each) for each in section.entries)
    rows = tuple(each for each in every if not each.entry.mismatch)
    held = tuple(each for each in every if each.entry.mismatch)
    denied = _denied(view, every) if section.id == "allergies" else ""
    answered = sum(_has_answered(said) for _, said in told)
    bare = tuple(state.name for state, said in told if sign(said.state).tone == "empty")
    withheld = tuple(each for each in view.record.withheld if each.section in (section.id, "*"))
    figures = tuple(_figures(view, section)) if section.id in TABLES else ()
    head = denied if denied == _NONE_KNOWN else _head(section, len(rows), says, withheld, bare)
    return SectionView(
        section.id, section.title, len(rows), head,
        f"{answered} of {len(told)} sources that share this answered{_by_copy(told)}" if told else "",
        says, len(told), withheld, rows, _empty(rows, bare, told, withheld), figures,
        _gap(view, section, len(held)), not every and _hidden(told, withheld), held, bool(answered),
        bare, denied,
    )  # fmt: skip


def _has_answered(said: SectionState) -> bool:
    """Whether a source has said something of a section, were it not all: one that no longer knows the person has not."""
    tone = sign(said.state).tone
    return tone in ("held", "empty") or (tone == "part" and said.state != "out of date" and bool(said.count))


def _denied(view: View, every: Sequence[Row]) -> str:
    """Somebody's denial is no allergy that could be counted; and it settles nothing while the banner says that it does not."""
    if not every or not all(map(_denies, every)):
        return ""
    return _NONE_KNOWN if view.record.allergies.title == "No known allergies" else "–"


def _denies(item: Row) -> bool:
    """An allergy that is over does not: it stands beside the "no known allergies" of somebody else, and is counted."""
    allergy = item.facts.allergy
    return allergy is not None and bool(allergy.negative)


def _by_copy(told: Sequence[tuple[SourceState, SectionState]]) -> str:
    many = sum(said.kept == "copy" and said.state != "out of date" for _, said in told)
    return f", {many} of them by a copy" if many else ""


def _gap(view: View, section: Section, held: int) -> str:
    waits = "1 item waits behind a warning: it may be about somebody else." if held else ""
    if held > 1:
        waits = f"{held} items wait behind a warning: they may be about somebody else."
    return " ".join(filter(None, (together(view.troubled(section.id), view.fmt, len(view.about(section.id))), waits)))


def _hidden(told: tuple[tuple[SourceState, SectionState], ...], withheld: tuple[Withheld, ...]) -> bool:
    """True when a role, and nothing else, keeps the whole section back."""
    by_rule = any(each.kind == "not-permitted" and not each.source for each in withheld)
    return by_rule or (bool(told) and all(said.state == "not permitted" for _, said in told))


def _head(section: Section, count: int, says: tuple[Say, ...], withheld: tuple[Withheld, ...], bare: tuple[str, ...]) -> str:
    if count:
        order = ", newest first" if count > 1 else ""
        return f"{count}{order}{', incomplete' if withheld or any(each.sign.tone != 'ask' for each in says) else ''}"
    if any(each.kind == "not-permitted" for each in withheld):
        return "not shown in your role"
    if withheld:
        return "withheld"
    if any(each.sign.tone != "ask" for each in says):
        return "unavailable"
    if says:
        return "none recorded where it was asked for" if bare else "not asked for"
    return "none recorded" if bare else "shared by no source of this record"


def _empty(rows: tuple[Row, ...], bare: tuple[str, ...], told: tuple[object, ...], withheld: tuple[Withheld, ...]) -> str:
    if len(bare) > MOST_NAMED:
        return f"Not recorded in {len(bare)} sources."
    if bare:
        return f"Not recorded in {joined(bare)}."
    if not told and not rows and not withheld:
        return "None of the sources of this record shares this."
    return ""


def _figures(view: View, section: Section) -> list[Figure]:
    """Trends worth drawing: two values or more, or named as key; the key ones first."""
    drawn = [(each, series(view, each)) for each in section.trends]
    worth = [(each, line) for each, line in drawn if line and (len(line.points) > 1 or each.important)]
    worth.sort(key=lambda pair: (not pair[0].important, not pair[1].points[-1].outside))
    beside = happened(view)
    return [
        Figure(line, trend(line, beside), _caption(line, each.method), bool(within(line, beside))) for each, line in worth
    ]  # fmt: skip


def _caption(line: Series, method: str) -> str:
    parts = [f"Reference {line.range}" if line.range else "No reference range sent", joined(line.laboratories), method]
    if len(line.points) > SHOWN:
        parts.append(f"the newest {SHOWN} of {len(line.points)}, all in the table")
    return ". ".join(filter(None, parts))


def result_of(item: Row) -> Result | None:
    return item.facts.result


def value_of(item: Row) -> str:
    result = item.facts.result
    if result is None:
        return ""
    if result.measure.value and not result.components:
        return " ".join(filter(None, (result.measure.value, result.measure.unit)))
    return value_words(result)
