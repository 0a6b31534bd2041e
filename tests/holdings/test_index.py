"""Is each value under the hash by which a search will look for it, and by no other?"""

import gzip
from collections.abc import Mapping
from typing import Any

import pytest
from tests.fhir.search.test_oracle import R4, SEEDS, made
from tests.fhir.test_real_inputs import real

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.search.parameters import Parameters, load
from carerecord.fhir.search.query import Clause, read
from carerecord.fhir.search.values import Link, Span, Token
from carerecord.holdings.hashes import hashed
from carerecord.holdings.index import UNHASHED, WHEN, Index

KEY = b"k" * 32


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load()


def one_by_one(parameters: Parameters, resource: Mapping[str, Any], type_: str) -> set[int]:
    """The hashes of a row, said plainly: parameter by parameter, value by value."""
    found: set[int] = set()
    for each in parameters.of(type_).values():
        if each.code in UNHASHED or each.type not in ("token", "reference", "uri"):
            continue
        for value in each.values(resource):
            if isinstance(value, Token) and value.code:
                found.add(hashed(KEY, each.code, value.code.casefold()))
            elif isinstance(value, Link):
                if word := value.id or value.url.rsplit("/", 1)[-1]:
                    found.add(hashed(KEY, each.code, word))
                if value.identifier is not None and value.identifier.code:
                    found.add(hashed(KEY, f"{each.code}:identifier", value.identifier.code))
            elif isinstance(value, str):
                found.add(hashed(KEY, each.code, value))
    return found


def whose(parameters: Parameters, resource: Mapping[str, Any], type_: str) -> str:
    for code in ("patient", "subject", "beneficiary", "individual"):
        parameter = parameters.of(type_).get(code)
        if parameter is not None and parameter.type == "reference" and (not parameter.targets or "Patient" in parameter.targets):
            for value in parameter.values(resource):
                if isinstance(value, Link) and value.type == "Patient" and value.id and not value.url:
                    return value.id
    return str(resource.get("id") or "") if type_ == "Patient" else ""


def agrees(index: Index, parameters: Parameters, resource: dict[str, Any], type_: str) -> int:
    row = index.row(resource, type_)
    assert set(row.tokens) == one_by_one(parameters, resource, type_), type_
    assert index.whose(resource, type_) == (resource["id"] if type_ == "Patient" else whose(parameters, resource, type_)), type_
    dated = parameters.of(type_).get(WHEN.get(type_, ""))
    spans = [each for each in dated.values(resource) if isinstance(each, Span)] if dated else []
    assert row.when == max((each.since for each in spans), default=None)
    return len(row.tokens)


def test_a_full_resource_of_every_type_bears_the_hash_of_each_of_its_values(parameters: Parameters) -> None:
    index = Index(parameters, KEY)

    assert sum(agrees(index, parameters, made(type_, seed), type_) for type_ in R4["types"] for seed in SEEDS) > 4_000


def test_real_resources_bear_the_hash_of_each_of_their_values(parameters: Parameters) -> None:
    index, borne = Index(parameters, KEY), 0
    for path in sorted(real("synthea").glob("*.json.gz"), key=lambda path: path.stat().st_size)[:6]:
        for entry in split(gzip.decompress(path.read_bytes())).entries:
            borne += agrees(index, parameters, parse(entry.raw), entry.type)
    assert borne > 2_500


def test_an_identifier_is_found_across_all_whoever_it_is_of(parameters: Parameters) -> None:
    index = Index(parameters, KEY)
    trust = {"resourceType": "Organization", "id": "o", "identifier": [{"system": "urn:ods", "value": "R9A"}]}
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": "Nunez"}], "birthDate": "1948-03-02"}

    assert index.row(trust, "Organization").across == (hashed(KEY, "Organization.identifier", "r9a"),)
    wide = set(index.row(person, "Patient").across)
    assert {hashed(KEY, "Patient.family", "nun"), hashed(KEY, "Patient.birthdate", "1948-03")} <= wide


@pytest.mark.parametrize("typed", ["Nunez", "nun", "Ana", "Dr", "Ana Nunez of Fenwick"])
def test_a_name_is_found_by_whatever_part_of_it_is_asked_and_stands_there_once(parameters: Parameters, typed: str) -> None:
    index = Index(parameters, KEY)
    name = {"family": "Nunez", "given": ["Ana"], "prefix": ["Dr"], "text": "Ana Nunez of Fenwick"}
    wide = index.row({"resourceType": "Patient", "id": "p", "name": [name]}, "Patient").across
    (clause,) = read("Patient", [("name", typed)], parameters).clauses
    assert isinstance(clause, Clause)

    assert set(index.across(clause) or ()) & set(wide)
    assert hashed(KEY, "Patient.name", "nun") not in wide, "it is a family name, and is looked for as one"


def test_one_title_is_found_as_a_list_of_one_is(parameters: Parameters) -> None:
    index = Index(parameters, KEY)
    one, listed = ({"resourceType": "Patient", "name": [{"prefix": told}]} for told in ("Dr", ["Dr"]))
    assert index.row(one, "Patient") == index.row(listed, "Patient") != index.row({"resourceType": "Patient"}, "Patient")


def test_what_says_who_somebody_is_does_not_stay_in_memory(parameters: Parameters) -> None:
    index = Index(parameters, KEY)
    index.row({"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:n", "value": "9990000018"}]}, "Patient")
    index.row({"resourceType": "Observation", "identifier": [{"value": "9990000026"}], "status": "final"}, "Observation")

    held = {word for table in index._hashes.values() for word in table}

    assert "final" in held
    assert not held & {"9990000018", "9990000026"}


def test_words_at_hand_are_few_however_many_come(parameters: Parameters) -> None:
    index = Index(parameters, KEY)
    for number in range(3_000):
        index.row({"resourceType": "Observation", "code": {"coding": [{"code": f"c{number}"}]}}, "Observation")

    assert max(map(len, index._hashes.values())) <= 1_024


@pytest.mark.parametrize("modifier", ["in", "below", "above", "not-in"])
def test_a_set_of_codes_is_looked_up_as_each_of_them_would_be_and_what_is_left_out_as_nothing(
    parameters: Parameters, modifier: str
) -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    value = "http://hl7.org/fhir/ValueSet/condition-clinical" if modifier.endswith("in") else f"{system}|relapse"
    found = {
        "in": ("active", "inactive", "recurrence", "relapse", "remission", "resolved"), "below": ("relapse",),
        "above": ("active", "relapse"), "not-in": None,
    }[modifier]  # fmt: skip
    (clause,) = read("Condition", [(f"clinical-status:{modifier}", value)], parameters).clauses
    assert isinstance(clause, Clause)
    told = Index(parameters, KEY).narrows(clause)

    assert told == (None if found is None else [hashed(KEY, "clinical-status", each) for each in found])
