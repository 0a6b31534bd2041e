"""Does a page hold what nobody draws it for: words without a blank, every section at once, a long plan, nobody who answers?"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from carerecord.contracts.patients import Name
from carerecord.contracts.records import AllergyTitle, Entry, Record, SectionState
from carerecord.fhir.facts import Allergy
from carerecord.fhir.sections import ALL
from tests.browser.conftest import Front, open_record
from tests.browser.test_access import violations
from tests.pages import scenes
from tests.pages.a_record import SOURCES, ago, day, entry, facts, lab, med, no_plans, person, plain, record, seen, stuck, trend
from tests.pages.wide import wide
from tests.viewer.neighbours import PEOPLE

pytestmark = pytest.mark.browser
ENDLESS = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 3


@contextmanager
def shown(front: Front, told: Record) -> Iterator[None]:
    """This record in the place of Edith Marlow's."""
    front.neighbours.chunks["p-marlow"] = [(0.0, replace(told, person=replace(told.person, patient="p-marlow")))]
    try:
        yield
    finally:
        front.neighbours.chunks.clear()


def endless() -> Record:
    """Every text that a source sends, without a blank in it."""
    values = [lab("aldermoor-pathology", ENDLESS, each, "mmol/L", ago(days=n), 3.5, 5.3) for n, each in enumerate(("5.1", "5.9"))]
    allergy = facts("AllergyIntolerance", "allergies", ENDLESS, day(9), allergy=Allergy(ENDLESS, ENDLESS.lower(), "active"))
    kinds = (("problems", "Condition"), ("alerts", "Flag"), ("documents", "DocumentReference"), ("plans", "CarePlan"))
    others = [plain("elm-bank", section, ENDLESS, day(3), kind, note=ENDLESS) for section, kind in kinds]
    told = [*values, entry("elm-bank", allergy), *others, seen("elm-bank", "GP", ENDLESS, ago(days=3), reason=ENDLESS)]
    told += [med(source, ENDLESS, ENDLESS, "once a day") for source in ("elm-bank", "hartley-pharmacy")]
    title = AllergyTitle("Known allergies", "", (ENDLESS,), day(9))
    who = person(ENDLESS, ENDLESS, "Ms", "1980-01-01", "female", "9990000107")
    more = {"address": ENDLESS, "gp_name": ENDLESS, "interpreter": ENDLESS}
    who = replace(
        who, demographics=replace(who.demographics, names=(*who.demographics.names, Name("", (ENDLESS,), use="nickname")), **more)
    )
    return record(who, told, tuple(SOURCES)[:8], title=title, trends=(trend(values, ENDLESS),))


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_words_without_a_blank_widen_no_page(page: Page, front: Front, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    with shown(front, endless()):
        open_record(page, front, "p-marlow")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_a_source_that_shares_every_section_widens_its_panel_and_never_the_page(page: Page, front: Front, width: int) -> None:
    everything = tuple(SectionState(each.id, "not recorded") for each in ALL)
    told = scenes.colin()
    states = tuple(replace(each, sections=everything, name=f"{each.name} and its neighbours") for each in told.states)
    page.set_viewport_size({"width": width, "height": 900})
    with shown(front, replace(told, states=states)):
        open_record(page, front, "p-marlow")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("recommendations", [5, 14])
def test_a_long_plan_leaves_no_empty_half_beside_it(page: Page, front: Front, recommendations: int) -> None:
    told = scenes.gwendolyn()
    said = "\n".join(
        ["Not for CPR", *(f"Recommendation {n}, that goes on for a line and a half" for n in range(recommendations))]
    )

    def longer(item: Entry) -> Entry:
        plan = item.facts.plan
        return replace(item, facts=replace(item.facts, plan=replace(plan, decision=said))) if plan else item

    sections = tuple(replace(each, entries=tuple(longer(item) for item in each.entries)) for each in told.sections)
    with shown(front, replace(told, sections=sections)):
        open_record(page, front, "p-marlow")
    plan, beside = page.locator("#decisions").bounding_box(), page.locator("#attention").bounding_box()
    assert plan
    assert beside
    assert plan["y"] == beside["y"]
    assert plan["width"] > beside["width"]
    expect(page.locator("#decisions")).to_contain_text(f"Recommendation {recommendations - 1},")
    assert violations(page) == []


def test_when_nobody_answers_the_first_screen_still_reaches_what_needs_attention(page: Page, front: Front) -> None:
    states = {each: stuck(each, "no answer", last=ago(days=2), phone="01632 960 555") for each in SOURCES}
    title = AllergyTitle("Allergies unavailable", "")
    told = record(PEOPLE["p-marlow"], [], tuple(SOURCES), title=title, states=states, plans=no_plans("unavailable"))
    with shown(front, told):
        open_record(page, front, "p-marlow")
    assert page.locator("#attention").evaluate("each => each.getBoundingClientRect().top") < 620
    assert violations(page) == []


def test_when_32_sources_are_silent_a_telephone_shows_every_name_and_stays_short(page: Page, front: Front) -> None:
    told = wide()
    states = tuple(
        replace(
            each,
            state="no answer",
            count=0,
            warnings=(),
            sections=tuple(SectionState(s.section, "no answer") for s in each.sections),
        )
        for each in told.states[:32]
    )
    page.set_viewport_size({"width": 390, "height": 844})
    nothing = tuple(replace(each, entries=(), groups=(), trends=()) for each in told.sections)
    unseen = replace(told, states=states, sections=nothing, allergies=AllergyTitle("Allergies unavailable", ""), attention=())
    with shown(front, replace(unseen, plans=no_plans("unavailable"))):
        open_record(page, front, "p-marlow")
    said = page.locator(".cr-chip--silent > div > p").inner_text()
    assert all(each.name in said for each in states)
    assert page.locator(".cr-chip--silent").evaluate("each => each.getBoundingClientRect().bottom") < 900
    assert page.evaluate("document.documentElement.scrollHeight") < 7_000
    page.set_viewport_size({"width": 390, "height": 7_000})  # so tall that the dock covers nothing
    assert violations(page) == []
    names = page.locator("#problems .cr-names")
    expect(names.locator("p")).to_be_hidden()
    names.locator("summary").click()
    expect(names.locator("p")).to_contain_text(states[0].name)
    page.locator(".cr-chip--silent summary").click()
    assert page.locator(".cr-chip--silent .cr-again").count() == 32
    page.set_viewport_size({"width": 1280, "height": 4000})
    assert violations(page) == []


def test_the_name_of_a_lane_does_not_touch_the_chart_nor_a_hatched_lanes_words_the_hatch(page: Page, front: Front) -> None:
    told = scenes.gwendolyn()
    states = (replace(stuck("calder-vale", "no answer"), name="Aldermoor University Hospitals records"), *told.states)
    with shown(front, replace(told, states=states)):
        open_record(page, front, "p-marlow")
    right = """all => all.map(each => each.getBoundingClientRect().right)"""
    names = page.locator(".cr-lanes text.n[x='28']").evaluate_all(right)
    left = page.locator(".cr-lanes rect.stripe").first.evaluate("each => each.getBoundingClientRect().left")
    assert names
    assert max(names) < left - 2
    plate = page.locator(".cr-lanes rect.paper").evaluate_all(right)
    words = page.locator(".cr-lanes rect.paper + text").evaluate_all(right)
    assert plate
    assert all(there < here for there, here in zip(words, plate, strict=True))


def test_beside_a_long_plan_no_decisions_name_is_broken_over_more_than_two_lines(page: Page, front: Front) -> None:
    told = scenes.gwendolyn()
    plans = tuple(
        replace(each, title=f"{each.title} to refuse treatment") if "dvance" in each.title else each for each in told.plans
    )
    said = "\n".join(["Not for CPR", *(f"Recommendation {n}, that goes on for a line and a half" for n in range(5))])

    def longer(item: Entry) -> Entry:
        plan = item.facts.plan
        return replace(item, facts=replace(item.facts, plan=replace(plan, decision=said))) if plan else item

    sections = tuple(replace(each, entries=tuple(longer(item) for item in each.entries)) for each in told.sections)
    with shown(front, replace(told, sections=sections, plans=plans)):
        open_record(page, front, "p-marlow")
    assert page.locator(".cr-plans--long").count() == 1
    tall = page.locator(".cr-plan dt", has_text="refuse treatment").evaluate("each => each.getBoundingClientRect().height")
    assert tall < 45


@pytest.mark.parametrize("width", [390, 1280])
def test_of_many_sources_those_that_share_one_row_are_named_in_the_strip(page: Page, front: Front, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    with shown(front, wide()):
        open_record(page, front, "p-marlow")
    chip = page.locator("#status .cr-chip", has_text="Nothing held")
    chip.locator("summary").click()
    expect(chip.locator("dd").first).to_be_visible()


def test_a_tests_name_is_broken_on_no_paper_and_a_sources_mark_nowhere(page: Page, front: Front) -> None:
    open_record(page, front, "p-singh")
    page.set_viewport_size({"width": 703, "height": 1000})
    page.emulate_media(media="print")
    lines = """each => [...each.childNodes].filter(node => node.nodeType === 3 && node.textContent.trim()).map(node => {
        const range = document.createRange(); range.selectNodeContents(node); return range.getClientRects().length; })"""
    for name in ("Potassium", "Creatinine"):
        cell = page.locator("#results tbody th", has_text=name).first
        assert cell.evaluate(lines) == [1], name
    for width in (390, 1280):
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": width, "height": 900})
        tall = page.locator(".cr-src").evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
        assert max(tall) < 24
