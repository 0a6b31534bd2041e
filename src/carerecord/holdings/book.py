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
_NO_TIME, _OF_NOBODY, _NO_REQUEST = b'"at":""', b'"patients":[]', b'"request":""'
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
        """A read whose line is written by the statement that reads: only there it is known whose it is, and if it is shown."""
        begun, then, shown, refused, end = _of_a_read(client)
        by = encode(request) + end
        at = stamp(self._clock.now()).encode()
        return Look(type_, id_, most(reach), begun + at + then, shown + by, refused + by, reach.veiled_for)

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
        return _line(stamp(self._clock.now()), what, client, touched, outcome, request, reason)


def _line(
    at: str, what: str, client: Client, patients: tuple[str, ...], outcome: str = "success", request: str = "", reason: str = ""
) -> Line:
    return Line(
        id="", at=at, what=what, service="holdings", actor=_actor(client), patients=patients, outcome=outcome, request=request,
        reason=reason,
    )  # fmt: skip


@lru_cache(1_024)
def _of_a_read(client: Client) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """The line of one client's reads around what is each one's own: before its time, before who was touched, before its request
    where it is shown and where not, and the rest.

    Within a value of JSON a quotation mark is escaped: the members are found for certain.
    """
    begun, _, rest = encode(_line("", "resource-read", client, ())).partition(_NO_TIME)
    then, _, rest = rest.partition(_OF_NOBODY)
    shown, _, end = rest.partition(_NO_REQUEST)
    shown += _NO_REQUEST[:-2]
    return begun + _NO_TIME[:-1], _NO_TIME[-1:] + then + _OF_NOBODY[:-2], shown, shown.replace(_SHOWN, _REFUSED, 1), end


@lru_cache(1_024)
def _actor(client: Client) -> Actor | None:
    """None for the platform itself."""
    if not client.id:
        return None
    role = Role(client.id, "system-client", "System or app", client.organisation, client.organisation)
    return Actor(ISSUER, client.id, client.name or client.id, role)
