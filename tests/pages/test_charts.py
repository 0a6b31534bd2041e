"""Do the drawings say what the values say: every value written, nothing smoothed, nothing by colour alone?"""

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

from carerecord.pages.charts.lanes import Contact, Lane, lanes
from carerecord.pages.charts.scale import time_axis, value_axis
from carerecord.pages.charts.trend import SHOWN, Happening, Point, Series, sentence, small_multiple, trend, within

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def series(*values: tuple[float, str], low: float | None = 3.5, high: float | None = 5.3, laboratories: str = "A") -> Series:
    """Values with how many days ago they were taken."""
    points = []
    for place, (days, value) in enumerate(values):
        number = float(value)
        outside = (low is not None and number < low) or (high is not None and number > high)
        flag = "high" if high is not None and number > high else "low" if outside else ""
        laboratory = laboratories[place % len(laboratories)]
        points.append(Point(NOW - timedelta(days=days), f"{days:g} d", value, number, outside, flag, laboratory))
    return Series("k", "Potassium", "mmol/L", tuple(points), low, high, "3.5 to 5.3")


POTASSIUM = series((315, "4.6"), (215, "4.8"), (111, "4.9"), (14, "6.10"), (12, "5.5"), (10, "5.1"), (0, "5.0"))


def test_gtab_every_value_is_written_as_received() -> None:
    drawn = str(trend(POTASSIUM))
    for point in POTASSIUM.points:
        assert f">{point.value}</text>" in drawn


def test_a_drawing_is_well_formed_and_has_a_name_and_a_description() -> None:
    root = ElementTree.fromstring(str(trend(POTASSIUM)))
    assert root.attrib["role"] == "img"
    assert root[0].text == "Potassium fell from 4.6 (315 d) to 5.0 mmol/L (0 d)." or "rose" in (root[0].text or "")
    assert "14 d: 6.10 high" in (root[1].text or "")


def test_a_value_outside_its_range_is_filled_bold_and_said_in_words() -> None:
    drawn = str(trend(POTASSIUM))
    assert drawn.count('class="pt out"') == 2
    assert drawn.count('class="v out"') == 2
    assert "6.10 high" in drawn


def test_lines_are_straight_and_a_cut_axis_is_drawn_as_a_cut_with_a_dotted_line() -> None:
    drawn = str(trend(POTASSIUM))
    assert 'class="cut"' in drawn
    assert 'class="gap"' in drawn
    for path in re.findall(r'class="(?:line|gap)" d="([^"]*)"', drawn):
        assert set(re.findall(r"[A-Za-z]", path)) == {"M", "L"}


def test_an_even_course_is_to_scale_and_not_cut() -> None:
    axis = time_axis([NOW - timedelta(days=each) for each in (40, 30, 20, 10, 0)], 0, 400)
    assert axis.cut is None
    steps = [later - earlier for earlier, later in zip(axis.places, axis.places[1:], strict=False)]
    assert max(steps) - min(steps) < 0.01


def test_two_laboratories_have_two_shapes_on_one_trend() -> None:
    drawn = str(trend(series((62, "4.2"), (20, "4.1"), (0, "4.0"), laboratories="AB")))
    assert '<circle class="pt' in drawn
    assert '<rect class="pt' in drawn


def test_the_axis_holds_every_value_and_the_range_with_a_margin() -> None:
    axis = value_axis([6.1, 4.6], 3.5, 5.3, 0, 100)
    assert axis.low < 3.5
    assert axis.high > 6.1
    assert value_axis([5.0], None, None, 0, 100).low < 5.0


def test_more_values_than_fit_are_left_to_the_table_newest_first_drawn() -> None:
    many = series(*((300 - each * 10, f"4.{each % 10}") for each in range(25)))
    assert len(many.drawn) == SHOWN
    assert many.drawn[-1] is many.points[-1]


def test_values_at_one_moment_do_not_hide_each_other() -> None:
    places = time_axis([NOW, NOW, NOW], 0, 100).places
    assert len(set(places)) == 3


def test_one_value_is_a_point_and_a_sentence_of_its_own() -> None:
    one = series((3, "6.1"))
    assert 'class="line"' not in str(trend(one))
    assert sentence(one) == "Potassium 6.1 mmol/L, high, 3 d."
    assert "<circle" in str(small_multiple(one))


