"""Which values are drawn together? The records desk decided that; here they become series on paper."""

from collections.abc import Sequence
from hashlib import sha256

from carerecord.contracts.records import Entry, Trend
from carerecord.fhir.facts import Measure
from carerecord.pages.charts.trend import Point, Series
from carerecord.pages.dates import clock_24, moment, short_date
from carerecord.viewer.view import View


def series(view: View, trend: Trend) -> Series | None:
    """One trend as a series, or None when nothing in it can be drawn."""
    entries = [view.entries[key] for key in trend.entries if key in view.entries]
    dates = [when for each in entries if (when := moment(each.facts.at))]
    if not dates:
        return None
    one_day = len({(each.year, each.month, each.day) for each in dates}) == 1 and len(dates) > 1
    this_year = all(each.year == view.fmt.now.year for each in dates) or _span_days(dates) < 300
    points = tuple(filter(None, (_point(view, each, trend, one_day, this_year) for each in entries)))
    if not points:
        return None
    key = sha256(f"{trend.key}|{trend.component}".encode()).hexdigest()[:10]
    words = next((each for each in (_range(view, entry, trend) for entry in reversed(entries)) if each), "")
    title = " ".join(filter(None, (trend.title, trend.component if trend.component not in trend.title else "")))
    return Series(key, title, trend.unit, points, trend.low, trend.high, words)


def _span_days(dates: Sequence[object]) -> int:
    firsts = sorted(each.first() for each in dates)  # type: ignore[attr-defined]
    return int((firsts[-1] - firsts[0]).days)


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


def _point(view: View, entry: Entry, trend: Trend, one_day: bool, this_year: bool) -> Point | None:
    found, when = measure(entry, trend), moment(entry.facts.at)
    if found is None or found.number is None or when is None or entry.mismatch or entry.facts.warning == "entered in error":
        return None
    date = short_date(when)
    said = clock_24(when) if one_day and when.timed else date[:6] if this_year and when.day else date
    laboratory = entry.facts.result.laboratory if entry.facts.result else ""
    laboratory = laboratory or view.mark_of(entry.origins[0].source).name
    outside = found.flag not in ("", "normal")
    return Point(when.first(), said, found.value, found.number, outside, "" if not outside else found.flag, laboratory)
