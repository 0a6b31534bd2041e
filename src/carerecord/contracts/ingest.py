"""What the porter may be asked: bring in a source's people."""

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.kit.question import Question


class EnrolSourceAsked(Struct, frozen=True):
    source: str
    actor: Actor | None = None
    wait: bool = False  # answer when done, not when begun


class Enrolment(Struct, frozen=True):
    """How far one source's people have been brought in."""

    source: str
    state: str  # waiting | running | done | failed | stopped
    seen: int = 0
    new: int = 0
    linked: int = 0
    changed: int = 0
    unchanged: int = 0
    review: int = 0
    traced: int = 0
    unreadable: int = 0
    says: str = ""  # what went wrong and what to do
    started_at: str = ""
    ended_at: str = ""


class EnrolmentsAsked(Struct, frozen=True):
    pass


ENROL_SOURCE = Question("ingest", "enrol-source", EnrolSourceAsked, Enrolment)
ENROLMENTS = Question("ingest", "enrolments", EnrolmentsAsked, tuple[Enrolment, ...])
