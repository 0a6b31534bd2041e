"""Does the reader see that sources contradict each other about an allergy, and who says what?"""

from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Attention, Group, Record
from carerecord.fhir.facts import Allergy
from carerecord.viewer.record_page import finer
from carerecord.viewer.summary import attention
from tests.pages import scenes
from tests.pages.a_record import entry, facts, record
from tests.viewer.neighbours import Neighbours
from tests.viewer.test_looks import a_view, words
from tests.viewer.test_pages import opened


def allergy(source: str, status: str):
    stated = Allergy("Penicillin", "penicillin", status)
    return entry(source, facts("AllergyIntolerance", "allergies", "Penicillin", "2026-03-27", status=status, allergy=stated))


def of_two(label: str) -> Record:
    items = (allergy("elm-bank", "active"), allergy("fenwick-epr", "refuted"))
    groups = {"allergies": (Group("penicillin", "Penicillin", label, "", tuple(each.key for each in items)),)}
    title = AllergyTitle("Known allergies", substances=("Penicillin",))
    return record(scenes.edith().person, items, ("elm-bank", "fenwick-epr"), title=title, groups=groups)


def test_a_conflict_names_each_source_with_what_it_says_and_chooses_nothing():
    (said,) = a_view(of_two("conflict")).conflicts("allergies")

    assert said == (
        "Penicillin: active by Elm Bank Surgery, refuted by Fenwick General Hospital. "
        "Every entry stands below; nothing is chosen for you."
    )


def test_sources_that_agree_or_differ_in_detail_are_no_conflict():
    assert a_view(of_two("differs")).conflicts("allergies") == ()
    assert a_view(of_two("conflict")).conflicts("problems") == ()


async def test_it_stands_at_the_head_of_the_section_on_the_page():
    neighbours = Neighbours()
    neighbours.chunks["p-marlow"] = [(0.0, of_two("conflict"))]
    page = words((await opened(neighbours.browser(), "p-marlow")).text)

    assert "Conflict. Penicillin: active by Elm Bank Surgery, refuted by Fenwick General Hospital" in page
    assert page.index("Conflict. Penicillin") < page.index("Refuted", page.index("Conflict. Penicillin"))


def test_whoever_states_that_there_is_no_allergy_is_never_said_to_call_one_active():
    none = Allergy("No known allergies", "no known allergies", "active", "all")
    denial = facts("AllergyIntolerance", "allergies", none.substance, "2026-03-28", status="active", allergy=none)
    items = (allergy("elm-bank", "active"), entry("fenwick-epr", denial))
    keys = tuple(each.key for each in items)
    notice = Attention("danger", "One source states no known allergies", "", "allergy/conflict", "allergies", entries=keys)
    told = record(scenes.edith().person, items, ("elm-bank", "fenwick-epr"), title=AllergyTitle("Known allergies"))
    (shown,) = attention(a_view(replace(told, attention=(notice,))))
    assert shown.says == "Active by Elm Bank Surgery on 27-Mar-2026, denied by Fenwick General Hospital on 28-Mar-2026."


def test_the_first_screen_says_who_says_what_since_when_and_the_banner_that_they_disagree():
    told = of_two("conflict")
    (group,) = next(each.groups for each in told.sections if each.id == "allergies")
    notice = Attention("danger", "Penicillin: …", "active and refuted", "allergy/conflict", "allergies", entries=group.entries)
    (shown,) = attention(a_view(replace(told, attention=(notice,))))
    assert shown.says == "Active by Elm Bank Surgery on 27-Mar-2026, refuted by Fenwick General Hospital on 27-Mar-2026."
    assert "Sources contradict each other: see allergies." in finer(a_view(told)).says
    assert "contradict" not in finer(a_view(of_two("differs"))).says
