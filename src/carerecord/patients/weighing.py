"""One person, perhaps, or two? Levels are weighed after Fellegi and Sunter (1969); rules then say what no weight may decide.

Pure. One arithmetic for one claim and for a batch. Three outcomes: LINK (by itself), REVIEW (a human looks), APART.
"""

from typing import Final

from msgspec import Struct

from carerecord.patients.facts import Facts
from carerecord.patients.levels import (
    ABSENT,
    CROSSED,
    DIFFERS,
    EDIT,
    FORM,
    FORMER,
    INITIAL,
    NEAR,
    PART,
    PARTLY,
    SAME,
    SHARED,
    SOUND,
    STREET,
    SWAPPED,
    cannot_be,
    compare,
)  # fmt: skip
from carerecord.patients.weights import FACTS, weights

LINK, REVIEW, APART = "link", "review", "apart"
NAMELESS, COPIED = "nobody else is born there that day", "a housemate bears that birth date"
ALONE = "little agrees, and nobody likelier is found"
_TABLE: Final = weights()
_GIVEN, _SECOND, _FAMILY, _BIRTH, _SEX, _PLACE, _PHONE, _NHS, _NUMBER = (_TABLE.bits[fact] for fact in FACTS)
_ALIKE: Final = frozenset((SAME, FORM, SOUND))
_CALLED: Final = _ALIKE | {NEAR}
_KIN: Final = frozenset((SAME, NEAR, SOUND, FORMER, PART))
_NAMED: Final = {"given": 0, "family": 1}
_GENERATION: Final = 15  # years
_OLDEST: Final = 75  # nobody has a child later than that
_LIVING: Final = ("1900", "2099")  # whoever is born in another year is a slip, and nobody's parent or child


class Weighing(Struct, frozen=True, gc=False):
    levels: tuple[str, ...]
    bits: float
    verdict: str
    held: str = ""  # the rule that held a link back
    unless: str = ""  # what may change the verdict: those who live with them (`households`); or that nobody else is found


def weigh(one: Facts, other: Facts) -> Weighing:
    """Symmetric."""
    levels = compare(one, other)
    bits = bits_of(one, other, levels)
    verdict, held = judge(one, other, levels, bits)
    if verdict == REVIEW:
        return Weighing(levels, bits, verdict, held, _unless(one, other, levels, bits))
    if verdict == APART and _faintly(one, other, levels, bits):
        return Weighing(levels, bits, verdict, held, ALONE)
    return Weighing(levels, bits, verdict, held)


def _unless(one: Facts, other: Facts, levels: tuple[str, ...], bits: float) -> str:
    """Two doubts that a look at the household can settle, where all else that is said of either agrees."""
    given, second, family, birth, sex, place, _, nhs, _ = levels
    housed = place == SAME or (place == NEAR and (one.house == other.house or not (one.house and other.house)))
    if second != SAME or not housed or sex == DIFFERS or nhs in (DIFFERS, EDIT):
        return ""
    singly = not (one.born_as or other.born_as or one.newborn or other.newborn)
    if birth == SAME and family in (SAME, NEAR, ABSENT) and singly and bits - min(0.0, _GIVEN[given]) >= _TABLE.link:
        stray = given == DIFFERS and sex == SAME and 1 in (len(one.given[0]), len(other.given[0]))  # a lone letter
        return NAMELESS if stray or given in (ABSENT, INITIAL) else ""
    if given in (SAME, FORM) and family == sex == SAME and birth == DIFFERS and bits - _BIRTH[DIFFERS] >= _TABLE.link:
        return COPIED
    return ""


def _faintly(one: Facts, other: Facts, levels: tuple[str, ...], bits: float) -> bool:
    """Little agrees but where they live, and nothing that a housemate could not be mistaken in speaks against it.

    Of two in one institution, where many stay, both names must agree as well.
    """
    given, second, family, birth, sex, place, _, nhs, _ = levels
    near = place == STREET or (place in (ABSENT, SHARED) and birth == SAME)
    there = place in (SAME, NEAR) or (place == SHARED and given in _CALLED and family in _KIN)
    least = _TABLE.faint if there else _TABLE.faint_street if near else _TABLE.link
    if bits < least or DIFFERS in (second, sex) or nhs in (DIFFERS, EDIT):
        return False
    return not (one.newborn or other.newborn or one.born_as or other.born_as)


def bits_of(one: Facts, other: Facts, levels: tuple[str, ...]) -> float:
    given, second, family, birth, sex, place, phone, nhs, number = levels
    told = _GIVEN[given] + _SECOND[second] + _FAMILY[family] + _BIRTH[birth] + _SEX[sex]
    told += _PLACE[place] + _PHONE[phone] + _NHS[nhs] + _NUMBER[number]
    if given == SAME:
        told += _TABLE.given.get(one.given[0], _TABLE.rare_given)
    if family == SAME:
        told += _TABLE.family.get(one.family, _TABLE.rare_family)
    return told + sum(_rarity(one, other)) if given == SWAPPED else told


