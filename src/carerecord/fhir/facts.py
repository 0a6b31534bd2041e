"""What does a page need to know of one resource? The shapes alone; `reading` fills them.

Times are FHIR dates or dateTimes exactly as received ("2019", "2019-05", "2026-11-22T14:02:11+00:00"): a page shows the
precision that the source stated and no more. Values are text as received, so that `1.10` stays `1.10`.
"""

from msgspec import Struct


class Code(Struct, frozen=True, gc=False, omit_defaults=True):
    system: str
    code: str
    display: str = ""


class Phone(Struct, frozen=True, gc=False, omit_defaults=True):
    number: str
    use: str = ""  # work, mobile, home, out of hours


class Medicine(Struct, frozen=True, gc=False, omit_defaults=True):
    """One statement about one medicine by one source: an order, an issue, a supply, a statement that it is taken."""

    kind: str  # order | issue (of an order) | dispense | statement | administration
    substance: str  # as the source wrote it, never abbreviated
    group: str  # what sources are set side by side by: the virtual therapeutic moiety, lower case, where known
    dose: str = ""  # the source's own words, verbatim; else generated
    dose_generated: bool = False  # true: written by us from the coded dosage, and labelled so
    amount: str = ""  # the quantity of one dose, such as "5 mg", when stated apart or parsable from coded dosage
    form: str = ""
    route: str = ""
    frequency: str = ""
    current: bool = True  # false: stopped, completed, cancelled, ended; true may still be `unsure`
    course: str = ""  # repeat | acute | hospital | ""
    started: str = ""
    ended: str = ""
    stopped_reason: str = ""
    issued: str = ""  # last issued or dispensed
    quantity: str = ""  # "56 tablet"
    reason: str = ""
    dose_rest: str = ""  # ours, for instructions that came without words beside others that had some; never in one line with them
    advice: str = ""  # what the patient is told, in the source's own words, where it stands beside its dose text
    unsure: bool = False  # neither current nor past for certain: a status or a day is missing, or they disagree
    because: str = ""  # why it counts as what it counts as, by the medicines guide's rule; days as FHIR writes them
    prescribed: str = ""  # who prescribed it, where the source says so: "prescribed at GP practice"
    same_as: tuple[str, ...] = ()  # codes under which another entry is about the same medicine, whatever it is called
    orders: tuple[str, ...] = ()  # of what orders of its source it is an issue or a statement: "MedicationRequest/12"
    stale: bool = False  # unsure for want of a recent day alone: another item of its source may yet say when it was last issued


class Measure(Struct, frozen=True, gc=False, omit_defaults=True):
    """A value with its unit: an observation, or one component of it (systolic, diastolic)."""

    name: str
    value: str  # text as received; "" with `absent` set when there is none
    unit: str = ""
    number: float | None = None  # for drawing only
    low: float | None = None
    high: float | None = None
    range: str = ""  # the range in words, as sent or made from low and high
    flag: str = ""  # "high", "low", "critically high", "abnormal", "normal" or "" when not said
    flag_from: str = ""  # "source" (interpretation sent) | "range" (worked out from the range sent) | ""
    absent: str = ""  # why there is no value


class Result(Struct, frozen=True, gc=False, omit_defaults=True):
    test: str  # system|code when coded, else the text in lower case: what may share a trend
    measure: Measure
    components: tuple[Measure, ...] = ()
    method: str = ""
    device: str = ""
    specimen: str = ""
    laboratory: str = ""
    comparable: str = ""  # same test, unit, method: results with equal keys share a trend
    members: tuple[str, ...] = ()  # references of a report to its results
    conclusion: str = ""


class Allergy(Struct, frozen=True, gc=False, omit_defaults=True):
    substance: str
    group: str  # substance in lower case, or system|code of it
    status: str  # active | inactive | resolved | refuted | unconfirmed | entered-in-error
    negative: str = ""  # "" or the scope of a coded negative: "all", "drug", "food", "other"
    reactions: tuple[str, ...] = ()
    severity: str = ""
    criticality: str = ""
    category: str = ""  # medication, food, environment
    onset: str = ""


class Plan(Struct, frozen=True, gc=False, omit_defaults=True):
    kind: str  # a key of plans.PLAN_KINDS: respect | dnacpr | advance-decision | treatment-escalation | crisis | …
    decision: str = ""  # what it says, verbatim
    valid_from: str = ""
    valid_until: str = ""
    replaces: tuple[str, ...] = ()  # business identifiers (system|value) or references of those that it replaces
    superseded: bool = False  # the source itself says so


class Contact(Struct, frozen=True, gc=False, omit_defaults=True):
    name: str
    role: str = ""  # GP, care coordinator, daughter, next of kin
    organisation: str = ""
    phones: tuple[Phone, ...] = ()
    professional: bool = True


class Encounter(Struct, frozen=True, gc=False, omit_defaults=True):
    kind: str  # emergency | inpatient | outpatient | home | virtual | general practice | ambulance | community | other
    started: str = ""
    ended: str = ""
    in_progress: bool = False
    planned: bool | None = None
    place: str = ""
    reason: str = ""
    outcome: str = ""


class Document(Struct, frozen=True, gc=False, omit_defaults=True):
    kind: str
    content_type: str = ""
    text: str = ""  # inline text, when it is text and short
    url: str = ""
    size_bytes: int | None = None
    format: str = ""  # the template or profile that it follows, where its source names one


class Flag(Struct, frozen=True, gc=False, omit_defaults=True):
    kind: str  # reasonable-adjustment | safeguarding | clinical | administrative | safety | transfer | other
    active: bool = True


class Appointment(Struct, frozen=True, gc=False, omit_defaults=True):
    kind: str  # appointment | referral | diary (a recall that a practice means to arrange)
    starts: str = ""
    ends: str = ""
    place: str = ""
    priority: str = ""
    future: bool | None = None


class Facts(Struct, frozen=True, gc=False, omit_defaults=True):
    """One resource, read once. At most one of the family fields is set."""

    resource_type: str
    id: str
    section: str  # a section id of `sections`
    title: str  # never empty: the words that the clinician chose
    status: str = ""  # in plain words: "active", "final", "completed"
    warning: str = ""  # "entered in error" | "amended" | "corrected" | "preliminary" | "cancelled" | "not done" | ""
    at: str = ""
    at_means: str = ""  # "taken", "onset", "recorded", "authored", "started", "given", "issued"
    author: str = ""
    organisation: str = ""
    note: str = ""
    severity: str = ""
    codes: tuple[Code, ...] = ()
    identifiers: tuple[str, ...] = ()  # business identifiers, system|value
    subject: str = ""  # the reference or identifier of the person it is about
    version: str = ""
    last_updated: str = ""
    confidentiality: str = ""  # R, V when labelled
    medicine: Medicine | None = None
    result: Result | None = None
    allergy: Allergy | None = None
    plan: Plan | None = None
    contact: Contact | None = None  # the first of `contacts`
    contacts: tuple[Contact, ...] = ()  # everyone that a care team or a Patient names
    encounter: Encounter | None = None
    document: Document | None = None
    flag: Flag | None = None
    appointment: Appointment | None = None
