"""Whose is a message? Each claim becomes an entry of its sender, linked as any other; what cannot be believed waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from carerecord.contracts.patients import Claim, Demographics, SourcePatient, TakeAsked, Taken
from carerecord.kit.db import Connection
from carerecord.kit.errors import NotUnderstood
from carerecord.patients.enrol import Enrolling, entry_of
from carerecord.patients.facts import Facts
from carerecord.patients.levels import DIFFERS, SAME, compare
from carerecord.patients.model import Entry, states_nothing
from carerecord.patients.protecting import alone
from carerecord.patients.store import kept, lineage

NO_NUMBER: Final = "The message does not say by which number its sender knows the person."
SOMEBODY_ELSE: Final = "The sender uses this number for what looks like somebody else: other names and another birth date."
Key = tuple[str, str]  # source, local id
_Dated = tuple[Claim, datetime | None, datetime | None]  # … when it was recorded, and since when its source says so


@dataclass(frozen=True)
class Taking:
    enrolling: Enrolling

    async def take(self, asked: TakeAsked) -> tuple[Taken, ...]:
        """One answer for each claim, in their order; a constant number of statements while no number comes twice.

        Raises NotUnderstood: a time in a claim is none.
        """
        claims = [(claim, at(claim.recorded), at(claim.since)) for claim in asked.claims]
        found: list[Taken | None] = [None] * len(claims)
        async with alone(self.enrolling.db) as db:
            for turn in _turns(claims):
                answered = await self._some(db, [claims[place] for place in turn])
                for place, taken in zip(turn, answered, strict=True):
                    found[place] = taken
        await self.enrolling.grown(len(claims))
        return tuple(taken for taken in found if taken is not None)

    async def _some(self, db: Connection, claims: Sequence[_Dated]) -> list[Taken]:
        """Claims about different numbers."""
        now = self.enrolling.clock.now()
        keyed = [(claim.stated.source, claim.stated.local_id) for claim, _, _ in claims]
        known = await kept.entries_at(db, [key[0] for key in keyed], [key[1] for key in keyed])
        outcomes: dict[Key, str] = {}
        waiting: dict[Key, str] = {}
        fresh: dict[Key, Entry] = {}
        stamps: list[tuple[str, datetime, datetime | None]] = []
        for (claim, when, since), key in zip(claims, keyed, strict=True):
            before = known.get(key)
            stated = _over(before.stated, claim) if before and claim.partial else claim.stated
            if not all(key):
                waiting[key] = NO_NUMBER
            elif before is None and states_nothing(stated):
                outcomes[key] = "unchanged"
            elif before and when and before.recorded_at and when < before.recorded_at:
                outcomes[key] = "late"
            elif before and before.stated != stated and _is_somebody_else(before, stated):
                waiting[key] = SOMEBODY_ELSE
            elif before is None or before.stated != stated:
                fresh[key] = entry_of(stated, before, now, when, since)
            elif when and (when, since or before.changed_at) != (before.recorded_at, before.changed_at):
                stamps.append((before.id, when, since))
        written: dict[Key, Entry] = {}
        if fresh:
            said, written = await self.enrolling.take_in(db, tuple(fresh.values()), known, now)
            outcomes |= said
        if stamps:
            await lineage.record(db, stamps)
        entries = known | written
        into, people = await _standing(db, [entry.id for key, entry in entries.items() if outcomes.get(key) != "new"])
        return [
            Taken(key[0], key[1], "", (), "waits" if key in waiting else "unchanged", say=waiting.get(key, ""))
            if key in waiting or key not in entries
            else _taken(key, entries[key], outcomes.get(key, "unchanged"), into, people)
            for key in keyed
        ]


async def _standing(db: Connection, patients: Sequence[str]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Of these ids: which one stands for it where it was merged into another, and all that are one person with it."""
    if not patients:
        return {}, {}
    sets = await kept.ids_beside(db, patients)
    return await lineage.survivors(db, patients), {patient: ids for ids in sets for patient in ids}


def _taken(key: Key, entry: Entry, outcome: str, into: Mapping[str, str], people: Mapping[str, tuple[str, ...]]) -> Taken:
    """Whoever is in no set of `people` is new, and alone."""
    patient = into.get(entry.id, entry.id)
    origin = entry.id if patient != entry.id else ""
    person = (patient, *(each for each in people.get(entry.id, ()) if each != patient))
    return Taken(key[0], key[1], patient, person, outcome, origin=origin, trace=entry.to_trace)


def _turns(claims: Sequence[_Dated]) -> list[list[int]]:
    """Places in turns, so that no turn holds one number twice and each number's claims keep their order."""
    turns: list[list[int]] = []
    seen: dict[Key, int] = {}
    for place, (claim, _, _) in enumerate(claims):
        key = (claim.stated.source, claim.stated.local_id)
        turn = seen.get(key, -1) + 1
        seen[key] = turn
        if turn == len(turns):
            turns.append([])
        turns[turn].append(place)
    return turns


def _is_somebody_else(before: Entry, stated: SourcePatient) -> bool:
    """Another given name, another birth date, and no number that says it is the same person after all."""
    was = Facts.of(before.stated, before.nhs_number)
    now = Facts.of(stated, stated.demographics.nhs_number)
    given, _, family, birth, sex, _, _, nhs, _ = compare(was, now)
    return given == DIFFERS and birth == DIFFERS and (family != SAME or sex == DIFFERS) and nhs != SAME


def _over(before: SourcePatient, claim: Claim) -> SourcePatient:
    """What was known, with what the message states put over it. A field named in `cleared` is emptied."""
    first = Demographics()
    told = {
        field: value
        for field in Demographics.__struct_fields__
        if (value := getattr(claim.stated.demographics, field)) != getattr(first, field)
    }
    emptied = {field: getattr(first, field) for field in claim.cleared if field in Demographics.__struct_fields__}
    numbers = {(each.system, each.value): each for each in (*before.identifiers, *claim.stated.identifiers)}
    who = structs.replace(before.demographics, **{**told, **emptied})
    if "nhs_number" in told and "nhs_number_status" not in told:
        who = structs.replace(who, nhs_number_status="")
    version = claim.stated.version or before.version
    return SourcePatient(before.source, before.local_id, tuple(numbers.values()), who, version)


def at(text: str) -> datetime | None:
    """Raises NotUnderstood."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood("`recorded` is a time in ISO 8601, such as 2026-11-22T09:00:00+00:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
