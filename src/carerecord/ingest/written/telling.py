"""How does the index come to know a person whom a source's own system writes by the FHIR API?

Holdings tells which Patients changed; that is written down with our place in what it tells, so none is lost. Then each is read as
it stands and claimed for its source, as a message's person is: the index links it, puts it to review or lets it wait, and the
locator learns where the person is known. Of one that is deleted the index is told that its source says nothing of it any more. To
do it twice is to do it once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from carerecord.contracts.holdings import PEOPLE_KEPT, Kept, PeopleKeptAsked, PersonKept
from carerecord.contracts.locator import LEARN, LearnAsked, Pointer
from carerecord.contracts.patients import TAKE, Claim, Demographics, SourcePatient, TakeAsked, Taken
from carerecord.contracts.sources import Source
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.person import person
from carerecord.ingest import store as enrolling
from carerecord.ingest.enrol import LOOKS_EVERY_S, Enroller, enrols
from carerecord.ingest.people import stated
from carerecord.ingest.written import store
from carerecord.ingest.written.store import Waiting
from carerecord.kit.db import Connection, is_away
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Event

AT_ONCE: Final = 100
LOOKED_AT_EVERY: Final = timedelta(minutes=2)  # what waits for a person's word about whose it is
NO_SOURCE: Final = "Its source is no longer in the registry."
UNREAD: Final = "It cannot be read as a person."
NOTHING: Final = Demographics()  # what a source says of somebody whom it has deleted


@dataclass(frozen=True)
class Telling:
    enroller: Enroller
    patient_id: PatientIds
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    _noted: asyncio.Event = field(default_factory=asyncio.Event)  # by whoever hears, and perhaps not committed yet

    async def hear(self, connection: Connection, events: Sequence[Event]) -> None:
        """Note the people whom a source's client wrote. What we filed ourselves, the index knows."""
        told: dict[str, tuple[str, str, str]] = {}
        for event in events:
            kept = event.read(Kept)
            if kept.client and kept.source:
                told |= {id_: (id_, kept.source, event.id) for _, type_, id_, _, _ in kept.changes if type_ == "Patient"}
        if told:
            await store.add(connection, list(told.values()), self.enroller.clock.now())
            self._noted.set()

    def heard(self) -> None:
        """Ring for who works, where what was noted is committed now. Most of what is heard is nobody's news."""
        if self._noted.is_set():
            self._noted.clear()
            self.bell.set()

    async def work(self) -> None:
        """Until cancelled. A service that is needed and away is asked again; everything waits meanwhile."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_EVERY_S):
                    await self.bell.wait()
            self.bell.clear()
            await self._everyone()

    async def _everyone(self) -> None:
        """Tell of all that are due."""
        try:
            while await self.some():
                pass
        except Exception as error:
            if not (is_away(error) or isinstance(error, Unavailable)):
                raise
            self.enroller.log.warning("written.waits", because=type(error).__name__)

    async def some(self) -> bool:
        """Tell of as many as are taken at once; False when none was due."""
        db, now = self.enroller.db, self.enroller.clock.now()
        due = await store.due(db, now, AT_ONCE)
        if not due:
            return False
        registry = {each.id: each for each in (await self.enroller.registry()).sources}
        kept = await self.enroller.calls.ask(PEOPLE_KEPT, PeopleKeptAsked(tuple(each.id for each in due)))
        claims, waits = _claims(due, {each.id: each for each in kept}, registry, self.patient_id)
        taken = await self.enroller.calls.ask(TAKE, TakeAsked(tuple(claims.values()))) if claims else ()
        waits |= {id_: each.say for id_, each in zip(claims, taken, strict=True) if each.outcome == "waits"}
        believed = [each for each in taken if each.outcome != "waits"]
        gone = {(each.stated.source, each.stated.local_id) for each in claims.values() if each.stated.demographics == NOTHING}
        known, unknown = _pointers(believed, gone)
        if believed:
            await self.enroller.calls.ask(LEARN, LearnAsked(known, unknown))
        await self._settled(due, waits, believed)
        return True

    async def _settled(self, due: Sequence[Waiting], waits: Mapping[str, str], believed: Sequence[Taken]) -> None:
        now = self.enroller.clock.now()
        put_off = [each for each in due if each.id in waits]
        traces: dict[str, list[str]] = {}
        for taken in believed:
            if taken.trace:
                traces.setdefault(taken.source, []).append(taken.entry)
        async with self.enroller.db.acquire() as db, db.transaction():
            await store.done(db, [each for each in due if each.id not in waits])
            if put_off:
                reasons = [waits[each.id] for each in put_off]
                await store.later(db, put_off, reasons, [now + LOOKED_AT_EVERY * min(1 + each.tries, 30) for each in put_off])
            for source, patients in traces.items():
                await enrolling.want_traces(db, source, sorted(patients), now)
        for reason in dict.fromkeys(waits.values()):
            self.enroller.log.warning("written.person-waits", reason=reason)
        if traces:
            self.enroller.traces.set()


def _pointers(taken: Sequence[Taken], gone: set[tuple[str, str]]) -> tuple[tuple[Pointer, ...], tuple[Pointer, ...]]:
    """Where people are known, and where no more."""
    both: tuple[list[Pointer], list[Pointer]] = [], []
    for each in taken:
        both[(each.source, each.local_id) in gone].append(Pointer(each.source, each.local_id, each.entry))
    return tuple(both[0]), tuple(both[1])


def _claims(
    due: Sequence[Waiting], kept: Mapping[str, PersonKept], registry: Mapping[str, Source], patient_id: PatientIds
) -> tuple[dict[str, Claim], dict[str, str]]:
    """What the index is to be told of each, by its id; and of whom it cannot be told, with the reason."""
    claims: dict[str, Claim] = {}
    waits: dict[str, str] = {}
    for each in due:
        source, found = registry.get(each.source), kept.get(each.id)
        if source is None:
            waits[each.id] = NO_SOURCE
        elif found is not None:
            try:
                said = stated(source.id, person(bytes(found.raw)))
            except Unreadable:
                waits[each.id] = UNREAD
                continue
            said = replace(said, local_id=known_by(patient_id, source.id, each.id, said))
            if not found.gone:
                claims[each.id] = Claim(said, found.at)
            elif not enrols(source):  # else the source itself still says who it is
                claims[each.id] = Claim(SourcePatient(source.id, said.local_id, (), NOTHING), found.at)
    return claims, waits


def known_by(patient_id: PatientIds, source: str, id_: str, said: SourcePatient) -> str:
    """By which id the source knows them: of a Patient that its own messages made, the number from which the id was worked out."""
    for each in said.identifiers:
        for number in (each.value, f"{each.system}|{each.value}", f"nhs|{each.value}"):
            if patient_id(source, number) == id_:
                return number
    return id_
