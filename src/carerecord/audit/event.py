"""What does a line of the book look like as a FHIR R4 AuditEvent? Shaped as IHE BALP asks; no input or output.

Source: IHE Basic Audit Log Patterns 1.1 (agents for user, client and server; an entity for each patient, for the request id and
for the query); codes of DICOM PS3.16 and HL7 v3 ActReason.
"""

from typing import Any, Final

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line

_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_REST: Final = "http://hl7.org/fhir/restful-interaction"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_BALP: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
PATIENT: Final = "urn:carerecord:patient"

_LOGIN: Final = (_DICOM, "110114", "User Authentication")

# what happened -> type, subtype, action
_KINDS: Final[dict[str, tuple[tuple[str, str, str], tuple[str, str, str], str]]] = {
    "signed-in": (_LOGIN, (_DICOM, "110122", "Login"), "E"),
    "signed-out": (_LOGIN, (_DICOM, "110123", "Logout"), "E"),
    "item-expanded": ((_TYPES, "rest", "RESTful Operation"), (_REST, "read", "read"), "R"),
    "objection-made": ((_TYPES, "rest", "RESTful Operation"), (_REST, "create", "create"), "C"),
    "objection-withdrawn": ((_TYPES, "rest", "RESTful Operation"), (_REST, "update", "update"), "U"),
    "registry-changed": ((_TYPES, "rest", "RESTful Operation"), (_REST, "update", "update"), "U"),
    "enrolled": ((_TYPES, "rest", "RESTful Operation"), (_REST, "create", "create"), "C"),
    "resource-read": ((_TYPES, "rest", "RESTful Operation"), (_REST, "read", "read"), "R"),
    "resource-searched": ((_TYPES, "rest", "RESTful Operation"), (_REST, "search-type", "search-type"), "E"),
    "resource-written": ((_TYPES, "rest", "RESTful Operation"), (_REST, "update", "update"), "U"),
    "resource-exported": ((_DICOM, "110106", "Export"), (_REST, "operation", "operation"), "R"),
    "import-done": ((_DICOM, "110107", "Import"), (_REST, "operation", "operation"), "C"),
    "messages-received": ((_DICOM, "110107", "Import"), (_REST, "create", "create"), "C"),
    "message-read": ((_TYPES, "rest", "RESTful Operation"), (_REST, "read", "read"), "R"),
    "item-withdrawn": ((_TYPES, "rest", "RESTful Operation"), (_REST, "delete", "delete"), "D"),
    "reviews-read": ((_TYPES, "rest", "RESTful Operation"), (_REST, "search-type", "search-type"), "R"),
    "audit-read": ((_DICOM, "110101", "Audit Log Used"), (_REST, "search-type", "search-type"), "R"),
}
_OF_RESOURCES: Final = frozenset(("holdings", "subscriptions"))
_SEARCH: Final = ((_TYPES, "rest", "RESTful Operation"), (_REST, "search-type", "search-type"), "E")
_OPERATION: Final = ((_TYPES, "rest", "RESTful Operation"), (_REST, "operation", "operation"), "E")
_SEARCHES: Final = ("record-opened", "searched", "searched-too-often", "source-retried", "refused")

_OUTCOMES: Final = {"success": "0", "refused": "4", "failed": "8"}
_PURPOSES: Final = {"direct-care": "TREAT", "emergency": "ETREAT", "administration": "HOPERAT", "privacy": "HCOMPL"}


def as_audit_event(line: Line) -> dict[str, Any]:
    """The line as an AuditEvent. An outcome that is not known is a failure: nothing is made to look better than it was."""
    kind, subtype, action = _KINDS.get(line.what, _SEARCH if line.what in _SEARCHES else _OPERATION)
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": line.id,
        "type": _coding(*kind),
        "subtype": [_coding(*subtype), {"system": "urn:carerecord:what", "code": line.what}],
        "action": action,
        "recorded": line.at,
        "outcome": _OUTCOMES.get(line.outcome, "8"),
    }
    if line.outcome != "success":
        event["outcomeDesc"] = f"{line.outcome} under rule {line.rule}" if line.rule else line.outcome
    if line.purpose or line.reason:
        event["purposeOfEvent"] = [_purpose(line.purpose, line.reason)]
    event["agent"] = _agents(line)
    event["source"] = {
        "observer": {"identifier": {"system": "urn:carerecord:service", "value": line.service}, "display": line.service},
        "type": [_coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")],
    }
    entities = _entities(line)
    if entities:
        event["entity"] = entities
    return event


def _purpose(purpose: str, reason: str) -> dict[str, Any]:
    codings = [{"system": "urn:carerecord:purpose", "code": purpose}] if purpose else []
    if purpose in _PURPOSES:
        codings.insert(0, {"system": _REASON, "code": _PURPOSES[purpose]})
    said: dict[str, Any] = {"coding": codings} if codings else {}
    return said | ({"text": reason} if reason else {})


def _agents(line: Line) -> list[dict[str, Any]]:
    server = {
        "type": {"coding": [_coding(_DICOM, "110152", "Destination Role ID")]},
        "who": {"type": "Device", "identifier": {"system": "urn:carerecord:service", "value": line.service}},
        "requestor": line.actor is None,
    }
    if line.actor is None:  # the platform itself: a sweep, an enrolment on schedule
        return [server]
    client = {
        "type": {"coding": [_coding(_DICOM, "110153", "Source Role ID")]},
        "who": {
            "type": "Organization",
            "identifier": {"system": ODS, "value": line.actor.organisation},
            "display": line.actor.role.organisation_name,
        },
        "requestor": False,
    }
    return [_user(line.actor, line), client, server]


def _user(actor: Actor, line: Line) -> dict[str, Any]:
    user: dict[str, Any] = {
        "type": {"coding": [_coding(_PARTICIPATION, "IRCP", "information recipient")]},
        "who": {"type": "Practitioner", "identifier": {"system": actor.issuer, "value": actor.subject}, "display": actor.name},
        "name": actor.name,
        "requestor": True,
    }
    if actor.role.code:
        user["role"] = [{"coding": [{"system": "urn:carerecord:role", "code": actor.role.code}], "text": actor.role.name}]
    if actor.role.id:
        user["altId"] = actor.role.id
    if line.rule:
        user["policy"] = [f"urn:carerecord:rule:{line.rule}"]
    if line.purpose:
        user["purposeOfUse"] = [_purpose(line.purpose, "")]
    return user


def _named(line: Line, patient: str) -> dict[str, Any]:
    """An id of the index; of resources, but for whom `$match` showed, that of the Patient in whose record it lies."""
    if line.service in _OF_RESOURCES and line.what != "patient-matched":
        return {"reference": f"Patient/{patient}"}
    return {"identifier": {"system": PATIENT, "value": patient}}


def _entities(line: Line) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = [
        {
            "what": {"type": "Patient", **_named(line, patient)},
            "type": _coding(_ENTITY, "1", "Person"),
            "role": _coding(_ROLE, "1", "Patient"),
        }
        for patient in line.patients
    ]
    details = [("source", each) for each in line.sources] + [("section", each) for each in line.sections]
    details += [("state", each) for each in line.states] + ([("shown-sha256", line.digest)] if line.digest else [])
    if details:
        entities.append(
            {
                "type": _coding(_ENTITY, "2", "System Object"),
                "role": _coding(_ROLE, "24", "Query"),
                "detail": [{"type": name, "valueString": value} for name, value in details],
            }
        )
    if line.request:
        entities.append({"what": {"identifier": {"value": line.request}}, "type": {"system": _BALP, "code": "XrequestId"}})
    return entities


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}
