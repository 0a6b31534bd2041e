"""With 200 sources the strip is still read at a glance: trouble first, who answered folded by organisation, nobody lost."""

import re

import pytest
from msgspec.structs import replace

from carerecord.contracts.identity import Session
from carerecord.contracts.records import Record
from carerecord.pages.formatting import Formatter
from carerecord.viewer.matrix import by_organisation, matrix
from carerecord.viewer.record_page import print_words, tally
from carerecord.viewer.states import named
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import DOCTOR, NOW
from tests.pages.wide import ALL, ASKED, wide
from tests.viewer.neighbours import Neighbours

FEW = len(scenes.harold().states)


def lines(record=None):
    return matrix(View(record or wide(), Formatter(NOW)))


async def page_of(patient: str) -> str:
    browser = Neighbours().browser()
    await browser.post(f"/patients/{patient}/open", data={"csrf": "token-session-1", "purpose": "attending"})
    return (await browser.get(f"/patients/{patient}/record")).text


def part(page: str, begins: str, ends: str) -> str:
    return page[page.index(begins) :].split(ends)[0]


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def test_trouble_stands_first_and_outside_every_fold():
    strip = part(await page_of("p-wide"), '<ul class="cr-strip"', "</ul>\n\n")
    before = plain(strip.split("<details")[0])
    for words in (
        "Aldermoor Surgery imaging Did not answer", "Dunholme Surgery clinics Did not answer", "Ring 01632 960 114",
        "Barrowby Surgery imaging Not switched on yet", "Barrowby Surgery letters", "Allergies not switched on yet",
    ):  # fmt: skip
        assert words in before, words


async def test_those_that_answered_are_folded_under_their_organisations():
    page = await page_of("p-wide")
    assert re.search(r"Answered: \d+ sources, \d+ items", plain(page))
    folded = plain(part(page, "cr-chip--folded", "</details>"))
    assert "Calder Vale Surgery" in folded
    assert "Did not answer" not in folded


async def test_every_source_is_named_once_in_the_strip_and_counted_in_its_line():
    page = await page_of("p-wide")
    strip = part(page, '<ul class="cr-strip"', 'id="warnings"')
    for state in wide().states:
        assert state.name.replace("&", "&amp;").replace("'", "&#39;") in strip, state.name
    assert f"{ALL + FEW} sources" in plain(page)
    assert f"Not asked: {len(lines().unasked)} sources" in plain(strip)


async def test_a_page_of_200_sources_is_no_heavier_than_it_must_be():
    """One form for each source that may be asked all the same, and no more: not one for each of its sections."""
    narrow, broad = await page_of("p-singh"), await page_of("p-wide")
    assert broad.count('action="/patients/p-wide/again"') < ALL + 60
    assert len(broad) - len(narrow) < 420_000
    assert broad.count('<tr role="row"><th scope="row" role="rowheader"><span class="cr-src') < FEW + ASKED + 5


async def test_sources_that_hold_nothing_share_one_row_of_the_table_and_are_named_in_the_strip():
    found = lines()
    assert len(found.none_held) > 3
    assert not {line.state.source for line in found.rows} & {line.state.source for line in found.none_held}
    assert all(line in found.rows for line in found.lines if line.trouble and line.sign.tone != "ask")
    shared = [cell.says for cell in found.none_cells if cell.shown == "0"]
    assert shared
    assert all(re.fullmatch(r"Not recorded in \d+ of them", says) for says in shared)
    table = plain(part(await page_of("p-wide"), 'id="sources"', "</table>"))
    assert f"{len(found.none_held)} sources Nothing held. Names" in table


def test_with_few_sources_each_has_a_row_of_its_own():
    found = lines(scenes.gwendolyn())
    assert found.rows == found.lines
    assert found.none_held == ()


async def test_with_few_sources_each_stands_in_the_strip_by_itself():
    page = await page_of("p-singh")
    assert "cr-chip--folded" not in page
    assert page.count("cr-chip--quiet") == len(lines(scenes.harold()).answered)


def test_no_source_is_lost_between_the_groups():
    found = lines()
    grouped = [*found.loud, *found.answered, *found.empty, *found.elsewhere, *found.unasked]
    assert sorted(line.state.source for line in grouped) == sorted(state.source for state in wide().states)


def test_sources_of_one_organisation_stand_together():
    names = [name for name, _ in by_organisation(lines().answered)]
    assert names == sorted(set(names))
    assert all(len({line.state.organisation_name for line in of}) == 1 for _, of in by_organisation(lines().answered))


def test_what_is_not_switched_on_cannot_be_asked_anyway():
    (off,) = [line for line in lines().lines if line.state.state == "not switched on"]
    assert off.retry == ""
    assert off.trouble
    assert off.says == "Barrowby Surgery imaging is not switched on yet."


def test_a_source_that_answered_is_named_with_what_of_it_is_not_switched_on():
    (partly,) = [line for line in lines().lines if line.off]
    assert partly.off == "Allergies not switched on yet"
    assert partly.loud
    assert not partly.trouble


def test_names_in_a_sentence_are_as_many_as_it_bears():
    assert named(["A", "B", "C"]) == "A, B and C"
    assert named([f"S{n}" for n in range(30)]) == "S0, S1, S2, S3, S4, S5 and 24 more"


@pytest.mark.parametrize("many", [True, False])
def test_paper_names_every_source_that_was_asked_and_is_missing(many: bool):
    record = wide() if many else replace(wide(), states=wide().states[:12])
    sources = print_words(record, _session(), Formatter(NOW))["sources"]
    missing = [state.name for state in record.states if state.state in ("no answer", "not switched on")]
    assert all(name in sources for name in missing)
    assert ("sources that were not asked" in sources) is many


def _session() -> Session:
    return Session("s", DOCTOR.name, (DOCTOR.role,), DOCTOR, "t", "", "")


def with_an_old_practice() -> Record:
    one = replace(wide().states[0], source="old-practice", name="Old Practice")
    elsewhere = replace(one, state="registered elsewhere", late=False, warnings=(), sections=())
    return replace(wide(), states=(*wide().states, elsewhere))


def test_a_practice_that_the_register_passes_over_is_named_and_is_none_of_those_that_answered():
    before, after = lines(), lines(with_an_old_practice())
    assert [line.state.name for line in after.elsewhere] == ["Old Practice"]
    assert after.answered == before.answered


def test_a_line_whose_cells_say_none_alone_is_bare_and_one_that_hides_something_from_the_reader_is_not():
    (old,) = lines(with_an_old_practice()).elsewhere
    assert old.bare
    assert any(line.bare for line in lines().empty)
    assert not any(line.bare for line in lines().lines if line.trouble or any(cell.tone == "withheld" for cell in line.cells))


def test_a_printed_date_ends_no_line_in_its_middle():
    by = print_words(wide(), _session(), Formatter(NOW))["by"]
    assert "-" not in by.split("Record of ")[1]


def test_the_numbers_of_the_line_add_up_and_paper_counts_none_as_answered_that_was_not_asked():
    record = with_an_old_practice()
    said = tally(record)
    assert "1 registered elsewhere" in said
    assert sum(int(number) for number in re.findall(r"\d+", said.split(";")[0])) == len(record.states)
    paper = print_words(record, _session(), Formatter(NOW))["sources"]
    assert paper.startswith(f"Sources: {said.split()[0]} of {len(record.states)} ")
