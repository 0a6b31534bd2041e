"""What may those who live with them settle, and what never: a nameless record, a birth date copied from the line above."""

from typing import Any

import pytest
from tests.patients.people import nhs, stated

from carerecord.contracts.patients import Demographics, Name, ReviewsAsked, SourcePatient
from carerecord.patients.batch import link
from carerecord.patients.facts import Facts
from carerecord.patients.weighing import COPIED, LINK, NAMELESS, REVIEW, weigh

HOME = {"address": "14 Station Road, Aldermoor", "postcode": "QX1 4AB"}
DAVID, ROSE = "1969-09-13", "2007-10-20"


def one(source: str, local: str, given: str, born: str = ROSE, gender: str = "female", **more: Any) -> SourcePatient:
    return stated(source, local, given=given, family="Iqbal", born=born, gender=gender, **(HOME | more))


def nameless(source: str, local: str, *given: str, born: str = ROSE, **more: Any) -> SourcePatient:
    names = (Name("Iqbal", given),)
    return SourcePatient(source, local, (), Demographics(names=names, birth_date=born, gender="female", **(HOME | more)))


def facts(told: SourcePatient) -> Facts:
    return Facts.of(told, told.demographics.nhs_number, told.demographics.nhs_number_status)


def sets(*told: SourcePatient) -> tuple[int, ...]:
    return link([facts(each) for each in told]).person


FATHER = one("gp", "1", "David Ray", DAVID, "male")
COPY = one("trust", "2", "David Ray", ROSE, "male")  # the birth date of the line above


def test_a_pair_alone_is_never_settled():
    assert weigh(facts(FATHER), facts(COPY)).verdict == REVIEW
    assert weigh(facts(FATHER), facts(COPY)).unless == COPIED
    assert weigh(facts(nameless("gp", "1", "", "Rose")), facts(one("trust", "2", "Zara Rose"))).unless == NAMELESS
    assert sets(FATHER, COPY) == (0, 1)


def test_a_birth_date_copied_from_a_housemate_does_not_part_one_person():
    assert sets(FATHER, COPY, one("gp", "2", "Rose Ann")) == (0, 0, 2)
    assert sets(COPY, FATHER, one("gp", "2", "Rose Ann"), one("trust", "1", "Rose Ann")) == (0, 0, 2, 2)


@pytest.mark.parametrize(
    "other",
    [
        one("trust", "2", "David", ROSE, "male"),
        one("trust", "2", "David Roy", ROSE, "male"),
        one("trust", "2", "David Ray", ROSE, ""),
        one("trust", "2", "David Ray", ROSE, "male", address="15 Station Road, Aldermoor"),
        one("trust", "2", "David Ray", ROSE, "male", number=nhs(2)),
    ],
    ids=["no second name", "another second name", "no sex", "next door", "a number of his own"],
)
def test_a_father_and_a_son_of_one_name_stay_apart_where_anything_else_is_open(other):
    father = one("gp", "1", "David Ray", DAVID, "male", number=nhs(1)) if other.demographics.nhs_number else FATHER
    assert sets(father, other, one("gp", "2", "Rose Ann"))[:2] == (0, 1)


def test_a_father_and_a_son_of_one_name_stay_apart_where_nobody_else_bears_the_birth_date():
    assert sets(FATHER, COPY, one("gp", "2", "Rose Ann", "2009-01-30"))[:2] == (0, 1)
    assert sets(FATHER, COPY, one("gp", "2", "Rose Ann", address="2 Mill Lane", postcode="QX9 1ZZ"))[:2] == (0, 1)


def test_a_father_and_a_son_who_has_a_twin_stay_apart_where_the_fathers_source_knows_neither():
    assert sets(FATHER, COPY, one("trust", "1", "Rose Ann"))[:2] == (0, 1)


def test_a_father_stays_apart_from_the_son_whom_his_own_source_knows_too():
    told = FATHER, one("gp", "3", "David Ray", ROSE, "male"), one("gp", "2", "Rose Ann"), COPY
    assert sets(*told) == (0, 1, 2, 1)


