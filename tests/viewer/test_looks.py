"""What stands beside a name, and what is said of silence: the words that a reader relies on."""

import re
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from carerecord.contracts import records
from carerecord.contracts.audit import Line
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AllergyTitle, Record
from carerecord.pages.charts.trend import trend
from carerecord.pages.formatting import Formatter
from carerecord.viewer.audit_page import heard
from carerecord.viewer.items import row
from carerecord.viewer.matrix import matrix
from carerecord.viewer.record_page import finer, tally
from carerecord.viewer.sections import sections
from carerecord.viewer.summary import decisions
from carerecord.viewer.trends import series
from carerecord.viewer.view import View
from tests.pages import edges, scenes
from tests.pages.a_record import NOW, answered, med, stuck
from tests.viewer.neighbours import PEOPLE, RECORDS, Neighbours
from tests.viewer.test_pages import opened


def a_view(record: Record) -> View:
    return View(record, Formatter(NOW))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_all_that_can_stand_beside_a_name_does() -> None:
    page = words((await opened(Neighbours().browser(), "p-edge")).text)
    for said in (
        "OKONKWO-FEATHERSTONEHAUGH-WOLSTENHOLME, Maximiliana Alexandrina Persephone (Professor Dame)",
        "Preferred name Max", "Died", "20-Nov-2026", "Age at Death 95y", "Restricted: do not disclose where this person is",
        "Twin or other multiple birth, born second: check the given name", "Test patient: not a real person",
        "Interpreter: British Sign Language",
        "Penicillin, Trimethoprim, Latex, Iodinated contrast media, Chlorhexidine gluconate",
    ):  # fmt: skip
        assert said in page, said


async def test_the_dead_have_no_age_beside_their_birth_and_a_banner_of_another_pattern() -> None:
    html = (await opened(Neighbours().browser(), "p-edge")).text
    assert "cr-banner--died" in html
    assert "02-Mar-1931 (" not in words(html).split("Aldermoor Radiology holds")[0]


@pytest.mark.parametrize(
    ("doubted", "said"),
    [
        ("register", "Death In doubt: 20-Nov-2026, of which the national register (PDS) knows nothing"),
        ("taken back", "Death In doubt: 20-Nov-2026, once taken back"),
    ],
)
async def test_whoever_may_be_alive_has_an_age_and_no_banner_of_the_dead(monkeypatch, doubted: str, said: str) -> None:
    record = edges.everything_at_once()
    person = replace(record.person, demographics=replace(record.person.demographics, death_doubted=doubted))
    monkeypatch.setitem(RECORDS, "p-edge", lambda: replace(record, person=person))
    monkeypatch.setitem(PEOPLE, "p-edge", person)
    browser = Neighbours().browser()
    for html in ((await browser.get("/patients/p-edge/open")).text, (await opened(browser, "p-edge")).text):
        assert said in words(html)
        assert re.search(r"02-Mar-1931 (2 March 1931 )?\(95y\)", words(html))
        assert "cr-banner--died" not in html


async def test_the_whereabouts_of_the_restricted_stand_nowhere() -> None:
    html = (await opened(Neighbours().browser(), "p-edge")).text
    assert "Weir Lane" not in html
    assert "01632 960 011" not in html


async def test_of_several_entries_for_one_number_a_human_chooses() -> None:
    html = (await opened(Neighbours().browser(), "p-edge")).text
    assert "Aldermoor Radiology holds 2 entries for this NHS number" in html
    assert re.findall(r'name="local_id" value="([^"]*)"', html) == ["R-1", "R-2"]


async def test_a_page_asks_for_no_font() -> None:
    html = (await opened(Neighbours().browser(), "p-edge")).text
    style = (await Neighbours().browser().get(re.findall(r'href="(/static/site\.css[^"]*)"', html)[0])).text
    assert "@font-face" not in style
    assert "@import" not in style
    assert "url(" not in style