def test_words_of_a_source_cannot_become_markup() -> None:
    point = Point(NOW, "<i>", '"><script>', 1.0)
    drawn = str(trend(Series("k", "<b>", "<u>", (point,))))
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    ElementTree.fromstring(drawn)


def test_a_source_that_cannot_be_seen_has_a_hatched_lane_with_its_words() -> None:
    drawn = str(lanes((Lane("GP", "Elm Bank", (), "Elm Bank Surgery: did not answer"),), NOW))
    assert 'fill="url(#lanes-h)"' in drawn
    assert "Elm Bank Surgery: did not answer" in drawn


def test_each_kind_of_contact_has_a_shape_and_a_title() -> None:
    contacts = (
        Contact(NOW, "unplanned", "today A&E", "A&E now"),
        Contact(NOW - timedelta(days=14), "stay", "ward", "Ward", NOW - timedelta(days=9)),
        Contact(NOW - timedelta(days=2), "planned", "nurse", "Nurse"),
        Contact(NOW - timedelta(days=4), "supply", "dispensed", "Dispensed"),
        Contact(NOW - timedelta(days=800), "planned", "long ago"),
    )
    drawn = str(lanes((Lane("AH", "Aldermoor", contacts),), NOW))
    for shape in ('path class="unplanned"', 'rect class="stay"', 'circle class="planned"', 'rect class="supply"'):
        assert shape in drawn
    assert "long ago" not in drawn
    assert "A&amp;E now" in drawn
    ElementTree.fromstring(drawn)


def test_what_happened_between_two_values_stands_between_them_in_words_and_nothing_before_or_after() -> None:
    stop = Happening(NOW - timedelta(days=11), "11 d", "x stopped")
    supply = Happening(NOW - timedelta(days=5), "5 d", "x dispensed")
    early, late = Happening(NOW - timedelta(days=400), "", "too early"), Happening(NOW + timedelta(days=1), "", "to come")
    assert within(POTASSIUM, (early, stop, supply, late)) == (stop, supply)
    drawn = str(trend(POTASSIUM, (early, stop, supply, late)))
    assert drawn.count('<path class="happened"') == 2
    assert "11 d: x stopped. 5 d: x dispensed" in drawn, "for those who do not see it"
    assert "too early" not in drawn
    found = re.findall(r'<path class="happened" d="M([\d.]+) [^>]*></path><text[^>]*>([^<]*)<', drawn)
    xs = {words: float(x) for x, words in found}
    marks = [float(x) for x in re.findall(r'<circle class="pt[^"]*" cx="([\d.]+)"', drawn)]
    assert marks[4] < xs["x stopped"] < marks[5] < xs["x dispensed"] < marks[6]


def test_a_long_name_keeps_its_beginning_and_what_happened_and_stands_whole_in_the_words_of_the_drawing() -> None:
    name = "Amoxicillin 250mg/5ml oral suspension sugar free (A A H Pharmaceuticals Ltd)"
    drawn = str(trend(POTASSIUM, [Happening(NOW - timedelta(days=11), "11 d", f"{name} stopped")]))
    (words,) = re.findall(r'<text[^>]*class="happened"[^>]*>([^<]*)<', drawn)
    assert words.startswith("Amoxicillin 250mg/5ml")
    assert words.endswith("… stopped")
    assert len(words) <= 60
    assert f"{name} stopped" in drawn


def test_a_line_whose_words_have_no_room_is_not_drawn_without_them() -> None:
    crowd = [Happening(NOW - timedelta(days=1, hours=each), "", f"medicine number {each} stopped") for each in range(6)]
    drawn = str(trend(POTASSIUM, crowd))
    assert drawn.count('<path class="happened"') == drawn.count('<text x="') - str(trend(POTASSIUM)).count('<text x="') == 2


def test_a_stay_that_began_just_now_is_drawn_and_not_in_the_future() -> None:
    drawn = str(lanes((Lane("AD", "Aldermoor", (Contact(NOW, "stay", "ward", "Ward now", NOW),)),), NOW))
    stay = re.search(r'<rect class="stay" x="([^"]*)" y="[^"]*" width="([^"]*)"', drawn)
    today = re.search(r'<path class="today" d="M([0-9.]*) ', drawn)
    assert stay
    assert today
    assert float(stay[2]) >= 6
    assert float(stay[1]) + float(stay[2]) <= float(today[1])
