"""What links by itself, what waits for a human, and who is never one person: twins, kin, namesakes, nobody's values."""

import itertools

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as some
from tests.patients.people import nhs, stated

from carerecord.contracts.patients import Demographics, Name, SourcePatient
from carerecord.patients.batch import link
from carerecord.patients.facts import Facts
from carerecord.patients.keys import keys, numbered
from carerecord.patients.levels import SWAPPED, given_level
from carerecord.patients.sounds import sound
from carerecord.patients.weighing import APART, LINK, REVIEW, each_bits, weigh
from carerecord.patients.weights import FACTS, weights

HOME = {"address": "14 Station Road, Aldermoor", "postcode": "QX1 4AB", "phone": "07700 900123"}
KEY = -5558394796482199682  # of the number 9990000018
ELSEWHERE = {"address": "3 Mill Lane, Thorley", "postcode": "QX9 1ZZ", "phone": "07700 900999"}


def facts(told: SourcePatient) -> Facts:
    return Facts.of(told, told.demographics.nhs_number, told.demographics.nhs_number_status)


def verdict(one: SourcePatient, other: SourcePatient) -> str:
    there, back = weigh(facts(one), facts(other)), weigh(facts(other), facts(one))
    assert (there.verdict, round(there.bits, 6)) == (back.verdict, round(back.bits, 6)), "symmetric"
    return there.verdict


EDITH = stated("gp", "1", **HOME)


@pytest.mark.parametrize(
    "other",
    [
        stated("b", "1", **HOME),
        stated("b", "1", given="Edie", **HOME),
        stated("b", "1", given="Edith Rose", **HOME),
        stated("b", "1", given="Edtih", **HOME),
        stated("b", "1", family="Marlowe", **HOME),
        stated("b", "1", family="Hart", **HOME),
        stated("b", "1", born="1948-03-15", **HOME),
        stated("b", "1", born="1984-03-14".replace("84", "48"), **HOME),
        stated("b", "1", address="14 Station Rd", postcode="QX1 4AB"),
        stated("b", "1", number=nhs(1), **ELSEWHERE),
    ],
    ids=["all", "short form", "second name", "slip", "family slip", "married", "day slip", "same", "address in short", "moved"],
)
def test_one_person_written_in_two_ways_is_linked(other):
    one = stated("gp", "1", number=nhs(1), **HOME) if other.demographics.nhs_number else EDITH
    assert verdict(one, other) == LINK


@pytest.mark.parametrize(("given", "family"), [("Edith", "Marlow"), ("John", "Smith"), ("Solveig", "Quist")])
def test_two_names_in_each_others_place_tell_no_more_than_two_in_their_own(given, family):
    told = {"phone": "", "address": "", "postcode": ""}
    one, same, swapped = (
        facts(stated(source, "1", given=first, family=second, **told))
        for source, first, second in (("gp", given, family), ("b", given, family), ("c", family, given))
    )
    straight, crossed = weigh(one, same), weigh(one, swapped)
    assert crossed.levels[0] == crossed.levels[2] == SWAPPED
    assert crossed.bits <= straight.bits
    assert round(sum(bits for _, _, bits in each_bits(one, swapped, crossed.levels)), 1) == round(crossed.bits, 1)


def test_names_in_each_others_place_and_another_birth_date_are_strangers():
    assert verdict(EDITH, stated("b", "1", given="Marlow", family="Edith", born="1963-02-19", **ELSEWHERE)) == APART
    assert verdict(EDITH, stated("b", "1", given="Marlow", family="Edith", **HOME)) == LINK


def test_name_and_address_alone_never_link():
    assert verdict(EDITH, stated("b", "1", born="", **HOME)) == REVIEW
    assert verdict(EDITH, stated("b", "1", born="1931-11-02", **HOME)) != LINK


