"""What the keeper of FHIR resources may be asked: read, write, search, and what it was before. Every answer under a grant."""

from functools import partial

from msgspec import Raw, Struct, field

from carerecord.contracts.bulk import (
    Export,
    ExportAsked,
    ExportNamed,
    ExportRows,
    ExportRowsAsked,
    Load,
    LoadAsked,
    LoadFaults,
    LoadFaultsAsked,
    LoadNamed,
    LoadPart,
)
from carerecord.contracts.clients import Client as Client
from carerecord.contracts.clients import Issue as Issue
from carerecord.contracts.clients import Reach as Reach
from carerecord.contracts.permit import Grant, Permit, Withheld
from carerecord.contracts.veils import VeilAsked, Veiled
from carerecord.contracts.watches import Answering, AnswersAsked, Watchable, WatchableAsked
from carerecord.kit.question import Question

_NULL = b"null"
_nothing = partial(Raw, _NULL)


class Held(Struct, frozen=True, gc=False, omit_defaults=True):
    """One version of one resource."""

    type: str
    id: str
    version: int
    at: str  # when this version was written
    raw: Raw = field(default_factory=_nothing)  # as received, with our id and meta; null where it is gone
    gone: bool = False
    method: str = ""  # in a history: POST, PUT or DELETE

    @property
    def text(self) -> bytes:
        text = bytes(self.raw)
        return b"" if text == _NULL else text


class ReadAsked(Struct, frozen=True):
    type: str
    id: str
    reach: Reach
    version: int = 0  # 0 = the current one
    client: Client = Client()
    request: str = ""


class Change(Struct, frozen=True, omit_defaults=True):
    """One write. Conditions are queries ("identifier=system|value") about resources of the same type."""

    method: str  # create | update | patch | delete
    type: str
    id: str = ""
    raw: Raw = field(default_factory=_nothing)  # the resource; for patch a JSON Patch
    full_url: str = ""  # as others in the same transaction refer to it
    if_none_exist: str = ""  # create only where nothing answers this
    condition: str = ""  # update, patch or delete what answers this
    if_match: int = 0  # 0 = not stated
    must_match: bool = False  # without if_match it replaces nothing that stands
    # same: of an update nothing is written, and 304 said, where the very same words stand; there: nothing where anything stands
    unless: str = ""
    likely_new: bool = False  # it is not looked for before it is written: only where it turns out to be there after all

    @property
    def text(self) -> bytes:
        text = bytes(self.raw)
        return b"" if text == _NULL else text


class WriteAsked(Struct, frozen=True):
    client: Client
    reach: Reach
    changes: tuple[Change, ...]
    request: str = ""
    check_only: bool = False  # $validate: judged, not kept
    transaction: bool = False  # its references may name other entries, or say by a query what they mean …
    looks: Reach = Reach(())  # … and what they may find
    profile: str = ""  # judged by this one too, whether or not the resources claim it


class Written(Struct, frozen=True, omit_defaults=True):
    """What became of one change."""

    status: int  # 200, 201, 204, 202 for what was kept aside, or why not: 400, 404, 409, 410, 412, 422
    held: Held | None = None
    issues: tuple[Issue, ...] = ()


class FindAsked(Struct, frozen=True):
    """A search of one type. `query` as a client wrote it, name and value; `cursor` from the page before; `around` the centre of
    the compartment within which is searched, Type/id."""

    type: str
    query: tuple[tuple[str, str], ...]
    reach: Reach
    strict: bool = True
    base: str = ""  # our FHIR address, as the client knows it
    cursor: str = ""
    most: int = 100  # what one page may hold at most, whatever the client asks
    client: Client = Client()
    request: str = ""
    around: str = ""


class Page(Struct, frozen=True, omit_defaults=True):
    matches: tuple[Held, ...]
    included: tuple[Held, ...] = ()
    total: int | None = None
    next: str = ""  # an opaque cursor; "" = this is the last page
    ignored: tuple[str, ...] = ()  # names of parameters that were passed over
    cut: bool = False  # one match has more to be included beside it than a page holds; the first of it is here
    withheld: tuple[Withheld, ...] = ()  # what those whose records were looked at keep back, whether or not there is any of it


