"""Whom have clients written that the index did not take over, why, since when, and what did a human decide of it?

Nothing of who they are is told: the Patient is named by its id, and its source knows whom it means. It stands in holdings
whatever is decided here, and the next change of it is heard anew.
"""

import asyncio
from dataclasses import dataclass

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.contracts.ingest import (
    LeavePersonAsked,
    PeopleAgainAsked,
    PeopleWaiting,
    PeopleWaitingAsked,
    PersonWaiting,
    QueueChanged,
)
from carerecord.ingest.written import store
from carerecord.kit import request
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound, NotUnderstood
from carerecord.kit.events import Outbox


@dataclass(frozen=True)
class People:
    db: Pool
    outbox: Outbox
    clock: Clock
    bell: asyncio.Event  # wakes who tells the index

    async def waiting(self, asked: PeopleWaitingAsked) -> PeopleWaiting:
        most = min(max(asked.most, 1), 1_000)
        count, rows = await store.waiting(self.db, most)
        told = [
            PersonWaiting(each.id, each.source, stamp(each.since), each.reason, each.tries, stamp(each.next_at)) for each in rows
        ]
        return PeopleWaiting(count, tuple(told))

    async def again(self, asked: PeopleAgainAsked) -> QueueChanged:
        """Raises NotUnderstood: it says not whom. NotFound: nobody of that id waits."""
        if not (asked.id or asked.everybody):
            raise NotUnderstood("Say who: one Patient by its id, or all.")
        async with self.db.acquire() as db, db.transaction():
            ids = await store.again(db, asked.id, self.clock.now())
            if asked.id and not ids:
                raise NotFound("Nobody of that id waits.")
            await self.outbox.announce("Line", self._line("people-told-again", asked.actor, ids), db)
        self.bell.set()
        return QueueChanged(len(ids))

    async def leave(self, asked: LeavePersonAsked) -> QueueChanged:
        """The index goes on saying what it said before.

        Raises:
            NotUnderstood: without a reason. NotFound: nobody of that id waits.
        """
        if not asked.reason.strip():
            raise NotUnderstood("Say why it is left: it stands in the audit book.")
        async with self.db.acquire() as db, db.transaction():
            source = await store.left(db, asked.id)
            if source is None:
                raise NotFound("Nobody of that id waits.")
            line = self._line("person-left-out", asked.actor, (asked.id,), asked.reason[:500], source)
            await self.outbox.announce("Line", line, db)
        return QueueChanged(1)

    def _line(self, what: str, actor: Actor | None, ids: tuple[str, ...], reason: str = "", source: str = "") -> Line:
        return Line(
            "", stamp(self.clock.now()), what, "ingest", actor, ids[:1_000], sources=(source,) if source else (), reason=reason,
            request=request.current(),
        )  # fmt: skip
