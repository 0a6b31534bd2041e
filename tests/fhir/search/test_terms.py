"""Does a search by a value set or a branch of a code system find what each code would find, and say what is lacking?"""

from typing import Any

import pytest

from carerecord.fhir.search.match import answers
from carerecord.fhir.search.parameters import Parameters, load
from carerecord.fhir.search.query import BadSearch, Clause, read
from carerecord.fhir.search.terms import MOST_CODES

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
STATUS = "http://hl7.org/fhir/observation-status"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SETS = "http://hl7.org/fhir/ValueSet"
V3 = "http://terminology.hl7.org/CodeSystem/v3"


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load()


def coded(code: str, system: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def a_condition(code: str, system: str = CLINICAL) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c1", "clinicalStatus": coded(code, system)}


def a_result(**of: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o1", "status": "final"} | of


def asked(parameters: Parameters, type_: str, name: str, value: str) -> Clause:
    (clause,) = read(type_, [(name, value)], parameters).clauses
    assert isinstance(clause, Clause)
    return clause


def fits(parameters: Parameters, resource: dict[str, Any], name: str, value: str) -> bool:
    return answers(asked(parameters, resource["resourceType"], name, value))(resource)


def codes(parameters: Parameters, type_: str, name: str, value: str) -> set[str]:
    found = asked(parameters, type_, name, value).among
    assert found is not None
    return set(found.plain)


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("below=active", {"active", "recurrence", "relapse"}), ("below=relapse", {"relapse"}),
        ("above=relapse", {"active", "relapse"}), ("above=active", {"active"}),
        ("below=inactive", {"inactive", "remission", "resolved"}),
        ("below=active,remission", {"active", "recurrence", "relapse", "remission"}),
    ],
)  # fmt: skip
def test_a_branch_is_a_code_with_all_below_it_or_all_above(parameters: Parameters, asked_for: str, found: set[str]) -> None:
    modifier, _, said = asked_for.partition("=")
    value = ",".join(f"{CLINICAL}|{each}" for each in said.split(","))
    every = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")

    assert {each for each in every if fits(parameters, a_condition(each), f"clinical-status:{modifier}", value)} == found
    elsewhere = a_condition("active", "urn:another")
    assert not fits(parameters, elsewhere, f"clinical-status:{modifier}", value), "the same letters of another system"


def test_a_code_that_two_stand_above_is_below_both(parameters: Parameters) -> None:
    """ADOPTF lies within one of them, and the other names it as its child."""
    above = codes(parameters, "RelatedPerson", "relationship:above", f"{V3}-RoleCode|ADOPTF")

    assert {"adoptf", "adoptp", "fth", "prn"} <= above
    for each in ("ADOPTP", "FTH"):
        assert "adoptf" in codes(parameters, "RelatedPerson", "relationship:below", f"{V3}-RoleCode|{each}")
    assert "adoptf" not in codes(parameters, "RelatedPerson", "relationship:below", f"{V3}-RoleCode|MTH")


def test_a_code_without_a_system_is_found_by_its_set_and_its_branch(parameters: Parameters) -> None:
    corrected = a_result(status="corrected")

    assert fits(parameters, corrected, "status:below", f"{STATUS}|amended")
    assert not fits(parameters, corrected, "status:below", f"{STATUS}|final")
    assert fits(parameters, corrected, "status:in", f"{SETS}/observation-status")
    assert not fits(parameters, corrected, "status:in", f"{SETS}/administrative-gender")


def test_what_is_not_in_a_set_includes_what_has_no_code_at_all(parameters: Parameters) -> None:
    within = a_result(category=[coded("laboratory", CATEGORY)])
    outside = a_result(category=[coded("laboratory", "urn:house")])
    without, words = a_result(), a_result(category=[{"text": "laboratory"}])
    both = a_result(category=[coded("laboratory", "urn:house"), coded("exam", CATEGORY)])
    value = f"{SETS}/observation-category"

    assert [fits(parameters, each, "category:in", value) for each in (within, outside, without, words, both)] == [
        True, False, False, False, True,
    ]  # fmt: skip
    assert [fits(parameters, each, "category:not-in", value) for each in (within, outside, without, words, both)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_a_set_that_is_a_branch_less_its_head_holds_what_hl7_lists(parameters: Parameters) -> None:
    """HL7 defines it as all below _ActEncounterCode, without that."""
    found = codes(parameters, "Encounter", "class:in", "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode")

    assert found == {"acute", "amb", "emer", "fld", "hh", "imp", "nonac", "obsenc", "prenc", "ss", "vr"}


def test_a_set_finds_what_its_codes_find_one_by_one(parameters: Parameters) -> None:
    every = ("social-history", "vital-signs", "imaging", "laboratory", "procedure", "survey", "exam", "other")
    one_by_one = ",".join(f"{CATEGORY}|{each}" for each in (*every[:-1], "therapy", "activity"))
    for code in every:
        for system in (CATEGORY, "urn:house", ""):
            each = a_result(category=[coded(code, system)])
            found = fits(parameters, each, "category:in", f"{SETS}/observation-category")
            assert found == fits(parameters, each, "category", one_by_one), (code, system)


def test_several_sets_are_asked_for_as_one(parameters: Parameters) -> None:
    value = f"{SETS}/observation-category,{SETS}/diagnostic-service-sections"

    assert {"laboratory", "hm"} <= codes(parameters, "Observation", "category:in", value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("code:below", "http://snomed.info/sct|73211009", "code system that is loaded: http://snomed.info/sct is not"),
        ("code:above", "http://loinc.org|2823-3", "http://loinc.org is not"),
        ("code:below", "urn:mine:9990000018|1", "asked for is not"),
        ("code:in", "https://example.org/ValueSet/mine", "value set that is loaded: https://example.org/ValueSet/mine is not"),
        ("code:not-in", "9990000018", "what is asked for is not"), ("code:in", "ValueSet/9990000018", "what is asked for is not"),
        ("method:in", f"{SETS}/condition-code", "condition-code: it draws on what is not loaded: http://snomed.info/sct"),
        ("code:in", "http://terminology.hl7.org/ValueSet/v3-ActCode", "more than 500 codes"),
        ("code:in", f"{SETS}/c80-doc-typecodes", f"more than {MOST_CODES:,} codes"),
        ("code:in", f"{SETS}/observation-category|4.0.1", "without a version"), ("status:below", "amended", "is written"),
        ("status:below", f"{STATUS}|aged", f"code that {STATUS} does not have"), ("status:above", f"{STATUS}|", "is written"),
    ],
)  # fmt: skip
def test_what_is_not_loaded_is_named_and_no_code_or_number_is(parameters: Parameters, name: str, value: str, says: str) -> None:
    with pytest.raises(BadSearch) as refused:
        asked(parameters, "Observation", name, value)
    told = str(refused.value)

    assert says in told
    assert told.startswith(f"{name.partition(':')[0]}: :{name.partition(':')[2]} ")
    assert not any(each in told for each in ("73211009", "2823-3", "9990000018", "aged"))


def test_no_clause_stands_for_more_codes_than_an_index_is_asked_for(parameters: Parameters) -> None:
    large = [f"http://terminology.hl7.org/ValueSet/v3-{each}" for each in ("RoleCode", "RouteOfAdministration")]

    for each in large:
        assert 300 < len(codes(parameters, "Observation", "code:in", each)) <= MOST_CODES
    with pytest.raises(BadSearch, match="more than 500 codes: ask for fewer"):
        asked(parameters, "Observation", "code:in", ",".join(large))
