"""What may those who live with them settle, and what never: a nameless record, a birth date copied from the line above."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.patients.people import nhs, stated

from carerecord.contracts.patients import Demographics, Name, ReviewsAsked, SourcePatient
from carerecord.patients.batch import link
from carerecord.patients.facts import Facts
from carerecord.patients.keys import keys
from carerecord.patients.weighing import ALONE, APART, COPIED, LINK, NAMELESS, REVIEW, weigh

HOME = {"address": "14 Station Road, Aldermoor", "postcode": "QX1 4AB"}
DAVID, ROSE = "1969-09-13", "2007-10-20"


def one(source: str, local: str, given: str, born: str = ROSE, gender: str = "female", **more: Any) -> SourcePatient:
    return stated(source, local, given=given, family="Iqbal", born=born, gender=gender, **(HOME | more))


def nameless(source: str, local: str, *given: str, family: str = "Iqbal", born: str = ROSE, **more: Any) -> SourcePatient:
    names = (Name(family, given),)
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


@pytest.mark.parametrize("born", ["2007-10-21", "2007-11-20"])
def test_a_nameless_record_one_slip_of_a_birth_date_away_waits_for_a_human(born):
    told = nameless("gp", "1", "", "Rose", born=born)
    zara = one("trust", "2", "Zara Rose")
    assert sets(told, zara) == (0, 1)
    assert waiting(told, zara) == ((0, 1),)


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
    [
        ("1967", LINK), ("1966", REVIEW), ("1968-64-14", LINK), ("1698-03-14", LINK), ("1998-03-14", REVIEW),
        ("1918-03-14", REVIEW), ("1969-14-03", LINK), ("1938-34-14", LINK), ("1932-44-27", REVIEW),
    ],
    ids=["a year reckoned from an age", "two years", "a month that cannot be", "a year that cannot be", "a generation",
         "two generations", "the month first, and a slip", "most of a date that cannot be", "too little of it"],
)
def test_a_birth_date_that_was_reckoned_or_garbled_is_compared_for_what_it_is(told, verdict):
    left, right = (one(source, source, "David Ray", born, "male") for source, born in (("gp", told), ("trust", "1968-03-14")))
    assert weigh(facts(left), facts(right)).verdict == verdict


@pytest.mark.parametrize(
    "told",
    [
        nameless("gp", "1", "", "Rose", address="Station Road, Aldermoor"),
        nameless("gp", "1", "", "Rose", family=""),
        nameless("gp", "1", "Gentelman", "R"),
        nameless("gp", "1", "Adult", "F", "R"),
    ],
    ids=["no number of the house", "no family name", "kinship misspelt", "a woman of that initial"],
)
def test_a_second_name_finds_its_like_though_one_thing_more_is_missing_and_waits_where_a_twin_is_known(told):
    second = told.demographics.names[0].given[-1]
    zara, zoya = (one(source, source, f"{name} {second}") for source, name in (("trust", "Zara"), ("lab", "Zoya")))
    assert sets(told, zara) == (0, 0)
    assert sets(told, zara, zoya) == (0, 1, 2)


def test_a_slip_of_the_year_is_no_parent_where_nobody_has_a_child_so_late():
    young, old, older = (one(born, born, "Robin Ray", f"{born}-03-14", "male") for born in ("1993", "1953", "1913"))
    assert [weigh(facts(young), facts(each)).verdict for each in (old, older)] == [REVIEW, LINK]


def test_a_year_of_birth_is_enough_with_both_names_and_the_house_whatever_the_sex_was_said_to_be():
    whole, year = one("gp", "1", "Robin Ray", DAVID, "male"), one("trust", "2", "Robin Ray", "1969", "female")
    assert sets(whole, year) == (0, 0)
    assert sets(whole, one("trust", "2", "Robin", "1969", "female")) == (0, 1)
    assert sets(whole, one("trust", "2", "Rosin Ray", "1969", "male")) == (0, 0), "a slip of a known name"
    assert sets(whole, one("trust", "2", "Rowan Ray", "1969", "male")) == (0, 1), "another name"


ALICE = stated("gp", "1", given="Alice", family="Herbert", born="1942-10-30", gender="", **HOME)
MARRIED = stated("trust", "2", given="Alice", family="Riding", born="1942-04-19", gender="", **HOME)  # both differ


def waiting(*told: SourcePatient) -> tuple[tuple[int, int], ...]:
    return link([facts(each) for each in told]).reviews


def test_two_of_one_house_of_whom_little_agrees_wait_for_a_human_where_nobody_likelier_is_found():
    assert weigh(facts(ALICE), facts(MARRIED)).verdict == APART
    assert waiting(ALICE, MARRIED) == ((0, 1),)

    whole = replace(ALICE, source="lab", local_id="3")
    herself = replace(MARRIED, source="gp", local_id="4")
    assert waiting(ALICE, MARRIED, herself) == (), "the practice knows both"
    assert waiting(ALICE, whole, MARRIED) == ((0, 2),), "once, though two speak for her"


def test_one_birth_date_is_enough_to_be_shown_where_one_of_them_has_no_address():
    nowhere = {"address": "", "postcode": ""}
    married = replace(ALICE.demographics, names=(Name("Riding", ("Alice",)),), **nowhere)
    assert waiting(ALICE, replace(ALICE, source="trust", local_id="2", demographics=married)) == ((0, 1),)
    moved = replace(married, address="2 Mill Lane, Thorley", postcode="QX9 1ZZ")
    assert waiting(ALICE, replace(ALICE, source="trust", local_id="2", demographics=moved)) == ()


def test_who_has_no_address_and_no_given_name_shares_a_key_with_a_slip_of_themselves():
    born = ("1927-04-28", "1927-07-28")
    mine, yours = (nameless(each, each, "", born=each, address="", postcode="") for each in born)
    assert set(keys(facts(mine))) & set(keys(facts(yours)))


@pytest.mark.parametrize(
    "other",
    [
        one("trust", "2", "Daniel", "1970-02-03", "male", number=nhs(2)),
        one("trust", "2", "Dora", "1970-02-03"),
        one("trust", "2", "Daniel Kofi", "1970-02-03", "male"),
        one("trust", "2", "Baby", "1970-02-03", "male"),
    ],
    ids=["another number", "another sex", "another second name", "a newborn"],
)
def test_a_housemate_is_not_suggested_where_anything_speaks_against_it(other):
    father = one("gp", "1", "David Ray", DAVID, "male", number=nhs(1))
    assert waiting(father, other) == ()
    assert waiting(father, one("trust", "2", "Daniel", "1970-02-03", "male")) == ((0, 1),)


HOSTEL = {"address": "74 Sturt Avenue, Cox Court Hostel, Aldermoor", "postcode": "QX1 4AB"}
THOMAS = stated("gp", "1", given="Thomas", family="Taylor", born="1972-04-08", gender="male", **HOSTEL)


def staying(given: str, family: str, born: str = "1988-06-13", **more: str) -> SourcePatient:
    return stated("trust", "2", given=given, family=family, born=born, gender="male", **(HOSTEL | more))


@pytest.mark.parametrize(
    "other",
    [
        staying("Thomas", "Taylor"),
        staying("Thmoas", "Taylor"),
        staying("Thomas", "Talyor", address="74 Sturt Avenue, Cox Cour t Hostel, Aldermoor"),
        staying("Thomas", "Taylor", address="74 Sturt Avenue, Cox Court Hostle, Aldermoor", postcode=""),
        staying("Thomas", "Taylors", born=""),
    ],
    ids=["another birth date", "a slip of one name", "a slip of the other", "an institution misspelt", "no birth date"],
)
def test_two_of_one_name_in_one_institution_wait_for_a_human_where_nobody_likelier_is_found(other):
    assert waiting(THOMAS, other) == ((0, 1),)
    assert sets(THOMAS, other) == (0, 1)


@pytest.mark.parametrize(
    "other",
    [
        staying("Thomas", "Hart"),
        staying("Peter", "Taylor"),
        staying("Thomas", "Taylor", address="9 Mill Lane, Thorley Infirmary", postcode="QX9 1ZZ"),
        replace(staying("Thomas", "Taylor"), demographics=replace(staying("Thomas", "Taylor").demographics, gender="female")),
    ],
    ids=["another family name", "another given name", "another institution", "another sex"],
)
def test_many_stay_in_one_institution_and_most_are_strangers(other):
    assert waiting(THOMAS, other) == ()


@pytest.mark.parametrize("nowhere", ["No fixed abode", "Address not known", "c/o Cox Court Hostel"])
def test_no_address_is_no_institution(nowhere):
    told = (THOMAS, staying("Thomas", "Taylor"))
    assert waiting(*(replace(each, demographics=replace(each.demographics, address=nowhere)) for each in told)) == ()


def test_an_institution_is_no_evidence_that_two_are_one():
    nowhere = {"address": "", "postcode": ""}
    there, here = (weigh(facts(THOMAS), facts(staying("Thomas", "Taylor", "1972-04-09", **at))) for at in ({}, nowhere))
    assert (there.verdict, there.bits) == (here.verdict, here.bits) == (REVIEW, here.bits)


async def test_the_index_shows_whoever_is_like_nobody_else_beside_their_housemate_and_nobody_who_is_known(desk):
    (alice,) = await desk.enrol(ALICE)
    (married,) = await desk.enrol(MARRIED)
    (review,) = await desk.index.reviews(ReviewsAsked())
    assert {review.left.patient, review.right.patient} == {alice.patient, married.patient}
    assert ALONE in review.conflicts

    await desk.enrol(replace(MARRIED, source="lab", local_id="3"))
    assert len(await desk.index.reviews(ReviewsAsked())) == 1


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
