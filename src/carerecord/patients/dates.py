"""Which birth dates may be meant by what was typed?

Day before month, as everyone in the United Kingdom writes; a two-digit year may be of this century or the last.
"""

import re
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

OLDEST_YEARS: Final = 125

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june"),
            ("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october"), ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SEP: Final = r"[\s./\-–]+"
_FORMS: Final = tuple(
    re.compile(rf"(?<![\w]){form}(?![\w])", re.IGNORECASE)
    for form in (
        rf"(?P<y>\d{{4}}){_SEP}(?P<m>\d{{1,2}}){_SEP}(?P<d>\d{{1,2}})",
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*of)?[\s./\-–]*(?P<n>{_MONTH})\.?,?[\s./\-–]*(?P<y>\d{{4}}|\d{{2}})",
        rf"(?P<n>{_MONTH})\.?[\s./\-–]*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?{_SEP}(?P<y>\d{{4}}|\d{{2}})",
        r"(?P<d>\d{1,2})[./\-–](?P<m>\d{1,2})[./\-–](?P<y>\d{4}|\d{2})",
        r"(?P<d>\d{1,2})\s+(?P<m>\d{1,2})\s+(?P<y>\d{4}|\d{2})",
        r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{2})",
    )
)


class Typed(Struct, frozen=True):
    """A birth date found in typed text. `meant` holds every reading, most likely first; `near` those if it was mistyped."""

    meant: tuple[date, ...]
    near: tuple[date, ...]
    start: int  # where it stood in the text
    end: int
    bare: bool  # digits alone: it might be a local number too


def read(text: str, today: date) -> Typed | None:
    """The first birth date in `text`, or None. Never in the future, never over 125 years ago."""
    for form in _FORMS:
        for found in form.finditer(text):
            if meant := _readings(found.groupdict(), today):
                return Typed(meant, _slips(meant, today), found.start(), found.end(), found.group().isdigit())
    return None


def exact(text: str) -> date | None:
    """A whole FHIR date, or the date of a FHIR dateTime; None for a partial or broken one."""
    try:
        return date.fromisoformat(text[:10]) if len(text) >= 10 else None
    except ValueError:
        return None


def near(one: date, other: date) -> str:
    """How the two might be one date mistyped: "day and month swapped", "one digit", "digits swapped" or ""."""
    if one == other:
        return ""
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return "day and month swapped"
    left, right = _digits(one), _digits(other)
    differing = [at for at in range(8) if left[at] != right[at]]
    if len(differing) == 1:
        return "one digit"
    first, second = differing[0], differing[-1]
    swapped = len(differing) == 2 and (left[first], left[second]) == (right[second], right[first])
    return "digits swapped" if swapped and second - first <= 2 else ""


def _readings(parts: dict[str, str | None], today: date) -> tuple[date, ...]:
    day, year = int(parts["d"] or 0), parts["y"] or ""
    named = parts.get("n")
    # A pattern that does not look at case takes letters for ours that are not: the Turkish "aprıl" is none of these months.
    month = _MONTHS.get(named.lower(), 0) if named else int(parts.get("m") or 0)
    years = (int(year),) if len(year) == 4 else (2000 + int(year), 1900 + int(year))
    readings = [made for each in years if (made := _made(each, month, day))]
    if not readings and not named:  # 07/14/1945 can only be the other way round
        readings = [made for each in years if (made := _made(each, day, month))]
    return tuple(each for each in readings if today - timedelta(days=OLDEST_YEARS * 366) < each <= today)


def _digits(day: date) -> str:
    """DDMMYYYY, of the year 1 too."""
    return f"{day:%d%m}{day.year:04d}"


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _slips(meant: tuple[date, ...], today: date) -> tuple[date, ...]:
    """Every date that `near` holds of one of them, in order; some sixty for each."""
    found: dict[date, None] = {}
    for each in meant:
        digits = _digits(each)
        written = [digits[2:4] + digits[:2] + digits[4:]]
        for at in range(8):
            written += [digits[:at] + digit + digits[at + 1 :] for digit in "0123456789" if digit != digits[at]]
            for other in (at + 1, at + 2):
                if other < 8:
                    letters = list(digits)
                    letters[at], letters[other] = letters[other], letters[at]
                    written.append("".join(letters))
        for text in written:
            slip = _made(int(text[4:]), int(text[2:4]), int(text[:2]))
            if slip and slip not in meant and today - timedelta(days=OLDEST_YEARS * 366) < slip <= today:
                found[slip] = None
    return tuple(found)
