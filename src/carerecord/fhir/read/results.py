"""What does an Observation, a DiagnosticReport or an imaging study say? Values as the very digits that were received."""

import base64
import binascii
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Code, Measure, Result
from carerecord.fhir.identifiers import LOINC, SNOMED
from carerecord.fhir.labels import ABSENT, INTERPRETATION
from carerecord.fhir.numbers import number, number_text, text_and_number
from carerecord.fhir.read.told import special_handling
from carerecord.fhir.read.words import (
    Around,
    Resource,
    first_code,
    is_organisation,
    quantity,
    said_of,
    title_of,
)
from carerecord.fhir.units import unit_of

_LONGEST_TEXT: Final = 20_000
# GP Connect's area of coded entries that are a statement by themselves ("Tired all the time"): no value is no gap.
UNCATEGORISED: Final = "826501000000100"


def read_observation(resource: Resource, beside: Around, codes: Sequence[Code]) -> tuple[Result, str]:
    """The result and its title.

    Raises:
        Unreadable: it does not say what was observed.
    """
    code = dict_in(resource, "code")
    title = title_of(code)
    if not title:
        raise Unreadable("it does not say what was observed")
    components: tuple[Measure, ...] = ()
    if "component" in resource:
        named = [(each, title_of(each.get("code"))) for each in dicts_in(resource, "component")]
        components = tuple(_measure(each, name) for each, name in named if name)
    members = _references(resource, "hasMember")
    statement = "category" in resource and UNCATEGORISED in codes_in(resource["category"])
    measure = _measure(resource, title, empty_is_fine=bool(components or members) or statement)
    test = test_key(codes, title)
    method = title_of(resource["method"]) if "method" in resource else ""
    result = Result(
        test=test,
        measure=measure,
        components=components,
        method=method,
        device=said_of(resource["device"], beside) if "device" in resource else "",
        specimen=_specimen(resource, beside),
        laboratory=_laboratory(resource, beside),
        comparable=f"{test}|{measure.unit}|{method.casefold()}" if measure.number is not None else "",
        members=members,
    )
    return result, title


def read_report(resource: Resource, beside: Around, codes: Sequence[Code]) -> tuple[Result, str]:
    """A DiagnosticReport: its conclusion, and which results are its own."""
    title = title_of(resource.get("code")) or title_of(resource.get("category")) or "Report"
    members = _references(resource, "result")
    concluded = text_in(resource, "conclusion") or title_of(resource.get("conclusionCode")) or _form_text(resource)
    result = Result(
        test=test_key(codes, title),
        measure=Measure(title, ""),
        specimen=_specimen(resource, beside),
        laboratory=_laboratory(resource, beside),
        members=members,
        conclusion=concluded,
    )
    return result, title


def read_imaging(resource: Resource) -> tuple[Result, str]:
    """An ImagingStudy: what was done, of which part. The images stay where they are."""
    series = dicts_in(resource, "series")
    modality = title_of(resource.get("modality")) or next((said for s in series if (said := title_of(s.get("modality")))), "")
    part = next((said for each in series if (said := title_of(each.get("bodySite")))), "")
    title = (
        title_of(resource.get("procedureCode"))
        or text_in(resource, "description")
        or ", ".join(filter(None, (modality, part)))
        or "Imaging study"
    )
    return Result(test=title.casefold(), measure=Measure(title, ""), method=modality), title


def test_key(codes: Sequence[Code], title: str) -> str:
    """What may share a trend: a national code where there is one, else any code, else the words themselves."""
    if not codes:
        return title.casefold()
    chosen = codes[0]
    if chosen.system != SNOMED and len(codes) > 1:
        for preferred in (LOINC, SNOMED):
            chosen = next((each for each in codes if each.system == preferred), chosen)
    return f"{chosen.system}|{chosen.code}"


def _references(resource: Resource, element: str) -> tuple[str, ...]:
    if element not in resource:
        return ()
    return tuple([to for each in dicts_in(resource, element) if (to := text_in(each, "reference"))])


def _measure(holder: Resource, name: str, *, empty_is_fine: bool = False) -> Measure:
    text, unit, drawn = _value(holder)
    low = high = None
    said = ""
    ranges: Sequence[Resource] = ()
    if "referenceRange" in holder and (ranges := dicts_in(holder, "referenceRange")):
        low, high, said = _range(ranges, unit)
    flag, flag_from = _flag(holder) if "interpretation" in holder else "", "source"
    if not flag:
        flag = _flag_from_range(ranges, drawn, low, high)
        flag_from = "range" if flag else ""
    absent = ""
    if not text and not empty_is_fine:
        reason = holder.get("dataAbsentReason")
        absent = ABSENT.get(first_code(reason)) or title_of(reason) or "no value given"
    return Measure(name, text, unit, drawn, low, high, said, flag, flag_from, absent)


def _value(holder: Resource) -> tuple[str, str, float | None]:
    """(text, unit, number for drawing) of whichever value[x] is there."""
    measured = holder.get("valueQuantity")
    if type(measured) is dict:
        digits, drawn = text_and_number(measured.get("value"))
        if "comparator" in measured and (comparator := text_in(measured, "comparator")):
            # "< 5" is no point on a line: a bound is shown and never drawn.
            return f"{comparator} {digits}".strip(), unit_of(measured), None
        return digits, unit_of(measured), drawn
    for element, value in holder.items():
        if element.startswith("value") and value is not None and element != "value":
            return _other_value(element, value), "", number(value) if element == "valueInteger" else None
    return "", "", None


