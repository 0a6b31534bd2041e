"""Resources that are like an earlier one are read by what differs alone: the facts must be those of reading each whole."""

import gzip
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Facts
from carerecord.fhir.kin import Beside, Kinds
from carerecord.fhir.reading import read
from carerecord.fhir.validate import load

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
REAL = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).resolve().parents[3] / "shared" / "data") / "synthea"
ME = {"reference": "Patient/p"}
OFTEN = 60  # how often a kind comes until each way of writing it is known by its letters
SNOMED = "http://snomed.info/sct"


def coded(code: str, words: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code, "display": words}]}


BASE: dict[str, dict[str, Any]] = {
    "Observation": {
        "status": "final", "code": coded("88480006", "Potassium"), "effectiveDateTime": "2026-02-03T09:10:11+00:00",
        "category": [coded("laboratory", "Laboratory")], "valueQuantity": {"value": 4.10, "unit": "mmol/L"}, "subject": ME,
        "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.3, "unit": "mmol/L"}}],
        "performer": [{"reference": "Organization/lab"}],
    },
    "MedicationRequest": {
        "status": "active", "intent": "order", "authoredOn": "2026-10-01", "subject": ME,
        "medicationCodeableConcept": coded("319740004", "Ramipril 5mg tablets"),
        "dosageInstruction": [{"text": "one a day", "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}],
        "dispenseRequest": {"expectedSupplyDuration": {"value": 28, "code": "d"}},
    },
    "MedicationStatement": {
        "status": "active", "subject": ME, "effectiveDateTime": "2025-03-01", "dateAsserted": "2026-01-05T10:00:00Z",
        "medicationCodeableConcept": coded("322236009", "Paracetamol 500mg tablets"),
    },
    "MedicationDispense": {
        "status": "completed", "whenHandedOver": "2026-11-01T10:00:00Z", "subject": ME, "daysSupply": {"value": 28},
        "medicationCodeableConcept": coded("319740004", "Ramipril 5mg tablets"),
    },
    "Condition": {
        "code": coded("73211009", "Diabetes"), "onsetDateTime": "2019-05-01", "recordedDate": "2019-06-01", "subject": ME,
        "clinicalStatus": {"coding": [{"code": "active"}]},
    },
    "AllergyIntolerance": {"code": {"text": "Penicillin"}, "recordedDate": "2011-01-02", "patient": ME},
    "Encounter": {
        "status": "in-progress", "class": {"code": "AMB"}, "type": [{"text": "Clinic"}], "subject": ME,
        "period": {"start": "2026-11-22T08:00:00Z"},
    },
    "Immunization": {"status": "completed", "vaccineCode": coded("1", "Flu"), "occurrenceDateTime": "2025-10-01", "patient": ME},
    "Procedure": {
        "status": "completed", "code": coded("80146002", "Appendicectomy"), "performedDateTime": "2001-01-01", "subject": ME,
    },
    "DiagnosticReport": {"status": "final", "code": coded("1", "Bloods"), "issued": "2026-02-03T09:10:11.123Z", "subject": ME},
}  # fmt: skip
# What may stand in place of an element, good and bad: None takes it away.
OTHER: dict[str, tuple[Any, ...]] = {
    "id": ("b", "a b", "", 7, "x" * 129, "é", None),
    "meta": (
        {"versionId": "2", "lastUpdated": "2026-01-01T00:00:00Z"}, {"versionId": ""}, {"lastUpdated": "yesterday"}, {},
        {"profile": ["https://x.example"], "source": "#1"}, {"security": [{"code": "R"}]},
        {"versionId": "2", "tag": [{"code": "t"}]}, [], None,
    ),
    "identifier": (
        [{"system": " https://n.example ", "value": " 2 "}], [{"value": "3", "use": "official"}], [{"value": 3}], [{"value": ""}],
        [{"system": "s", "value": "1"}, {"use": "old", "value": "2"}], [{"system": "s", "value": "a\\b"}],
        [{"system": "https://n.example", "value": "a\"b"}], [{"system": "https://n.example", "value": "\u00e9"}], {}, [], None,
    ),
    "subject": (
        {"reference": "Patient/q"}, {"reference": "Patient\\/q"}, {"display": "She"}, {}, {"reference": ""},
        {"identifier": {"value": "1"}}, "p", None,
    ),
    "patient": ({"reference": "Patient/q", "display": "She"}, None),
    "encounter": ({"reference": "Encounter/9"}, {"reference": 9}),
    "effectiveDateTime": (
        "2026-02-03", "2026-13-03", "2026-02-30", "2026-02", "2026-02-03T25:00:00Z", "2026-02-03T10:00:00.5+01:00", 7, None,
    ),
    "issued": ("2026-02-03", "2026-02-03T01:02:03Z"),
    "authoredOn": ("2021-01-01", "2026-11-01T00:00:00+01:00", "2027-01-01", "soon", None),
    "dateAsserted": ("2020-01-01", None),
    "whenHandedOver": ("2020-01-01", "2026-11-02T10:00:00.000Z", None),
    "whenPrepared": ("2026-10-31",),
    "onsetDateTime": ("2019", "2020-01-01", "", None),
    "onsetPeriod": ({"start": "2001-01-01"}, {"start": "2001"}),
    "recordedDate": ("2011-01-03", None),
    "performedDateTime": ("2001-01-02", None),
    "occurrenceDateTime": ("2024-10-01", None),
    "period": ({"start": "2026-11-21T08:00:00Z", "end": "2026-11-21T09:00:00Z"}, {"end": "2026-11-20"}, {}, {"start": "?"}, None),
    "valueQuantity": (
        {"value": 6.20, "unit": "mmol/L"}, {"value": 3, "unit": "mmol/L"}, {"value": "5", "unit": "mmol/L"}, {"value": True},
        {"value": 5, "comparator": "<", "unit": "mmol/L"}, {"value": 5, "comparator": "about"},
        {"unit": "mmol/L"}, {"value": 1e30},
        {"value": 5.1, "unit": "mg/L"}, {"value": 5.1, "unit": "", "code": "mmol/L"}, {}, None,
    ),
    "interpretation": ([{"coding": [{"code": "HH"}]}],),
    "status": ("amended", "no such", None),
    "modifierExtension": ([{"url": "x"}],),
    "note": ([{"text": "by hand \"quoted\""}],),
}  # fmt: skip


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    return Kinds(load().check, lambda: NOW)


def whole(raw: bytes, beside: Any = None) -> Facts | str:
    """As without kin; or why it cannot be read."""
    try:
        parsed = parse(raw)
        load().check(parsed)
        return read(parsed, beside or {}, now=NOW)
    except Unreadable as fault:
        return fault.reason


def like(kinds: Kinds, raw: bytes, beside: Any = None) -> Facts | str:
    try:
        return kinds.read(raw, {} if beside is None else beside)
    except Unreadable as fault:
        return fault.reason


def made(type_: str, **changed: Any) -> dict[str, Any]:
    common = {"id": "a", "meta": {"versionId": "1"}, "identifier": [{"system": "https://n.example", "value": "1"}]}
    resource = {"resourceType": type_, **common, **BASE[type_], **changed}
    return {name: each for name, each in resource.items() if each is not None}


def written(resource: Any) -> Iterator[bytes]:
    yield json.dumps(resource).encode()
    yield json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
    yield json.dumps(resource, indent=1).encode()


@pytest.mark.parametrize("type_", BASE)
def test_one_of_a_kind_says_what_it_says_when_read_whole_however_its_own_elements_are_written(type_: str, kinds: Kinds) -> None:
    alone = {"performer": None}  # nothing of it is looked up elsewhere: its kind outlasts one answer
    for raw in [*written(made(type_)), *written(made(type_, **alone))] * OFTEN:
        assert like(kinds, raw) == whole(raw)
    changes = [{name: each} for name, others in OTHER.items() for each in others]
    chosen = random.Random(type_)
    changes += [one | other for one, other in zip(chosen.sample(changes, 40), chosen.sample(changes, 40), strict=True)]
    for change in changes:
        for raw in (*written(made(type_, **change)), *written(made(type_, **change | alone))):
            assert like(kinds, raw) == whole(raw), change


def test_values_are_kept_as_they_were_written(kinds: Kinds) -> None:
    first, other = made("Observation", performer=None), made("Observation", performer=None, id="b")
    for raw in [*written(first)] * OFTEN:
        kinds.read(raw, {})
    said = [
        like(kinds, json.dumps(each).replace('"value": 4.1,', f'"value": {digits},').encode())
        for each, digits in ((first, "4.1"), (other, "1.10"), (other, "5.40"), (other, "-0.0"), (other, "0.00000001"),
                              (other, "0.10"), (other, "0.000010"), (other, "12"), (other, "-3.25"), (other, "1e2"))
    ]
    measures = [each.result.measure for each in said if isinstance(each, Facts) and each.result]
    assert [(each.value, each.flag) for each in measures] == [
        ("4.1", "normal"), ("1.10", "low"), ("5.40", "high"), ("-0.0", "low"), ("0.00000001", "low"),
        ("0.10", "low"), ("0.000010", "low"), ("12", "high"), ("-3.25", "low"), ("100", "high"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "twice"),
    [
        ('"id": "a"', '"id": "a", "id": "b"'),
        ('"status": "final"', '"status": "final", "status": "final"'),
        ('"versionId": "1"', '"versionId": "1", "versionId": "2"'),
        ('"unit": "mmol/L"}, "subject"', '"unit": "mmol/L", "value": 9.9}, "subject"'),
        ('"value": "1"', '"value": "1", "value": "2"'),
        ('"reference": "Patient/p"', '"reference": "Patient/p", "reference": "Patient/q"'),
    ],
)
def test_an_element_that_is_given_twice_is_refused_of_the_second_as_of_the_first(given: str, twice: str, kinds: Kinds) -> None:
    sound = json.dumps(made("Observation", performer=None))
    assert [like(kinds, sound.encode()) for _ in range(OFTEN)] == [whole(sound.encode())] * OFTEN
    broken = sound.replace(given, twice, 1)
    assert broken != sound
    for raw in (broken.encode(), broken.replace(": ", " :").encode()):
        assert like(kinds, raw) == whole(raw) == "the same element is given twice"


def test_what_was_looked_up_in_one_answer_does_not_stand_in_the_next(kinds: Kinds) -> None:
    raw, other = (json.dumps(made("Observation", id=each)).encode() for each in "ab")
    here, there = Beside(), Beside()
    here["Organization/lab"] = {"resourceType": "Organization", "name": "Here"}
    there["Organization/lab"] = {"resourceType": "Organization", "name": "There"}
    for beside in (here, there, Beside()):
        for each in (raw, other, raw, other):
            assert like(kinds, each, beside) == whole(each, beside)


def test_a_second_of_a_kind_is_not_read_whole_and_after_two_sweeps_it_is() -> None:
    whole: list[str] = []
    kinds = Kinds(lambda resource: whole.append(resource["id"]), lambda: NOW)

    def taken(*ids: str) -> list[str]:
        whole.clear()
        assert [kinds.read(json.dumps(made("Condition", id=each)).encode(), {}).id for each in ids] == [*ids]
        return whole

    assert taken("first", "second", "third") == ["first"]
    kinds.sweep()
    assert taken("fourth") == []
    kinds.sweep()
    assert taken("fifth") == ["fifth"]


@pytest.mark.parametrize("type_", BASE)
def test_of_a_kind_that_comes_often_nothing_is_parsed(type_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = Kinds(load().check, lambda: NOW)
    for raw in [*written(made(type_, performer=None))] * OFTEN:
        kinds.read(raw, {})
    others = [*written(made(type_, performer=None, id="other", identifier=[{"system": "https://o.example", "value": "2"}]))]
    expected = [whole(each) for each in others]
    monkeypatch.setattr("carerecord.fhir.kin._apart", lambda _: pytest.fail("it was parsed"))
    assert [like(kinds, each) for each in others] == expected


def test_a_name_within_what_is_its_own_stands_in_no_letters() -> None:
    about = {"reference": "Patient/Q-9990000018", "display": "Edith Marlow"}
    there = {"reference": "Encounter/E-4", "display": "Ward 9"}
    number = [{"system": "https://n.example", "value": "9990000018"}]
    secret = made(
        "Observation", performer=None, id="Id-7", subject=about, encounter=there, identifier=number, meta={"source": "#S-1"}
    )
    kinds = Kinds(load().check, lambda: NOW)
    for raw in [*written(secret)] * OFTEN:
        kinds.read(raw, {})

    def letters(fork: Any) -> Iterator[str]:
        for each in fork.nexts.values():
            yield each.letters
            yield from letters(each.fork) if each.fork else ()

    kept = "".join(letters(kinds._moulds._root))
    assert "Potassium" in kept
    assert not any(each in kept for each in ("Id-7", "9990000018", "Edith", "Ward 9", "E-4", "S-1", "2026-02-03", "4.1"))


def test_what_is_kept_of_what_was_said_twice_names_nobody() -> None:
    secret = made("Condition", id="Id-7", subject={"reference": "Patient/Q-9990000018"}, identifier=[{"value": "9990000018"}])
    kinds = Kinds(load().check, lambda: NOW)
    for _ in range(2):
        kinds.read(json.dumps(secret).encode(), {})
    kept = repr(kinds._young)
    assert "Diabetes" in kept
    assert not any(each in kept for each in ("Id-7", "9990000018", "2019-05-01"))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real inputs are not here")
def test_real_records_say_the_same_by_kin_as_whole(kinds: Kinds) -> None:
    for path in sorted(REAL.glob("*.json.gz"), key=lambda each: each.stat().st_size)[:12]:
        beside = Beside()
        for entry in split(gzip.decompress(path.read_bytes())).entries:
            assert like(kinds, entry.raw, beside) == whole(entry.raw, beside), entry.type


@pytest.mark.parametrize("sound", [True, False])
def test_a_bundle_is_split_the_same_whether_or_not_some_of_it_is_known(sound: bool, kinds: Kinds) -> None:
    for type_ in BASE:
        for raw in [*written(made(type_, performer=None))] * OFTEN:
            kinds.read(raw, {})
    chosen = random.Random(4)
    changes: list[dict[str, Any]] = [{name: each} for name, others in OTHER.items() for each in others if name != "id"]
    resources = [made(type_, performer=None, **change) for type_ in BASE for change in ({}, {}, *chosen.sample(changes, 12))]
    resources += [{"resourceType": "OperationOutcome", "issue": []}, {"resourceType": "Patient", "id": "p" if sound else 7}]
    chosen.shuffle(resources)
    bundle = {
        "resourceType": "Bundle", "type": "searchset", "total": 7, "link": [{"relation": "next", "url": "https://x.example/2"}],
        "entry": [{"fullUrl": f"urn:{n}", "resource": each, "search": {"mode": "include"}} for n, each in enumerate(resources)],
    }  # fmt: skip
    body = json.dumps(bundle).encode()
    plain, known = split(body), split(body, kinds.known)
    assert (sum(each.facts is not None for each in known.entries) > len(BASE)) is sound
    assert all(each.facts == whole(each.raw) for each in known.entries if each.facts)
    assert replace(known, entries=tuple([replace(each, facts=None) for each in known.entries])) == plain
