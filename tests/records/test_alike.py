"""Medicines of one substance under several names: by code alone."""

from hypothesis import given
from hypothesis import strategies as st

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine
from carerecord.records.alike import alike
from carerecord.records.groups import Company, medicine_groups
from tests.records.facts import a_medicine

TWO = Company(frozenset({"gp", "trust"}), frozenset({"gp"}))
APIXABAN = ("ingredients|698090000",)


def test_a_brand_and_its_generic_stand_side_by_side_where_a_code_says_so():
    brand = a_medicine("gp", "Eliquis", same_as=("product|42", "ingredients|698090000"), amount="5 mg", frequency="twice a day")
    generic = a_medicine("trust", "Apixaban", same_as=APIXABAN, amount="2.5 mg", frequency="twice a day")
    (group,) = medicine_groups([brand, generic], TWO)

    assert (group.label, group.says, group.by_code, group.current) == ("differs", "dose", True, True)
    assert group.entries == (brand.key, generic.key)


def test_names_alone_never_bring_two_medicines_together():
    groups = medicine_groups([a_medicine("gp", "Eliquis"), a_medicine("trust", "Apixaban")], TWO)

    assert [each.label for each in groups] == ["only here", "only here"]
    assert not any(each.by_code for each in groups)


def test_the_ingredient_names_a_brand_and_its_generic():
    brand = a_medicine("gp", "Eliquis", same_as=("product|42",))
    generic = a_medicine("trust", "Apixaban", same_as=("ingredients|1", "product|42"))

    assert [each.name for each in alike([brand, generic])] == ["apixaban"]


def test_a_chain_of_codes_brings_all_of_it_together():
    first, second = a_medicine("gp", "A", same_as=("product|1",)), a_medicine("trust", "B", same_as=("product|2",))
    bridge = a_medicine("pharmacy", "C", same_as=("product|2", "product|1"))
    (together,) = alike([first, second, bridge])

    assert (together.entries, together.by_code) == ((first, second, bridge), True)


_medicines = st.lists(st.tuples(st.sampled_from("abcde"), st.lists(st.sampled_from("vwxyz"), max_size=2)), max_size=8)


@given(_medicines)
def test_each_medicine_stands_once_and_with_all_that_share_a_name_or_a_code(drawn: list[tuple[str, list[str]]]) -> None:
    entries = [a_medicine("gp", name, id=str(n), same_as=tuple(codes)) for n, (name, codes) in enumerate(drawn)]
    found = alike(entries)
    where = {entry.key: n for n, each in enumerate(found) for entry in each.entries}

    assert sorted(entry.key for each in found for entry in each.entries) == sorted(entry.key for entry in entries)
    for one in entries:
        for other in entries:
            if _share(one, other):
                assert where[one.key] == where[other.key]
    for each in found:
        assert _connected(list(each.entries)), "nothing is brought together without a name or a code"


def _marks(entry: Entry) -> set[str]:
    medicine = entry.facts.medicine
    assert isinstance(medicine, Medicine)
    return {medicine.group, *medicine.same_as}


def _share(one: Entry, other: Entry) -> bool:
    return bool(_marks(one) & _marks(other))


def _connected(entries: list[Entry]) -> bool:
    reached, left = [entries[0]], entries[1:]
    while near := [each for each in left if any(_share(each, other) for other in reached)]:
        reached, left = reached + near, [each for each in left if each not in near]
    return not left
