"""What may be asked of the patient index: who is who, and who might be meant?"""

from msgspec import Struct

from carerecord.contracts.actors import Actor
from carerecord.contracts.restricted import EntriesAsked, Restricted, RestrictedAsked
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
    death_doubted: str = ""  # "" | "taken back": one was recorded, and taken back | "register": the PDS knows of none
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


class Left(Struct, frozen=True):
    """A source that took back its entry of this person, whom others still know."""

    source: str
    at: str


class Person(Struct, frozen=True):
    """One person, as the banner needs them."""

    ids: PersonIds
    patient: str  # the id asked for
    demographics: Demographics
    identifiers: tuple[Identifier, ...] = ()  # local numbers, with the system of the source
    known_by: tuple[str, ...] = ()  # sources that enrolled this person
    statements: tuple[SourcePatient, ...] = ()  # each source's own words, answered by WHO alone: where they differ, show both
    doubted: tuple[Doubted, ...] = ()  # answered by WHO alone
    left: tuple[Left, ...] = ()  # not said of a restricted person, as `known_by`
    merges: tuple[str, ...] = ()  # sources that told of another entry as this person's, while a human is asked; WHO alone
    numbers: tuple[str, ...] = ()  # every NHS number that an entry bears or states: a source goes on saying a superseded one


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


class Weighed(Struct, frozen=True):
    """How one fact of two statements compares, and how much that tells: bits of evidence, above 0 for one person."""

    fact: str  # "NHS number", "given name", "family name", "birth date", "sex", "address", "postcode", "telephone", …
    how: str  # "same", "form", "near", "differs", "not stated", …
    bits: float


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
    bits: float = 0.0  # the weight of all evidence together
    weighed: tuple[Weighed, ...] = ()  # fact by fact, strongest first
    alike: int = 0  # further pairs of entries of the same two people: a decision is for them too


class ReviewsAsked(Struct, frozen=True):
    most: int = 50
    skip: int = 0  # so many at the beginning, for a page behind the first
    decided: bool = False  # those that a human has decided, the last first, in place of those that wait
    actor: Actor | None = None  # who looks: both of each pair stand in the book. None: the platform itself


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
    """Undo a link: take one id out of its set, with those merged into it. None of them is linked to those others again, whatever
    they state."""

    patient: str
    actor: Actor | None = None


class MatchAsked(Struct, frozen=True):
    """Who might this be? What is claimed is set beside everybody in the index. Asking links nothing and keeps nothing.

    The caller writes the line of the book. Restricted people are among the answers only by exact NHS number and birth date.
    """

    claim: SourcePatient  # source and local_id may be ""; identifiers and demographics as far as they are known
    most: int = 20
    certain: bool = False  # onlyCertainMatches: the one person who is certainly meant, or nobody


class Candidate(Struct, frozen=True):
    person: Person
    grade: str  # certain | probable | possible: FHIR's match grades; certain is what the index would link by itself
    score: float  # 0 to 1: how probable it is that the two are one person
    bits: float  # the weight of evidence that the score is made of
    why: tuple[Weighed, ...]


class Matched(Struct, frozen=True):
    """Best first. `say`: what is missing in a claim that says too little to be compared."""

    candidates: tuple[Candidate, ...]
    say: str = ""


class KnownAsAsked(Struct, frozen=True):
    """PIXm: by which other numbers is the bearer of this one known?"""

    system: str
    value: str
    systems: tuple[str, ...] = ()  # only numbers of these; all where empty


class KnownAs(Struct, frozen=True):
    """A restricted person's local numbers are left out: they would say where the person is."""

    ids: PersonIds
    identifiers: tuple[Identifier, ...]
    unheard: tuple[str, ...] = ()  # of the systems asked for, those by whose numbers nobody was ever known


class DeathsAsked(Struct, frozen=True):
    """Is the death of these in doubt? For who hands over what sources say of it; each by all the numbers that stand beside it."""

    bearers: tuple[tuple[Identifier, ...], ...]


class Claim(Struct, frozen=True):
    """What one message says of whose it is."""

    stated: SourcePatient  # source: the key of the sender; local_id: the number by which the sender knows the person
    recorded: str = ""  # when the sender recorded it (EVN-2, else MSH-7), ISO 8601: an older statement never replaces a newer one
    message: str = ""  # id of the archived message, for the lineage
    partial: bool = False  # only what is stated counts; a field left empty keeps what was known (HL7: empty keeps, "" deletes)
    cleared: tuple[str, ...] = ()  # with `partial`: fields of Demographics that the message empties, such as "phone"
    since: str = ""  # since when the sender has said the last of it, as it recorded that; "" = since the index heard of it


class TakeAsked(Struct, frozen=True):
    claims: tuple[Claim, ...]


