"""Is a sender silent for longer than its rhythm explains? From how much came in each hour of the past weeks. Pure.

What would have come since it was last heard is added up, hour by hour, from the same hours of the same weekday before. Nights and
Sundays are quiet by themselves: no sender is called silent for those.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

UNHEARD_S: Final = 86_400.0  # so long one may stay away that has never sent anything
ENOUGH: Final = 12.0  # messages that should have come: to miss them all by chance is one in a hundred thousand
_HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(days=7)
_LONGEST: Final = timedelta(days=21)


def expected(counts: Mapping[datetime, int], last: datetime, now: datetime) -> float:
    """How many messages should have come between `last` and now, by what came in the same hours before."""
    if not counts:
        return 0.0
    first = min(counts)
    hour = last.replace(minute=0, second=0, microsecond=0)
    total = 0.0
    while hour < now and hour - last < _LONGEST:
        share = (min(now, hour + _HOUR) - max(last, hour)) / _HOUR
        total += share * _usual(counts, first, hour)
        hour += _HOUR
    return total


def _usual(counts: Mapping[datetime, int], first: datetime, hour: datetime) -> float:
    """The mean of this hour a week, two, three, four weeks ago; of a young sender the least of the days before."""
    weeks = [counts.get(hour - back * _WEEK, 0) for back in range(1, 5) if hour - back * _WEEK >= first]
    if weeks:
        return sum(weeks) / len(weeks)
    days = [counts.get(hour - timedelta(days=back), 0) for back in range(1, 8) if hour - timedelta(days=back) >= first]
    return float(min(days)) if days else 0.0


def silence(counts: Mapping[datetime, int], last: datetime, now: datetime, *, after_s: float = 0.0) -> str:
    """Why it is thought to be silent, for a person; "" = it is not. `after_s`: what its row says, in place of its rhythm."""
    gone = (now - last).total_seconds()
    if after_s:
        return f"Nothing for {_words(gone)}; its row says {_words(after_s)} at most." if gone > after_s else ""
    missed = expected(counts, last, now)
    if missed < ENOUGH:
        return ""
    return f"Nothing for {_words(gone)}, when about {round(missed):,} messages would have come by its rhythm."


def never_heard(since: datetime, now: datetime, *, after_s: float = 0.0) -> str:
    """The same of one that has never sent anything, awaited since then."""
    gone = (now - since).total_seconds()
    return f"Nothing has ever come from it; it is awaited for {_words(gone)}." if gone > (after_s or UNHEARD_S) else ""


def _words(seconds: float) -> str:
    if seconds < 5_400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3_600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