def test_while_the_practice_is_silent_a_denial_elsewhere_is_told_as_not_to_be_relied_on() -> None:
    said = finer(a_view(scenes.edith())).says
    assert said.startswith("Elm Bank Surgery did not answer at ")
    assert re.search(
        r"Aldermoor University Hospitals said no known allergies on \d\d-[A-Z][a-z]{2}-\d{4}; do not rely on it\.", said
    )


def test_a_finding_under_known_allergies_is_said_by_its_substance() -> None:
    title = AllergyTitle("Known allergies", "", ("Allergy to aspirin", "Latex"))
    assert finer(a_view(replace(scenes.harold(), allergies=title))).substances == ("aspirin", "Latex")


def test_many_gaps_are_one_line_and_those_not_asked_are_no_hatch() -> None:
    record = scenes.harold()
    states = tuple(each for each in record.states if each.source not in ("elm-bank", "fenwick-epr", "fenwick-pathology"))
    silent = (stuck("elm-bank", "no answer"), stuck("fenwick-epr", "no answer"), stuck("fenwick-pathology", "not asked"))
    shown = {each.id: each for each in sections(a_view(replace(record, states=(*silent, *states))))}
    assert shown["medicines"].gap == "Did not answer: Elm Bank Surgery and Fenwick General Hospital."
    assert shown["results"].gap.endswith("Not asked: Fenwick Pathology.")
    assert [each.source.source for each in shown["results"].seen_only_if_asked] == ["fenwick-pathology"]
    assert not any(each.source.source == "fenwick-pathology" for each in shown["results"].holes)


def test_what_waits_behind_a_warning_is_named_where_it_would_stand() -> None:
    results = next(each for each in sections(a_view(scenes.mismatched())) if each.id == "results")
    assert results.short == "1 held"
    assert results.gap == "1 item waits behind a warning: it may be about somebody else."


@pytest.mark.parametrize(("count", "marked"), [(3, True), (4, False)])
def test_late_is_marked_only_while_it_is_news(count: int, marked: bool) -> None:
    names = ("elm-bank", "aldermoor-epr", "aldermoor-pathology", "aldermoor-community")
    record = replace(scenes.harold(), states=tuple(answered(each, (), late=place < count) for place, each in enumerate(names)))
    entry = replace(
        record.sections[1].entries[0] if record.sections[1].entries else med("elm-bank", "x", "1 mg", "once"), late=True
    )
    view = a_view(record)
    assert (("late", "Joined late") in row(view, entry).tags) is marked
    assert any(line.late for line in matrix(view).lines) is marked
    assert tally(record).endswith(f"; {count} joined after the first second")


def test_a_decision_that_a_newer_plan_has_superseded_is_never_called_present() -> None:
    record = scenes.gwendolyn()
    old = next(each for section in record.sections for each in section.entries if each.superseded_by)
    line = replace(record.plans[1], state="present", entry=old.key, says="Superseded by a newer plan.")
    told = decisions(a_view(replace(record, plans=(record.plans[0], line))))
    assert [each.state for each in told] == ["present", "superseded"]
    assert told[1].doubt == ("", "Superseded by a newer plan.")


def test_a_decision_stands_in_doubt_as_plainly_as_a_gap_where_a_newer_one_may_exist() -> None:
    record = scenes.gwendolyn()
    line = replace(record.plans[0], state="present", says="A newer one may exist. Not heard: Willow Hospice.")
    (told,) = decisions(a_view(replace(record, plans=(line,))))
    assert told.doubt == ("A newer one may exist", "Not heard: Willow Hospice.")


def test_a_past_medicine_names_its_substance_once() -> None:
    item = row(a_view(scenes.harold()), med("elm-bank", "furosemide", "40 mg", "once a day", current=False, ended="2026-01-02"))
    assert item.title == "furosemide"
    assert "furosemide" not in " ".join(item.lines).lower()


