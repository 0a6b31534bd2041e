"""Can each kind of user walk from the search to what they came for, with a keyboard, on a phone, at 400 %?"""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Front, open_record, signed_in
from tests.pages import scenes

pytestmark = pytest.mark.browser


def test_an_ae_doctor_finds_opens_and_asks_the_silent_gp_again(page: Page, front: Front) -> None:
    page.goto(front.address)
    page.get_by_label("Name, NHS number or local number").fill("singh harold")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Choose SINGH, Harold (Mr)").click()
    expect(page.get_by_text("Attending now:")).to_be_visible()
    page.keyboard.press("Enter")  # the reason is filled in and the button has the focus: it costs no click
    expect(page.locator("h1")).to_contain_text("SINGH, Harold (Mr)")
    open_record(page, front, "p-marlow")
    expect(page.locator("#allergy")).to_contain_text("Allergies unavailable")
    page.locator("#allergy").get_by_role("button", name="Retry GP").click()
    expect(page.locator("#allergy")).to_contain_text("Known allergies")
    expect(page.locator("#announce")).to_contain_text("Allergies now: Known allergies, penicillin")
    assert page.url.endswith("/record")
    printed = page.evaluate("document.getElementById('print').textContent")
    assert "Known allergies" in printed
    assert page.faults == []  # type: ignore[attr-defined]


def test_after_a_search_the_next_stop_of_the_keyboard_is_the_best_match(page: Page, front: Front) -> None:
    page.goto(f"{front.address}/search")
    expect(page.get_by_label("Name, NHS number or local number")).to_be_focused()
    page.keyboard.type("singh harold")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 people, best match first.")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Choose SINGH, Harold (Mr)")).to_be_focused()


def test_asking_again_by_keyboard_leaves_the_reader_where_they_were(page: Page, front: Front) -> None:
    open_record(page, front, "p-marlow")
    page.locator("#medicines summary").nth(1).click()
    opened = page.locator("#medicines details[open] > summary").inner_text()
    page.locator("#allergy").get_by_role("button", name="Retry GP").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#allergy")).to_contain_text("Known allergies")
    # Its button is gone: what it was in has the focus, and the next Tab goes on from there.
    expect(page.locator("#allergy")).to_be_focused()
    expect(page.locator("#medicines details[open] > summary")).to_have_text(opened)
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('record').contains(document.activeElement)")


def test_what_is_opened_is_known_by_its_words_where_a_row_comes_before_it(page: Page, front: Front) -> None:
    open_record(page, front, "p-singh")
    summary = page.locator("#problems summary").last
    summary.click()
    words = summary.text_content()
    page.evaluate(
        """() => { const part = document.getElementById("problems"), bound = document.getElementById("record").dataset;
             const more = '<details><summary>new above</summary></details>' + part.innerHTML;
             document.body.insertAdjacentHTML("beforeend", `<template data-late data-patient="${bound.patient}"
               data-opening="${bound.opening}" data-into="problems">${more}</template>\n`); }"""
    )
    expect(page.locator("#problems summary").first).to_have_text("new above")
    assert page.locator("#problems details[open] > summary").text_content() == words
    assert page.evaluate("document.activeElement.textContent") == words


def test_plans_are_read_in_two_clicks_newest_first_and_the_old_one_superseded(page: Page, front: Front) -> None:
    open_record(page, front, "p-achebe")
    plans = page.locator("#decisions")
    expect(plans).to_contain_text("Not for CPR. Comfort is the priority.")
    expect(plans).to_contain_text("Superseded")
    page.get_by_role("link", name="All plans").click()
    expect(page.locator("#plans .cr-rows > li").first).to_contain_text("ReSPECT")


def test_the_origin_of_an_item_is_one_click_away(page: Page, front: Front) -> None:
    open_record(page, front, "p-singh")
    item = page.locator("#medicines .cr-recon__cell").first
    item.locator("summary").click()
    expect(item).to_contain_text("Fetched")
    expect(item).to_contain_text("22-Nov-2026 14:02")
    expect(item.get_by_role("button", name=re.compile("as sent"))).to_be_visible()


def test_a_late_source_joins_in_place_and_says_so(page: Page, front: Front) -> None:
    front.neighbours.chunks["p-barker"] = [(0.0, scenes.colin(complete=False)), (1.2, scenes.colin())]
    try:
        open_record(page, front, "p-barker", wait=False)
        expect(page.locator("#status")).to_contain_text("Still loading")
        page.locator("#medicines summary").first.click()  # what the reader has opened stays open
        expect(page.locator("#announce")).to_contain_text("North Fells Ambulance joined")
        expect(page.locator("#status")).to_contain_text("Joined late")
        expect(page.locator("#since")).to_contain_text("Conveyed to A&E")
        expect(page.locator("#medicines details[open]")).to_have_count(1)
        assert page.locator("template[data-late]").count() == 0
        assert page.faults == []  # type: ignore[attr-defined]
    finally:
        front.neighbours.chunks.clear()


