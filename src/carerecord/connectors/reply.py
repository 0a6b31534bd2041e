"""What does a window hand back after one source was asked about one person? Always a `Reply`, whatever went wrong."""

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.contracts.records import Choice, Entry, NotCarried, SectionState
from carerecord.contracts.sources import Source

# From best to worst; the worst of a source's sections leads its own state.
STATES = (
    "live", "copy", "not recorded", "none held", "not shared", "registered elsewhere", "not asked", "not switched on",
    "not permitted", "withheld", "withheld at source", "loading", "not given", "incomplete", "out of date", "unreadable",
    "no answer", "discarded",
)  # fmt: skip
RANK = {state: place for place, state in enumerate(STATES)}
# A section in one of these states may hold something that is not shown.
MISSING = frozenset(
    {
        "loading", "no answer", "unreadable", "incomplete", "out of date", "withheld", "not permitted", "not asked", "discarded",
        "not given", "withheld at source", "not switched on",
    }
)


class Expected(Struct, frozen=True):
    """Who is meant, so that a source can be asked for them; nothing of it is logged."""

    nhs_number: str = ""
    birth_date: str = ""
    family: str = ""
    given: str = ""
    gender: str = ""


class Asking(Struct, frozen=True):
    """One source to be asked about one person: by its own ids, or where it gave none yet, by NHS number or its own matching."""

    source: Source
    local_ids: tuple[str, ...]
    sections: frozenset[str]  # those permitted and shared: nothing else is fetched
    expected: Expected
    actor: Actor | None = None  # on whose behalf: sources that want to know a person by name are not asked without one
    practice: str = ""  # ODS code of the practice where the person is registered now; "" = not known


class Said(Struct, frozen=True):
    """Who a Patient resource says that it is about."""

    local_id: str
    nhs_number: str = ""
    birth_date: str = ""
    given: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    gender: str = ""
    replaced_by: str = ""  # the entry into which its source has merged this one


class TypeTally(Struct, frozen=True):
    """How many resources of one type came, how many of them are shown, and how many nobody could read."""

    resource_type: str
    sent: int
    shown: int
    unreadable: int


class Reply(Struct, frozen=True):
    """One source's answer: what it holds, how whole that is, and who it says it is about."""

    source: Source
    state: str
    says: str = ""
    local_ids: tuple[str, ...] = ()
    sections: tuple[SectionState, ...] = ()
    entries: tuple[Entry, ...] = ()
    said: tuple[Said, ...] = ()
    tally: tuple[TypeTally, ...] = ()
    warnings: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()  # several entries there for one NHS number: nothing of either is shown
    elapsed_s: float = 0.0
    as_at: str = ""
    last_answer: str = ""
    dropped: int = 0  # came though not asked for, and was let fall
    failed: bool = False  # the source as a whole did not answer: what a circuit breaker counts
    danger: str = ""  # "" or what differs: why it was discarded
    mismatches: tuple[tuple[str, str, str], ...] = ()  # what, here, there: held behind a warning
    strangers: int = 0  # items about somebody else, not shown
    kept: str = ""  # copy | here, where any of it is read from what is kept here
    copy_at: str = ""  # of what is kept: when the newest statement in it came
    not_carried: tuple[NotCarried, ...] = ()  # elements that came and have no place in the form in which items are shown


def worst(states: tuple[str, ...]) -> str:
    return max(dict.fromkeys(states), key=lambda state: RANK.get(state, 0), default="live")
