"""What follows from the rules? Pure: facts in, a verdict out, with the rule that decided. Deny first; deny when nothing fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carerecord.contracts.policy import Rule
from carerecord.contracts.roles import ROLES
from carerecord.contracts.sources import KINDS
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit import toml
from carerecord.kit.errors import BadSetting

# What each condition may speak of: a word outside would make a rule that never applies.
VOCABULARY: Mapping[str, frozenset[Any]] = {
    "role": frozenset(ROLES),
    "relationship": frozenset({"attending", "registered", "claimed", "none"}),
    "purpose": frozenset({"direct-care", "emergency", "safeguarding", "administration", "privacy"}),
    "section": frozenset(SECTION_IDS),
    "action": frozenset(
        {"search", "open", "sources-read", "probe", "enrol", "counts-read", "review", "audit-read"}
        | {"objections-write", "objections-read", "board-read", "stage-write"}
        | {"messages-see", "messages-mend", "message-read"}
    ),
    "kind": frozenset(KINDS),
    "own": frozenset({True, False}),
    "restricted": frozenset({True, False}),
    "reason_given": frozenset({True, False}),
    "objected": frozenset({True, False}),
}
WHOLE = ("refuse", "ask-reason", "absent")  # decide for an opening as a whole
UNNAMED = "unnamed"  # decides for a source as a whole: nothing of it is shown, and not that it takes part
VERDICTS = (*WHOLE, UNNAMED, "withhold", "permit")
DEFAULT = Rule("default/deny", "Nothing is shown that no rule permits.", "Deny by default")


@dataclass(frozen=True)
class Case:
    """What is known when a rule is judged. An empty word is a thing not known, and fits no condition upon it."""

    role: str = ""
    relationship: str = ""
    purpose: str = ""
    section: str = ""
    action: str = ""
    restricted: bool = False
    reason_given: bool = True
    objected: bool = False
    kind: str = ""  # of the source
    own: bool = False  # the source is of the asker's own organisation


@dataclass(frozen=True)
class Written:
    """One rule as it was written: every condition must fit."""

    rule: Rule
    then: str
    fits: tuple[tuple[str, frozenset[Any], bool], ...]  # field, values, and whether they must (or must not) hold it

    def holds(self, case: Case) -> bool:
        return all((getattr(case, name) in values) is wanted for name, values, wanted in self.fits)

    def speaks_of(self, name: str) -> bool:
        return any(condition == name for condition, _, _ in self.fits)


@dataclass(frozen=True)
class Verdict:
    then: str
    rule: Rule


DENIED = Verdict("deny", DEFAULT)


@dataclass(frozen=True)
class Book:
    """All rules, in order. A case is judged once and remembered: there are few that differ."""

    rules: tuple[Written, ...]
    _judged: dict[tuple[str, Case], Verdict] = field(default_factory=dict, repr=False, compare=False)

    def whole(self, case: Case) -> Verdict | None:
        """What decides for the opening as a whole, before any section; None when nothing does."""
        found = self._first("whole", case, WHOLE, DENIED)
        return None if found is DENIED else found

    def unnamed(self, case: Case) -> Rule | None:
        """The rule by which this asker is not told of a source of this kind; None where there is none."""
        found = self._first("source", case, (UNNAMED,), DENIED)
        return None if found is DENIED else found.rule

    def section(self, case: Case) -> Verdict:
        """withhold, permit or deny, for one section: whatever withholds comes before whatever permits.

        Who would not be permitted anyway is denied, and not told that the person hid something.
        """
        permitted = self._first("permit", case, ("permit",), DENIED)
        if permitted is DENIED:
            return DENIED
        withheld = self._first("withhold", case, ("withhold",), DENIED)
        return permitted if withheld is DENIED else withheld

    def withholds(self, case: Case) -> Verdict | None:
        """What is kept back of a section whoever asks; None where nothing is."""
        found = self._first("withhold", case, ("withhold",), DENIED)
        return None if found is DENIED else found

    def action(self, case: Case) -> Verdict:
        return self._first("action", case, ("permit",), DENIED)

    def _first(self, stage: str, case: Case, thens: Sequence[str], otherwise: Verdict) -> Verdict:
        key = (stage, case)
        found = self._judged.get(key)
        if found is None:
            about_action = stage == "action"
            found = next(
                (
                    Verdict(each.then, each.rule)
                    for each in self.rules
                    if each.then in thens and each.speaks_of("action") is about_action and each.holds(case)
                ),
                otherwise,
            )
            if len(self._judged) < 50_000:
                self._judged[key] = found
        return found


def read_book(files: Mapping[str, str]) -> Book:
    """The rules of these TOML files, by file name.

    Raises:
        BadSetting: every fault, told together. A book with a fault is no book: nothing starts on half of the rules.
    """
    faults: list[str] = []
    rules: list[Written] = []
    for file, text in sorted(files.items()):
        try:
            tables, odd = toml.tables(toml.document(text), "rule")
        except toml.NotToml as error:
            faults.append(f"{file}: {error}")
            continue
        faults += [f"{file}: {each}" for each in odd]
        for table in tables:
            written, wrong = _read_rule(table)
            faults += [f"{file}, {table.get('id', 'a rule without id')}: {each}" for each in wrong]
            if written is not None:
                rules.append(written)
    ids = [each.rule.id for each in rules]
    faults += [f"{each} stands twice" for each in sorted({each for each in ids if ids.count(each) > 1})]
    if faults or not rules:
        raise BadSetting("; ".join(faults) or "There are no rules.")
    return Book(tuple(rules))


def _read_rule(table: Mapping[str, Any]) -> tuple[Written | None, list[str]]:
    faults = [f"{name} is missing" for name in ("id", "says", "source", "when", "then") if not table.get(name)]
    faults += [f"{name} is a text" for name in ("id", "says", "source") if not isinstance(table.get(name, ""), str)]
    if not isinstance(table.get("when", {}), dict):
        faults.append("when is a table of conditions")
    if faults:
        return None, faults
    if table["then"] not in VERDICTS:
        faults.append(f"then is {table['then']!r}; it is one of {', '.join(VERDICTS)}")
    fits = []
    for condition, told in table["when"].items():
        name = condition.removesuffix("_not")
        if name not in VOCABULARY:
            faults.append(f"{condition} is no condition; they are {', '.join(VOCABULARY)}")
            continue
        listed = told if isinstance(told, list) else [told]
        if not all(isinstance(each, str | bool) for each in listed):
            faults.append(f"{condition} is a word, true or false, or a list of them")
            continue
        values = frozenset(listed)
        faults += [f"{condition} speaks of {each!r}, which there is not" for each in sorted(values - VOCABULARY[name], key=str)]
        fits.append((name, values, condition == name))
    rule = Rule(table["id"], table["says"], table["source"])
    return (None if faults else Written(rule, table["then"], tuple(fits))), faults


def reason_given(text: str) -> bool:
    """Whether somebody said something: three letters at least, so that a dot or a dash is no reason."""
    return sum(letter.isalpha() for letter in text) >= 3
