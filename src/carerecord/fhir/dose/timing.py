"""When is a dose taken: how often, by which meal, on which days, for how long?

As in `amounts`: "" where nothing is coded, None where what is coded cannot be said safely.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.dose.amounts import Words, digits, duration_words, given, range_words
from carerecord.fhir.dose.units import TIME, in_number, unit_words
from carerecord.fhir.times import when

_PERIOD: Final = {
    "s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year",
}  # fmt: skip
_EVERY_ONE: Final = {"day": "daily", "week": "weekly", "month": "monthly", "year": "annually", "hour": "hourly"}
# Codes that are a whole statement by themselves (HL7 GTSAbbreviation); their Latin is never repeated.
_ABBREVIATED: Final = {
    "BID": "twice a day", "TID": "3 times a day", "QID": "4 times a day", "QD": "once a day", "QOD": "every 2 days",
    "Q1H": "every hour", "Q2H": "every 2 hours", "Q3H": "every 3 hours", "Q4H": "every 4 hours", "Q6H": "every 6 hours",
    "Q8H": "every 8 hours", "AM": "every morning", "PM": "every afternoon", "BED": "at bedtime", "WK": "weekly",
    "MO": "monthly",
}  # fmt: skip
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
# Only these can be so many minutes away (FHIR, rule tim-9); with a distance two of them read otherwise.
_AWAY: Final = {
    **{code: _WHEN[code] for code in ("HS", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV")},
    "WAKE": "after waking", "PHS": "after going to sleep",
}  # fmt: skip
_DAYS: Final = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip
_USUAL: Final = {  # nearly all that is sent: settled in one look
    (1, 1, "d"): "once a day", (2, 1, "d"): "twice a day", (3, 1, "d"): "3 times a day", (4, 1, "d"): "4 times a day",
    (1, 1, "wk"): "once a week", (1, 12, "h"): "every 12 hours", (1, 8, "h"): "every 8 hours", (1, 6, "h"): "every 6 hours",
    (1, 4, "h"): "every 4 hours",
}  # fmt: skip
_FEW: Final = {"1": "once", "2": "twice"}
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?")
_LONDON: Final = ZoneInfo("Europe/London")


def frequency_words(timing: Mapping[str, Any]) -> Words:
    """ "twice a day", "every 6 to 8 hours", "2 to 4 times a day"."""
    repeat = timing.get("repeat") or {}
    if not isinstance(repeat, dict):
        return None
    if len(repeat) == 3 and type(often := repeat.get("frequency")) is int and type(repeat.get("period")) is int:
        unit = repeat.get("periodUnit")
        if type(unit) is str and (usual := _USUAL.get((often, repeat["period"], unit))):
            return usual
    frequency, most = _count(repeat, "frequency"), _count(repeat, "frequencyMax")
    period, longest = _count(repeat, "period"), _count(repeat, "periodMax")
    if None in (frequency, most, period, longest) or "0" in (frequency, most, period, longest):
        return None
    if _falls(repeat, "frequency") or _falls(repeat, "period"):
        return None
    stated = text_in(repeat, "periodUnit")
    if bool(period or longest) != bool(stated):
        return None
    if not stated:
        return _times(frequency or "", most or "") if frequency or most else _coded(timing)
    unit = _PERIOD.get(stated)
    return unit and _often(frequency or "", most or "", period or "", longest if longest != period else "", unit)


def over_words(repeat: Mapping[str, Any]) -> Words:
    """How long one dose takes: "over 8 hours (maximum 10 hours)"."""
    least, most = _count(repeat, "duration"), _count(repeat, "durationMax")
    unit = _PERIOD.get(text_in(repeat, "durationUnit"))
    if least == most == "":
        return None if text_in(repeat, "durationUnit") else ""
    if not unit or not least or most is None or _falls(repeat, "duration"):
        return None
    return f"over {in_number(least, unit)}" + (f" (maximum {in_number(most, unit)})" if most else "")


def when_words(repeat: Mapping[str, Any]) -> Words:
    """By which part of the day, meal or sleep, and how long before or after it."""
    codes, offset = _texts(repeat, "when"), repeat.get("offset")
    if codes is None or (offset and not codes):
        return None
    if not offset:
        return None if offset is False or any(code not in _WHEN for code in codes) else listed([_WHEN[code] for code in codes])
    whole = digits(offset)
    if not whole or "." in whole or whole == "0" or any(code not in _AWAY for code in codes):
        return None
    size, unit = next((size, unit) for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")) if int(offset) % size == 0)
    far = in_number(str(int(offset) // size), unit)
    return listed([f"{far} {_AWAY[code]}" for code in codes])


def day_words(repeat: Mapping[str, Any]) -> Words:
    """ "on Monday and Thursday at 10:00"."""
    days, times = _texts(repeat, "dayOfWeek"), _texts(repeat, "timeOfDay")
    if days is None or times is None:
        return None
    if any(day not in _DAYS for day in days) or not all(_CLOCK.fullmatch(time) for time in times):
        return None
    on, at = listed([_DAYS[day] for day in days]), listed([time[:5] if time[5:] in ("", ":00") else time for time in times])
    return " ".join(filter(None, (on and f"on {on}", at and f"at {at}")))


def bounds_words(repeat: Mapping[str, Any]) -> Words:
    """ "for 7 days", "from 2019-11-01 until 2019-11-07". A day stands as FHIR writes it: a page writes it for its reader."""
    kinds = [kind for kind in ("boundsDuration", "boundsRange", "boundsPeriod") if repeat.get(kind)]
    if not kinds:
        return ""
    if len(kinds) > 1:
        return None
    if kinds[0] == "boundsPeriod":
        return given(repeat, "boundsPeriod", _period)
    said = given(repeat, kinds[0], duration_words if kinds[0] == "boundsDuration" else _length)
    return said and f"for {said}"


def count_words(repeat: Mapping[str, Any]) -> Words:
    """How many times in all: "take 3 times"."""
    count, most = _count(repeat, "count"), _count(repeat, "countMax")
    if count is None or most is None or "0" in (count, most) or _falls(repeat, "count"):
        return None
    if not count:
        return f"take up to {most} times" if most else ""
    return f"take {count} to {most} times" if most and most != count else "take " + (_FEW.get(count) or f"{count} times")


def event_words(timing: Mapping[str, Any]) -> Words:
    """On which days, and at which hour there."""
    events = _texts(timing, "event")
    moments = [_moment(event) for event in events or ()]
    if events is None or "" in moments:
        return None
    return f"on {listed(moments)}" if moments else ""


def listed(parts: list[str]) -> str:
    """Commas, and a final "and"."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _often(frequency: str, most: str, period: str, longest: str | None, unit: str) -> str:
    if not (frequency or most):
        if period == "1" and not longest:
            return _EVERY_ONE.get(unit, f"every {unit}")
        return f"every {_span(period, longest, unit)}"
    if not period:
        return f"{_times(frequency, most)} up to {in_number(longest or '', unit)}"
    if period == "1" and not longest:
        return f"{_times(frequency, most)} {'an' if unit == 'hour' else 'a'} {unit}"
    if frequency == "1" and most in ("", "1"):
        return f"every {_span(period, longest, unit)}"
    return f"{_times(frequency, most)} every {_span(period, longest, unit)}"


