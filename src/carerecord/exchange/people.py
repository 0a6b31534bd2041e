"""Whom does a client mean, and as whom does it ask, where the answer comes out of another service than holdings?"""

import re
from collections.abc import Sequence
from typing import Final

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.patients import KNOWN_AS, KnownAsAsked, Person
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import MAY_TELL, Decision, MayTellAsked
from carerecord.contracts.records import ALIASES, Aliases, AliasesAsked
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotFound, NotUnderstood

INDEX: Final = "urn:carerecord:patient"
ISSUER: Final = "urn:carerecord:client"
WHOSE: Final = ("patient", "patient:identifier", "patient:Patient")
_ID: Final = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})\Z")


def actor_of(visit: Visit) -> Actor:
    row = visit.known.client
    return Actor(ISSUER, row.id, row.name, Role(row.id, "system-client", "System or app", row.organisation, row.organisation))


async def kept_back(visit: Visit, person: Person) -> Decision | None:
    """The rule by which this client is not told who somebody is, as one of their sources or any says it; None: there is none."""
    for source in ("", *person.known_by):
        asked = MayTellAsked(actor_of(visit), person.ids, Grant(source, "demographics"))
        decided = await visit.face.calls.ask(MAY_TELL, asked)
        if not decided.allowed:
            return decided
    return None


def whose_in(pairs: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The one parameter that says whose. Raises NotUnderstood: several do."""
    found = [pair for pair in pairs if pair[0] in WHOSE]
    if len(found) > 1:
        raise NotUnderstood("Say once whose.")
    return found[0] if found else None


async def meant(visit: Visit, reference: str = "", identifier: tuple[str, str] = ("", "")) -> Aliases:
    """By an id of the index or of a Patient kept here; or by a number, with its system.

    Raises:
        NotFound: nobody is meant by it. NotUnderstood: it is neither.
    """
    system, value = identifier
    if value and system != INDEX:
        known = await visit.face.calls.ask(KNOWN_AS, KnownAsAsked(system, value))
        reference = known.ids[0]
    found = _ID.match((value if value and system == INDEX else reference).removeprefix(f"{visit.base}/"))
    if found is None:
        raise NotUnderstood("Say whose: patient=ID, or patient:identifier=SYSTEM|NUMBER.")
    return await visit.face.calls.ask(ALIASES, AliasesAsked(found[1]))


async def asked_for(visit: Visit, said: tuple[str, str]) -> Aliases | None:
    """Whom a search parameter means; None: nobody."""
    name, value = said
    system, _, number = value.partition("|")
    try:
        if name == "patient:identifier":
            return await meant(visit, identifier=(system, number))
        return await meant(visit, value)
    except NotFound:
        return None
