"""What is written down, and what may be asked of the book: who saw what, when, why?"""

from msgspec import Raw, Struct

from carerecord.contracts.actors import Actor
from carerecord.kit.question import Question


class Line(Struct, frozen=True):
    """One line of the book, in the fields that an IHE BALP AuditEvent needs. Ids only: no clinical content, no patient's name.

    Announced in the outbox of the service that answers, in the same breath as the answer: event kind "Line".
    """

    id: str  # uuid; the event's id
    at: str
    # record-opened | searched | source-retried | item-expanded | refused | signed-in | signed-out |
    # objection-made | registry-changed | enrolled | audit-read …
    what: str
    service: str
    actor: Actor | None  # None: the platform itself
    patients: tuple[str, ...] = ()  # everyone who was shown, each an entity of their own
    purpose: str = ""
    reason: str = ""  # what the user typed
    outcome: str = "success"  # success | refused | failed
    rule: str = ""
    sources: tuple[str, ...] = ()  # who was asked
    sections: tuple[str, ...] = ()
    states: tuple[str, ...] = ()  # "elm-bank=no answer"
    request: str = ""  # the request id, from page to source
    digest: str = ""  # SHA-256 of what was shown: source, type, id, version of each item


class LooksAsked(Struct, frozen=True):
    """Lines about one person, or (privacy officer) of everyone, newest first. What is said of whoever acted narrows them."""

    person: tuple[str, ...] = ()
    before: str = ""  # a moment, or what the last answer said as `next`
    most: int = 100
    actor: Actor | None = None  # who looks: the look is a line of the book too. None: the platform itself
    since: str = ""  # a moment: no line from before it
    name: str = ""  # part of the name of whoever acted, in any case
    organisation: str = ""  # theirs: the ODS code, or part of its name
    role: str = ""  # theirs: a code of contracts.roles


class Looks(Struct, frozen=True):
    lines: tuple[Line, ...]
    complete_until: str  # the book is whole up to here
    behind_s: float = 0.0
    next: str = ""  # given as `before`, the lines that follow; "" at the end. Few lines that fit may mean: read on from there


class EventsAsked(Struct, frozen=True):
    """The same lines as FHIR AuditEvents; or the one of this id."""

    person: tuple[str, ...] = ()
    most: int = 100
    actor: Actor | None = None
    before: str = ""  # as of LooksAsked
    id: str = ""


class Events(Struct, frozen=True):
    events: tuple[Raw, ...]
    complete_until: str = ""  # as of Looks
    next: str = ""


class VerifyAsked(Struct, frozen=True):
    pass


class Verified(Struct, frozen=True):
    lines: int
    ok: bool
    first_bad: int | None = None  # sequence number of the first line that does not agree
    says: str = ""


LOOKS = Question("audit", "looks", LooksAsked, Looks)
EVENTS = Question("audit", "events", EventsAsked, Events)
VERIFY = Question("audit", "verify", VerifyAsked, Verified)
