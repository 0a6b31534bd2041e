"""What does one OBX say: a value with its unit, its range and how sure it is, or that it is to be taken away?"""

import hashlib
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from carerecord.ingest.hl7v2 import systems, times, values
from carerecord.ingest.hl7v2.files import TEXTS
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, written
from carerecord.ingest.hl7v2.ways import Ways, recurring

STATUS: Final = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "preliminary", "S": "preliminary", "I": "registered",
    "O": "registered", "N": "cancelled", "U": "final", "V": "final", "A": "amended", "B": "amended", "X": "cancelled",
    "FINAL": "final", "CORRECTED": "corrected", "PRELIMINARY": "preliminary", "AMENDED": "amended", "CANCELLED": "cancelled",
}  # fmt: skip
WITHDRAWS: Final = {
    "D": "the result was deleted by its sender",
    "W": "the result was sent in error: its sender says that it is wrong",
}
SUFFIXES: Final = {"IMP": "impression", "GDT": "description", "REC": "recommendation", "ADT": "addendum"}
CODED: Final = frozenset(("CE", "CWE", "CNE", "CF", "IS", "ID", "CK"))
_NOT_ASKED: Final = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-asked", "display": "Not Asked"}
    ]
}
_FLAGS: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_KNOWN_FLAGS: Final = frozenset(("H", "L", "HH", "LL", "HU", "LU", "N", "A", "AA", "<", ">", "POS", "NEG", "IND", "S", "R",
                                 "I", "MS", "VS", "D",
                                 "U", "B", "W", "ND", "DET", "E", "RR", "WR", "NR"))  # fmt: skip
_BY_WHOM: Final = 15  # the first of those fields that say by whom and how it was observed
_NUMBER: Final = r"[+-]?\d+(?:\.\d+)?"
_RANGE: Final = re.compile(rf"({_NUMBER})\s*(?:-|–|to)\s*({_NUMBER})\Z")
_LONGEST_RANGE: Final = 100
_BOUND: Final = re.compile(rf"(<=?|>=?)\s*({_NUMBER})\Z")


def code_of(reading: Reading, obx: Segment, of_report: Resource) -> tuple[Resource, Resource]:
    """The name of an observation, {} where it has none, and what it goes by: a text without a name is the report's own.

    A part of a report has a suffix: "71020&IMP" is the impression of a chest film, and no other text of it.
    """
    named, base, suffix = _named(reading, obx.part(3))
    if suffix:
        named = {**named, "text": ": ".join(filter(None, (base or of_report.get("text", ""), suffix)))}
    return named, named or of_report


@recurring
def _named(ways: Ways, part: Part | None) -> tuple[Resource, str, str]:
    """Its name; where it is a part of a report, of what it is a part and of which kind."""
    named = values.concept(ways, part)
    suffix = part.sub(1, 2) if part is not None else ""
    if part is None or not named or not suffix.isalpha():
        return named, "", ""
    return named, named.get("text") or part.sub(1, 1), SUFFIXES.get(suffix.upper(), suffix)


def goes_on(obx: Segment, before: Segment) -> bool:
    """Whether a line of text goes on from the OBX before it: the same observation, of a kind that has lines."""
    if any(obx.raw(field) != before.raw(field) for field in (3, 4, 11)):
        return False
    return {obx.raw(2).strip().upper(), before.raw(2).strip().upper()} <= TEXTS


