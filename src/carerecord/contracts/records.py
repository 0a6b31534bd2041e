"""What the records desk may be asked: open one person's record, drawn from everywhere, with what is missing named."""

from msgspec import Raw, Struct

from carerecord.contracts.actors import Actor, Attendance, Reason
from carerecord.contracts.patients import Person, PersonIds
from carerecord.contracts.permit import Withheld
from carerecord.fhir.facts import Facts
from carerecord.kit.question import Question, Stream


class SectionState(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one source's silence or answer means for one section."""

    section: str
    # live | copy (as at `as_at`: the source is not asked) | none held | not recorded | not shared | not asked | loading |
    # no answer | unreadable | incomplete | out of date (a copy as at `as_at`: it is silent, or the copy is too old) |
    # withheld | not permitted | discarded | not given (this practice gave no record) | withheld at source |
    # registered elsewhere (by the national register, so it has nothing to say) | not switched on (not open to this reader yet)
    state: str
    count: int = 0  # shown
    unreadable: int = 0
    sent: int = 0
    says: str = ""  # "12 of at least 15 shown"
    kept: str = ""  # "" = the source said it now | copy | here (this record is where it is kept)
    as_at: str = ""  # of what is kept: when the newest statement in it came


class Choice(Struct, frozen=True, gc=False, omit_defaults=True):
    """One of several entries that a source holds for one NHS number. A human chooses; nothing of either is shown before."""

    local_id: str
    name: str = ""
    birth_date: str = ""
    gender: str = ""


class NotCarried(Struct, frozen=True, gc=False, omit_defaults=True):
    """An element that a source sent and that has no place in the form in which items are shown. Never its value."""

    path: str  # "Observation.component.comment"
    why: str
    count: int


class SourceState(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one source said, on the whole and by section."""

    source: str
    name: str
    organisation: str  # ODS
    mark: str
    kind: str
    state: str  # the words of SectionState; the worst of its sections leads
    says: str = ""
    count: int = 0
    sent: int = 0  # resources that arrived
    unreadable: int = 0
    elapsed_s: float = 0.0
    as_at: str = ""  # when it answered, or was given up
    last_answer: str = ""  # before this time, when known
    late: bool = False  # joined after the first paint
    phone: str = ""
    warnings: tuple[str, ...] = ()  # data in transit, data awaiting filing, confidential items
    sections: tuple[SectionState, ...] = ()
    choices: tuple[Choice, ...] = ()  # several entries there for one NHS number
    organisation_name: str = ""
    not_carried: tuple[NotCarried, ...] = ()
    kept: str = ""  # as in its sections, where any of what is shown is kept here
    copy_at: str = ""  # of what is kept: when the newest statement in it came


class Origin(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where one item came from."""

    source: str
    resource_type: str
    id: str
    author: str = ""
    organisation: str = ""
    recorded: str = ""
    fetched_at: str = ""
    version: str = ""
    kept: str = ""  # "" = the source said it now | copy | here
    came_at: str = ""  # of what is kept: when it came
    merged: bool = False  # it bears another number of its source, which that has merged into this person's


class Entry(Struct, frozen=True, gc=False, omit_defaults=True):
    """One item of the record, and the source that said it. Joined doubles keep every origin: the others are in `also`."""

    key: str  # unique and stable within a record: "source/Type/id"
    facts: Facts
    source: str
    fetched_at: str = ""
    kept: str = ""  # as in an origin, and so is `came_at`
    came_at: str = ""
    also: tuple[Origin, ...] = ()
    late: bool = False
    superseded_by: str = ""  # key of a newer one, on an explicit link, or a newer plan of the same kind
    mismatch: str = ""  # "" or what differs: the item is held behind a warning
    merged: bool = False  # as in an origin

    @property
    def origin(self) -> Origin:
        """Where its facts are from, whole. Only what they do not say themselves travels: a record may hold thousands."""
        of = self.facts
        return Origin(
            self.source, of.resource_type, of.id, of.author, of.organisation, of.last_updated,
            self.fetched_at, of.version, self.kept, self.came_at, self.merged,
        )  # fmt: skip

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Every source that holds it; the one whose facts are shown comes first."""
        return (self.origin, *self.also)


class Group(Struct, frozen=True, gc=False, omit_defaults=True):
    """Entries of several sources about one substance, test or problem, set side by side. Nothing is hidden by inference."""

    key: str
    title: str
    label: str  # same | differs | only here | possibly replaced | stopped here, dispensed since | conflict | ""
    says: str  # what differs: "dose"
    entries: tuple[str, ...]  # keys
    current: bool = True
    unsure: bool = False  # a medicine of which no source's statement is current or past for certain
    by_code: bool = False  # of several names: a code alone says that they are one


class Trend(Struct, frozen=True, gc=False, omit_defaults=True):
    """Results that may share an axis: one test, one unit, one method."""

    key: str
    title: str
    unit: str
    entries: tuple[str, ...]  # keys, oldest first
    component: str = ""
    low: float | None = None
    high: float | None = None
    method: str = ""
    important: bool = False  # shown on the summary, by the rule named
    rule: str = ""


class Section(Struct, frozen=True, gc=False, omit_defaults=True):
    id: str
    title: str
    entries: tuple[Entry, ...]  # newest first
    groups: tuple[Group, ...] = ()
    trends: tuple[Trend, ...] = ()
    missing: tuple[str, ...] = ()  # ids of sources that share this and are silent, unreadable, withheld, incomplete or not asked
    withheld: int = 0


class AllergyTitle(Struct, frozen=True, gc=False, omit_defaults=True):
    title: str  # Known allergies | No known allergies | Allergies not recorded | Allergies unavailable
    says: str = ""  # the finer reason
    substances: tuple[str, ...] = ()
    updated: str = ""
    incomplete: bool = False  # Known allergies, but a source is missing: there may be more
    announce: str = ""  # a change after the first paint, in words


class PlanLine(Struct, frozen=True, gc=False, omit_defaults=True):
    """ReSPECT, DNACPR or advance decision: present, absent or unavailable."""

    kind: str
    title: str
    state: str  # present | none recorded | unavailable
    entry: str = ""  # key of the newest valid one
    older: tuple[str, ...] = ()
    says: str = ""


class Attention(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something that a reader should not miss, by a rule with a source. The page shows; it does not advise."""

    kind: str  # gap | danger | differs | info | late
    title: str
    says: str
    rule: str  # id of the rule in records/attention
    section: str = ""
    source: str = ""
    entries: tuple[str, ...] = ()


class Mismatch(Struct, frozen=True, gc=False, omit_defaults=True):
    """A source that knows this person by another name: both values are shown, its items wait behind a warning."""

    source: str
    what: str  # given name | family name | sex
    here: str
    there: str
    held: tuple[str, ...] = ()  # keys of the items


class Record(Struct, frozen=True, gc=False, omit_defaults=True):
    """One person's record at one moment, with the state of every source."""

    opening: str  # id of this opening, also the audit line's
    person: Person
    reason: Reason
    at: str
    complete: bool  # every source asked has answered or been given up
    first_paint: bool
    states: tuple[SourceState, ...]
    sections: tuple[Section, ...]
    allergies: AllergyTitle
    plans: tuple[PlanLine, ...]
    attention: tuple[Attention, ...]
    mismatches: tuple[Mismatch, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unnamed: tuple[Withheld, ...] = ()  # one for each rule: there are sources of which this reader is never told
    tally: tuple[tuple[str, int, int, int], ...] = ()  # type, sent, shown, unreadable
    joined: tuple[str, ...] = ()  # sources that are new in this chunk
    served: tuple[str, ...] = ()  # the sections that this deployment serves; none: all there are
    heard: str = ""  # what is known of copies and entries: handed back with NEWS. "": not known, and nothing can be told


class OpenAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    actor: Actor
    patient: str
    reason: Reason
    request: str = ""
    nhs_number: str = ""  # with the birth date, when the patient index is down: treating roles may then open by exact number
    birth_date: str = ""


class AgainAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """Ask one source again, or one that was not asked: a read of its own, with its own permit and line in the book.

    What the others said is reused while the opening is still at hand (a minute at most, in memory alone); after that everyone
    is asked anew.
    """

    actor: Actor
    patient: str
    reason: Reason
    source: str
    opening: str
    request: str = ""
    local_id: str = ""  # the choice, where that source holds several entries for one NHS number


class ExpandAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """One item exactly as its source holds it now."""

    actor: Actor
    patient: str
    reason: Reason
    source: str
    resource_type: str
    id: str
    document: bool = False  # of a DocumentReference: the document itself, fetched only now
    kept: bool = False  # it was shown from what is kept here: as it is kept, in place of as its source holds it


class Expanded(Struct, frozen=True, gc=False, omit_defaults=True):
    body: str  # the received text, indented for reading
    fetched_at: str
    source_name: str
    content: bytes = b""  # the document itself, when it was asked for
    content_type: str = ""
    came_at: str = ""  # of what is kept here: when it came


class NewsAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """Has anything come since a record was opened? Nothing clinical is answered, so there is no line in the book."""

    actor: Actor
    patient: str
    reason: Reason
    heard: str  # as the record said


class NewsItem(Struct, frozen=True, gc=False, omit_defaults=True):
    # sent (this source has sent something, changed it or taken it back) | joined, parted (which entries are this person)
    # | sharing (what this reader may see)
    kind: str
    source: str = ""
    name: str = ""
    at: str = ""  # when the newest of it came


class News(Struct, frozen=True, gc=False, omit_defaults=True):
    items: tuple[NewsItem, ...] = ()


class AttendingAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """Is this person with the actor's organisation now, by that organisation's own systems?"""

    actor: Actor
    patient: str


class Attending(Struct, frozen=True, gc=False, omit_defaults=True):
    attendance: Attendance | None = None


class CountsAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    pass


class TypeCount(Struct, frozen=True, gc=False, omit_defaults=True):
    source: str
    resource_type: str
    sent: int
    shown: int
    unreadable: int


class GatherAsked(Struct, frozen=True, gc=False, omit_defaults=True):
    """One person's record as resources, each as its source sent it or as it is kept: for a system, once all have answered."""

    actor: Actor
    patient: str
    reason: Reason
    types: tuple[str, ...] = ()  # these alone; none named: all that fill a section
    request: str = ""


class Sent(Struct, frozen=True, gc=False, omit_defaults=True):
    """One resource, of one source."""

    source: str
    type: str
    id: str  # as that source knows it: two sources may use one id for two things
    raw: Raw
    kept: str = ""  # as in Origin
    came_at: str = ""


class Gathered(Struct, frozen=True, gc=False, omit_defaults=True):
    opening: str  # also the audit line's
    at: str
    states: tuple[SourceState, ...]
    resources: tuple[Sent, ...]
    withheld: tuple[Withheld, ...] = ()
    unnamed: tuple[Withheld, ...] = ()
    waiting: int = 0  # items that may be about somebody else: not handed over
    missing: tuple[str, ...] = ()  # what else is known not to be here, of which the state of no source tells
    death_doubted: str = ""  # as `Demographics.death_doubted`


class AliasesAsked(Struct, frozen=True):
    """Under which ids does the book speak of this person? For who reads the book; nobody is shown anything else of them."""

    patient: str  # an id of the index, or of a Patient that is kept here


class Aliases(Struct, frozen=True):
    person: PersonIds  # the ids of the index; none for a Patient whom it does not know
    kept: tuple[str, ...]  # ids of Patients kept here: those that the person's sources wrote, and those that bear the number


OPEN = Stream("records", "open", OpenAsked, Record)
AGAIN = Stream("records", "again", AgainAsked, Record)
EXPAND = Question("records", "expand", ExpandAsked, Expanded)
ATTENDING = Question("records", "attending", AttendingAsked, Attending)
NEWS = Question("records", "news", NewsAsked, News)
GATHER = Question("records", "gather", GatherAsked, Gathered)
ALIASES = Question("records", "aliases", AliasesAsked, Aliases)
COUNTS = Question("records", "counts", CountsAsked, tuple[TypeCount, ...])
