"""Does any page break WCAG 2.2 AA, at any width? axe-core decides what it can; the keyboard walk is beside it."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import AXE, Front, open_record, signed_in

pytestmark = pytest.mark.browser
WIDTHS = (320, 768, 1280, 1920)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PLAIN = {
    "/search": "session-1", "/sign-in": "", "/sources": "admin", "/reviews": "admin", "/audit": "privacy", "/board": "safety",
    "/board?open=elm-bank": "safety",
}  # fmt: skip


def violations(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", RULES)
    return [
        f"{each['id']}: {node['html'][:140]} {node.get('failureSummary', '')[:200]}"
        for each in found["violations"]
        for node in each["nodes"][:3]
    ]


# One record with every kind of panel at every width; the others where the layout differs most.
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("patient", "widths"),
    [
        ("p-singh", WIDTHS), ("p-achebe", WIDTHS), ("p-marlow", (320, 1280)), ("p-barker", (320, 1280)), ("p-doyle", (320, 1280)),
        ("p-iqbal", (320, 1280)), ("p-edge", WIDTHS), ("p-wide", (320, 1280)),
    ],
)  # fmt: skip
def test_a_record_breaks_no_rule_at_any_width(page: Page, front: Front, patient: str, widths: tuple[int, ...]) -> None:
    open_record(page, front, patient)
    _at_each_width(page, widths)


@pytest.mark.timeout(180)
def test_the_pages_beside_the_record_break_no_rule(context: BrowserContext, page: Page, front: Front) -> None:
    for path, session in PLAIN.items():
        signed_in(context, front, session or "nobody")
        page.goto(front.address + path)
        _at_each_width(page)


@pytest.mark.timeout(180)
def test_a_long_queue_of_reviews_is_a_list_whose_pairs_open_one_by_one(context: BrowserContext, page: Page, front: Front) -> None:
    signed_in(context, front, "quality")
    front.neighbours.pairs = 50
    try:
        page.goto(f"{front.address}/reviews")
        assert page.locator(".cr-queue details[open]").count() == 1, "the pair that has waited longest is open"
        assert page.evaluate("document.documentElement.scrollHeight") < 5_000
        assert page.get_by_text("For one person: birth date strongly").count() == 50, "what agrees is read without opening"
        second = page.locator(".cr-queue > li").nth(1)
        second.locator("summary").click()
        assert second.get_by_role("button", name="Two people: keep apart").is_visible()
        _at_each_width(page)
    finally:
        front.neighbours.pairs = 1


@pytest.mark.timeout(180)
def test_search_results_confirmation_and_errors_break_no_rule(page: Page, front: Front) -> None:
    page.goto(f"{front.address}/search")
    page.get_by_label("Name, NHS number or local number").fill("singh")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cr-hits")
    _at_each_width(page)
    page.goto(f"{front.address}/patients/p-singh/open")
    _at_each_width(page)
    page.goto(f"{front.address}/patients/nobody/open")
    _at_each_width(page)


@pytest.mark.timeout(180)
def test_a_receptionists_record_breaks_no_rule(context: BrowserContext, page: Page, front: Front) -> None:
    signed_in(context, front, "desk")
    open_record(page, front, "p-singh")
    _at_each_width(page)


def at_width(page: Page, width: int) -> None:
    """The whole page in one window of this width: what the dock covers for a moment is reached by scrolling."""
    page.set_viewport_size({"width": width, "height": 900})
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight") + 400})


def _at_each_width(page: Page, widths: tuple[int, ...] = WIDTHS) -> None:
    for width in widths:
        at_width(page, width)
        assert violations(page) == [], f"{page.url} at {width}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} scrolls sideways at {width}"
