"""How do STU3 people and places become R4? Most of their elements are the same."""

from typing import Any, Final

from carerecord.fhir.stu3.carry import (
    MALFORMED,
    RESOURCE,
    UNKNOWN,
    Element,
    Rules,
    Work,
    group,
    kept,
    listed,
    plain,
    same,
)


def _animal(work: Work, out: Element, value: Any, path: str) -> None:
    """R4 has no animals among its patients; the extension that HL7 made for them has the same parts."""
    if type(value) is not dict:
        return work.lose(path, MALFORMED)
    parts = []
    for name, inner in value.items():
        if name in ("species", "breed", "genderStatus") and type(inner) is dict:
            parts.append({"url": name, "valueCodeableConcept": plain(work, inner)})
        else:
            work.lose(f"{path}.{name}", UNKNOWN)
    if parts:
        made = {"url": "http://hl7.org/fhir/StructureDefinition/patient-animal", "extension": parts}
        out.setdefault("extension", []).append(made)
    return None


PATIENT: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "active", "name", "telecom", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "address",
        "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contact", "communication",
        "generalPractitioner", "managingOrganization", "link",
    ),
    "animal": _animal,
}  # fmt: skip
ORGANIZATION: Final[Rules] = {
    **RESOURCE,
    **same("identifier", "active", "type", "name", "alias", "telecom", "address", "partOf", "contact", "endpoint"),
}
PRACTITIONER: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "active", "name", "telecom", "address", "gender", "birthDate", "photo", "qualification", "communication"
    ),
}  # fmt: skip
PRACTITIONER_ROLE: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "active", "period", "practitioner", "organization", "code", "specialty", "location", "healthcareService",
        "telecom", "availableTime", "notAvailable", "availabilityExceptions", "endpoint",
    ),
}  # fmt: skip
LOCATION: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "operationalStatus", "name", "alias", "description", "mode", "telecom", "address", "physicalType",
        "position", "managingOrganization", "partOf", "endpoint",
    ),
    "type": listed("type"),
}  # fmt: skip
RELATED_PERSON: Final[Rules] = {
    **RESOURCE,
    **same("identifier", "active", "patient", "name", "telecom", "gender", "birthDate", "address", "photo", "period"),
    "relationship": listed("relationship"),
}


def _program(work: Work, out: Element, value: Any, path: str) -> None:
    for each in value if type(value) is list else (value,):
        if type(each) is str:
            out.setdefault("program", []).append({"text": each})
        else:
            work.lose(path, MALFORMED)


HEALTHCARE_SERVICE: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "active", "providedBy", "type", "specialty", "location", "name", "comment", "extraDetails", "photo",
        "telecom", "coverageArea", "serviceProvisionCode", "characteristic", "referralMethod", "appointmentRequired",
        "availableTime", "notAvailable", "availabilityExceptions", "endpoint",
    ),
    "category": listed("category"),
    "programName": _program,
    "eligibility": kept("HealthcareService.eligibility", "valueCodeableConcept"),
    "eligibilityNote": kept("HealthcareService.eligibilityNote", "valueString"),
}  # fmt: skip


def _model(work: Work, out: Element, value: Any, path: str) -> None:
    if type(value) is not str:
        return work.lose(path, MALFORMED)
    out.setdefault("deviceName", []).append({"name": value, "type": "model-name"})
    return None


_UDI: Final[Rules] = {
    **same("deviceIdentifier", "issuer", "jurisdiction", "carrierAIDC", "carrierHRF", "entryType"),
    "name": kept("Device.udi.name", "valueString"),
}
DEVICE: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "type", "lotNumber", "manufacturer", "manufactureDate", "expirationDate", "patient", "owner",
        "contact", "location", "url", "note", "safety",
    ),
    "model": _model,
    "version": kept("Device.version", "valueString"),
    "udi": group("udiCarrier", _UDI, many=True),
}  # fmt: skip
