"""How is a moment written, for a clinician and for a patient? Only as precisely as its source stated it.

Clinician: NHS Common User Interface (CUI), ISB 1500-1508: D+Ta (dates), D+Tb (times), PAB tables 7-8 (ages).
Patient: NHS digital service manual.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_FHIR = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$")


@dataclass(frozen=True)
class Moment:
    """A FHIR date or dateTime with the precision that it came with; times are UK local time."""

    year: int
    month: int = 0  # 0 = not stated
    day: int = 0
    hour: int = -1  # -1 = not stated
    minute: int = 0
    zoned: datetime | None = None

    @property
    def timed(self) -> bool:
        return self.hour >= 0

    def first(self) -> datetime:
        """The earliest instant that it may mean: for order and for drawing only."""
        if self.zoned is not None:
            return self.zoned
        hour = max(self.hour, 0)
        return datetime(self.year, self.month or 1, self.day or 1, hour, self.minute, tzinfo=LONDON).astimezone(UTC)


def moment(text: str) -> Moment | None:
    """Read a FHIR date or dateTime; None when it is empty or is none."""
    found = _FHIR.match(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, zone = found.groups()
    try:
        if hour is None:
            date(int(year), int(month or 1), int(day or 1))
            return Moment(int(year), int(month or 0), int(day or 0))
        if zone is None:
            datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=LONDON)
            return Moment(int(year), int(month), int(day), int(hour), int(minute))
        offset = zone.replace("Z", "+00:00")
        at = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}{offset}")
        local = at.astimezone(LONDON)
    except (ValueError, OverflowError):  # 0001-01-01T00:00:00Z, which many a system sends for "none", is of no year in London
        return None
    return Moment(local.year, local.month, local.day, local.hour, local.minute, at.astimezone(UTC))


def short_date(when: Moment) -> str:
    """06-Aug-2018, Aug-2018 or 2018 (D+Ta-0002 to 0018)."""
    if not when.month:
        return f"{when.year:04d}"
    if not when.day:
        return f"{_SHORT[when.month - 1]}-{when.year:04d}"
    return f"{when.day:02d}-{_SHORT[when.month - 1]}-{when.year:04d}"


def long_date(when: Moment) -> str:
    """6 August 2018: for patients, and for screen readers everywhere."""
    month = f"{_LONG[when.month - 1]} " if when.month else ""
    day = f"{when.day} " if when.day else ""
    return f"{day}{month}{when.year:04d}"


def clock_24(when: Moment) -> str:
    """17:30; midnight is 00:00 (D+Tb-0001 to 0009, 0032)."""
    return f"{when.hour:02d}:{when.minute:02d}"


def clock_12(when: Moment) -> str:
    """5:30pm, 5pm, midday, midnight."""
    if when.minute == 0 and when.hour in (0, 12):
        return "midday" if when.hour else "midnight"
    minutes = f":{when.minute:02d}" if when.minute else ""
    return f"{(when.hour - 1) % 12 + 1}{minutes}{'am' if when.hour < 12 else 'pm'}"


def age(born: Moment, now: datetime) -> str:
    """The age in the units of the CUI patient banner, tables 7-8: 90min 26hrs 3d 4w 1d 13m 8d 4y 1m 61y.

    Minutes and hours need a time of birth; a birth date that is not whole gives the years that it may mean.
    """
    here = now.astimezone(LONDON)
    if not born.day:
        newest = here.year - born.year - (1 if born.month and born.month > here.month else 0)
        sure = born.month and born.month != here.month
        return f"{newest}y" if sure else f"{max(newest - 1, 0)}y or {newest}y"
    if born.timed:
        lived = now - born.first()
        if lived < timedelta(hours=2):
            return f"{max(int(lived.total_seconds() // 60), 0)}min"
        if lived < timedelta(days=2):
            return f"{int(lived.total_seconds() // 3600)}hrs"
    return _age_in_days(date(born.year, born.month, born.day), here.date())


def _age_in_days(birth: date, today: date) -> str:
    days = max((today - birth).days, 0)
    months = (today.year - birth.year) * 12 + today.month - birth.month - (today.day < birth.day)
    if days < 28:
        return f"{days}d"
    if months < 12:
        return f"{days // 7}w {days % 7}d"
    if months < 24:
        return f"{months}m {(today - _months_after(birth, months)).days}d"
    if months < 18 * 12:
        return f"{months // 12}y {months % 12}m"
    return f"{months // 12}y"


def _months_after(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = start.day
    while True:
        try:
            return date(year, month + 1, day)
        except ValueError:
            day -= 1


def since(when: Moment, now: datetime) -> str:
    """How old a value is, in one unit that a reader can feel: 4 min, 3 h, 13 d, 7 months, 4 years."""
    lived = now - when.first()
    minutes = int(lived.total_seconds() // 60)
    if when.timed and minutes < 60:
        return f"{max(minutes, 0)} min"
    if when.timed and minutes < 48 * 60:
        return f"{minutes // 60} h"
    then, today = when.first().astimezone(LONDON).date(), now.astimezone(LONDON).date()
    days = (today - then).days
    months = (today.year - then.year) * 12 + today.month - then.month - (today.day < then.day)
    if days < 1:
        return "today"
    if days < 120:
        return f"{days} d"
    return f"{months} months" if months < 24 else f"{months // 12} years"
