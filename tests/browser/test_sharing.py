"""Can somebody write down an objection and withdraw it, by keyboard and without script, on a page that breaks no rule?"""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from carerecord.contracts.consent import Objection
from tests.browser.conftest import Front, signed_in
from tests.browser.test_access import WIDTHS, at_width, violations
from tests.viewer.neighbours import actor

pytestmark = pytest.mark.browser
PAGE = "/patients/p-doyle/sharing"


@pytest.fixture(autouse=True)
def told(front: Front, context: BrowserContext) -> None:
    """A GP, and a person who has said nothing yet."""
    front.neighbours.actors["gp"] = actor("gp", "Dr Abena Osei", "A99917")
    front.neighbours.said.clear()
    signed_in(context, front, "gp")


@pytest.mark.timeout(180)
def test_the_list_the_effect_and_a_fault_break_no_rule_at_any_width(page: Page, front: Front) -> None:
    front.neighbours.said.append(Objection("o-1", "p-doyle", "medicines", "elm-bank", "R9A", "2026-11-20T09:30:00Z"))
    page.goto(front.address + PAGE)
    _at_each_width(page)
    page.get_by_role("button", name="See what it will do").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose what is not to be shown")
    _at_each_width(page)
    page.get_by_label("What is not to be shown").select_option("allergies")
    page.get_by_role("button", name="See what it will do").click()
    expect(page.get_by_role("heading", name="This is what it will do")).to_be_visible()
    _at_each_width(page)


def test_an_objection_is_made_and_withdrawn_by_keyboard_alone(page: Page, front: Front) -> None:
    page.goto(front.address + PAGE)
    page.get_by_label("What is not to be shown").focus()
    page.keyboard.type("Medicines")
    page.get_by_role("button", name="See what it will do").focus()
    page.keyboard.press("Enter")
    assert front.neighbours.said == [], "nothing is written down before the effect was read"
    page.get_by_role("button", name="Write it down").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("It is written down")
    assert [each.section for each in front.neighbours.said] == ["medicines"]
    page.get_by_role("button", name=re.compile(r"Withdraw\s*: Medicines")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("No objection is in force")
    assert front.neighbours.said == []


def test_it_works_without_script(chromium: Browser, front: Front) -> None:
    bare = chromium.new_context(java_script_enabled=False)
    signed_in(bare, front, "gp")
    page = bare.new_page()
    page.goto(front.address + PAGE)
    page.get_by_label("What is not to be shown").select_option("plans")
    page.get_by_role("button", name="See what it will do").click()
    page.get_by_role("button", name="Write it down").click()
    assert [each.section for each in front.neighbours.said] == ["plans"]
    bare.close()


def _at_each_width(page: Page) -> None:
    for width in WIDTHS:
        at_width(page, width)
        assert violations(page) == [], f"{page.url} at {width}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} scrolls sideways at {width}"
