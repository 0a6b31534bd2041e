"""Where a deployment serves some modules alone, does every part of the page keep to them, and say what it does not hold?"""

import re
from collections.abc import AsyncIterator

import pytest

from carerecord.viewer.matrix import matrix
from tests.pages.basic import basic
from tests.viewer.neighbours import Neighbours
from tests.viewer.test_pages import opened
from tests.viewer.test_views import a_view


@pytest.fixture
async def page() -> AsyncIterator[str]:
    async with Neighbours().browser() as browser:
        yield (await opened(browser, "p-basic")).text


async def test_navigation_lists_what_is_served_and_nothing_else(page: str) -> None:
    nav = page.split('id="nav"', 1)[1].split("</nav>", 1)[0]
    assert "#results" in nav
    assert not re.search(r"#(allergies|medicines|problems|plans|encounters|documents|alerts)\b", nav)


async def test_the_summary_has_no_panel_of_what_is_not_served(page: str) -> None:
    assert 'id="key"' in page
    for panel in ("decisions", "meds", "probs", "allergy-more"):
        assert f'id="{panel}"' not in page, panel


async def test_the_banner_says_that_allergies_are_not_part_of_it_and_never_that_none_are_known(page: str) -> None:
    assert "Allergies are not part of this record: look for them elsewhere" in page
    assert not re.search(r"No known allergies|Allergies not recorded|Allergies unavailable|not shown in your role", page)


async def test_what_it_does_not_hold_is_named_at_the_top_and_listed_at_the_end(page: str) -> None:
    assert "This record holds results and demographics alone" in page
    told = page.split('id="not-here"', 1)[1].split("</section>", 1)[0]
    assert "Medicines" in told
    assert "Results" not in told


def test_the_matrix_has_a_column_for_each_section_served_and_no_other() -> None:
    assert [each.section for each in matrix(a_view(basic())).columns] == ["results"]


async def test_where_everything_is_served_nothing_is_said_of_modules() -> None:
    async with Neighbours().browser() as browser:
        html = (await opened(browser, "p-singh")).text
    assert 'id="not-here"' not in html
    assert 'id="meds"' in html
