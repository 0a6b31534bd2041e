"""What the keeper of FHIR resources may be asked: read, write, search, and what it was before. Every answer under a grant."""

from functools import partial

from msgspec import Raw, Struct, field

from carerecord.contracts.permit import Grant, Permit
from carerecord.kit.question import Question

_NULL = b"null"
_nothing = partial(Raw, _NULL)


class Client(Struct, frozen=True):
    """Who asks: a system or an app, or a service of ours on somebody's behalf."""

    id: str = ""  # "" = the platform itself
    organisation: str = ""  # ODS: whose data key seals what it writes
    name: str = ""  # for the audit book
    chooses_ids: bool = False  # may create under an id of its own (PUT)
    must_match: bool = False  # an update without If-Match is refused
    on_invalid: str = "refuse"  # refuse | annotate | quarantine
    source: str = ""  # the registered source in whose name it writes; what bears none is shown in no person's record


class Reach(Struct, frozen=True):
    """Which resources this question may touch; applied to each row before anything is counted or paged."""

    types: tuple[str, ...] = ("*",)
    patients: tuple[str, ...] | None = None  # ids of Patient resources; None = any
    most_confidential: str = "R"  # of v3-Confidentiality U < L < M < N < R < V: nothing above it is seen


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


class Issue(Struct, frozen=True, omit_defaults=True):
    """What is wrong or worth knowing, without a word of what was sent."""

    severity: str  # error | warning | information
    code: str  # IssueType of FHIR
    path: str  # FHIRPath, "" = the whole
    says: str


class Written(Struct, frozen=True, omit_defaults=True):
    """What became of one change."""

    status: int  # 200, 201, 204, 202 for what was kept aside, or why not: 400, 404, 409, 410, 412, 422
    held: Held | None = None
    issues: tuple[Issue, ...] = ()


class FindAsked(Struct, frozen=True):
    """A search of one type. `query` as a client wrote it, name and value; `cursor` from the page before."""

    type: str
    query: tuple[tuple[str, str], ...]
    reach: Reach
    strict: bool = True
    base: str = ""  # our FHIR address, as the client knows it
    cursor: str = ""
    most: int = 100  # what one page may hold at most, whatever the client asks
    client: Client = Client()
    request: str = ""


class Page(Struct, frozen=True, omit_defaults=True):
    matches: tuple[Held, ...]
    included: tuple[Held, ...] = ()
    total: int | None = None
    next: str = ""  # an opaque cursor; "" = this is the last page
    ignored: tuple[str, ...] = ()  # names of parameters that were passed over


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


class KeptOf(Struct, frozen=True, omit_defaults=True):
    """What is kept of one source."""

    source: str
    at: str  # when the newest of it came
    resources: tuple[Held, ...]  # with the Patient resources under which they lie
    beside: tuple[Held, ...] = ()  # in nobody's record, and referred to: a medicine, a practitioner
    more: bool = False  # there is more than is handed over at once


class HeldCountsAsked(Struct, frozen=True):
    reach: Reach


class HeldCount(Struct, frozen=True):
    type: str
    count: int


class Kept(Struct, frozen=True):
    """Announced in the transaction of a write: which resources changed. Ids alone."""

    client: str
    organisation: str
    changes: tuple[tuple[str, str, str, int, str], ...]  # patient, type, id, version, method
    request: str = ""


READ = Question("holdings", "read", ReadAsked, Held)
WRITE = Question("holdings", "write", WriteAsked, tuple[Written, ...])  # all of them, or none
SEARCH = Question("holdings", "search", FindAsked, Page)
HISTORY = Question("holdings", "history", HistoryAsked, Page)
EVERYTHING = Question("holdings", "everything", EverythingAsked, Page)
RECORD = Question("holdings", "record", RecordAsked, tuple[KeptOf, ...])  # those alone of whom something is kept
ASIDE = Question("holdings", "aside", AsideAsked, tuple[Aside, ...])
COUNTS = Question("holdings", "counts", HeldCountsAsked, tuple[HeldCount, ...])
