"""What do people keep back from clients that read by their scopes alone, and does holdings know of it before it is asked?

What was said to consent is judged by policy, and whom the index calls restricted is told by the index; both hang over the records
that are kept here. Each answer is good for a moment, and an objection, or what makes somebody restricted, is answered to whoever
says it after that moment: none that was answered is passed over, and hardly a read has to ask for it.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from carerecord.contracts.holdings import PEOPLE_KEPT, VEIL, PeopleKeptAsked
from carerecord.contracts.patients import RESTRICTED, WHO, WhoAsked
from carerecord.contracts.policy import PLACES, VEILS, Places, PlacesAsked, Veil, VeilsAsked
from carerecord.contracts.records import ALIASES, AliasesAsked
from carerecord.contracts.restricted import Protected, RestrictedAsked
from carerecord.contracts.veils import Hung, VeilAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.calls import Calls
from carerecord.kit.db import is_away
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.kit.log import Log

AT_ONCE: Final = 200  # in one question
ANEW_EVERY_S: Final = 5.0  # a few are hung anew: entries that were linked since are the same person's
_ANEW: Final = 10
_ASKED_ABOUT: Final = 8  # at the same time: the first read after an upgrade waits for all that was ever said


class Told(NamedTuple):
    hung: tuple[Hung, ...]
    upto: int  # ask after this one the next time
    good_for_s: float


class Teller(Protocol):
    """One who tells what hangs over whom, in the order in which it was said."""

    async def told(self, after: int, most: int) -> Told: ...

    def asks(self, hung: tuple[Hung, ...], upto: int) -> VeilAsked: ...


@dataclass(frozen=True)
class Objecting:
    """What was said to consent, as policy judges it."""

    calls: Calls

    async def told(self, after: int, most: int) -> Told:
        told = await self.calls.ask(VEILS, VeilsAsked(after, most))
        hung: list[Hung] = []
        for place in range(0, len(told.veils), _ASKED_ABOUT):
            hung += await asyncio.gather(*map(self._of_one, told.veils[place : place + _ASKED_ABOUT]))
        return Told(tuple(hung), told.upto, told.good_for_s)

    def asks(self, hung: tuple[Hung, ...], upto: int) -> VeilAsked:
        return VeilAsked(hung, upto)

    async def _of_one(self, veil: Veil) -> Hung:
        what = Hung(veil.objection, (), (), veil.sections, veil.source, veil.organisation, veil.rule, veil.says)
        if not veil.sections:
            return what
        try:
            person = await self.calls.ask(WHO, WhoAsked(veil.patient))
            kept = (await self.calls.ask(ALIASES, AliasesAsked(veil.patient))).kept
        except NotFound:
            return what  # the index knows nobody of this id
        numbers = {person.demographics.nhs_number, *(each.demographics.nhs_number for each in person.statements)} - {""}
        return replace(what, patients=kept, numbers=tuple(sorted(numbers)))


@dataclass(frozen=True)
class Hiding:
    """Whom the index calls restricted."""

    calls: Calls
    patient_id: PatientIds

    async def told(self, after: int, most: int) -> Told:
        try:
            told = await self.calls.ask(RESTRICTED, RestrictedAsked(after, most))
        except Unavailable:
            raise Unavailable(
                "Whose whereabouts are protected cannot be known, because the patient index does not answer. "
                "Nothing is shown until it does.",
                service="patients",
            ) from None
        if not told.people:
            return Told((), told.upto, told.good_for_s)
        places = await self.calls.ask(PLACES, PlacesAsked())
        hung: list[Hung] = []
        for place in range(0, len(told.people), _ASKED_ABOUT):
            some = told.people[place : place + _ASKED_ABOUT]
            hung += await asyncio.gather(*[self._of_one(each, places) for each in some])
        return Told(tuple(hung), told.upto, told.good_for_s)

    def asks(self, hung: tuple[Hung, ...], upto: int) -> VeilAsked:
        return VeilAsked(hung, restricted_upto=upto)

    async def _of_one(self, each: Protected, places: Places) -> Hung:
        name = f"restricted/{each.patient}"
        if not each.numbers and not each.entries:
            return Hung(name)
        worked_out = {self.patient_id(*entry) for entry in each.entries}
        ids = tuple(sorted(worked_out | {local_id for _, local_id in each.entries}))
        kept = await self.calls.ask(PEOPLE_KEPT, PeopleKeptAsked(ids, bodies=False)) if ids else ()
        theirs = tuple([one.id for one in kept if one.id in worked_out or (one.source, one.id) in each.entries])
        return Hung(name, theirs, each.numbers, places.sections, rule=places.rule, says=places.says, places=True)


@dataclass
class Feed:
    """What one of them has told so far, and how long that is good."""

    calls: Calls
    teller: Teller
    upto: int = 0

    async def heard(self) -> tuple[float, float]:
        """All that was told before this was asked hangs: when it was asked, and until when it is good."""
        while True:
            asked_at = time.monotonic()
            told = await self.teller.told(self.upto, AT_ONCE)
            if told.hung:
                await self.calls.ask(VEIL, self.teller.asks(told.hung, told.upto))
            self.upto = told.upto
            if len(told.hung) < AT_ONCE:
                return asked_at, asked_at + told.good_for_s

    async def anew(self, after: int) -> int:
        """The next few hang anew; where to go on."""
        told = await self.teller.told(after, _ANEW)
        if told.hung:
            await self.calls.ask(VEIL, self.teller.asks(told.hung, 0))
        return told.upto if len(told.hung) == _ANEW else 0


@dataclass
class Veils:
    calls: Calls
    log: Log
    patient_id: PatientIds
    _feeds: tuple[Feed, Feed] = field(init=False, repr=False)
    _begun: bool = False  # holdings has been asked how far it knows
    _good_until: float = 0.0  # by the clock that never goes back
    _asked_at: float = -1.0  # when it was asked what is known
    _asking: "asyncio.Task[None] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._feeds = Feed(self.calls, Objecting(self.calls)), Feed(self.calls, Hiding(self.calls, self.patient_id))

    @property
    def known(self) -> bool:
        """Whether all that was said up to this moment is known."""
        return time.monotonic() < self._good_until

    async def fresh(self) -> None:
        """All that was said before this was asked hangs over the records. One asks for all who wait.

        Raises:
            Unavailable: it cannot be known. Nothing is shown then.
        """
        came = time.monotonic()
        while not (self.known or self._asked_at >= came):
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._heard(), name="exchange veils")
            await asyncio.shield(self._asking)

    async def _heard(self) -> None:
        objections, restricted = self._feeds
        if not self._begun:
            told = await self.calls.ask(VEIL, VeilAsked())
            objections.upto, restricted.upto, self._begun = told.upto, told.restricted_upto, True
        # Neither is left behind when the other fails: what it heard would be hung over what is heard later.
        heard = await asyncio.gather(objections.heard(), restricted.heard(), return_exceptions=True)
        good = [each for each in heard if not isinstance(each, BaseException)]
        for each in heard:
            if isinstance(each, BaseException):
                raise each
        self._asked_at, self._good_until = min(asked_at for asked_at, _ in good), min(until for _, until in good)

    async def run(self) -> None:
        """Hang a few anew, again and again, until cancelled."""
        after = [0 for _ in self._feeds]
        while True:
            await asyncio.sleep(ANEW_EVERY_S)
            try:
                after = [await feed.anew(begun) for feed, begun in zip(self._feeds, after, strict=True)]
            except Exception as error:
                if not (is_away(error) or isinstance(error, Unavailable)):
                    raise
                self.log.info("veils.wait", because=type(error).__name__)
