"""Which reader reads which type, and under which name do its facts stand?"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in, texts_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Code, Flag
from carerecord.fhir.read.allergies import read_allergy
from carerecord.fhir.read.answers import answers_of
from carerecord.fhir.read.events import list_warning, read_appointment, read_document, read_encounter, read_flag
from carerecord.fhir.read.medicines import course_of, dated
from carerecord.fhir.read.people import contacts_of_patient, read_contacts
from carerecord.fhir.read.plans import read_plan
from carerecord.fhir.read.practice import why_ended
from carerecord.fhir.read.results import read_imaging, read_observation, read_report
from carerecord.fhir.read.words import (
    Around,
    Resource,
    codes_of,
    extension,
    first_code,
    note_of_flag,
    notes_of,
    person_name,
    title_of,
)

_NO_PRODUCT: Final = frozenset(("UNK", "NI", "NA", "ASKU", "NAV", "NASK", "MSK", "OTH"))  # HL7 v3 NullFlavor


def _vaccine_note(parsed: Resource) -> str:
    said = [notes_of(parsed)]
    for each in dicts_in(parsed, "protocolApplied"):
        dose = each.get("doseNumberPositiveInt") or each.get("doseNumberString")
        if isinstance(dose, int | str):
            said.append(f"Dose {dose}")
        said += texts_in(each, "series")
    if batch := text_in(parsed, "lotNumber"):
        said.append(f"Batch {batch}")
    if reason := title_of(parsed.get("statusReason")):
        said.insert(0, f"{'Not given' if parsed.get('status') == 'not-done' else 'Reason'}: {reason}")
    given = text_in(parsed, "occurrenceString")
    if given and given != "not stated":  # our own words where an STU3 source gave no day
        said.append(f"Given: {given}")
    return "\n".join(filter(None, said))


def plan_facts(parsed: Resource, type_: str, kind: str, status: str) -> dict[str, Any]:
    plan, title = read_plan(parsed, type_, kind, status)
    found: dict[str, Any] = {"plan": plan, "title": title}
    if type_ in ("DocumentReference", "Composition"):
        found["document"] = read_document(parsed, type_)[0]
    return found


# One small adapter a family: each gives its facts, and `title`, `codes`, `warning`, `note` where it knows better.
Given = tuple[Resource, str, str, Around, datetime | None, tuple[Code, ...]]


def _observation(given: Given) -> dict[str, Any]:
    result, title = read_observation(given[0], given[3], given[5])
    return {"result": result, "title": title}


def _medicine(given: Given) -> dict[str, Any]:
    parsed, type_, status, beside, now, _ = given
    course = course_of(parsed, type_, status, beside)
    warning = "do not give" if parsed.get("doNotPerform") is True and status != "entered-in-error" else ""
    medicine, title = dated(course, parsed, now), course.medicine.substance
    return {"medicine": medicine, "title": title, "codes": course.codes, "warning": warning, "course": course}


def _encounter(given: Given) -> dict[str, Any]:
    encounter, title = read_encounter(*given[:4])
    return {"encounter": encounter, "title": title}


def _allergy(given: Given) -> dict[str, Any]:
    allergy, title = read_allergy(given[0])
    return {"allergy": allergy, "title": title, "note": "\n".join((*why_ended(given[0]), *filter(None, (notes_of(given[0]),))))}


def _report(given: Given) -> dict[str, Any]:
    result, title = read_report(given[0], given[3], given[5])
    return {"result": result, "title": title}


def _imaging(given: Given) -> dict[str, Any]:
    result, title = read_imaging(given[0])
    return {"result": result, "title": title}


def _document(given: Given) -> dict[str, Any]:
    document, title = read_document(given[0], given[1])
    facts: dict[str, Any] = {"document": document, "title": title}
    if given[1] == "DocumentReference" and (written := _written(given[0])):
        facts["at"] = (written, "written")
    return facts


def _written(document: Resource) -> str:
    """When the document was made, where its content says so; its `date` is when it was filed."""
    made = [text_in(dict_in(each, "attachment"), "creation") for each in dicts_in(document, "content")]
    return min(filter(None, made), default="")


def _appointment(given: Given) -> dict[str, Any]:
    parsed, type_, _, beside, now, _ = given
    appointment, title = read_appointment(parsed, type_, beside, now)
    return {"appointment": appointment, "title": title}


def _flag(given: Given) -> dict[str, Any]:
    parsed, _, status, _, _, _ = given
    flag, title = read_flag(parsed, status)
    return {"flag": flag, "title": title, "note": note_of_flag(parsed)}


def _contact(given: Given) -> dict[str, Any]:
    contacts, title = read_contacts(given[0], given[1], given[3])
    return {"contact": contacts[0], "contacts": contacts, "title": title}


def _patient(given: Given) -> dict[str, Any]:
    names = [name for each in dicts_in(given[0], "name") if (name := person_name(each))]
    # Never a death in silence, nor one forgotten in silence: what was recorded and taken back is said.
    taken_back = text_in(extension(given[0], "death-taken-back"), "valueString")
    return {"title": names[0] if names else "Patient", "contacts": contacts_of_patient(given[0]), "note": taken_back}


def _immunisation(given: Given) -> dict[str, Any]:
    procedure = extension(given[0], "VaccinationProcedure").get("valueCodeableConcept")
    product = given[0].get("vaccineCode")
    if first_code(product) in _NO_PRODUCT:  # a practice that says what was done, and not with which product
        product = procedure or product
    title = title_of(product) or title_of(procedure)
    if not title:
        raise Unreadable("it does not say which vaccine")
    return {"title": title, "codes": codes_of(product), "note": _vaccine_note(given[0])}


def _goal(given: Given) -> dict[str, Any]:
    return {"title": title_of(given[0].get("description"))}


def _family_history(given: Given) -> dict[str, Any]:
    """The relative is named first, so that nobody takes their illness for the person's own."""
    ills = [title for each in dicts_in(given[0], "condition") if (title := title_of(each.get("code")))]
    who = title_of(given[0].get("relationship")) or text_in(given[0], "name") or "relative"
    return {"title": f"Family history, {who}: {', '.join(ills) or 'no condition named'}", "codes": ()}


