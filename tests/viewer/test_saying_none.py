"""Does a page ever say "none" where nobody could say so? The words of panels and lists that have nothing to show."""

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Attention, Entry, Record
from carerecord.fhir.facts import Allergy
from carerecord.fhir.reading import read
from carerecord.pages.formatting import Formatter
from carerecord.viewer.matrix import matrix
from carerecord.viewer.sections import SectionView, sections
from carerecord.viewer.summary import attention
from carerecord.viewer.view import View
from tests.pages import scenes
from tests.pages.a_record import NOW, SOURCES, ago, entry, med, no_plans, person, plain, record, stuck
from tests.viewer.neighbours import PEOPLE, Neighbours

WHO = person("Nobody", "Nora", "Ms", "1980-01-01", "female", "9990000107")
UNKNOWN = AllergyTitle("Allergies not recorded", "")


def silent(*sources: str, state: str = "no answer") -> Record:
    """Sources that were asked, or were not, and of which nothing is seen."""
    states = {each: stuck(each, state) for each in sources}
    title = AllergyTitle("Allergies unavailable", "")
    return record(WHO, [], sources, title=title, states=states, plans=no_plans("unavailable"))


def section(told: Record, name: str) -> SectionView:
    return next(each for each in sections(View(told, Formatter(NOW))) if each.id == name)


async def page(told: Record) -> str:
    neighbours = Neighbours(chunks={"p-marlow": [(0.0, replace(told, person=PEOPLE["p-marlow"]))]})
    async with neighbours.browser() as browser:
        await browser.post("/patients/p-marlow/open", data={"csrf": "token-session-1", "purpose": "attending"})
        return (await browser.get("/patients/p-marlow/record")).text


def panel(html: str, name: str) -> str:
    """One panel of the first screen, in words."""
    found = re.search(rf'<section class="cr-panel[^>]* id="{name}">(.*?)</section>', html, re.DOTALL)
    assert found
    return " ".join(re.sub("<[^>]+>", " ", found[1]).split())


async def test_results_without_a_number_are_never_said_to_be_recorded_nowhere():
    words = plain("aldermoor-pathology", "results", "Blood culture: no growth", ago(days=1), "DiagnosticReport")
    html = await page(record(WHO, [words], ("elm-bank", "aldermoor-pathology"), title=UNKNOWN))
    key = panel(html, "key")
    assert "Not recorded" not in key
    assert "The one result" in key
    assert "has no value to follow: read it." in key


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"valueQuantity": {"value": 4.4, "unit": "mmol/L"}}, "In range"),
        ({"valueQuantity": {"value": 9.4, "unit": "mmol/L"}}, "High by range"),
        ({"valueQuantity": {"value": 10, "comparator": ">", "unit": "mmol/L"}}, "None sent"),
        ({"valueString": "haemolysed"}, "None sent"),
        ({"dataAbsentReason": {"coding": [{"code": "not-asked"}]}}, "None sent"),
    ],
)
async def test_nothing_is_said_to_be_in_range_but_a_number_that_is_or_what_its_source_says_is(value: dict[str, Any], says: str):
    unit = {"unit": "mmol/L"}
    told = {"resourceType": "Observation", "id": "k", "status": "final", "code": {"text": "Potassium"}, **value,
            "referenceRange": [{"text": "3.5-5.3", "low": {"value": 3.5, **unit}, "high": {"value": 5.3, **unit}}]}  # fmt: skip
    potassium = replace(read(json.dumps(told).encode()), section="results")
    html = await page(record(WHO, [entry("aldermoor-pathology", potassium)], ("aldermoor-pathology",), title=UNKNOWN))

    (cell,) = re.findall(r'data-label="Flag">(.*?)</td>', html)
    assert " ".join(re.sub("<[^>]+>", " ", cell).split()) == says


async def test_while_nobody_has_answered_no_panel_says_that_something_is_not_there():
    html = await page(silent(*SOURCES))
    for name in ("meds", "key", "probs", "since"):
        assert "in what was answered" not in panel(html, name), name
        assert "did not answer" in panel(html, name).lower(), name
    assert "0 current" not in panel(html, "meds")
    assert "No current medicine" not in html
    assert "No source has answered: nothing could be looked through." in panel(html, "attention")


