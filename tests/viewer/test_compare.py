"""Does a data-quality officer see who two people are, side by side, and nothing else, with both looks written down first?"""

import re

import httpx
import pytest
from msgspec import structs

from carerecord.contracts import patients, records
from carerecord.contracts.patients import Demographics, Name, Person
from carerecord.kit.errors import Refused
from carerecord.pages.formatting import Formatter
from carerecord.viewer.compare import lines
from tests.pages.a_record import NOW
from tests.viewer.neighbours import PEOPLE, Neighbours, actor

TOKEN = {"csrf": "token-session-1"}
OFFICER = actor("data-quality-officer", "Mr Tom Aske")


def words_of(reply: httpx.Response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.text[reply.text.index("<main") :]))


async def test_a_data_quality_officer_begins_where_two_people_are_compared() -> None:
    browser = Neighbours(actors={"session-1": OFFICER}).browser()
    assert (await browser.get("/")).headers["location"] == "/compare"
    page = (await browser.get("/compare")).text
    assert "First person" in page
    assert 'href="/reviews"' in page


async def test_both_are_searched_and_chosen_before_anything_is_shown() -> None:
    neighbours = Neighbours(actors={"session-1": OFFICER})
    found = await neighbours.browser().post("/compare", data={**TOKEN, "left_text": "iqbal zara", "right_text": "doyle"})
    assert [each.text for each in neighbours.asked if isinstance(each, patients.SearchAsked)] == ["iqbal zara", "doyle"]
    assert found.text.count('type="radio"') == 4
    assert " checked" not in found.text  # several fit: a human chooses
    assert not any(isinstance(each, records.OpenAsked) for each in neighbours.asked)


async def test_what_differs_stands_first_and_nothing_clinical_stands_anywhere() -> None:
    neighbours = Neighbours(actors={"session-1": OFFICER})
    told = {**TOKEN, "left": "p-doyle", "right": "p-singh", "why": "Two entries, one birth date"}
    page = await neighbours.browser().post("/compare", data=told)
    words = words_of(page)
    assert "DOYLE, Leanne (Miss)" in words
    assert "SINGH, Harold (Mr)" in words
    assert words.index("Differs") < words.index("Same") if "Same" in words else "Differs" in words
    for clinical in ("clozapine", "ramipril", "Neutrophils", "allerg", "Potassium"):
        assert clinical.lower() not in words.lower()


async def test_both_looks_are_opened_at_the_records_desk_for_the_reason_that_is_given() -> None:
    neighbours = Neighbours(actors={"session-1": OFFICER})
    await neighbours.browser().post("/compare", data={**TOKEN, "left": "p-doyle", "right": "p-singh", "why": "One birth date"})
    asked = [each for each in neighbours.asked if isinstance(each, records.OpenAsked)]
    assert {each.patient for each in asked} == {"p-doyle", "p-singh"}
    assert {(each.reason.purpose, each.reason.text) for each in asked} == {("administration", "One birth date")}


async def test_where_one_may_not_be_seen_neither_is() -> None:
    refused = Refused("Nothing of this person is shown in your role.", rule="default/deny")
    neighbours = Neighbours(actors={"session-1": OFFICER}, fails={"open": refused})
    reply = await neighbours.browser().post("/compare", data={**TOKEN, "left": "p-doyle", "right": "p-singh"})
    assert reply.status_code == 403
    assert "default/deny" in reply.text
    assert "SINGH" not in reply.text
    protected = Neighbours(actors={"session-1": OFFICER}, restricted=("p-doyle",))
    gone = await protected.browser().post("/compare", data={**TOKEN, "left": "p-doyle", "right": "p-singh"})
    assert gone.status_code == 404
    assert "DOYLE" not in gone.text


async def test_nobody_without_the_right_to_review_compares_anybody() -> None:
    neighbours = Neighbours(may={"review": False})
    for reply in (
        await neighbours.browser().get("/compare"),
        await neighbours.browser().post("/compare", data={**TOKEN, "left": "p-doyle", "right": "p-singh"}),
    ):
        assert reply.status_code == 403
    assert not any(isinstance(each, records.OpenAsked) for each in neighbours.asked)


async def test_each_half_of_the_search_must_be_filled_in() -> None:
    reply = await Neighbours(actors={"session-1": OFFICER}).browser().post("/compare", data={**TOKEN, "left_text": "singh"})
    assert reply.status_code == 422
    assert "Say who the second person is" in reply.text


async def test_a_review_leads_to_the_two_people_field_by_field() -> None:
    page = (await Neighbours(actors={"session-1": OFFICER}).browser().get("/reviews")).text
    assert "Compare field by field" in page
    assert 'name="left" value="p-iqbal"' in page


def a_person(**told: object) -> Person:
    name = Name("Iqbal", ("Zara",))
    said = Demographics((name,), "2026-10-24", nhs_number="9990000077", address="1 Mill Lane")
    return Person(("p",), "p", structs.replace(said, **told))


@pytest.mark.parametrize(
    ("told", "what", "verdict"),
    [
        ({"address": "1, mill lane."}, "Address", "same"),
        ({"address": "2 Mill Lane"}, "Address", "differs"),
        ({"address": ""}, "Address", "recorded once"),
        ({"restricted": True}, "Address", "not shown"),
        ({"names": (Name("Iqbal", ("Zoya",)),)}, "Name", "differs"),
        ({"nhs_number": ""}, "NHS No.", "recorded once"),
        ({}, "Preferred name", "not recorded"),
        ({"deceased": "true"}, "Death", "recorded once"),
    ],
)
def test_a_field_agrees_differs_or_is_not_there_to_compare(told: dict[str, object], what: str, verdict: str) -> None:
    found = lines(a_person(), a_person(**told), Formatter(NOW))
    assert next(each for each in found if each.what == what).verdict == verdict


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"deceased": "true"}, "Yes, date Not recorded"),
        ({"deceased": "2026-10-25", "death_doubted": "taken back"}, "In doubt: 25-Oct-2026, once taken back"),
    ],
)
def test_a_death_without_a_date_is_told_and_one_in_doubt_never_stands_under_died(told: dict[str, str], words: str) -> None:
    found = {each.what: each.left for each in lines(a_person(**told), a_person(), Formatter(NOW))}
    assert (found["Death"], "Died" in found) == (words, False)


def test_no_field_of_a_protected_person_tells_a_place() -> None:
    hidden = a_person(restricted=True, postcode="ZZ1 4AB", phone="01632 960 877", gp_name="Elm Bank Surgery")
    told = " ".join(each.left for each in lines(hidden, PEOPLE["p-doyle"], Formatter(NOW)))
    assert "IQBAL, Zara" in told
    assert [place for place in ("1 Mill Lane", "ZZ1 4AB", "01632", "Elm Bank") if place in told] == []


async def test_neither_reviews_nor_a_comparison_names_a_source_of_which_the_reader_is_not_told() -> None:
    telling = Neighbours(actors={"session-1": OFFICER})
    silent = Neighbours(actors={"session-1": OFFICER}, unnamed=PEOPLE["p-doyle"].known_by)
    for neighbours, named in ((telling, True), (silent, False)):
        words = words_of(await neighbours.browser().get("/reviews"))
        assert (PEOPLE["p-doyle"].known_by[0] in words or "Elm Bank" in words) is named
