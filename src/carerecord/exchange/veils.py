"""What do people keep back from clients that read by their scopes alone, and does holdings know of it before it is asked?

What was said to consent is judged by policy and hung over the records that are kept here. Each answer of policy is good for a
moment, and an objection is answered to whoever makes it after that moment: none that was answered is passed over, and hardly a
read has to ask for it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from carerecord.contracts.holdings import VEIL
from carerecord.contracts.patients import WHO, WhoAsked
from carerecord.contracts.policy import VEILS, Veil, VeilsAsked
from carerecord.contracts.records import ALIASES, AliasesAsked
from carerecord.contracts.veils import Hung, VeilAsked
from carerecord.kit.calls import Calls
from carerecord.kit.db import is_away
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.kit.log import Log

AT_ONCE: Final = 200  # objections in one question
ANEW_EVERY_S: Final = 5.0  # a few are hung anew: entries that were linked since are the same person's
_ANEW: Final = 10
_ASKED_ABOUT: Final = 8  # at the same time: the first read after an upgrade waits for all that was ever said


@dataclass
class Veils:
    calls: Calls
    log: Log
    _upto: int = -1  # so far holdings knows; -1: it has not been asked
    _good_until: float = 0.0  # by the clock that never goes back
    _asked_at: float = -1.0  # when it was asked what is known
    _asking: "asyncio.Task[None] | None" = field(default=None, repr=False)

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
        if self._upto < 0:
            self._upto = (await self.calls.ask(VEIL, VeilAsked())).upto
        while True:
            asked_at = time.monotonic()
            told = await self.calls.ask(VEILS, VeilsAsked(self._upto, AT_ONCE))
            if told.veils:
                await self.calls.ask(VEIL, VeilAsked(await self._hung(told.veils), told.upto))
            self._upto = told.upto
            if len(told.veils) < AT_ONCE:
                self._asked_at, self._good_until = asked_at, asked_at + told.good_for_s
                return

    async def _hung(self, veils: Sequence[Veil]) -> tuple[Hung, ...]:
        found: list[Hung] = []
        for place in range(0, len(veils), _ASKED_ABOUT):
            found += await asyncio.gather(*map(self._of_one, veils[place : place + _ASKED_ABOUT]))
        return tuple(found)

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

    async def run(self) -> None:
        """Hang a few anew, again and again, until cancelled."""
        after = 0
        while True:
            await asyncio.sleep(ANEW_EVERY_S)
            try:
                told = await self.calls.ask(VEILS, VeilsAsked(after, _ANEW))
                if told.veils:
                    await self.calls.ask(VEIL, VeilAsked(await self._hung(told.veils)))
            except Exception as error:
                if not (is_away(error) or isinstance(error, Unavailable)):
                    raise
                self.log.info("veils.wait", because=type(error).__name__)
                continue
            after = told.upto if len(told.veils) == _ANEW else 0
