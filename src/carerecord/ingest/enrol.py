"""How are a source's people brought in? Page by page; each page counted once, whoever is killed whenever."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

from carerecord.connectors.fhir_people import Broken, GoesRound, Page, PageGone, pages
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import NotTrusted, WebTrouble
from carerecord.contracts.locator import LEARN, LearnAsked, Pointer
from carerecord.contracts.patients import ENROL, EnrolAsked, Enrolled
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAsked, Source
from carerecord.ingest import store
from carerecord.ingest.people import stated
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool, is_away
from carerecord.kit.errors import CareRecordError, Unavailable
from carerecord.kit.log import Log

TRIES = 5  # runs that fail in a row before a human is told
FIRST_PAUSE_S = 2.0  # then twice as long each time
LOOKS_EVERY_S = 5.0  # for what is due, when nobody rings


@dataclass
class Enroller:
    """Goes through sources, some at once, for as long as its service runs."""

    calls: Calls
    db: Pool
    web: Web
    clock: Clock
    log: Log
    sources_at_once: int
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    bell: asyncio.Event = field(default_factory=asyncio.Event)  # something is wanted
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)  # something has been done
    traces: asyncio.Event = field(default_factory=asyncio.Event)  # numbers wait to be traced

    async def work(self) -> None:
        """Until cancelled: take what is due, go through it. What is in hand when told to stop is handed back."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                self.bell.clear()
                try:
                    await self._schedule()
                    for taken in await store.take(self.db, self.owner, self.sources_at_once - len(running), self.clock.now()):
                        running.add(asyncio.create_task(self.run(taken), name=f"enrol {taken.source}"))
                except Exception as error:
                    if not _passing(error):
                        raise
                    self.log.warning("enrolment.waits", because=type(error).__name__)
                ringing = asyncio.create_task(self.bell.wait())
                try:
                    await asyncio.wait({*running, ringing}, timeout=LOOKS_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    ringing.cancel()
                for task in [task for task in running if task.done()]:
                    running.discard(task)
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _schedule(self) -> None:
        timed = [source for source in (await self.registry()).sources if source.enrol_every_s > 0 and enrols(source)]
        now = self.clock.now()
        for source in await store.due(self.db, [each.id for each in timed], [each.enrol_every_s for each in timed], now):
            await store.want(self.db, source, now, whole=False)

    async def registry(self) -> Registry:
        answered = await self.calls.ask(REGISTRY, RegistryAsked())
        if answered.registry is None:
            raise Unavailable("The registry of sources does not answer.", service="sources")
        return answered.registry

    async def run(self, taken: store.Taken) -> None:
        """Go through one source from its checkpoint. Never raises but when cancelled; what went wrong stands in its row."""
        try:
            await self._through(taken)
        except asyncio.CancelledError:
            now = self.clock.now()
            await asyncio.shield(store.let_go(self.db, self.owner, taken.source, "waiting", now, until=now))
            raise
        except Exception as error:
            await self._failed(taken, error)
        finally:
            async with self.progress:
                self.progress.notify_all()

    async def _through(self, taken: store.Taken) -> None:
        source = next((each for each in (await self.registry()).sources if each.id == taken.source), None)
        if source is None or not enrols(source):
            raise _NotEnrolled("It is no longer in the registry of sources.")
        self.log.info("enrolment.begins", source=source.id, resumed=bool(taken.next))
        async with aclosing(pages(self.web, source, start=taken.next, since=taken.since)) as each_page:
            async for page in each_page:
                if not await self.take_in(source, page):
                    return  # another worker has it
        async with self.db.acquire() as db:
            await store.finish(db, self.owner, source.id, self.clock.now())
        self.log.info("enrolment.done", source=source.id)

    async def take_in(self, source: Source, page: Page) -> bool:
        """One page into the index and the locator, then into the count; False when the run has gone to another hand.

        Killed before the count, the page is taken in again: the index and the locator then change nothing.
        """
        people = tuple(stated(source.id, facts) for facts in page.people)
        enrolled = await self.calls.ask(ENROL, EnrolAsked(people)) if people else ()
        if enrolled:
            pointers = tuple(Pointer(each.source, each.local_id, each.patient) for each in enrolled)
            await self.calls.ask(LEARN, LearnAsked(pointers))
        now = self.clock.now()
        untraced = [each.patient for each in enrolled if each.trace]
        async with self.db.acquire() as db, db.transaction():
            counted = _count(enrolled, page.broken)
            if not await store.checkpoint(db, self.owner, source.id, page.next, counted, now):
                return False
            if page.broken:
                await store.set_aside(db, source.id, [(each.reference, each.reason) for each in page.broken], now)
            await store.read_after_all(db, source.id, [f"Patient/{each.local_id}" for each in people])
            if untraced:
                await store.want_traces(db, source.id, untraced, now)
        if untraced:
            self.traces.set()
        async with self.progress:
            self.progress.notify_all()
        return True

    async def _failed(self, taken: store.Taken, error: Exception) -> None:
        """Wait and try again, or say to a human what is wrong."""
        says = error.says if isinstance(error, WebTrouble | CareRecordError) else "Something failed inside."
        if not isinstance(error, WebTrouble | CareRecordError):
            self.log.error("enrolment.fault", source=taken.source, exc_info=error)
        lasting = isinstance(error, NotTrusted | GoesRound | _NotEnrolled) or taken.failures + 1 >= TRIES
        now = self.clock.now()
        pause = timedelta(seconds=0.0 if isinstance(error, PageGone) else FIRST_PAUSE_S * 2**taken.failures)
        state = "failed" if lasting else "waiting"
        self.log.warning("enrolment.failed" if lasting else "enrolment.again", source=taken.source, because=type(error).__name__)
        try:
            await store.let_go(
                self.db,
                self.owner,
                taken.source,
                state,
                now,
                says=says,
                until=now + pause,
                anew=isinstance(error, PageGone | GoesRound),
            )
        except Exception as lost:
            if not is_away(lost):
                raise
            self.log.warning("enrolment.held", source=taken.source, because=type(lost).__name__)  # freed when its hold ends


class _NotEnrolled(CareRecordError):
    """There is nothing to go through."""


def enrols(source: Source) -> bool:
    """Whether people can be brought in from it: a FHIR source in use. The PDS is asked, not gone through."""
    return source.connector == "fhir_r4" and not source.retired


def _passing(error: Exception) -> bool:
    return is_away(error) or isinstance(error, Unavailable)


def _count(enrolled: Sequence[Enrolled], broken: Sequence[Broken]) -> store.Counted:
    outcomes = Counter(each.outcome for each in enrolled)
    return store.Counted(
        seen=len(enrolled) + len(broken),
        new=outcomes["new"],
        linked=outcomes["linked"],
        changed=outcomes["changed"],
        unchanged=outcomes["unchanged"],
        review=outcomes["review"],
        unreadable=len(broken),
    )