class FindsAsked(Struct, frozen=True):
    """Several searches of one request. Each is answered for itself; the book has one line for them, of everyone who is shown."""

    finds: tuple[FindAsked, ...]  # under grants of their own; the client and request are those of all
    client: Client = Client()
    request: str = ""


class Sought(Struct, frozen=True, omit_defaults=True):
    """What became of one of several searches."""

    page: Page | None = None  # None: it was refused …
    status: int = 200
    issues: tuple[Issue, ...] = ()  # … and why


class HistoryAsked(Struct, frozen=True):
    """Of one resource, of a type (no id), or of everything (no type), newest first."""

    reach: Reach
    type: str = ""
    id: str = ""
    since: str = ""
    cursor: str = ""
    most: int = 100
    client: Client = Client()
    request: str = ""


class EverythingAsked(Struct, frozen=True):
    """All of one patient's compartment, in pages."""

    patient: str
    reach: Reach
    types: tuple[str, ...] = ()
    since: str = ""
    start: str = ""
    end: str = ""
    cursor: str = ""
    most: int = 1_000
    client: Client = Client()
    request: str = ""


class AsideAsked(Struct, frozen=True):
    """What faulty clients sent and nobody is served: for those who mend it. Asked by operators alone."""

    organisation: str = ""  # "" = of all
    before: str = ""  # older than this moment; "" = from the newest
    most: int = 100
    id: str = ""  # this one alone
    bodies: bool = True  # opened, which the book tells; else what was wrong with each
    reason: str = ""  # why they are opened


class DecideAsideAsked(Struct, frozen=True):
    """A human's word on what was kept aside: keep it with its faults, or drop it."""

    id: str
    accept: bool
    reason: str


class AsideDecided(Struct, frozen=True, omit_defaults=True):
    id: str
    kept: str = ""  # Type/id in the record; "" = it was dropped
    issues: tuple[Issue, ...] = ()  # its faults, kept as warnings


class Aside(Struct, frozen=True):
    """One resource that was kept aside, as it came."""

    id: str
    at: str
    type: str
    client: str
    organisation: str
    request: str
    issues: tuple[Issue, ...]
    raw: Raw


class KeptEntry(Struct, frozen=True):
    """One entry of one source: under which ids of Patient resources what it sent may lie here."""

    source: str
    patients: tuple[str, ...]


class RecordAsked(Struct, frozen=True):
    """What is kept of one person, for one opening, in one go. What the permit does not grant is not read.

    `wanted` narrows the grants: a section that is asked live is not read here too. The asker's own line in the book speaks of
    this read: none is written here.
    """

    permit: Permit
    entries: tuple[KeptEntry, ...]
    wanted: tuple[Grant, ...]
    only: tuple[str, str] = ("", "")  # this one resource alone, by type and id


class Withdrawn(Struct, frozen=True):
    """One item that its source took back. Nothing of what it said."""

    type: str
    at: str


class KeptOf(Struct, frozen=True, omit_defaults=True):
    """What is kept of one source."""

    source: str
    at: str  # when the newest of it came
    resources: tuple[Held, ...]  # with the Patient resources under which they lie
    beside: tuple[Held, ...] = ()  # in nobody's record, and referred to: a medicine, a practitioner
    more: bool = False  # there is more than is handed over at once
    withdrawn: tuple[Withdrawn, ...] = ()


class KeptMark(Struct, frozen=True, omit_defaults=True):
    """What changes whenever anything of one source's copies does, however late it was committed. Nothing of what they say."""

    source: str
    many: int = 0  # resources that stand
    versions: int = 0  # their version numbers, added up
    gone: int = 0  # that the source took back
    at: str = ""  # when the newest of it came
    more: bool = False  # there is more than an opening reads at once: of such a record a change is not told


class PresentAsked(Struct, frozen=True):
    """Which encounters of these entries are in progress? Asked by the desk before a permit is sought, as it asks live sources:
    whether the person is with the reader's own organisation now. The asker's own line in the book speaks of it."""

    entries: tuple[KeptEntry, ...]


