"""Who might this be, and by which other numbers is somebody known? Asking links nothing and keeps nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from carerecord.contracts.patients import (
    Candidate,
    DeathsAsked,
    Identifier,
    KnownAs,
    KnownAsAsked,
    MatchAsked,
    Matched,
    SourcePatient,
    Weighed,
)
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound
from carerecord.patients import names, weights
from carerecord.patients.facts import Facts
from carerecord.patients.likening import FACT_NAMES, HOW, keys_of
from carerecord.patients.model import Entry, number_stated, person_of, restricted, unlocated
from carerecord.patients.store import finding, kept, likeness
from carerecord.patients.store.likeness import Likes
from carerecord.patients.weighing import APART, LINK, Weighing, contradicts, each_bits, probability, weigh

CERTAIN, PROBABLE, POSSIBLE = "certain", "probable", "possible"
TOO_LITTLE: Final = "Say more: an NHS number, a local number, or a name with a birth date, a postcode or a telephone number."
Found = tuple[Weighing, Facts]


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
        best = _best(claim, await likeness.alike(self.db, wanted))
        most = max(1, asked.most)
        order = sorted(best.items(), key=lambda each: (-each[1][0].bits, each[0]))
        # Whoever else would link is read too, however few are asked for: beside them nobody is certain.
        ranked = [*order[:most], *(each for each in order[most:] if each[1][0].verdict == LINK)]
        sets = await likeness.sets(self.db, [key for key, _ in ranked]) if ranked else {}
        if any(key not in sets or facts not in sets[key].facts() for key, (_, facts) in ranked):
            return await self.match(asked)  # somebody was linked, parted or changed between the two questions
        told_of = _unsevered(claim.nhs, [key for key, _ in ranked], sets)
        people = {key: sets[key].entries() for key, _ in ranked}
        ranked = [(key, like) for key, each in ranked if (like := _told(stated, claim, each, people[key], sets[key].facts()))]
        links = [key for key, (found, _) in ranked if found.verdict == LINK and not _contradicted(claim, sets[key])]
        candidates = []
        for key, (found, facts) in ranked:
            grade = CERTAIN if links == [key] else PROBABLE if found.bits >= weights.weights().prior else POSSIBLE
            if key not in told_of or (asked.certain and grade != CERTAIN):
                continue
            told = each_bits(claim, facts, found.levels)
            why = tuple(Weighed(FACT_NAMES[fact], HOW[how], bits) for fact, how, bits in told)
            score = round(probability(found.bits), 4)
            candidates.append(Candidate(person_of(people[key]), grade, score, round(found.bits, 1), why))
        return Matched(tuple(candidates[:most]))

    async def known_as(self, asked: KnownAsAsked) -> KnownAs:
        """Raises NotFound: nobody bears this number of this system; `what` is "system" where nobody ever bore one of it."""
        wanted = names.number(asked.value)
        ids = await finding.by_number(self.db, [wanted]) if wanted else []
        sets = await kept.sets_of(self.db, ids) if ids else {}
        severed = (await likeness.severed_from(self.db, [wanted])).get(wanted, frozenset()) if sets else frozenset()
        for entries in sets.values():
            if any(entry.id in severed or entry.nhs_number in severed for entry in entries):
                continue  # a source states both numbers of one entry: the one never leads to the other
            bearers = [entry for entry in entries if _bears(entry, asked.system, wanted)]
            if bearers:
                person = person_of(entries, min(bearers, key=lambda entry: entry.enrolled_at).id)
                numbers = list(person.identifiers)
                if person.demographics.nhs_number:
                    numbers.insert(0, person_number(person.demographics.nhs_number))
                told = tuple(each for each in numbers if not asked.systems or each.system in asked.systems)
                heard = await self._heard(asked.systems)
                return KnownAs(person.ids, told, tuple(each for each in asked.systems if each not in heard))
        what = "number" if await self._heard((asked.system,)) else "system"
        raise NotFound("Nobody is known by that number.", what=what)

    async def deaths(self, asked: DeathsAsked) -> tuple[str, ...]:
        wanted = {names.number(each.value) for bearer in asked.bearers for each in bearer} - {""}
        borne = await finding.bearers(self.db, sorted(wanted)) if wanted else {}
        ids = {each for bearers in borne.values() for each in bearers}
        doubts: dict[tuple[str, str], str] = {}
        for entries in (await kept.sets_of(self.db, ids)).values() if ids else ():
            if doubted := person_of(entries).demographics.death_doubted:
                numbers = [(NHS_NUMBER, entry.nhs_number) for entry in entries]
                numbers += [(each.system, names.number(each.value)) for entry in entries for each in entry.stated.identifiers]
                doubts |= {each: doubted for each in numbers if each[1] in borne}
        known = [[doubts.get((each.system, names.number(each.value)), "") for each in bearer] for bearer in asked.bearers]
        return tuple([next(filter(None, each), "") for each in known])

    async def _heard(self, systems: tuple[str, ...]) -> frozenset[str]:
        """Those by whose numbers somebody is, or was, known."""
        known = await kept.systems_among(self.db, systems) if systems else frozenset()
        return known | {each for each in systems if each == NHS_NUMBER}


def person_number(number: str) -> Identifier:
    return Identifier(NHS_NUMBER, number)


def _bears(entry: Entry, system: str, wanted: str) -> bool:
    if system == NHS_NUMBER and entry.nhs_number == wanted:
        return True
    return any(each.system == system and names.number(each.value) == wanted for each in entry.stated.identifiers)


def _best(claim: Facts, alike: Iterable[tuple[str, Facts]]) -> dict[str, Found]:
    """The entry of each set that is most like the claim; none of a set where every one is plainly somebody else."""
    best: dict[str, Found] = {}
    for key, facts in alike:
        found = weigh(claim, facts)
        if found.verdict != APART and (key not in best or found.bits > best[key][0].bits):
            best[key] = (found, facts)
    return best


def _unsevered(number: str, ranked: Sequence[str], sets: Mapping[str, Likes]) -> set[str]:
    """Of people between whom a severed history lies, the one who fits better; never who is severed from the number claimed."""
    told: list[str] = []
    for key in ranked:
        others = sets[key].severed()
        if number not in others and not (others and any(sets[earlier].names() & others for earlier in told)):
            told.append(key)
    return set(told)


def _contradicted(claim: Facts, each: Likes) -> bool:
    return any(contradicts(claim, facts) for facts in each.facts() if facts.source != claim.source)


def _told(
    stated: SourcePatient, claim: Facts, found: Found, entries: Sequence[Entry], theirs: Iterable[Facts]
) -> Found | None:
    """A restricted person is told of only to those who know the number and the birth date already; and nothing that is told
    depends on whether the claim says rightly where they are."""
    if not restricted(entries):
        return found
    known = {(entry.nhs_number, Facts.of(entry.stated).birth) for entry in entries}
    if not (claim.nhs and claim.birth) or (claim.nhs, claim.birth) not in known:
        return None
    nowhere = structs.replace(stated, demographics=unlocated(stated.demographics))
    without = Facts.of(nowhere, claim.nhs, stated.demographics.nhs_number_status)
    return _best(without, [("", facts) for facts in theirs]).get("")
