"""Which values mean that nobody knows? They agree between strangers, and so they carry no weight.

Source: what emergency departments, maternity units and registration desks write where a field must be filled.
"""

import re
from functools import lru_cache
from typing import Final

# A name of which these are all that is said is no name. "Unknown Male 47", "Trauma Alias Kilo", "Baby Girl Twin 1 Of Khan".
NAMELESS: Final = frozenset(
    (
        "baby", "babe", "infant", "newborn", "neonate", "twin", "triplet", "quad", "male", "female", "boy", "girl", "son",
        "daughter", "unknown", "unk", "unnamed", "unidentified", "not", "known", "given", "stated", "trauma", "alias",
        "resus", "major", "incident", "patient", "test", "dummy", "xx", "xxx", "xxxx", "zz", "zzz", "na", "none", "nil",
        "no", "name", "surname", "forename", "anonymous", "john-doe", "of", "adult", "child", "person", "man", "woman",
        "confidential",
    )
)  # fmt: skip
# Each of these makes the whole name an alias, whatever stands beside it: "Unknown Kilo" is not called Kilo.
_ALIAS: Final = frozenset(("unknown", "unk", "unidentified", "trauma", "alias", "resus", "incident", "anonymous"))
_BABY: Final = frozenset(("baby", "babe", "infant", "newborn", "neonate", "twin", "triplet"))

_NO_HOME: Final = re.compile(
    r"\b(surgery|medical (?:centre|practice|center)|health (?:centre|center)|hospital|infirmary|hostel|"
    r"no fixed (?:abode|address)|nfa|shelter|night ?stop|foyer|refuge|hmp|prison|immigration removal|hotel|not known|unknown|"
    r"no address|homeless|c/?o|student (?:village|halls?)|barracks|salvation army|ymca)\b",
    re.IGNORECASE,
)
_OVERSEAS_OR_NONE: Final = re.compile(r"ZZ99|(?:XX|NF)[0-9]")  # pseudo postcodes of the NHS: no fixed abode, not known, abroad
_CLOCK: Final = re.compile(r"(\d)\1{5,}|0?123456|01632960000")


@lru_cache(maxsize=1 << 16)
def real_words(given: tuple[str, ...], family: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a name that say something. "Baby" Khan keeps the family's; an alias keeps nothing."""
    if any(word in _ALIAS for word in (*given, *family)):
        return (), ()
    if any(word in _BABY for word in given):
        return (), tuple(word for word in family if word not in NAMELESS and not word.isdigit())
    return (
        tuple(word for word in given if word not in NAMELESS and not word.isdigit()),
        tuple(word for word in family if word not in NAMELESS and not word.isdigit()),
    )


def is_newborn(given: tuple[str, ...]) -> bool:
    return any(word in _BABY for word in given)


def birth(year: int, month: int, day: int) -> tuple[int, int, int]:
    """What of a date is really said. The first of January says the year at most; 1900 and 1800 say nothing."""
    if year in (1800, 1900, 1901, 9999) and (month, day) in ((1, 1), (0, 0), (12, 31)):
        return 0, 0, 0
    if (month, day) == (1, 1):
        return year, 0, 0
    return year, month, day


@lru_cache(maxsize=1 << 16)
def home(address: str, postcode: str) -> bool:
    """Whether an address says where one person lives: not a surgery, a hostel, a hospital, nowhere or abroad."""
    return not (_NO_HOME.search(address) or _OVERSEAS_OR_NONE.match(postcode))


def telephone(digits: str) -> str:
    """The last ten digits; "" for a number that is none."""
    return "" if len(digits) < 9 or _CLOCK.search(digits) else digits[-10:]
