"""Which true pairs wait for a human though their birth dates agree, and what would a rule that linked them link wrongly?

    python -m benchmarks.truth.doubts

The first is counted on febrl 3 and 4, which hold no sex, no second name and no number. The second on the UK training set, which
holds twins: with their given names struck out of one record in twenty, and with sex and every number struck out of all.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from benchmarks.truth.export import folder
from benchmarks.truth.sets import Truth, febrl
from benchmarks.truth.uk import uk
from carerecord.patients import batch
from carerecord.patients.facts import Facts
from carerecord.patients.households import settles
from carerecord.patients.keys import candidates
from carerecord.patients.levels import ABSENT, CROSSED, DIFFERS, NEAR, PART, SAME, birth_level, given_level
from carerecord.patients.weighing import NAMELESS, weigh
from carerecord.patients.weights import weights

SEED = 1001
STRUCK_OUT = 20  # one record in so many


def told(truth: Truth) -> list[Facts]:
    return [Facts.of(each, each.demographics.nhs_number, each.demographics.nhs_number_status) for each in truth.statements]


def waiting(truth: Truth) -> tuple[int, Counter[str]]:
    """How many true pairs agree on the birth date but for one slip; and of those that are not linked, why, in a word."""
    facts = told(truth)
    born = [
        (one, other) for one, other in truth.pairs()
        if facts[one].source != facts[other].source and facts[one].birth and facts[other].birth
        and birth_level(facts[one].birth, facts[other].birth) in (SAME, "edit")
    ]  # fmt: skip
    person = batch.link(facts).person
    return len(born), Counter(_why(facts[one], facts[other]) for one, other in born if person[one] != person[other])


def _why(one: Facts, other: Facts) -> str:
    found = weigh(one, other)
    given, _, family, birth, _, place, *_ = found.levels
    if given in (DIFFERS, PART):
        both = bool(one.given[0] in weights().known and other.given[0] in weights().known)
        return f"two given names that are nothing alike, {'both known as names' if both else 'one of them in no list'}"
    if given == ABSENT:
        return "no given name on one side"
    if given == CROSSED:
        return "one name in the place of the other, and a second that agrees with nothing"
    if birth == "edit":
        return "a slip in the birth date, and one of the names or the house as well"
    if given == NEAR:
        return "given names one slip apart, both in no list"
    if family in (DIFFERS, ABSENT, PART):
        return "one given name, and no family name that agrees"
    return "both names, and nothing beside them" if place not in (SAME, NEAR) else "something else"


def nameless() -> Counter[bool]:
    """Would it be right to link a record without any given name to its like, where nobody else is known to be born there?"""
    truth = uk(40_000, SEED)
    facts = told(truth)
    struck = set(random.Random(3).sample(range(len(facts)), len(facts) // STRUCK_OUT))
    for each in struck:
        facts[each] = replace(facts[each], given=(), also_given=(), nhs="", numbers=())
    born = _by_birth(facts)
    right: Counter[bool] = Counter()
    for one, other in candidates(facts):
        mine, yours = facts[one], facts[other]
        given, _, family, birth, sex, place, *_ = weigh(mine, yours).levels
        alike = given == ABSENT and family == birth == place == SAME and sex != DIFFERS and not _multiple(mine, yours)
        lone = len({one, other} & struck) == 1
        if lone and alike and settles(NAMELESS, mine, yours, born[mine.birth]):
            right[truth.people[one] == truth.people[other]] += 1
    return right


def other_names() -> Counter[bool]:
    """… to link two given names that are nothing alike, where neither source knows somebody of the other's name there."""
    truth = uk(40_000, SEED)
    facts = [replace(each, nhs="", sex="", numbers=(), phones=(), given=each.given[:1]) for each in told(truth)]
    born = _by_birth(facts)
    right: Counter[bool] = Counter()
    for one, other in candidates(facts):
        mine, yours = facts[one], facts[other]
        given, _, family, birth, _, place, *_ = weigh(mine, yours).levels
        if given == DIFFERS and birth == SAME and family in (SAME, NEAR) and place in (SAME, NEAR):
            house = [each for each in born[mine.birth] if each.post == mine.post and each not in (mine, yours) and each.given]
            known = any(
                each.source == here.source and given_level(each.given[0], there.given[0]) != DIFFERS
                for here, there in ((mine, yours), (yours, mine))
                for each in house
            )
            if not known:
                right[truth.people[one] == truth.people[other]] += 1
    return right


def _multiple(*facts: Facts) -> bool:
    return any(each.newborn or each.born_as for each in facts)


def _by_birth(facts: Iterable[Facts]) -> Mapping[str, Sequence[Facts]]:
    found: defaultdict[str, list[Facts]] = defaultdict(list)
    for each in facts:
        found[each.birth].append(each)
    return found


def main() -> None:
    at = folder()
    for truth in (febrl(at, 4), febrl(at, 3)):
        many, why = waiting(truth)
        print(f"{truth.name}: {many:,} true pairs whose birth dates agree or differ by one slip; not linked:")
        for reason, count in why.most_common():
            print(f"  {count / many:6.1%}  {reason}")
    for what, right in (("a record without a given name", nameless()), ("two given names", other_names())):
        print(f"uk: {what}, linked where nobody else is known: {right[True]:,} right, {right[False]:,} wrong")


if __name__ == "__main__":
    main()
