"""Does the one pass over a resource find what its parameters find one by one?"""

import gzip
from collections import defaultdict
from typing import Any

import pytest
from tests.fhir.search.test_oracle import R4, SEEDS, made
from tests.fhir.test_real_inputs import real

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.search.parameters import Parameters, load
from carerecord.fhir.search.walk import Walk, Want, walker


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load()


def every(parameters: Parameters, type_: str) -> Walk:
    wants = [Want(each, "(node,)", f"found({each.code!r}, value)") for each in parameters.of(type_).values()]
    return walker(wants, "found", {})


def alike(walk: Walk, parameters: Parameters, type_: str, resource: dict[str, Any]) -> int:
    found: dict[str, list[Any]] = defaultdict(list)
    walk(resource, lambda code, value: found[code].append(value))
    for each in parameters.of(type_).values():
        # The order of a union is not kept, and nobody asks for it: what is found is.
        assert sorted(map(repr, found[each.code])) == sorted(map(repr, each.find(resource))), (type_, each.code)
    return sum(map(len, found.values()))


@pytest.mark.parametrize("type_", sorted(R4["types"]))
def test_one_pass_finds_what_every_parameter_finds_in_a_full_resource(parameters: Parameters, type_: str) -> None:
    walk = every(parameters, type_)

    assert sum(alike(walk, parameters, type_, made(type_, seed)) for seed in SEEDS)


def test_one_pass_finds_what_every_parameter_finds_in_real_resources(parameters: Parameters) -> None:
    walks: dict[str, Walk] = {}
    seen: dict[str, int] = defaultdict(int)
    for path in sorted(real("synthea").glob("*.json.gz"))[:10]:
        for entry in split(gzip.decompress(path.read_bytes())).entries:
            if seen[entry.type] < 25:
                walk = walks.setdefault(entry.type, every(parameters, entry.type))
                seen[entry.type] += 1
                assert alike(walk, parameters, entry.type, parse(entry.raw))
    assert len(seen) > 8


@pytest.mark.parametrize(
    "odd",
    [
        {"code": "a text"}, {"code": [None, 7, {"coding": None}]}, {"code": {"coding": {"code": "x"}}}, {"subject": []},
        {"subject": {"reference": 7}}, {"category": [["nested"], {"coding": [7, {"code": "c"}]}]}, {"component": {"code": {}}},
    ],
)  # fmt: skip
def test_what_has_another_shape_than_fhir_gives_it_is_read_alike(parameters: Parameters, odd: dict[str, Any]) -> None:
    alike(every(parameters, "Observation"), parameters, "Observation", {"resourceType": "Observation", **odd})
