"""What passes between a message that was read and the filing of it? The shapes alone."""

from typing import Protocol

from msgspec import Raw, Struct

from carerecord.contracts.patients import SourcePatient

Order = tuple[str, str, int]  # recorded (EVN-2, else MSH-7), sent (MSH-7), number of receipt: text sorts as time does


class Unreadable(Exception):
    """A message that cannot be understood safely. `reason` is for a person, says where, and holds nothing of the content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sender(Protocol):
    """What the mapping asks of a sender's row in `sources`: its variants, as data."""

    def __hash__(self) -> int: ...  # equal rows read alike
    @property
    def source(self) -> str: ...  # the short key
    @property
    def id_key(self) -> bytes: ...  # the installation's own, under which ids are made of numbers
    @property
    def organisation(self) -> str: ...  # ODS code
    @property
    def name(self) -> str: ...  # as people know the system; "" = not said
    @property
    def number_system(self) -> str: ...  # identifier system of its local numbers; "" = one made of its ODS code
    @property
    def visit_number(self) -> str: ...  # the field that holds it: "PV1-19", "PID-18"
    @property
    def systems(self) -> tuple[tuple[str, str], ...]: ...  # name of a code system there, and its URI
    @property
    def authorities(self) -> tuple[tuple[str, str], ...]: ...  # CX.4 or CX.5 there, and the identifier system it means
    @property
    def zone(self) -> str: ...  # of times that carry none: "Europe/London"
    @property
    def charset(self) -> str: ...  # where MSH-18 is empty


class Statement(Struct, frozen=True):
    """What one message says of one thing that has a life of its own."""

    thread: str  # "Patient/<id>" | "Encounter/<id>" | "DiagnosticReport/<id>" …
    local_id: str  # whose: a local_id of `people`
    says: Raw  # JSON of ours; kept sealed, read by `standing` alone
    hangs: tuple[str, ...] = ()  # threads that carry it along when they are withdrawn, moved or renumbered
    rules: bool = False  # it withdraws, moves or renumbers what hangs on its thread: those threads must be settled anew


class Heard(Struct, frozen=True):
    """A statement as it comes back from the journal, with when it was recorded and in which message."""

    thread: str
    local_id: str
    says: Raw
    order: Order
    first: str = ""  # of what was said more than once: when it was first recorded; "" = once, as `order` says


class Merge(Struct, frozen=True):
    """What a message says of two people of its sender."""

    kind: str  # merge: right lives on in left | unmerge | link | unlink | renumber: right's number became left's | move
    left: str  # a local_id of `people`
    right: str


class Filing(Struct, frozen=True):
    """All that one message comes to."""

    trigger: str  # "ADT^A01"
    order: tuple[str, str]  # (EVN-2, else MSH-7; MSH-7) in UTC
    people: tuple[SourcePatient, ...] = ()  # the subject first; () = about nobody
    statements: tuple[Statement, ...] = ()
    merges: tuple[Merge, ...] = ()
    signals: tuple[str, ...] = ()  # NHS numbers of which the register says that something changed, and not what
    kept_only: str = ""  # why nothing of it was mapped: it is kept, and shown as it came
    notes: tuple[str, ...] = ()  # what was not carried or not understood, by its place, without content
    left_out: tuple[str, ...] = ()  # types of which a whole resource was not carried: its sender is told


class Put(Struct, frozen=True):
    """One resource as it stands, all that is known being told."""

    type: str
    id: str
    local_id: str  # whose it is now
    raw: bytes | None  # canonical: equal facts give equal bytes. None: withdrawn, gone
    withdrawn: str = ""  # why, in words
    one_with: bool = False  # it is gone because another stands for both: nothing was taken back
    was: tuple[str, str] = ("", "")  # moved: whose it was, by local_id and by the id of their Patient
    since: str = ""  # of a Patient: since when its sender has said the last of what stands, as it recorded that
