"""What consent may be asked and told: what has this person said about sharing?"""

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.contracts.patients import PersonIds
from carerecord.kit.question import Question


class Objection(Struct, frozen=True):
    """A person does not want a section shown, from one source or all ("")."""

    id: str
    patient: str
    section: str  # a section id, or "*" for the whole record
    source: str = ""
    organisation: str = ""  # objects to this organisation looking; "" = all
    said_at: str = ""
    ends_at: str = ""


class ObjectionsAsked(Struct, frozen=True):
    person: PersonIds
    actor: Actor | None = None  # a human who reads the list: the look is a line of the book. None: policy, for an opening


class SaidAsked(Struct, frozen=True):
    """All that a person has said, what was withdrawn too; or one thing by its id. The look is a line of the book."""

    actor: Actor
    person: PersonIds = ()
    id: str = ""


class ObjectAsked(Struct, frozen=True):
    actor: Actor
    patient: str
    section: str
    source: str = ""
    organisation: str = ""


class ToldAsked(Struct, frozen=True):
    """What was said or withdrawn since? Asked again and again by policy for those who keep up with it; nobody is shown it."""

    after: int = 0
    most: int = 500


class Told(Struct, frozen=True):
    """Each as it stands (`ends_at`: withdrawn), in the order in which it was said or withdrawn."""

    objections: tuple[Objection, ...]
    upto: int  # ask after this one the next time; it may be a lower one, where the book was restored as it stood before
    good_for_s: float  # from the moment at which it was asked: nothing is in force sooner that is not here


class WithdrawAsked(Struct, frozen=True):
    actor: Actor
    objection: str


OBJECTIONS = Question("consent", "objections", ObjectionsAsked, tuple[Objection, ...])
SAID = Question("consent", "said", SaidAsked, tuple[Objection, ...])
TOLD = Question("consent", "told", ToldAsked, Told)
OBJECT = Question("consent", "object", ObjectAsked, Objection)
WITHDRAW = Question("consent", "withdraw", WithdrawAsked, Objection)
