"""What do those who live with them say about two entries that a rule held back?

Pure. Two doubts can be settled so. A record without a given name is its like's unless somebody else of that house was born that
day, for then it may be the twin's. A birth date that differs is a slip where it is another's of the same house in the same
source, copied from the line above: then it says nothing, and does not tell father from son either, so all else must agree.
"""

from collections.abc import Iterable

from carerecord.patients.facts import Facts
from carerecord.patients.levels import DIFFERS, NEAR, SAME, given_level, place_level
from carerecord.patients.weighing import COPIED, NAMELESS


def settles(doubt: str, one: Facts, other: Facts, near: Iterable[Facts]) -> bool:
    """Whether the doubt `Weighing.unless` is settled by those `near` who live in the same house. Symmetric."""
    house = [each for each in near if each not in (one, other) and _whole(each.birth) and (_at(each, one) or _at(each, other))]
    if doubt == NAMELESS:
        called = max(one, other, key=lambda each: len(each.given[0]) if each.given else 0)
        return not any(each.birth == called.birth and not _same_name(each, called) for each in house)
    if doubt == COPIED:
        theirs = [each for each in house if each.source in (one.source, other.source)]
        return any(_copied(mine, each) for mine in (one, other) for each in theirs)
    return False


def _copied(mine: Facts, each: Facts) -> bool:
    return each.birth == mine.birth and not _same_name(each, mine)


def _same_name(each: Facts, other: Facts) -> bool:
    if not (each.given and each.given[0] and other.given and other.given[0]):
        return True  # nobody says that it is another's
    return given_level(each.given[0], other.given[0]) != DIFFERS


def _at(each: Facts, other: Facts) -> bool:
    return place_level(each.place, each.house, each.post, other.place, other.house, other.post) in (SAME, NEAR)


def _whole(birth: str) -> bool:
    return bool(birth) and "00" not in (birth[:2], birth[2:4]) and birth[4:] != "0000"
