"""Under which ids does the audit book speak of one person? Openings name the ids of the index; what systems read and write by the
FHIR API is told under the id of the Patient resource in whose record it lies."""

import asyncio
from dataclasses import dataclass

from carerecord.contracts.holdings import PEOPLE_KEPT, PeopleKeptAsked, PersonKept
from carerecord.contracts.patients import ENTRIES, KNOWN_AS, WHO, KnownAsAsked, Person, WhoAsked
from carerecord.contracts.records import Aliases, AliasesAsked
from carerecord.contracts.restricted import EntriesAsked
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.person import person
from carerecord.kit.calls import Calls
from carerecord.kit.errors import NotFound


@dataclass(frozen=True)
class Namer:
    calls: Calls
    patient_id: PatientIds

    async def aliases(self, asked: AliasesAsked) -> Aliases:
        """Raises NotFound: neither an id of the index nor of a Patient kept here."""
        known = await self._known(asked.patient)
        if known is not None:
            return Aliases(known.ids, await self._kept(known))
        found = await self.calls.ask(PEOPLE_KEPT, PeopleKeptAsked((asked.patient,)))
        if not found:
            raise NotFound("There is nobody of that id.")
        bearer = await self._bearer(found[0])
        if bearer is None:
            return Aliases((), (asked.patient,))
        return Aliases(bearer.ids, tuple(dict.fromkeys((asked.patient, *await self._kept(bearer)))))

    async def _known(self, patient: str) -> Person | None:
        try:
            return await self.calls.ask(WHO, WhoAsked(patient))
        except NotFound:
            return None

    async def _bearer(self, kept: PersonKept) -> Person | None:
        """Whom the index knows by the number that this Patient bears."""
        try:
            number = person(bytes(kept.raw)).nhs_number
            if not number:
                return None
            bearer = await self.calls.ask(KNOWN_AS, KnownAsAsked(NHS_NUMBER, number))
        except (Unreadable, NotFound):
            return None
        return await self._known(bearer.ids[0])

    async def _kept(self, known: Person) -> tuple[str, ...]:
        """What the person's own sources wrote, under an id that was worked out or one of their own; and what clients that no
        source stands for wrote under the person's number.

        What the index says of a restricted person names no source: the book speaks of them all the same, so it is asked for."""
        own = await self.calls.ask(ENTRIES, EntriesAsked(known.patient))
        worked_out = {self.patient_id(*entry) for entry in own}
        numbers = {known.demographics.nhs_number, *(each.demographics.nhs_number for each in known.statements)} - {""}
        ids = tuple(sorted(worked_out | {local_id for _, local_id in own}))
        named, bearers = await asyncio.gather(
            self.calls.ask(PEOPLE_KEPT, PeopleKeptAsked(ids, bodies=False)),
            self.calls.ask(PEOPLE_KEPT, PeopleKeptAsked(numbers=tuple(sorted(numbers)), bodies=False)),
        )
        theirs = [each.id for each in named if each.id in worked_out or (each.source, each.id) in own]
        return tuple(dict.fromkeys((*theirs, *(each.id for each in bearers if not each.source))))
