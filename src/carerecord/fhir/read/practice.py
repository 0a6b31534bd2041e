"""What is said in extensions that nobody may miss: how a problem weighs, why an allergy ended or a medicine changed, a note?"""

import re
from typing import Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.read.words import Resource, title_of

_SIGNIFICANCE: Final = {"major": "Major problem", "minor": "Minor problem"}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d{2}))?)?(?:T|\Z)")
_RELATED: Final = {"parent": "Part of", "child": "Includes"}


def said_in_extensions(parsed: Resource, type_: str) -> list[str]:
    """Lines to stand before the note of one that has extensions."""
    if type_ == "Condition":
        return _of_problem(parsed)
    if type_ in ("MedicationRequest", "MedicationStatement"):
        return _of_change(parsed)
    if type_ == "DiagnosticReport":
        return _annotations(parsed, "/extension-DiagnosticReport.note")
    return _annotations(parsed, "http://hl7.org/fhir/StructureDefinition/note") if type_ == "Encounter" else []


def _of_problem(parsed: Resource) -> list[str]:
    """How significant its practice holds it to be, when it ended, and with which problems it is linked."""
    said: list[str] = []
    for each in dicts_in(parsed, "extension"):
        url = text_in(each, "url")
        if "ProblemSignificance" in url:
            code = text_in(each, "valueCode").casefold()
            said.insert(0, _SIGNIFICANCE.get(code, code))
        elif "RelatedProblemHeader" in url:
            parts = {text_in(part, "url"): part for part in dicts_in(each, "extension")}
            if other := text_in(dict_in(parts.get("target"), "valueReference"), "display"):
                kind = text_in(parts.get("type"), "valueCode").casefold()
                said.append(f"{_RELATED.get(kind, 'Linked with')}: {other}")
    if ended := text_in(parsed, "abatementDateTime"):
        said.append(f"Ended {_day(ended)}")
    return said


def why_ended(parsed: Resource) -> list[str]:
    """When and why an allergy ended: CareConnect says it of the allergy, UK Core of its clinical status."""
    for each in (*dicts_in(parsed, "extension"), *dicts_in(dict_in(parsed, "clinicalStatus"), "extension")):
        if "AllergyIntoleranceEnd" in text_in(each, "url"):
            parts = {text_in(part, "url"): part for part in dicts_in(each, "extension")}
            day, reason = text_in(parts.get("endDate"), "valueDateTime"), text_in(parts.get("reasonEnded"), "valueString")
            return [": ".join(filter(None, (f"Ended {_day(day)}".strip(), reason)))]
    return []


def _day(text: str) -> str:
    """As pages write a day: "01-Nov-2016"; what is no date as it was sent."""
    found = _DATE.match(text)
    if found is None:
        return text
    year, month, day = found.groups()
    return "-".join(filter(None, (day, month and _MONTHS[int(month) - 1], year)))


def _of_change(parsed: Resource) -> list[str]:
    """What a discharge changed of a medicine, when and why: "Amended 21-Jul-2026: too large to swallow, now a solution"."""
    for each in dicts_in(parsed, "extension"):
        if "MedicationChangeSummary" in text_in(each, "url"):
            parts = {text_in(part, "url"): part for part in dicts_in(each, "extension")}
            status = parts.get("status")
            what = title_of(dict_in(status, "valueCoding")) or title_of(dict_in(status, "valueCodeableConcept")) or "Changed"
            day = text_in(parts.get("dateChanged"), "valueDateTime")
            why = title_of(dict_in(parts.get("indicationForChange"), "valueCodeableConcept"))
            how = text_in(parts.get("detailsOfAmendment"), "valueString")
            return [": ".join(filter(None, (f"{what} {_day(day)}".strip(), ", ".join(filter(None, (why, how))))))]
    return []


def _annotations(parsed: Resource, address: str) -> list[str]:
    """What stands in annotations by extension: the outline of a consultation, a topic a line; the note of a report."""
    return [
        text
        for each in dicts_in(parsed, "extension")
        if text_in(each, "url").endswith(address) and (text := text_in(dict_in(each, "valueAnnotation"), "text"))
    ]
