"""What do those who live with them say about two entries that a rule held back?

Pure. Two doubts can be settled so. A record without a given name is its like's unless somebody else of that house was born that
day, for then it may be the twin's. A birth date that differs was copied from the line above where it is a housemate's, and the
source that says otherwise knows that housemate: a son of his father's name it would know as the housemate's twin.
"""

from collections.abc import Iterable
from itertools import combinations

from carerecord.patients.facts import Facts
from carerecord.patients.levels import DIFFERS, NEAR, SAME, given_level, place_level
from carerecord.patients.weighing import COPIED, NAMELESS


def settles(doubt: str, one: Facts, other: Facts, near: Iterable[Facts]) -> bool:
    """Whether the doubt `Weighing.unless` is settled by those `near` who live in the same house. Symmetric."""
    house = [each for each in near if each not in (one, other) and _whole(each.birth) and (_at(each, one) or _at(each, other))]
    if doubt == NAMELESS:
        called = max(one, other, key=lambda each: len(each.given[0]) if each.given else 0)
        born = [called, *(each for each in house if each.birth in (one.birth, other.birth))]
        return all(_same_name(mine, yours) for mine, yours in combinations(born, 2))  # neither of the two may have a name
    if doubt == COPIED:
        return any(_copied(mine, yours, each) for mine, yours in ((one, other), (other, one)) for each in house)
    return False


def _copied(mine: Facts, yours: Facts, each: Facts) -> bool:
    """My birth date is that of somebody whom your source knows there. Were I their twin, it would know me too, and as me."""
    return each.source == yours.source and each.birth == mine.birth and not _same_name(each, mine)


def _same_name(each: Facts, other: Facts) -> bool:
    if not (each.given and each.given[0] and other.given and other.given[0]):
        return True  # nobody says that it is another's
    return given_level(each.given[0], other.given[0]) != DIFFERS


def _at(each: Facts, other: Facts) -> bool:
    return place_level(each.place, each.house, each.post, other.place, other.house, other.post) in (SAME, NEAR)


def _whole(birth: str) -> bool:
    return bool(birth) and "00" not in (birth[:2], birth[2:4]) and birth[4:] != "0000"
