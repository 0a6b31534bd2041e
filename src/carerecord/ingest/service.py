"""Begin to bring in a source's people, and say how far that has come."""

import asyncio
from dataclasses import dataclass

from carerecord.contracts.audit import Line
from carerecord.contracts.ingest import Enrolment, EnrolmentsAsked, EnrolSourceAsked
from carerecord.ingest import store
from carerecord.ingest.enrol import Enroller, enrols
from carerecord.kit import request
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.kit.events import Outbox


@dataclass(frozen=True)
class Porter:
    enroller: Enroller
    outbox: Outbox

    async def enrol_source(self, asked: EnrolSourceAsked) -> Enrolment:
        """Ask for a run over everybody; one that stopped half-way goes on. It is written down who asked.

        Raises:
            NotFound: no such source. NotAcceptable: its people cannot be gone through.
        """
        enroller = self.enroller
        source = next((each for each in (await enroller.registry()).sources if each.id == asked.source), None)
        if source is None:
            raise NotFound("There is no such source in the registry.")
        if not enrols(source):
            raise NotAcceptable("People cannot be brought in from this source: it is retired, or no FHIR R4 system.")
        now = enroller.clock.now()
        line = Line("", stamp(now), "enrolled", "ingest", asked.actor, sources=(source.id,), request=request.current())
        async with enroller.db.acquire() as db, db.transaction():
            await store.want(db, source.id, now, whole=True)
            await self.outbox.announce("Line", line, db)
        enroller.bell.set()
        if asked.wait:
            return await self._ended(source.id)
        return await self._of(source.id)

    async def enrolments(self, asked: EnrolmentsAsked) -> tuple[Enrolment, ...]:
        return await store.enrolments(self.enroller.db)

    async def _of(self, source: str) -> Enrolment:
        return next(each for each in await store.enrolments(self.enroller.db) if each.source == source)

    async def _ended(self, source: str) -> Enrolment:
        """When the run has come to its end, well or not. Another process may be the one that runs it."""
        while (now := await self._of(source)).state in ("waiting", "running"):
            async with self.enroller.progress:
                try:
                    await asyncio.wait_for(self.enroller.progress.wait(), 0.5)
                except TimeoutError:
                    continue
        return now
