"""What the porter may be asked: bring in a source's people, take messages in; what of them waits and why?"""

from msgspec import Raw, Struct

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
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


class MessagesAsked(Struct, frozen=True):
    """What could not be filed, the longest waiting first. Not a word of what it says."""

    sender: str = ""  # "" = of all
    after: int = 0  # the number of the last one that was told
    most: int = 100


class StuckMessage(Struct, frozen=True):
    """One message that waits, and why."""

    id: int  # its number in the journal
    sender: str
    trigger: str  # ADT^A01
    state: str  # again: tried again by itself; parked, unreadable: waits for a person
    reason: str
    tries: int
    received_at: str
    next_at: str = ""  # of its next try
    repeats: int = 0  # how often it came again


class SenderState(Struct, frozen=True):
    """How one sender is heard."""

    id: str
    name: str
    source: str
    stuck: int = 0
    last_at: str = ""  # when it was last heard; "" = never
    today: int = 0  # messages since midnight
    silent: bool = False  # for longer than its rhythm explains
    says: str = ""  # why it is thought to be silent
    refused_files: int = 0  # of those that it laid into its folder, set apart and not cleared away


class MessageQueue(Struct, frozen=True):
    at: str
    waiting: int  # messages that are to be filed and have not been tried
    oldest_at: str  # of these; "" = none waits
    stuck: int
    messages: tuple[StuckMessage, ...]
    senders: tuple[SenderState, ...]
    more: bool = False
    port: int = 0  # where MLLP connections are taken; 0 = nowhere
    plaintext: bool = False  # … without encryption


class MessageAsked(Struct, frozen=True):
    """One message as it came. It holds clinical data: the book tells who read it, and why."""

    id: int
    reason: str = ""
    actor: Actor | None = None  # None: whoever owns the data folder, at the command line


class MessageShown(Struct, frozen=True):
    id: int
    sender: str
    trigger: str
    received_at: str
    text: str  # one segment a line
    state: str = ""  # "" = filed
    says: str = ""  # why it is stuck


class ReplayAsked(Struct, frozen=True):
    """Let stuck messages be tried again from the first: one, a sender's, or all."""

    id: int = 0
    sender: str = ""
    everything: bool = False
    actor: Actor | None = None


class DiscardAsked(Struct, frozen=True):
    """Take one out of the queue for good. It stays in the journal as it came."""

    id: int
    reason: str
    actor: Actor | None = None


class QueueChanged(Struct, frozen=True):
    count: int


class TryAsked(Struct, frozen=True):
    """What would this message become, from this sender? Nothing of it is kept."""

    content: str  # base64 of its bytes
    sender: str


class Tried(Struct, frozen=True):
    readable: bool
    says: tuple[str, ...] = ()  # faults, what was not understood, what is only kept
    trigger: str = ""
    people: tuple[str, ...] = ()  # the numbers by which the sender knows them
    instructions: tuple[str, ...] = ()
    resources: tuple[Raw, ...] = ()
    withdrawn: tuple[str, ...] = ()
    answered: str = "AE"  # where it is not readable: AA where the door would take it, and who files it could not


class ReceiveAsked(Struct, frozen=True):
    """Messages that came by another door than MLLP: HL7 v2, events in FHIR, rows of an extract. In their order."""

    messages: tuple[str, ...]  # base64 of the bytes of each
    sender: str = ""  # "" = whichever of the client's that MSH-3 and MSH-4 name
    client: str = ""  # of the FHIR API, who sends; "" = the platform itself


class Received(Struct, frozen=True):
    """What became of one message, told when that is durable."""

    outcome: str  # taken | unreadable: kept, and waits for a person | unable: not kept, send it again
    reason: str = ""  # why it waits; of one that is taken, what of it is not carried
    trigger: str = ""
    answer: str = ""  # base64 of the acknowledgement of an HL7 v2 message; "" = its sender wants none, or it is of another kind


class WithdrawnAsked(Struct, frozen=True):
    """What senders took back, or gave to another person, newest first. Of nobody is said whose it was."""

    sender: str = ""  # "" = of all
    before: int = 0  # the number of the last one that was told; 0 = from the newest
    most: int = 50


class WithdrawnItem(Struct, frozen=True):
    """One item that is gone from somebody's record. Nothing of what it said."""

    no: int
    type: str
    sender: str
    source: str
    message: int  # that took it back
    filed_at: str  # from then on it could be seen …
    withdrawn_at: str  # … until then
    reason: str
    told_by: tuple[str, ...] = ()  # the senders that had told of it, where another took it back


class WithdrawnItems(Struct, frozen=True):
    items: tuple[WithdrawnItem, ...]
    more: bool = False


class SeenByAsked(Struct, frozen=True):
    """Who was shown this person's record while the item stood in it? Who asks, and why, stands in the book."""

    no: int
    reason: str
    actor: Actor | None = None  # None: whoever owns the data folder, at the command line


class SeenBy(Struct, frozen=True):
    item: WithdrawnItem
    looks: tuple[Line, ...]  # newest first; of the book, as it stands
    complete_until: str  # the book is whole up to here


class PeopleWaitingAsked(Struct, frozen=True):
    """Whom clients of the FHIR API wrote and the index did not take over, the longest waiting first."""

    most: int = 100


class PersonWaiting(Struct, frozen=True):
    """One Patient that waits for a human. Nothing of who it is."""

    id: str  # of the Patient resource
    source: str  # in whose name it was written
    since: str
    reason: str
    tries: int
    next_at: str  # when the index is asked again by itself


class PeopleWaiting(Struct, frozen=True):
    count: int
    people: tuple[PersonWaiting, ...] = ()


class PeopleAgainAsked(Struct, frozen=True):
    """Let the index be asked again at once: of one, or of all."""

    id: str = ""
    everybody: bool = False
    actor: Actor | None = None


class LeavePersonAsked(Struct, frozen=True):
    """Wait no more for this one: the index goes on saying what it said. The Patient stands as it was written."""

    id: str
    reason: str
    actor: Actor | None = None


ENROL_SOURCE = Question("ingest", "enrol-source", EnrolSourceAsked, Enrolment)
ENROLMENTS = Question("ingest", "enrolments", EnrolmentsAsked, tuple[Enrolment, ...])
MESSAGES = Question("ingest", "messages", MessagesAsked, MessageQueue)
MESSAGE = Question("ingest", "message", MessageAsked, MessageShown)
REPLAY = Question("ingest", "replay", ReplayAsked, QueueChanged)
DISCARD = Question("ingest", "discard", DiscardAsked, QueueChanged)
TRY = Question("ingest", "try", TryAsked, Tried)
RECEIVE = Question("ingest", "receive", ReceiveAsked, tuple[Received, ...])
WITHDRAWN = Question("ingest", "withdrawn", WithdrawnAsked, WithdrawnItems)
SEEN_BY = Question("ingest", "seen-by", SeenByAsked, SeenBy)
PEOPLE_WAITING = Question("ingest", "people-waiting", PeopleWaitingAsked, PeopleWaiting)
PEOPLE_AGAIN = Question("ingest", "people-again", PeopleAgainAsked, QueueChanged)
LEAVE_PERSON = Question("ingest", "leave-person", LeavePersonAsked, QueueChanged)
