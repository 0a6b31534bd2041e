"""In which words does GP Connect (STU3) speak? Its codes, profiles, areas and errors, and the habits of the two large suppliers.

Source: nhsconnect/gpconnect, Access Record Structured 1.5 (STU3); Spine error codes as its error guidance gives them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from carerecord.region.servers.http import Reply
from carerecord.region.shapes import FhirJson

Habit = Literal["emis", "tpp"]

SNOMED = "http://snomed.info/sct"
GPC = "https://fhir.nhs.uk/STU3/StructureDefinition/"
CARE_CONNECT = "https://fhir.hl7.org.uk/STU3/StructureDefinition/"
STRUCTURED = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
DOCUMENTS = "urn:nhs:names:services:gpconnect:documents:fhir:rest:search:documentreference-1"
BINARY = "urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1"
METADATA = "urn:nhs:names:services:gpconnect:structured:fhir:rest:read:metadata-1"
HTML = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getcarerecord"


@dataclass(frozen=True)
class Area:
    """One area that may be asked for, and the List in which it is answered."""

    code: str  # SNOMED CT, of the List
    title: str
    parts: Mapping[str, str]  # the parts that it may be asked with, and the form of their values


AREAS: dict[str, Area] = {
    "includeAllergies": Area("886921000000105", "Allergies and adverse reactions",
                             {"includeResolvedAllergies": "valueBoolean"}),
    "includeMedication": Area("933361000000108", "Medications and medical devices",
                              {"includePrescriptionIssues": "valueBoolean", "medicationSearchFromDate": "valueDate"}),
    "includeConsultations": Area("1149501000000101", "List of consultations",
                                 {"consultationSearchPeriod": "valuePeriod", "includeNumberOfMostRecent": "valueInteger"}),
    "includeProblems": Area("717711000000103", "Problems",
                            {"filterStatus": "valueCode", "filterSignificance": "valueCode"}),
    "includeImmunisations": Area("1102181000000102", "Immunisations",
                                 {"includeNotGiven": "valueBoolean", "includeStatus": "valueBoolean"}),
    "includeUncategorisedData": Area("826501000000100", "Uncategorised data",
                                     {"uncategorisedDataSearchPeriod": "valuePeriod"}),
    "includeInvestigations": Area("887191000000108", "Investigations and results",
                                  {"investigationSearchPeriod": "valuePeriod"}),
    "includeReferrals": Area("792931000000107", "Outbound referral", {"referralSearchPeriod": "valuePeriod"}),
    "includeDiaryEntries": Area("714311000000108", "Patient recall administration",
                                {"diaryEntriesSearchDate": "valueDate"}),
}  # fmt: skip
ENDED_ALLERGIES = "1103671000000101"
AREA_OF_LIST = {area.code: name for name, area in AREAS.items()} | {ENDED_ALLERGIES: "includeAllergies"}
WARNINGS = {
    "confidential-items": "Items excluded due to confidentiality and/or patient preferences.",
    "data-in-transit": "Patient record transfer from previous GP practice not yet complete; information recorded before "
    "registration may be missing.",
    "data-awaiting-filing": "Patient data may be incomplete as there is data supplied by a third party awaiting review before "
    "becoming available.",
}
_ERRORS = {
    "PATIENT_NOT_FOUND": (404, "not-found", "Patient record not found"),
    "NO_RECORD_FOUND": (404, "not-found", "No record found"),
    "NO_PATIENT_CONSENT": (403, "forbidden", "Patient has not provided consent to share data"),
    "ACCESS_DENIED": (403, "forbidden", "Access has been denied to process this request"),
    "BAD_REQUEST": (400, "invalid", "Submitted request is malformed/invalid"),
    "INVALID_NHS_NUMBER": (400, "value", "The NHS number in the request is invalid"),
    "INVALID_PARAMETER": (422, "invalid", "Submitted parameter is invalid"),
    "INVALID_RESOURCE": (422, "invalid", "Submitted resource is invalid"),
}


def refusal(code: str, diagnostics: str = "") -> Reply:
    """A Spine error as a GP system says it."""
    status, kind, display = _ERRORS[code]
    coding = {"system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1", "code": code, "display": display}
    issue: FhirJson = {"severity": "error", "code": kind, "details": {"coding": [coding]}}
    if diagnostics:
        issue["diagnostics"] = diagnostics
    outcome = {
        "resourceType": "OperationOutcome",
        "meta": {"profile": [f"{GPC}GPConnect-OperationOutcome-1"]},
        "issue": [issue],
    }
    return Reply(orjson.dumps(outcome), status, headers=(("Cache-Control", "no-store"),))


def supplier_id(habit: str, system: str, name: str) -> str:
    """The id that a supplier would give: EMIS a GUID in capitals, TPP sixteen hexadecimal digits."""
    made = uuid.uuid5(uuid.NAMESPACE_URL, f"{system}/{name}")
    return str(made).upper() if habit == "emis" else made.hex[:16]


def identifier_system(habit: str, ods: str) -> str:
    return f"https://EMISWeb/{ods}" if habit == "emis" else "https://tpp-uk.com/Id/record-guid"


def concept(habit: str, told: Any) -> FhirJson:
    """A CodeableConcept as the supplier writes it: its own coding first, chosen by the user, then SNOMED CT."""
    if not isinstance(told, dict):
        return {"text": "Unknown"}
    codings: list[FhirJson] = [dict(each) for each in told.get("coding", ())]
    text = str(told.get("text") or next((each.get("display", "") for each in codings), ""))
    snomed = next((each for each in codings if each.get("system") == SNOMED), None)
    if snomed is None:
        return {"coding": codings, "text": text} if codings else {"text": text}
    own = uuid.uuid5(uuid.NAMESPACE_URL, str(snomed["code"])).hex
    if habit == "emis":
        chosen = {"system": "http://read.info/readv2", "code": f"{own[:4].upper()}.00", "display": text, "userSelected": True}
        described = {
            "url": f"{GPC}Extension-coding-sctdescid",
            "extension": [
                {"url": "descriptionId", "valueId": f"{int(own[:9], 16)}"},
                {"url": "descriptionDisplay", "valueString": text},
            ],
        }
        return {"coding": [chosen, {"extension": [described], **snomed}]}
    chosen = {"system": "http://read.info/ctv3", "code": f"X{own[:4]}", "display": text}
    return {"coding": [{**snomed, "userSelected": True}, chosen], "text": text}
