"""Write down what a person says about sharing; it is in force from the moment that this answers.

Whoever asks what was said may rely on the answer for a moment. So an objection is answered a moment after it was committed: by
then nobody relies on an answer that is older than it, wherever they run.
"""

import asyncio
import uuid
from dataclasses import dataclass

from carerecord.consent.store import (
    add_objection,
    all_said,
    objections_for,
    one_at_a_time,
    said_once,
    told_since,
    withdraw_objection,
)
from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.contracts.consent import ObjectAsked, Objection, ObjectionsAsked, SaidAsked, Told, ToldAsked, WithdrawAsked
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit import request
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.kit.events import Outbox

WHOLE_RECORD = "*"
# Policy obeys no objection to these; a parent could otherwise hide a child's protection plan.
PROTECTS = frozenset(("safeguarding",))
GOOD_FOR_S = 0.5
_MOST_TOLD = 1_000
_CLOCKS_DIFFER = 1.1  # two machines do not count a second alike


@dataclass(frozen=True)
class Listener:
    db: Pool
    outbox: Outbox
    clock: Clock
    good_for_s: float = GOOD_FOR_S  # how long what it told may be relied on

    async def told(self, asked: ToldAsked) -> Told:
        return Told(*await told_since(self.db, asked.after, min(asked.most, _MOST_TOLD)), self.good_for_s)

    async def objections(self, asked: ObjectionsAsked) -> tuple[Objection, ...]:
        """Those in force. What somebody hides tells something of them: a human's look is written down before it is answered."""
        said = await objections_for(self.db, asked.person)
        if asked.actor is not None:
            await self.outbox.announce("Line", self._look(asked.actor, asked.person[0]))
        return said

    async def said(self, asked: SaidAsked) -> tuple[Objection, ...]:
        """In force or withdrawn, the newest first.

        Raises:
            NotFound: nothing was said under that id.
        """
        if not asked.id:
            found, person = await all_said(self.db, asked.person), asked.person[:1]
        else:
            one = await said_once(self.db, id_) if (id_ := _uuid(asked.id)) else None
            if one is None:
                raise NotFound("Nothing was said under that id.")
            found, person = (one,), (one.patient,)
        for patient in person:
            await self.outbox.announce("Line", self._look(asked.actor, patient))
        return found

    async def object(self, asked: ObjectAsked) -> Objection:
        """An objection, in force at once; said twice it is one.

        Raises:
            NotAcceptable: there is no such section, or it is one that protects somebody.
        """
        if asked.section in PROTECTS:
            raise NotAcceptable("What keeps a child or an adult at risk safe cannot be hidden by an objection.")
        if asked.section not in (*SECTION_IDS, WHOLE_RECORD):
            raise NotAcceptable(f"There is no section {asked.section!r}; they are: {', '.join(SECTION_IDS)}, and * for all.")
        at = self.clock.now()
        async with self.db.acquire() as db, db.transaction():
            await one_at_a_time(db)
            said, new = await add_objection(
                db, asked.patient, asked.section, asked.source, asked.organisation, at, asked.actor.key
            )
            if new:
                await self.outbox.announce("Line", self._line("objection-made", asked.actor, said), db)
        await asyncio.sleep(self.good_for_s * _CLOCKS_DIFFER)
        return said

    async def withdraw(self, asked: WithdrawAsked) -> Objection:
        """The objection, no longer in force.

        Raises:
            NotFound: none of that id is in force.
        """
        if not (wanted := _uuid(asked.objection)):
            raise NotFound("There is no such objection in force.")
        async with self.db.acquire() as db, db.transaction():
            await one_at_a_time(db)
            said = await withdraw_objection(db, wanted, self.clock.now(), asked.actor.key)
            if said is None:
                raise NotFound("There is no such objection in force.")
            await self.outbox.announce("Line", self._line("objection-withdrawn", asked.actor, said), db)
        return said

    def _look(self, actor: Actor, patient: str) -> Line:
        return Line(
            id=str(uuid.uuid4()),
            at=stamp(self.clock.now()),
            what="objections-read",
            service="consent",
            actor=actor,
            patients=(patient,),
            request=request.current(),
        )

    def _line(self, what: str, actor: Actor, said: Objection) -> Line:
        return Line(
            id=str(uuid.uuid4()),
            at=stamp(self.clock.now()),
            what=what,
            service="consent",
            actor=actor,
            patients=(said.patient,),
            sources=(said.source,) if said.source else (),
            sections=(said.section,),
            request=request.current(),
        )


def _uuid(text: str) -> str:
    """As the database writes it; "" for what is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""
