"""How alike are two statements of who a person is, and how well does a person fit what was typed?

Pure: no database, no clock. Linking asks `conflicts` and `agrees`; search asks `fit`. Probabilistic linking belongs here too.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from rapidfuzz.distance import OSA, JaroWinkler

from carerecord.contracts.patients import SourcePatient
from carerecord.patients import dates, names, nicknames

# A newborn is often registered before it is named; then the given name says nothing.
NAMELESS: Final = frozenset(
    ("baby", "babe", "infant", "twin", "triplet", "male", "female", "boy", "girl", "unknown", "unnamed", "of")
)


class Traits(Struct, frozen=True):
    """What is compared of one entry, folded."""

    names: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # (family words, given words) of each name, old ones too
    birth: date | None
    gender: str
    multiple_birth: str
    postcode: str
    nhs_number: str
    numbers: frozenset[str]

    @classmethod
    def of(cls, stated: SourcePatient, nhs_number: str) -> "Traits":
        """`nhs_number` is the one in force, which a trace may have found in place of that stated."""
        who = stated.demographics
        return cls(
            names=tuple(
                (names.words(name.family), tuple(word for given in name.given for word in names.words(given)))
                for name in who.names
            ),
            birth=dates.exact(who.birth_date),
            gender=who.gender if who.gender in ("male", "female", "other") else "",
            multiple_birth=who.multiple_birth,
            postcode=names.postcode(who.postcode),
            nhs_number=nhs_number,
            numbers=frozenset(folded for each in stated.identifiers if (folded := names.number(each.value))),
        )

    @property
    def families(self) -> frozenset[str]:
        return frozenset(_with_closed(family for family, _ in self.names))

    @property
    def givens(self) -> frozenset[str]:
        return frozenset(_with_closed(given for _, given in self.names))

    @property
    def words(self) -> frozenset[str]:
        """Every word by which it may be found."""
        return self.families | self.givens


def _with_closed(many: Iterable[tuple[str, ...]]) -> Iterable[str]:
    for each in many:
        yield from each
        if len(each) > 1:
            yield "".join(each)[: names.LONGEST]


# --- linking


def conflicts(one: Traits, other: Traits) -> tuple[str, ...]:
    """What speaks against the two being one person although they state one NHS number; empty when nothing does.

    Symmetric. A family name is not compared: it changes at marriage. A given name that is absent, an initial, a short form,
    or one of several is no conflict; one that is merely near is (Zara and Zoya are twins, not a slip of the pen).
    """
    found = []
    if one.birth is None or other.birth is None:
        found.append("birth date not stated")
    elif one.birth != other.birth:
        found.append("birth date differs")
    if one.gender and other.gender and one.gender != other.gender:
        found.append("sex differs")
    ours, theirs = _called(one), _called(other)
    if ours and theirs:
        if not any(_same_given(left, right) for left in ours for right in theirs):
            found.append("given name differs")
    elif one.multiple_birth or other.multiple_birth:
        found.append("given name not stated, multiple birth")
    if one.multiple_birth.isdigit() and other.multiple_birth.isdigit() and one.multiple_birth != other.multiple_birth:
        found.append("birth order differs")
    return tuple(found)


def agrees(one: Traits, other: Traits) -> tuple[str, ...]:
    """What speaks for it. Symmetric."""
    pairs = (
        ("NHS number same", bool(one.nhs_number) and one.nhs_number == other.nhs_number),
        ("birth date same", one.birth is not None and one.birth == other.birth),
        ("sex same", bool(one.gender) and one.gender == other.gender),
        ("family name same", bool(one.families & other.families)),
        ("given name same", any(_same_given(a, b) for a in _called(one) for b in _called(other))),
        ("postcode same", bool(one.postcode) and one.postcode == other.postcode),
        ("local number same", bool((one.numbers & other.numbers) - {one.nhs_number})),
    )
    return tuple(says for says, holds in pairs if holds)


def _called(traits: Traits) -> tuple[tuple[str, ...], ...]:
    named = (tuple(word for word in given if word not in NAMELESS and not word.isdigit()) for _, given in traits.names)
    return tuple(given for given in named if given)


def _same_given(one: Sequence[str], other: Sequence[str]) -> bool:
    """First names the same, up to initials, short forms and hyphens, or the first of one among those of the other."""
    if "".join(one) == "".join(other):
        return True
    return any(_same_word(one[0], word) for word in other) or any(_same_word(other[0], word) for word in one)


def _same_word(one: str, other: str) -> bool:
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    return nicknames.same_name(one, other)


# --- search

SAME, FORM, NEAR, PREFIX, INITIAL, NONE = "same", "short form", "near", "begins so", "initial", "differs"
_GRADE: Final = {SAME: 1.0, FORM: 0.85, NEAR: 0.65, PREFIX: 0.6, INITIAL: 0.5, NONE: -0.7}
# How much each criterion tells, in bits: about the logarithm of how seldom two people share it (Fellegi and Sunter 1969, with
# the chance agreement of a region of 100,000).
_NHS, _LOCAL, _BIRTH, _FAMILY, _GIVEN, _POSTCODE = 20.0, 14.0, 12.0, 8.0, 6.0, 7.0
WORTH_SHOWING: Final = 0.35


Slots = tuple[tuple[str, ...], ...]


class Sought(Struct, frozen=True):
    """What was typed, understood. A slot is one word with the other ways in which it may have been meant."""

    nhs_number: str = ""
    nhs_slips: frozenset[str] = frozenset()  # valid numbers one slip away from an invalid one
    numbers: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()  # digits that are a number here, or else a birth date or a slip of the pen
    words: Slots = ()  # family or given, in any order
    family: Slots = ()
    given: Slots = ()
    births: tuple[date, ...] = ()
    near_births: tuple[date, ...] = ()
    postcode: str = ""


class Fit(Struct, frozen=True):
    score: float
    exact: bool  # everything that was typed is the same
    decisive: bool  # and it is enough to tell one person from all others
    why: tuple[str, ...]


def fit(sought: Sought, traits: Traits) -> Fit:
    """How well one entry fits; does not depend on the order of the words typed."""
    gained, possible, why, exact = 0.0, 0.0, [], True
    for weight, share, reason in _facts(sought, traits):
        gained, possible = gained + weight * share, possible + weight
        exact = exact and share == 1.0
        if reason:
            why.append(reason)
    named, says = _names(sought, traits)
    for weight, grade in named:
        gained, possible = gained + weight * _GRADE[grade], possible + weight
        exact = exact and grade == SAME
    score = max(0.0, min(1.0, gained / possible)) if possible else 0.0
    born = traits.birth is not None and traits.birth in sought.births
    decisive = exact and (
        bool(sought.nhs_number) or (bool(sought.numbers & traits.numbers) and (born or bool(named))) or (born and len(named) >= 2)
    )
    return Fit(round(score, 4), exact, decisive, (*why, *says))


def _facts(sought: Sought, traits: Traits) -> Iterable[tuple[float, float, str]]:
    if sought.nhs_number:
        if traits.nhs_number == sought.nhs_number:
            yield _NHS, 1.0, "NHS number same"
        elif sought.nhs_number in traits.numbers:
            yield _NHS, 0.9, "earlier NHS number same"
        else:
            yield _NHS, -0.5, ""
    elif sought.nhs_slips:
        slip = traits.nhs_number in sought.nhs_slips
        yield _NHS / 2, 0.6 if slip else 0.0, "NHS number near" if slip else ""
    numbered = bool(sought.maybe & traits.numbers)
    if numbered:
        yield _LOCAL, 1.0, "local number same"
    if sought.numbers:
        same = bool(sought.numbers & traits.numbers)
        yield _LOCAL, 1.0 if same else -0.3, "local number same" if same else ""
    if sought.births:
        slips = () if traits.birth is None else (dates.near(each, traits.birth) for each in sought.births)
        slip_of = next((how for how in slips if how), "")
        if traits.birth in sought.births:
            yield _BIRTH, 1.0, "birth date same"
        elif slip_of:
            yield _BIRTH, 0.6, f"birth date near: {slip_of}"
        elif not numbered:
            yield _BIRTH, -0.3, ""
    if sought.postcode:
        same = traits.postcode == sought.postcode
        yield _POSTCODE, 1.0 if same else -0.3, "postcode same" if same else ""


def _names(sought: Sought, traits: Traits) -> tuple[list[tuple[float, str]], tuple[str, ...]]:
    """The best pairing of typed words with the entry's own: each of its words answers for one typed word."""
    pools = [(_FAMILY, "family name", word) for word in traits.families]
    pools += [(_GIVEN, "given name", word) for word in traits.givens]
    slots = [(slot, "") for slot in sought.words]
    slots += [(slot, "family name") for slot in sought.family] + [(slot, "given name") for slot in sought.given]
    pairs = sorted(
        (
            (_GRADE[grade] * weight, at, word, part, grade, weight)
            for at, (slot, only) in enumerate(slots)
            for weight, part, word in pools
            if not only or only == part
            if (grade := max((_word_grade(typed, word, part) for typed in slot), key=_GRADE.__getitem__)) != NONE
        ),
        key=lambda pair: (-pair[0], pair[2], pair[3], pair[1]),
    )
    answered: dict[int, tuple[float, str]] = {}
    used: set[tuple[str, str]] = set()
    says: dict[str, None] = {}
    for _, at, word, part, grade, weight in pairs:
        if at not in answered and (part, word) not in used:
            answered[at] = (weight, grade)
            used.add((part, word))
            says[f"{part} {grade}" if grade in (SAME, NEAR) else f"{part} near: {grade}"] = None
    unanswered = [
        (_FAMILY if only == "family name" else _GIVEN, NONE) for at, (_, only) in enumerate(slots) if at not in answered
    ]
    return [*answered.values(), *unanswered], tuple(sorted(says))


def _word_grade(typed: str, word: str, part: str) -> str:
    if typed == word:
        return SAME
    if part == "given name" and len(typed) == 1:
        return INITIAL if word.startswith(typed) else NONE
    if part == "given name" and nicknames.same_name(typed, word):
        return FORM
    if near_words(typed, word):
        return NEAR
    return PREFIX if len(typed) >= 3 and word.startswith(typed) else NONE


def near_words(one: str, other: str) -> bool:
    """One slip apart (wrong, missing, added or swapped letter), in words long enough for that to mean something."""
    shorter = min(len(one), len(other))
    if shorter < 4:
        return shorter == 3 and OSA.distance(one, other, score_cutoff=1) <= 1 and one[0] == other[0]
    return OSA.distance(one, other, score_cutoff=1) <= 1 or (
        shorter >= 6 and OSA.distance(one, other, score_cutoff=2) <= 2 and JaroWinkler.similarity(one, other) >= 0.92
    )
