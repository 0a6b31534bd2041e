"""Resources as systems write them again and again, and values that another of them might have at each place."""

import json
from collections.abc import Iterator
from typing import Any, Final

from carerecord.fhir.bundle import parse
from carerecord.fhir.leaves import leaves

WHO: Final = {"reference": "Patient/p1"}
NHS: Final = "https://fhir.nhs.uk/Id/nhs-number"
LAB: Final = {"coding": [{"code": "K", "display": "Potassium", "system": "urn:lab"}], "text": "Potassium"}
NUMBER: Final = [{"system": "urn:order", "value": "f-1"}, {"system": "urn:placer", "value": "p-1"}]
ACTIVE: Final = [{"code": "active", "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]
AT: Final = "2026-05-04T14:06:43+01:00"
OFTEN: Final[tuple[dict[str, Any], ...]] = (
    {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": LAB, "subject": WHO, "effectiveDateTime": AT,
        "issued": AT, "valueQuantity": {"value": 4.1, "unit": "mmol/L"}, "identifier": NUMBER[:1], "note": [{"text": "Rested"}],
        "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L"}, "text": "3.5 - 5.3"}],
        "encounter": {"reference": "Encounter/e1"},
        "performer": [{"display": "Fenwick", "type": "Organization", "identifier": {"system": "urn:ods", "value": "R1A"}}],
    },
    {
        "resourceType": "Observation", "id": "o2", "status": "final", "code": LAB, "subject": WHO,
        "effectiveDateTime": "2026-05-04",
        "valueString": "Clotted",
    },
    {
        "resourceType": "DiagnosticReport", "id": "r1", "status": "final", "code": LAB, "subject": WHO, "issued": AT,
        "identifier": NUMBER, "result": [{"reference": "Observation/o1"}, {"reference": "Observation/o2"}],
    },
    {
        "resourceType": "Encounter", "id": "e1", "status": "finished", "subject": WHO, "identifier": NUMBER[:1],
        "class": {"code": "IMP", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"},
        "period": {"end": "2026-05-05T10:00:00Z", "start": "2026-05-04T10:00:00Z"},
    },
    {
        "resourceType": "Patient", "id": "p1", "name": [{"family": "Marlow", "given": ["Ann"]}], "birthDate": "1948-03-14",
        "gender": "female", "identifier": [{"system": NHS, "value": "9990000018"}, NUMBER[0]],
        "telecom": [{"system": "phone", "value": "01"}],
        "address": [{"line": ["1 High Street"], "postalCode": "ZZ1 1AA"}],
    },
    {
        "resourceType": "AllergyIntolerance", "id": "a1", "clinicalStatus": {"coding": ACTIVE}, "code": LAB, "patient": WHO,
        "onsetDateTime": "2020-01-07",
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
    },
    {
        "resourceType": "Provenance", "id": "m1", "target": [WHO, {"reference": "Observation/o1"}], "recorded": AT,
        "activity": {"text": "ORU^R01"}, "agent": [{"who": {"display": "Fenwick", "identifier": NUMBER[0]}}],
    },
    {
        "resourceType": "Condition", "id": "c1", "subject": WHO, "code": LAB, "recordedDate": AT,
        "onsetPeriod": {"start": "2026-01-01", "end": "2026-02-01"},
    },
    {
        "resourceType": "Claim", "id": "l1", "status": "active", "use": "claim", "type": LAB, "patient": WHO, "created": AT,
        "provider": {"display": "Fenwick"}, "priority": {"coding": [{"code": "normal"}]},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Own"}}],
        "total": {"value": 12.5, "currency": "GBP"},
    },
    {
        "resourceType": "Observation", "id": "o3", "status": "final", "code": LAB, "subject": WHO, "effectiveDateTime": AT,
        "valueString": "Raised",
        "component": [
            {"code": {"coding": [{"code": code, "system": "urn:lab"}]}, "valueQuantity": {"value": 120, "unit": "mm[Hg]"}}
            for code in ("SYS", "DIA")
        ],
    },
    {
        "resourceType": "ExplanationOfBenefit", "id": "b1", "status": "active", "use": "claim", "type": LAB, "patient": WHO,
        "contained": [
            {"resourceType": "ServiceRequest", "id": "referral", "status": "completed", "intent": "order", "subject": WHO,
             "requester": {"reference": "#1"}},
            {"resourceType": "Practitioner", "id": "1", "name": [{"family": "Fenwick"}]},
        ],
        "created": AT, "insurer": {"display": "Own"}, "provider": {"display": "Fenwick"}, "outcome": "complete",
        "referral": {"reference": "#referral"}, "insurance": [{"focal": True, "coverage": {"display": "Own"}}],
        "item": [{"sequence": 1, "productOrService": LAB, "encounter": [{"reference": "Encounter/e1"}]}],
    },
)  # fmt: skip
VALUES: Final = (
    "x", "Zoë", "a b", " ", " a", "a ", "a  b", "#a", "a/b", "Patient/x", "p-2.x", "y" * 64, "y" * 65, "9990000018",
    "9990000017", "999 000 0018", "2026-02-30", "2026-02-28", "2026-13-01", "0000-01-01", "2026", "2026-05",
    "2026-05-04T25:00:00Z", "2026-05-04T10:00:00", "2026-05-04T10:00:00Z", "2026-05-04T10:00:00.123+01:00",
    "2026-05-04T24:00:00Z", "2025-05-04T10:00:00+14:00", "2031-01-01", "2026-05-04T10:00:00+01:00\n", "\u00a0", "\u200b",
    "\x00", "\t", "\uff11\uff12", "2026-0\uff15-04", "1", "-1.50", "1e3", "01", "-0", "1" * 30, "true", "null", "{}", "[]", '"',
    "\\", "\\n", "a\\nb", "a\\n", "\\na", "a\\\\nb", "a¶b", "\\u0041", "</div>", "active", "entered-in-error", "K", "X",
    "Potassium", "p1",
    "0.5525625378891492", "-12345678901234567.8", "9" * 20, "9" * 21,
)  # fmt: skip


def written(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def others(raw: bytes) -> Iterator[bytes]:
    """The same text, with every value in the place of each that it has."""
    text = raw.decode()
    for leaf in leaves(text, parse(raw)):
        for value in VALUES:
            yield (text[: leaf.begins] + value + text[leaf.ends :]).encode()
