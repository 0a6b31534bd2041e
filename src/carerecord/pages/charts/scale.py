"""Where on the paper does a value or a moment lie?"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` on pixels from `bottom` up to `top`."""

    low: float
    high: float
    top: float
    bottom: float

    def at(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)


def value_axis(values: list[float], low: float | None, high: float | None, top: float, bottom: float) -> Axis:
    """An axis that holds every value and the reference range, with a margin around both (GTAB-166)."""
    known = [*values, *(edge for edge in (low, high) if edge is not None)]
    least, most = min(known), max(known)
    margin = (most - least) * 0.18 or abs(most) * 0.15 or 1.0
    floor = least - margin
    return Axis(0.0 if floor < 0 <= least else floor, most + margin, top, bottom)


@dataclass(frozen=True)
class TimeAxis:
    """Pixels for moments. With `cut`, a long stretch without values is left out, and a page draws the cut."""

    places: tuple[float, ...]
    cut: int | None = None  # the axis is cut after the point of this index

    def between(self, moments: Sequence[datetime], at: datetime) -> float:
        """Where a moment lies between the two of `moments`, the axis's own, that it stands between."""
        after = min(max(bisect_left(moments, at), 1), len(moments) - 1) if len(moments) > 1 else 0
        if not after:
            return self.places[0]
        span = (moments[after] - moments[after - 1]).total_seconds()
        share = (at - moments[after - 1]).total_seconds() / span if span else 0.0
        return self.places[after - 1] + share * (self.places[after] - self.places[after - 1])


def time_axis(moments: list[datetime], left: float, right: float) -> TimeAxis:
    """To scale. Where the newest values crowd into a fifth of the span, or one gap takes over 45 % of it, the axis is cut and
    each side is to scale by itself: the last days are where decisions are.

    One point stands in the middle. Points on one moment are spread by a pixel, so that none hides another.
    """
    if len(moments) == 1:
        return TimeAxis(((left + right) / 2,))
    seconds = [each.timestamp() for each in moments]
    span = seconds[-1] - seconds[0]
    if span <= 0:
        step = (right - left) / (len(seconds) - 1)
        return TimeAxis(tuple(left + step * place for place in range(len(seconds))))
    crowd = next((each for each in range(len(seconds) - 3) if seconds[-1] - seconds[each + 1] < 0.2 * span), None)
    gaps = [after - before for before, after in pairwise(seconds)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    if crowd is not None and gaps[crowd] < seconds[-1] - seconds[crowd + 1]:
        crowd = None  # no gap before the crowd: it is a course, not two
    widest = crowd if crowd is not None else widest
    if len(seconds) < 4 or (crowd is None and gaps[widest] < 0.45 * span):
        return TimeAxis(_spread([left + (each - seconds[0]) / span * (right - left) for each in seconds], right))
    break_width = 34.0
    here = (right - left - break_width) * max(0.25, min(0.75, (widest + 1) / len(seconds)))
    old = _side(seconds[: widest + 1], left, left + here)
    new = _side(seconds[widest + 1 :], left + here + break_width, right)
    return TimeAxis((*old, *new), cut=widest)


def _side(seconds: list[float], left: float, right: float) -> list[float]:
    if len(seconds) == 1 or seconds[-1] == seconds[0]:
        return [(left + right) / 2 + place for place in range(len(seconds))]
    span = seconds[-1] - seconds[0]
    return list(_spread([left + (each - seconds[0]) / span * (right - left) for each in seconds], right))


def _spread(places: list[float], right: float) -> tuple[float, ...]:
    """Push points apart to at least the width of a mark, from the left, then back from the right edge."""
    least = min(11.0, (right - places[0]) / max(len(places) - 1, 1))
    out = list(places)
    for each in range(1, len(out)):
        out[each] = max(out[each], out[each - 1] + least)
    limit = right
    for each in range(len(out) - 1, -1, -1):
        out[each] = min(out[each], limit)
        limit = out[each] - least
    return tuple(out)