@pytest.mark.parametrize(
    ("one", "other", "sexes"),
    [("Zara", "Zoya", ("female", "female")), ("Jayden", "Hayden", ("male", "male")), ("Amaan", "Ayaan", ("male", "male")),
     ("Adam", "Aisha", ("male", "female")), ("Mohammed Ali", "Mohammed Amir", ("male", "male")),
     ("Maria", "Marie", ("female", "female"))],
)  # fmt: skip
def test_twins_do_not_link(one, other, sexes):
    shared = {"family": "Iqbal", "born": "2019-10-25", **HOME}
    first = stated("gp", "1", given=one, gender=sexes[0], **shared)
    second = stated("b", "1", given=other, gender=sexes[1], **shared)
    assert verdict(first, second) != LINK


def test_twins_with_numbers_of_their_own_are_not_even_suggested():
    shared = {"family": "Iqbal", "born": "2019-10-25", **HOME}
    first = stated("gp", "1", given="Zara", number=nhs(1), **shared)
    assert verdict(first, stated("b", "1", given="Zoya", number=nhs(2), **shared)) == APART


def test_siblings_and_a_parent_of_the_same_name_do_not_link():
    assert verdict(EDITH, stated("b", "1", given="Joan", born="1950-06-01", **HOME)) == APART
    father = stated("gp", "1", given="John", born="1950-03-14", gender="male", **HOME)
    son = stated("b", "1", given="John", born="1980-03-14", gender="male", **HOME)
    assert verdict(father, son) == REVIEW, "one digit of the birth date is all that parts them"


def test_two_of_one_care_home_do_not_link():
    home = {"address": "The Elms Care Home, 2 Park Road", "postcode": "QX2 2AA"}
    assert verdict(stated("gp", "1", **home), stated("b", "1", given="Joan", family="Hart", born="1940-01-09", **home)) == APART


def test_a_common_name_and_a_birth_date_alone_wait_for_a_human():
    john = {"given": "John", "family": "Smith", "gender": "male"}
    assert verdict(stated("gp", "1", **john), stated("b", "1", **john)) == REVIEW


@pytest.mark.parametrize("given", ["Unknown Male 47", "Trauma Kilo", "Unknown"])
def test_an_alias_is_like_nobody(given):
    nowhere = {"born": "1900-01-01", "gender": "male", "address": "No fixed abode", "postcode": "ZZ99 3VZ"}
    alias, again = (stated(source, source, given=given, family="Unknown", **nowhere) for source in ("ed", "ed2"))
    assert keys(facts(alias)) == ()
    assert verdict(alias, again) == APART


def test_values_that_mean_unknown_carry_no_weight():
    surgery = {"address": "Elm Surgery, 1 High St", "postcode": "QX1 1AA", "phone": "0000000000"}
    told = facts(stated("a", "1", given="Baby Twin 1", born="1948-01-01", **surgery))
    assert (told.given, told.birth, told.place, told.post, told.phones) == ((), "00001948", "", "", ())
    assert told.newborn
    visa = facts(stated("a", "1", given="FNU", family="LNU"))  # as American papers write it: first, last name unknown
    assert (visa.given, visa.family, facts(stated("a", "1", given=".", family=".")).family) == ((), "", "")
    desk = facts(stated("a", "1", **{**surgery, "phone": "01632 960001"}))
    assert desk.phones == (), "the surgery's own telephone"
    assert facts(stated("a", "1", **{**surgery, "phone": "07700 900123"})).phones == ("7700900123",)
    assert facts(stated("a", "1", born="1900-01-01")).birth == ""
    assert facts(stated("a", "1", address="1 High St", postcode="ZZ99 3CZ")).post == ""


def test_a_newborn_is_never_its_mother():
    mother = stated("gp", "1", given="Aisha", family="Khan", born="1994-05-02", number=nhs(1), **HOME)
    baby = stated("maternity", "2", given="Baby", family="Khan", born="2026-11-20", number=nhs(1), **HOME)
    unborn = stated("maternity", "3", given="Baby", family="Khan", born="", number=nhs(1), **HOME)
    assert verdict(mother, baby) == APART
    assert verdict(mother, unborn) == APART


def test_two_numbers_wait_for_a_human_though_all_else_agrees():
    assert verdict(stated("gp", "1", number=nhs(1), **HOME), stated("b", "1", number=nhs(2), status="02", **HOME)) == REVIEW