def _other_value(element: str, value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | Decimal):
        return number_text(value)
    if not isinstance(value, dict):
        return ""
    if element == "valueCodeableConcept":
        return title_of(value)
    if element == "valueRange":
        low, high = quantity(value.get("low")), quantity(value.get("high"))
        return f"{low} to {high}" if low and high else low or high
    if element == "valueRatio":
        above, below = quantity(value.get("numerator")), quantity(value.get("denominator"))
        return f"{above} : {below}" if above and below else above or below
    if element == "valuePeriod":
        return " to ".join(filter(None, (text_in(value, "start"), text_in(value, "end"))))
    if element == "valueSampledData":
        return "a recorded curve"
    return ""


def _range(ranges: Sequence[Resource], unit: str) -> tuple[float | None, float | None, str]:
    """The range that applies, its numbers only where it speaks the value's own unit."""
    normal = ranges[0]
    for each in ranges:
        if "type" not in each or first_code(each["type"]) in ("", "normal"):
            normal = each
            break
    low_text, low, low_unit = _bound(normal.get("low"), unit)
    high_text, high, high_unit = _bound(normal.get("high"), unit)
    foreign = low_unit or high_unit
    said = text_in(normal, "text")
    if not said:
        if low_text and high_text:
            said = f"{low_text} to {high_text}"
        elif low_text or high_text:
            said = f"{low_text} or more" if low_text else f"up to {high_text}"
        if said and foreign:
            said = f"{said} {foreign}"
    return (None, None, said) if foreign else (low, high, said)


def _bound(bound: Any, unit: str) -> tuple[str, float | None, str]:
    """One end of a range: its digits, their number, and its unit where that is another than the value's own."""
    if type(bound) is not dict or not bound:
        return "", None, ""
    own = unit_of(bound)
    digits, drawn = text_and_number(bound.get("value"))
    return digits, drawn, "" if own == unit else own


def _flag(holder: Resource) -> str:
    for concept in dicts_in(holder, "interpretation"):
        for coding in dicts_in(concept, "coding"):
            if known := INTERPRETATION.get(text_in(coding, "code")):
                return known
        if said := title_of(concept):
            return said.casefold()
    return ""


def _flag_from_range(ranges: Sequence[Resource], drawn: float | None, low: float | None, high: float | None) -> str:
    if drawn is None or (low is None and high is None):
        return ""
    if len(ranges) > 1 or "appliesTo" in ranges[0] or "age" in ranges[0]:
        return ""  # which range applies to this person is not ours to decide
    return _within(drawn, low, high)


def _within(drawn: float, low: float | None, high: float | None) -> str:
    if low is not None and drawn < low:
        return "low"
    return "high" if high is not None and drawn > high else "normal"


def valued(result: Result, text: str, drawn: float | None, comparator: str) -> Result | None:
    """The same result with another number in the same unit beside the same range; None where more than that would change."""
    known = result.measure
    if comparator:
        text, drawn = f"{comparator} {text}".strip(), None
    if not text or known.absent or (drawn is None) != (known.number is None):
        return None
    flag = _within(drawn, known.low, known.high) if known.flag_from == "range" and drawn is not None else known.flag
    measure = Measure(known.name, text, known.unit, drawn, known.low, known.high, known.range, flag, known.flag_from)
    return Result(
        result.test, measure, result.components, result.method, result.device, result.specimen, result.laboratory,
        result.comparable, result.members, result.conclusion,
    )  # fmt: skip


def _specimen(resource: Resource, beside: Around) -> str:
    if "specimen" not in resource:
        return ""
    for reference in dicts_in(resource, "specimen"):
        found = beside.find(reference)
        said = text_in(reference, "display") or title_of(found.get("type"))
        if found and (care := [*special_handling(found), *map(title_of, dicts_in(found, "condition"))]):
            said = "; ".join(filter(None, (said, *[each for each in care if f"; {each};" not in f"; {said};"])))
        if said:
            return said
    return ""


def _laboratory(resource: Resource, beside: Around) -> str:
    if "performer" in resource:
        for each in dicts_in(resource, "performer"):
            if is_organisation(each, beside):
                return said_of(each, beside)
    return ""


def _form_text(resource: Resource) -> str:
    """The words of a report that came as plain text; other forms (PDF) are documents to open, not to read here."""
    for form in dicts_in(resource, "presentedForm"):
        if text := inline_text(form):
            return text
    return ""


def inline_text(attachment: Resource) -> str:
    """The words of an attachment that carries plain text itself; "" for anything else, or when it is long."""
    data = text_in(attachment, "data")
    if not text_in(attachment, "contentType").startswith("text/plain") or not data or len(data) > 2 * _LONGEST_TEXT:
        return ""
    try:
        return base64.b64decode(data, validate=True).decode("utf-8").strip()
    except (binascii.Error, ValueError):
        return ""
