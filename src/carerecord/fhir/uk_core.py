"""What do we ask of a resource that says it follows UK Core? Our rules for the types that the record shows.

They are taken from the differentials of HL7 UK's profiles (https://fhir.hl7.org.uk/StructureDefinition/UKCore-…, 2021 to 2024)
where these say more than R4, and beside them is what a reader of the record cannot do without. No profile is held whole: value
sets of SNOMED CT are not looked into. Faults where the sender asks for the profile; remarks for the others.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.identifiers import NHS_NUMBER, NHS_NUMBER_STATUS, SNOMED
from carerecord.fhir.validate import Fault

PROFILES: Final = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
_STATUS_OF_NUMBER: Final = "Extension-UKCore-NHSNumberVerificationStatus"
Resource = Mapping[str, Any]


def asked_for(resource: Resource, profile: str = "") -> bool:
    """Whether the sender says that it follows UK Core, in its `meta.profile` or beside it."""
    claimed = dict_in(resource, "meta").get("profile")
    names = [*(claimed if isinstance(claimed, list) else ()), profile]
    ours = f"{PROFILES}{text_in(resource, 'resourceType')}"
    return any(isinstance(each, str) and each.partition("|")[0] == ours for each in names)


def knows(type_: str) -> bool:
    """Whether there are rules for this type."""
    return type_ in _RULES


def faults(resource: Resource) -> Iterator[Fault]:
    type_ = text_in(resource, "resourceType")
    for path, says in _RULES[type_](resource) if type_ in _RULES else ():
        yield Fault(f"{type_}.{path}", f"{says} (UK Core)")


Said = Iterator[tuple[str, str]]
MISSING: Final = "is missing"


def _allergy(one: Resource) -> Said:
    yield from _coded(one, "code")
    for place, each in enumerate(dicts_in(one, "reaction")):
        yield from _route(each, "exposureRoute", f"reaction[{place}].")


def _condition(one: Resource) -> Said:
    yield from _coded(one, "code")


def _immunization(one: Resource) -> Said:
    if one.get("status") == "not-done" and "statusReason" not in one:
        yield "statusReason", "is missing: say why it was not given"
    yield from _coded(one, "vaccineCode")
    yield from _route(one, "route")


def _medicine(dosages: str) -> Any:
    def rules(one: Resource) -> Said:
        if "medicationCodeableConcept" in one:
            yield from _coded(one, "medicationCodeableConcept")
        for place, each in enumerate(dicts_in(one, dosages)):
            yield from _route(each, "route", f"{dosages}[{place}].")

    return rules


def _observation(one: Resource) -> Said:
    if not any(name.startswith("effective") for name in one):
        yield "effective[x]", "is missing: say when it was observed"
    yield from _coded(one, "code")


def _patient(one: Resource) -> Said:
    for place, each in enumerate(dicts_in(one, "identifier")):
        if text_in(each, "system") != NHS_NUMBER:
            continue
        if not text_in(each, "value"):
            yield f"identifier[{place}].value", MISSING
        status = [dict_in(more, "valueCodeableConcept") for more in dicts_in(each, "extension") if _is_status(more)]
        if status and not any(code in NHS_NUMBER_STATUS for code in codes_in(status)):
            yield f"identifier[{place}].extension", "says a status of the NHS number that is not known"
    if not any(each.keys() & {"family", "text"} for each in dicts_in(one, "name")):
        yield "name", "is missing: say a family name, or the whole as text"


def _is_status(extension: Mapping[str, Any]) -> bool:
    return text_in(extension, "url").endswith(_STATUS_OF_NUMBER)


def _procedure(one: Resource) -> Said:
    yield from _coded(one, "code")


def _document(one: Resource) -> Said:
    for place, each in enumerate(dicts_in(one, "content")):
        attachment = dict_in(each, "attachment")
        if not attachment.keys() & {"url", "data"}:
            yield f"content[{place}].attachment", "has neither an address nor bytes"
        if not text_in(attachment, "contentType"):
            yield f"content[{place}].attachment.contentType", MISSING


def _coded(one: Resource, name: str) -> Said:
    """A concept that a reader can understand: a text, or a coding with its system, code and display."""
    concept = one.get(name)
    if not isinstance(concept, dict):
        yield name, MISSING
    elif not text_in(concept, "text") and not any(_whole(each) for each in dicts_in(concept, "coding")):
        yield name, "has neither a text nor a coding with system, code and display"


def _whole(coding: Mapping[str, Any]) -> bool:
    return all(text_in(coding, each) for each in ("system", "code", "display"))


def _route(one: Resource, name: str, path: str = "") -> Said:
    for place, each in enumerate(dicts_in(one.get(name), "coding")):
        if text_in(each, "system") != SNOMED or not _whole(each):
            yield f"{path}{name}.coding[{place}]", "must be of SNOMED CT, with code and display"


_RULES: Final = {
    "AllergyIntolerance": _allergy, "Condition": _condition, "DocumentReference": _document, "Immunization": _immunization,
    "MedicationDispense": _medicine("dosageInstruction"), "MedicationRequest": _medicine("dosageInstruction"),
    "MedicationStatement": _medicine("dosage"), "Observation": _observation, "Patient": _patient, "Procedure": _procedure,
}  # fmt: skip