def test_a_late_part_of_another_opening_is_thrown_away(page: Page, front: Front) -> None:
    open_record(page, front, "p-barker")
    before = page.locator("#allergy").inner_text()
    for bound in ('data-patient="p-marlow" data-opening="o-colin"', 'data-patient="p-barker" data-opening="o-before"'):
        page.evaluate(
            """bound => document.body.insertAdjacentHTML("beforeend",
                 `<template data-late ${bound} data-into="allergy" data-say="wrong">No known allergies</template>\\n`)""",
            bound,
        )
    page.wait_for_timeout(200)
    assert page.locator("#allergy").inner_text() == before
    assert page.locator("template[data-late]").count() == 0
    assert page.locator("#announce").inner_text() == ""


def test_a_receptionist_sees_who_when_and_what_to_adjust_alone(context: BrowserContext, page: Page, front: Front) -> None:
    signed_in(context, front, "desk")
    open_record(page, front, "p-singh")
    words = page.locator("body").inner_text()
    assert "Hearing loss: speak to the left side" in words
    assert "Heart failure review" in words
    assert "Not shown in your role" in words
    for clinical in ("ramipril", "Potassium", "Hypertension", "furosemide"):
        assert clinical not in page.content()


def test_a_social_worker_must_say_why(context: BrowserContext, page: Page, front: Front) -> None:
    signed_in(context, front, "social")
    front.neighbours.attending = False
    try:
        page.goto(f"{front.address}/patients/p-achebe/open")
        page.get_by_label("Safeguarding").check()
        page.get_by_role("button", name="Open the record").click()
        expect(page.get_by_role("alert")).to_contain_text("Say in a few words why you look")
        page.get_by_label("In a few words").fill("Referral from the hospice")
        page.get_by_role("button", name="Open the record").click()
        expect(page.locator("#status")).to_contain_text("You opened this as")
    finally:
        front.neighbours.attending = True


@pytest.mark.parametrize("patient", ["p-marlow", "p-singh", "p-barker", "p-iqbal"])
def test_nothing_scrolls_sideways_at_320(page: Page, front: Front, patient: str) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    open_record(page, front, patient)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(("width", "height"), [(320, 700), (768, 900), (1280, 900), (1920, 1080), (320, 256)])
def test_the_allergy_title_stays_in_sight_and_no_focus_hides_under_it(page: Page, front: Front, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_record(page, front, "p-marlow")
    hidden = []
    for _ in range(60):
        page.keyboard.press("Tab")
        place = page.evaluate(
            """() => {
              const at = document.activeElement.getBoundingClientRect();
              const over = [...document.querySelectorAll(".cr-fixed, .cr-slim, .cr-dock")].filter(each =>
                ["sticky", "fixed"].includes(getComputedStyle(each).position) && getComputedStyle(each).display !== "none"
                && !each.contains(document.activeElement));
              const covered = over.some(each => { const box = each.getBoundingClientRect();
                return at.height && at.top >= box.top - 1 && at.bottom <= box.bottom + 1; });
              return covered ? document.activeElement.outerHTML.slice(0, 120) : "";
            }"""
        )
        if place:
            hidden.append(place)
    assert hidden == []
    page.evaluate("scrollTo(0, 3000)")
    page.wait_for_timeout(100)
    seen = page.evaluate(
        """() => [...document.querySelectorAll(".cr-allergy__title, .cr-slim b")].some(each => {
             const box = each.getBoundingClientRect();
             return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight; })"""
    )
    assert seen


def test_without_script_everything_but_late_joining_works(chromium: Browser, front: Front) -> None:
    context = chromium.new_context(java_script_enabled=False)
    signed_in(context, front, "session-1")
    page = context.new_page()
    open_record(page, front, "p-marlow")
    page.locator("#allergy").get_by_role("button", name="Retry GP").click()
    expect(page.locator("#allergy")).to_contain_text("Known allergies")
    context.close()


def test_each_printed_sheet_bears_who_this_is(page: Page, front: Front) -> None:
    open_record(page, front, "p-marlow")
    style = page.evaluate("document.getElementById('print').textContent")
    for words in ("MARLOW, Edith", "999 000 0018", "Allergies unavailable", "MISSING OR INCOMPLETE: Elm Bank"):
        assert words in style
    assert page.evaluate("[...document.getElementById('print').sheet.cssRules].some(rule => rule.type === CSSRule.PAGE_RULE)")
    assert page.pdf()[:4] == b"%PDF"
    page.emulate_media(media="print")
    broken = "[...document.querySelectorAll('.cr-who, .cr-recon, .cr-table')].map(each => getComputedStyle(each).breakInside)"
    assert set(page.evaluate(broken)) == {"auto"}, "a table that is kept whole leaves half a sheet empty before it"


def test_nothing_of_a_person_stays_in_the_browser(page: Page, front: Front) -> None:
    open_record(page, front, "p-marlow")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert kept == "[{},{}]"
    for cookie in page.context.cookies():
        assert "arlow" not in cookie["value"]
        assert cookie["httpOnly"]
