"""What of holdings stands in the audit book? Each read, search and write of a client, with every record that was touched."""

from collections.abc import Iterable
from functools import lru_cache

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import Client, NoteAsked, Noted, Reach
from carerecord.holdings.reaching import most
from carerecord.holdings.store.together import Look
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Connection
from carerecord.kit.events import Outbox
from carerecord.kit.question import encode

ISSUER = "urn:carerecord:client"
_NOBODY = "of:"
_OF_NOBODY = b'"patients":[]'
_SHOWN, _REFUSED = b'"outcome":"success"', b'"outcome":"refused"'


class Book:
    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox, self._clock = outbox, clock

    async def write(
        self, what: str, client: Client, patients: Iterable[str], *, outcome: str = "success", request: str = "",
        reason: str = "", db: Connection | None = None,
    ) -> None:  # fmt: skip
        """Durable before the answer leaves, or in the caller's transaction. `patients`: ids of the records touched."""
        line = self.line(what, client, patients, outcome=outcome, request=request, reason=reason)
        await self._outbox.announce("Line", line, db)

    def look(self, type_: str, id_: str, reach: Reach, client: Client, request: str) -> Look:
        """A read whose line is written by the statement that reads: only there it is known whose it is, and whether it is shown.

        Within a value of JSON a quotation mark is escaped: the members are found for certain.
        """
        line = encode(self.line("resource-read", client, (), request=request))
        begun, _, shown = line.partition(_OF_NOBODY)
        refused = shown.replace(_SHOWN, _REFUSED, 1)
        return Look(type_, id_, most(reach), begun + _OF_NOBODY[:-2], shown, refused, reach.veiled_for)

    def rung(self) -> None:
        """Lines were written by somebody's own statement."""
        self._outbox.rung("Line")

    async def note(self, asked: NoteAsked) -> Noted:
        await self.write(asked.what, asked.client, asked.patients, request=asked.request)
        return Noted()

    def line(
        self, what: str, client: Client, patients: Iterable[str], *, outcome: str = "success", request: str = "", reason: str = ""
    ) -> Line:
        touched = tuple(dict.fromkeys([each for each in patients if each and not each.startswith(_NOBODY)]))
        return Line(
            id="", at=stamp(self._clock.now()), what=what, service="holdings", actor=_actor(client),
            patients=touched, outcome=outcome, request=request, reason=reason,
        )  # fmt: skip


@lru_cache(1_024)
def _actor(client: Client) -> Actor | None:
    """None for the platform itself."""
    if not client.id:
        return None
    role = Role(client.id, "system-client", "System or app", client.organisation, client.organisation)
    return Actor(ISSUER, client.id, client.name or client.id, role)