def observed(
    reading: Reading, code: Resource, lines: list[Segment], notes: list[str], otherwise: str, sent: str
) -> dict[str, Any]:
    """Facts of an Observation. `otherwise`: the status of its report, for an OBX that states none; `sent`: when it was issued."""
    obx = lines[0]
    status = obx.text(11).upper()
    facts: dict[str, Any] = {"code": code}
    if any(obx.fields[_BY_WHOM:]):  # few senders say it
        _by_whom_and_how(reading, obx, facts)
    if status in WITHDRAWS:
        facts[WITHDRAWN] = WITHDRAWS[status]
        _mark_as_read(lines)
        return facts
    facts[WITHDRAWN] = None
    if status and status not in STATUS:
        reading.note("OBX-11 is no status that is known here")
    said = _value(reading, lines)
    if obx.deletes(5):
        said["taken"] = True
    said["status"] = STATUS.get(status, "unknown") if status else otherwise
    if status == "N" and "shown" not in said:
        said["dataAbsentReason"] = _NOT_ASKED
    _around(reading, obx, said)
    if notes:
        said["note"] = [{"text": "\n".join(notes)}]
    key = hashlib.blake2b(written(said), digest_size=8).hexdigest()
    said["sent"] = sent
    facts[f"@said/{key}"] = said
    return facts


def _mark_as_read(lines: list[Segment]) -> None:
    """What stands in a withdrawn OBX is not to be carried anywhere, nor listed as if it had been forgotten."""
    for each in lines:
        for field in range(5, 20):
            for part in each.parts(field):
                _ = part.whole


def _by_whom_and_how(reading: Reading, obx: Segment, facts: dict[str, Any]) -> None:
    if method := values.concept(reading, obx.part(17)):
        facts["method"] = method
    if device := obx.part(18):
        facts["device"] = {"type": "Device", "display": device.words}
    if site := values.concept(reading, obx.part(20)):
        facts["bodySite"] = site
    if number := values.entity(reading, obx, 21, "observation"):
        facts[f"+identifier/{number['system']}|{number['value']}"] = number
    found: list[Resource] = []
    if laboratory := values.organisation(reading, obx.part(23)):
        found.append(laboratory)
    producer = obx.part(_BY_WHOM)
    if producer is not None and not producer.empty and not found:
        code, display = producer[1], producer[2]
        made: Resource = {"type": "Organization", "display": display or code}
        if code and display:
            made["identifier"] = {"system": systems.organisation_system(reading.sender, code), "value": code}
        found.append(made)
    found += values.clinicians(reading, obx, 16) + values.clinicians(reading, obx, 25)
    if found:
        facts["performer"] = found


def _around(reading: Reading, obx: Segment, said: dict[str, Any]) -> None:
    if when := reading.time(obx, 14):
        said["effectiveDateTime"] = when
    flags = []
    for part in obx.parts(8):
        code = " ".join(part[1].split())  # FHIR's codes have single blanks alone
        if not code:
            continue
        is_known = code.upper() in _KNOWN_FLAGS
        made: Resource = {"coding": [{"system": _FLAGS, "code": code.upper()} if is_known else {"code": code}]}
        if words := part[2]:
            made["text"] = words
        flags.append(made)
    if flags:
        said["interpretation"] = flags
    if text := values.text_of(obx, 7):
        said["referenceRange"] = [_range(text, said)]


def _range(text: str, said: dict[str, Any]) -> Resource:
    """The range in the sender's own words; its numbers beside them where they are two numbers or one bound."""
    made: Resource = {"text": text}
    own = said.get("valueQuantity")
    if own is None:
        return made
    unit = {key: own[key] for key in ("unit", "system", "code") if key in own}
    if len(squeezed := text.strip()) <= _LONGEST_RANGE:
        made |= {end: {"value": value, **unit} for end, value in _ends(squeezed)}
    return made


@lru_cache(4_096)  # each test has its own
def _ends(text: str) -> tuple[tuple[str, Decimal | None], ...]:
    if found := _RANGE.match(text):
        low, high = values.number(found[1]), values.number(found[2])
        return (("low", low), ("high", high)) if low is not None and high is not None and low <= high else ()
    if found := _BOUND.match(text):
        return (("high" if found[1][0] == "<" else "low", values.number(found[2])),)
    return ()


