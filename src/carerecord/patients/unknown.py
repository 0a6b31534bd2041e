"""Which values mean that nobody knows? They agree between strangers, and so they carry no weight.

Source: what emergency departments, maternity units and registration desks write where a field must be filled.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from carerecord.patients.names import AT_HAND

# A name of which these are all that is said is no name. "Unknown Male 47", "Trauma Alias Kilo", "Baby Girl Twin 1 Of Khan".
NAMELESS: Final = frozenset(
    (
        "baby", "babe", "infant", "newborn", "neonate", "twin", "triplet", "quad", "male", "female", "boy", "girl", "son",
        "daughter", "unknown", "unk", "unnamed", "unidentified", "not", "known", "given", "stated", "trauma", "alias",
        "resus", "major", "incident", "patient", "test", "dummy", "xx", "xxx", "xxxx", "zz", "zzz", "na", "none", "nil",
        "no", "name", "surname", "forename", "anonymous", "john-doe", "of", "adult", "child", "person", "man", "woman",
        "confidential", "fnu", "lnu",
    )
)  # fmt: skip
# Each of these makes the whole name an alias, whatever stands beside it: "Unknown Kilo" is not called Kilo.
_ALIAS: Final = frozenset(("unknown", "unk", "unidentified", "trauma", "alias", "resus", "incident", "anonymous"))
_BABY: Final = frozenset(("baby", "babe", "infant", "newborn", "neonate", "twin", "triplet"))

# What a census taker or a ward writes where the given name is not known: who it is, instead of how they are called. These are
# family names too (Friend, House, Gent), so they say nothing in the place of a given name alone.
_RELATION: Final = frozenset(
    (
        "lady", "gentleman", "gentlemen", "gent", "mr", "mrs", "miss", "ms", "wife", "husband", "spouse", "partner", "mother",
        "father", "mum", "mom", "dad", "brother", "sister", "nephew", "niece", "uncle", "aunt", "grandchild", "grandson",
        "granddaughter", "grandfather", "grandmother", "kid", "minor", "youngest", "oldest", "eldest", "elder", "friend",
        "lodger", "tenant", "resident", "inmate", "occupant", "occupier", "householder", "house", "home", "dau", "doh", "soh",
        "loh", "mh", "coh", "hijo", "hija", "senor", "senora",
    )
)  # fmt: skip
_LONG: Final = tuple(sorted(each for each in _RELATION if len(each) >= 7))
_NO_GIVEN: Final = NAMELESS | _RELATION
_LITTLE: Final = frozenset(("in", "the"))  # of "Lady In The House"; In is a name where no such word stands beside it

_HOMELESS_WORDS: Final = frozenset(
    (
        "surgery", "medical", "health", "hospital", "infirmary", "hostel", "no", "nfa", "shelter", "nightstop", "night", "foyer",
        "refuge", "hmp", "prison", "immigration", "hotel", "not", "unknown", "homeless", "c", "co", "student", "barracks",
        "salvation", "ymca",
    )
)  # fmt: skip  # one of each phrase below, as words are folded: only where one stands is the address read for the phrase
_INSTITUTION: Final = re.compile(
    r"\b(surgery|medical (?:centre|practice|center)|health (?:centre|center)|hospital|infirmary|hostel|shelter|night ?stop|foyer|"
    r"refuge|hmp|prison|immigration removal|hotel|student (?:village|halls?)|barracks|salvation army|ymca)\b",
    re.IGNORECASE,
)
_NO_PLACE: Final = re.compile(
    r"\b(no fixed (?:abode|address)|nfa|not known|unknown|no address|homeless|c/?o)\b", re.IGNORECASE
)
_OVERSEAS_OR_NONE: Final = re.compile(r"ZZ99|(?:XX|NF)[0-9]")  # pseudo postcodes of the NHS: no fixed abode, not known, abroad
_NOWHERE: Final = frozenset(("ZZ", "XX", "NF"))
_CLOCK: Final = re.compile(r"(\d)\1{5,}|0?123456|01632960000")


def real_words(given: tuple[str, ...], family: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a name that say something. "Baby" Khan keeps the family's; an alias keeps nothing.

    An initial behind no name is that of a second name, and stays one: "Nephew M" is ("", "m").
    """
    if not (_ALIAS.isdisjoint(given) and _ALIAS.isdisjoint(family)):
        return (), ()
    named = tuple(word for word in family if word not in NAMELESS and not word.isdigit())
    if not _BABY.isdisjoint(given):
        return (), named
    nobody = _NO_GIVEN if _RELATION.isdisjoint(given) else _NO_GIVEN | _LITTLE
    called = tuple(word for word in given if word not in nobody and not word.isdigit() and not _misspelt(word))
    if called != given and called[:1] != given[:1] and all(len(word) == 1 for word in called):
        initials = called[1:] if called[:1] in (("f",), ("m",)) and len(called) > 1 else called  # "Adult F K" is a woman
        called = ("", *initials) if any(initials) else ()
    return called, named


@lru_cache(maxsize=AT_HAND)
def _misspelt(word: str) -> bool:
    """Whether it is one slip from a long word of kinship: Gentelman, Grandchlld."""
    return any(abs(len(word) - len(each)) <= 1 and OSA.distance(word, each, score_cutoff=1) <= 1 for each in _LONG)


def is_newborn(given: tuple[str, ...]) -> bool:
    return not _BABY.isdisjoint(given)


def birth(year: int, month: int, day: int) -> tuple[int, int, int]:
    """What of a date is really said. The first of January says the year at most; 1900 and 1800 say nothing."""
    if year in (1800, 1900, 1901, 9999) and (month, day) in ((1, 1), (0, 0), (12, 31)):
        return 0, 0, 0
    if (month, day) == (1, 1):
        return year, 0, 0
    return year, month, day


def home(address: str, words: Iterable[str], postcode: str) -> bool:
    """Whether an address, also given as folded words, says where one person lives: not a surgery, a hostel, nowhere or abroad."""
    if not _HOMELESS_WORDS.isdisjoint(words) and (_INSTITUTION.search(address) or _NO_PLACE.search(address)):
        return False
    return postcode[:2] not in _NOWHERE or _OVERSEAS_OR_NONE.match(postcode) is None


def institution(address: str) -> bool:
    """Whether an address that is nobody's home names a place all the same, where many stay."""
    return bool(_INSTITUTION.search(address)) and not _NO_PLACE.search(address)


def telephone(digits: str) -> str:
    """The last ten digits; "" for a number that is none."""
    return "" if len(digits) < 9 or _CLOCK.search(digits) else digits[-10:]
