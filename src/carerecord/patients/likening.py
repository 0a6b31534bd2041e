"""Which of these entries are people whom the index knows already? Weighed against all that share a key; sets join, or wait.

Pure but for its questions to the store. What it may never do: go against a human's finding, join what is severed, join where
somebody of one set contradicts somebody of the other.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import Struct, structs

from carerecord.kit.db import Connection
from carerecord.kit.turns import Turns
from carerecord.patients.facts import Facts
from carerecord.patients.households import settles
from carerecord.patients.keys import keys, numbered
from carerecord.patients.levels import DIFFERS
from carerecord.patients.linking import Doubt
from carerecord.patients.store import likeness, reviews
from carerecord.patients.store.likeness import Member
from carerecord.patients.weighing import ALONE, APART, LINK, REVIEW, Weighing, contradicts, each_bits, weigh

MOST_REVIEWS = 4  # for one entry: the strongest, for a human compares two

Severed = Mapping[str, frozenset[str]]


class Liked(Struct, frozen=True):
    moves: tuple[tuple[str, str, str], ...]  # (patient, person, because)
    doubts: tuple[Doubt, ...]
    joined: frozenset[str]


def keys_of(facts: Facts) -> list[int]:
    return list(dict.fromkeys(map(numbered, keys(facts))))


async def liken(db: Connection, fresh: Sequence[str], doubted: Iterable[Doubt], turns: Turns) -> Liked:
    """Compare these entries of the index, each in a set, with everybody like them. Three statements for a batch, or one."""
    rows = await likeness.beside(db, fresh)
    if not rows:
        return Liked((), (), frozenset())
    by_patient = {each.patient: each for each in await turns.each(likeness.member_in, rows)}
    sets: dict[str, list[Member]] = {}
    for member in by_patient.values():
        sets.setdefault(member.person, []).append(member)
    decided = await reviews.decisions_about(db, {name: member.facts.nhs for name, member in by_patient.items()})
    severed = await likeness.severed_from(db, [*by_patient, *(member.facts.nhs for member in by_patient.values())])
    held = {frozenset((doubt.one, doubt.other)) for doubt in doubted}
    pairs: dict[frozenset[str], tuple[Weighing, str, str]] = {}
    async with turns.mine() as turn:
        for one, two in likeness.hits_of(rows, fresh):
            await turn.over()
            pair = frozenset((one, two))
            if by_patient[one].person == by_patient[two].person:
                continue
            if pair in pairs or pair in held or pair in decided:
                continue
            found = weigh(by_patient[one].facts, by_patient[two].facts)
            if by_patient[one].facts.source == by_patient[two].facts.source:
                found = _within_one_source(found)
            if found.verdict != APART:
                pairs[pair] = (found, one, two)
            elif found.unless == ALONE:
                pairs[pair] = (structs.replace(found, held=ALONE), one, two)
    await _settle(db, pairs, by_patient, turns)
    apart = held | {pair for pair, same in decided.items() if not same}
    return await _sorted_out(pairs.values(), sets, by_patient, apart, severed, turns)


async def _settle(
    db: Connection, pairs: dict[frozenset[str], tuple[Weighing, str, str]], by_patient: Mapping[str, Member], turns: Turns
) -> None:
    """Ask those who live with them about pairs that a household can settle. One statement, where there are such pairs."""
    held = [(pair, *found) for pair, found in pairs.items() if found[0].unless and found[0].verdict == REVIEW]
    if not held:
        return
    asked = sorted({name for _, _, one, two in held for name in (one, two)})
    rows = await likeness.beside(db, asked)
    there = {each.patient: each.facts for each in await turns.each(likeness.member_in, rows)}
    near: dict[str, list[Facts]] = {name: [] for name in asked}
    for name, patient in likeness.hits_of(rows, asked):
        near[name].append(there[patient])
    async with turns.mine() as turn:
        for pair, found, one, two in held:
            await turn.over()
            mine, other = by_patient[one].facts, by_patient[two].facts
            if settles(found.unless, mine, other, (*near[one], *near[two])):
                pairs[pair] = (structs.replace(found, verdict=LINK), one, two)


def _within_one_source(found: Weighing) -> Weighing:
    """A source seldom holds one person twice: what would link waits for a human, anything less is two people."""
    verdict = REVIEW if found.verdict == LINK else APART
    return structs.replace(found, verdict=verdict, held="one source under two of its numbers", unless="")


async def _sorted_out(
    pairs: Iterable[tuple[Weighing, str, str]],
    sets: dict[str, list[Member]],
    by_patient: Mapping[str, Member],
    apart: Set[frozenset[str]],  # pairs that a human has parted, or a rule has doubted
    severed: Severed,
    turns: Turns,
) -> Liked:
    where = {patient: member.person for patient, member in by_patient.items()}
    moved: dict[str, str] = {}
    joined: set[str] = set()
    doubts: dict[frozenset[str], tuple[float, Doubt]] = {}
    count: dict[str, int] = {}
    # What the weights decide goes before what a household has settled, and that before what is shown where nothing else is.
    order = sorted(pairs, key=lambda each: (each[0].verdict == APART, bool(each[0].unless), -each[0].bits, each[1], each[2]))
    async with turns.mine() as turn:
        for found, one, two in order:
            await turn.over()
            left, right = where[one], where[two]
            if left == right or across(sets[left], sets[right], severed):
                continue
            if found.verdict == LINK and not _forbidden(sets[left], sets[right], apart, {one, two}):
                into, gone = (left, right) if (len(sets[left]), right) > (len(sets[right]), left) else (right, left)
                for member in sets.pop(gone):
                    where[member.patient] = moved[member.patient] = into
                    sets[into].append(member)
                joined |= {member.patient for member in sets[into]}
                continue
            if found.verdict == APART and (one in count or not _of_one_alone(sets[left], sets[right])):
                continue
            many = max(count.get(one, 0), count.get(two, 0)) >= MOST_REVIEWS
            if many or _taken(found, one, two, sets[left], sets[right], by_patient):
                continue
            between = frozenset((left, right))
            if between not in doubts:
                count[one], count[two] = count.get(one, 0) + 1, count.get(two, 0) + 1
                doubts[between] = (found.bits, doubt_of(found, by_patient[two], by_patient[one]))
    standing = [doubt for _, doubt in doubts.values() if where[doubt.one] != where[doubt.other]]
    return Liked(tuple((patient, person, "likeness") for patient, person in moved.items()), tuple(standing), frozenset(joined))


def _of_one_alone(left: Sequence[Member], right: Sequence[Member]) -> bool:
    """Whether who came is like nobody else, and no source knows somebody on either side."""
    known = {each.facts.source for each in right}
    return len(left) == 1 and known.isdisjoint(each.facts.source for each in left)


def _forbidden(left: Sequence[Member], right: Sequence[Member], apart: Set[frozenset[str]], linked: Set[str]) -> bool:
    """Whether anybody of one set may not stand beside anybody of the other. Of the two `linked` it has been judged already."""
    for one in left:
        for other in right:
            pair = frozenset((one.patient, other.patient))
            if pair in apart or (pair != linked and contradicts(one.facts, other.facts)):
                return True
    return False


def _taken(
    found: Weighing, one: str, two: str, left: Sequence[Member], right: Sequence[Member], by_patient: Mapping[str, Member]
) -> bool:
    """Whether a source's own entry of this person is found already, and is more like: then the other is a relation."""
    mine, other = by_patient[one], by_patient[two]
    rivals = [(mine, each) for each in left if each.facts.source == other.facts.source]
    rivals += [(other, each) for each in right if each.facts.source == mine.facts.source]
    return any(to.patient != each.patient and weigh(to.facts, each.facts).bits > found.bits for to, each in rivals)


