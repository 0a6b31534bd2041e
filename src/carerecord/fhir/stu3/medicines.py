"""How do STU3 Medication, MedicationStatement and MedicationRequest become R4?"""

from typing import Any, Final

from carerecord.fhir.codes import codes_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.stu3.carry import (
    ELEMENT,
    MALFORMED,
    RESOURCE,
    Element,
    Rules,
    Work,
    as_list,
    carried,
    extension,
    group,
    kept,
    listed,
    plain,
    same,
)
from carerecord.fhir.stu3.dosage import DOSAGE
from carerecord.fhir.stu3.extensions import named
from carerecord.fhir.stu3.requesters import requester
from carerecord.fhir.stu3.systems import TERMINOLOGY

_COURSE: Final = f"{TERMINOLOGY}medicationrequest-course-of-therapy"
_COURSES: Final = {
    "acute": {"system": _COURSE, "code": "acute", "display": "Short course (acute) therapy"},
    "repeat": {"system": _COURSE, "code": "continuous", "display": "Continuous long term therapy"},
    "repeat-dispensing": {
        "system": "https://fhir.nhs.uk/CodeSystem/medicationrequest-course-of-therapy",
        "code": "continuous-repeat-dispensing",
        "display": "Continuous long term (repeat dispensing)",
    },
}
_STATUS_CHANGED: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged"


def _request_extension(work: Work, out: Element, value: Any, path: str) -> None:
    """Acute or repeat, and why and when it was stopped: extensions of GP Connect, elements in R4."""
    if type(value) is not list:
        return work.lose(path, MALFORMED)
    left = []
    for each in value:
        url = each.get("url") if type(each) is dict else None
        if named(url, "PrescriptionType") and type(concept := each.get("valueCodeableConcept")) is dict and len(each) == 2:
            out["courseOfTherapyType"] = _course(work, concept)
        elif not (named(url, "MedicationStatusReason") and _status_reason(work, each, out)):
            left.append(each)
    return extension(work, out, left, path) if left else None


def _course(work: Work, concept: Element) -> Element:
    """HL7's code for the course in front, the practice's own beside it."""
    found: Element = plain(work, concept)
    known = next((_COURSES[code] for code in codes_in(concept) if code in _COURSES), None)
    return {**found, "coding": [known, *as_list(found.get("coding"))]} if known else found


def _status_reason(work: Work, sent: Element, out: Element) -> bool:
    parts = {text_in(each, "url"): each for each in dicts_in(sent, "extension")}
    reason, changed = parts.get("statusReason", {}), parts.get("statusChangeDate", {})
    usual = set(parts) <= {"statusReason", "statusChangeDate"} and len(parts) == len(as_list(sent.get("extension")))
    if not usual or not parts or set(sent) != {"url", "extension"} or "statusReason" in out:
        return False
    if reason and (set(reason) != {"url", "valueCodeableConcept"} or type(reason["valueCodeableConcept"]) is not dict):
        return False
    if changed and set(changed) != {"url", "valueDateTime"}:
        return False
    if reason:
        out["statusReason"] = plain(work, reason["valueCodeableConcept"])
    if changed:
        out.setdefault("extension", []).append({"url": _STATUS_CHANGED, "valueDateTime": changed["valueDateTime"]})
    return True


REQUEST: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "basedOn", "groupIdentifier", "status", "intent", "priority", "medicationCodeableConcept",
        "medicationReference", "subject", "supportingInformation", "authoredOn", "recorder", "reasonCode", "reasonReference",
        "note", "dispenseRequest", "priorPrescription", "detectedIssue", "eventHistory",
    ),
    "extension": _request_extension,
    "definition": kept("MedicationRequest.definition", "valueReference"),
    "category": listed("category"),
    "context": "encounter",
    "requester": requester("MedicationRequest"),
    "dosageInstruction": group("dosageInstruction", DOSAGE, many=True),
    "substitution": group("substitution", {"allowed": "allowedBoolean", "reason": "reason"}, many=False),
}  # fmt: skip

STATEMENT: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "basedOn", "partOf", "context", "status", "category", "medicationCodeableConcept", "medicationReference",
        "effectiveDateTime", "effectivePeriod", "dateAsserted", "informationSource", "subject", "derivedFrom", "reasonCode",
        "reasonReference", "note",
    ),
    "taken": kept("MedicationStatement.taken", "valueCode"),
    "reasonNotTaken": listed("statusReason"),
    "dosage": group("dosage", DOSAGE, many=True),
}  # fmt: skip


def statement(work: Work, received: Element) -> Element:
    """The statement also says whether it is acute or repeat, as the plan does on which it is based.

    Raises:
        Unreadable: whether it is taken is said in words that STU3 does not have.
    """
    taken = received.get("taken")
    if "taken" in received and taken not in ("y", "n", "unk", "na"):
        raise Unreadable("MedicationStatement.taken is not one of the codes that FHIR allows here")
    out = carried(work, STATEMENT, received, "MedicationStatement", {})
    if taken == "n":
        if out.get("status") not in (None, "not-taken"):
            work.lose("MedicationStatement.status", "R4 says of what is not taken that alone")
        out["status"] = "not-taken"
    if not any(named(each.get("url"), "PrescriptionType") for each in dicts_in(out, "extension")):
        for each in dicts_in(received, "basedOn"):
            if course := work.around.course.get(text_in(each, "reference")):
                out.setdefault("extension", []).append(plain(work, course))
                break
    return out


def _package(work: Work, out: Element, value: Any, path: str) -> None:
    """R4 keeps the batch alone."""
    if type(value) is not dict:
        return work.lose(path, MALFORMED)
    batches = dicts_in(value, "batch")
    if batches:
        out["batch"] = carried(work, {**ELEMENT, **same("lotNumber", "expirationDate")}, batches[0], f"{path}.batch", {})
    for name in value:
        if name == "container":
            _container(work, out, value[name], f"{path}.container")
        elif name != "batch" or len(batches) != 1 or type(value[name]) is not list or len(value[name]) != 1:
            work.lose(f"{path}.{name}", "R4 has no place for it" if name != "batch" else "R4 has place for one")
    return None


_container: Final = kept("Medication.package.container", "valueCodeableConcept")

MEDICATION: Final[Rules] = {
    **RESOURCE,
    **same("identifier", "code", "status", "manufacturer", "form"),
    "isBrand": kept("Medication.isBrand", "valueBoolean"),
    "isOverTheCounter": kept("Medication.isOverTheCounter", "valueBoolean"),
    "ingredient": group(
        "ingredient", {**same("itemCodeableConcept", "itemReference", "isActive"), "amount": "strength"}, many=True
    ),
    "package": _package,
    "image": kept("Medication.image", "valueAttachment"),
}
