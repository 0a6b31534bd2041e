"""A copy is never read as current: the strip, each list, each item and each printed sheet say that it is one, and as at when."""

from msgspec.structs import replace

from carerecord.contracts.identity import Session
from carerecord.contracts.records import Record, SourceState
from carerecord.pages.formatting import Formatter
from carerecord.viewer.items import origins
from carerecord.viewer.matrix import matrix
from carerecord.viewer.record_page import print_words, tally
from carerecord.viewer.sections import section_view
from carerecord.viewer.states import brief, sentence, sign, trouble
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import DOCTOR, NOW
from tests.viewer.neighbours import Neighbours

FMT = Formatter(NOW)
CAME_AT = "2026-11-01T09:30:00Z"
AS_AT = "Copy as at 01-Nov-2026 09:30"


def from_copy(state: str, says: str = "", kept: str = "copy") -> tuple[Record, SourceState]:
    """Harold's record, his practice's part of it read from what is kept here."""
    record = scenes.harold()
    gp = next(each for each in record.states if each.kind == "gp")
    sections = tuple(replace(each, state=state, says=says, kept=kept, as_at=CAME_AT) for each in gp.sections)
    changed = replace(gp, state=state, says=says, sections=sections, kept=kept, copy_at=CAME_AT)

    def kept_entry(entry):
        also = tuple(replace(each, kept=kept, came_at=CAME_AT) if each.source == gp.source else each for each in entry.also)
        entry = replace(entry, also=also)
        return replace(entry, kept=kept, came_at=CAME_AT) if entry.source == gp.source else entry

    shown = tuple(replace(each, entries=tuple(kept_entry(one) for one in each.entries)) for each in record.sections)
    states = tuple(changed if each is gp else each for each in record.states)
    return replace(record, states=states, sections=shown), changed


def test_a_source_whose_copy_is_read_says_as_at_when_in_the_strip_and_is_not_counted_as_having_answered():
    record, gp = from_copy("copy")
    assert "copy as at 01-Nov-2026 09:30" in brief(gp, FMT, late=False)
    assert sentence(gp, FMT) == f"{gp.name} is not asked. {AS_AT}."
    assert "1 copy" in tally(record)
    assert int(tally(record).split()[0]) == int(tally(scenes.harold()).split()[0]) - 1


def test_the_copy_of_a_silent_source_says_both_that_it_is_silent_and_as_at_when():
    record, gp = from_copy("out of date", "It could not be reached.")
    said = sentence(gp, FMT)
    assert said.startswith(f"{gp.name} did not answer at ")
    assert AS_AT in said
    assert AS_AT in brief(gp, FMT, late=False)
    assert trouble("out of date"), "it stands first in the strip, and before each list that it touches"
    assert sign("out of date").word == "Copy, not live"
    problems = next(each for each in record.sections if each.id == "problems")
    assert AS_AT in section_view(View(record, FMT), problems).gap


def test_a_copy_that_fills_the_wait_for_its_source_says_so():
    record, gp = from_copy("loading")
    assert sentence(gp, FMT) == f"{gp.name} still loading. {AS_AT} is shown until it answers."
    assert brief(gp, FMT, late=False) == f"Still loading. {AS_AT}"
    problems = next(each for each in record.sections if each.id == "problems")
    assert "is shown until it answers" in section_view(View(record, FMT), problems).gap


def test_a_copy_that_is_too_old_says_so():
    _, gp = from_copy("out of date")
    assert sentence(gp, FMT) == f"{gp.name}: {AS_AT}, which is older than it should be."


def test_a_copy_that_cannot_be_read_is_not_said_to_be_a_source_that_did_not_answer():
    record, gp = from_copy("no answer", "What is kept here of it cannot be read just now.")
    assert sentence(gp, FMT) == f"{gp.name} is not asked, and its copy cannot be read just now."
    assert brief(gp, FMT, late=False) == "Its copy cannot be read"
    problems = next(each for each in record.sections if each.id == "problems")
    assert "its copy cannot be read" in section_view(View(record, FMT), problems).gap


def test_nothing_in_a_copy_is_not_nothing_now():
    _, gp = from_copy("not recorded")
    assert sentence(gp, FMT) == f"Not recorded in {gp.name}. {AS_AT}."
    assert AS_AT in brief(gp, FMT, late=False)


def test_what_is_kept_here_says_so():
    record, gp = from_copy("live", kept="here")
    assert brief(gp, FMT, late=False).endswith("kept here")
    assert sentence(gp, FMT) == f"{gp.name}: kept here."
    assert tally(record) == tally(scenes.harold())


def test_each_item_names_its_source_as_a_copy_wherever_it_stands_and_says_when_it_came():
    record, gp = from_copy("copy")
    view = View(record, FMT)
    entry = next(each for section in record.sections for each in section.entries if each.source == gp.source)
    (mark, *_) = view.marks(entry)
    assert mark.name == f"{gp.name} (copy as at 01-Nov-2026 09:30)"
    assert mark.sign.tone == "copy"
    pairs = dict(origins(view, entry)[0].pairs)
    assert pairs["Copy as at"] == "01-Nov-2026 09:30"
    assert "Fetched" not in pairs


def test_an_item_that_was_sent_under_another_number_of_its_source_says_so_where_it_says_whence_it_is():
    record, gp = from_copy("copy")
    entry = next(each for section in record.sections for each in section.entries if each.source == gp.source)
    said = [dict(origins(View(record, FMT), each)[0].pairs) for each in (entry, replace(entry, merged=True))]
    assert ["Sent under" in each for each in said] == [False, True]
    assert said[1]["Sent under"].startswith("Another number of this source")


def test_a_printed_sheet_names_the_sources_that_are_copies():
    record, gp = from_copy("copy")
    session = Session("s", DOCTOR.name, (DOCTOR.role,), DOCTOR, "t", "", "")
    assert f"From copies, not live: {gp.name}." in print_words(record, session, FMT)["sources"]


async def test_the_page_holds_these_words_and_each_cell_of_the_matrix_its_number():
    record, gp = from_copy("copy")
    matrix(View(record, FMT))
    neighbours = Neighbours()
    neighbours.chunks["p-singh"] = [(0.0, record)]
    browser = neighbours.browser()
    await browser.post("/patients/p-singh/open", data={"csrf": "token-session-1", "purpose": "attending"})
    page = (await browser.get("/patients/p-singh/record")).text
    assert "copy as at" in page
    assert "cr-src--copy" in page
    assert f"{gp.name} (copy as at" in page
