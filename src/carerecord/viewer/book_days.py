"""Which lines of the book does a reader want, and how do they lie in days?"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from carerecord.contracts.audit import Line, LooksAsked
from carerecord.contracts.roles import ROLES
from carerecord.pages.dates import LONDON, moment
from carerecord.viewer.visit import Visit

AT_ONCE = 100
FIELDS = ("name", "organisation", "role", "since", "until")
NO_DAY = "{} cannot be read, so it leaves no line out below. Give a day such as 22-Nov-2026 or 22/11/2026."
DAYS = {"since": "The first day", "until": "The last day"}
_FORMS = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%d/%m/%Y", "%d %m %Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d")  # day first, as here


@dataclass(frozen=True)
class Wanted:
    """What was typed to narrow the book, and what of it could not be understood (field, words)."""

    typed: dict[str, str]
    before: str  # where the page before this one ended
    problems: tuple[tuple[str, str], ...]

    @property
    def narrows(self) -> bool:
        return any(self.typed.values())

    def asked(self, visit: Visit, person: tuple[str, ...]) -> LooksAsked:
        """In days of the reader's clock; `until` is a whole day. What is not understood narrows nothing."""
        since, until = _day(self.typed["since"]), _day(self.typed["until"])
        before = self.before or (_midnight(until + timedelta(days=1)) if until else "")
        name, organisation, role = (self.typed[each] for each in FIELDS[:3])
        role = role if role in ROLES else ""
        return LooksAsked(person, before, AT_ONCE, visit.actor, _midnight(since) if since else "", name, organisation, role)


def wanted(visit: Visit) -> Wanted:
    typed = {each: visit.sent(each)[:100] for each in FIELDS}
    problems = tuple((each, NO_DAY.format(words)) for each, words in DAYS.items() if typed[each] and _day(typed[each]) is None)
    since, until = _day(typed["since"]), _day(typed["until"])
    if since and until and until < since:
        problems = (("until", "The last day lies before the first."),)
    return Wanted(typed, visit.sent("before"), problems)


def by_day(lines: Iterable[Line]) -> Sequence[tuple[str, tuple[Line, ...]]]:
    """The lines of each day, newest first, each day by a moment of it."""
    return tuple((same[0].at, same) for same in (tuple(each) for _, each in groupby(lines, key=_day_of)))


def _day_of(line: Line) -> tuple[int, int, int] | str:
    when = moment(line.at)
    return (when.year, when.month or 0, when.day or 0) if when else line.at


def _day(typed: str) -> date | None:
    for form in _FORMS:
        with suppress(ValueError):
            found = datetime.strptime(typed, form).date()  # noqa: DTZ007 - a day of the reader's calendar
            return found if 1900 < found.year < 9999 else None
    return None


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), LONDON).isoformat()
