"""Does the page tell current from past and from what is to be checked, and whose words a dose is in?"""

import re

import httpx
from msgspec.structs import replace

from carerecord.contracts.records import Entry, Group, Record
from carerecord.fhir.facts import Medicine
from carerecord.pages.formatting import Formatter
from carerecord.viewer.medicines import medicines
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import NOW, med
from tests.viewer.neighbours import Neighbours
from tests.viewer.test_pages import opened

STALE = "active by its source, but not authorised or issued for 2 years: last issued 2023-05-02"


def told(entry: Entry, **more: object) -> Entry:
    medicine = entry.facts.medicine
    assert isinstance(medicine, Medicine)
    return replace(entry, facts=replace(entry.facts, medicine=replace(medicine, **more)))


def with_medicines(*groups: tuple[Group, tuple[Entry, ...]]) -> Record:
    """Harold's record with these medicines alone."""
    record = scenes.harold()
    entries = tuple(entry for _, each in groups for entry in each)
    made = tuple(replace(group, entries=tuple(entry.key for entry in each)) for group, each in groups)
    parts = [
        replace(each, entries=entries, groups=made) if each.id == "medicines" else each for each in record.sections
    ]  # fmt: skip
    return replace(record, sections=tuple(parts))


DIGOXIN = told(med("elm-bank", "digoxin", "125 micrograms", "once a day"), unsure=True, because=STALE)
BISOPROLOL = told(med("elm-bank", "bisoprolol", "5 mg", "once a day"), because="repeat, last issued 2026-11-02")
MIXED = with_medicines(
    (Group("digoxin", "digoxin", "", "", (), unsure=True), (DIGOXIN,)),
    (Group("bisoprolol", "bisoprolol", "", "", ()), (BISOPROLOL,)),
)


async def page(record: Record) -> str:
    neighbours = Neighbours()
    neighbours.chunks["p-singh"] = [(0, record)]
    reply: httpx.Response = await opened(neighbours.browser(), "p-singh")
    return " ".join(re.sub(r"<[^>]+>", " ", reply.text).split())


def test_what_may_not_be_current_is_in_neither_list_but_in_its_own() -> None:
    lists = medicines(View(MIXED, Formatter(NOW)))

    assert [each.title for each in lists.current] == ["bisoprolol"]
    assert [each.title for each in lists.unsure] == ["digoxin"]
    assert lists.past == ()


def test_a_medicine_that_no_group_holds_is_still_in_one_list() -> None:
    section = next(each for each in MIXED.sections if each.id == "medicines")
    bare = replace(MIXED, sections=tuple(replace(section, groups=()) if each is section else each for each in MIXED.sections))
    lists = medicines(View(bare, Formatter(NOW)))

    assert ([each.title for each in lists.current], [each.title for each in lists.unsure]) == (["bisoprolol"], ["digoxin"])


async def test_the_page_lists_apart_what_is_to_be_checked_with_its_reason() -> None:
    text = await page(MIXED)

    assert "1 current; 1 to check" in text
    assert "To check 1 substance, neither current nor past for certain" in text
    assert "Check whether it is current: active by its source, but not authorised or issued for 2 years: last issued" in text
    assert "What counts as current One rule for all sources" in text


async def test_why_an_item_counts_as_current_stands_with_its_origin() -> None:
    assert re.search(r"Current repeat, last issued 02- ?Nov-2026", await page(MIXED))


async def test_no_page_says_that_no_medicine_is_current_where_one_may_be() -> None:
    text = await page(with_medicines((Group("digoxin", "digoxin", "", "", (), unsure=True), (DIGOXIN,))))

    assert "No medicine is current for certain in what was answered." in text
    assert "No current medicine" not in text


async def test_a_dose_in_our_words_says_so_and_the_sources_words_stand_alone() -> None:
    ours = told(BISOPROLOL, dose="5 milligram - once a day - as required", dose_generated=True)
    theirs = told(DIGOXIN, dose="ONE each morning", dose_rest="2 tablet - once a day", advice="With water", unsure=False)
    text = await page(with_medicines(
        (Group("bisoprolol", "bisoprolol", "", "", ()), (ours,)), (Group("digoxin", "digoxin", "", "", ()), (theirs,)),
    ))  # fmt: skip

    assert "5 milligram - once a day - as required (in our words, from the source&#39;s codes)" in text
    assert "ONE each morning (in our words" not in text
    assert "Further steps, in our words, from the source&#39;s codes: 2 tablet - once a day" in text
    assert "Told to the patient: “With water”" in text


async def test_a_brand_beside_its_generic_keeps_its_name_and_says_that_a_code_brought_them_together() -> None:
    brand = told(med("elm-bank", "eliquis", "5 mg", "twice a day"))
    generic = told(med("aldermoor-pathology", "apixaban", "5 mg", "twice a day"))
    record = with_medicines((Group("apixaban", "apixaban", "same", "", (), by_code=True), (brand, generic)))
    (together,) = medicines(View(record, Formatter(NOW))).current
    text = await page(record)

    assert together.title == "apixaban"
    assert [each.named for each in together.statements] == [True, False]
    assert "Several names: their codes say that they are one medicine." in text
    assert "eliquis" in text


def test_an_order_and_its_issue_that_read_the_same_are_said_once_with_both_origins() -> None:
    order = told(med("elm-bank", "furosemide", "40 mg", "once a day"), course="repeat", issued="2026-11-02")
    issue = told(order, kind="issue")
    issue = replace(issue, key="elm-bank/MedicationRequest/issue")
    other = told(med("elm-bank", "furosemide", "20 mg", "at noon"))
    record = with_medicines((Group("furosemide", "furosemide", "differs", "dose", ()), (order, issue, other)))
    (substance,) = medicines(View(record, Formatter(NOW))).current
    ((mark, said),) = substance.cells

    assert mark.source == "elm-bank"
    assert [len(each.rows) for each in said] == [2, 1]
    assert said[0].notes == ("repeat, last issued 02-Nov-2026", "one issue, 02-Nov-2026, repeat")
    assert sum(len(each.rows) for each in said) == len(substance.rows), "every item keeps its origin"


def test_a_dose_that_was_not_given_says_so_with_the_reason_and_nowhere_that_it_was_given() -> None:
    entry = told(med("elm-bank", "warfarin", "3 mg", "at night"), current=False, kind="administration", started="2026-11-20",
                 stopped_reason="patient refused")  # fmt: skip
    undone = replace(entry, facts=replace(entry.facts, warning="not done", status="not done", at="2026-11-20"))
    view = View(with_medicines((Group("warfarin", "warfarin", "", "", ()), (undone,))), Formatter(NOW))
    found = medicines(view)
    (said,) = next(each for each in (*found.current, *found.unsure, *found.past)).statements
    assert said.stopped == "Not given 20-Nov-2026: “patient refused”"
    assert said.notes == ()
    assert said.rows[0].lines[0] == said.stopped
