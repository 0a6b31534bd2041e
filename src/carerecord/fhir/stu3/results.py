"""How do STU3 Observation, DiagnosticReport and Specimen become R4: values untouched, comments as notes, groups as members?"""

from typing import Any, Final

from carerecord.fhir.codes import codes_in
from carerecord.fhir.identifiers import SNOMED
from carerecord.fhir.read.results import UNCATEGORISED
from carerecord.fhir.stu3.carry import (
    CROSS_VERSION,
    MALFORMED,
    RESOURCE,
    Element,
    Rules,
    Work,
    as_list,
    carried,
    group,
    kept,
    listed,
    plain,
    same,
)
from carerecord.fhir.stu3.systems import TERMINOLOGY

_CATEGORY: Final = f"{TERMINOLOGY}observation-category"
# SNOMED CT specialties by which GP systems sort results, as the category that R4 asks for.
_SPECIALTIES: Final = {"394595002": "laboratory", "394914008": "imaging"}
_VALUES: Final = same(
    "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueRange", "valueRatio", "valueSampledData",
    "valueTime", "valueDateTime", "valuePeriod", "dataAbsentReason",
)  # fmt: skip
_RELATED: Final = {"has-member": "hasMember", "derived-from": "derivedFrom"}
_RELATED_BY_EXTENSION: Final = {
    "sequel-to": "http://hl7.org/fhir/StructureDefinition/observation-sequelTo",
    "replaces": "http://hl7.org/fhir/StructureDefinition/observation-replaces",
}


def _comment(work: Work, out: Element, value: Any, path: str) -> None:
    if type(value) is not str:
        return work.lose(path, MALFORMED)
    out.setdefault("note", []).append({"text": value})
    return None


def _related(work: Work, out: Element, value: Any, path: str) -> None:
    """What belongs to a group, and what it was worked out from. Without a type nobody says which: it stays as it was."""
    for each in value if type(value) is list else (value,):
        target = each.get("target") if type(each) is dict else None
        if type(target) is not dict:
            work.lose(path, MALFORMED)
            continue
        for name in each.keys() - {"type", "target"}:
            work.lose(f"{path}.{name}", "R4 has no place for it")
        kind = each.get("type") if type(each.get("type")) is str else ""
        if kind in _RELATED:
            out.setdefault(_RELATED[kind], []).append(plain(work, target))
        elif kind in _RELATED_BY_EXTENSION:
            made = {"url": _RELATED_BY_EXTENSION[kind], "valueReference": plain(work, target)}
            out.setdefault("extension", []).append(made)
        else:
            parts: list[Element] = [{"url": "target", "valueReference": plain(work, target)}]
            if kind:
                parts.insert(0, {"url": "type", "valueCode": kind})
            elif "type" in each:
                work.lose(f"{path}.type", MALFORMED)
            out.setdefault("extension", []).append({"url": f"{CROSS_VERSION}Observation.related", "extension": parts})


_COMPONENT: Final[Rules] = {**_VALUES, **same("code", "referenceRange"), "interpretation": listed("interpretation")}
OBSERVATION: Final[Rules] = {
    **RESOURCE,
    **_VALUES,
    **same(
        "identifier", "basedOn", "status", "category", "code", "subject", "effectiveDateTime", "effectivePeriod", "issued",
        "performer", "bodySite", "method", "specimen", "device", "referenceRange",
    ),
    "context": "encounter",
    "valueAttachment": kept("Observation.valueAttachment", "valueAttachment"),
    "interpretation": listed("interpretation"),
    "comment": _comment,
    "related": _related,
    "component": group("component", _COMPONENT, many=True),
}  # fmt: skip


def observation(work: Work, received: Element) -> Element:
    """A result of a laboratory says so in R4: by the specialty that it is filed under, or by the report that names it.

    What a list of uncategorised data names says that.
    """
    out = carried(work, OBSERVATION, received, "Observation", {})
    sent = codes_in(out.get("category"))
    category = next((_SPECIALTIES[code] for code in sent if code in _SPECIALTIES), "")
    if not category and not sent and f"Observation/{work.id}" in work.around.laboratory:
        category = "laboratory"
    if category and category not in sent:
        made = {"system": _CATEGORY, "code": category}
        out["category"] = [*as_list(out.get("category")), {"coding": [made]}]
    elif not sent and f"Observation/{work.id}" in work.around.uncategorised:
        made = {"system": SNOMED, "code": UNCATEGORISED, "display": "Uncategorised data"}
        out["category"] = [*as_list(out.get("category")), {"coding": [made]}]
    return out


def _performer(work: Work, out: Element, value: Any, path: str) -> None:
    """R4 has no role of a performer beside the performer."""
    for each in value if type(value) is list else (value,):
        actor = each.get("actor") if type(each) is dict else None
        if type(actor) is not dict:
            work.lose(path, MALFORMED)
            continue
        made: Element = plain(work, actor)
        for name, inner in each.items():
            if name == "role":
                _role(work, made, inner, f"{path}.role")
            elif name != "actor":
                work.lose(f"{path}.{name}", "R4 has no place for it")
        out.setdefault("performer", []).append(made)


_role: Final = kept("DiagnosticReport.performer.role", "valueCodeableConcept")

REPORT: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "basedOn", "status", "code", "subject", "effectiveDateTime", "effectivePeriod", "issued", "specimen",
        "result", "conclusion", "presentedForm",
    ),
    "category": listed("category"),
    "context": "encounter",
    "performer": _performer,
    "imagingStudy": "imagingStudy",
    "image": group("media", same("comment", "link"), many=True),
    "codedDiagnosis": "conclusionCode",
}  # fmt: skip

SPECIMEN: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "accessionIdentifier", "status", "type", "subject", "receivedTime", "parent", "request", "collection",
        "processing", "container", "note",
    ),
}  # fmt: skip