def _rarity(one: Facts, other: Facts) -> tuple[float, float]:
    """A rare name says more than a common one. Of two swapped names, by the order of them that says less."""
    told = [(each.given[0] if each.given else "", each.family) for each in (one, other)]
    given, family = _TABLE.given, _TABLE.family
    return min(((given.get(name, _TABLE.rare_given), family.get(of, _TABLE.rare_family)) for name, of in told), key=sum)


def each_bits(one: Facts, other: Facts, levels: tuple[str, ...]) -> tuple[tuple[str, str, float], ...]:
    """(fact, level, bits), strongest first, without what was not stated."""
    found = []
    for fact, level in zip(FACTS, levels, strict=True):
        bits = _TABLE.bits[fact][level]
        if fact in _NAMED and level in (SAME, SWAPPED):
            bits += _rarity(one, one if level == SAME else other)[_NAMED[fact]]
        if level != ABSENT:
            found.append((fact, level, round(bits, 1)))
    return tuple(sorted(found, key=lambda each: (-abs(each[2]), each[0])))


def probability(bits: float) -> float:
    """How probable it is that two entries with so many bits are one person, among all pairs that there are."""
    odds = bits - _TABLE.prior
    return 0.0 if odds < -60 else 1.0 if odds > 60 else float(1 / (1 + 2.0**-odds))


def judge(one: Facts, other: Facts, levels: tuple[str, ...], bits: float) -> tuple[str, str]:
    """What the weights may decide, and which rule held a link back."""
    if bits < _TABLE.review:
        return APART, ""
    if one.newborn != other.newborn and _a_generation(one, other):
        return APART, "a newborn is never its mother"
    if levels[0] == ABSENT and levels[3] == DIFFERS and levels[7] != SAME and (one.newborn or other.newborn):
        return APART, "a newborn is never its brother"
    if other_person := _another(levels):
        return APART, other_person
    if one.verified and other.verified and levels[7] == DIFFERS and levels[5] not in (SAME, NEAR) and levels[6] != SAME:
        return APART, "two registered people"
    held = "not enough evidence" if bits < _TABLE.link else held_back(one, other, levels, bits)
    return (REVIEW, held) if held else (LINK, "")


def held_back(one: Facts, other: Facts, levels: tuple[str, ...], bits: float) -> str:
    """Which rule forbids that these two are linked without a human; "" where none does. Whatever else they weigh."""
    given, second, family, birth, sex, place, phone, nhs, number = levels
    numbered, housed = nhs == SAME or number == SAME, place in (SAME, NEAR)
    kin = family in _KIN or family == SWAPPED
    spelt = given == NEAR and second == SAME and bool({one.given[0], other.given[0]} & _TABLE.known)
    called = (given in (SAME, FORM) or spelt) and (family in (SAME, FORMER) or (family == NEAR and second == SAME))
    whole = called and housed  # as much as can agree without a birth date
    sure = numbered and whole and given == SAME and family == SAME and sex == SAME  # all but the birth date, and a number
    sexed = sex == SAME or (second == SAME and (sex == ABSENT or given == SAME))
    if (birth == DIFFERS and not (sure and _apart(one.birth, other.birth) < _GENERATION)) or (birth == ABSENT and not sure):
        return "the birth date does not agree: name and address alone never link"
    unnamed = family == ABSENT and given == second == sex == SAME
    if birth == PARTLY:
        most = _GENERATION - 1 if numbered else 1 if whole else 0  # years
        enough = sexed and (whole or (numbered and kin) or (unnamed and housed))
        if not enough or _apart_as_told(one.birth, other.birth) > most:
            return "the birth date agrees in part, and too little else does"
    if birth == EDIT and not (numbered or ((kin or unnamed) and housed)):
        return "the birth date is near, and too little else agrees"
    if birth == EDIT and not numbered and _may_be_parent(one.birth, other.birth):
        return "they may be parent and child"
    if nhs in (DIFFERS, EDIT):
        return "NHS numbers differ"
    if one.born_as.isdigit() and other.born_as.isdigit() and one.born_as != other.born_as:
        return "birth order differs"
    named = family in (SAME, NEAR) or given == second == birth == SAME
    if sex == DIFFERS and not (housed and named and _surely_called(given, second, birth)):
        return "sex differs"
    swapped = given == SWAPPED and birth in (SAME, EDIT) and not (one.born_as or other.born_as)
    if given not in _ALIKE and not (swapped or ((birth in (SAME, EDIT) or spelt) and _miswritten(one, other, levels))):
        return "the given name does not agree"
    if given == FORM and not (numbered or second == SAME) and _two_names(one.given[0], other.given[0]):
        return "two names, or two forms of one"
    if second == DIFFERS and not numbered:
        return "the second given name differs"
    if not (kin or numbered or housed):
        return "the family name does not agree"
    if not (numbered or phone == SAME or housed or place == STREET):
        rare = bits >= _TABLE.alone and given == family and given in (SAME, SWAPPED) and birth == SAME and sex != DIFFERS
        return "" if rare else "name and birth date alone are not enough"
    return ""


