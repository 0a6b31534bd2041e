"""What is a pretend region made of? The shapes that its people, its servers and its tour agree on.

All of it is frozen. A FHIR resource is a plain dict, ready to be written as JSON; nobody changes one after it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

FhirJson = dict[str, Any]

OrganisationKind = Literal[
    "gp", "acute", "ambulance", "community", "mental-health", "hospice", "council", "pharmacy", "care-home",
    "sexual-health", "out-of-hours", "board",
]
SystemKind = Literal[
    "gp",
    "hospital",
    "emergency",
    "laboratory",
    "radiology",
    "clinic",
    "ambulance",
    "community",
    "mental-health",
    "hospice",
    "social-care",
    "pharmacy",
    "maternity",
    "care-home",
    "sexual-health",
    "out-of-hours",
]
KnowsBy = Literal["nhs-number", "local", "match"]  # what the system can be asked by
Role = Literal[
    "ae-doctor", "gp", "social-worker", "receptionist", "administrator", "privacy-officer", "ward-nurse",
    "hospital-pharmacist", "community-pharmacist", "paramedic", "midwife", "health-visitor", "community-nurse",
    "care-home-nurse", "mental-health-worker", "safeguarding-lead", "data-quality-officer", "clinical-safety-officer",
]  # fmt: skip
FaultKind = Literal["unavailable", "gone", "slow", "flaky", "wrong-patient"]


@dataclass(frozen=True)
class Organisation:
    """A body that keeps records or employs people. Its ODS code is well formed and was never issued."""

    ods: str
    name: str
    kind: OrganisationKind
    phone: str  # in Ofcom's ranges for drama
    bypass_phone: str  # the number that clinicians use
    address: tuple[str, ...]
    postcode: str
    provider: str | None = None  # key of the IdentityProvider where its staff sign in


@dataclass(frozen=True)
class Dialect:
    """One way to write FHIR R4. None of it changes what is meant: the record must show the same chart from each.

    paging: "next" leads on by opaque links; "offset" by a number that counts on; "none" sends all at once, whatever is asked.
    codes: "national" SNOMED CT, LOINC and dm+d alone; "beside" them a code of its own, first; "local" its own code alone.
    medicines: "held" as the chart has them; "concept" as a code in place; "contained"; "referenced", a resource of their own.
    times: to the second in London's time; "utc"; "milliseconds"; "day", without the hour.
    old: how exactly onsets of more than two years ago are known.
    """

    paging: Literal["next", "offset", "none"] = "next"
    links: Literal["whole", "relative"] = "whole"
    total: bool = True  # Bundle.total
    urls: Literal["http", "urn", "none"] = "http"  # fullUrl of an entry
    modes: bool = True  # search.mode of an entry
    meta: bool = True  # labels of confidentiality and of test data stay, whatever is left out
    codes: Literal["national", "beside", "local"] = "national"
    medicines: Literal["held", "concept", "contained", "referenced"] = "held"
    times: Literal["london", "utc", "milliseconds", "day"] = "london"
    old: Literal["day", "month", "year"] = "day"
    extensions: int = 0  # of its own, unknown to everybody else, on each resource
    omits: frozenset[str] = frozenset()  # elements that it leaves out
    narrative: bool = False  # the text that FHIR recommends, made from the rest


PLAIN = Dialect()


@dataclass(frozen=True)
class System:
    """One computer system of an organisation: one FHIR server, one source of the record."""

    key: str  # also its path name and log field: "aldermoor-pathology"
    ods: str
    name: str  # as a page shows it: "Aldermoor Pathology"
    mark: str  # two letters, unique in the region: "AP"
    kind: SystemKind
    patient_system: str  # URI of the local patient numbers that it gives out
    knows_by: KnowsBy
    sections: tuple[str, ...]  # what it shares: ids of carerecord.fhir.sections
    latency_s: float  # usual time to answer one request; a server varies it by a fifth
    page_size: int = 50
    needs_token: bool = False  # OAuth client credentials; the others are open on the loopback
    asks: str = "search"  # how it is best asked: type by type, or "everything" at once
    dialect: Dialect = PLAIN
    connector: str = "fhir_r4"  # what it speaks: fhir_r4 | gp_connect
    habit: str = ""  # of GP Connect: whose way of answering it has
    small: bool = False  # one of many that share a process


@dataclass(frozen=True)
class SendingSystem:
    """One computer system that cannot be asked: it sends HL7 v2 messages, by its trust's one integration engine."""

    key: str
    ods: str
    name: str
    mark: str  # two letters, unique in the region
    kind: SystemKind
    application: str  # MSH-3
    facility: str  # MSH-4, and the authority of its patient numbers
    sections: tuple[str, ...]

    @property
    def patient_system(self) -> str:
        return f"https://{self.facility.lower()}.region.example/Id/hospital-number"


@dataclass(frozen=True)
class Sent:
    """One message, as a scene has it sent. In its segments `@-25m@` stands for the time 25 minutes before it is sent."""

    system: str  # key of a SendingSystem
    trigger: str  # "ADT^A01"
    segments: tuple[str, ...]  # without MSH; the first may be EVN


