"""What does the older GP Connect record look like? A page of HTML for each section, inside a DSTU2 Composition."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from carerecord.region.shapes import FhirJson, Organisation

# Section code -> its title, the types that fill it, and where their day stands.
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "SUM": ("Summary", ("Condition", "AllergyIntolerance", "MedicationRequest")),
    "ALL": ("Allergies and Adverse Reactions", ("AllergyIntolerance",)),
    "MED": ("Medications", ("MedicationRequest",)),
    "PRB": ("Problems and Issues", ("Condition",)),
    "ENC": ("Encounters", ("Encounter",)),
    "IMM": ("Immunisations", ("Immunization",)),
    "OBS": ("Observations", ("Observation",)),
    "REF": ("Referrals", ("ServiceRequest",)),
}
_DAYS = ("authoredOn", "onsetDateTime", "recordedDate", "effectiveDateTime", "occurrenceDateTime", "performedDateTime")


def html_record(section: str, chart: Sequence[FhirJson], organisation: Organisation) -> FhirJson:
    """A DSTU2 document of one section, as $gpc.getcarerecord gives it."""
    title, types = SECTIONS.get(section, SECTIONS["SUM"])
    rows = [
        f"<tr><td>{escape(_day(each))}</td><td>{escape(_name(each))}</td><td>{escape(_detail(each))}</td></tr>"
        for each in chart[1:]
        if each["resourceType"] in types
    ]
    table = f"<table><thead><tr><th>Date</th><th>Entry</th><th>Details</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    said = table if rows else "<p>No data available for this section.</p>"
    page = f'<div xmlns="http://www.w3.org/1999/xhtml"><h1>{title}</h1>{said}</div>'
    patient = chart[0]
    composition: FhirJson = {
        "resourceType": "Composition", "date": "2026-01-01T09:00:00+00:00", "title": "Patient Care Record", "status": "final",
        "type": {"text": "Record extract (record artifact)"}, "subject": {"reference": f"Patient/{patient['id']}"},
        "section": [{"title": title, "code": {"coding": [{"system": "http://fhir.nhs.net/ValueSet/gpconnect-record-section-1",
                                                          "code": section, "display": title}]},
                     "text": {"status": "generated", "div": page}}],
    }  # fmt: skip
    who: dict[str, Any] = {name: patient[name] for name in ("identifier", "gender", "birthDate") if name in patient}
    names = [{**each, "family": [each["family"]]} for each in patient.get("name", ()) if "family" in each]
    return {"resourceType": "Bundle", "type": "searchset", "entry": [
        {"resource": composition},
        {"resource": {"resourceType": "Patient", "id": patient["id"], "name": names, **who}},
        {"resource": {"resourceType": "Organization", "id": organisation.ods, "name": organisation.name}},
    ]}  # fmt: skip


def _day(each: FhirJson) -> str:
    return str(next((each[name] for name in _DAYS if name in each), each.get("period", {}).get("start", "")))[:10]


def _name(each: FhirJson) -> str:
    told = each.get("code") or each.get("medicationCodeableConcept") or each.get("vaccineCode") or (each.get("type") or [{}])[0]
    return str(told.get("text", "")) if isinstance(told, dict) else ""


def _detail(each: FhirJson) -> str:
    dose = [line.get("text", "") for line in each.get("dosageInstruction", ())]
    value = each.get("valueQuantity", {})
    measured = f"{value.get('value', '')} {value.get('unit', '')}".strip()
    return " ".join(filter(None, (*dose, measured, each.get("valueString", ""))))