def _value(reading: Reading, lines: list[Segment]) -> dict[str, Any]:
    obx = lines[0]
    kind = obx.text(2).upper()
    if len(lines) > 1:
        text = "\n".join(values.text_of(each, 5) for each in lines)
        for each in lines:
            for field in (2, 3, 4, 6, 11, 14, 15):
                for part in each.parts(field):
                    _ = part.whole
        return _text(text)
    parts = [part for part in obx.parts(5) if not part.empty]
    if not parts:
        return {}
    part = parts[0]
    words, code, system = values.unit(reading, obx.part(6))
    if len(parts) == 1:
        is_number = kind in ("NM", "NR") or (kind == "SN" and not part.peek(2))
        if is_number or (kind in TEXTS and words):  # many a laboratory sends numbers as text: with a unit it is one
            quantity = values.quantity(part.whole, words, code, system)
            if quantity:
                return _shown({"valueQuantity": quantity})
        if kind == "SN":
            return _structured(part, words, code, system)
        if kind in CODED:
            concept = values.concept(reading, part)
            if concept:
                return _shown({"valueCodeableConcept": concept})
        if kind in ("TS", "DT", "DTM") and (when := times.fhir_time(part[1], reading.zone, reading.received_at)):
            return _shown({"valueDateTime": when})
        if kind == "DR" and (span := _span(reading, part)):
            return _shown({"valuePeriod": span})
        if kind == "TM" and (clock := times.clock_time(part[1])):
            return _shown({"valueTime": clock})
    text = "\n".join(each.whole for each in parts)
    if kind in CODED:
        text = ", ".join(filter(None, (each[2] or each[1] for each in parts)))
        for said in parts:
            _ = said.whole
    is_amount = words and any(each.isdigit() for each in text)  # "Haemolysed" has no unit, whatever the form was filled in with
    if words and not is_amount:
        reading.note("OBX-5 holds no number: its unit, OBX-6, is not carried")
    return _text(f"{text} {words}" if is_amount and not text.endswith(words) else text)


def _span(reading: Reading, part: Part) -> Resource:
    start, end = (reading.time_in(part, at, f"OBX-5.{at}") for at in (1, 2))
    start, end = reading.in_order(start, end, "OBX-5.2 is before OBX-5.1")
    return {key: said for key, said in (("start", start), ("end", end)) if said}


def _text(text: str) -> dict[str, Any]:
    text = text.strip()
    return _shown({"valueString": text}) if text else {}


def _structured(part: Part, words: str, code: str, system: str) -> dict[str, Any]:
    """SN: a bound, a range, a ratio, or a count of pluses; as text where FHIR has no such value."""
    comparator, first, separator, second = part[1], part[2], part[3], part[4]
    one, other = values.quantity(first, words, code, system), values.quantity(second, words, code, system)
    if one and not separator and not second:
        if not comparator or comparator in ("<", ">", "<=", ">="):
            return _shown({"valueQuantity": {**one, **({"comparator": comparator} if comparator else {})}})
    elif one and other and not comparator:
        if separator == "-" and one["value"] <= other["value"]:
            return _shown({"valueRange": {"low": one, "high": other}})
        if separator in (":", "/"):
            return _shown({"valueRatio": {"numerator": one, "denominator": other}})
    return _text(" ".join(filter(None, (f"{comparator}{first}{separator}{second}", words))))


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    """The value with the words in which it is named once another has taken its place."""
    return {**value, "shown": words_of(next(iter(value.values())))}


def words_of(value: Any) -> str:
    if type(value) is not dict:
        return str(value)
    if "value" in value:
        return " ".join(filter(None, (value.get("comparator"), str(value["value"]), value.get("unit"))))
    if "low" in value:
        return f"{words_of(value['low'])} to {words_of(value['high'])}"
    if "start" in value or "end" in value:
        return " to ".join(filter(None, (value.get("start"), value.get("end"))))
    if "numerator" in value:
        return f"{words_of(value['numerator'])} : {words_of(value['denominator'])}"
    coding = (value.get("coding") or [{}])[0]
    return str(value.get("text") or coding.get("display") or coding.get("code") or "")
