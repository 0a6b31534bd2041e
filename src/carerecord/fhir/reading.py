"""What does one received resource say? From its bytes to the facts that a page shows, in one parse."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import parse
from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Code, Facts
from carerecord.fhir.identifiers import ALIASES, canonical_system
from carerecord.fhir.labels import DOUBTS, SEVERITY, WARNINGS, status_words, type_words
from carerecord.fhir.plans import may_be_plan, plan_kind
from carerecord.fhir.read.families import READERS, plan_facts
from carerecord.fhir.read.medicines import Course
from carerecord.fhir.read.practice import said_in_extensions
from carerecord.fhir.read.told import told, told_title
from carerecord.fhir.read.words import (
    Around,
    Resource,
    around,
    codes_of,
    first_code,
    first_time,
    narrative_of,
    notes_of,
    organisation_behind,
    quantity,
    said_of,
    title_of,
)
from carerecord.fhir.sections import SECTIONS, section_of_no_plan

# When it happened, for each type: the elements to look at, in order, and what the time means.
TIMES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "AllergyIntolerance": (("recordedDate", "recorded"), ("onsetDateTime", "onset"), ("lastOccurrence", "last occurrence")),
    "Appointment": (("start", "starts"), ("created", "booked")),
    "CarePlan": (("period", "started"), ("created", "written")),
    "CareTeam": (("period", "started"),),
    "Communication": (("sent", "sent"), ("received", "received")),
    "Composition": (("date", "written"),),
    "Condition": (("onsetDateTime", "onset"), ("onsetPeriod", "onset"), ("recordedDate", "recorded")),
    "Consent": (("dateTime", "recorded"),),
    "DetectedIssue": (("identifiedDateTime", "found"), ("identifiedPeriod", "found")),
    "DiagnosticReport": (("effectiveDateTime", "taken"), ("effectivePeriod", "taken"), ("issued", "issued")),
    "DocumentReference": (("date", "written"),),
    "Encounter": (("period", "started"),),
    "EpisodeOfCare": (("period", "started"),),
    "FamilyMemberHistory": (("date", "recorded"),),
    "Flag": (("period", "started"),),
    "Goal": (("startDate", "started"), ("statusDate", "recorded")),
    "ImagingStudy": (("started", "taken"),),
    "Immunization": (("occurrenceDateTime", "given"), ("recorded", "recorded")),
    "List": (("date", "as at"),),
    "Media": (("createdDateTime", "taken"), ("createdPeriod", "taken"), ("issued", "issued")),
    "MedicationAdministration": (("effectiveDateTime", "given"), ("effectivePeriod", "given")),
    "MedicationDispense": (("whenHandedOver", "dispensed"), ("whenPrepared", "prepared")),
    "MedicationRequest": (("authoredOn", "prescribed"),),
    "MedicationStatement": (("effectiveDateTime", "taken"), ("effectivePeriod", "started"), ("dateAsserted", "recorded")),
    "Observation": (
        ("effectiveDateTime", "taken"),
        ("effectivePeriod", "taken"),
        ("effectiveInstant", "taken"),
        ("issued", "issued"),
    ),
    "Procedure": (("performedDateTime", "done"), ("performedPeriod", "done")),
    "QuestionnaireResponse": (("authored", "written"),),
    "RiskAssessment": (("occurrenceDateTime", "assessed"), ("occurrencePeriod", "assessed")),
    "ServiceRequest": (("authoredOn", "requested"), ("occurrenceDateTime", "planned for")),
    "Task": (("authoredOn", "requested"), ("lastModified", "changed")),
}
# The same where it is said in words or as an age, which is no time that a page could sort by.
_IN_WORDS: Final = {"Condition": (("onset", "Onset"),), "Procedure": (("performed", "Done"),)}
# What they say has a place of its own, and they are by far the most.
_NOTHING_MORE: Final = frozenset(
    (
        "AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "MedicationAdministration",
        "MedicationDispense", "MedicationRequest", "MedicationStatement", "Observation",
    )
)  # fmt: skip
_QUALIFIED: Final = "carries a qualifier that is not shown here"
# Any type that is not above: names of elements under which FHIR keeps times.
_ANY_TIME: Final = tuple(
    (name, "dated")
    for name in (
        "date", "dateTime", "authoredOn", "recordedDate", "recorded", "created", "issued", "effectiveDateTime",
        "occurrenceDateTime", "performedDateTime", "period", "billablePeriod", "started", "start", "sent",
    )
)  # fmt: skip
# Who wrote or did it, in order of who is answerable.
_AUTHORS: Final = (
    "recorder", "author", "requester", "asserter", "performer", "informationSource", "participant", "resultsInterpreter",
    "interpreter", "sender", "enterer", "source",
)  # fmt: skip
_ORGANISATIONS: Final = ("custodian", "serviceProvider", "managingOrganization", "organization", "owner", "provider")
_CODED: Final = ("code", "vaccineCode", "type", "category", "class", "serviceType")
_LOOKED_UP: Final = frozenset(
    (
        "Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Medication", "Condition", "Device",
        "Specimen", "RelatedPerson", "CareTeam", "Procedure",
    )
)  # fmt: skip
_NOTHING: Final[dict[str, Any]] = {}


def read(
    resource: bytes | Resource, included: Mapping[str, Mapping[str, Any]] = _NOTHING, *, now: datetime | None = None
) -> Facts:
    """Turn one R4 resource into the facts that pages show.

    `included` holds resources that came in the same answer, by "Type/id", full URL or "urn:uuid:…", for names of
    authors and places. With `now` (with a zone) what is over or yet to come is decided; without it nothing is guessed.
    A type that nobody here knows still yields its title, time and status.

    Raises:
        Unreadable: not a resource, or one that lacks what its type cannot do without. The reason holds no clinical text.
    """
    return read_with_course(resource, included, now=now)[0]


def read_with_course(
    resource: bytes | Resource, included: Mapping[str, Mapping[str, Any]] = _NOTHING, *, now: datetime | None = None
) -> tuple[Facts, Course | None]:
    """The same; and of a medicine, what it is apart from its days."""
    parsed = parse(resource) if isinstance(resource, bytes) else resource
    if not isinstance(parsed, dict):
        raise Unreadable("not a JSON object")
    type_ = text_in(parsed, "resourceType")
    if not type_:
        raise Unreadable("a resource that does not say its type")
    beside = around(parsed, included)
    status = status_code(parsed, type_)
    coded = codes_of(parsed["code"]) if "code" in parsed else ()
    kind = plan_kind(parsed) if may_be_plan(type_, coded[0].code if len(coded) == 1 else "", parsed) else ""
    if kind:
        facts = plan_facts(parsed, type_, kind, status)
    else:
        reader = READERS.get(type_)
        facts = reader((parsed, type_, status, beside, now, coded)) if reader else {}
    title = facts.pop("title", "") or told_title(parsed, type_, beside) or _any_title(parsed, type_)
    at, at_means = facts.pop("at", None) or first_time(parsed, TIMES.get(type_) or _ANY_TIME)
    meta = dict_in(parsed, "meta")
    codes = facts.pop("codes", None)
    course = facts.pop("course", None)
    # By position, in the order of `Facts`: by name costs a microsecond, and a record has thousands.
    return Facts(
        type_,
        text_in(parsed, "id"),
        "plans" if kind else section_of_no_plan(parsed, type_),
        title,
        status_words(status) if status else "",
        facts.pop("warning", "") or _warning(parsed, status),
        at,
        at_means,
        _author(parsed, beside),
        _organisation(parsed, beside),
        facts.pop("note", "") or _note(parsed, type_, status, beside),
        _severity(parsed) if "severity" in parsed else "",
        codes if codes is not None else coded or _codes(parsed),
        _identifiers(parsed),
        _subject(parsed),
        text_in(meta, "versionId"),
        text_in(meta, "lastUpdated"),
        _confidentiality(meta) if "security" in meta else "",
        **facts,
    ), course


def included_of(received: Iterable[tuple[str, Resource]]) -> dict[str, Resource]:
    """What `read` may look up, from (full URL, parsed resource) pairs of one answer: people, places, products, problems."""
    found: dict[str, Resource] = {}
    for full_url, resource in received:
        type_ = text_in(resource, "resourceType")
        if type_ in _LOOKED_UP:
            found[f"{type_}/{text_in(resource, 'id')}"] = resource
            if full_url:
                found[full_url] = resource
    return found


def bare(facts: Facts) -> Facts | None:
    """What a reader without clinical access may see of an item in a section that is not clinical; None: nothing.

    An appointment keeps its service, time and place, not its reason; a referral is clinical; an adjustment is what
    reception is there to make.
    """
    section = SECTIONS.get(facts.section)
    is_clinical = facts.appointment is not None and facts.appointment.kind != "appointment"  # a referral, a diary entry
    if section is None or section.clinical or is_clinical:
        return None
    note = facts.note if facts.section == "adjustments" else ""
    return msgspec.structs.replace(facts, note=note, codes=(), severity="")


def status_code(parsed: Resource, type_: str) -> str:
    if type_ in ("Condition", "AllergyIntolerance"):
        verification = first_code(parsed.get("verificationStatus"))
        if verification in ("entered-in-error", "refuted"):
            return verification
        return first_code(parsed.get("clinicalStatus")) or verification
    status = text_in(parsed, "status") or text_in(parsed, "lifecycleStatus")
    if type_ in ("DocumentReference", "Composition") and status in ("current", ""):
        return text_in(parsed, "docStatus") or status
    if not status and isinstance(parsed.get("active"), bool):
        return "active" if parsed["active"] else "inactive"
    return status


def _warning(parsed: Resource, status: str) -> str:
    if status == "entered-in-error":
        return WARNINGS[status]
    # Before a status: an order not to do something that is on hold, or a draft, is still no order to do it.
    if parsed.get("doNotPerform") is True:
        said = "not to be done"
    elif status in WARNINGS:
        return WARNINGS[status]
    elif "verificationStatus" in parsed and parsed["resourceType"] == "Condition":  # an allergy tells its doubts itself
        said = DOUBTS.get(first_code(parsed["verificationStatus"]), "")
    else:
        said = ""
    # FHIR: what carries a modifier that is not understood must not be taken at face value.
    if parsed.get("modifierExtension"):
        return f"{said}; {_QUALIFIED}" if said else _QUALIFIED
    return said


def _any_title(parsed: Resource, type_: str) -> str:
    for element in ("title", "code", "vaccineCode", "type", "category", "description", "name"):
        value = parsed.get(element)
        title = value.strip() if isinstance(value, str) else title_of(value)
        if title and element == "type" and type_ not in ("Encounter", "Consent"):
            return f"{type_words(type_)}: {title}"
        if title:
            return title
    return type_words(type_)


def _author(parsed: Resource, beside: Around) -> str:
    for element in _AUTHORS:
        if element not in parsed:
            continue
        value = parsed[element]
        for each in value if type(value) is list else (value,):
            if type(each) is not dict:
                continue
            reference = each
            for inner in ("actor", "individual", "member"):
                if inner in each:
                    reference = dict_in(each, inner)
            is_person = "reference" in reference and text_in(reference, "reference").startswith("Patient/")
            if is_person and element in ("participant", "performer"):
                continue
            if said := said_of(reference, beside):
                return said
    return ""


def _organisation(parsed: Resource, beside: Around) -> str:
    for element in _ORGANISATIONS:
        if element in parsed and (said := said_of(parsed[element], beside)):
            return said
    for element in ("author", "recorder", "requester", "performer"):
        if element in parsed and (said := organisation_behind(parsed[element], beside)):
            return said
    return ""


def _note(parsed: Resource, type_: str, status: str, beside: Around) -> str:
    said = notes_of(parsed) if "note" in parsed else ""
    if type_ in ("Appointment", "ServiceRequest"):
        said = said or text_in(parsed, "comment") or text_in(parsed, "patientInstruction")
        reason = title_of(parsed.get("reasonCode"))
        said = f"{reason}\n{said}" if said and type_ == "ServiceRequest" and reason not in said else said or reason
    if type_ in _IN_WORDS and (when := _in_words(parsed, type_)):
        said = "\n".join(filter(None, (when, said)))
    if "extension" in parsed and (first := said_in_extensions(parsed, type_)):
        said = "\n".join(filter(None, (*first, said)))
    if type_ not in _NOTHING_MORE and (first := told(parsed, type_, status, beside)):
        said = "\n".join(filter(None, (*first, said)))
    if not said and type_ in ("Composition", "QuestionnaireResponse", "Communication"):
        said = narrative_of(parsed)
    return said


def _in_words(parsed: Resource, type_: str) -> str:
    """When it was, where no date says so: "Done: around 1990", "Onset: at 12 years"."""
    for element, means in _IN_WORDS[type_]:
        if text := text_in(parsed, f"{element}String"):
            return f"{means}: {text}"
        if age := quantity(parsed.get(f"{element}Age")):
            return f"{means}: at {age}"
    return ""


def _severity(parsed: Resource) -> str:
    severity = parsed.get("severity")
    if not isinstance(severity, dict):
        return ""
    return SEVERITY.get(first_code(severity)) or title_of(severity)


def _codes(parsed: Resource) -> tuple[Code, ...]:
    for element in _CODED:
        if element not in parsed:
            continue
        value = parsed[element]
        if type(value) is list:
            value = value[0] if value else None
        if codes := codes_of(value):
            return codes
    return ()


def _identifiers(parsed: Resource) -> tuple[str, ...]:
    found: list[str] = []
    for element in ("identifier", "masterIdentifier"):
        if element in parsed:
            for each in dicts_in(parsed, element):
                value = each.get("value")
                if type(value) is str and (value := value.strip()):
                    system = each.get("system")
                    system = system.strip() if type(system) is str else ""
                    found.append(f"{ALIASES.get(system, system)}|{value}")
    return tuple(found)


def _subject(parsed: Resource) -> str:
    for element in ("subject", "patient", "beneficiary", "for"):
        if element not in parsed or not (reference := dict_in(parsed, element)):
            continue
        said = text_in(reference, "reference")
        if not said and "identifier" in reference:
            identifier = dict_in(reference, "identifier")
            if value := text_in(identifier, "value"):
                return f"{canonical_system(text_in(identifier, 'system'))}|{value}"
        return said
    return ""


def _confidentiality(meta: Resource) -> str:
    codes = {text_in(each, "code") for each in dicts_in(meta, "security")}
    return next((code for code in ("V", "R") if code in codes), "")
