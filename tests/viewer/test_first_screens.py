"""Does each role meet first what it needs, is nothing hidden by the order, and is every reason that is offered a good one?"""

import re
from itertools import pairwise

import pytest
from msgspec.structs import replace

from carerecord.contracts.permit import Withheld
from carerecord.contracts.roles import ROLES
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.errors import BadSetting
from carerecord.pages.formatting import Formatter
from carerecord.policy.api import book_in
from carerecord.policy.matrix import PURPOSES, cell
from carerecord.policy.model import Case
from carerecord.viewer.briefs import brief
from carerecord.viewer.first_screen import DRAWN_FROM, STANDARD, FirstScreen, Panel, read_screens, screen_of, screens
from carerecord.viewer.reasons import choices
from carerecord.viewer.sections import section_view
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import NOW
from tests.viewer.neighbours import Neighbours, actor
from tests.viewer.test_pages import opened

BOOK = book_in()
OPENING = [role for role in ROLES if any(cell(BOOK, role, each) for each in SECTION_IDS)]
CARING = [role for role in OPENING if cell(BOOK, role, "encounters")]


def test_every_role_has_a_first_screen_of_its_own():
    assert set(screens()) == set(ROLES)


@pytest.mark.parametrize(
    ("role", "home"),
    [("clinical-safety-officer", "/board"), ("data-quality-officer", "/compare"), ("administrator", "/sources"),
     ("privacy-officer", "/audit"), ("midwife", "/search"), ("receptionist", "/search")],
)  # fmt: skip
async def test_a_sign_in_leads_where_the_role_works(role: str, home: str):
    browser = Neighbours(actors={"session-1": actor(role)}).browser()
    assert (await browser.get("/")).headers["location"] == home
    assert home in {address for address, _ in screen_of(role).links}


@pytest.mark.parametrize("role", ROLES)
def test_every_link_of_a_role_leads_where_a_rule_lets_it(role: str):
    needs = {"/search": "search", "/sources": "sources-read", "/board": "board-read", "/ingest": "messages-see",
             "/reviews": "review", "/compare": "review", "/audit": "audit-read"}  # fmt: skip
    for address, _ in screen_of(role).links:
        assert BOOK.action(Case(role=role, action=needs[address])).then == "permit", address


@pytest.mark.parametrize("role", OPENING)
def test_the_order_leaves_nothing_out(role: str):
    screen = screen_of(role)
    assert sorted(screen.order) == sorted(SECTION_IDS)
    assert set(STANDARD) <= {panel.show for panel in screen.panels}


@pytest.mark.parametrize("role", OPENING)
def test_what_is_named_for_the_first_screen_is_what_the_role_may_see(role: str):
    screen = screen_of(role)
    named = [DRAWN_FROM.get(panel.show, panel.show) for row in screen.first for panel in row]
    drawn = [each for each in (*named, *screen.sections) if each != "attention"]
    assert [each for each in drawn if not cell(BOOK, role, each)] == []


@pytest.mark.parametrize("role", CARING)
def test_what_needs_attention_stands_in_the_first_row_of_whoever_cares_for_people(role: str):
    assert "attention" in {panel.show for panel in screen_of(role).first[0]}


@pytest.mark.parametrize("role", OPENING)
def test_every_reason_that_is_offered_opens_something(role: str):
    for purpose, *_ in choices(role):
        assert any(PURPOSES[purpose] in cell(BOOK, role, each) for each in SECTION_IDS), purpose


@pytest.mark.parametrize("role", OPENING)
def test_every_purpose_that_a_rule_knows_for_a_role_is_offered(role: str):
    offered = {PURPOSES[purpose] for purpose, *_ in choices(role)}
    assert {letter for each in SECTION_IDS for letter in cell(BOOK, role, each)} == offered


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('[gps]\nhome = "/"', "gps is not a role"),
        ('[gp]\nfirst = [[{ show = "moods" }]]', "moods is no panel and no section"),
        ('[gp]\nfirst = [[{ show = "meds", wide = 5 }]]', "5 of 12 columns"),
        ('[gp]\nfirst = [[{ show = "meds" }, { show = "meds" }]]', "meds stands twice"),
        ('[gp]\nfirst = [[{ show = "meds", of = ["gp"] }]]', "meds is about a kind of source"),
        ('[gp]\nhide = ["medicines"]', "unknown field"),
    ],
)
def test_a_first_screen_with_a_fault_is_refused_with_the_fault(table: str, fault: str):
    with pytest.raises(BadSetting, match=fault):
        read_screens(table)


def test_somebody_in_a_role_without_a_table_meets_what_an_a_and_e_doctor_meets():
    assert [each.show for each in FirstScreen().panels] == [each.show for each in screen_of("emergency-doctor").panels]


