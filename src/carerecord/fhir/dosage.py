"""How does a coded dosage read aloud? Used only where the source sent no words of its own, and always marked as generated.

Order and phrases: nhsconnect Dose Syntax Implementation, "dosage to narrative logic" (marked experimental there).
"""

from typing import Any, Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in, texts_in, words
from carerecord.fhir.numbers import number, number_text

_PERIOD: Final = {
    "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year",
}  # fmt: skip
_EVERY_ONE: Final = {"d": "daily", "wk": "weekly", "mo": "monthly", "a": "annually", "h": "hourly"}
_WHEN: Final = {
    "MORN": "in the morning", "MORN.early": "in the early morning", "MORN.late": "in the late morning",
    "NOON": "at noon", "AFT": "in the afternoon", "AFT.early": "in the early afternoon",
    "AFT.late": "in the late afternoon", "EVE": "in the evening", "EVE.early": "in the early evening",
    "EVE.late": "in the late evening", "NIGHT": "at night", "PHS": "once asleep", "HS": "before sleep",
    "WAKE": "upon waking", "C": "at a meal", "CM": "at breakfast", "CD": "at lunch", "CV": "at dinner",
    "AC": "before a meal", "ACM": "before breakfast", "ACD": "before lunch", "ACV": "before dinner",
    "PC": "after a meal", "PCM": "after breakfast", "PCD": "after lunch", "PCV": "after dinner",
    "IMD": "immediately",
}  # fmt: skip
_DAYS: Final = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip
_UNIT_WORDS: Final = {
    "mg": "milligram", "g": "gram", "ug": "microgram", "mcg": "microgram", "ml": "millilitre", "mL": "millilitre",
    "L": "litre", "l": "litre", "h": "hour", "d": "day", "min": "minute", "wk": "week", "mo": "month", "a": "year",
    "kg": "kilogram", "[iU]": "unit", "mL/h": "millilitre per hour", "L/min": "litre per minute",
}  # fmt: skip
_FEW: Final = {"1": "once", "2": "twice"}
_TIME_WORDS: Final = frozenset(_PERIOD.values())


def dose_words(resource: dict[str, Any], element: str = "dosageInstruction") -> tuple[str, bool]:
    """How the medicine is taken, and whether those are our words (True) rather than the source's.

    Words of the source are given verbatim, and never mixed with ours: when any dosage of the resource has text, only
    texts are given; ours are made only where none has.
    """
    dosages = dicts_in(resource, element)
    if len(dosages) == 1 and (text := text_in(dosages[0], "text")):
        return text, False
    said = [text for dosage in dosages if (text := text_in(dosage, "text"))]
    if said:
        return "; ".join(said), False
    made = sequence_words(dosages)
    # Instructions to the patient are the source's own words: alone, they are given as such.
    if made and made == sequence_words([{"patientInstruction": text_in(dosage, "patientInstruction")} for dosage in dosages]):
        return made, False
    return made, bool(made)


def sequence_words(dosages: list[dict[str, Any]]) -> str:
    """Several dosages in the order of their `sequence`: equal ones are joined with "and", later ones with "then"."""
    text, last = "", None
    for dosage in sorted(dosages, key=lambda each: number(each.get("sequence")) or 0):
        phrase = dosage_words(dosage)
        if not phrase:
            continue
        sequence = number(dosage.get("sequence"))
        joint = "" if not text else ", and " if sequence == last else ", then "
        text, last = text + joint + phrase, sequence
    return text


def dosage_words(dosage: dict[str, Any]) -> str:
    """One coded dosage in words, parts joined by " - "; "" when it is empty."""
    repeat = dict_in(dict_in(dosage, "timing"), "repeat")
    rates = dicts_in(dosage, "doseAndRate")
    rate = rates[0] if rates else dosage  # STU3 had these on the dosage itself
    method = words(dosage.get("method")).split(" | ")[0]
    dose = dose_amount(rate)
    parts = [
        f"{method} {dose}".strip(),
        _rate(rate),
        _span("over", repeat, "duration", "durationUnit"),
        frequency_words(dict_in(dosage, "timing")),
        _when(repeat),
        _days_and_times(repeat),
        _first_words(dosage.get("route")),
        _first_words(dosage.get("site")),
        _as_needed(dosage),
        _bounds(repeat),
        _count(repeat),
        _events(dict_in(dosage, "timing")),
        *_most(dosage),
        _list([_first_words(each) for each in dicts_in(dosage, "additionalInstruction")]),
        text_in(dosage, "patientInstruction"),
    ]
    return " - ".join(filter(None, parts))


