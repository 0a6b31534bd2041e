"""Is matching symmetric, free of order and stable under folding, whatever is typed?"""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.patients.people import NOW, nhs, stated

from carerecord.contracts.patients import SearchAsked
from carerecord.patients import dates, linking, matching, names, nicknames
from carerecord.patients.criteria import understand
from carerecord.patients.matching import Sought, Traits
from carerecord.patients.model import Entry

TODAY = date(2026, 11, 22)
texts = some.text(max_size=40)
given_names = some.sampled_from(["Zara", "Zoya", "William", "Bill", "Mary-Jane", "Mary", "J", "", "Baby", "Jürgen", "O'Neill"])
entries = some.builds(
    lambda at, given, born, sex, order, source, local: Entry(
        f"{source}{local}{at}",
        "",
        stated(source, f"{local}{at}", given=given, born=born, number=nhs(1), gender=sex, multiple_birth=order),
        nhs(1),
        "01",
        NOW + timedelta(minutes=at),
        NOW,
    ),
    some.integers(0, 5), given_names, some.sampled_from(["1945-07-14", "1945-07-15", "1945"]),
    some.sampled_from(["male", "female", ""]),
    some.sampled_from(["", "1", "2"]),
    some.sampled_from(["a", "b", "pds"]), some.integers(0, 9),
)  # fmt: skip


def traits(entry: Entry) -> Traits:
    return Traits.of(entry.stated, entry.nhs_number)


@given(texts)
def test_folding_what_is_folded_changes_nothing(text):
    once = names.words(text)
    assert names.words(" ".join(once)) == once
    assert names.number(names.number(text)) == names.number(text)


@pytest.mark.parametrize("typed", ["3 2 55", "03-Feb-1955", "singh harold, 3 2 55", "03 02 1955", "3/2/55"])
def test_a_birth_date_is_understood_in_each_form_that_the_page_of_the_search_names(typed):
    found = dates.read(typed, TODAY)

    assert found is not None
    assert found.meant == (date(1955, 2, 3),)


@given(texts)
def test_folding_does_not_depend_on_case(text):
    assert names.words(text.upper().lower()) == names.words(text.lower().upper().lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [("O’NEILL", "o'neill"), ("Zoë", "ZOE"), ("Smith-Jones", "smith jones"), ("Łukasz", "Lukasz"), ("Weiß", "weiss")],
)
def test_two_ways_of_writing_a_name_fold_to_one(one, other):
    assert names.words(one) == names.words(other)


@given(some.text(alphabet="abcdefg", min_size=4, max_size=9), some.data())
def test_two_words_one_slip_apart_share_a_key(word, data):
    at = data.draw(some.integers(0, len(word) - 1))
    letter = data.draw(some.sampled_from("abcdefgxyz"))
    slips = (word[:at] + letter + word[at + 1 :], word[:at] + word[at + 1 :], word[:at] + letter + word[at:])
    swapped = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
    for slip in (*slips, swapped):
        assert names.near_keys(word) & names.near_keys(slip)


@given(entries, entries)
def test_conflict_and_agreement_are_symmetric(one, other):
    assert matching.conflicts(traits(one), traits(other)) == matching.conflicts(traits(other), traits(one))
    assert matching.agrees(traits(one), traits(other)) == matching.agrees(traits(other), traits(one))


@given(some.lists(entries, max_size=7, unique_by=lambda each: each.id), some.randoms())
def test_who_is_one_person_does_not_depend_on_the_order_told(many, chance):
    shuffled = list(many)
    chance.shuffle(shuffled)
    assert linking.part(many, traits, {}) == linking.part(shuffled, traits, {})


@given(some.lists(entries, max_size=7, unique_by=lambda each: each.id))
def test_nobody_in_a_set_contradicts_another(many):
    for each in linking.part(many, traits, {}).sets:
        for one in each:
            for other in each:
                assert one is other or not matching.conflicts(traits(one), traits(other))


@given(some.permutations(["edith", "anne", "marlow", "hart"]))
def test_fit_does_not_depend_on_the_order_of_words(order):
    one = Traits.of(stated("a", "1", "Edith Anne", "Marlow-Hart"), "")
    fits = [matching.fit(Sought(words=tuple((word,) for word in words)), one) for words in (order, sorted(order))]
    assert fits[0] == fits[1]


@given(entries, texts)
def test_a_score_lies_between_nothing_and_one_and_only_all_is_one(entry, text):
    understood = understand(SearchAsked(text), TODAY)
    found = matching.fit(understood.sought, traits(entry))
    assert 0 <= found.score <= 1
    assert not found.decisive or found.exact


@pytest.mark.parametrize("typed", ["٩٩٩ ٠٠٠ ٠٠١٨", "৯৯৯০০০০০১৮", "999 000 ००१८"])
def test_a_number_typed_on_another_keyboard_is_the_same_number(typed):
    assert understand(SearchAsked(typed), TODAY).sought.nhs_number == "9990000018"
    assert understand(SearchAsked("", number=typed), TODAY).sought.nhs_number == "9990000018"
    assert understand(SearchAsked(f"{typed[:-1]}٣"), TODAY).sought.nhs_slips, "it is one slip away from a number, and no error"


@pytest.mark.parametrize("typed", ["1 aprıl 1950", "1 ſep 1950", "Ann 1 APRİL 1950"])
def test_a_month_in_letters_that_only_look_alike_is_no_month_and_no_error(typed):
    assert dates.read(typed, TODAY) is None


@pytest.mark.parametrize("other", [date(1, 1, 1), date(999, 12, 31), date(9999, 12, 31)])
def test_a_birth_in_the_year_one_is_compared_like_any_other(other):
    assert dates.near(date(1950, 4, 1), other) == ""
    assert dates.near(other, other.replace(day=other.day + 1 if other.day == 1 else other.day - 1)) == "one digit"


FORMS = ["%d-%b-%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d %B %Y", "%d%m%Y"]


@given(some.dates(date(1905, 1, 1), TODAY), some.sampled_from(FORMS))
def test_every_birth_date_is_read_in_every_usual_form(born, form):
    typed = dates.read(born.strftime(form), TODAY)
    assert typed is not None
    assert born in typed.meant


@given(some.dates(date(1930, 1, 1), TODAY), some.sampled_from(["%d/%m/%y", "%d.%m.%y", "%d%m%y", "%d %b %y"]))
def test_a_two_digit_year_is_read_as_every_year_it_may_be(born, form):
    typed = dates.read(born.strftime(form), TODAY)
    assert typed is not None
    assert born in typed.meant
    assert all(each <= TODAY for each in typed.meant)


@given(some.dates(date(1910, 1, 1), TODAY), some.dates(date(1910, 1, 1), TODAY))
def test_near_dates_are_near_both_ways(one, other):
    assert dates.near(one, other) == dates.near(other, one)


@given(some.dates(date(1910, 2, 1), date(2026, 1, 1)))
def test_every_slip_is_near_and_every_near_date_is_a_slip(born):
    typed = dates.read(born.isoformat(), TODAY)
    assert typed is not None
    assert all(dates.near(born, slip) for slip in typed.near)


@given(texts)
def test_whatever_is_typed_is_understood_or_told(text):
    understood = understand(SearchAsked(text), TODAY)
    assert understood.enough or understood.say


def test_a_form_of_two_names_does_not_make_them_one():
    assert nicknames.same_name("ted", "edward")
    assert nicknames.same_name("ted", "theodore")
    assert not nicknames.same_name("edward", "theodore")
