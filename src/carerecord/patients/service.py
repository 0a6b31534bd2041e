"""Answer for who is who: one person, many people, the pairs that wait for a human, and what the human found."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Final

from msgspec.structs import replace

from carerecord.contracts.patients import (
    DecideAsked,
    EnrolAsked,
    Enrolled,
    Nothing,
    PartAsked,
    PeopleAsked,
    Person,
    PersonLinked,
    PersonSplit,
    Queue,
    QueueAsked,
    Review,
    ReviewsAsked,
    UndoAsked,
    WhoAsked,
)
from carerecord.contracts.restricted import EntriesAsked
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection, Database
from carerecord.kit.errors import Conflict, NotFound, NotSignedIn
from carerecord.patients import book
from carerecord.patients.enrol import Enrolling, new_id
from carerecord.patients.instructions import SEVERED as NEVER
from carerecord.patients.linking import in_order
from carerecord.patients.model import Entry, known_at, one_of, person_of
from carerecord.patients.protecting import alone
from carerecord.patients.store import kept, likeness, lineage, reviews
from carerecord.patients.store.lineage import Waiting
from carerecord.patients.store.reviews import KnownReview

LATER: Final = "Others were found to be the same person since. Undo that first: they were linked to what stood together then."


@dataclass(frozen=True)
class Index:
    enrolling: Enrolling

    async def who(self, asked: WhoAsked) -> Person:
        """The person to whom this id belongs, with every source's own words.

        Raises:
            NotFound: no such id, or every source that knew them took them back.
        """
        entries, waits = await reviews.set_and_doubts(self.enrolling.db, asked.patient)
        if all(each.gone for each in entries):
            raise NotFound("There is no such person in the index.")
        person = person_of(entries, asked.patient, statements=asked.statements)
        return replace(person, doubted=waits.entries, merges=waits.merges)

    async def entries(self, asked: EntriesAsked) -> tuple[tuple[str, str], ...]:
        """None where there is no such id."""
        return known_at(await kept.set_of(self.enrolling.db, asked.patient))

    async def people(self, asked: PeopleAsked) -> tuple[Person, ...]:
        """One Person for each id asked that exists, in the order asked; several ids of one person give it once."""
        sets = await kept.sets_of(self.enrolling.db, asked.patients)
        by_id = {entry.id: entries for entries in sets.values() for entry in entries}
        found: dict[str, tuple[str, Sequence[Entry]]] = {}
        for patient in asked.patients:
            if patient in by_id:
                found.setdefault(by_id[patient][0].person, (patient, by_id[patient]))
        return tuple(person_of(entries, patient) for patient, entries in found.values())

    async def enrol(self, asked: EnrolAsked) -> tuple[Enrolled, ...]:
        return await self.enrolling.enrol(asked.people)

    async def reviews(self, asked: ReviewsAsked) -> tuple[Review, ...]:
        """Everybody who is shown stands in the line that is written first.

        Raises:
            Unavailable: the look could not be written down.
        """
        known = reviews.decided_reviews if asked.decided else reviews.open_reviews
        waiting = await known(self.enrolling.db, asked.most, max(asked.skip, 0))
        sets = await kept.sets_of(self.enrolling.db, {name for each in waiting for name in (each.one, each.other)})
        alone = {entry.id: entry for entries in sets.values() for entry in entries}
        severed = await self._severed(self.enrolling.db, sets)
        asked_of: dict[Hashable, list[KnownReview]] = {}
        for each in waiting:
            if each.one in alone and each.other in alone and _people(each, alone) not in severed:
                asked_of.setdefault(each.found_at or _people(each, alone), []).append(each)
        found = tuple(_review(each, alone, sets) for each in asked_of.values())
        if found:
            shown = [side.patient for each in found for side in (each.left, each.right)]
            line = book.line("reviews-read", asked.actor, shown, self.enrolling.clock.now())
            await self.enrolling.outbox.announce("Line", line)
        return found

    async def queue(self, _: QueueAsked) -> Queue:
        waiting, oldest, median, old, decided, undone = await reviews.ages(self.enrolling.db, self.enrolling.clock.now())
        return Queue(waiting, stamp(oldest) if oldest else "", round(median, 1), old, decided, undone)

    async def decide(self, asked: DecideAsked) -> Nothing:
        """Close a review. Found to be one person: their sets become one, whatever the rule says, now and later.

        Raises:
            NotSignedIn: nobody decides. NotFound: there is no such open review.
        """
        if asked.actor is None:
            raise NotSignedIn("A finding needs somebody who made it.")
        enrolling = self.enrolling
        async with alone(enrolling.db) as db:
            now = enrolling.clock.now()
            pair = await reviews.review_pair(db, asked.review)
            if pair is None:
                raise NotFound("There is no such review, or it is closed.")
            sets = await kept.sets_of(db, pair)
            if asked.same and await self._severed(db, sets):
                raise Conflict(NEVER)
            # What is found of two people is found of each pair of their entries that waits, or of which otherwise was found.
            across = [[entry.id for entry in each] for each in sets.values()] if len(sets) > 1 else [[name] for name in pair]
            left, right = across
            pairs = await reviews.close_across(db, left, right, now)
            otherwise = [each.pair for each in await reviews.found_across(db, left, right, not asked.same)]
            await reviews.decide(db, (*pairs, *otherwise), asked.same, asked.actor.key, now)
            what = "people-linked" if asked.same else "people-kept-apart"
            await enrolling.outbox.announce("Line", book.line(what, asked.actor, pair, now), db)
            if asked.same:
                # Not what somebody refused before: it was not asked, and an undo would not take it back.
                waiting = await lineage.waiting(db, left, right)
                told = [each for each in waiting if tuple(sorted((each.gone, each.into))) in pairs]
                person = _into(sets, told)
                former = {entry.id: key for key, entries in sets.items() if key != person for entry in entries}
                await kept.move(db, [(patient, person, "decided") for patient in former], now)
                await lineage.explain(db, list(former), now, "", asked.actor.key)
                await self._told(db, told, former, now)
                await enrolling.tell_sets(db, pair)
                ids = tuple(sorted(entry.id for entries in sets.values() for entry in entries))
                await enrolling.outbox.announce("PersonLinked", PersonLinked(ids, "decided"), db)
            elif len(sets) == 1:
                # Since the two were shown, they have become one person: whoever came last leaves.
                last, person = await kept.last_of(db, pair), new_id()
                leaving = (last, *await lineage.merged_with(db, [last], [name for name in pair if name != last]))
                await kept.move(db, [(patient, person, "decided") for patient in leaving], now)
                await lineage.explain(db, leaving, now, "", asked.actor.key)
                await enrolling.tell_sets(db, pair)
                await self._tell_split(db, sets, "decided")
        return Nothing()

    async def _told(self, db: Connection, told: Sequence[Waiting], former: Mapping[str, str], now: datetime) -> None:
        """What sources had said of the two, and waited for a human, holds from now on: the number that was given up leads on."""
        for each in told:
            moved = list(former.items()) if each.gone in former else ()
            if each.kind == "merge":
                await lineage.merge(db, each.gone, each.into, each.recorded_at, now, each.message, moved)
            else:
                await lineage.say(db, each.gone, each.into, each.kind, each.recorded_at, now, each.message, moved)

    async def _severed(self, db: Database, sets: Mapping[str, Sequence[Entry]]) -> frozenset[frozenset[str]]:
        """Between which of these sets, by their keys, a severed history lies."""
        named = {
            key: {name for entry in entries for name in (entry.id, entry.nhs_number) if name} for key, entries in sets.items()
        }
        severed = await likeness.severed_from(db, [name for names in named.values() for name in names])
        far = {key: frozenset().union(*(severed.get(name, ()) for name in names)) for key, names in named.items()}
        return frozenset(
            frozenset((key, other))
            for key, beyond in far.items()
            if beyond  # as of hardly anybody
            for other, names in named.items()
            if other != key and beyond & names
        )

    async def undo(self, asked: UndoAsked) -> Nothing:
        """Take a decision back. What it linked stands apart again, and the two wait for review as before.

        Raises:
            NotSignedIn: nobody decides. NotFound: there is no such decision. Conflict: a severed history lies between the two, or
                others were found to be of the same person since.
        """
        if asked.actor is None:
            raise NotSignedIn("A finding needs somebody who made it.")
        enrolling = self.enrolling
        async with alone(enrolling.db) as db:
            forgotten = await reviews.forget_decision(db, asked.review)
            if forgotten is None:
                raise NotFound("There is no such decision.")
            names, at = forgotten
            now = enrolling.clock.now()
            before = await kept.sets_of(db, names)
            if await self._severed(db, before):
                raise Conflict(NEVER)
            await enrolling.outbox.announce("Line", book.line("decision-undone", asked.actor, names, now), db)
            await lineage.wait_again(db, names, at)
            await lineage.hold_again(db, at)  # before anybody leaves, so that whoever was merged with them goes along
            places = await reviews.unbarred(db, await kept.back(db, names, at, new_id), new_id)
            before |= await kept.sets_of(db, places)
            together = [entry.id for entries in before.values() for entry in entries]
            parts = places or await reviews.apart_in_one_set(db, names)
            if parts and await reviews.joined_since(db, together, at):
                raise Conflict(LATER)
            changed = await kept.move(db, [(patient, person, "undone") for patient, person in places.items()], now)
            while pairs := await reviews.apart_in_one_set(db, names):
                one, other = pairs[0]
                # What was found before stands again, wherever the two have come to stand together meanwhile.
                last = await kept.last_of(db, (one, other))
                brought = await lineage.merged_with(db, [last], [one if last == other else other])
                leaves = new_id()
                changed |= await kept.move(db, [(patient, leaves, "undone") for patient in (last, *brought)], now)
            await lineage.hold_again(db, at)
            if changed:
                await enrolling.tell_sets(db, names, changed)
                await self._tell_split(db, before, "undone")
        return Nothing()

    async def _tell_split(self, db: Connection, before: Mapping[str, Sequence[Entry]], because: str) -> None:
        """Of each of these sets that is several people now."""
        for entries in before.values():
            ids = tuple(sorted(entry.id for entry in entries))
            if len(people := await kept.ids_beside(db, ids)) > 1:
                await self.enrolling.outbox.announce("PersonSplit", PersonSplit(ids, tuple(people), because), db)

    async def part(self, asked: PartAsked) -> Nothing:
        """Take one id out of its set, with those for whom it stands, and see that no rule puts it back.

        Raises:
            NotSignedIn: nobody decides. NotFound: no such id.
        """
        if asked.actor is None:
            raise NotSignedIn("A finding needs somebody who made it.")
        enrolling = self.enrolling
        async with alone(enrolling.db) as db:
            now = enrolling.clock.now()
            entries = await kept.set_of(db, asked.patient)
            if not entries:
                raise NotFound("There is no such person in the index.")
            leaving = (asked.patient, *await lineage.followers(db, [asked.patient]))
            others = [entry.id for entry in entries if entry.id not in leaving]
            if others:
                await reviews.decide(db, product(leaving, others), False, asked.actor.key, now)
                before, person = await kept.sets_of(db, (asked.patient,)), new_id()
                changed = await kept.move(db, [(patient, person, "parted") for patient in leaving], now)
                await lineage.explain(db, leaving, now, "", asked.actor.key)
                await enrolling.outbox.announce("Line", book.line("link-parted", asked.actor, (*leaving, *others), now), db)
                await enrolling.tell_sets(db, (), changed)
                await self._tell_split(db, before, "parted")
        return Nothing()


def _into(sets: Mapping[str, Sequence[Entry]], told: Sequence[Waiting]) -> str:
    """Which set stays where it is: of whom a source has said so last, else whom the index has known longest."""
    survivor = told[-1].into if told else ""
    return min(
        sets, key=lambda key: (all(entry.id != survivor for entry in sets[key]), *sorted(each.enrolled_at for each in sets[key]))
    )


def _people(each: KnownReview, alone: Mapping[str, Entry]) -> frozenset[str]:
    """Between whom: pairs of entries of the same two people are one question to a human, and were decided at one moment."""
    return frozenset((alone[each.one].person, alone[each.other].person))


def _review(pairs: Sequence[KnownReview], alone: Mapping[str, Entry], sets: Mapping[str, Sequence[Entry]]) -> Review:
    """The pair that says most, with what speaks against any of them."""
    each = max(pairs, key=lambda pair: pair.bits)
    left, right = (one_of(entry, sets[entry.person]) for entry in in_order((alone[each.one], alone[each.other])))
    return Review(
        each.id,
        left,
        right,
        each.agrees,
        tuple(dict.fromkeys(words for pair in (each, *pairs) for words in pair.conflicts)),
        stamp(min(pair.since for pair in pairs)),
        "" if each.found is None else "same" if each.found else "different",
        stamp(each.found_at) if each.found_at else "",
        round(each.bits, 1),
        each.weighed,
        len(pairs) - 1,
    )
