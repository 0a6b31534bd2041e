"""How does an STU3 Immunization become R4, so that one not given never looks given?"""

from typing import Any, Final

from carerecord.fhir.codes import dicts_in
from carerecord.fhir.stu3.carry import (
    ELEMENT,
    MALFORMED,
    RESOURCE,
    Element,
    Rules,
    Work,
    carried_if_done,
    extension,
    group,
    kept,
    plain,
    same,
)
from carerecord.fhir.stu3.extensions import named


def _extension(work: Work, out: Element, value: Any, path: str) -> None:
    """When it was recorded: an extension of CareConnect, an element in R4."""
    if type(value) is not list:
        return work.lose(path, MALFORMED)
    left = []
    for each in value:
        recorded = type(each) is dict and named(each.get("url"), "DateRecorded") and each.keys() == {"url", "valueDateTime"}
        if recorded and "recorded" not in out:
            out["recorded"] = each["valueDateTime"]
        else:
            left.append(each)
    return extension(work, out, left, path) if left else None


def _explanation(work: Work, out: Element, value: Any, path: str) -> None:
    if type(value) is not dict:
        return work.lose(path, MALFORMED)
    for name in value:
        sent = value[name]
        if name == "reason" and type(sent) is list:
            out["reasonCode"] = plain(work, sent)
        elif name == "reasonNotGiven" and type(sent) is list and sent:
            out["statusReason"] = plain(work, sent[0])
            if sent[1:]:
                _more_reasons(work, out, sent[1:], f"{path}.{name}")
        else:
            work.lose(f"{path}.{name}", MALFORMED)
    return None


_more_reasons: Final = kept("Immunization.explanation.reasonNotGiven", "valueCodeableConcept")
_PROTOCOL: Final[Rules] = {
    **ELEMENT,
    **same("series", "authority", "targetDisease"),
    "doseSequence": "doseNumberPositiveInt",
    "seriesDoses": "seriesDosesPositiveInt",
    "description": kept("Immunization.vaccinationProtocol.description", "valueString"),
    "doseStatus": kept("Immunization.vaccinationProtocol.doseStatus", "valueCodeableConcept"),
    "doseStatusReason": kept("Immunization.vaccinationProtocol.doseStatusReason", "valueCodeableConcept"),
}


def _protocol(work: Work, out: Element, value: Any, path: str) -> None:
    group("protocolApplied", _PROTOCOL, many=True)(work, out, value, path)
    for each in dicts_in(out, "protocolApplied"):
        if "doseNumberPositiveInt" not in each:  # R4 asks for it
            each["doseNumberString"] = "not stated"


IMMUNIZATION: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "vaccineCode", "patient", "encounter", "primarySource", "reportOrigin", "location", "manufacturer",
        "lotNumber", "expirationDate", "site", "route", "doseQuantity", "note", "reaction",
    ),
    "extension": _extension,
    "status": "status",
    "notGiven": kept("Immunization.notGiven", "valueBoolean"),
    "date": "occurrenceDateTime",
    "practitioner": group("performer", {"role": "function", "actor": "actor"}, many=True),
    "explanation": _explanation,
    "vaccinationProtocol": _protocol,
}  # fmt: skip


def immunization(work: Work, received: Element) -> Element:
    """Raises:
    Unreadable: whether it was given is said by something that is neither true nor false.
    """
    out = carried_if_done(work, IMMUNIZATION, received, "Immunization", "notGiven")
    if "occurrenceDateTime" not in out:  # R4 asks for it
        out["occurrenceString"] = "not stated"
    return out
