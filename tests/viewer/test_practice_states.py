"""A practice that gave no record, withholds it, or is not the person's own, is said so; what was not carried is listed."""

import pytest
from msgspec.structs import replace

from carerecord.contracts.records import NotCarried, SectionState
from carerecord.pages.formatting import Formatter
from carerecord.viewer.matrix import matrix
from carerecord.viewer.sections import section_view
from carerecord.viewer.states import sentence, sign, trouble
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import NOW
from tests.viewer.neighbours import Neighbours

FMT = Formatter(NOW)


def with_gp(state: str, says: str):
    """Harold's record, his practice in this state for everything that it shares."""
    record = scenes.harold()
    gp = next(each for each in record.states if each.kind == "gp")
    parts = tuple(SectionState(each.section, state, says=says) for each in gp.sections)
    changed = replace(gp, state=state, says=says, count=0, sections=parts)
    return replace(record, states=tuple(changed if each is gp else each for each in record.states)), changed


@pytest.mark.parametrize(
    ("state", "says", "told"),
    [
        ("not given", "This practice did not give a record.", "This practice did not give a record."),
        ("withheld at source", "The person has said so.", "withheld at source. The person has said so."),
        ("registered elsewhere", "", "registered with another practice"),
        ("incomplete", "It no longer knows this person.", "It no longer knows this person."),
    ],
)
def test_each_is_a_sentence_of_its_own_and_never_nothing_recorded(state: str, says: str, told: str):
    record, gp = with_gp(state, says)
    assert told in sentence(gp, FMT)
    assert ".." not in sentence(gp, FMT), "one sentence ends once, whoever wrote it"
    assert sign(state).tone not in ("empty", "held")
    assert f"Not recorded in {gp.name}" not in sentence(gp, FMT, gp.sections[0])
    matrix(View(record, FMT))  # each has its cell


@pytest.mark.parametrize(("state", "gap"), [("not given", True), ("withheld at source", True), ("registered elsewhere", False)])
def test_what_might_be_there_leaves_its_section_incomplete_and_what_cannot_be_there_does_not(state: str, gap: bool):
    record, gp = with_gp(state, "")
    assert trouble(state) is gap
    allergies = next(each for each in record.sections if each.id == "allergies")
    view = section_view(View(record, FMT), allergies)
    assert any(each.source.source == gp.source for each in view.says) is gap
    assert gp.name not in view.empty


async def test_elements_that_were_not_carried_are_listed_on_the_page_with_their_source():
    record, gp = with_gp("live", "")
    lost = (NotCarried("Observation.component.comment", "R4 has no place for it", 3),)
    told = replace(record, states=tuple(replace(each, not_carried=lost) if each is gp else each for each in record.states))
    neighbours = Neighbours()
    neighbours.chunks["p-singh"] = [(0.0, told)]
    browser = neighbours.browser()
    await browser.post("/patients/p-singh/open", data={"csrf": "token-session-1", "purpose": "attending"})
    page = (await browser.get("/patients/p-singh/record")).text

    assert f"{gp.name}: 3 elements of its format have no place here" in page
    assert "Observation.component.comment: R4 has no place for it (3)" in page
