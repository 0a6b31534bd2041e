"""What does a source, or a human, say of two numbers? Merge, unmerge, link, unlink, move: reversible, with lineage."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import structs

from carerecord.contracts.patients import (
    InstructAsked,
    Instructed,
    Instruction,
    LineageAsked,
    Nothing,
    PersonLinked,
    PersonSplit,
    SeverAsked,
    Step,
)
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection
from carerecord.kit.errors import NotFound, NotSignedIn, NotUnderstood
from carerecord.patients import book
from carerecord.patients.claims import at
from carerecord.patients.enrol import Enrolling, new_id
from carerecord.patients.likening import across, doubt_of
from carerecord.patients.linking import JOINED, OF_TWO, PARTED, TWO_NUMBERS
from carerecord.patients.model import Entry
from carerecord.patients.protecting import alone
from carerecord.patients.store import kept, likeness, lineage, reviews
from carerecord.patients.store.likeness import Member
from carerecord.patients.store.reviews import Finding
from carerecord.patients.weighing import weigh

KINDS: Final = ("merge", "unmerge", "link", "unlink", "move")
UNKNOWN: Final = "One of the two numbers has never been seen. Take its claim first, then say it again."
SEVERED: Final = "These two may not be linked."
LATER: Final = "A later message has said otherwise already."
APART: Final = "Nothing holds the two together."
A_HUMAN: Final = "A human has found that these are two people."
Sets = Mapping[str, tuple[Entry, ...]]


class _Dry(Exception):
    """Ends a transaction of which nothing is to stay."""


@dataclass(frozen=True)
class Instructing:
    enrolling: Enrolling

    async def instruct(self, asked: InstructAsked) -> tuple[Instructed, ...]:
        """One after the other, in their order, all or none; a dry one is done and undone, so its answer is the true one.

        Raises NotUnderstood: a kind, or a time, is none.
        """
        by = asked.actor.key if asked.actor else ""
        found = []
        with suppress(_Dry):
            async with alone(self.enrolling.db) as db:
                for each in asked.instructions:
                    if each.kind not in KINDS:
                        raise NotUnderstood(f"An instruction is one of {', '.join(KINDS)}.")
                    found.append(await self._one(db, each, by))
                if asked.dry:
                    raise _Dry
        return tuple(found)

    async def _one(self, db: Connection, told: Instruction, by: str) -> Instructed:
        known = await kept.entries_at(db, [told.source, told.into_source], [told.local_id, told.into])
        gone, into = known.get((told.source, told.local_id)), known.get((told.into_source, told.into))
        if gone is None or into is None:
            return Instructed("unknown", say=UNKNOWN)
        if gone.id == into.id:
            return await self._answer(db, "already", gone.id)
        now = self.enrolling.clock.now()
        when = at(told.recorded) or now
        said = await lineage.said(db, gone.id, into.id)
        if any(each.recorded_at > when for each in said):
            return await self._answer(db, "already", gone.id, say=LATER)
        if told.kind == "move":
            return await self._move(db, told, gone, into, now)
        if told.kind in ("unmerge", "unlink"):
            return await self._apart(db, told, gone, into, said, when, now, by)
        return await self._together(db, told, gone, into, said, when, now, by)

    async def _together(
        self, db: Connection, told: Instruction, gone: Entry, into: Entry, said: list[lineage.Said], when: datetime,
        now: datetime, by: str,
    ) -> Instructed:  # fmt: skip
        if any(each.kind == told.kind and each.gone == gone.id for each in said) and gone.person == into.person:
            return await self._answer(db, "already", gone.id)
        sets = await likeness.members(db, {gone.person, into.person})
        everybody = [member for each in sets.values() for member in each]
        severed = await likeness.severed_from(db, [name for each in everybody for name in (each.patient, each.facts.nhs)])
        parted: list[Finding] = []
        if gone.person != into.person:
            if across(sets[gone.person], sets[into.person], severed):
                return await self._answer(db, "refused", gone.id, say=SEVERED)
            left, right = ([each.patient for each in sets[key]] for key in (gone.person, into.person))
            parted = await reviews.found_across(db, left, right, False)
            by_human = [each.pair for each in parted if each.by_human and not by]
            if tuple(sorted((gone.id, into.id))) in by_human:
                return await self._answer(db, "refused", gone.id, say=A_HUMAN)
            if not by and (why := PARTED if by_human else _held(told, sets[gone.person], sets[into.person])):
                return await self._review(db, told, gone, into, why, when, now)
        await reviews.close_across(db, [gone.id], [into.id], now)
        await lineage.wait_no_more(db, gone.id, into.id)
        moved = [(member.patient, gone.person) for member in sets.get(gone.person, ())] if gone.person != into.person else []
        before = [each for each in said if each.gone == gone.id and each.moved]
        if not moved and before:
            moved = list(zip(before[0].moved, before[0].former, strict=True))
        if told.kind == "merge":
            await lineage.merge(db, gone.id, into.id, when, now, told.message, moved)
        else:  # both stay in use, also the one that a merge recorded before gave up
            await lineage.end(db, into.id, now, gone.id, until=when)
            await lineage.say(db, gone.id, into.id, told.kind, when, now, told.message, moved)
        if gone.person != into.person:
            because = "decided" if by else "merged" if told.kind == "merge" else "linked"
            await kept.move(db, [(patient, into.person, because) for patient, _ in moved], now)
            await lineage.explain(db, [patient for patient, _ in moved], now, told.message, by)
            otherwise = [each.pair for each in parted]
            await reviews.decide(db, [(gone.id, into.id), *otherwise], True, by or f"source|{told.source}", now)
            await self.enrolling.tell_sets(db, [gone.id])
            answer = await self._answer(db, "done", gone.id)
            await self.enrolling.outbox.announce("PersonLinked", PersonLinked(answer.person, because), db)
            return answer
        return await self._answer(db, "done", gone.id)

    async def _apart(
        self, db: Connection, told: Instruction, gone: Entry, into: Entry, said: list[lineage.Said], when: datetime,
        now: datetime, by: str,
    ) -> Instructed:  # fmt: skip
        held = [each for each in said if each.kind in ("merge", "link")]
        ended = [each for each in said if each.kind in ("unmerge", "unlink")]
        await lineage.wait_no_more(db, gone.id, into.id)
        if not held and (ended or gone.person != into.person):
            await lineage.say(db, gone.id, into.id, told.kind, when, now, told.message, ())
            again = not by and await reviews.waits_because(db, gone.id, into.id, JOINED)
            apart = gone.person != into.person  # else they are one since by more than was said of them
            if apart and not again and (asked := await reviews.close_across(db, [gone.id], [into.id], now)):
                # Whoever told of the two numbers answers what was asked of them: no human need. What asks whether they are right
                # to part the two is not theirs to answer.
                await reviews.decide(db, asked, False, by or f"source|{told.source}", now)
                return await self._answer(db, "done", gone.id)
            return await self._answer(db, "already", gone.id, say="" if ended else APART)
        for each in held or [lineage.Said(gone.id, into.id, "", when, now, (), ())]:
            await lineage.say(db, each.gone, each.into, told.kind, when, now, told.message, ())
        for each in held:
            await lineage.hold_again(db, each.done_at)
        before = (await self._answer(db, "", gone.id)).person
        sets = await likeness.members(db, {gone.person})
        here = {member.patient for member in sets.get(gone.person, ())}
        moved = [(patient, person) for each in held for patient, person in zip(each.moved, each.former, strict=True)]
        back = {patient: person for patient, person in moved if patient in here}
        # The number that was wronged leaves, with all that it brought and that is not merged with who stays as well. Which of the
        # two that is the merge has said: an A37 names them in any order.
        wronged = max(held, key=lambda each: each.recorded_at).gone if held else gone.id
        stays, goes = sorted((into.id, gone.id), key=lambda each: (each in back, each == wronged))
        staying = (stays, *await lineage.merged_with(db, [stays], [goes]))
        leaving = {goes: ""} | {patient: person for patient, person in back.items() if patient not in staying}
        brought = await lineage.merged_with(db, leaving, staying)
        leaving |= {patient: leaving[one] for patient, one in brought.items()}
        fresh: dict[str, str] = {}
        places = [
            (patient, person if person and person != into.person else fresh.setdefault(person, new_id()), "unmerged")
            for patient, person in leaving.items()
        ]
        if gone.person != into.person or not places:
            return await self._answer(db, "done", gone.id)
        joined = await reviews.found_across(db, list(leaving), [each for each in here if each not in leaving], True)
        back = await reviews.unbarred(db, {patient: person for patient, person, _ in places}, new_id)
        await kept.move(db, [(patient, person, "unmerged") for patient, person in back.items()], now)
        await lineage.explain(db, list(leaving), now, told.message, by)
        otherwise = [each.pair for each in joined]
        await reviews.decide(db, [(gone.id, into.id), *otherwise], False, by or f"source|{told.source}", now)
        if not by and any(each.by_human for each in joined):
            # The two are apart until somebody has looked again: to show one the other's record harms more than to show it late.
            members = {each.patient: each for each in sets[gone.person]}
            await self._ask(db, members[into.id], members[gone.id], JOINED, now)
        await self.enrolling.tell_sets(db, before)
        answer = await self._answer(db, "done", gone.id)
        people = tuple(await kept.ids_beside(db, before))
        await self.enrolling.outbox.announce("PersonSplit", PersonSplit(before, people, "unmerged"), db)
        return answer

    async def _move(self, db: Connection, told: Instruction, gone: Entry, into: Entry, now: datetime) -> Instructed:
        """An identifier that was filed under one number belongs to the other."""
        moving = told.identifier
        if moving is None:
            raise NotUnderstood("A move names the identifier that moves.")
        if moving in into.stated.identifiers and moving not in gone.stated.identifiers:
            return await self._answer(db, "already", into.id)
        without = tuple(each for each in gone.stated.identifiers if each != moving)
        with_it = (*(each for each in into.stated.identifiers if each != moving), moving)
        changed = [
            structs.replace(gone, stated=structs.replace(gone.stated, identifiers=without)),
            structs.replace(into, stated=structs.replace(into.stated, identifiers=with_it)),
        ]
        known = {(each.stated.source, each.stated.local_id): each for each in (gone, into)}
        await self.enrolling.take_in(db, changed, known, now)
        return await self._answer(db, "done", into.id)

    async def _review(
        self, db: Connection, told: Instruction, gone: Entry, into: Entry, why: str, when: datetime, now: datetime
    ) -> Instructed:
        found = await likeness.members(db, {gone.person, into.person})
        members = {member.patient: member for each in found.values() for member in each}
        await self._ask(db, members[into.id], members[gone.id], why, now)
        await lineage.wait(db, gone.id, into.id, told.kind, when, now, told.message)
        answer = await self._answer(db, "review", gone.id, say=why)
        return structs.replace(answer, review=await reviews.id_of(db, gone.id, into.id))

    async def _ask(self, db: Connection, one: Member, other: Member, why: str, now: datetime) -> None:
        """A human is asked of these two, whatever the facts weigh."""
        doubt = doubt_of(weigh(one.facts, other.facts), one, other)
        doubt = structs.replace(doubt, conflicts=(why, *(each for each in doubt.conflicts if each)))
        await reviews.put_doubts(db, [(new_id(), doubt)], (), now)

    async def _answer(self, db: Connection, outcome: str, patient: str, *, say: str = "") -> Instructed:
        entries = await kept.set_of(db, patient)
        stands = (await lineage.survivors(db, [patient])).get(patient, patient)
        ids = sorted(entry.id for entry in entries)
        return Instructed(outcome, stands, (stands, *(each for each in ids if each != stands)), say=say)

    async def lineage(self, asked: LineageAsked) -> tuple[Step, ...]:
        """How the sets that this id was in came about, oldest first. Raises NotFound: no such id."""
        steps = await lineage.steps(self.enrolling.db, asked.patient)
        if not steps:
            raise NotFound("There is no such person in the index.")
        return tuple(Step(stamp(when), patient, because, tuple(mates), *told) for when, patient, because, mates, *told in steps)

    async def sever(self, asked: SeverAsked) -> Nothing:
        """Part two histories for good: what is one set is split, what waits for review is closed, nothing is suggested again.

        Raises:
            NotSignedIn: nobody says so. NotUnderstood: the two sides are one, or one of them bears the other.
        """
        if asked.actor is None:
            raise NotSignedIn("A finding needs somebody who made it.")
        if not asked.one or not asked.other or asked.one == asked.other:
            raise NotUnderstood("Two sides are severed, each an NHS number or an id of the index.")
        async with alone(self.enrolling.db) as db:
            now = self.enrolling.clock.now()
            bearers = await kept.entries_numbered(db, {asked.one, asked.other})
            if not asked.undo and any({asked.one, asked.other} == {entry.id, entry.nhs_number} for entry in bearers):
                raise NotUnderstood("Nobody is severed from the number that they bear.")
            named = await kept.sets_of(db, {asked.one, asked.other, *(entry.id for entry in bearers)})
            await self._write_down(db, asked, named, now)
            if asked.undo:
                severed_at = await likeness.lift(db, asked.one, asked.other)
                await reviews.ask_again(db, *await self._sides(db, asked, named), severed_at)
            else:
                await likeness.sever(db, asked.one, asked.other, asked.actor.key, now)
                await self._split(db, asked, named, now)
                await reviews.close_across(db, *await self._sides(db, asked, named), now)
        return Nothing()

    async def _sides(self, db: Connection, asked: SeverAsked, named: Sets) -> tuple[list[str], list[str]]:
        """Everybody who is one person with a bearer of the one, and of the other."""
        one, other = [await kept.ids_beside(db, self._bearers(side, named)) for side in (asked.one, asked.other)]
        return [each for ids in one for each in ids], [each for ids in other for each in ids]

    def _bearers(self, side: str, named: Sets) -> list[str]:
        return sorted(entry.id for entries in named.values() for entry in entries if side in (entry.id, entry.nhs_number))

    async def _write_down(self, db: Connection, asked: SeverAsked, named: Sets, now: datetime) -> None:
        """A line for each side: one that held both would lead from one history to the other."""
        what = "severance-lifted" if asked.undo else "histories-severed"
        for side in (asked.one, asked.other):
            line = book.line(what, asked.actor, self._bearers(side, named), now)
            await self.enrolling.outbox.announce("Line", line, db)

    async def _split(self, db: Connection, asked: SeverAsked, named: Sets, now: datetime) -> None:
        by = asked.actor.key if asked.actor else ""
        for key, entries in named.items():
            left, right = (self._bearers(side, {key: entries}) for side in (asked.one, asked.other))
            if left and right:
                leaving = (*right, *await lineage.merged_with(db, right, left))
                await self.enrolling.split(db, right[0], leaving, now, by)


def _held(told: Instruction, gone: Sequence[Member], into: Sequence[Member]) -> str:
    """Why a human looks before two sets are one because a source says so; "" where nothing speaks against it."""
    if told.source != told.into_source or told.across:
        return OF_TWO
    left, right = ({member.facts.nhs for member in side} - {""} for side in (gone, into))
    return TWO_NUMBERS if left and right and left.isdisjoint(right) else ""
