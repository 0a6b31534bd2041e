"""How does a coded dosage read aloud, in the order that dose syntax fixes, with nothing coded left out?"""

from collections.abc import Mapping
from typing import Any, Final

from carerecord.fhir.codes import text_in
from carerecord.fhir.dose import amounts
from carerecord.fhir.dose.amounts import Words
from carerecord.fhir.dose.timing import (
    bounds_words,
    count_words,
    day_words,
    event_words,
    frequency_words,
    listed,
    over_words,
    when_words,
)
from carerecord.fhir.numbers import number

SEE: Final = "see the source"
_RATES: Final = ("doseQuantity", "doseRange", "rateRatio", "rateRange", "rateQuantity")  # STU3 has these on the dosage itself
_SAID: Final = frozenset((
    "id", "sequence", "text", "additionalInstruction", "patientInstruction", "timing", "asNeededBoolean",
    "asNeededCodeableConcept", "site", "route", "method", "doseAndRate", "maxDosePerPeriod", "maxDosePerAdministration",
    "maxDosePerLifetime", *_RATES,
))  # fmt: skip
_OF_TIMING: Final = frozenset(("id", "event", "repeat", "code"))
_OF_REPEAT: Final = frozenset((
    "id", "boundsDuration", "boundsRange", "boundsPeriod", "count", "countMax", "duration", "durationMax", "durationUnit",
    "frequency", "frequencyMax", "period", "periodMax", "periodUnit", "dayOfWeek", "timeOfDay", "when", "offset",
))  # fmt: skip
_OF_RATE: Final = frozenset(("id", "type", *_RATES))


def sequence_words(dosages: list[dict[str, Any]]) -> str:
    """Several dosages in the order of their `sequence`: equal ones are joined with "and", later ones with "then"."""
    text, last = "", None
    for dosage in in_order(dosages):
        phrase = dosage_words(dosage)
        if not phrase:
            continue
        sequence = number(dosage.get("sequence"))
        joint = "" if not text else ", and " if sequence == last else ", then "
        text, last = text + joint + phrase, sequence
    return text


def in_order(dosages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(dosages, key=lambda each: number(each.get("sequence")) or 0)


def dosage_words(dosage: Mapping[str, Any]) -> str:
    """One coded dosage in words, parts joined by " - "; "" when nothing is coded.

    Never raises. A part that cannot be said safely reads "(dose: see the source)" in its place.
    """
    if dosage.get("modifierExtension"):
        return f"(this dose carries a qualifier: {SEE})"
    timing, repeat = _objects(dosage)
    parts = [
        *_amounts(dosage),
        _or_see("duration", over_words(repeat)),
        _or_see("how often", frequency_words(timing)),
        _or_see("when", when_words(repeat)),
        _or_see("days and times", day_words(repeat)),
        _or_see("route", concept_words(dosage.get("route"))),
        _or_see("site", concept_words(dosage.get("site"))),
        _as_needed(dosage),
        _or_see("how long", bounds_words(repeat)),
        _or_see("how many times", count_words(repeat)),
        _or_see("on which days", event_words(timing)),
        _or_see("maximum", amounts.most_words(dosage)),
        _or_see("instruction", _instructions(dosage)),
        _or_see("instruction for the patient", text_words(dosage.get("patientInstruction"))),
        _more(dosage, timing, repeat),
    ]
    return " - ".join(filter(None, parts))


def concept_words(concept: Any) -> Words:
    """The text of a concept, else the display of its first coding that has one; None for a code alone."""
    if concept in (None, "", {}, []):
        return ""
    if not isinstance(concept, dict):
        return None
    said = text_in(concept, "text")
    codings = concept.get("coding")
    for coding in codings if isinstance(codings, list) else ():
        said = said or text_in(coding, "display")
    return " ".join(said.split()) or None


def text_words(value: Any) -> Words:
    if value in (None, ""):
        return ""
    return " ".join(value.split()) if isinstance(value, str) else None


def rates_of(dosage: Mapping[str, Any]) -> list[Any]:
    """Every dose and rate of one dosage, wherever its version of FHIR keeps them."""
    if rates := dosage.get("doseAndRate"):
        return rates if isinstance(rates, list) else [rates]
    return [dosage] if any(dosage.get(element) for element in _RATES) else []


def _amounts(dosage: Mapping[str, Any]) -> list[str]:
    method = _or_see("method", concept_words(dosage.get("method")))
    rates = rates_of(dosage)
    if not rates:
        return [method]
    if not all(isinstance(each, dict) for each in rates):
        return [method, f"(dose: {SEE})"]
    doses, speeds = [amounts.dose_words(each) for each in rates], [amounts.rate_words(each) for each in rates]
    if len(rates) > 1:
        kinds = [concept_words(each.get("type")) for each in rates]
        if not all(kinds):  # two doses, and nothing says which is meant
            return [method, f"(dose: {SEE})"]
        doses = [dose and f"{dose} ({kind})" for dose, kind in zip(doses, kinds, strict=True)]
        speeds = [speed and f"{speed} ({kind})" for speed, kind in zip(speeds, kinds, strict=True)]
    dose = _or_see("dose", None if None in doses else ", ".join(filter(None, doses)))
    speed = _or_see("rate", None if None in speeds else ", ".join(filter(None, speeds)))
    return [f"{method} {dose}".strip(), speed]


def _as_needed(dosage: Mapping[str, Any]) -> str:
    if dosage.get("asNeededCodeableConcept"):
        return f"as required for {concept_words(dosage['asNeededCodeableConcept']) or f'(reason: {SEE})'}"
    flag = dosage.get("asNeededBoolean")
    return "as required" if flag is True else "" if flag in (None, False) else f"(whether as required: {SEE})"


def _instructions(dosage: Mapping[str, Any]) -> Words:
    given_ = dosage.get("additionalInstruction") or []
    said = [concept_words(each) for each in (given_ if isinstance(given_, list) else [given_])]
    return None if None in said else listed([each for each in said if each])


def _objects(dosage: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    timing = dosage.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    return timing if isinstance(timing, dict) else {}, repeat if isinstance(repeat, dict) else {}


def _more(dosage: Mapping[str, Any], timing: Mapping[str, Any], repeat: Mapping[str, Any]) -> str:
    """What is coded under names that are said nowhere above."""
    within = [(dosage, _SAID), (timing, _OF_TIMING), (repeat, _OF_REPEAT)]
    within += [(each, _OF_RATE) for each in rates_of(dosage) if isinstance(each, dict) and each is not dosage]
    astray = any(value not in (None, [], {}) for each, known in within for key, value in each.items() if key not in known)
    lost = dosage.get("timing") and not timing
    return f"(more: {SEE})" if astray or lost else ""


def _or_see(name: str, words: Words) -> str:
    return f"({name}: {SEE})" if words is None else words
