"""How did one value go? A trend with every value written, and a small multiple for the summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from carerecord.pages.charts import svg
from carerecord.pages.charts.scale import Axis, TimeAxis, time_axis, value_axis

SHOWN = 10  # more values than this crowd their labels: the newest are drawn and the caption says so
_WIDTH, _HEIGHT = 420.0, 190.0
_LONGEST = 60  # letters of what is written of something that happened
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 402.0, 26.0, 156.0


@dataclass(frozen=True)
class Point:
    """One value as sent, and where it lies."""

    at: datetime
    said: str  # when, as the page writes it: 22-Nov 11:40
    value: str  # text as received
    number: float
    outside: bool = False  # of the reference range, or flagged by its source
    flag: str = ""  # in words: high, low, critically high
    laboratory: str = ""


@dataclass(frozen=True)
class Happening:
    """What happened while values were taken: it stands at its time, and that one led to the other is nowhere said."""

    at: datetime
    said: str  # when, as the page writes it
    says: str  # ramipril stopped


@dataclass(frozen=True)
class Series:
    """Values that may share an axis, oldest first: one test, one unit, one method."""

    key: str
    title: str
    unit: str
    points: tuple[Point, ...]
    low: float | None = None
    high: float | None = None
    range: str = ""

    @property
    def drawn(self) -> tuple[Point, ...]:
        return self.points[-SHOWN:]

    @property
    def laboratories(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(point.laboratory for point in self.drawn if point.laboratory))


def sentence(series: Series) -> str:
    """What the drawing says, in one breath."""
    first, last = series.points[0], series.points[-1]
    unit = f" {series.unit}" if series.unit else ""
    flag = f", {last.flag}" if last.flag else ""
    if len(series.points) == 1:
        return f"{series.title} {last.value}{unit}{flag}, {last.said}."
    went = "rose" if last.number > first.number else "fell" if last.number < first.number else "is unchanged"
    return f"{series.title} {went} from {first.value} ({first.said}) to {last.value}{unit}{flag} ({last.said})."


def within(series: Series, happened: Sequence[Happening]) -> tuple[Happening, ...]:
    """Those that happened between two values that are drawn; none before the first, and none after the last."""
    points = series.drawn
    return tuple(each for each in happened if points[0].at <= each.at <= points[-1].at)


def trend(series: Series, happened: Sequence[Happening] = ()) -> Markup:
    """The trend as SVG. Open mark: inside the range. Filled and bold: outside. Shape: laboratory (GTAB-018 to 030)."""
    points = series.drawn
    axis = value_axis([point.number for point in points], series.low, series.high, _TOP, _BOTTOM)
    time = time_axis([point.at for point in points], _LEFT + 18, _RIGHT - 18)
    beside = within(series, happened)
    parts = [
        *_band(series, axis), *_axes(series, axis, time), *_beside(beside, points, time), *_line(points, axis, time),
        *_marks(series, axis, time),
    ]  # fmt: skip
    values = "; ".join(f"{point.said}: {point.value}{f' {point.flag}' if point.flag else ''}" for point in points)
    values += "".join(f". {each.said}: {each.says}" for each in beside)
    return svg.drawing(_WIDTH, _HEIGHT, f"trend-{series.key}", sentence(series), values, parts, "cr-trend__svg")


def _band(series: Series, axis: Axis) -> list[Markup]:
    if series.low is None and series.high is None:
        return []
    top = axis.at(series.high) if series.high is not None else axis.top
    bottom = axis.at(series.low) if series.low is not None else axis.bottom
    edges = [edge for edge, known in ((top, series.high), (bottom, series.low)) if known is not None]
    lines = "".join(f"M{svg.num(_LEFT)} {svg.num(edge)}H{svg.num(_RIGHT)}" for edge in edges)
    return [svg.rect(_LEFT, top, _RIGHT - _LEFT, max(bottom - top, 0), "band"), svg.path(lines, "edge")]


def _axes(series: Series, axis: Axis, time: TimeAxis) -> list[Markup]:
    base = svg.num(_BOTTOM + 8)
    parts = [svg.path(f"M{svg.num(_LEFT)} {svg.num(_TOP - 8)}V{base}H{svg.num(_RIGHT)}", "axis")]
    for edge in {series.low, series.high} - {None}:
        parts.append(svg.text(_LEFT - 6, axis.at(edge or 0.0) + 4, f"{edge:g}", cls="q", anchor="end"))
    if time.cut is not None:
        x = (time.places[time.cut] + time.places[time.cut + 1]) / 2
        low = svg.num(_BOTTOM + 13)
        parts.append(svg.path(f"M{svg.num(x - 7)} {low}l6 -10M{svg.num(x + 1)} {low}l6 -10", "cut"))
    taken = -1e9
    labels = [(place, point) for place, point in zip(time.places, series.drawn, strict=True)]
    for place, point in reversed(labels):  # the newest date is always written, older ones where there is room
        width = len(point.said) * 7.0
        end = place + width / 2
        x, anchor = (place, "middle") if end < _WIDTH else (_WIDTH - 2, "end")
        right = x + width / 2 if anchor == "middle" else x
        if taken != -1e9 and right > taken - 6:
            continue
        taken = right - width
        parts.append(svg.path(f"M{svg.num(place)} {base}v4", "axis"))
        parts.append(svg.text(x, _BOTTOM + 26, point.said, cls="q", anchor=anchor))
    return parts


def _beside(happened: Sequence[Happening], points: Sequence[Point], time: TimeAxis) -> list[Markup]:
    """An upright line at the time of each, its words above the drawing in the first of two rows where there is room."""
    parts: list[Markup] = []
    taken = [-1e9, -1e9]
    for each in sorted(happened, key=lambda happening: happening.at):
        x = time.between([point.at for point in points], each.at)
        words = _cut(each.says)
        half = len(words) * 2.9 + 2
        middle = min(max(x, half), _WIDTH - half)
        row = 0 if middle - half > taken[0] else 1
        if middle - half <= taken[row]:
            continue  # its line would stand without a word
        taken[row] = middle + half
        parts.append(svg.path(f"M{svg.num(x)} {12 + 11 * row}V{svg.num(_BOTTOM + 8)}", "happened"))
        parts.append(svg.text(middle, 9 + 11 * row, words, cls="happened", anchor="middle"))
    return parts


def _cut(says: str) -> str:
    """A long name without its end; what happened, the last word, stays. The edge of the paper would take the beginning, by which
    a medicine is known. In the words of the drawing it stands whole."""
    name, _, what = says.rpartition(" ")
    room = _LONGEST - len(what) - 2
    return says if len(says) <= _LONGEST else f"{name[:room]}… {what}"


def _line(points: tuple[Point, ...], axis: Axis, time: TimeAxis) -> list[Markup]:
    spots = [(time.places[each], axis.at(point.number)) for each, point in enumerate(points)]
    solid, dotted = "", ""
    for each in range(1, len(spots)):
        step = f"M{svg.num(spots[each - 1][0])} {svg.num(spots[each - 1][1])}L{svg.num(spots[each][0])} {svg.num(spots[each][1])}"
        if time.cut == each - 1:
            dotted += step
        else:
            solid += step
    return [svg.path(d, cls) for d, cls in ((solid, "line"), (dotted, "gap")) if d]


def _marks(series: Series, axis: Axis, time: TimeAxis) -> list[Markup]:
    shapes = {name: each for each, name in enumerate(series.laboratories)}
    spots = [(place, axis.at(point.number)) for place, point in zip(time.places, series.drawn, strict=True)]
    labels: list[Box] = []
    parts = []
    for (x, y), point in zip(spots, series.drawn, strict=True):
        label, box = _written(x, y, point.value, spots, labels)
        labels.append(box)
        parts.append(svg.mark(x, y, shapes.get(point.laboratory, 0), "pt out" if point.outside else "pt"))
        parts.append(svg.text(x, label, point.value, cls="v out" if point.outside else "v", anchor="middle"))
    return parts


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _written(x: float, y: float, words: str, spots: list[tuple[float, float]], labels: list[Box]) -> tuple[float, Box]:
    """Where a value is written: above its mark, else below it, else further off; where it hides the least."""
    half = len(words) * 3.8 + 2
    found: list[tuple[float, float, Box]] = []
    for rank, base in enumerate((y - 10, y + 20, y - 23, y + 33)):
        box = (x - half, base - 10, x + half, base + 1)
        hidden = 4 * sum(_meet(box, each) for each in labels)
        hidden += sum(_meet(box, (px - 5, py - 5, px + 5, py + 5)) for px, py in spots if (px, py) != (x, y))
        outside = 9.0 if box[1] < 0 or box[3] > _BOTTOM + 8 else 0.0
        found.append((hidden + outside + rank / 4, base, box))
    _, base, box = min(found)
    return base, box


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def small_multiple(series: Series) -> Markup:
    """The last eight values in equal steps: the shape of the course, beside the newest value in figures."""
    points = series.points[-8:]
    axis = value_axis([point.number for point in points], series.low, series.high, 5, 39)
    step = 86 / max(len(points) - 1, 1)
    spots = [(5 + step * each if len(points) > 1 else 48.0, axis.at(point.number)) for each, point in enumerate(points)]
    parts: list[Markup] = []
    if series.low is not None or series.high is not None:
        top = axis.at(series.high) if series.high is not None else 1.0
        bottom = axis.at(series.low) if series.low is not None else 43.0
        parts.append(svg.rect(0, top, 96, max(bottom - top, 0), "band"))
    if len(spots) > 1:
        parts.append(svg.path("M" + "L".join(f"{svg.num(x)} {svg.num(y)}" for x, y in spots), "line"))
    for place, ((x, y), point) in enumerate(zip(spots, points, strict=True)):
        size = 3.6 if place == len(points) - 1 else 1.8
        parts.append(svg.mark(x, y, 0, "pt out" if point.outside else "pt in", size))
    words = ", ".join(point.value for point in points)
    return svg.drawing(96, 44, f"small-{series.key}", sentence(series), f"Oldest first: {words}.", parts, "cr-small__svg")
