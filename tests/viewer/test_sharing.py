"""Can those whom a patient told read, write down and withdraw what was said about sharing, and nobody else?"""

import re
from html import unescape

import httpx
import pytest

from carerecord.contracts.consent import ObjectAsked, Objection, ObjectionsAsked, WithdrawAsked
from carerecord.kit.errors import Unavailable
from tests.viewer.neighbours import PEOPLE, Neighbours, actor

TOKEN = {"csrf": "token-session-1"}
PAGE = "/patients/p-doyle/sharing"
HIDDEN = Objection("o-1", "p-doyle", "medicines", "elm-bank", "", "2026-11-20T09:30:00Z")
MEDICINES = {**TOKEN, "section": "medicines", "source": "elm-bank", "organisation": ""}


def told(**more: object) -> Neighbours:
    return Neighbours(actors={"session-1": actor("gp", "Dr Abena Osei", "A99917")}, **more)  # type: ignore[arg-type]


def words(reply: httpx.Response) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.text)))


def wrote(neighbours: Neighbours) -> list[object]:
    return [each for each in neighbours.asked if isinstance(each, ObjectAsked | WithdrawAsked)]


async def test_what_is_in_force_is_told_with_its_section_source_and_since_when() -> None:
    neighbours = told(said=[HIDDEN, Objection("o-2", "p-doyle", "*", "", "R9A", "2026-11-21T10:00:00Z")])
    reply = await neighbours.browser().get(PAGE)
    text = words(reply)
    assert reply.status_code == 200
    assert "Medicines Elm Bank Surgery Nobody" in text
    assert "20-Nov-2026 09:30" in text
    assert "The whole record Every source Nobody at R9A" in text


async def test_who_reads_it_is_named_to_consent_which_writes_it_down() -> None:
    neighbours = told()
    await neighbours.browser().get(PAGE)
    (asked,) = [each for each in neighbours.asked if isinstance(each, ObjectionsAsked)]
    assert asked.actor is not None
    assert asked.actor.role.code == "gp"
    assert asked.person == PEOPLE["p-doyle"].ids


async def test_the_patient_stands_on_top_and_no_allergy_is_claimed() -> None:
    reply = await told().browser().get(PAGE)
    assert "DOYLE," in reply.text
    assert "NHS No." in reply.text
    assert "No known allergies" not in reply.text
    assert reply.headers["cache-control"] == "no-store"


async def test_the_effect_is_read_before_anything_is_written_down() -> None:
    neighbours = told()
    reply = await neighbours.browser().post(PAGE, data={**MEDICINES, "do": "check"})
    text = words(reply)
    assert "Nobody will be shown “Medicines” as Elm Bank Surgery holds it; an emergency does not lift it yet." in text
    assert text.index("an emergency does not lift it yet") < text.index("Write it down")
    assert wrote(neighbours) == []


@pytest.mark.parametrize(
    ("told_more", "says"),
    [
        ({"section": "allergies"}, "the banner will say “Allergies unavailable”"),
        ({"section": "*"}, "Name, birth date and NHS number stay on the banner"),
        ({"section": "*", "source": ""}, "Nobody will be shown anything of this record, whoever holds it"),
        ({"organisation": "A99917"}, "Nobody at Elm Bank Surgery will be shown"),
        ({"organisation": "A99917"}, "Every other organisation is shown it as before."),
    ],
)
async def test_what_it_does_is_said_for_what_was_chosen(told_more: dict[str, str], says: str) -> None:
    reply = await told().browser().post(PAGE, data={**MEDICINES, **told_more, "do": "check"})
    assert says in words(reply)


async def test_an_objection_is_written_down_for_this_person_by_this_user() -> None:
    neighbours = told()
    browser = neighbours.browser()
    reply = await browser.post(PAGE, data={**MEDICINES, "do": "object"})
    assert reply.status_code == 303
    (made,) = wrote(neighbours)
    assert isinstance(made, ObjectAsked)
    assert (made.patient, made.section, made.source, made.organisation) == ("p-doyle", "medicines", "elm-bank", "")
    assert made.actor.name == "Dr Abena Osei"
    page = words(await browser.get(reply.headers["location"]))
    assert "It is written down, and in force from the next opening." in page
    assert "1 objection " in page


