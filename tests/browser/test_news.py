"""While a record is open and something comes, the page says so within five seconds, and moves nothing under the reader's hand."""

import re
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, Request, expect

from carerecord.contracts.records import News, NewsItem
from carerecord.kit.errors import NotSignedIn
from tests.browser.conftest import AXE, Front, open_record
from tests.pages import scenes

pytestmark = pytest.mark.browser
SENT = NewsItem("sent", "pas", "Aldermoor Patient Administration", "2026-11-22T09:31:00Z")
SAYS = "Aldermoor Patient Administration has sent something new at 09:31."


@pytest.fixture
def told(front: Front) -> Iterator[Front]:
    front.neighbours.chunks["p-singh"] = [(0.0, replace(scenes.harold(), heard="h1"))]
    yield front
    front.neighbours.chunks.clear()
    front.neighbours.fails.clear()
    front.neighbours.new = News()


def test_what_comes_is_said_within_five_seconds_and_shown_when_the_reader_asks(page: Page, told: Front) -> None:
    polls: list[Request] = []
    page.on("request", lambda each: polls.append(each) if each.url.endswith("/news") else None)
    page.clock.install()
    open_record(page, told, "p-singh")
    status = page.locator("#news [role=status]")
    expect(status).to_be_empty()
    page.evaluate("scrollTo(0, 600)")
    before = page.evaluate("[scrollY, document.getElementById('medicines').getBoundingClientRect().top]")
    opened = sum(type(each).__name__ == "OpenAsked" for each in told.neighbours.asked)

    told.neighbours.new = News((SENT,))
    began = time.monotonic()
    expect(status).to_have_text(SAYS, timeout=5_000)
    assert time.monotonic() - began < 5
    assert page.evaluate("[scrollY, document.getElementById('medicines').getBoundingClientRect().top]") == before
    page.evaluate(AXE.read_text())
    assert page.evaluate("axe.run('#news').then(told => told.violations.map(each => each.id))") == []
    assert sum(type(each).__name__ == "OpenAsked" for each in told.neighbours.asked) == opened, "nothing is opened by itself"

    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange'))")  # fmt: skip
    seen = len(polls)
    page.clock.fast_forward(30_000)
    assert len(polls) == seen, "a page that nobody sees asks nothing"
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("button", name="Show it").click()
    page.wait_for_url(re.compile(r"/patients/p-singh/record\?$"))
    expect(status).to_be_empty()
    assert sum(type(each).__name__ == "OpenAsked" for each in told.neighbours.asked) == opened + 1
    assert page.faults == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 430), (800, 900), (1280, 860)])
def test_what_comes_is_in_sight_wherever_the_reader_is(page: Page, told: Front, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    open_record(page, told, "p-singh")
    told.neighbours.new = News((SENT,))
    expect(page.locator("#news [role=status]")).to_have_text(SAYS)

    covered = """() => ["#news [role=status]", "#news form button", "#news [data-later]"].filter(each => {
      const told = document.querySelector(each), box = told.getBoundingClientRect();
      return [[.02, .1], [.5, .5], [.98, .9]].some(([x, y]) => {
        const at = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        return !at || !told.contains(at);
      });
    })"""
    assert page.evaluate(covered) == [], "at the top of the page"
    page.evaluate("scrollTo(0, 600)")
    assert page.evaluate(covered) == []


def test_a_page_whose_sign_in_is_over_says_that_it_hears_nothing_more_and_asks_no_more(page: Page, told: Front) -> None:
    page.clock.install()
    open_record(page, told, "p-singh")
    polls: list[Request] = []
    page.on("request", lambda each: polls.append(each) if each.url.endswith("/news") else None)
    told.neighbours.fails["news"] = NotSignedIn("Your session has ended.")
    status = page.locator("#news [role=status]")
    page.clock.fast_forward(4_000)
    expect(status).to_contain_text("no longer told of what is new")
    page.get_by_role("button", name="Not now").click()
    expect(status).to_be_empty()
    seen = len(polls)
    page.clock.fast_forward(30_000)
    assert len(polls) == seen == 1
