"""Whether two entries are about one medicine is said by a code, never guessed from names."""

from typing import Any

from carerecord.fhir.read import substances
from carerecord.fhir.read.words import codes_of

SNOMED = "http://snomed.info/sct"


def coded(code: str, system: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": "any"}]}


def same_as(concept: dict[str, Any], product: dict[str, Any]) -> tuple[str, ...]:
    return substances.same_as(codes_of(concept), product)


def product(*codes: str, active: bool = True) -> dict[str, Any]:
    return {"ingredient": [{"itemCodeableConcept": coded(code), "isActive": active} for code in codes]}


def test_a_brand_and_its_generic_meet_at_their_ingredient() -> None:
    brand = same_as({"text": "Eliquis"}, product("698090000"))
    generic = same_as({"text": "Apixaban"}, product("698090000"))

    assert brand == generic == ("ingredients|698090000",)


def test_a_combination_never_meets_one_of_its_parts() -> None:
    assert set(same_as({}, product("1", "2"))) & set(same_as({}, product("1"))) == set()
    assert same_as({}, product("1", "2")) == same_as({}, product("2", "1"))


def test_a_product_code_is_one_concept_in_snomed_and_dmd() -> None:
    assert same_as(coded("42206511000001102"), {}) == same_as(coded("42206511000001102", "https://dmd.nhs.uk"), {})


def test_a_code_of_a_suppliers_own_or_for_any_medicine_says_nothing() -> None:
    assert same_as(coded("42", "https://example.org/drugs"), {}) == ()
    assert same_as(coded("196421000000109"), {}) == ()


def test_an_ingredient_without_a_code_leaves_the_whole_unsaid() -> None:
    half = {"ingredient": [{"itemCodeableConcept": coded("1")}, {"itemCodeableConcept": {"text": "codeine"}}]}
    assert same_as({}, half) == ()
