"""Where some modules alone are served: is the page whole, and does it say so, at phone and desktop width?"""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Front, open_record
from tests.browser.test_access import at_width, violations

pytestmark = pytest.mark.browser


@pytest.mark.timeout(120)
def test_a_basic_record_says_what_it_holds_and_breaks_no_rule(page: Page, front: Front) -> None:
    open_record(page, front, "p-basic")
    for width in (320, 1280):
        at_width(page, width)
        assert page.get_by_text("This record holds results and demographics alone").is_visible()
        assert page.get_by_text("Allergies are not part of this record: look for them elsewhere").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert violations(page) == []
    page.get_by_role("link", name="What it does not hold").click()
    assert page.get_by_role("heading", name="Not part of this record").is_visible()
