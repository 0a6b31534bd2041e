"""How do STU3 ProcedureRequest (tests asked for, diary entries) and ReferralRequest become R4's one ServiceRequest?"""

from typing import Any, Final

from carerecord.fhir.identifiers import SNOMED
from carerecord.fhir.read.events import DIARY
from carerecord.fhir.stu3.carry import (
    MALFORMED,
    RESOURCE,
    Element,
    Rules,
    Work,
    as_list,
    carried,
    kept,
    listed,
    plain,
    same,
    status,
)
from carerecord.fhir.stu3.requesters import requester

STATUSES: Final = {"suspended": "on-hold", "cancelled": "revoked"}
_REFERRAL: Final = {"system": SNOMED, "code": "3457005", "display": "Patient referral"}
_DIARY: Final = {"system": SNOMED, "code": DIARY, "display": "Patient recall administration"}
_BOTH: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "basedOn", "replaces", "intent", "priority", "subject", "occurrenceDateTime", "occurrencePeriod",
        "occurrenceTiming", "authoredOn", "reasonCode", "reasonReference", "note", "relevantHistory",
    ),
    "resourceType": "resourceType",
    "status": status(STATUSES),
    "context": "encounter",
    "supportingInfo": "supportingInfo",
}  # fmt: skip
PROCEDURE_REQUEST: Final[Rules] = {
    **_BOTH,
    **same("requisition", "doNotPerform", "category", "code", "asNeededBoolean", "asNeededCodeableConcept", "performerType",
           "specimen", "bodySite"),
    "definition": kept("ProcedureRequest.definition", "valueReference"),
    "requester": requester("ProcedureRequest"),
    "performer": listed("performer"),
}  # fmt: skip


def _services(work: Work, out: Element, value: Any, path: str) -> None:
    """R4 has place for one; others stay in the extension for what was dropped."""
    if type(value) is not list or not value or type(value[0]) is not dict:
        return work.lose(path, MALFORMED)
    out["code"] = plain(work, value[0])
    if value[1:]:
        _more_services(work, out, value[1:], path)
    return None


_more_services: Final = kept("ReferralRequest.serviceRequested", "valueCodeableConcept")

REFERRAL_REQUEST: Final[Rules] = {
    **_BOTH,
    "groupIdentifier": "requisition",
    "definition": kept("ReferralRequest.definition", "valueReference"),
    "type": listed("category"),
    "serviceRequested": _services,
    "requester": requester("ReferralRequest"),
    "specialty": "performerType",
    "recipient": "performer",
}


def procedure_request(work: Work, received: Element) -> Element:
    """One that a list of diary entries names says so in its category."""
    out = carried(work, PROCEDURE_REQUEST, received, "ProcedureRequest", {})
    if f"ProcedureRequest/{work.id}" in work.around.diary:
        out["category"] = [*as_list(out.get("category")), {"coding": [_DIARY]}]
    return _service_request(out)


def referral_request(work: Work, received: Element) -> Element:
    """Its description names it where nothing else does, and is a note elsewhere; its category says that it is a referral."""
    description = received.get("description")
    rest = {name: value for name, value in received.items() if name != "description"}
    out = carried(work, REFERRAL_REQUEST, rest, "ReferralRequest", {})
    if type(description) is str:
        if "code" in out:
            out["note"] = [*as_list(out.get("note")), {"text": description}]
        else:
            out["code"] = {"text": description}
    elif "description" in received:
        work.lose("ReferralRequest.description", MALFORMED)
    out["category"] = [*as_list(out.get("category")), {"coding": [_REFERRAL]}]
    return _service_request(out)


def _service_request(out: Element) -> Element:
    out["resourceType"] = "ServiceRequest"
    return out
