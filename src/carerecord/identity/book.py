"""What of identity stands in the audit book? Who came in, who went, and who was turned away by which rule."""

from datetime import datetime
from uuid import uuid4

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line
from carerecord.identity.model import Kept
from carerecord.kit import request
from carerecord.kit.clock import stamp


def line(what: str, actor: Actor | None, at: datetime, *, outcome: str = "success", rule: str = "") -> Line:
    return Line(
        id=str(uuid4()),
        at=stamp(at),
        what=what,
        service="identity",
        actor=actor,
        outcome=outcome,
        rule=rule,
        request=request.current(),
    )


def who(kept: Kept) -> Actor:
    """The user in the chosen role, or in none yet."""
    if (chosen := kept.actor()) is not None:
        return chosen
    first = kept.roles[0]
    return without_role(kept.issuer, kept.subject, kept.name, first.organisation, first.organisation_name, kept.acr)


def without_role(issuer: str, subject: str, name: str, organisation: str, organisation_name: str, acr: str) -> Actor:
    return Actor(issuer, subject, name, Role("", "", "", organisation, organisation_name), acr)