def test_a_rare_name_tells_more_than_a_common_one():
    def bits(family: str) -> float:
        return weigh(facts(stated("a", "1", family=family)), facts(stated("b", "1", family=family))).bits

    assert bits("Quillfeather") > bits("Smith")


@pytest.mark.parametrize(
    ("one", "other"),
    [("chowdhury", "choudhry"), ("yusuf", "youssef"), ("mohammed", "muhammad"), ("hussain", "hossein"),
     ("szymanski", "shimanski"),
     ("macdonald", "mcdonald"), ("wright", "right"), ("phelan", "felan"), ("khan", "kan"), ("siddiqui", "siddiki")],
)  # fmt: skip
def test_spellings_of_one_name_sound_alike(one, other):
    assert sound(one) == sound(other)


def test_two_names_are_two_names_however_near():
    assert given_level("jayden", "hayden") == "part"
    assert given_level("jaybden", "jayden") == "near"
    assert given_level("mohammed", "muhammad") == "form"
    assert given_level("bill", "william") == "form"


def test_the_table_is_whole_and_its_better_levels_tell_more():
    bits = weights().bits
    assert set(bits) == set(FACTS)
    orders = (("given", "same", "near"), ("birth", "same", "edit"), ("birth", "edit", "partly"), ("place", "same", "near"))
    for fact, better, worse in orders:
        assert bits[fact][better] >= bits[fact][worse]
    assert all(bits[fact]["differs"] < 0 for fact in ("given", "family", "birth", "sex", "place", "nhs"))
    assert weights().review < weights().link <= weights().alone


def test_a_key_is_the_same_number_on_every_machine():
    assert numbered("n9990000018") == KEY


def test_a_batch_links_as_the_single_comparison_does_and_keeps_twins_apart():
    both = [(source, given) for source in "ab" for given in ("Zara", "Hamza")]
    twins = [stated(source, given, given=given, family="Iqbal", born="2019-10-25", **HOME) for source, given in both]
    told = [facts(each) for each in (EDITH, stated("b", "9", **HOME), *twins)]

    found = link(told)

    assert found.person == (0, 0, 2, 3, 2, 3)


def test_a_source_seldom_holds_one_person_twice():
    told = [facts(stated(*key, **HOME)) for key in (("a", "1"), ("a", "2"), ("b", "1"))]
    found = link(told)
    assert len(set(found.person)) == 2


words = some.sampled_from(["Zara", "Zoya", "William", "Bill", "Mary-Jane", "J", "", "Baby", "Unknown", "Jürgen", "O'Neill", "Li"])
people = some.builds(
    lambda source, given, family, born, sex, number, post: stated(
        source, f"{given}{family}{born}{number}", given=given, family=family, born=born, gender=sex,
        number=nhs(number) if number else "", postcode=post, address="1 High St" if post else "",
    ),
    some.sampled_from("abc"), words, words, some.sampled_from(["", "1948", "1948-03-14", "1948-03-15", "1900-01-01", "19", "x"]),
    some.sampled_from(["male", "female", ""]), some.integers(0, 2), some.sampled_from(["", "QX1 4AB", "ZZ99 3VZ", "QX1 4AC"]),
)  # fmt: skip


@given_any(people, people)
def test_any_two_statements_are_weighed_alike_from_either_side(one, other):
    verdict(one, other)


@given_any(some.lists(people, max_size=7))
def test_no_set_of_a_batch_holds_two_who_contradict(many):
    told = [facts(each) for each in many]
    found = link(told)
    for one, other in itertools.combinations(range(len(told)), 2):
        if found.person[one] == found.person[other]:
            assert told[one].source != told[other].source or told[one].local == told[other].local
            assert not (told[one].nhs and told[other].nhs and told[one].nhs != told[other].nhs)


def test_former_and_double_names_are_known():
    names = (Name("Hart", ("Edith",)), Name("Marlow", ("Edith",), use="maiden"))
    married = SourcePatient("gp", "1", (), Demographics(names=names, birth_date="1948-03-14", gender="female"))
    assert weigh(facts(married), facts(EDITH)).levels[2] == "former"