def across(left: Iterable[Member], right: Iterable[Member], severed: Severed) -> bool:
    """Whether a severed history lies between the two sets."""
    if not severed:
        return False
    ours, theirs = (
        {name for member in side for name in (member.patient, member.facts.nhs) if name} for side in (left, right)
    )
    return any(severed.get(name, frozenset()) & theirs for name in ours)


def doubt_of(found: Weighing, one: Member, other: Member) -> Doubt:
    weighed = each_bits(one.facts, other.facts, found.levels)
    return Doubt(
        one.patient,
        other.patient,
        tuple(f"{FACT_NAMES[fact]} {HOW[how]}" for fact, how, bits in weighed if bits > 0 and how != DIFFERS),
        (found.held, *(f"{FACT_NAMES[fact]} {HOW[how]}" for fact, how, bits in weighed if bits <= 0 or how == DIFFERS)),
        found.bits,
        tuple((FACT_NAMES[fact], HOW[how], bits) for fact, how, bits in weighed),
    )


def strongly(doubt: Doubt, one: Facts, other: Facts) -> Doubt:
    """A doubt that a rule raised, with what every fact tells."""
    found = weigh(one, other)
    told = tuple((FACT_NAMES[fact], HOW[how], bits) for fact, how, bits in each_bits(one, other, found.levels))
    return structs.replace(doubt, bits=found.bits, weighed=told)


# What a human reads of a fact and a level.
FACT_NAMES = {
    "given": "given name", "second": "second given name", "family": "family name", "birth": "birth date", "sex": "sex",
    "place": "address", "phone": "telephone", "nhs": "NHS number", "number": "local number",
}  # fmt: skip
HOW = {
    "same": "same", "form": "another form", "near": "near", "sound": "sounds alike", "initial": "initial only", "part": "in part",
    "former": "a former one", "swapped": "swapped with the other name", "crossed": "in the place of the other name",
    "edit": "near: one slip", "partly": "in part", "differs": "differs", "absent": "not stated", "street": "in one street",
    "area": "in one district", "shared": "one institution, where many stay",
}  # fmt: skip
