"""Real resources that nobody here wrote: every one splits, validates, reads, and stands somewhere.

The folder is named by CARERECORD_REAL_INPUTS, by default ../shared/data beside the checkout.
"""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carerecord.fhir.bundle import Bundle, parse, split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.outcome import issues_of
from carerecord.fhir.person import person
from carerecord.fhir.reading import read
from carerecord.fhir.sections import SECTIONS
from carerecord.fhir.validate import RECORD_TYPES, load

HERE = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CARERECORD_REAL_INPUTS") or HERE.parent / "shared" / "data")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def real(name: str) -> Path:
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(f"no real inputs: {folder} is absent (CARERECORD_REAL_INPUTS names the folder that holds {name}/)")
    return folder


def synthea() -> Iterator[tuple[bytes, Bundle]]:
    for path in sorted(real("synthea").glob("*.json.gz")):
        body = gzip.decompress(path.read_bytes())
        yield body, split(body)


def test_every_synthea_resource_validates_reads_and_keeps_its_bytes() -> None:
    validators = load((*RECORD_TYPES, "Claim", "ExplanationOfBenefit"))
    sent: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    for body, bundle in synthea():
        assert bundle.faulty == ()
        included = {entry.full_url: parse(entry.raw) for entry in bundle.entries}
        at = 0
        for entry in bundle.entries:
            sent[entry.type] += 1
            at = body.find(entry.raw, at)  # the very bytes, and in the order received
            assert at >= 0
            try:
                validators.check(included[entry.full_url])
                facts = read(entry.raw, included, now=NOW)
            except Unreadable as said:
                refused[entry.type, said.reason] += 1
                continue
            assert facts.title
            assert facts.section in SECTIONS
            assert facts.at or entry.type in ("Patient", "Organization", "Practitioner", "Goal")
            shown[entry.type] += 1
    assert sum(sent.values()) > 18_000
    assert not refused
    assert shown == sent


def test_every_synthea_observation_shows_the_digits_that_were_sent() -> None:
    compared = 0
    for _, bundle in synthea():
        for entry in bundle.entries:
            if entry.type != "Observation":
                continue
            sent = json.loads(entry.raw, parse_float=str, parse_int=str).get("valueQuantity", {}).get("value")
            result = read(entry.raw).result
            assert result is not None
            if sent is not None and "e" not in sent.lower():
                assert result.measure.value == sent
                compared += 1
    assert compared > 5_000


def test_every_patient_of_the_demographics_service_examples_reads() -> None:
    people = 0
    for path in sorted(real("pds").glob("*.json")):
        try:
            given = json.loads(path.read_bytes())
        except ValueError:
            continue  # a few of the files are links to others
        found = [given] if given.get("resourceType") == "Patient" else [
            entry["resource"] for entry in given.get("entry", []) if entry.get("resource", {}).get("resourceType") == "Patient"
        ]  # fmt: skip
        for patient in found:
            facts = person(json.dumps(patient).encode())
            people += 1
            assert facts.identifiers or facts.names or facts.id
            if facts.restricted:
                assert not facts.practice.ods
        if given.get("resourceType") == "OperationOutcome":
            assert issues_of(path.read_bytes())
    assert people >= 20
