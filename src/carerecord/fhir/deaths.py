"""How does a Patient say that a death which somebody recorded is in doubt?

FHIR has no word for it, and a plain `deceasedDateTime` is believed. So its value is absent, with the standard's own extension
that says so, and stands beside it in one of ours with why. A copy that is sent back means what was said before.
"""

from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import parse
from carerecord.fhir.codes import dicts_in

IN_DOUBT: Final = "urn:carerecord:death-in-doubt"
WHY: Final = {
    "register": "A death is recorded of which the national register (PDS) knows nothing",
    "taken back": "A death was recorded, and taken back",
}
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ELEMENTS: Final = {"deceasedDateTime": "valueDateTime", "deceasedBoolean": "valueBoolean"}
_MARK: Final = IN_DOUBT.encode()

_written: Final = msgspec.json.Encoder(decimal_format="number")
Resource = dict[str, Any]


def says_died(patient: Resource) -> bool:
    return bool(patient.get("deceasedDateTime")) or patient.get("deceasedBoolean") is True


def in_doubt(patient: Resource, why: str) -> bytes:
    """The same with its death in doubt, for one of the reasons of WHY."""
    told: Resource = {}
    for name, value in patient.items():
        if name.lstrip("_") not in _ELEMENTS:
            told[name] = value
        elif name in _ELEMENTS:
            beside = patient.get(f"_{name}")
            known = beside.get("extension") or [] if isinstance(beside, dict) else []
            said = [{"url": "said", _ELEMENTS[name]: value}, {"url": "why", "valueString": WHY[why]}]
            ours = [{"url": _ABSENT, "valueCode": "unknown"}, {"url": IN_DOUBT, "extension": said}]
            told[f"_{name}"] = {"extension": [*ours, *known]}
    return _written.encode(told)


def as_said(text: bytes) -> bytes:
    """What is sent back as it was read: the death as its source had said it, and no doubt of ours."""
    if _MARK not in text:
        return text
    try:
        patient = parse(text)
    except (ValueError, RecursionError):
        return text
    return _written.encode(_restored(patient)) if isinstance(patient, dict) else text


def _restored(patient: Resource) -> Resource:
    told = dict(patient)
    for name, valued in _ELEMENTS.items():
        beside = told.get(f"_{name}")
        extensions = beside.get("extension") if isinstance(beside, dict) else None
        if not isinstance(extensions, list) or not all(isinstance(each, dict) for each in extensions):
            continue
        parts = [part for each in extensions if each.get("url") == IN_DOUBT for part in dicts_in(each, "extension")]
        said = [part[valued] for part in parts if valued in part]
        if not said:
            continue
        told.pop(f"_{name}")
        told.setdefault(name, said[0])
        if others := [each for each in extensions if each.get("url") not in (IN_DOUBT, _ABSENT)]:
            told[f"_{name}"] = {"extension": others}
    return told
