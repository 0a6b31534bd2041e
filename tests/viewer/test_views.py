"""Is nothing that a source said left out, and nothing missing left unsaid?"""

import dataclasses
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from carerecord.contracts.records import Attention, Record
from carerecord.fhir.facts import Contact, Phone
from carerecord.pages.formatting import Formatter
from carerecord.viewer import summary
from carerecord.viewer.happened import happened
from carerecord.viewer.items import row
from carerecord.viewer.matrix import matrix
from carerecord.viewer.medicines import medicines
from carerecord.viewer.sections import sections
from carerecord.viewer.states import SIGNS
from carerecord.viewer.summary import attention, key_results
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import NOW, plain

EVERYBODY = (scenes.edith, scenes.harold, scenes.colin, scenes.gwendolyn, scenes.leanne, scenes.receptionist, scenes.mismatched)


def a_view(record: Record) -> View:
    return View(record, Formatter(NOW))


@pytest.mark.parametrize("scene", EVERYBODY, ids=lambda scene: scene.__name__)
def test_no_section_is_ever_empty_without_a_word(scene: Callable[[], Record]) -> None:
    for section in sections(a_view(scene())):
        assert section.rows or section.held or section.says or section.withheld or section.empty, section.id
        assert section.head


@pytest.mark.parametrize("scene", EVERYBODY, ids=lambda scene: scene.__name__)
def test_every_item_of_the_record_stands_in_a_section(scene: Callable[[], Record]) -> None:
    record = scene()
    shown = {item.entry.key for section in sections(a_view(record)) for item in (*section.rows, *section.held)}
    assert shown == {entry.key for section in record.sections for entry in section.entries}


def test_every_medicine_is_current_or_past_and_never_both() -> None:
    record = scenes.harold()
    view = a_view(record)
    told = medicines(view)
    current = {item.entry.key for each in told.current for item in each.rows}
    past = {item.entry.key for each in told.past for item in each.rows}
    assert current.isdisjoint(past)
    assert current | past == {entry.key for entry in view.of("medicines")}


def test_those_that_disagree_come_first_and_same_words_share_a_line() -> None:
    told = medicines(a_view(scenes.harold()))
    assert [each.title for each in told.current] == [
        "ramipril", "bisoprolol", "sodium zirconium cyclosilicate", "furosemide",
    ]  # fmt: skip
    ramipril = told.current[0]
    assert ramipril.statements[0].stopped.startswith("Stopped 13-Nov-2026")
    assert [len(each.marks) for each in told.current[-1].statements] == [3]


def test_every_notice_is_listed_dangers_first() -> None:
    record = scenes.colin()
    told = attention(a_view(record))
    assert len(told) == len(record.attention)
    assert [each.attention.kind for each in told] == ["danger", "danger", "gap", "info"]


def test_what_the_page_says_over_everything_is_not_said_again_in_needs_attention() -> None:
    record = scenes.mismatched()
    mismatch = Attention("danger", "Aldermoor Pathology knows this person by another given name", "Here Zara; there Zoya.",
                         "danger/mismatch", source="aldermoor-pathology")  # fmt: skip
    told = attention(a_view(replace(record, attention=(mismatch, *scenes.colin().attention))))
    assert [each.attention.rule for each in told if each.attention.rule == "danger/mismatch"] == []
    assert len(told) == len(scenes.colin().attention)


def test_a_hole_is_never_drawn_as_a_zero() -> None:
    lines = {line.state.source: line for line in matrix(a_view(scenes.edith())).lines}
    assert {cell.tone for cell in lines["elm-bank"].cells} == {"unseen"}
    assert "empty" in {cell.tone for cell in lines["st-oswins"].cells}


def test_trouble_stands_first_in_the_strip() -> None:
    lines = matrix(a_view(scenes.colin())).lines
    assert [line.state.source for line in lines[:3]] == ["aldermoor-radiology", "aldermoor-community", "aldermoor-council"]


def test_an_item_held_behind_a_mismatch_is_in_no_summary_and_no_trend() -> None:
    view = a_view(scenes.mismatched())
    results = next(each for each in sections(view) if each.id == "results")
    assert len(results.held) == 1
    assert results.rows == ()
    assert key_results(view) == ()


def test_a_refuted_problem_is_not_among_the_active_ones() -> None:
    def told(record: Record) -> list[str]:
        return [each.title for each in summary.problems(a_view(record))]

    def refuting(title: str) -> Record:
        record = scenes.harold()
        made = []
        for section in record.sections:
            refuted = {
                each.key: replace(each, facts=replace(each.facts, status="refuted", warning="refuted"))
                for each in section.entries
                if each.facts.title == title
            }
            made.append(replace(section, entries=tuple(refuted.get(each.key, each) for each in section.entries)))
        return replace(record, sections=tuple(made))

    before = told(scenes.harold())
    assert told(refuting(before[0])) == before[1:]


def test_key_results_outside_their_range_stand_newest_first() -> None:
    record = scenes.harold()
    backwards = tuple(replace(section, trends=section.trends[::-1]) for section in record.sections)
    told = [each.series.title for each in key_results(a_view(replace(record, sections=backwards)))]
    assert told == ["eGFR", "Creatinine", "NT-proBNP", "Potassium"]  # NT-proBNP is 13 days old; potassium is inside its range