def test_the_book_names_only_those_that_did_not_answer_as_they_should() -> None:
    line = Line("l", "2026-11-22T14:02:07Z", "record-opened", "records", None, states=("a=live", "b=none held", "c=no answer"))
    assert heard(line, {"c": "Elm Bank Surgery"}) == "2 sources answered; no answer: Elm Bank Surgery"


@pytest.mark.parametrize(
    ("here", "led"), [("http://localhost:8080", True), ("http://127.0.0.1:8080", False), ("http://ward.example", False)]
)
async def test_one_machine_by_another_name_is_led_to_the_address_that_providers_know(here: str, led: bool) -> None:
    browser = Neighbours(address="http://127.0.0.1:8080").browser("")
    reply = await browser.get(f"{here}/sign-in?provider=aldermoor&after=/search")
    ours = "http://127.0.0.1:8080/sign-in?provider=aldermoor&after=/search"
    assert (reply.headers["location"] == ours) is led


def test_everything_of_the_edge_stands_in_a_section() -> None:
    record = edges.everything_at_once()
    shown = {item.entry.key for section in sections(a_view(record)) for item in (*section.rows, *section.held)}
    assert shown == {entry.key for section in record.sections for entry in section.entries}


def test_a_value_of_another_year_bears_its_year_and_many_of_two_days_their_times() -> None:
    view = a_view(edges.everything_at_once())
    trends = {each.title: each for section in view.record.sections for each in section.trends}
    old, crowded = series(view, trends["Ferritin"]), series(view, trends["Potassium"])
    assert old is not None
    assert crowded is not None
    assert [each.said for each in old.points] == ["14-Dec-2018"]
    assert len({each.said for each in crowded.points}) == len(crowded.points)


def test_no_value_is_written_over_another() -> None:
    view = a_view(scenes.harold())
    for each in (one for section in view.record.sections for one in section.trends):
        drawn = series(view, each)
        assert drawn is not None
        boxes = [
            (float(x) - len(words) * 3.6, float(y), float(x) + len(words) * 3.6)
            for x, y, words in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="v[^>]*>([^<]*)<', str(trend(drawn)))
        ]
        assert len(boxes) == len(drawn.drawn)
        for place, (left, base, right) in enumerate(boxes):
            for other_left, other_base, other_right in boxes[:place]:
                assert abs(base - other_base) >= 10 or right <= other_left or other_right <= left, each.title


def test_what_was_given_out_has_not_ended() -> None:
    given = med("elm-bank", "ramipril", "5 mg", "once a day", kind="dispense", current=False, issued="2026-10-21")
    assert row(a_view(scenes.harold()), given).lines[0] == "Dispensed 21-Oct-2026"


async def test_a_title_names_nobody_because_a_browser_keeps_titles() -> None:
    browser = Neighbours().browser()
    for html in ((await opened(browser, "p-edge")).text, (await browser.get("/patients/p-edge/open")).text):
        title = re.findall(r"<title>(.*?)</title>", html, re.DOTALL)[0]
        assert "okonkwo" not in title.lower()


async def test_a_panel_that_a_role_does_not_show_is_never_an_empty_list() -> None:
    class Social(Neighbours):
        async def open(self, asked: records.OpenAsked) -> AsyncIterator[Record]:
            whole = scenes.harold()
            kept = tuple(each for each in whole.sections if each.id in ("alerts", "encounters", "social"))
            gone = [each.id for each in whole.sections if each not in kept]
            withheld = tuple(Withheld("", each, "social/care", "Your role does not show this.", "not-permitted") for each in gone)
            yield replace(whole, sections=kept, withheld=withheld)

    html = (await opened(Social().browser(), "p-singh")).text
    for panel in ("meds", "key", "probs", "decisions"):
        shown = html.split(f'id="{panel}-h"')[1].split("</section>")[0]
        assert "Not shown in your role." in shown, panel
        assert "0 current" not in shown
        assert "None recorded" not in shown
