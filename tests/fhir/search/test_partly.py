"""What a parameter finds in the members that it names is what it finds in the whole."""

import gzip
import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.search import parameters
from carerecord.fhir.search.partly import partly, values

REAL = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).parents[4] / "shared" / "data") / "synthea"


def _part(text: bytes, members: Iterable[str]) -> dict[str, Any]:
    reader = partly(tuple(members))
    return values(reader.members, reader.raws(text))


def test_members_that_are_skipped_change_no_value():
    known = parameters.load()
    seen = 0
    for path in sorted(REAL.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:6]:
        for entry in split(gzip.decompress(path.read_bytes())).entries:
            whole = parse(entry.raw)
            for parameter in known.of(entry.type).values():
                found = parameter.values(whole)
                assert parameter.values(_part(entry.raw, parameter.members)) == found, (entry.type, parameter.code)
                seen += bool(found)
    if not REAL.is_dir():
        pytest.skip("the real inputs are not here")
    assert seen > 5_000


def test_every_parameter_says_at_which_members_it_looks():
    known = parameters.load()
    silent = [(type_, each.code) for type_ in known.types for each in known.of(type_).values() if not each.members]

    assert silent == []


def test_a_reference_into_what_is_contained_is_followed():
    subject = parameters.load().of("Observation")["patient"]
    resource = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "id": "p"}],
        "subject": {"reference": "#p"},
        "code": {"text": "x"},
    }

    text = msgspec.json.encode(resource)

    assert subject.find(_part(text, subject.members)) == subject.find(parse(text)) != []


def test_numbers_stay_as_they_were_written():
    assert _part(b'{"a":[1],"value":1.10,"n":null}', ("value", "n")) == {"value": Decimal("1.10"), "n": None}
    assert str(_part(b'{"value":{"x":1.10}}', ("value",))["value"]["x"]) == "1.10"