def _span(period: str, longest: str | None, unit: str) -> str:
    if not period:
        return f"up to {in_number(longest or '', unit)}"
    return f"{period} to {in_number(longest, unit)}" if longest else in_number(period, unit)


def _times(frequency: str, most: str) -> str:
    if not frequency:
        return f"up to {most} times" if most != "1" else "up to once"
    if most and most != frequency:
        return f"{frequency} to {most} times"
    return _FEW.get(frequency) or f"{frequency} times"


def _coded(timing: Mapping[str, Any]) -> Words:
    """A code may say all of it; `repeat` then holds at most the bounds."""
    code = timing.get("code")
    if not code:
        return ""
    if not isinstance(code, dict):
        return None
    codings = dicts_in(code, "coding")
    known = {_ABBREVIATED.get(text_in(coding, "code")) for coding in codings} - {None}
    if len(known) == 1:
        return known.pop()
    said = text_in(code, "text") or next((text for coding in codings if (text := text_in(coding, "display"))), "")
    return " ".join(said.split()) or None


def _count(repeat: Mapping[str, Any], element: str) -> Words:
    return digits(repeat.get(element))


def _falls(repeat: Mapping[str, Any], element: str) -> bool:
    """Whether the upper limit lies below the lower one."""
    low, high = repeat.get(element), repeat.get(f"{element}Max")
    return low is not None and high is not None and low > high  # both are numbers: `digits` has read them


def _texts(source: Mapping[str, Any], key: str) -> list[str] | None:
    value = source.get(key)
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [each.strip() for each in values] if all(isinstance(each, str) and each.strip() for each in values) else None


def _length(range_: Mapping[str, Any]) -> Words:
    ends = [each for each in (range_.get("low"), range_.get("high")) if isinstance(each, dict)]
    return range_words(range_) if any(unit_words(each) in TIME for each in ends) else None


def _period(period: Mapping[str, Any]) -> Words:
    said = []
    for word, element in (("from", "start"), ("until", "end")):
        if period.get(element):
            moment = _moment(text_in(period, element))
            if not moment:
                return None
            said.append(f"{word} {moment}")
    return " ".join(said) or None


def _moment(text: str) -> str:
    """A day as it stands; an instant as the day and hour in London."""
    if len(text) == 16 and text[10:11] == "T":
        text += ":00"
    instant = when(text)
    if instant is None:
        return ""
    if len(text) <= 10:
        return text
    try:
        local = instant.astimezone(_LONDON)
    except OverflowError:  # in the first or the last hour that there is
        return ""
    return f"{local.date().isoformat()} at {local:%H:%M}"
