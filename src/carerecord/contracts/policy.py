"""What policy may be asked: may this be done, under which rule, and what is withheld?"""

from msgspec import Struct

from carerecord.contracts.actors import Actor, Reason
from carerecord.contracts.patients import PersonIds
from carerecord.contracts.permit import Grant, Permit
from carerecord.kit.question import Question


class MayAsked(Struct, frozen=True):
    """May `actor` see these sections of these sources, about this person, for this reason?

    `relationship` is what the asker can show: attending (a sealed attendance), registered (the person's GP practice),
    claimed (the user says so, with words), none.
    """

    actor: Actor
    person: PersonIds
    reason: Reason
    relationship: str
    wanted: tuple[Grant, ...]
    targets: tuple[str, ...]  # services that will rely on the permit
    restricted: bool = False


class MayDoAsked(Struct, frozen=True):
    """May `actor` do something that is not about one person's sections? search, audit-read, sources-read, enrol, review …"""

    actor: Actor
    action: str
    restricted: bool = False  # it is about a person whose whereabouts are protected: unknown to most


class Decision(Struct, frozen=True):
    allowed: bool
    rule: str
    says: str


class Rule(Struct, frozen=True):
    id: str
    says: str
    source: str


class RulesAsked(Struct, frozen=True):
    pass


class UnnamedAsked(Struct, frozen=True):
    """Of which sources is this actor not told, whoever the person is? A name alone would tell what somebody went there for."""

    actor: Actor


class MayTellAsked(Struct, frozen=True):
    """May the system of `actor` be told that something of this section, from this source, changed in this person's record?

    It has no reason to state and no relationship to show: it asked long before. What it may see at all is for its scopes.
    """

    actor: Actor
    person: PersonIds
    about: Grant
    restricted: bool = False


MAY = Question("policy", "may", MayAsked, Permit)
MAY_DO = Question("policy", "may-do", MayDoAsked, Decision)
MAY_TELL = Question("policy", "may-tell", MayTellAsked, Decision)
RULES = Question("policy", "rules", RulesAsked, tuple[Rule, ...])
UNNAMED = Question("policy", "unnamed", UnnamedAsked, tuple[str, ...])
