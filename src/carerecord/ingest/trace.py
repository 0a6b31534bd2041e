"""How is an NHS number looked up at the Personal Demographics Service: one that nobody has verified, or of which it was said that
something changed?

The queue holds ids; the number is asked of the index when its turn comes, and goes nowhere but to the PDS.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from msgspec import structs

from carerecord.connectors.pds import NotRegistered, Pds
from carerecord.connectors.web_trouble import WebTrouble
from carerecord.contracts.patients import TRACED, WHO, TracedAsked, WhoAsked
from carerecord.contracts.sources import Source
from carerecord.fhir.errors import NotAnNhsNumber
from carerecord.ingest import store
from carerecord.ingest.enrol import LOOKS_EVERY_S, Enroller
from carerecord.ingest.people import demographics
from carerecord.kit.db import is_away
from carerecord.kit.errors import CareRecordError, NotFound, Unavailable

AT_ONCE = 20  # taken from the queue in one go; the PDS window spaces them
LONGEST_PAUSE = timedelta(minutes=15)
_UNVERIFIED = frozenset(("", "02", "03", "06"))


@dataclass(frozen=True)
class Tracer:
    enroller: Enroller
    pds: Pds

    async def work(self) -> None:
        """Until cancelled: trace what is due. Where no PDS is in the registry, numbers wait."""
        while True:
            self.enroller.traces.clear()
            try:
                more = await self.some()
            except Exception as error:
                if not (is_away(error) or isinstance(error, Unavailable)):
                    raise
                self.enroller.log.warning("trace.waits", because=type(error).__name__)
                more = False
            if not more:
                try:
                    await asyncio.wait_for(self.enroller.traces.wait(), LOOKS_EVERY_S)
                except TimeoutError:
                    continue

    async def some(self) -> bool:
        """Trace as many as are taken in one go; False when none was due."""
        registry = await self.enroller.registry()
        at = next((each for each in registry.sources if each.connector == "pds" and not each.retired), None)
        if at is None:
            return False
        organisations = {each.id: each.organisation for each in registry.sources}
        taken = await store.take_traces(self.enroller.db, AT_ONCE, self.enroller.clock.now())
        await asyncio.gather(*(self._one(at, each, organisations.get(each.source, "")) for each in taken))
        return bool(taken)

    async def _one(self, at: Source, untraced: store.Untraced, organisation: str) -> None:
        enroller = self.enroller
        try:
            outcome = await self._trace(at, untraced, organisation)
        except NotFound:
            outcome = "gone"
        except (WebTrouble, CareRecordError) as error:
            pause = min(LONGEST_PAUSE, timedelta(seconds=2.0 * 2 ** min(untraced.failures, 10)))
            enroller.log.warning("trace.again", because=type(error).__name__)
            await store.trace_later(enroller.db, untraced.patient, enroller.clock.now() + pause)
            return
        await store.traced(enroller.db, untraced.patient, outcome)

    async def _trace(self, at: Source, untraced: store.Untraced, organisation: str) -> str:
        patient = untraced.patient
        person = await self.enroller.calls.ask(WHO, WhoAsked(patient))
        known = person.demographics
        if not known.nhs_number or not (untraced.anew or known.nhs_number_status in _UNVERIFIED):
            return "settled"  # by another entry with the same number
        try:
            found = await self.pds.read(at, known.nhs_number, organisation=organisation)
        except NotAnNhsNumber:
            return "settled"
        if isinstance(found, NotRegistered):
            await self.enroller.calls.ask(TRACED, TracedAsked(patient, "not-found"))
            return "not-found"
        outcome = "superseded" if found.superseded else "verified"
        answered = structs.replace(demographics(found.person), nhs_number=found.person.id)
        await self.enroller.calls.ask(TRACED, TracedAsked(patient, outcome, answered))
        return outcome
