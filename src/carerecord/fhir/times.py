"""When is a FHIR date or dateTime, for comparing and sorting? What a page shows is always the text as received."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_LONDON: Final = ZoneInfo("Europe/London")
_FORM: Final = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?\Z")


def when(text: str, *, end: bool = False) -> datetime | None:
    """The instant that `text` begins at (or, with `end`, the last one that it covers); None where it is no FHIR time.

    A date alone is a day in London: a birth date has no zone, and a day there is what the clinician meant.
    """
    if not _FORM.match(text):
        return None
    try:
        if len(text) > 10:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=_LONDON)).astimezone(UTC)
        year, month, day = int(text[:4]), int(text[5:7] or 1), int(text[8:10] or 1)
        start = date(year, month, day)
        if end:
            start = _next(start, len(text))
        moment = datetime.combine(start, time(), _LONDON).astimezone(UTC)
        return moment - timedelta(microseconds=1) if end else moment
    except (ValueError, OverflowError):
        return None


def sort_key(text: str) -> float:
    """Seconds since 1970 for putting times of any precision in order; what has no time comes before all."""
    moment = when(text)
    return moment.timestamp() if moment else float("-inf")


def ends_first(start: str, end: str) -> bool:
    """Whether a period ends before it begins, compared as far as both are told: 2026-11 and 2026-11-22 do not contradict each
    other, and two times are compared as times, whatever their zones."""
    if len(start) <= 10 or len(end) <= 10:
        shared = min(len(start), len(end), 10)
        return end[:shared] < start[:shared]
    if len(start) == len(end) and start[19:] == end[19:]:
        return end < start
    begins, over = when(start), when(end)
    return begins is not None and over is not None and over < begins


def _next(start: date, length: int) -> date:
    if length == 10:
        return start + timedelta(days=1)
    if length == 7:
        return date(start.year + start.month // 12, start.month % 12 + 1, 1)
    return date(start.year + 1, 1, 1)