def test_a_section_that_nobody_shares_is_not_called_none():
    assert section(silent("hartley-pharmacy"), "safeguarding").short == "–"


def test_no_known_allergies_are_not_counted_as_one():
    assert section(scenes.harold(), "allergies").short == "none known"


def test_a_denial_that_settles_nothing_is_no_number():
    found = section(scenes.edith(), "allergies")
    assert (found.short, found.count, found.incomplete) == ("–", 1, True), "the GP practice is silent"
    title = AllergyTitle("Allergies not recorded", "No known drug allergies, stated by Elm Bank Surgery")
    of_drugs = allergy("elm-bank", "No known drug allergies", "active", negative="medication")
    assert section(record(WHO, [of_drugs], ("elm-bank",), title=title), "allergies").short == "–"


def test_an_allergy_that_is_over_is_counted_though_somebody_says_that_none_is_known():
    title = AllergyTitle("No known allergies", "Stated by Dr A Osei, Elm Bank Surgery", updated="2024-03-14")
    stated = allergy("elm-bank", "No known allergies", "active", negative="all")
    over = allergy("fenwick-epr", "Penicillin", "inactive")
    found = section(record(WHO, [stated, over], ("elm-bank", "fenwick-epr"), title=title), "allergies")
    assert found.short == "2"
    assert found.head == "2, newest first"


def allergy(source: str, substance: str, status: str, negative: str = "") -> Entry:
    said = Allergy(substance, substance.lower(), status, negative=negative)
    return plain(source, "allergies", substance, ago(days=30), "AllergyIntolerance", allergy=said)


@pytest.mark.parametrize(("state", "incomplete"), [("not asked", False), ("no answer", True)])
def test_a_triangle_stands_for_what_was_asked_for_and_is_missing(state: str, incomplete: bool) -> None:
    asthma = plain("elm-bank", "problems", "Asthma", ago(days=30))
    told = record(WHO, [asthma], ("elm-bank", "fenwick-epr"), title=UNKNOWN, states={"fenwick-epr": stuck("fenwick-epr", state)})
    problems = section(told, "problems")
    assert problems.incomplete is incomplete
    assert problems.gap  # and either is named
    assert section(told, "alerts").short == "–", "not every source of it was heard"


def test_a_section_for_which_one_source_was_not_asked_is_not_unavailable():
    told = record(WHO, [], ("elm-bank", "fenwick-epr"), title=UNKNOWN, states={"fenwick-epr": stuck("fenwick-epr", "not asked")})
    assert section(told, "problems").head == "none recorded where it was asked for"
    assert section(silent("fenwick-epr", state="not asked"), "problems").head == "not asked for"
    assert section(silent("fenwick-epr"), "problems").head == "unavailable"


def test_many_silent_sources_are_one_notice_that_names_them_all():
    gaps = tuple(
        Attention("gap", f"{each} did not answer", "", "gap/source", source=each)
        for each in ("elm-bank", "fenwick-epr", "st-oswins")
    )
    told = silent(*SOURCES)
    assert len(attention(View(replace(told, attention=gaps), Formatter(NOW)))) == 3
    more = (*gaps, Attention("gap", "…", "", "gap/source", source="calder-vale"))
    (one,) = attention(View(replace(told, attention=more), Formatter(NOW)))
    assert one.attention.title == "4 sources gave no whole answer"
    for name in ("Elm Bank Surgery", "Fenwick General Hospital", "St Oswin's Hospice", "Calder Vale Mental Health"):
        assert name in one.says


async def test_of_very_many_silent_sources_every_name_stands_once_in_the_strip_and_behind_the_number_in_each_section():
    names = [f"Practice {each}" for each in range(32)]
    states = [stuck("elm-bank", "no answer") for _ in names]
    states = [replace(each, source=f"p{n}", name=name) for n, (each, name) in enumerate(zip(states, names, strict=True))]
    told = replace(silent("elm-bank"), states=tuple(states))
    problems = section(told, "problems")
    assert [each.words for each in problems.told_holes] == ["32 of 32 sources did not answer."]
    assert problems.gap == "32 of 32 sources did not answer."
    assert all(name in problems.silent[0] for name in names)
    assert (problems.head, problems.short) == ("unavailable", "–")
    html = await page(told)
    strip = re.search(r'<li class="cr-chip cr-chip--unseen cr-chip--trouble cr-chip--silent">(.*?)</p>', html, re.DOTALL)
    assert strip
    assert "32 of 32 sources did not answer:" in strip[1]
    assert all(name in strip[1] for name in names)
    for name in ("meds", "probs"):
        assert "32 of 32 sources did not answer." in panel(html, name)
        assert "Practice 31" in panel(html, name), "one press away"


