"""Which values are drawn together? The records desk decided that; here they become series on paper."""

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from carerecord.contracts.records import Entry, Trend
from carerecord.fhir.facts import Measure
from carerecord.pages.charts.trend import Point, Series
from carerecord.pages.dates import Moment, clock_24, short_date
from carerecord.viewer.view import View


def series(view: View, trend: Trend) -> Series | None:
    """One trend as a series, or None when nothing in it can be drawn."""
    key = (trend.key, trend.component)
    if key not in view.drawn:
        view.drawn[key] = _series(view, trend)
    return view.drawn[key]


def _series(view: View, trend: Trend) -> Series | None:
    entries = [view.entries[key] for key in trend.entries if key in view.entries]
    moments = [view.fmt.moment(each.facts.at) for each in entries]
    dates = [when for when in moments if when]
    if not dates:
        return None
    label = _label(dates, view.fmt.now)
    points = tuple(filter(None, (_point(view, each, when, trend, label) for each, when in zip(entries, moments, strict=True))))
    if not points:
        return None
    key = sha256(f"{trend.key}|{trend.component}".encode()).hexdigest()[:10]
    words = next((each for each in (_range(view, entry, trend) for entry in reversed(entries)) if each), "")
    return Series(key, _title(trend), trend.unit, points, trend.low, trend.high, words)


def _title(trend: Trend) -> str:
    """Full blood count Haemoglobin; where one says the other, it alone: Systolic blood pressure."""
    whole, part = trend.title, trend.component
    if part.casefold() in whole.casefold():
        return whole
    return part if whole.casefold() in part.casefold() else f"{whole} {part}"


def _label(dates: Sequence[Moment], now: datetime) -> Callable[[Moment], str]:
    """How a value's moment is written under its mark: no shorter than tells it from the others and from another year."""
    firsts = sorted(each.first() for each in dates)
    several, days = len(firsts) > 1, (firsts[-1] - firsts[0]).days
    timed = all(each.timed for each in dates)
    if several and timed and len({(each.year, each.month, each.day) for each in dates}) == 1 and (now - firsts[0]).days < 1:
        return clock_24
    if (now - firsts[0]).days >= 300:
        return short_date
    if several and timed and days < 3:
        return lambda when: f"{short_date(when)[:6]} {clock_24(when)}"
    return lambda when: short_date(when)[:6] if when.day else short_date(when)


def measure(entry: Entry, trend: Trend) -> Measure | None:
    result = entry.facts.result
    if result is None:
        return None
    if not trend.component:
        return result.measure
    return next((each for each in result.components if each.name == trend.component), None)


def _range(view: View, entry: Entry, trend: Trend) -> str:
    found = measure(entry, trend)
    return found.range if found else ""


def _point(view: View, entry: Entry, when: Moment | None, trend: Trend, label: Callable[[Moment], str]) -> Point | None:
    found = measure(entry, trend)
    if found is None or found.number is None or when is None or entry.mismatch or entry.facts.warning == "entered in error":
        return None
    laboratory = entry.facts.result.laboratory if entry.facts.result else ""
    laboratory = laboratory or view.mark_of(entry.source).name
    outside = found.flag not in ("", "normal")
    return Point(when.first(), label(when), found.value, found.number, outside, "" if not outside else found.flag, laboratory)
