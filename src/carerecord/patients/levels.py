"""How do two statements compare, fact by fact? Levels; what a level tells is in `weights`, what follows in `weighing`."""

from functools import lru_cache
from operator import eq
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler

from carerecord.patients import nicknames
from carerecord.patients.facts import Facts
from carerecord.patients.names import AT_HAND
from carerecord.patients.sounds import sound
from carerecord.patients.weights import weights

SAME, FORM, NEAR, SOUND, INITIAL, PART, FORMER = "same", "form", "near", "sound", "initial", "part", "former"
SWAPPED, CROSSED, EDIT, PARTLY, DIFFERS, ABSENT = "swapped", "crossed", "edit", "partly", "differs", "absent"
STREET, AREA, SHARED = "street", "area", "shared"
_KNOWN: Final = weights().known
_FORMS: Final = weights().forms
_FULL: Final = weights().full
_MOST_OF_IT: Final = 5  # of eight digits
_NO: Final[frozenset[str]] = frozenset()


@lru_cache(maxsize=AT_HAND)
def given_level(one: str, other: str) -> str:
    """Two first names. Two that are each known as a name are two people's, however near: Jayden and Hayden may be twins."""
    if one == other:
        return SAME
    if len(one) == 1 or len(other) == 1:
        return INITIAL if one[0] == other[0] else DIFFERS
    if nicknames.same_name(one, other) or other in _FORMS.get(one, ()) or _FULL.get(one, _NO) & _FULL.get(other, _NO):
        return FORM
    alike = sound(one) == sound(other)
    if alike and min(len(one), len(other)) >= 6 and OSA.distance(one, other, score_cutoff=1) <= 1:
        return FORM  # Margaret and Margret, Briana and Brianna: nobody calls two children so
    two_names = one in _KNOWN and other in _KNOWN
    if alike and not two_names and JaroWinkler.similarity(one, other) >= 0.75:
        return SOUND
    if not two_names and _near(one, other):
        return NEAR
    return PART if _near(one, other) or one.startswith(other) or other.startswith(one) else DIFFERS


@lru_cache(maxsize=AT_HAND)
def family_level(one: str, other: str) -> str:
    if one == other:
        return SAME
    if _near(one, other):
        return NEAR
    if sound(one) == sound(other) and JaroWinkler.similarity(one, other) >= 0.75:
        return SOUND
    shorter, longer = sorted((one, other), key=len)
    return PART if len(shorter) >= 4 and (longer.startswith(shorter) or longer.endswith(shorter)) else DIFFERS


