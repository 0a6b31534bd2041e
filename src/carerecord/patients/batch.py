"""Who is who among many at once? The same keys, weights and rules as for one claim, in memory."""

import gc
from collections.abc import Iterator, Sequence

from msgspec import Struct

from carerecord.contracts.patients import SourcePatient
from carerecord.patients.facts import Facts
from carerecord.patients.households import settles
from carerecord.patients.keys import candidates
from carerecord.patients.model import number_stated
from carerecord.patients.weighing import ALONE, LINK, REVIEW, contradicts, weigh

Pair = tuple[int, int]  # places in the sequence given, the lesser first


class Linked(Struct, frozen=True):
    """`person` holds, for each place, the least place of its set."""

    person: tuple[int, ...]
    reviews: tuple[Pair, ...]


def link(facts: Sequence[Facts]) -> Linked:
    """Strongest first: two sets join where a pair links and no pair across them contradicts. What does not join waits."""
    strong: list[tuple[float, Pair]] = []
    doubtful: list[tuple[float, Pair]] = []
    held: list[tuple[float, Pair, str]] = []
    faint: list[tuple[float, Pair]] = []
    for pair in candidates(facts):
        found = weigh(facts[pair[0]], facts[pair[1]])
        if found.verdict == LINK:
            strong.append((-found.bits, pair))
        elif found.unless == ALONE:
            faint.append((-found.bits, pair))
        elif found.unless:
            held.append((-found.bits, pair, found.unless))
        elif found.verdict == REVIEW:
            doubtful.append((-found.bits, pair))
    settled = set(_settled(facts, held)) if held else set()
    doubtful += [(bits, pair) for bits, pair, _ in held if (bits, pair) not in settled]
    sets = Sets(facts)
    best: dict[tuple[int, str], float] = {}  # the bits by which a place found its like in a source

    def join(bits: float, one: int, other: int) -> None:
        if sets.join(one, other):
            for place, mate in ((one, other), (other, one)):
                best.setdefault((place, facts[mate].source), bits)
        else:
            doubtful.append((bits, (one, other)))

    # Those of one number first: what has none then finds the set that several speak for, and not one stray entry of it.
    strong.sort()
    for bits, pair in strong:
        if _of_one_number(facts, pair):
            join(bits, *pair)
    rest = [each for each in strong if not _of_one_number(facts, each[1])]
    rest.sort(key=lambda each: len(sets.of[each[1][0]]) == len(sets.of[each[1][1]]) == 1)
    for bits, pair in (*rest, *sorted(settled)):
        join(bits, *pair)
    reviews = []
    for bits, (one, other) in doubtful:
        if sets.of[one] is sets.of[other]:
            continue
        # Where the source's own entry of this person is found already, a weaker likeness to another of its entries is a relation.
        taken = min(best.get((one, facts[other].source), 1.0), best.get((other, facts[one].source), 1.0))
        if taken > 0 or bits < taken:
            reviews.append((one, other))
    reviews += _of_those_alone(facts, sets, faint, reviews)
    return Linked(tuple(min(sets.of[place]) for place in range(len(facts))), tuple(reviews))


def link_stated(stated: Sequence[SourcePatient]) -> Linked:
    """The same of what sources say, for a process that does nothing else: the collector of rings rests, for nothing here is one,
    and it would look at every entry again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return link([Facts.of(each, number_stated(each), each.demographics.nhs_number_status) for each in stated])
    finally:
        if collects:
            gc.enable()


def _of_those_alone(
    facts: Sequence[Facts], sets: "Sets", faint: list[tuple[float, Pair]], reviews: Sequence[Pair]
) -> Iterator[Pair]:
    """What is like nobody else is put beside the likeliest of the rest, unless that one's source is known to know the other."""
    found = {place for pair in reviews for place in pair}
    for _, (one, other) in sorted(faint):
        mine, yours = sets.of[one], sets.of[other]
        if not any(len(of) == 1 and place not in found for place, of in ((one, mine), (other, yours))):
            continue
        if {facts[each].source for each in mine}.isdisjoint({facts[each].source for each in yours}):
            found |= {one, other}
            yield one, other


def _of_one_number(facts: Sequence[Facts], pair: Pair) -> bool:
    return facts[pair[0]].nhs == facts[pair[1]].nhs != ""


def _settled(facts: Sequence[Facts], held: Sequence[tuple[float, Pair, str]]) -> list[tuple[float, Pair]]:
    """Those whose doubt the household settles."""
    asked = {facts[place].birth for _, pair, _ in held for place in pair}
    born: dict[str, list[Facts]] = {birth: [] for birth in asked}
    for each in facts:
        if each.birth in born:
            born[each.birth].append(each)
    found = []
    for bits, pair, doubt in held:
        one, other = facts[pair[0]], facts[pair[1]]
        near = [each for birth in {one.birth, other.birth} for each in born[birth]]
        if settles(doubt, one, other, near):
            found.append((bits, pair))
    return found


class Sets:
    """Which places are one person so far."""

    def __init__(self, facts: Sequence[Facts]) -> None:
        self._facts = facts
        self.of: list[list[int]] = [[place] for place in range(len(facts))]

    def join(self, one: int, other: int) -> bool:
        """Make the two sets one, unless somebody of one contradicts somebody of the other."""
        left, right = self.of[one], self.of[other]
        if left is right:
            return True
        if len(left) + len(right) > 2:
            pairs = ((a, b) for a in left for b in right if (a, b) != (one, other))  # of those two it is known
            if any(contradicts(self._facts[a], self._facts[b]) for a, b in pairs):
                return False
        left.extend(right)
        for place in right:
            self.of[place] = left
        return True
