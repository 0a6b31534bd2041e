"""Who might this be, and by which other numbers is somebody known? Asking links nothing and keeps nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from carerecord.contracts.patients import Candidate, Identifier, KnownAs, KnownAsAsked, MatchAsked, Matched, Weighed
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import NotFound
from carerecord.patients import names, weights
from carerecord.patients.facts import Facts
from carerecord.patients.likening import FACT_NAMES, HOW, keys_of
from carerecord.patients.model import Entry, number_stated, person_of, restricted
from carerecord.patients.store import finding, kept, likeness
from carerecord.patients.store.likeness import Member
from carerecord.patients.weighing import APART, LINK, Weighing, contradicts, each_bits, probability, weigh

CERTAIN, PROBABLE, POSSIBLE = "certain", "probable", "possible"
TOO_LITTLE: Final = "Say more: an NHS number, a local number, or a name with a birth date, a postcode or a telephone number."
Found = tuple[Weighing, Member]


@dataclass(frozen=True)
class Asking:
    db: Pool

    async def match(self, asked: MatchAsked) -> Matched:
        """Candidates, best first. Certain is what the index would link by itself: one at most, contradicted by nobody there."""
        stated = asked.claim
        claim = Facts.of(stated, number_stated(stated), stated.demographics.nhs_number_status)
        wanted = keys_of(claim)
        if not wanted:
            return Matched((), TOO_LITTLE)
        async with self.db.acquire() as db:
            hits = await likeness.alike(db, [wanted])
            best = _best_of_each(claim, (member for _, member in hits))
            ranked = sorted(best.items(), key=lambda each: (-each[1][0].bits, each[0]))[: max(1, asked.most)]
            sets = await kept.sets_of(db, [found[1].patient for _, found in ranked]) if ranked else {}
            apart = await self._unsevered(db, [key for key, _ in ranked], sets)
        links = [key for key, (found, _) in ranked if found.verdict == LINK and not _contradicted(claim, sets.get(key, ()))]
        candidates = []
        for key, (found, member) in ranked:
            entries = sets.get(key, ())
            if not entries or key not in apart or not _may_be_told(claim, entries):
                continue
            grade = CERTAIN if links == [key] else PROBABLE if found.bits >= weights.weights().prior else POSSIBLE
            if asked.certain and grade != CERTAIN:
                continue
            told = each_bits(claim, member.facts, found.levels)
            why = tuple(Weighed(FACT_NAMES[fact], HOW[how], bits) for fact, how, bits in told)
            score = round(probability(found.bits), 4)
            candidates.append(Candidate(person_of(entries), grade, score, round(found.bits, 1), why))
        return Matched(tuple(candidates))

    async def _unsevered(self, db: Connection, ranked: Sequence[str], sets: dict[str, tuple[Entry, ...]]) -> set[str]:
        """Of people between whom a severed history lies, the one who fits better."""
        if len(ranked) < 2:
            return set(ranked)
        named = {key: {name for entry in sets.get(key, ()) for name in (entry.id, entry.nhs_number) if name} for key in ranked}
        severed = await likeness.severed_from(db, [name for names in named.values() for name in names])
        told: list[str] = []
        for key in ranked:
            others = frozenset().union(*(severed.get(name, frozenset()) for name in named[key]))
            if not any(named[earlier] & others for earlier in told):
                told.append(key)
        return set(told)

    async def known_as(self, asked: KnownAsAsked) -> KnownAs:
        """Raises NotFound: nobody bears this number of this system."""
        wanted = names.number(asked.value)
        ids = await finding.by_number(self.db, [wanted]) if wanted else []
        sets = await kept.sets_of(self.db, ids) if ids else {}
        for entries in sets.values():
            bearers = [entry for entry in entries if _bears(entry, asked.system, wanted)]
            if bearers:
                person = person_of(entries, min(bearers, key=lambda entry: entry.enrolled_at).id)
                numbers = list(person.identifiers)
                if person.demographics.nhs_number:
                    numbers.insert(0, person_number(person.demographics.nhs_number))
                told = tuple(each for each in numbers if not asked.systems or each.system in asked.systems)
                return KnownAs(person.ids, told)
        raise NotFound("Nobody is known by that number.")


def person_number(number: str) -> Identifier:
    return Identifier(NHS_NUMBER, number)


def _bears(entry: Entry, system: str, wanted: str) -> bool:
    if system == NHS_NUMBER and entry.nhs_number == wanted:
        return True
    return any(each.system == system and names.number(each.value) == wanted for each in entry.stated.identifiers)


def _best_of_each(claim: Facts, members: Iterable[Member]) -> dict[str, Found]:
    best: dict[str, Found] = {}
    for member in members:
        found = weigh(claim, member.facts)
        if found.verdict != APART and (member.person not in best or found.bits > best[member.person][0].bits):
            best[member.person] = (found, member)
    return best


def _contradicted(claim: Facts, entries: Iterable[Entry]) -> bool:
    theirs = (Facts.of(entry.stated, entry.nhs_number, entry.nhs_status) for entry in entries)
    return any(contradicts(claim, each) for each in theirs if each.source != claim.source)


def _may_be_told(claim: Facts, entries: Sequence[Entry]) -> bool:
    """A restricted person is told of only to those who know the number and the birth date already."""
    if not restricted(entries):
        return True
    theirs = {(entry.nhs_number, Facts.of(entry.stated).birth) for entry in entries}
    return bool(claim.nhs and claim.birth) and (claim.nhs, claim.birth) in theirs
