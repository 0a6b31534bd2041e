"""What does a pretend system say that it can do? Its CapabilityStatement, true to what it answers."""

from collections.abc import Sequence
from typing import Any

from carerecord.region.shapes import System

_SEARCHES = ("patient", "category", "code", "status", "date", "_lastUpdated", "_id")
_PATIENT_SEARCHES = ("identifier", "family", "given", "birthdate", "gender", "_id", "_lastUpdated")
_KINDS = {
    "patient": "reference",
    "date": "date",
    "birthdate": "date",
    "_lastUpdated": "date",
    "family": "string",
    "given": "string",
}
_ROOT = "http://hl7.org/fhir/OperationDefinition"


def capability(system: System, base: str, types: Sequence[str]) -> dict[str, Any]:
    """R4 CapabilityStatement of kind instance. A system that needs a token says where to get one."""
    rest: dict[str, Any] = {"mode": "server", "resource": [_resource(system, type) for type in types]}
    if system.needs_token:
        service = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "OAuth"}]}
        rest["security"] = {
            "service": [service],
            "description": f"Client credentials at {base.removesuffix('/fhir')}/oauth/token",
        }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "software": {"name": "Pretend system of the pretend region", "version": "1"},
        "implementation": {"description": system.name, "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }


def _resource(system: System, type: str) -> dict[str, Any]:
    searches = _PATIENT_SEARCHES if type == "Patient" else _SEARCHES
    stated: dict[str, Any] = {
        "type": type,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "searchParam": [{"name": name, "type": _KINDS.get(name, "token")} for name in searches],
    }
    if type == "Patient":
        stated["operation"] = [{"name": "everything", "definition": f"{_ROOT}/Patient-everything"}]
        if system.knows_by == "match":
            stated["operation"].append({"name": "match", "definition": f"{_ROOT}/Patient-match"})
    return stated