def test_a_key_result_writes_its_last_values_in_figures_and_one_value_has_no_course() -> None:
    told = {each.series.title: each for each in key_results(a_view(scenes.leanne()))}
    assert told["Neutrophils"].course == "4.2 → 2.1 → 0.9"
    assert all(bool(each.course) is (len(each.series.points) > 1) for each in told.values())


def test_a_course_that_no_rule_names_has_what_room_the_key_results_leave() -> None:
    record = scenes.harold()
    whole = [each.series.title for each in key_results(a_view(record))]
    quiet = tuple(
        replace(section, trends=tuple(replace(each, important=each.title != whole[0]) for each in section.trends))
        for section in record.sections
    )
    told = [each.series.title for each in key_results(a_view(replace(record, sections=quiet)))]
    assert told == [*whole[1:], whole[0]]


@pytest.fixture
def pressure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """The key results of a record with one value of two parts after another value, told with room for each of these many."""
    view = a_view(scenes.harold())
    one, another, *_ = key_results(view)

    def told(*, high: bool, rooms: tuple[int, ...]) -> list[list[str]]:
        inside, outside = (dataclasses.replace(one.newest, outside=each) for each in (False, True))
        part = dataclasses.replace(one, part_of="blood-pressure")
        upper = dataclasses.replace(part, at="upper", place=0, newest=outside if high else inside)
        lower = dataclasses.replace(part, at="lower", place=1, newest=inside)
        between = dataclasses.replace(another, at="between", newest=inside)
        last = [upper, between, lower] if high else [lower, upper, between]  # as they are sorted: what is outside first
        monkeypatch.setattr(summary, "_key_results", lambda _, trends: [one] if trends else last)  # all of his are important
        found = []
        for room in rooms:
            monkeypatch.setattr(summary, "KEY_RESULTS", room)
            found.append([each.at for each in key_results(view)][1:])
        return found

    return told


def test_half_a_measurement_is_no_key_result(pressure: Callable[..., list[list[str]]]) -> None:
    """The lower value of a blood pressure without the upper one would be read as a value of its own."""
    assert pressure(high=False, rooms=(1, 2, 3, 4)) == [[], ["between"], ["upper", "lower"], ["upper", "lower", "between"]]


def test_a_part_outside_its_range_is_not_left_out_for_its_other_part(pressure: Callable[..., list[list[str]]]) -> None:
    assert pressure(high=True, rooms=(1, 2, 3, 4)) == [[], ["upper", "lower"], ["upper", "lower"], ["upper", "lower", "between"]]


def test_a_key_result_that_was_corrected_tells_what_stood_there_before() -> None:
    record = scenes.harold()
    newest = key_results(a_view(record))[0].series.title
    keys = next(each.entries for section in record.sections for each in section.trends if each.title == newest)
    note = "Haemolysed\nReplaced: 7.1 mmol/L (final)"
    corrected = tuple(
        replace(section, entries=tuple(
            replace(each, facts=replace(each.facts, note=note)) if each.key == keys[-1] else each for each in section.entries
        ))
        for section in record.sections
    )  # fmt: skip
    first, *others = key_results(a_view(replace(record, sections=corrected)))
    assert first.replaced == ("7.1 mmol/L (final)",)
    assert not any(each.replaced for each in others)


def test_each_state_has_a_sign_and_a_word_of_its_own() -> None:
    assert len({sign.word for sign in SIGNS.values()}) == len(SIGNS)
    assert all(sign.icon for sign in SIGNS.values())


def test_everyone_whom_a_care_team_names_is_shown_with_their_number() -> None:
    team = (
        Contact("Dr A Osei", "GP", phones=(Phone("01632 960 110"),)),
        Contact("Sister Okoro", "Nurse", phones=(Phone("01632 960 501"),)),
    )
    item = plain("elm-bank", "professionals", "Heart failure team", "", "CareTeam", contact=team[0], contacts=team)
    told = row(a_view(scenes.harold()), item)
    assert told.lines == ("Dr A Osei, GP", "Sister Okoro, Nurse")
    assert told.phones == (("01632 960 110", "Dr A Osei"), ("01632 960 501", "Sister Okoro"))


def test_how_grave_an_allergy_is_stands_in_its_line_once() -> None:
    (allergies,) = [each for each in sections(a_view(scenes.edith(gp=True))) if each.id == "allergies"]
    (penicillin,) = [each for each in allergies.rows if "Penicillin" in each.title]
    assert "severe, high risk" in penicillin.lines


def test_what_one_source_stopped_and_another_supplied_since_stands_beside_the_values_of_that_time() -> None:
    told = happened(a_view(scenes.harold()))
    assert [f"{each.said} {each.says}" for each in told] == ["13-Nov-2026 ramipril stopped", "18-Nov-2026 ramipril dispensed"]
    (results,) = (each for each in sections(a_view(scenes.harold())) if each.id == "results")
    beside = {each.series.title for each in results.figures if each.beside}
    assert {"Potassium", "Creatinine"} <= beside
    assert "NT-proBNP" not in beside, "one value has no time before and after it"
    for scene in (scenes.edith, scenes.colin, scenes.leanne):
        assert happened(a_view(scene())) == (), "no rule found anything to draw"
