"""Set a subscription, change it, end it, look at it: each client its own; those who mend see all, without their secrets."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Raw, structs

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import WATCHABLE, WRITE, Change, Client, Reach, WriteAsked
from carerecord.contracts.subscriptions import (
    AmendAsked,
    ResumeAsked,
    Standing,
    StandingAsked,
    SubscribeAsked,
    Subscribed,
    SubscribedAsked,
    Subscriber,
    UnsubscribeAsked,
    Unsubscribed,
)
from carerecord.contracts.watches import WatchableAsked
from carerecord.fhir.scopes import allows
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import Conflict, NotAcceptable, NotFound, Refused
from carerecord.kit.events import Outbox
from carerecord.subscriptions import model
from carerecord.subscriptions.model import Body
from carerecord.subscriptions.outward import Postman
from carerecord.subscriptions.permits import ISSUER
from carerecord.subscriptions.sealing import Seals
from carerecord.subscriptions.store import subscribed as store
from carerecord.subscriptions.store.subscribed import Queue, Row

_CHANGED: Final = "It was changed since: read it again."
_NONE: Final = "There is no such subscription."


@dataclass(frozen=True)
class Desk:
    db: Pool
    calls: Calls
    outbox: Outbox
    clock: Clock
    seals: Seals
    postman: Postman
    due: asyncio.Event  # rung for whoever delivers
    most: int  # subscriptions of one client

    async def subscribe(self, asked: SubscribeAsked) -> Subscribed:
        """Requested: it is active once its endpoint has answered a first word.

        Raises:
            NotUnderstood, NotAcceptable: something of it would not be obeyed; says what. Refused: not within the token's scopes.
        """
        body = await self._body(asked.by, bytes(asked.raw), asked.base)
        now, id_ = self.clock.now(), uuid.uuid4().hex
        sealed = self.seals.seal(body.text, organisation=asked.by.organisation, id_=id_)
        row = Row(
            id_, asked.by.id, asked.by.organisation, asked.by.scopes, body.wanted.type, body.wanted.status, "", 1, now, now,
            body.wanted.ends_at, sealed, began=False, numbered=0, kept_back=0, tries=0, try_at=now,
        )  # fmt: skip
        async with self.db.acquire() as db, db.transaction():
            if await store.counted(db, asked.by.id) >= self.most:
                raise NotAcceptable(f"A client has {self.most} subscriptions at most: end one, or let one wait for more.")
            await store.add(db, row)
            await self.outbox.announce("Line", self._line("subscription-made", asked.by, id_, asked.request), db)
        self.due.set()
        return _told(row, body)

    async def amend(self, asked: AmendAsked) -> Subscribed:
        """Asks its endpoint anew. What waits for it goes on waiting, and is held against what it asks for now.

        Raises:
            NotFound: the client has none of that id. Conflict: it was changed since. And as `subscribe`.
        """
        stands = await self._own(asked.by, asked.id)
        if asked.if_match and asked.if_match != stands.version:
            raise Conflict(_CHANGED)
        body = await self._body(asked.by, bytes(asked.raw), asked.base)
        row = structs.replace(
            stands, scopes=asked.by.scopes, type=body.wanted.type, status=body.wanted.status, error="", tries=0,
            version=stands.version + 1, changed_at=self.clock.now(), ends_at=body.wanted.ends_at,
            body=self.seals.seal(body.text, organisation=stands.organisation, id_=stands.id),
        )  # fmt: skip
        async with self.db.acquire() as db, db.transaction():
            if not await store.amend(db, row):
                raise Conflict(_CHANGED)
            if row.status == "off":
                await store.drop_queue(db, row.id)
            await self.outbox.announce("Line", self._line("subscription-changed", asked.by, row.id, asked.request), db)
        self.due.set()
        return _told(row, body)

    async def unsubscribe(self, asked: UnsubscribeAsked) -> Unsubscribed:
        """It is gone, with all that waited for it. Raises NotFound; Conflict: it is not in that version any more."""
        stands = await self._own(asked.by, asked.id)
        async with self.db.acquire() as db, db.transaction():
            if not await store.remove(db, stands.id, asked.if_match):
                raise Conflict(_CHANGED) if asked.if_match else NotFound(_NONE)
            await self.outbox.announce("Line", self._line("subscription-ended", asked.by, asked.id, asked.request), db)
        return Unsubscribed()

    async def subscribed(self, asked: SubscribedAsked) -> tuple[Subscribed, ...]:
        """A client's own, or the one. Raises NotFound: it has none of that id, whoever else may have."""
        if asked.id:
            row = await self._own(asked.by, asked.id)
            return (_told(row, self.body(row)),)
        return tuple([_told(each, self.body(each)) for each in await store.of_client(self.db, asked.by.id)])

    async def standing(self, asked: StandingAsked) -> tuple[Standing, ...]:
        """Raises NotFound: there is none of that id."""
        rows = await store.every(self.db, asked.id)
        if asked.id and not rows:
            raise NotFound("There is no such subscription; `carerecord subscriptions list` names those that there are.")
        return await self._standings(rows)

    async def resume(self, asked: ResumeAsked) -> Standing:
        """What an operator does once the endpoint is mended. Raises NotFound: none of that id, or one that is over."""
        async with self.db.acquire() as db, db.transaction():
            if not await store.resume(db, asked.id, self.clock.now()):
                raise NotFound("There is no such subscription, or it is off: its client sets it anew.")
            await self.outbox.announce("Line", self._line("subscription-resumed", None, asked.id, ""), db)
        self.due.set()
        return (await self._standings(await store.every(self.db, asked.id)))[0]

    def body(self, row: Row) -> Body:
        return model.body_in(self.seals.open(row.body, organisation=row.organisation, id_=row.id))

    async def _body(self, by: Subscriber, raw: bytes, base: str) -> Body:
        given = model.resource_in(raw)
        wanted = model.wanted(given, self.clock.now())
        judged = WriteAsked(Client(), Reach((model.TYPE,)), (Change("create", model.TYPE, raw=Raw(raw)),), check_only=True)
        (made,) = await self.calls.ask(WRITE, judged)
        if wrong := [each for each in made.issues if each.severity == "error"]:
            raise NotAcceptable(f"{wrong[0].path or model.TYPE}: {wrong[0].says}")
        if fault := self.postman.refusal(wanted.endpoint):
            raise NotAcceptable(f"Subscription.channel.endpoint {fault}.")
        for letter in "rs":
            if not allows(by.scopes, wanted.type, letter):
                raise Refused(f"The token's scopes do not allow to read and search {wanted.type}.", rule="scope")
        await self.calls.ask(WATCHABLE, WatchableAsked(wanted.type, wanted.query, base))
        return Body(given, wanted, base)

    async def _own(self, by: Subscriber, id_: str) -> Row:
        found = await store.of_client(self.db, by.id, id_) if id_ else ()
        if not found:
            raise NotFound(_NONE)
        return found[0]

    async def _standings(self, rows: Sequence[Row]) -> tuple[Standing, ...]:
        queues = await store.queues(self.db, [each.id for each in rows])
        return tuple([_standing(each, self.body(each), queues.get(each.id, Queue())) for each in rows])

    def _line(self, what: str, by: Subscriber | None, id_: str, request: str) -> Line:
        return Line(
            id="", at=stamp(self.clock.now()), what=what, service="subscriptions", actor=actor(by) if by else None,
            states=(f"subscription={id_}",), request=request,
        )  # fmt: skip


def actor(by: Subscriber) -> Actor:
    role = Role(by.id, "system-client", "System or app", by.organisation, by.organisation)
    return Actor(ISSUER, by.id, by.name or by.id, role)


def _told(row: Row, body: Body) -> Subscribed:
    raw = model.written(
        body.resource, id_=row.id, version=row.version, at=row.changed_at, status=row.status, error=row.error
    )  # fmt: skip
    return Subscribed(row.id, row.version, stamp(row.changed_at), row.status, row.error, row.numbered, Raw(raw))


def _standing(row: Row, body: Body, queue: Queue) -> Standing:
    wanted = body.wanted
    return Standing(
        row.id, row.client, row.organisation, row.type, wanted.host, row.status, row.error, stamp(row.made_at), queue.waiting,
        stamp(queue.oldest_at) if queue.oldest_at else "", row.numbered, row.tries, stamp(row.try_at), row.kept_back,
        tuple([name for name, _ in wanted.headers]),
    )  # fmt: skip