def _surely_called(given: str, second: str, birth: str) -> bool:
    """So much of the name and the birth date agrees that the sex is what was written wrong: twins do not share a name."""
    if second == SAME:
        return (given == SAME and birth in (SAME, EDIT, PARTLY)) or (given == FORM and birth == SAME)
    return given == SAME and second != DIFFERS and birth == SAME


def _miswritten(one: Facts, other: Facts, levels: tuple[str, ...]) -> bool:
    """A given name written wrong: what twins do not share must be one name and a slip of it, never two names or an initial."""
    given, second, family, birth, _, place, phone, nhs, number = levels
    if birth == EDIT and not (given == NEAR and second == SAME and place == SAME):
        return False
    if nhs == SAME or number == SAME:
        called = given == PART and bool({one.given[0], other.given[0]} & set(one.given) & set(other.given))
        return (called or given in (NEAR, INITIAL, SWAPPED, ABSENT)) and not (one.born_as or other.born_as)
    if one.born_as or other.born_as:
        return False
    if given == NEAR:
        named = second == SAME or one.given[0] in _TABLE.known or other.given[0] in _TABLE.known
        return named and family in _KIN and (place in (SAME, NEAR, STREET) or phone == SAME)
    return False


def _another(levels: tuple[str, ...]) -> str:
    """Why the two are plainly two people, however much of the rest they share; "" where they may be one."""
    given, second, family, birth, sex, place, phone, nhs, number = levels
    if nhs == SAME or number == SAME:
        return ""
    born_apart = birth in (DIFFERS, PARTLY)
    if given in (DIFFERS, PART, CROSSED) and born_apart:
        return "two of one household"
    if given == DIFFERS and (second == DIFFERS or sex == DIFFERS or nhs == DIFFERS):
        return "twins"
    if birth == DIFFERS and (family == DIFFERS or place == DIFFERS or nhs == DIFFERS):
        return "namesakes"
    if birth == EDIT and nhs == DIFFERS and place == DIFFERS:
        return "namesakes"
    if family == DIFFERS and given != CROSSED and place not in (SAME, NEAR, STREET) and phone != SAME:
        return "a given name and a birth date alone"
    return ""


def contradicts(one: Facts, other: Facts) -> bool:
    """Whether these two may never stand in one set without a human, however each is like a third."""
    if one.source == other.source and one.local != other.local:
        return True  # a source seldom holds one person twice
    levels = compare(one, other)
    given, family, birth, nhs = levels[0], levels[2], levels[3], levels[7]
    if nhs == SAME:  # two slips of one birth date are further apart than either is from the truth
        return given in (DIFFERS, PART) or (birth == DIFFERS and not (given in _ALIKE and family in _KIN))
    return bool(_another(levels)) or nhs in (DIFFERS, EDIT) or birth == DIFFERS


def _may_be_parent(one: str, other: str) -> bool:
    """Whether the two birth dates lie a generation apart, and neither year is a slip."""
    living = _LIVING[0] <= min(one[4:], other[4:]) and max(one[4:], other[4:]) <= _LIVING[1]
    return living and _GENERATION <= _apart(one, other) <= _OLDEST


def _two_names(one: str, other: str) -> bool:
    """Margaret and Rita are forms of one name, and may be sisters: both are common as they stand."""
    return one in _TABLE.given and other in _TABLE.given and other not in _TABLE.spelled.get(one, ())


def _apart(one: str, other: str) -> int:
    """Years between two birth dates; more than a life where a year is not known."""
    return abs(int(one[4:]) - int(other[4:])) if "0000" not in (one[4:], other[4:]) else 200


def _apart_as_told(one: str, other: str) -> int:
    """The same; none where one of them was garbled, and its year with it."""
    return 0 if cannot_be(one) or cannot_be(other) else _apart(one, other)


def _a_generation(one: Facts, other: Facts) -> bool:
    """A baby and a grown-up; or a baby and somebody whose birth date nobody said."""
    if not (one.birth and other.birth):
        return True
    return abs(int(one.birth[4:]) - int(other.birth[4:])) >= 10