@dataclass(frozen=True)
class Fault:
    """A system that misbehaves, for one person only or (patient None) for all.

    Only clinical requests (those for one patient's resources) misbehave. Enrolment, that is, paging through
    Patient, and `metadata` always work.

    unavailable: answers 503 with an OperationOutcome. With `openings` n, only to the first n different
        `X-Request-ID`s that ask for this person since the last reset (one opening sends all its requests, and their
        repeats, under one id; without the header, requests less than 10 s apart are one opening). 0: always.
    gone: answers 404 with an OperationOutcome: the person has left this practice.
    slow: takes `seconds` for each answer, its usual time included.
    flaky: of the requests, `share` (0 to 1) answer 503, by a seeded generator.
    wrong-patient: Patient is answered rightly on enrolment, but a clinical request for this person is answered with
        the bundle of `other` (a patient id of the same system), Patient included.
    """

    system: str
    kind: FaultKind
    patient_id: str | None = None  # Patient.id in that system
    openings: int = 0
    seconds: float = 0.0
    share: float = 0.0
    other: str | None = None


@dataclass(frozen=True)
class Holding:
    """All that one system holds about one person: a Patient and what refers to it.

    `resources[0]` is the Patient, with `id` equal to `patient_id`. Ids are unique within the system; references are
    relative ("Patient/…") and stay inside the holding. A resource that is broken on purpose is broken here already.
    """

    system: str
    patient_id: str  # FHIR id in that system
    local_number: str  # the number as its staff say it: identifier of `System.patient_system`
    person: str  # key of the RegionPerson; the server must not send it
    resources: tuple[FhirJson, ...]


@dataclass(frozen=True)
class Address:
    lines: tuple[str, ...]  # house and street, place, town
    postcode: str


@dataclass(frozen=True)
class RegionPerson:
    """One invented person as the region knows them, before any system's habits."""

    key: str  # "edith-marlow", "p00042"
    nhs_number: str  # 999 range, ten digits
    family: str
    given: tuple[str, ...]
    title: str
    sex: Literal["male", "female"]
    born: date
    address: Address
    phone: str
    practice: str  # ODS code of the GP practice
    ethnicity: str
    died: date | None = None
    preferred: str | None = None
    maiden: str | None = None  # family name before marriage
    twin: int | None = None  # birth order of a multiple birth
    test: bool = False
    restricted: bool = False
    story: str = "healthy"  # the condition stories, joined by "+"
    household: str = ""  # people with the same household share the address


@dataclass(frozen=True)
class RoleProfile:
    """One post that a user holds: sign-in offers a choice when there are several."""

    id: str  # twelve digits, as the Spine's role profile ids
    role: Role
    job: str  # "Emergency medicine registrar"
    ods: str
    team: str = ""


@dataclass(frozen=True)
class User:
    username: str
    password: str  # for the pretend provider only
    provider: str  # key of an IdentityProvider
    sub: str
    name: str  # "Dr Priya Nair"
    title: str
    given: str
    family: str
    email: str
    profiles: tuple[RoleProfile, ...]


@dataclass(frozen=True)
class IdentityProvider:
    """An organisation's own OIDC provider."""

    key: str
    ods: str
    name: str


@dataclass(frozen=True)
class View:
    """What somebody else, or the same user at another moment, must find: on the same person's page, or on another.

    A view with `press` is for the check alone: a visitor presses by hand, where the view before has led.
    """

    user: str
    says: str  # "with the hospice stopped"
    must_show: tuple[str, ...] = ()
    must_not_show: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()  # switched on for this view, then off again
    patient: str = ""  # another person of the scene; else the scene's own
    reason: str = ""  # else the scene's own
    purpose: str = "direct-care"
    page: str = ""  # a page that is no record, such as "/reviews"
    press: tuple[str, ...] = ()  # words of the buttons to press there, one after another
    sends: tuple[Sent, ...] = ()  # messages that come first
    number: str = ""  # a local number by which the visitor finds the person; else the NHS number


@dataclass(frozen=True)
class Scene:
    """One stop of the tour: who signs in, whom they open, and the words that the page must and must not show.

    Words are looked for in the text of the page, markup taken out and runs of white space made one; case counts.
    """

    number: int
    title: str
    story: str  # two sentences for the tour's page
    user: str  # username
    patient: str  # key of a RegionPerson
    nhs_number: str
    reason: str  # what the user would give as the reason of the opening
    look_for: tuple[str, ...]  # said to the visitor
    must_show: tuple[str, ...]  # words on the page once the last source has answered
    must_not_show: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    at_first_paint: tuple[str, ...] = ()  # words that must stand there before the late sources
    after_retry: tuple[str, ...] = ()  # words after the silent source was asked again
    not_asked: tuple[str, ...] = ()  # system keys that are skipped, with "ask anyway"
    views: tuple[View, ...] = ()
    others: tuple[str, ...] = ()  # keys of further people that belong to the scene
    purpose: str = "direct-care"
    complete: bool = True  # an incomplete scene is left out of the tour
    sends: tuple[Sent, ...] = ()  # messages that come first
    number_there: str = ""  # a local number by which the visitor finds the person; else the NHS number


@dataclass(frozen=True)
class Region:
    seed: int
    now: datetime  # the moment that all its times are relative to
    organisations: tuple[Organisation, ...]
    providers: tuple[IdentityProvider, ...]
    systems: tuple[System, ...]
    users: tuple[User, ...]
    people: tuple[RegionPerson, ...]
    holdings: Mapping[str, tuple[Holding, ...]]  # by system key
    register: Mapping[str, FhirJson]  # NHS number -> Patient as the PDS answers it
    scenes: tuple[Scene, ...]
    faults: tuple[Fault, ...] = field(default=())  # of all scenes, and the region's own
