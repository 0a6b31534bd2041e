"""What does the locator learn from answers, and how often was it wrong to skip a source?"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.reply import Asking, Reply
from carerecord.contracts.audit import Line
from carerecord.contracts.locator import SEEN, Pointer, Seen, SeenAsked
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Permit
from carerecord.kit import request as requests
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.errors import CareRecordError
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.records.choosing import Choice, askings
from carerecord.records.gather import Gatherer
from carerecord.records.right_person import judged

WAITING = 200  # what is to be told or swept; more than that is let fall, for the next opening teaches the same
SWEEP_EVERY_S = 1.0
TOLD_OF = frozenset({"live", "not recorded", "incomplete"})


class Swept(Struct, frozen=True):
    """A skipped source that is asked after an opening, under that opening's permit."""

    person: Person
    choice: Choice
    permit: Permit
    request: str


@dataclass
class Teacher:
    """Tells the locator, beside the openings and never in their way."""

    calls: Calls
    gatherer: Gatherer
    outbox: Outbox
    clock: Clock
    log: Log
    share: float  # of openings after which one skipped source is asked
    check: Callable[[Permit], None]
    chance: random.Random = field(default_factory=random.Random)
    _told: "asyncio.Queue[tuple[Seen, ...]]" = field(default_factory=lambda: asyncio.Queue(WAITING))
    _swept: "asyncio.Queue[Swept]" = field(default_factory=lambda: asyncio.Queue(WAITING))

    def learned(self, patient: str, pointers: Sequence[Pointer], replies: Sequence[Reply]) -> None:
        """Told of an entry is under the id where it stands already: what is learned of a person who is parted again later then
        goes with the entry, and nobody keeps a pointer to another's. Of one that is new, under the id that was opened."""
        stands = {(each.source, each.local_id): each.patient for each in pointers}
        known = (each for each in replies if each.state in TOLD_OF and each.local_ids and not each.choices)
        seen = tuple([_seen(stands.get((reply.source.id, reply.local_ids[0]), patient), reply) for reply in known])
        if seen and not self._told.full():
            self._told.put_nowait(seen)

    def pick(self, choices: Sequence[Choice]) -> Choice | None:
        """Now and then, one source that this opening skips: the permit is asked to cover it too."""
        if self.chance.random() >= self.share or self._swept.full():
            return None
        # A practice is asked on behalf of a named person alone, so never by a sweep.
        can = (each for each in choices if not each.asked and each.live and each.source.knows_by != "local")
        skipped = [each for each in can if each.source.connector != "gp_connect"]
        if not skipped:
            return None
        one = self.chance.choice(skipped)
        return replace(one, asked=True, sections=one.live, kept=frozenset())

    def sweep_later(self, swept: Swept) -> None:
        if not self._swept.full():
            self._swept.put_nowait(swept)

    async def tell(self) -> None:
        """Until cancelled: hand what was learned to the locator. When it is down this is let fall: answers teach again."""
        while True:
            seen = await self._told.get()
            while not self._told.empty() and len(seen) < 1_000:
                seen += self._told.get_nowait()
            try:
                await self.calls.ask(SEEN, SeenAsked(seen))
            except CareRecordError as error:
                self.log.warning("locator.not_told", error=type(error).__name__)

    async def sweep(self) -> None:
        """Until cancelled: ask skipped sources, one a second at most, each under the permit of the opening that skipped it."""
        while True:
            swept = await self._swept.get()
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                self.check(swept.permit)
                for asking in askings([swept.choice], swept.permit, swept.person):
                    await self._ask(swept, asking)
            except CareRecordError as error:
                self.log.warning("sweep.left", error=type(error).__name__)

    async def _ask(self, swept: Swept, asking: Asking) -> None:
        """Nothing of the answer is shown to anybody; that it was asked for is written down all the same."""
        line = Line(
            id="", at=stamp(self.clock.now()), what="swept", service="records", actor=None, patients=(swept.person.patient,),
            rule=swept.permit.rule, sources=(asking.source.id,), request=swept.request,
        )  # fmt: skip
        await self.outbox.announce("Line", line)
        with requests.request(swept.request):
            reply = judged(swept.person, await self.gatherer.one(asking))
        if reply.state in (*TOLD_OF, "none held"):
            await self.calls.ask(SEEN, SeenAsked((_seen(swept.person.patient, reply, skipped=True),)))


def _seen(patient: str, reply: Reply, *, skipped: bool = False) -> Seen:
    return Seen(
        patient=patient,
        source=reply.source.id,
        local_id=reply.local_ids[0] if reply.local_ids else "",
        sections=tuple(each.section for each in reply.sections if each.count),
        empty=tuple(each.section for each in reply.sections if each.state == "not recorded"),
        at=reply.as_at,
        was_skipped=skipped,
    )