def dose_amount(rate: dict[str, Any], *, short: bool = False) -> str:
    """The quantity of one dose: "2 tablet", "10 to 20 millilitre" (units spelt out unless `short`)."""
    spell = _quantity_short if short else _quantity
    if "doseRange" in rate:
        low, high = dict_in(dict_in(rate, "doseRange"), "low"), dict_in(dict_in(rate, "doseRange"), "high")
        if low and high:
            return f"{number_text(low.get('value'))} to {spell(high)}".strip()
        if low or high:
            return ("at least " if low else "up to ") + spell(low or high)
    return spell(dict_in(rate, "doseQuantity"))


def frequency_words(timing: dict[str, Any]) -> str:
    """ "twice a day", "every 6 to 8 hours", "up to 3 times a day"; the words of `timing.code` when nothing is coded."""
    repeat = dict_in(timing, "repeat")
    frequency, period = number_text(repeat.get("frequency")), number_text(repeat.get("period"))
    most = number_text(repeat["frequencyMax"]) if "frequencyMax" in repeat else ""
    longest = number_text(repeat["periodMax"]) if "periodMax" in repeat else ""
    unit = _PERIOD.get(text_in(repeat, "periodUnit"), "")
    if not (period or longest):
        if frequency or most:
            return _times(frequency, most)
        return _first_words(timing.get("code"))
    if not (frequency or most):
        if period == "1" and not longest:
            return _EVERY_ONE.get(text_in(repeat, "periodUnit"), f"every {unit}".strip())
        return f"every {_period(period, longest, unit)}".strip()
    if not period:
        return f"{_times(frequency, most)} up to {_plural(longest, unit)}"
    if period == "1" and not longest:
        return f"{_times(frequency, most)} {'an' if unit == 'hour' else 'a'} {unit}".strip()
    if frequency == "1" and not most:
        return f"every {_period(period, longest, unit)}"
    return f"{_times(frequency, most)} every {_period(period, longest, unit)}"


def _times(frequency: str, most: str) -> str:
    if not frequency:
        return f"up to {most} times"
    if most and most != frequency:
        return f"{frequency} to {most} times"
    return _FEW.get(frequency) or f"{frequency} times"


def _period(period: str, longest: str, unit: str) -> str:
    return f"{period} to {_plural(longest, unit)}" if longest else _plural(period, unit)


def _plural(count: str, unit: str) -> str:
    """Only units of time take a plural: "2 tablet" is how dose syntax writes it."""
    return f"{count} {unit}{'s' if count != '1' and unit in _TIME_WORDS else ''}".strip()


def _unit(quantity: dict[str, Any]) -> str:
    said = text_in(quantity, "unit")
    unit = _UNIT_WORDS.get(said, said) or _UNIT_WORDS.get(text_in(quantity, "code"), text_in(quantity, "code"))
    return unit[:-1] if unit.endswith("s") and unit[:-1] in _TIME_WORDS else unit


def _quantity(quantity: dict[str, Any]) -> str:
    value = number_text(quantity.get("value"))
    return f"{text_in(quantity, 'comparator')}{_plural(value, _unit(quantity))}" if value else ""


def _quantity_short(quantity: dict[str, Any]) -> str:
    value = number_text(quantity.get("value"))
    if not value:
        return ""
    unit = text_in(quantity, "unit") or text_in(quantity, "code")
    return f"{text_in(quantity, 'comparator')}{value} {unit}".strip()


