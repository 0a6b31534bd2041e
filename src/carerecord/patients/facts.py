"""What of a statement is compared, folded once? The same for one claim at a desk and for a million in a batch."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from msgspec import Struct

from carerecord.contracts.patients import Name, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.patients import names, unknown
from carerecord.patients.model import VERIFIED

_DATE: Final = re.compile(r"(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?")
_DIGITS: Final = re.compile(r"\d+[a-z]?")
_NOT_DIGIT: Final = re.compile(r"\D+")
_SHORT: Final = {
    "street": "st", "road": "rd", "avenue": "ave", "lane": "ln", "drive": "dr", "close": "cl", "crescent": "cres", "court": "ct",
    "place": "pl", "terrace": "ter", "gardens": "gdns", "garden": "gdns", "square": "sq", "apartment": "flat", "apt": "flat",
    "circuit": "cct", "grove": "gr", "house": "hse", "park": "pk", "saint": "st", "mount": "mt", "north": "n", "south": "s",
}  # fmt: skip
_SEX: Final = {"male": "m", "female": "f"}
_IN_USE: Final = frozenset(("", "usual", "official", "nickname", "temp"))


class Facts(Struct, frozen=True, array_like=True, gc=False):
    """One statement. Empty means: nothing was said, or what was said means unknown."""

    given: tuple[str, ...]  # the words of the first name that names anybody
    family: str  # closed: Smith-Jones is smithjones
    also_given: tuple[str, ...]  # first words of other names
    also_family: tuple[str, ...]  # parts of a double name, former names
    birth: str  # eight digits ddmmyyyy; "00" and "0000" for parts that are not known; "" where none is
    sex: str  # m | f | ""
    nhs: str
    verified: bool
    born_as: str  # multiple birth
    newborn: bool  # called Baby: a mother's record looks like it in all but the given name
    place: str  # the address's words in order of the alphabet
    house: str  # numbers in the address
    post: str
    phones: tuple[str, ...]
    numbers: tuple[str, ...]  # system|value of local numbers
    source: str
    local: str
    stays: str = ""  # the words of an institution, which is nobody's home

    @classmethod
    def of(cls, stated: SourcePatient, nhs_number: str = "", nhs_status: str = "") -> "Facts":
        """`nhs_number` is the one in force, which a trace may have found in place of that stated."""
        who = stated.demographics
        if len(who.names) == 1:
            given, closed, also_family, newborn = _spoken(who.names[0].given, who.names[0].family)
            also_given: tuple[str, ...] = ()
        else:
            given, closed, also_given, also_family, newborn = _best_spoken(who.names)
        post = names.postcode(who.postcode)
        told_place = names.folded(who.address)
        lives = unknown.home(who.address, told_place, post)
        words = sorted([_SHORT.get(word, word) for word in told_place]) if told_place else []
        stays = "" if lives or not unknown.institution(who.address) else " ".join(words)
        words = words if lives else []
        numbers = [
            f"{each.system}|{folded}"
            for each in stated.identifiers
            if each.system != NHS_NUMBER and (folded := names.number(each.value)) and folded != nhs_number
        ]
        digits = who.phone if who.phone.isdigit() else _NOT_DIGIT.sub("", who.phone)
        phone = unknown.telephone(digits) if digits else ""
        if not lives and not phone.startswith("7"):
            phone = ""  # the surgery's or the hostel's own, as the address is
        return cls(
            given=given,
            family=closed,
            also_given=also_given,
            also_family=also_family,
            birth=_birth(who.birth_date),
            sex=_SEX.get(who.gender, ""),
            nhs=nhs_number,
            verified=bool(nhs_number) and nhs_status == VERIFIED,
            born_as=who.multiple_birth,
            newborn=newborn,
            place=" ".join(words),
            house=" ".join([word for word in words if word[0] <= "9" and _DIGITS.fullmatch(word)]),
            post=post if lives else "",
            phones=(phone,) if phone else (),
            numbers=tuple(sorted(numbers)) if numbers else (),
            source=stated.source,
            local=stated.local_id,
            stays=stays,
        )


@lru_cache(maxsize=names.AT_HAND)
def _spoken(given: tuple[str, ...], family: str) -> tuple[tuple[str, ...], str, tuple[str, ...], bool]:
    """Of one name: what says something of the given name, the closed family name, its parts, and whether it is a newborn's."""
    called = _called(given)
    real, named = unknown.real_words(called, names.words(family))
    closed = "".join(named)
    return real, closed, tuple(sorted({*named} - {closed})) if len(named) > 1 else (), unknown.is_newborn(called)


def _best_spoken(told: Iterable[Name]) -> tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...], bool]:
    """Of many names: the one in use that says most, and beside it what the others add."""
    spoken = [(*_spoken(name.given, name.family), name.use) for name in told]
    spoken.sort(key=lambda each: (each[4] not in _IN_USE, not each[0]))
    if not spoken:
        return (), "", (), (), False
    given, closed, parts, _, _ = spoken[0]
    also_given = {each[0][0] for each in spoken[1:] if each[0]} - {"", *given[:1]}
    also_family = {*parts, *(word for each in spoken[1:] for word in (each[1], *each[2]))} - {"", closed}
    return given, closed, tuple(sorted(also_given)), tuple(sorted(also_family)), any(each[3] for each in spoken)


def _called(given: tuple[str, ...]) -> tuple[str, ...]:
    """The words; "" first where a second name stands without a first."""
    told = tuple(word for each in given for word in names.words(each))
    return ("", *told) if told and not given[0] else told


@lru_cache(maxsize=names.AT_HAND)
def _birth(text: str) -> str:
    found = _DATE.match(text)
    if found is None:
        return ""
    year, month, day = unknown.birth(*(int(part or 0) for part in found.groups()))
    return f"{day:02}{month:02}{year:04}" if year or month else ""
