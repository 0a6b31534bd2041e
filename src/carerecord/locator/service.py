"""Say where a person's information lies, and learn it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carerecord.contracts.holdings import Kept
from carerecord.contracts.locator import LearnAsked, Learned, Pointer, SeenAsked, Sweep, SweepAsked, WhereAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.events import Event
from carerecord.locator import store
from carerecord.locator.copies import with_copies


@dataclass(frozen=True)
class Locator:
    db: Pool
    clock: Clock
    patient_id: PatientIds

    async def where(self, asked: WhereAsked) -> tuple[Pointer, ...]:
        pointers, copied = await store.pointers_for(self.db, asked.person)
        if not copied:
            return pointers
        lies = [self.patient_id(each.source, each.local_id) for each in pointers]
        copies = await store.copies_of(self.db, lies)
        if not copies:
            return pointers
        return tuple([with_copies(each, copies.get(id_, {})) for id_, each in zip(lies, pointers, strict=True)])

    async def hear(self, connection: Connection, events: Sequence[Event]) -> None:
        """Take in what holdings keeps in the name of sources, in the transaction that moves our place with it."""
        for event in events:
            kept = event.read(Kept)
            if kept.source:
                copies = [(patient, type_) for patient, type_, _, _, method in kept.changes if method != "D"]
                await store.add_copies(connection, copies, event.at)

    async def learn(self, asked: LearnAsked) -> Learned:
        """Take in that these sources know these people, and those no more; the same again changes nothing. How many were new."""
        if asked.gone:
            await store.forget(self.db, asked.gone)
        if not asked.pointers:
            return Learned(0)
        return Learned(await store.learn(self.db, asked.pointers, self.clock.now()))

    async def seen(self, asked: SeenAsked) -> Learned:
        """Take in what sources held when they answered.

        Raises:
            NotUnderstood: a time without its zone, or none.
        """
        if not asked.seen:
            return Learned(0)
        for each in asked.seen:
            _must_have_a_zone(each.at)
        return Learned(await store.seen(self.db, asked.seen))

    async def swept(self, asked: SweepAsked) -> Sweep:
        return await store.swept(self.db)


def _must_have_a_zone(text: str) -> None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise NotUnderstood("The time at which a source answered needs a zone.")