async def first_words(role: str, patient: str) -> list[str]:
    """The headings of the first screen, in order."""
    browser = Neighbours(actors={"session-1": actor(role)}).browser()
    page = (await opened(browser, patient)).text
    return re.findall(r'<h2 id="([\w-]+)-h">', page[page.index('class="cr-glance"') : page.index('class="cr-depth"')])


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("emergency-doctor", ["attention", "decisions", "since", "meds", "key", "probs"]),
        ("paramedic", ["decisions", "attention", "first-allergies", "meds", "since"]),
        ("hospital-pharmacist", ["meds", "attention", "key", "first-allergies"]),
        ("community-pharmacist", ["meds", "attention", "key", "first-allergies", "first-immunisations"]),
        ("midwife", ["attention", "first-encounters", "meds", "key"]),
        ("health-visitor", ["first-immunisations", "first-safeguarding", "attention", "first-observations"]),
        ("care-home-nurse", ["decisions", "attention", "meds", "first-allergies"]),
        ("mental-health-worker", ["first-plans", "attention", "meds"]),
        ("ward-nurse", ["attention", "decisions", "first-observations", "first-adjustments"]),
        ("community-nurse", ["attention", "decisions", "first-plans", "first-appointments"]),
        ("social-worker", ["first-safeguarding", "attention", "since", "first-professionals"]),
        ("safeguarding-lead", ["first-safeguarding", "attention", "since", "first-professionals"]),
        ("gp", ["attention", "decisions", "since", "first-documents"]),
    ],
)
async def test_the_first_screen_of_a_role_is_in_its_order(role: str, first: list[str]):
    assert (await first_words(role, "p-singh"))[: len(first)] == first


async def test_a_receptionist_meets_adjustments_and_appointments_first_and_no_clinical_panel():
    first = await first_words("receptionist", "p-singh")
    assert first == ["first-adjustments", "first-appointments", "first-demographics", "sources"]


def test_a_panel_about_one_kind_of_system_says_so_and_how_many_others_there_are():
    view = View(scenes.harold(), Formatter(NOW))
    whole = section_view(view, view.sections["encounters"])
    kinds = [view.sources[each.marks[0].source].kind for each in whole.rows]
    one = next(each for each in kinds if kinds.count(each) < len(kinds))
    shown = brief(view, Panel("encounters", of=(one,)), whole)
    assert [view.sources[each.marks[0].source].kind for each in shown.rows] == [one] * kinds.count(one)
    others = len(kinds) - kinds.count(one)
    assert shown.filter.startswith(f"Those of {one.replace('-', ' ')} systems alone. {others} of other systems")
    none = brief(view, Panel("encounters", of=("maternity",)), whole)
    assert (none.rows, none.empty) == ((), f"None of the {len(kinds)} is of maternity systems.")


def test_an_empty_panel_says_who_was_asked_and_a_panel_of_nobody_says_that():
    view = View(scenes.leanne(), Formatter(NOW))
    shown = brief(view, Panel("immunisations"), section_view(view, view.sections["immunisations"]))
    assert shown.rows == ()
    assert shown.empty
    assert brief(view, Panel("immunisations"), None).section is None


async def test_the_headings_of_a_record_stand_in_the_order_of_the_role_in_the_bar_the_list_and_the_page():
    browser = Neighbours(actors={"session-1": actor("paramedic")}).browser()
    page = (await opened(browser, "p-achebe")).text
    depth = page[page.index('class="cr-sections"') :]
    places = [depth.index(f'<section class="cr-sec" id="{each}"') for each in screen_of("paramedic").order]
    assert all(one < other for one, other in pairwise(places))
    bar = page[page.index('aria-label="Sections of this record"') :]
    assert re.findall(r'href="#(\w+)"', bar)[1:4] == ["plans", "alerts", "safeguarding"]


async def test_a_late_answer_joins_the_panels_of_a_role_too():
    neighbours = Neighbours(actors={"session-1": actor("paramedic")})
    neighbours.chunks["p-marlow"] = [(0.0, scenes.edith()), (0.0, scenes.edith(gp=True))]
    page = (await opened(neighbours.browser(), "p-marlow")).text
    before, late = page.split('data-into="first-allergies"', 1)
    assert 'id="first-allergies"' in before
    assert "Penicillin" in late.split("</template>")[0]


async def test_the_page_says_on_every_record_that_there_are_sources_of_which_it_never_tells():
    notice = Withheld("", "*", "sensitive/sexual-health", "What it holds is shown to its own staff alone.", "unnamed")
    neighbours = Neighbours()
    neighbours.chunks["p-singh"] = [(0.0, replace(scenes.harold(), unnamed=(notice,)))]
    page = (await opened(neighbours.browser(), "p-singh")).text
    assert "shown to its own staff alone. Rule sensitive/sexual-health." in page
    assert page.count("Some items are not shown to you") == 0