def _near(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    if shorter < 3:
        return False
    if OSA.distance(one, other, score_cutoff=1) <= 1:
        return True
    return shorter >= 5 and (
        OSA.distance(one, other, score_cutoff=2) <= 2 or JaroWinkler.similarity(one, other, score_cutoff=0.92) >= 0.92
    )


@lru_cache(maxsize=AT_HAND)
def birth_level(one: str, other: str) -> str:
    """Eight digits each, ddmmyyyy. `edit`: one slip of the pen; `partly`: two of day, month and year, or all that both know.

    A year alone is often counted back from an age, and is one too many or too few as often as not. A date that cannot be was
    garbled, and may be two slips from the truth.
    """
    if one == other:
        return SAME if "00" not in (one[:2], one[2:4]) and one[4:] != "0000" else PARTLY
    parts = tuple(zip((one[:2], one[2:4], one[4:]), (other[:2], other[2:4], other[4:]), strict=True))
    known = [(left, right) for left, right in parts if int(left) and int(right)]
    if len(known) < 3:
        counted = "0000" in (one[:4], other[:4]) and bool(known) and abs(int(one[4:]) - int(other[4:])) <= 1
        return PARTLY if counted or (known and all(left == right for left, right in known)) else DIFFERS
    turned = one[2:4] + one[:2] + one[4:]  # the month written before the day
    slips = 2 if cannot_be(one) or cannot_be(other) else 1
    if turned == other or OSA.distance(one, other, score_cutoff=slips) <= slips:
        return EDIT
    if slips == 1:
        return PARTLY if sum(left == right for left, right in known) == 2 else DIFFERS
    if OSA.distance(turned, other, score_cutoff=1) <= 1:
        return EDIT
    return PARTLY if sum(map(eq, one, other)) >= _MOST_OF_IT else DIFFERS


def cannot_be(birth: str) -> bool:
    return birth[:2] > "31" or birth[2:4] > "12" or not "1890" <= birth[4:] <= "2099"


@lru_cache(maxsize=AT_HAND)
def place_level(one: str, house: str, post: str, other: str, other_house: str, other_post: str) -> str:
    """`same`: this house; `near`: so written that it is; `street`: this postcode; `area`: this town or district."""
    if post and post == other_post:
        if house == other_house or (house and other_house and set(house.split()) & set(other_house.split())):
            return SAME if house or one == other else STREET
        return NEAR if not (house and other_house) else STREET
    if post and other_post and OSA.distance(post, other_post, score_cutoff=1) > 1:
        return AREA if post[:-3] == other_post[:-3] else DIFFERS  # the same street name in another town
    if one and other:
        alike = 100.0 if one == other else fuzz.ratio(one, other, score_cutoff=55)
        alike = alike if alike >= 85 else max(alike, fuzz.token_set_ratio(one, other, score_cutoff=55) - 8)
        if not (post and other_post) and (alike >= 97 or (alike >= 80 and house and house == other_house)):
            return SAME  # the same numbers, and the words but for slips
        if alike >= 80:
            return NEAR
        if alike >= 62:
            return STREET
        return AREA if post and other_post else DIFFERS
    return STREET if post and other_post else ABSENT


def compare(one: Facts, other: Facts) -> tuple[str, ...]:
    """One level for each of `weights.FACTS`, in that order. Symmetric."""
    named = one.given and other.given and one.given[0] == other.given[0] != "" and one.family == other.family != ""
    given, family = (SAME, SAME) if named else _names(one, other)
    return (
        given,
        _second(one.given, other.given) if len(one.given) > 1 and len(other.given) > 1 else ABSENT,
        family,
        birth_level(one.birth, other.birth) if one.birth and other.birth else ABSENT,
        ABSENT if not (one.sex and other.sex) else SAME if one.sex == other.sex else DIFFERS,
        _place(one, other),
        _phone(one.phones, other.phones) if one.phones and other.phones else ABSENT,
        _nhs(one.nhs, other.nhs) if one.nhs and other.nhs else ABSENT,
        SAME if one.numbers and other.numbers and not set(one.numbers).isdisjoint(other.numbers) else ABSENT,
    )


def _place(one: Facts, other: Facts) -> str:
    if one.house and one.post and one.house == other.house and one.post == other.post:
        return SAME  # as most are that are compared
    if one.stays or other.stays:  # one of the two may be so misspelt that it looks like a home
        return SHARED if _one_institution(one.stays or one.place, other.stays or other.place) else ABSENT
    return place_level(one.place, one.house, one.post, other.place, other.house, other.post)


@lru_cache(maxsize=1 << 12)
def _one_institution(one: str, other: str) -> bool:
    return bool(one and other) and fuzz.ratio(one, other, score_cutoff=80) >= 80


def _phone(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    return SAME if one == other or not set(one).isdisjoint(other) else DIFFERS


def _names(one: Facts, other: Facts) -> tuple[str, str]:
    left, right = one.given[0] if one.given else "", other.given[0] if other.given else ""
    given = given_level(left, right) if left and right else ABSENT
    family = family_level(one.family, other.family) if one.family and other.family else ABSENT
    if given in (DIFFERS, PART):
        if (one.also_given or other.also_given) and _best_given(one, other):
            given = FORM
        elif len(one.given) > 1 or len(other.given) > 1:
            given = _among(one.given, other.given) or given
    borne = {one.family, *one.also_family} if family in (DIFFERS, PART) else ()
    if borne and not borne.isdisjoint((other.family, *other.also_family)):
        family = FORMER
    if given in (DIFFERS, ABSENT) and family in (DIFFERS, ABSENT):
        over = bool(left and other.family) and family_level(left, other.family) in (SAME, NEAR)
        back = bool(right and one.family) and family_level(one.family, right) in (SAME, NEAR)
        if over and back:
            return SWAPPED, SWAPPED
        if over or back:  # the two names of one stand swapped, and one of them is another
            return CROSSED, family
    return given, family


def _best_given(one: Facts, other: Facts) -> bool:
    return any(
        given_level(left, right) in (SAME, FORM)
        for left in (*one.given[:1], *one.also_given)
        for right in (*other.given[:1], *other.also_given)
    )


def _among(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """Mary-Jane, Mary Jane and MaryJane are one name; somebody may be called by their second name."""
    left, right = "".join(one), "".join(other)
    if left == right:
        return SAME
    if min(len(left), len(right)) >= 6 and OSA.distance(left, right, score_cutoff=1) <= 1:
        return NEAR  # a blank where a letter was meant: Denn S
    called = any(len(word) > 1 and given_level(one[0], word) in (SAME, FORM) for word in other[1:])
    called = called or any(len(word) > 1 and given_level(other[0], word) in (SAME, FORM) for word in one[1:])
    return PART if called else ""


def _second(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    level = given_level(one[1], other[1])
    return level if level in (SAME, INITIAL, DIFFERS) else NEAR


def _nhs(one: str, other: str) -> str:
    if one == other:
        return SAME
    return EDIT if OSA.distance(one, other, score_cutoff=1) <= 1 else DIFFERS
