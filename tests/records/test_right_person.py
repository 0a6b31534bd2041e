"""Whose answer is it?"""

import pytest
from msgspec.structs import replace

from carerecord.connectors.reply import Said
from carerecord.records.right_person import is_about, judged
from tests.records.a_desk import EDITH
from tests.records.facts import a_problem, a_reply

ME = Said("x1", "9990000018", "1948-06-19", ("Edith",), ("Marlow",), "female")


def said(**fields: object) -> tuple[Said, ...]:
    return (replace(ME, **fields),)


@pytest.mark.parametrize(
    ("who", "danger"),
    [
        (said(), ""),
        (said(nhs_number=""), ""),
        (said(nhs_number="9990000026"), "NHS number"),
        (said(birth_date="1948-06-20"), "birth date"),
        (said(birth_date="1948"), ""),
        (said(birth_date="1949"), "birth date"),
        (said(birth_date=""), ""),
        ((*said(), *said(local_id="x2")), "another patient's entry"),
    ],
)
def test_another_number_or_birth_date_discards_the_whole_answer(who: tuple[Said, ...], danger: str):
    reply = judged(EDITH, a_reply("gp", a_problem("gp", "Gout"), said=who))

    assert reply.danger == danger
    assert bool(reply.entries) == (not danger)
    assert {each.state for each in reply.sections} == {"discarded"} or not danger


def test_a_number_that_was_superseded_and_stands_on_at_its_source_is_the_persons_own():
    superseded = replace(EDITH, numbers=("9990000026", EDITH.demographics.nhs_number))
    reply = judged(superseded, a_reply("gp", a_problem("gp", "Gout"), said=said(nhs_number="9990000026")))
    assert (reply.danger, len(reply.entries)) == ("", 1)


@pytest.mark.parametrize(
    ("who", "what"),
    [
        (said(), ()),
        (said(given=("EDITH", "MAY")), ()),
        (said(given=("Édith",)), ()),
        (said(given=("E",)), ()),
        (said(given=("Zoya",)), ("given name",)),
        (said(given=("Edit",)), ("given name",)),
        (said(family=("Smith-Marlow",)), ()),
        (said(family=("MARLOW",)), ()),
        (said(family=("O'Brien",)), ("family name",)),
        (said(family=(), given=()), ()),
        (said(gender="male"), ()),
        (said(gender="male", nhs_number=""), ("sex",)),
    ],
)
def test_a_name_that_differs_holds_the_answer_behind_a_warning_with_both_values(who: tuple[Said, ...], what: tuple[str, ...]):
    reply = judged(EDITH, a_reply("gp", a_problem("gp", "Gout"), said=who))

    assert tuple(each[0] for each in reply.mismatches) == what
    assert not reply.danger
    assert len(reply.entries) == 1


STRANGER = Said("x2", "", "1900-01-01", ("UNKNOWN",), ("MALE 47",), "male", replaced_by="x1")


@pytest.mark.parametrize(
    ("who", "danger"),
    [
        ((ME, STRANGER), ""),
        ((replace(ME, birth_date="1991-01-01"), STRANGER), "birth date"),
        ((ME, replace(STRANGER, nhs_number="9990000026")), "NHS number"),
        ((ME, replace(STRANGER, replaced_by="x9")), "birth date"),
        ((ME, replace(STRANGER, replaced_by="")), "birth date"),
        ((replace(ME, replaced_by="x2"), STRANGER), "birth date"),
    ],
    ids=["merged", "into another", "with another number", "into nobody here", "not merged", "each into the other"],
)
def test_an_entry_that_its_source_merged_into_this_person_is_theirs_whatever_it_said_before(who: tuple[Said, ...], danger: str):
    reply = judged(EDITH, replace(a_reply("pas", a_problem("pas", "Gout"), said=who), local_ids=("x1", "x2")))

    assert (reply.danger, reply.mismatches) == (danger, ())


def test_an_item_of_a_number_that_was_merged_into_this_persons_says_so_and_no_other_does():
    one, other = a_problem("pas", "Gout", subject="Patient/x1"), a_problem("pas", "Fall", id="c2", subject="Patient/x2")
    reply = replace(a_reply("pas", one, other, said=(ME, STRANGER)), local_ids=("x1", "x2"))
    assert {each.facts.title: each.merged for each in judged(EDITH, reply).entries} == {"Gout": False, "Fall": True}

    apart = replace(reply, said=(ME, replace(STRANGER, birth_date="", given=(), family=(), replaced_by="x9")))
    assert not any(each.origin.merged for each in judged(EDITH, apart).entries), "merged into somebody who is not here"


def test_an_answer_that_does_not_say_who_it_is_about_is_held():
    reply = judged(EDITH, a_reply("gp", a_problem("gp", "Gout"), said=()))

    assert [each[0] for each in reply.mismatches] == ["who it is about"]


def test_a_strangers_item_is_left_out_and_the_section_is_incomplete():
    mine, theirs = a_problem("gp", "Gout", subject="Patient/x1"), a_problem("gp", "Epilepsy", id="c2", subject="Patient/x2")
    reply = judged(EDITH, a_reply("gp", mine, theirs))

    assert reply.entries == (mine,)
    assert reply.strangers == 1
    assert next(each for each in reply.sections if each.section == "problems").state == "incomplete"


def test_an_answer_of_strangers_items_alone_is_discarded():
    reply = judged(EDITH, a_reply("gp", a_problem("gp", "Epilepsy", subject="Patient/x2")))

    assert reply.state == "discarded"
    assert reply.entries == ()


@pytest.mark.parametrize(
    ("subject", "mine"),
    [
        ("", True), ("Patient/x1", True), ("https://gp.example/fhir/Patient/x1", True), ("Patient/x1/_history/2", True),
        ("Patient/x10", False), ("https://gp.example/fhir/Patient/x2", False), ("urn:uuid:1", True),
        ("https://fhir.nhs.uk/Id/nhs-number|9990000018", True), ("https://fhir.nhs.uk/Id/nhs-number|9990000026", False),
    ],
)  # fmt: skip
def test_a_subject_is_compared_by_id_or_number(subject: str, mine: bool):
    assert is_about(subject, ("x1",), frozenset({"9990000018"})) is mine
