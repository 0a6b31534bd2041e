"""What the locator may be asked and told: where does this person's information lie?"""

from msgspec import Struct

from carerecord.contracts.patients import PersonIds
from carerecord.kit.question import Question


class Pointer(Struct, frozen=True):
    """A statement that one source knows one person, by which id, and what it held when last asked."""

    source: str
    local_id: str
    patient: str  # the id in the index under which it was learned
    sections: tuple[str, ...] = ()  # sections where something was held when last seen, or of which something has come since
    empty: tuple[str, ...] = ()  # sections that answered and held nothing, and of which nothing has come since
    seen_at: str = ""  # when the source last answered for this person; "" = enrolled, not asked yet
    enrolled_at: str = ""


class WhereAsked(Struct, frozen=True):
    person: PersonIds


class LearnAsked(Struct, frozen=True):
    """Told by ingest: these people are known to these sources, and those are not any more."""

    pointers: tuple[Pointer, ...]
    gone: tuple[Pointer, ...] = ()  # a source deleted its entry: by source and local_id, whoever it was learned under


class Seen(Struct, frozen=True):
    """Told by records: what one source held when it answered."""

    patient: str
    source: str
    local_id: str
    sections: tuple[str, ...]
    empty: tuple[str, ...]
    at: str
    was_skipped: bool = False  # a source that steering had left out: its answer measures how often that errs


class SeenAsked(Struct, frozen=True):
    seen: tuple[Seen, ...]


class Learned(Struct, frozen=True):
    count: int


class SweepAsked(Struct, frozen=True):
    """How often did a skipped source hold something?"""


class Sweep(Struct, frozen=True):
    asked: int
    held: int
    since: str


# Every pointer under any of these ids, by source, then as the source numbers, then by patient.
WHERE = Question("locator", "where", WhereAsked, tuple[Pointer, ...])
# Answers how many pointers were new; what is known already stays as it is, and what a source holds is not touched. `gone`
# goes first.
LEARN = Question("locator", "learn", LearnAsked, Learned)
# A section that held something is held, one that held nothing is empty, one not spoken of stays as it was; an answer older than
# what stands changes nothing, and a source that knows nobody by this person (local_id "") becomes no pointer. Answers how many
# pointers were written. `at` needs a zone, else NotUnderstood. What was_skipped counts for the sweep of its day.
SEEN = Question("locator", "seen", SeenAsked, Learned)
# Over all days kept; `since` is the first of them, "" when there is none.
SWEPT = Question("locator", "swept", SweepAsked, Sweep)