async def test_it_is_withdrawn_and_no_longer_listed() -> None:
    neighbours = told(said=[HIDDEN])
    browser = neighbours.browser()
    reply = await browser.post(PAGE, data={**TOKEN, "do": "withdraw", "objection": "o-1"})
    assert [each.objection for each in wrote(neighbours) if isinstance(each, WithdrawAsked)] == ["o-1"]
    assert "No objection is in force" in words(await browser.get(reply.headers["location"]))


async def test_nobody_withdraws_what_somebody_else_has_said() -> None:
    neighbours = told(said=[HIDDEN])
    reply = await neighbours.browser().post("/patients/p-marlow/sharing", data={**TOKEN, "do": "withdraw", "objection": "o-1"})
    assert reply.status_code == 404
    assert wrote(neighbours) == []


@pytest.mark.parametrize(
    ("field", "value"), [("section", ""), ("section", "medicine"), ("source", "nowhere"), ("organisation", "ZZZ")]
)
async def test_what_is_not_there_cannot_be_hidden_and_the_form_says_so(field: str, value: str) -> None:
    neighbours = told()
    for do in ("check", "object"):
        reply = await neighbours.browser().post(PAGE, data={**MEDICINES, field: value, "do": do})
        assert reply.status_code == 422
        assert f'href="#{field}"' in reply.text
    assert wrote(neighbours) == []


async def test_a_form_that_asks_for_nothing_does_nothing() -> None:
    neighbours = told()
    assert (await neighbours.browser().post(PAGE, data=MEDICINES)).status_code == 400
    assert wrote(neighbours) == []


async def test_who_may_not_read_learns_nothing_not_even_whether_there_is_such_a_person() -> None:
    neighbours = told(may={"objections-read": False}, said=[HIDDEN])
    browser = neighbours.browser()
    replies = [await browser.get(path) for path in (PAGE, "/patients/nobody/sharing")]
    assert [each.status_code for each in replies] == [403, 403]
    assert not any("Medicines" in each.text or "DOYLE" in each.text for each in replies)
    assert not [each for each in neighbours.asked if isinstance(each, ObjectionsAsked)]


async def test_who_may_read_but_not_write_is_offered_no_button_and_refused_all_the_same() -> None:
    neighbours = told(may={"objections-write": False}, said=[HIDDEN])
    browser = neighbours.browser()
    page = await browser.get(PAGE)
    assert "Withdraw<" not in page.text
    assert "See what it will do" not in page.text
    for sent in ({**MEDICINES, "do": "object"}, {**TOKEN, "do": "withdraw", "objection": "o-1"}):
        assert (await browser.post(PAGE, data=sent)).status_code == 403
    assert wrote(neighbours) == []


async def test_without_the_token_of_the_session_nothing_is_written_or_withdrawn() -> None:
    neighbours = told(said=[HIDDEN])
    for sent in ({**MEDICINES, "do": "object"}, {"do": "withdraw", "objection": "o-1"}):
        reply = await neighbours.browser().post(PAGE, data={**sent, "csrf": "token-of-another"})
        assert reply.status_code == 400
    assert wrote(neighbours) == []


async def test_while_consent_does_not_answer_the_page_says_so_and_lists_nothing() -> None:
    reply = await told(fails={"objections": Unavailable("The consent service does not answer.")}).browser().get(PAGE)
    assert reply.status_code == 503
    assert "The consent service does not answer." in reply.text
    assert "No objection is in force" not in reply.text


@pytest.mark.parametrize(("may", "linked"), [(True, True), (False, False)])
async def test_the_record_and_the_confirmation_lead_there_for_those_who_may(may: bool, linked: bool) -> None:
    browser = told(may={"objections-read": may}).browser()
    confirm = await browser.get("/patients/p-doyle/open")
    begun = await browser.post("/patients/p-doyle/open", data={**TOKEN, "purpose": "attending"})
    record = await browser.get(begun.headers["location"])
    for page in (confirm, record):
        assert (f'href="{PAGE}"' in page.text) is linked
