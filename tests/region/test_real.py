"""Does everything in the real bundles go in, and only once?"""

import gzip
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from carerecord.fhir.identifiers import nhs_number
from carerecord.region import make_region
from carerecord.region.real import SYNTHEA, Real, read_real, with_real

_HOUSE = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CARERECORD_REAL_INPUTS", _HOUSE.parent / "shared" / "data")) / "synthea"
needs_real = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"real inputs are absent: no folder {FOLDER}")
_REPEATED = ("Patient", "Organization", "Practitioner")


@pytest.fixture(scope="module")
def real() -> Real:
    return read_real(FOLDER)


@needs_real
def test_every_resource_of_every_bundle_is_held_by_exactly_one_source(real: Real) -> None:
    sent = Counter(
        (each["resourceType"], each["id"])
        for path in FOLDER.glob("*.gz")
        for each in (entry["resource"] for entry in orjson.loads(gzip.decompress(path.read_bytes()))["entry"])
        if each["resourceType"] not in _REPEATED
    )
    held = Counter(
        (each["resourceType"], each["id"].split("-", 1)[1])
        for holdings in real.holdings.values()
        for holding in holdings
        for each in holding.resources
        if each["resourceType"] not in _REPEATED
    )

    assert sent
    assert held == sent


@needs_real
def test_both_ends_are_counted_by_type(real: Real) -> None:
    assert real.received.keys() == real.held.keys()
    for kind, count in real.received.items():
        assert real.held[kind] == count if kind not in _REPEATED else real.held[kind] >= count


@needs_real
def test_patients_are_spread_over_several_sources(real: Real) -> None:
    sources = Counter(holding.person for holdings in real.holdings.values() for holding in holdings)

    assert len(sources) == len(real.people)
    assert sum(count > 1 for count in sources.values()) > 15
    assert all(real.holdings[system.key] for system in real.systems)


@needs_real
def test_each_patient_is_given_a_british_identity(real: Real) -> None:
    numbers = [person.nhs_number for person in real.people]

    assert all(nhs_number(number).startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)
    for holdings in real.holdings.values():
        for holding in holdings:
            systems = {each["system"] for each in holding.resources[0]["identifier"]}
            assert "http://hl7.org/fhir/sid/us-ssn" not in systems
            assert holding.resources[0]["address"][0]["postalCode"].startswith("ZZ9 ")


@needs_real
def test_references_point_inside_their_source_or_name_what_lies_elsewhere(real: Real) -> None:
    elsewhere = 0
    for holdings in real.holdings.values():
        for holding in holdings:
            here = {f"{each['resourceType']}/{each['id']}" for each in holding.resources}
            for reference in (each for resource in holding.resources for each in _references(resource)):
                if "reference" in reference:
                    assert reference["reference"].startswith("#") or reference["reference"] in here
                else:
                    elsewhere += 1
                    assert reference["identifier"]["system"] == SYNTHEA
    assert elsewhere > 0


@needs_real
def test_real_people_stand_beside_the_pretend_ones() -> None:
    region = make_region(7, 30, now=datetime(2026, 11, 22, tzinfo=UTC))
    both = with_real(region, FOLDER)

    assert len(both.people) == 30 + 60
    assert len(both.register) == len(both.people)
    assert set(both.holdings) == {system.key for system in both.systems}


@needs_real
def test_reading_twice_gives_the_same_people(real: Real) -> None:
    assert read_real(FOLDER).people == real.people


def test_a_file_that_is_no_patients_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(orjson.dumps({"resourceType": "Bundle", "entry": []}))

    with pytest.raises(ValueError, match="exactly one Patient"):
        read_real(tmp_path)


def _references(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [each for value in node for each in _references(value)]
    if not isinstance(node, dict):
        return []
    is_one = isinstance(node.get("reference"), str) or (node.get("identifier", {}) is not None and "type" in node and (
        isinstance(node.get("identifier"), dict) and node["identifier"].get("system") == SYNTHEA))  # fmt: skip
    return ([node] if is_one else []) + [each for value in node.values() for each in _references(value)]