class Taken(Struct, frozen=True):
    """Whose a message is. What is filed goes under `patient`, whose set is `person`.

    `waits`: a human must look first (the sender uses one number for what looks like somebody else, or says too little to know
    anybody again): nothing of the claim was taken over; file under nobody and ask again later with the same claim.
    """

    source: str
    local_id: str
    patient: str  # the entry to file under: of a merged number, the survivor's; "" where it waits
    person: PersonIds
    outcome: str  # new | linked | review | changed | unchanged | late | waits
    review: str = ""  # id of the review that it waits for
    origin: str = ""  # the entry of the number that was sent, where a merge leads to another
    trace: bool = False  # an NHS number nobody has verified yet
    say: str = ""  # why it waits, in words, without a name or a number

    @property
    def entry(self) -> str:
        """That of the number itself. What lies with it is found by it as long as the two are one person, and no longer."""
        return self.origin or self.patient


class Instruction(Struct, frozen=True):
    """What a source, or a human, says of two of its numbers. Saying it again changes nothing.

    merge: `local_id` was the same person as `into` and is used no more (A34, A40; a superseded NHS number). unmerge: that was
    wrong (A37). link, unlink: both stay in use (A24, A37). move: the identifier `system|value` belongs to `into` (A43, A47).
    """

    kind: str  # merge | unmerge | link | unlink | move
    source: str
    local_id: str
    into_source: str
    into: str
    recorded: str = ""  # as Claim.recorded: an instruction older than what has been done since is "late"
    message: str = ""
    identifier: Identifier | None = None  # of a move
    across: bool = False  # the two numbers are of different assigning authorities: a human decides, whoever says so


class InstructAsked(Struct, frozen=True):
    instructions: tuple[Instruction, ...]
    actor: Actor | None = None  # the human who says so; None: the source does
    dry: bool = False  # answers what would become of them, and does nothing


class Instructed(Struct, frozen=True):
    outcome: str  # done | already | review | unknown | refused
    patient: str = ""  # the entry under which later messages of `local_id` are filed
    person: PersonIds = ()
    review: str = ""
    say: str = ""


class LineageAsked(Struct, frozen=True):
    patient: str


class Step(Struct, frozen=True):
    """One thing that happened to the set of an id. A set is known by one of its ids."""

    at: str
    patient: str
    because: str  # enrolled | number | likeness | decided | parted | undone | merged | linked | unmerged | corrected | severed
    together: PersonIds  # who were one person from then on
    message: str = ""
    by: str = ""


class SeverAsked(Struct, frozen=True):
    """Two histories that must never meet (adoption, gender recognition): no link, suggestion, review or hint across, ever.

    Each side is named by an NHS number or by an id of the index.
    """

    one: str
    other: str
    actor: Actor | None = None
    undo: bool = False


class QueueAsked(Struct, frozen=True):
    pass


class Queue(Struct, frozen=True):
    """How long do pairs wait for a human?"""

    waiting: int
    oldest_since: str  # "" where nothing waits
    median_age_s: float
    over_a_week: int
    decided_in_a_week: int
    undone_in_a_week: int


class PersonLinked(Struct, frozen=True):
    """Event: these ids are one person from now on, because a source or a human said so. What the index links by itself, many at a
    time, is told by PatientsLinked alone.
    """

    person: PersonIds
    because: str  # merged | linked | decided


class PersonSplit(Struct, frozen=True):
    """Event: these ids were one person, and are these people from now on."""

    person: PersonIds
    people: tuple[PersonIds, ...]
    because: str  # unmerged | parted | decided | undone | severed


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
ENTRIES = Question("patients", "entries", EntriesAsked, tuple[tuple[str, str], ...])  # source, and the id there
PEOPLE = Question("patients", "people", PeopleAsked, tuple[Person, ...])
SEARCH = Question("patients", "search", SearchAsked, Found)
ENROL = Question("patients", "enrol", EnrolAsked, tuple[Enrolled, ...])
TRACED = Question("patients", "traced", TracedAsked, Traced)
REVIEWS = Question("patients", "reviews", ReviewsAsked, tuple[Review, ...])
DECIDE = Question("patients", "decide", DecideAsked, Nothing)
UNDO = Question("patients", "undo", UndoAsked, Nothing)
PART = Question("patients", "part", PartAsked, Nothing)
MATCH = Question("patients", "match", MatchAsked, Matched)
KNOWN_AS = Question("patients", "known-as", KnownAsAsked, KnownAs)
DEATHS = Question("patients", "deaths", DeathsAsked, tuple[str, ...])  # `Demographics.death_doubted` of each, in their order
TAKE = Question("patients", "take", TakeAsked, tuple[Taken, ...])
INSTRUCT = Question("patients", "instruct", InstructAsked, tuple[Instructed, ...])
LINEAGE = Question("patients", "lineage", LineageAsked, tuple[Step, ...])
SEVER = Question("patients", "sever", SeverAsked, Nothing)
QUEUE = Question("patients", "queue", QueueAsked, Queue)
RESTRICTED = Question("patients", "restricted", RestrictedAsked, Restricted)