def test_of_many_silent_sources_one_whose_items_are_kept_here_or_withheld_keeps_a_row_of_its_own():
    names = [f"Practice {each}" for each in range(10)]
    states = [replace(stuck("elm-bank", "no answer"), source=f"p{n}", name=name) for n, name in enumerate(names)]
    first, *rest = states[0].sections
    here = replace(states[0], sections=(replace(first, state="live", count=3, kept="here"), *rest), count=3, kept="here")
    veiled = replace(states[1], sections=(replace(first, state="not permitted"), *rest))
    told = matrix(View(replace(silent("elm-bank"), states=(here, veiled, *states[2:])), Formatter(NOW)))
    assert len(told.silent) == 8
    assert {"Practice 0", "Practice 1"} <= {line.state.name for line in told.rows}
    assert {"Practice 0", "Practice 1"} <= {line.state.name for line in told.loud}


async def test_a_few_silent_sources_are_each_told_with_their_last_answer():
    html = await page(silent("elm-bank", "fenwick-epr"))
    assert "cr-chip--silent" not in html
    assert "of 2 sources did not answer" not in html


async def test_of_many_sources_that_cannot_be_seen_one_lane_stands_for_the_rest_and_the_plans_name_them_once():
    html = await page(silent(*SOURCES))
    assert "3 more sources cannot be seen either" in html  # eight share contacts: five lanes, and one for the rest
    assert panel(html, "decisions").count("Fenwick General Hospital") == 1


async def test_of_very_many_medicines_and_problems_the_first_stand_on_the_first_screen_and_every_other_unfolds_with_its_number():
    medicines = [med("elm-bank", f"substance {each}", "5 mg", "once a day") for each in range(23)]
    problems = [plain("elm-bank", "problems", f"Problem {each}", ago(days=each + 1)) for each in range(15)]
    html = await page(record(WHO, [*medicines, *problems], ("elm-bank",), title=UNKNOWN))
    for name, more, every in (("meds", "Show 3 more medicines", medicines), ("probs", "Show 3 more active problems", problems)):
        told = panel(html, name)
        assert more in told
        assert all(re.search(rf"{each.facts.title}\b", told) for each in every)
    assert "23 current" in panel(html, "meds")
    few = await page(record(WHO, [*medicines[:20], *problems[:12]], ("elm-bank",), title=UNKNOWN))
    assert "more" not in panel(few, "meds") + panel(few, "probs")


async def test_of_very_many_sources_that_recorded_nothing_a_section_says_their_number_and_behind_it_their_names():
    names = [f"Practice {each}" for each in range(9)]
    bare = stuck("elm-bank", "not recorded")
    told = replace(silent("elm-bank"), states=tuple(replace(bare, source=f"p{n}", name=name) for n, name in enumerate(names)))
    problems = section(told, "problems")
    assert problems.empty == "Not recorded in 9 sources."
    assert all(name in problems.recorded_nothing for name in names)
    assert "Practice 8" in await page(told)


def test_a_source_that_no_longer_knows_the_person_is_not_counted_among_those_that_answered():
    told = record(WHO, [], ("elm-bank", "fenwick-epr"), title=UNKNOWN, states={"elm-bank": stuck("elm-bank", "incomplete")})
    assert section(told, "problems").answered == "1 of 2 sources that share this answered"


async def test_where_the_one_result_waits_behind_a_warning_none_is_said_to_be_there_to_read():
    html = await page(scenes.mismatched())
    results = section(scenes.mismatched(), "results")
    assert (results.count, len(results.held)) == (0, 1)
    assert "read" not in panel(html, "key")
    assert "1 item waits behind a warning" in panel(html, "key")