def _rate(rate: dict[str, Any]) -> str:
    ratio, span, single = dict_in(rate, "rateRatio"), dict_in(rate, "rateRange"), dict_in(rate, "rateQuantity")
    if ratio:
        below = dict_in(ratio, "denominator")
        count = number_text(below.get("value"))
        every = f"per {_unit(below)}" if count in ("", "1") else f"every {_plural(count, _unit(below))}"
        return f"at a rate of {_quantity(dict_in(ratio, 'numerator'))} {every}"
    if span:
        return f"at a rate of {number_text(dict_in(span, 'low').get('value'))} to {_quantity(dict_in(span, 'high'))}"
    return f"at a rate of {_quantity(single)}" if single else ""


def _span(word: str, repeat: dict[str, Any], element: str, unit_element: str) -> str:
    value, most = number_text(repeat.get(element)), number_text(repeat.get(f"{element}Max"))
    if not value:
        return ""
    unit = _PERIOD.get(text_in(repeat, unit_element), "")
    return f"{word} {_plural(value, unit)}" + (f" (maximum {_plural(most, unit)})" if most else "")


def _when(repeat: dict[str, Any]) -> str:
    offset = number(repeat.get("offset"))
    before = ""
    if offset:
        minutes = int(offset)
        size, unit = next((s, u) for s, u in ((1440, "day"), (60, "hour"), (1, "minute")) if minutes % s == 0)
        before = _plural(str(minutes // size), unit) + " "
    return _list([before + _WHEN.get(code, code) for code in texts_in(repeat, "when")])


def _days_and_times(repeat: dict[str, Any]) -> str:
    days = _list([_DAYS.get(day, day) for day in texts_in(repeat, "dayOfWeek")])
    times = _list([time[:5] if time.endswith(":00") and len(time) == 8 else time for time in texts_in(repeat, "timeOfDay")])
    return " ".join(filter(None, (days and f"on {days}", times and f"at {times}")))


def _as_needed(dosage: dict[str, Any]) -> str:
    reason = _first_words(dosage.get("asNeededCodeableConcept"))
    if reason:
        return f"as required for {reason}"
    return "as required" if dosage.get("asNeededBoolean") is True else ""


def _bounds(repeat: dict[str, Any]) -> str:
    length, span, period = (dict_in(repeat, f"bounds{kind}") for kind in ("Duration", "Range", "Period"))
    if length:
        return f"for {_quantity(length)}"
    if span:
        return f"for {number_text(dict_in(span, 'low').get('value'))} to {_quantity(dict_in(span, 'high'))}"
    start, end = text_in(period, "start"), text_in(period, "end")
    return " ".join(filter(None, (start and f"from {start[:10]}", end and f"until {end[:10]}")))


def _count(repeat: dict[str, Any]) -> str:
    count, most = number_text(repeat.get("count")), number_text(repeat.get("countMax"))
    if not count:
        return ""
    if most:
        return f"take {count} to {most} times"
    return "take " + (_FEW.get(count) or f"{count} times")


def _events(timing: dict[str, Any]) -> str:
    events = _list([event[:10] + (f" at {event[11:16]}" if len(event) > 15 else "") for event in texts_in(timing, "event")])
    return f"on {events}" if events else ""


def _most(dosage: dict[str, Any]) -> list[str]:
    parts = []
    for ratio in dicts_in(dosage, "maxDosePerPeriod"):
        above, below = _quantity(dict_in(ratio, "numerator")), _quantity(dict_in(ratio, "denominator"))
        if above:
            parts.append(f"up to a maximum of {above} in {below}")
    each = _quantity(dict_in(dosage, "maxDosePerAdministration"))
    ever = _quantity(dict_in(dosage, "maxDosePerLifetime"))
    return [*parts, each and f"up to a maximum of {each} per dose", ever and f"up to a maximum of {ever} for the lifetime"]


def _first_words(concept: Any) -> str:
    return text_in(concept, "text") or words(concept).split(" | ")[0]


def _list(parts: list[str]) -> str:
    given = [part for part in parts if part]
    return f"{', '.join(given[:-1])} and {given[-1]}" if len(given) > 1 else "".join(given)
