"""What may be asked of the patient index: who is who, and who might be meant?"""

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.kit.question import Question

PersonIds = tuple[str, ...]  # every id that the patient index holds for one person; the first is the one asked for


class Identifier(Struct, frozen=True):
    system: str
    value: str


class Name(Struct, frozen=True):
    family: str
    given: tuple[str, ...] = ()
    prefix: str = ""
    use: str = "official"  # official | usual | nickname (preferred) | old | maiden


class Demographics(Struct, frozen=True):
    """What one source, or the index as a whole, says of who a person is."""

    names: tuple[Name, ...] = ()
    birth_date: str = ""  # FHIR date, may be partial
    gender: str = ""  # male | female | other | unknown | ""
    nhs_number: str = ""
    nhs_number_status: str = ""  # England code 01 to 08
    address: str = ""
    postcode: str = ""
    phone: str = ""
    gp: str = ""  # ODS code of the registered practice
    gp_name: str = ""
    deceased: str = ""  # "" | "true" | FHIR dateTime
    multiple_birth: str = ""  # "" | "true" | the order: "1", "2"
    restricted: bool = False
    test: bool = False
    interpreter: str = ""


class SourcePatient(Struct, frozen=True):
    """One person as one source knows them."""

    source: str
    local_id: str  # the id by which that source is asked
    identifiers: tuple[Identifier, ...]
    demographics: Demographics
    version: str = ""  # of the Patient resource there


class Doubted(Struct, frozen=True):
    """An entry of a source under this person's NHS number and birth date that says another given name or sex.

    It waits for review. What stands there may be this person's, or a twin's: it is asked for, and held behind a warning.
    """

    source: str
    local_id: str


class Person(Struct, frozen=True):
    """One person, as the banner needs them."""

    ids: PersonIds
    patient: str  # the id asked for
    demographics: Demographics
    identifiers: tuple[Identifier, ...] = ()  # local numbers, with the system of the source
    known_by: tuple[str, ...] = ()  # sources that enrolled this person
    statements: tuple[SourcePatient, ...] = ()  # each source's own words, answered by WHO alone: where they differ, show both
    doubted: tuple[Doubted, ...] = ()  # answered by WHO alone


class WhoAsked(Struct, frozen=True):
    patient: str
    statements: bool = True  # with each source's own words; an opening does without


class SearchAsked(Struct, frozen=True):
    """One box, fields, or both. The audit line of the search is written by patients, before it answers."""

    text: str  # one box, as typed
    family: str = ""
    given: str = ""
    birth_date: str = ""  # as typed
    postcode: str = ""
    number: str = ""  # NHS or local, as typed
    most: int = 20
    actor: Actor | None = None  # who searches; without one the search is refused
    request: str = ""  # the request id


class Match(Struct, frozen=True):
    person: Person
    score: float  # 0 to 1
    strong: bool  # a match that may be offered as "this is the one": never opened by itself all the same
    why: tuple[str, ...]  # "NHS number same", "family name near", "birth date same"


class Found(Struct, frozen=True):
    matches: tuple[Match, ...]
    too_many: bool = False
    say: str = ""  # what to add, or what was not understood


class EnrolAsked(Struct, frozen=True):
    people: tuple[SourcePatient, ...]


class Enrolled(Struct, frozen=True):
    source: str
    local_id: str
    patient: str
    outcome: str  # new | linked | unchanged | changed | review
    trace: bool = False  # an NHS number nobody has verified yet: to be traced at PDS


class TracedAsked(Struct, frozen=True):
    """What PDS said of an NHS number."""

    patient: str
    outcome: str  # verified | superseded | not-found | mismatch
    demographics: Demographics | None = None


class Traced(Struct, frozen=True):
    patient: str
    linked: bool


class Review(Struct, frozen=True):
    """Two entries that might be one person, and what speaks against it. A human decides."""

    id: str
    left: Person
    right: Person
    agrees: tuple[str, ...]
    conflicts: tuple[str, ...]
    since: str
    found: str = ""  # same | different, where a human has decided
    found_at: str = ""


class ReviewsAsked(Struct, frozen=True):
    most: int = 50
    decided: bool = False  # those that a human has decided, the last first, in place of those that wait


class Nothing(Struct, frozen=True):
    pass


class DecideAsked(Struct, frozen=True):
    """What a human found of a review: the two are one person, or they are not."""

    review: str
    same: bool
    actor: Actor | None = None


class UndoAsked(Struct, frozen=True):
    """Take a decision back: the sets of ids are as they were before it, and the review waits again."""

    review: str
    actor: Actor | None = None


class PartAsked(Struct, frozen=True):
    """Undo a link: take one id out of its set. It is not linked to those others again, whatever they state."""

    patient: str
    actor: Actor | None = None


class PatientEnrolled(Struct, frozen=True):
    """Event: these ids came into the index, or what their source says of them changed."""

    patients: tuple[str, ...]


class PatientsLinked(Struct, frozen=True):
    """Event: the sets of ids that are now one person each; also those that an undone link left."""

    people: tuple[PersonIds, ...]


class PeopleAsked(Struct, frozen=True):
    """Many at once, by any of their ids: for audit pages and lists."""

    patients: tuple[str, ...]


WHO = Question("patients", "who", WhoAsked, Person)
PEOPLE = Question("patients", "people", PeopleAsked, tuple[Person, ...])
SEARCH = Question("patients", "search", SearchAsked, Found)
ENROL = Question("patients", "enrol", EnrolAsked, tuple[Enrolled, ...])
TRACED = Question("patients", "traced", TracedAsked, Traced)
REVIEWS = Question("patients", "reviews", ReviewsAsked, tuple[Review, ...])
DECIDE = Question("patients", "decide", DecideAsked, Nothing)
UNDO = Question("patients", "undo", UndoAsked, Nothing)
PART = Question("patients", "part", PartAsked, Nothing)
