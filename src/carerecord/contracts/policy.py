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


class VeilsAsked(Struct, frozen=True):
    """What do objections keep back from systems that read by their scopes alone? What was said or withdrawn since `after`."""

    after: int = 0
    most: int = 500


class Veil(Struct, frozen=True):
    """What one objection keeps back, as the rules have it."""

    objection: str
    patient: str  # an id of the index
    sections: tuple[str, ...]  # none: it keeps nothing back, or not any more
    source: str = ""  # "" = of every source
    organisation: str = ""  # "" = whoever asks
    rule: str = ""
    says: str = ""


class Veils(Struct, frozen=True):
    veils: tuple[Veil, ...]
    upto: int  # ask after this one the next time
    good_for_s: float  # from the moment at which it was asked: nothing is in force sooner that is not here


class PlacesAsked(Struct, frozen=True):
    """What of a restricted person is kept back from systems that read by their scopes alone?"""


class Places(Struct, frozen=True):
    """Sections that are not shown. Of all else, the Patient too, only that is shown which does not tell where the person is."""

    sections: tuple[str, ...]
    rule: str
    says: str


MAY = Question("policy", "may", MayAsked, Permit)
MAY_DO = Question("policy", "may-do", MayDoAsked, Decision)
MAY_TELL = Question("policy", "may-tell", MayTellAsked, Decision)
VEILS = Question("policy", "veils", VeilsAsked, Veils)
PLACES = Question("policy", "places", PlacesAsked, Places)
RULES = Question("policy", "rules", RulesAsked, tuple[Rule, ...])
UNNAMED = Question("policy", "unnamed", UnnamedAsked, tuple[str, ...])
