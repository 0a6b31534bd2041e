"""What becomes of an entry whose NHS number was looked up at the Personal Demographics Service?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from carerecord.contracts.patients import Demographics, Identifier, SourcePatient, Traced, TracedAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.db import Connection
from carerecord.kit.errors import NotFound
from carerecord.patients import matching
from carerecord.patients.enrol import CONFLICT, Enrolling, Seen, new_id, relink, undecided, weighed, with_their_sets
from carerecord.patients.linking import Doubt
from carerecord.patients.model import PDS, VERIFIED, Entry
from carerecord.patients.protecting import alone
from carerecord.patients.store import kept, likeness, reviews

NO_MATCH = "04"
SOMEBODY_ELSE = ("the PDS answered for somebody else",)


@dataclass(frozen=True)
class Tracing:
    """A trace becomes an entry of the source "pds", beside which every entry with that number is judged at once."""

    enrolling: Enrolling

    async def traced(self, asked: TracedAsked) -> Traced:
        """Take in an answer of the PDS; saying it twice changes nothing.

        `superseded`: the PDS answered with another number, which then stands for the entry; the old one stays findable.

        Raises:
            NotFound: no such id.
        """
        async with alone(self.enrolling.db) as db:
            entries = await kept.set_of(db, asked.patient)
            entry = next((each for each in entries if each.id == asked.patient), None)
            if entry is None:
                raise NotFound("There is no such person in the index.")
            superseded = asked.demographics.nhs_number if asked.demographics else ""
            severed = await likeness.severed_from(db, [entry.id, entry.nhs_number])
            if superseded in frozenset().union(*severed.values()):
                await self._mark(db, entry, VERIFIED)  # its own number stays; nothing leads from one history to the other
            elif asked.demographics is None or asked.outcome == "not-found":
                await self._mark(db, entry, {"not-found": NO_MATCH, "verified": VERIFIED}.get(asked.outcome, CONFLICT))
            else:
                await self._compare(db, entry, asked.demographics, asked.outcome)
            linked = await kept.set_of(db, asked.patient)
        return Traced(asked.patient, linked=any(each.stated.source == PDS for each in linked))

    async def _mark(self, db: Connection, entry: Entry, status: str) -> None:
        """The PDS said something of the number, not of the person. That nobody bears it goes before what others say."""
        mates = await kept.entries_numbered(db, {entry.nhs_number} - {""}) or (entry,)
        theirs = status == NO_MATCH
        judged = [
            structs.replace(each, nhs_status=status) if theirs or each.to_trace or each.id == entry.id else each for each in mates
        ]
        await self._write(db, judged)

    async def _compare(self, db: Connection, entry: Entry, found: Demographics, outcome: str) -> None:
        now, seen = self.enrolling.clock.now(), Seen(self.enrolling.turns)
        number = found.nhs_number or entry.nhs_number
        if number != entry.nhs_number:
            await likeness.sever_successor(db, entry.nhs_number, number, f"source|{PDS}", now)
        mates = await kept.entries_numbered(db, {number, entry.nhs_number} - {""})
        before = (await kept.entries_at(db, [PDS], [number])).get((PDS, number))
        at_pds = _answered(before, number, found, now)
        judged, doubts = [at_pds], []
        for each in mates:
            # Where the number gave way to another, it gave way for all who bear it.
            mine = each.id == entry.id or (number != entry.nhs_number and each.nhs_number == entry.nhs_number)
            if each.stated.source == PDS:
                judged += [structs.replace(each, nhs_number=number) if mine else each] if each.id != at_pds.id else []
            elif mine or (each.to_trace and each.nhs_number == number):
                one, other = seen(at_pds), seen(each)
                against = matching.conflicts(one, other) or (SOMEBODY_ELSE if mine and outcome == "mismatch" else ())
                if against:
                    doubts.append(Doubt(at_pds.id, each.id, matching.agrees(one, other), against))
                    judged.append(structs.replace(each, nhs_status=CONFLICT))
                else:
                    judged.append(structs.replace(each, nhs_number=number, nhs_status=VERIFIED))
            else:
                judged.append(each)
        # What the register once put another number in the place of, and now answers for again, leaves those of the other.
        unplaced = {at_pds.id} if before and before.nhs_number != number else set()
        await self._write(db, judged, doubts, frozenset(unplaced))

    async def _write(
        self, db: Connection, judged: list[Entry], doubts: Sequence[Doubt] = (), unplaced: frozenset[str] = frozenset()
    ) -> None:
        decided = await reviews.decisions_about(db, {each.id: each.nhs_number for each in judged})
        turns = self.enrolling.turns
        seen = Seen(turns)
        by_hand = await reviews.placed(db, [each.id for each in judged]) if any(decided.values()) else frozenset()
        relinked = await with_their_sets(db, await relink(judged, seen, decided, unplaced, by_hand), judged)
        in_doubt = await weighed(undecided((*doubts, *relinked.doubts), decided), judged, turns)
        now = self.enrolling.clock.now()
        await self.enrolling.write(db, judged, relinked, in_doubt, now, seen)
        await self.enrolling.part_severed(db, [each.id for each in judged], now)


def _answered(before: Entry | None, number: str, found: Demographics, now: datetime) -> Entry:
    """The PDS's answer as an entry."""
    stated = SourcePatient(
        source=PDS,
        local_id=number,
        identifiers=(Identifier(NHS_NUMBER, number),),
        demographics=structs.replace(found, nhs_number=number, nhs_number_status=VERIFIED),
    )
    if before is None:
        return Entry(new_id(), "", stated, number, VERIFIED, now, now)
    if before.stated == stated and before.nhs_number == number:
        return before
    return structs.replace(before, stated=stated, nhs_number=number, nhs_status=VERIFIED, changed_at=now)
