"""What do GP systems say in extensions that nobody may miss: how a problem weighs, why an allergy ended, what was discussed?"""

import re
from typing import Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.read.words import Resource

_SIGNIFICANCE: Final = {"major": "Major problem", "minor": "Minor problem"}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE: Final = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d{2}))?)?(?:T|\Z)")
_RELATED: Final = {"parent": "Part of", "child": "Includes"}


def said_in_extensions(parsed: Resource, type_: str) -> list[str]:
    """Lines to stand before the note of one that has extensions."""
    if type_ == "Condition":
        return _of_problem(parsed)
    if type_ == "AllergyIntolerance":
        return _of_allergy(parsed)
    return _outline(parsed) if type_ == "Encounter" else []


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


def _of_allergy(parsed: Resource) -> list[str]:
    for each in dicts_in(parsed, "extension"):
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


def _outline(parsed: Resource) -> list[str]:
    """The topics and headings of a consultation, one topic a line."""
    return [
        text
        for each in dicts_in(parsed, "extension")
        if text_in(each, "url") == "http://hl7.org/fhir/StructureDefinition/note"
        and (text := text_in(dict_in(each, "valueAnnotation"), "text"))
    ]
