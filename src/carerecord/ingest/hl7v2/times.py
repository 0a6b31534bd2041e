"""When is a time of HL7? As FHIR writes it, and no more exact; as text that sorts, for the order of statements."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_FORM: Final = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:[T ]?(\d{2})(?:(\d{2})(?:(\d{2})(\.\d{1,9}|\d{1,6})?)?)?)?)?)?\s?([+-]\d{2}:?\d{2}|Z)?\Z",
    re.ASCII,
)
_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?\s?([+-]\d{2}:?\d{2}|Z)?\Z", re.ASCII
)
_MINUTE: Final = timedelta(minutes=1)
AHEAD: Final = timedelta(hours=1)  # how far a sender's clock may be ahead of ours before it is not believed


@lru_cache(32)
def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "Europe/London")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("Europe/London")


def fhir_time(text: str, zone: ZoneInfo, received_at: datetime | None = None) -> str:
    """A FHIR date or dateTime ("2026", "2026-11-22", "2026-11-22T07:05:00+00:00"); "" where it is no time.

    FHIR has no hour without minutes, nor minutes without seconds: those are written as zero.
    """
    found = read(text, zone)
    return found.second.fhir if found.second is not None and _has_come(found.second, received_at) else found.fhir


def fhir_date(text: str) -> str:
    """A FHIR date, the time of day left out: of a birth."""
    found = _FORM.match(text) or _ISO.match(text)
    if found is None:
        return ""
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return ""
    return "-".join(filter(None, (found[1], found[2], found[3])))


def clock_time(text: str) -> str:
    """A FHIR time of HL7's TM: "07:05:00"; "" where it is none."""
    found = re.match(r"(\d{2})(\d{2})(?:(\d{2}))?(?:\.\d+)?(?:[+-]\d{4})?\Z", text, re.ASCII)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        return ""
    return f"{found[1]}:{found[2]}:{found[3] or '00'}"


def sorted_as(text: str, zone: ZoneInfo, received_at: datetime | None = None) -> str:
    """The instant in UTC, as text that sorts; "" where the text does not say at least the minute."""
    found = read(text, zone)
    return found.second.sorts if found.second is not None and _has_come(found.second, received_at) else found.sorts


def utc_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"  # a third of what strftime takes


class Read(NamedTuple):
    """What a text says as a time."""

    fhir: str  # "" = no time
    sorts: str = ""  # "" = less than the minute is said
    at: datetime | None = None
    second: "Read | None" = None  # in autumn an hour is there twice: which it is depends on when the text was received


def _has_come(second: Read, received_at: datetime | None) -> bool:
    """It is the second time of an hour that is there twice where that has come by the time of receipt."""
    return received_at is not None and second.at is not None and second.at <= received_at + timedelta(minutes=5)


@lru_cache(8_192)  # a message says the same time in ten places, and a laboratory's day has few
def read(text: str, zone: ZoneInfo) -> Read:
    """All that a text says as a time; of one of the hour that is there twice, what it says the first time."""
    found = _FORM.match(text) or _ISO.match(text)
    if found is None:
        return Read("")
    year, month, day, hour = found[1], found[2], found[3], found[4]
    try:
        if hour is None:
            date(int(year), int(month or 1), int(day or 1))
            return Read("-".join(filter(None, (year, month, day))))
        moment = _moment(found, zone)
        if (moment.utcoffset() or timedelta()) % _MINUTE:  # before the railways a place had its own, of which FHIR knows nothing
            return Read(f"{year}-{month}-{day}")
        again = moment.replace(fold=1)
        twice = found[8] is None and again.utcoffset() != moment.utcoffset()
        minute = found[5] is not None
        return _written(moment, minute, _written(again, minute) if twice else None)
    except (ValueError, OverflowError):
        return Read("")


def _written(moment: datetime, to_the_minute: bool, second: Read | None = None) -> Read:
    return Read(moment.isoformat(), utc_text(moment) if to_the_minute else "", moment, second)


def _moment(found: re.Match[str], zone: ZoneInfo) -> datetime:
    fraction = int(found[7].lstrip(".")[:6].ljust(6, "0")) if found[7] else 0
    hour, minute, second = int(found[4]), int(found[5] or 0), int(found[6] or 0)
    local = datetime(int(found[1]), int(found[2]), int(found[3]), hour, minute, min(second, 59), fraction)  # noqa: DTZ001
    if (offset := found[8]) is not None:
        return datetime.fromisoformat(local.isoformat() + ("+00:00" if offset == "Z" else f"{offset[:3]}:{offset[-2:]}"))
    return local.replace(tzinfo=zone)