class PeopleKeptAsked(Struct, frozen=True):
    """Patient resources as they stand, however confidential, and deleted ones: for the porter, who lets people into the index,
    and for the desk, which says under which ids the book speaks of somebody. Nobody is shown them, so no line is written."""

    ids: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()  # and those that bear one of these NHS numbers
    bodies: bool = True


class PersonKept(Struct, frozen=True, omit_defaults=True):
    id: str
    source: str  # in whose name it was written; "" = of a client that no source stands for
    at: str
    raw: Raw = field(default_factory=_nothing)  # of what is gone: what it said before
    gone: bool = False


class HeldCountsAsked(Struct, frozen=True):
    reach: Reach


class HeldCount(Struct, frozen=True):
    type: str
    count: int


class ReindexAsked(Struct, frozen=True):
    """One step over the resources of a type that have this search parameter: their index rows are made anew from their bodies."""

    type: str
    parameter: str
    most: int = 200  # resources of this step


class Reindexed(Struct, frozen=True):
    """How far the work is; it goes on from there, whoever asks next and whenever that is."""

    type: str
    parameter: str
    looked: int
    changed: int
    in_all: int
    done: bool


class Kept(Struct, frozen=True):
    """Announced in the transaction of a write: which resources changed. Ids alone."""

    client: str
    organisation: str
    changes: tuple[tuple[str, str, str, int, str], ...]  # patient, type, id, version, method
    request: str = ""
    source: str = ""  # the registered source in whose name it was written


class NoteAsked(Struct, frozen=True):
    """A line of the book for what the FHIR API answers out of another service than this one: it has no outbox of its own."""

    what: str
    client: Client
    patients: tuple[str, ...]  # ids that the index gave, of everyone who is shown
    request: str = ""


class Noted(Struct, frozen=True):
    pass


READ = Question("holdings", "read", ReadAsked, Held)
WRITE = Question("holdings", "write", WriteAsked, tuple[Written, ...])  # all of them, or none
SEARCH = Question("holdings", "search", FindAsked, Page)
SEARCHES = Question("holdings", "searches", FindsAsked, tuple[Sought, ...])
HISTORY = Question("holdings", "history", HistoryAsked, Page)
EVERYTHING = Question("holdings", "everything", EverythingAsked, Page)
RECORD = Question("holdings", "record", RecordAsked, tuple[KeptOf, ...])  # those alone of whom something is kept
NEWEST = Question("holdings", "newest", RecordAsked, tuple[KeptMark, ...])  # those alone of whom something is kept
PRESENT = Question("holdings", "present", PresentAsked, tuple[KeptOf, ...])
PEOPLE_KEPT = Question("holdings", "people-kept", PeopleKeptAsked, tuple[PersonKept, ...])
ASIDE = Question("holdings", "aside", AsideAsked, tuple[Aside, ...])
DECIDE_ASIDE = Question("holdings", "decide-aside", DecideAsideAsked, AsideDecided)
WATCHABLE = Question("holdings", "watchable", WatchableAsked, Watchable)
ANSWERS = Question("holdings", "answers", AnswersAsked, tuple[Answering, ...])  # one for each
VEIL = Question("holdings", "veil", VeilAsked, Veiled)
NOTE = Question("holdings", "note", NoteAsked, Noted)
REINDEX = Question("holdings", "reindex", ReindexAsked, Reindexed)
COUNTS = Question("holdings", "counts", HeldCountsAsked, tuple[HeldCount, ...])
EXPORT = Question("holdings", "export", ExportAsked, Export)
EXPORT_STATE = Question("holdings", "export-state", ExportNamed, Export)
EXPORT_CANCEL = Question("holdings", "export-cancel", ExportNamed, Export)
EXPORT_ROWS = Question("holdings", "export-rows", ExportRowsAsked, ExportRows)
LOAD = Question("holdings", "load", LoadAsked, Load)
LOAD_PART = Question("holdings", "load-part", LoadPart, Load)
LOAD_STATE = Question("holdings", "load-state", LoadNamed, Load)
LOAD_CANCEL = Question("holdings", "load-cancel", LoadNamed, Load)
LOAD_FAULTS = Question("holdings", "load-faults", LoadFaultsAsked, LoadFaults)