def _form(given: Given) -> dict[str, Any]:
    return {"note": "\n".join(answers_of(given[0]))}


def _list(given: Given) -> dict[str, Any]:
    """A GP's list: what it warns of must be shown, so the warning is a flag as well."""
    parsed = given[0]
    warned = list_warning(parsed)
    empty = title_of(parsed.get("emptyReason"))
    found: dict[str, Any] = {
        "title": text_in(parsed, "title") or title_of(parsed.get("code")),
        "warning": warned,
        "note": "\n".join(filter(None, (notes_of(parsed), empty and f"Empty: {empty}"))),
    }
    return {**found, "flag": Flag("transfer" if "transfer" in warned else "administrative")} if warned else found


READERS: Final[dict[str, Callable[[Given], dict[str, Any]]]] = {
    "AllergyIntolerance": _allergy,
    "Appointment": _appointment,
    "CareTeam": _contact,
    "Composition": _document,
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "Encounter": _encounter,
    "EpisodeOfCare": _encounter,
    "FamilyMemberHistory": _family_history,
    "Flag": _flag,
    "Goal": _goal,
    "HealthcareService": _contact,
    "ImagingStudy": _imaging,
    "Immunization": _immunisation,
    "List": _list,
    "Media": _document,
    "MedicationAdministration": _medicine,
    "MedicationDispense": _medicine,
    "MedicationRequest": _medicine,
    "MedicationStatement": _medicine,
    "Observation": _observation,
    "Organization": _contact,
    "Patient": _patient,
    "Practitioner": _contact,
    "PractitionerRole": _contact,
    "QuestionnaireResponse": _form,
    "ReferralRequest": _appointment,
    "RelatedPerson": _contact,
    "ServiceRequest": _appointment,
}
