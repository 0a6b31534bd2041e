"""Under which heading of the record does a resource stand, and what is a source asked for to fill that heading?"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.codes import code_values, codes_in, dict_in, text_in, words
from carerecord.fhir.lists import section_of_list
from carerecord.fhir.plans import DOCUMENT_CODES, FINDING_CODES, plan_kind


class Search(Struct, frozen=True):
    """One FHIR search of a source, apart from the person: the caller adds `patient` and `_count`."""

    type: str
    params: tuple[tuple[str, str], ...] = ()


class Section(Struct, frozen=True):
    """One heading of the record."""

    id: str
    title: str
    clinical: bool  # a receptionist sees none that is
    searches: tuple[Search, ...]


def _category(type_: str, *codes: str) -> Search:
    return Search(type_, (("category", ",".join(codes)),))


RESULT_CATEGORIES: Final = ("laboratory", "imaging")
OBSERVATION_CATEGORIES: Final = ("vital-signs", "exam", "survey", "activity", "procedure", "therapy")
SOCIAL_CATEGORIES: Final = ("social-history",)
_HEADING_OF_CATEGORY: Final[dict[str, str]] = {
    **dict.fromkeys(OBSERVATION_CATEGORIES, "observations"),
    **dict.fromkeys(RESULT_CATEGORIES, "results"),
    **dict.fromkeys(SOCIAL_CATEGORIES, "social"),
}
_FIRST_HEADING: Final = ("social", "results", "observations")  # where an observation has categories of several
ADJUSTMENT_CATEGORY: Final = "national-reasonable-adjustment-flag"

# In the order in which the record shows them.
ALL: Final[tuple[Section, ...]] = (
    Section("alerts", "Alerts and flags", True, (Search("Flag"), Search("DetectedIssue"))),
    Section("safeguarding", "Safeguarding and safety", True, (Search("Flag"),)),
    Section("adjustments", "Reasonable adjustments", False, (Search("Flag"),)),
    Section("allergies", "Allergies", True, (Search("AllergyIntolerance"),)),
    Section(
        "medicines",
        "Medicines",
        True,
        (
            Search("MedicationRequest"),
            Search("MedicationStatement"),
            Search("MedicationDispense"),
            Search("MedicationAdministration"),
        ),
    ),
    Section("problems", "Problems", True, (Search("Condition"),)),
    Section(
        "results",
        "Results",
        True,
        (_category("Observation", *RESULT_CATEGORIES), Search("DiagnosticReport"), Search("ImagingStudy")),
    ),
    Section("observations", "Observations", True, (_category("Observation", *OBSERVATION_CATEGORIES),)),
    Section("encounters", "Encounters", True, (Search("Encounter"), Search("EpisodeOfCare"))),
    Section("immunisations", "Immunisations", True, (Search("Immunization"),)),
    Section("procedures", "Procedures", True, (Search("Procedure"),)),
    Section("documents", "Documents", True, (Search("DocumentReference"), Search("Composition"))),
    Section(
        "plans",
        "Care plans and decisions",
        True,
        (
            Search("CarePlan"),
            Search("Consent"),
            Search("DocumentReference", (("type", ",".join(DOCUMENT_CODES)),)),
            Search("Composition", (("type", ",".join(DOCUMENT_CODES)),)),
            Search("Flag"),
            Search("Observation", (("code", ",".join(FINDING_CODES)),)),
            Search("Condition", (("code", ",".join(FINDING_CODES)),)),
            Search("Goal"),
        ),
    ),
    Section("appointments", "Appointments and referrals", False, (Search("Appointment"), Search("ServiceRequest"))),
    Section("professionals", "Professionals and contacts", True, (Search("CareTeam"), Search("RelatedPerson"))),
    Section("social", "Social context", True, (_category("Observation", *SOCIAL_CATEGORIES),)),
    Section("demographics", "Demographics", False, (Search("Patient"),)),
    Section(
        "other",
        "Other",
        True,
        (
            Search("QuestionnaireResponse"),
            Search("FamilyMemberHistory"),
            Search("Communication"),
            Search("Task"),
            Search("RiskAssessment"),
            Search("List"),
        ),
    ),
)

SECTIONS: Final[dict[str, Section]] = {section.id: section for section in ALL}
SECTION_IDS: Final = tuple(SECTIONS)

# Types that stand under one heading whatever they say. A type that is not here, nor decided below, is `other`.
_SECTION_OF_TYPE: Final[dict[str, str]] = {
    "AllergyIntolerance": "allergies",
    "Appointment": "appointments",
    "AppointmentResponse": "appointments",
    "BodyStructure": "procedures",
    "CarePlan": "plans",
    "CareTeam": "professionals",
    "ClinicalImpression": "observations",
    "Condition": "problems",
    "DetectedIssue": "alerts",
    "DiagnosticReport": "results",
    "DeviceRequest": "procedures",
    "DeviceUseStatement": "procedures",
    "Encounter": "encounters",
    "EpisodeOfCare": "encounters",
    "Goal": "plans",
    "HealthcareService": "professionals",
    "ImagingStudy": "results",
    "Immunization": "immunisations",
    "ImmunizationRecommendation": "immunisations",
    "Location": "professionals",
    "Medication": "medicines",
    "MedicationAdministration": "medicines",
    "MedicationDispense": "medicines",
    "MedicationRequest": "medicines",
    "MedicationStatement": "medicines",
    "NutritionOrder": "plans",
    "Organization": "professionals",
    "Patient": "demographics",
    "Person": "demographics",
    "Practitioner": "professionals",
    "PractitionerRole": "professionals",
    "Procedure": "procedures",
    "ReferralRequest": "appointments",
    "RelatedPerson": "professionals",
    "ServiceRequest": "appointments",
    "Slot": "appointments",
    "Specimen": "results",
    # Media and Binary are what a document or an image is made of; Claim, Coverage, Provenance, Goal's kin stay `other`.
    "Media": "documents",
}

# Types that what they say decides of.
_MAY_BE: Final[dict[str, frozenset[str]]] = {
    "Composition": frozenset(("documents", "plans")),
    "Condition": frozenset(("problems", "alerts", "plans")),
    "DocumentReference": frozenset(("documents", "plans")),
    "Flag": frozenset(("adjustments", "alerts", "plans", "safeguarding")),
    "List": frozenset(SECTION_IDS),
    "Observation": frozenset((*_FIRST_HEADING, "plans")),
    "Patient": frozenset(("demographics",)),
}

# Vital signs and the like, where no category says so: the FHIR vital signs profile (LOINC) and SNOMED CT of GP systems.
_VITAL_CODES: Final = frozenset(
    (
        "85353-1", "9279-1", "8867-4", "2708-6", "59408-5", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5",
        "85354-9", "8480-6", "8462-4", "55284-4", "8287-5", "75367002", "163020007", "271649006", "271650006",
        "364075005", "78564009", "86290005", "386725007", "276885007", "431314004", "103228002", "27113001",
        "726527001", "50373000", "1153637007", "60621009", "1104051000000101", "1363501000000100",
        "248241002",
    )
)  # fmt: skip
_SOCIAL_CODES: Final = frozenset(
    (
        "72166-2", "74013-4", "160573003", "77176002", "8517006", "266919005", "8392000", "365981007", "160903007",
        "105531004", "365458002",
    )
)  # fmt: skip
_SAFETY_CODES: Final = frozenset(("safety", "behavioral"))
_SAFEGUARDING_WORDS: Final = ("safeguard", "child protection", "cp-is", "looked after child", "fgm", "vulnerable")


def sections_of_type(type_: str) -> frozenset[str]:
    """Every section where a resource of this type may stand, whatever it says."""
    return _MAY_BE.get(type_) or frozenset((_SECTION_OF_TYPE.get(type_, "other"), "plans"))


def section_of(resource: dict[str, Any]) -> str:
    """The id of the section where `resource` stands; `other` for a type or content with no heading. Never fails.

    Plans and decisions come first: a "not for CPR" is a plan whichever type carries it.
    """
    return "plans" if plan_kind(resource) else section_of_no_plan(resource, text_in(resource, "resourceType"))


def section_of_no_plan(resource: dict[str, Any], type_: str) -> str:
    """The same for a reader who has already asked `plan_kind` and heard that it is none."""
    if type_ == "Observation":
        return _section_of_observation(resource)
    if type_ == "Flag":
        return _section_of_flag(resource)
    if type_ in ("DocumentReference", "Composition"):
        return "documents"
    if type_ == "List":
        return section_of_list(codes_in(resource.get("code")))
    if type_ == "Condition" and is_reasonable_adjustment(resource):
        return "alerts"  # the impairment behind an adjustment is clinical, the adjustment itself is not
    return _SECTION_OF_TYPE.get(type_, "other")


def _section_of_flag(resource: dict[str, Any]) -> str:
    """Three headings, since three circles of people need them: what must be adjusted for somebody (reception too), who may come
    to harm or do harm (social care too), and clinical alerts. A flag that says nothing of its kind is one: the fewest see it.
    """
    if is_reasonable_adjustment(resource):
        return "adjustments"
    return "safeguarding" if is_safeguarding(resource) or is_safety(resource) else "alerts"


def is_reasonable_adjustment(resource: dict[str, Any]) -> bool:
    """Whether a Flag (or the Condition behind it) belongs to the national reasonable adjustment flag, or says so."""
    for place in ("code", "category"):
        if place in resource and ADJUSTMENT_CATEGORY in codes_in(resource[place]):
            return True
    if text_in(resource, "resourceType") != "Flag":
        return False
    return "reasonable adjustment" in words([resource.get("code"), resource.get("category")]).lower()


def is_safeguarding(resource: dict[str, Any]) -> bool:
    """Whether a Flag speaks of safeguarding, by the words of its code and category."""
    said = words([resource.get("code"), resource.get("category")]).lower()
    return any(word in said for word in _SAFEGUARDING_WORDS)


def is_safety(resource: dict[str, Any]) -> bool:
    """Whether a Flag warns of a hazard to the person or to staff (HL7 flag-category `safety` and `behavioral`)."""
    return "category" in resource and not _SAFETY_CODES.isdisjoint(codes_in(resource["category"]))


def searches_for(sections: Iterable[str], types: Collection[str] | None = None, *, clinical: bool = True) -> tuple[Search, ...]:
    """What to ask one source so as to fill `sections`, with no more requests than needed.

    A search without conditions makes one of the same type with conditions needless. When every heading under which an
    Observation can stand is wanted, one search without category is asked: an observation that its source forgot to
    categorise is then not missed. When fewer are wanted, categories are asked (what may not be seen is not fetched).
    `types` are those that the source says it can be searched for (its capability statement); None asks for all.
    Not `clinical`: a reader without clinical access; of the headings that are not clinical, referrals are not asked.
    """
    wanted = [section for section in ALL if section.id in frozenset(sections)]
    if not clinical:
        wanted = [section for section in wanted if not section.clinical]
    asked = list(dict.fromkeys(search for section in wanted for search in section.searches))
    if not clinical:
        asked = [search for search in asked if search.type != "ServiceRequest"]
    if {"results", "observations", "social"} <= {section.id for section in wanted}:
        asked.append(Search("Observation"))
    whole = {search.type for search in asked if not search.params}
    kept = (search for search in asked if not search.params or search.type not in whole)
    return _one_search_each(search for search in kept if types is None or search.type in types)


def _one_search_each(searches: Iterable[Search]) -> tuple[Search, ...]:
    merged: dict[tuple[str, str], list[str]] = {}
    for search in searches:
        name, value = search.params[0] if search.params else ("", "")
        merged.setdefault((search.type, name), []).extend(value.split(",") if value else ())
    return tuple(
        Search(type_, ((name, ",".join(dict.fromkeys(values))),) if name else ()) for (type_, name), values in merged.items()
    )


def _section_of_observation(resource: dict[str, Any]) -> str:
    categories = codes_in(resource.get("category"))
    if len(categories) == 1 and categories[0] in _HEADING_OF_CATEGORY:
        return _HEADING_OF_CATEGORY[categories[0]]
    said = {_HEADING_OF_CATEGORY[code] for code in categories if code in _HEADING_OF_CATEGORY}
    if said:
        return next(each for each in _FIRST_HEADING if each in said)
    codes = code_values(dict_in(resource, "code"))
    if codes & _VITAL_CODES:
        return "observations"
    if codes & _SOCIAL_CODES:
        return "social"
    laboratory = "specimen" in resource or "referenceRange" in resource or "interpretation" in resource
    return "results" if laboratory else "observations"
