"""May this client be told of this change now? What it could not read at this moment it does not hear of."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.holdings import ANSWERS, PEOPLE_KEPT, PeopleKeptAsked, Reach
from carerecord.contracts.identity import CLIENTS, ClientRow, ClientsAsked
from carerecord.contracts.patients import KNOWN_AS, WHO, KnownAsAsked, Person, PersonIds, WhoAsked
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import MAY_TELL, MayTellAsked
from carerecord.contracts.watches import AnswersAsked, Watch
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.person import PersonFacts, person
from carerecord.fhir.scopes import allows
from carerecord.kit.calls import Calls
from carerecord.kit.errors import NotFound
from carerecord.subscriptions.model import Body
from carerecord.subscriptions.store.queue import Notice
from carerecord.subscriptions.store.subscribed import Row

ISSUER: Final = "urn:carerecord:client"
AT_HAND_S: Final = 10.0  # a client that is revoked is told nothing more after at most so long
_MOST_NUMBERS: Final = 10
_NOBODYS: Final = "of:"  # lies in nobody's record


def reach(row: Row, client: ClientRow | None) -> Reach | None:
    """What both the scopes by which it was set and those that its client has today allow; None: not even this type."""
    if client is None or client.revoked:
        return None
    for scopes in (row.scopes, client.scopes):
        if not (allows(scopes, row.type, "r") and allows(scopes, row.type, "s")):
            return None
    return Reach((row.type,))


class Whose(NamedTuple):
    ids: PersonIds
    restricted: bool


@dataclass
class Permits:
    calls: Calls
    _clients: dict[str, ClientRow] = field(default_factory=dict, repr=False)
    _known_at: float = -AT_HAND_S

    async def client(self, id_: str) -> ClientRow | None:
        """The client as identity knows it, at most ten seconds ago."""
        if time.monotonic() - self._known_at >= AT_HAND_S:
            self._clients = {each.id: each for each in await self.calls.ask(CLIENTS, ClientsAsked())}
            self._known_at = time.monotonic()
        return self._clients.get(id_)

    async def patients_told(self, row: Row, body: Body, notices: Sequence[Notice]) -> list[str | None]:
        """In whose record each lies ("" for nobody's), where the client may be told; None where it may not.

        Raises:
            Unavailable: somebody who must be asked does not answer. Nobody is told anything then, and the notices wait.
        """
        client = await self.client(row.client)
        mine = reach(row, client)
        if mine is None or client is None:
            return [None] * len(notices)
        named = tuple([each.named for each in notices])
        found = await self.calls.ask(ANSWERS, AnswersAsked(row.type, named, (Watch(body.wanted.query, mine),), body.base))
        # It may ask for another type since: then another resource of this id was looked at.
        good = [each.answers[0] and notice.type == row.type for notice, each in zip(notices, found, strict=True)]
        lies = {each.patient for each, one in zip(found, good, strict=True) if one and not each.patient.startswith(_NOBODYS)}
        people = dict(zip(lies, await asyncio.gather(*(self._whose(each) for each in lies)), strict=True))
        about = [(each.patient, Grant(notice.source, each.section)) for notice, each in zip(notices, found, strict=True)]
        may = {each: await self._may(client, people[each[0]], each[1]) for each in dict.fromkeys(about) if each[0] in people}
        return [
            None if not one or not may.get(which, True) else "" if each.patient not in people else each.patient
            for each, one, which in zip(found, good, about, strict=True)
        ]

    async def _may(self, client: ClientRow, whose: Whose | None, about: Grant) -> bool:
        if whose is None:
            return False
        asked = MayTellAsked(_actor(client), whose.ids, about, whose.restricted)
        return (await self.calls.ask(MAY_TELL, asked)).allowed

    async def _whose(self, patient: str) -> Whose | None:
        """None: no such Patient is kept. Nobody can say whose record it is, so nobody can say whose objection holds."""
        facts = await self._facts(patient)
        if facts is None:
            return None
        known = await self._known(facts)
        if known is None:
            return Whose((), facts.restricted)
        return Whose(known.ids, known.demographics.restricted or facts.restricted)

    async def _facts(self, patient: str) -> PersonFacts | None:
        """What the Patient that is kept under this id says; None where none is."""
        kept = await self.calls.ask(PEOPLE_KEPT, PeopleKeptAsked((patient,)))
        try:
            return person(bytes(kept[0].raw)) if kept else None
        except Unreadable:
            return None

    async def _known(self, facts: PersonFacts) -> Person | None:
        """Whom the index knows by one of the numbers; where it knows nobody by them, nobody has objected."""
        for system, value in _numbers(facts):
            try:
                ids = (await self.calls.ask(KNOWN_AS, KnownAsAsked(system, value))).ids
                return await self.calls.ask(WHO, WhoAsked(ids[0], statements=False))
            except NotFound:
                continue
        return None


def _numbers(facts: PersonFacts) -> Sequence[tuple[str, str]]:
    """The NHS number first: whoever bears it bears it everywhere."""
    numbers = [(NHS_NUMBER, facts.nhs_number)] if facts.nhs_number else []
    numbers += [(each.system, each.value) for each in facts.identifiers]
    return list(dict.fromkeys(numbers))[:_MOST_NUMBERS]


def _actor(client: ClientRow) -> Actor:
    role = Role(client.id, "system-client", "System or app", client.organisation, client.organisation)
    return Actor(ISSUER, client.id, client.name or client.id, role)
