"""Which entries are one person? Only by a verified NHS number and birth date, with no conflict of given name or sex.

Pure. What conflicts is never linked: it becomes a pair for a human to look at.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from carerecord.patients import matching
from carerecord.patients.matching import Traits
from carerecord.patients.model import PDS, Entry

# What a source has said of two numbers, and a human decides. No weighing of facts takes it back.
OF_TWO: Final = "The two numbers are of two sources: a human looks first."
TWO_NUMBERS: Final = "Their source says that they are one person, under two NHS numbers: a human looks first."
PARTED: Final = "A human has found that these are two people, and their source says that they are one: a human looks again."
JOINED: Final = "A human has found that these are one person, and their source says that they are two: a human looks again."
TOLD: Final = (OF_TWO, TWO_NUMBERS, PARTED, JOINED)

Decisions = dict[frozenset[str], bool | None]  # a pair of ids -> what a human found: same or not; None: severed for good


class Doubt(Struct, frozen=True):
    """Two entries that may be one person, and what speaks for and against."""

    one: str
    other: str
    agrees: tuple[str, ...]
    conflicts: tuple[str, ...]
    bits: float = 0.0
    weighed: tuple[tuple[str, str, float], ...] = ()  # (fact, how, bits)


class Sets(Struct, frozen=True):
    sets: tuple[tuple[Entry, ...], ...]
    doubts: tuple[Doubt, ...]


def part(entries: Iterable[Entry], traits_of: Callable[[Entry], Traits], decided: Decisions) -> Sets:
    """Sort the verified entries of ONE NHS number into people.

    The PDS speaks first, then the oldest entry; each next one joins the first set in which nobody contradicts it. The result
    does not depend on the order given. A human's finding goes before the rule.
    """
    sets: list[list[Entry]] = []
    doubts: list[Doubt] = []
    for entry in in_order(entries):
        against: list[Doubt] = []
        for each in sets:
            doubt = _doubt(entry, each, traits_of, decided)
            if doubt is None:
                each.append(entry)
                break
            against.append(doubt)
        else:
            sets.append([entry])
            doubts += [doubt for doubt in against[:1] if doubt.conflicts]
    return Sets(tuple(tuple(each) for each in sets), tuple(doubts))


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda e: (e.stated.source != PDS, e.enrolled_at, e.stated.source, e.stated.local_id))


def _doubt(entry: Entry, each: Sequence[Entry], traits_of: Callable[[Entry], Traits], decided: Decisions) -> Doubt | None:
    found = [decided[pair] for member in each if (pair := frozenset((entry.id, member.id))) in decided]
    if not all(found):
        return Doubt(each[0].id, entry.id, (), ())  # a human has said so already: nothing left to ask
    if found:
        return None
    for member in each:
        one, other = traits_of(member), traits_of(entry)
        if against := matching.conflicts(one, other):
            return Doubt(member.id, entry.id, matching.agrees(one, other), against)
    return None
