"""Who saw this person, and when? One lane for each source, on two scales: the last year by month, the last month by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from carerecord.pages.charts import svg
from carerecord.pages.dates import LONDON

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OLD = (134.0, 348.0)  # twelve months
_NEW = (362.0, 852.0)  # thirty days
_LANE, _HEAD = 25.0, 24.0
_LETTER = 6.8  # the widest that a letter is on average, among the faces that a page may get


@dataclass(frozen=True)
class Contact:
    """One thing that happened. `kind`: unplanned | stay | planned | supply."""

    at: datetime
    kind: str
    says: str  # "A&E, fall"; with its date, for the title of the mark
    label: str = ""  # written beside the mark where there is room
    until: datetime | None = None  # of a stay


@dataclass(frozen=True)
class Lane:
    """One source. With `unseen`, its lane is hatched and bears the words: we cannot see what is there."""

    mark: str
    name: str
    contacts: tuple[Contact, ...] = ()
    unseen: str = ""


def lanes(rows: Sequence[Lane], now: datetime, key: str = "lanes") -> Markup:
    """The drawing. Contacts older than a year are not on it; the list beside it has them."""
    bottom = _HEAD + _LANE * len(rows)
    parts = [_hatch(key), *_scales(rows, now, bottom)]
    for place, row in enumerate(rows):
        parts += _lane(row, _HEAD + _LANE * place, place, now, key)
    said = "; ".join(f"{row.name}: {row.unseen or _count(row, now)}" for row in rows)
    title = "Contacts in the last year, one lane for each source"
    return svg.drawing(860, bottom + 24, key, title, said + ".", parts, "cr-lanes")


def _count(row: Lane, now: datetime) -> str:
    seen = [each for each in row.contacts if now - each.at <= timedelta(days=365)]
    newest = f", newest {max(seen, key=lambda each: each.at).says}" if seen else ""
    return f"{len(seen)} in the last year{newest}"


def _hatch(key: str) -> Markup:
    return Markup(
        '<defs><pattern id="{}-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="hatch-a" width="6" height="6"></rect><rect class="hatch-b" width="3" height="6"></rect></pattern></defs>'
    ).format(key)


def _x(at: datetime, now: datetime) -> float | None:
    days = (now - at).total_seconds() / 86400
    if days <= 30:
        return _NEW[1] - 8 - max(days, 0.0) / 30 * (_NEW[1] - _NEW[0] - 20)
    if days <= 365:
        return _OLD[1] - 6 - (days - 30) / 335 * (_OLD[1] - _OLD[0] - 12)
    return None


def _scales(rows: Sequence[Lane], now: datetime, bottom: float) -> list[Markup]:
    parts = [svg.text(_OLD[0], 14, "Last 12 months", cls="q"), svg.text(_NEW[0], 14, "Last 30 days, by day", cls="h")]
    for place, row in enumerate(rows):
        for left, right in (_OLD, _NEW):
            y = _HEAD + _LANE * place
            parts.append(svg.rect(left, y, right - left, _LANE, "stripe" if place % 2 == 0 else "plain"))
        parts.append(svg.text(2, _HEAD + _LANE * place + 16.5, row.mark, cls="h"))
        parts.append(svg.text(28, _HEAD + _LANE * place + 16.5, row.name, cls="n"))
    here = now.astimezone(LONDON)
    for back in (11, 8, 5, 2):
        year, month = divmod(here.year * 12 + here.month - 1 - back, 12)
        place_x = _x(datetime(year, month + 1, 1, tzinfo=LONDON), now)
        if place_x is not None and place_x < _OLD[1]:
            parts.append(svg.path(f"M{svg.num(place_x)} {_HEAD}V{svg.num(bottom + 4)}", "tick"))
            parts.append(svg.text(place_x, bottom + 18, _MONTHS[month], cls="q", anchor="middle"))
    for days in (28, 21, 14, 7):
        day = here - timedelta(days=days)
        day_x = _x(day, now) or 0.0
        parts.append(svg.path(f"M{svg.num(day_x)} {_HEAD}V{svg.num(bottom + 4)}", "tick"))
        parts.append(svg.text(day_x, bottom + 18, f"{day.day:02d}-{_MONTHS[day.month - 1]}", cls="q", anchor="middle"))
    today = _NEW[1] - 8
    parts.append(svg.path(f"M{svg.num(today)} {_HEAD}V{svg.num(bottom + 4)}", "today"))
    parts.append(svg.text(_NEW[1], bottom + 18, "Today", cls="h", anchor="end"))
    return parts


def _lane(row: Lane, top: float, place: int, now: datetime, key: str) -> list[Markup]:
    parts: list[Markup] = []
    if row.unseen:
        for left, right in (_OLD, _NEW):
            hatch = Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="url(#{}-h)"></rect>')
            parts.append(hatch.format(svg.num(left), svg.num(top + 1), svg.num(right - left), _LANE - 2, key))
        parts.append(svg.rect(_NEW[0] + 6, top + 4, len(row.unseen) * _LETTER + 12, _LANE - 8, "paper"))
        parts.append(svg.text(_NEW[0] + 12, top + 17, row.unseen, cls="n"))
    middle = top + _LANE / 2
    edge = 1e9  # newest first, so that the newest has the room for its label
    for each in sorted(row.contacts, key=lambda contact: contact.at, reverse=True):
        x = _x(each.at, now)
        if x is None:
            continue
        start, right = x, x
        if each.kind == "stay" and each.until is not None:
            right = min(max(_x(each.until, now) or x, x + 6), _NEW[1] - 8)
            start = min(x, right - 6)  # seen, however short, and never in the future
            parts.append(svg.rect(start, middle - 5, right - start, 10, "stay", svg.titled(each.says)))
        else:
            parts.append(_mark(x, middle, each))
        width = len(each.label) * _LETTER
        if each.label and x > _NEW[0] and start - 12 - width > _NEW[0] and right + 4 < edge and not row.unseen:
            parts.append(svg.text(start - 10, middle + 4, each.label, cls="n", anchor="end"))
            edge = start - 12 - width
        else:
            edge = min(edge, start - 8)
    return parts


def _mark(x: float, y: float, contact: Contact) -> Markup:
    title = svg.titled(contact.says)
    if contact.kind == "unplanned":
        return svg.path(f"M{svg.num(x)} {svg.num(y - 6.5)}l6.5 6.5-6.5 6.5-6.500-6.500z", "unplanned", title)
    if contact.kind == "supply":
        return svg.rect(x - 4.5, y - 4.5, 9, 9, "supply", title)
    return svg.circle(x, y, 5, "stay-point" if contact.kind == "stay" else "planned", title)