def test_a_second_name_without_a_first_finds_its_like():
    assert sets(nameless("gp", "1", "", "Rose"), one("trust", "2", "Zara Rose")) == (0, 0)
    assert sets(nameless("gp", "1", "Nephew", "R"), one("trust", "2", "Zara R")) == (0, 0)
    assert sets(nameless("gp", "1", "Lady In The House", "R"), one("trust", "2", "Zara R")) == (0, 0)


def test_a_twin_who_is_known_keeps_a_nameless_record_waiting():
    told = nameless("gp", "1", "", "R"), one("trust", "2", "Zara R"), one("trust", "3", "Zoya R")
    assert sets(*told) == (0, 1, 2)
    assert sets(nameless("gp", "1", "Z", "R"), *told[1:]) == (0, 1, 2), "an initial is nobody's more than the other's"


def test_two_nameless_records_of_a_house_with_twins_wait_both():
    told = nameless("gp", "1", "", "R"), nameless("lab", "4", "", "R"), one("trust", "2", "Zara R"), one("trust", "3", "Zoya R")
    assert sets(*told) == (0, 1, 2, 3)


def test_without_a_second_name_nameless_is_nobody():
    found = weigh(facts(nameless("gp", "1")), facts(one("trust", "2", "Zara")))
    assert (found.verdict, found.unless) == (REVIEW, "")


def test_a_newborn_and_a_multiple_birth_are_never_settled():
    zara = one("trust", "2", "Zara Rose")
    assert sets(nameless("gp", "1", "", "Rose", multiple_birth="2"), zara) == (0, 1)
    assert sets(nameless("gp", "1", "Baby", "Rose"), zara) == (0, 1)


def test_what_stands_for_no_name_is_told_from_a_name():
    assert facts(nameless("gp", "1", "In Young")).given == ("in", "young")
    assert facts(nameless("gp", "1", "Mrs Aisha")).given == ("aisha",)
    assert facts(nameless("gp", "1", "Grandson")).given == ()
    assert facts(stated("gp", "1", given="Zara", family="House")).family == "house"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [("1967", LINK), ("1966", REVIEW), ("1968-64-14", LINK), ("1698-03-14", LINK), ("1998-03-14", REVIEW)],
    ids=["a year reckoned from an age", "two years", "a month that cannot be", "a year that cannot be", "a generation"],
)
def test_a_birth_date_that_was_reckoned_or_garbled_is_compared_for_what_it_is(told, verdict):
    left, right = (one(source, source, "David Ray", born, "male") for source, born in (("gp", told), ("trust", "1968-03-14")))
    assert weigh(facts(left), facts(right)).verdict == verdict


async def test_the_index_asks_the_household_as_a_batch_does(desk):
    father, rose = await desk.enrol(one("gp", "1", "David Ray", DAVID, "male"), one("gp", "2", "Rose Ann"))
    (copy,) = await desk.enrol(one("trust", "2", "David Ray", ROSE, "male"))

    assert set((await desk.who(father.patient)).ids) == {father.patient, copy.patient}
    assert (await desk.who(rose.patient)).ids == (rose.patient,)


async def test_the_index_finds_the_housemate_whichever_of_the_two_came_last(desk):
    (copy,) = await desk.enrol(one("trust", "2", "David Ray", ROSE, "male"))
    await desk.enrol(one("gp", "2", "Rose Ann"))
    (father,) = await desk.enrol(one("gp", "1", "David Ray", DAVID, "male"))

    assert set((await desk.who(father.patient)).ids) == {father.patient, copy.patient}


async def test_the_index_leaves_a_nameless_twin_to_a_human(desk):
    zara, zoya = await desk.enrol(one("trust", "2", "Zara R"), one("trust", "3", "Zoya R"))
    (who,) = await desk.enrol(nameless("gp", "1", "", "R"))

    assert (await desk.who(who.patient)).ids == (who.patient,)
    waiting = await desk.index.reviews(ReviewsAsked())
    assert {zara.patient, zoya.patient} & {side.patient for review in waiting for side in (review.left, review.right)}
