"""Whoever writes to us is told what to mend, by its place and never by what they sent."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir import bindings, gates, invariants, strict
from carerecord.fhir.gates import Gates, can_judge_by
from carerecord.fhir.uk_core import PROFILES
from carerecord.fhir.validate import DefinitionsMissing

NAMED = "MARLOWE"  # stands for whatever must be told to nobody
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
ACTIVE = {"coding": [{"system": CLINICAL, "code": "active"}]}
PERSON = {"reference": "Patient/p1"}
ALLERGY = {"resourceType": "AllergyIntolerance", "clinicalStatus": ACTIVE, "code": {"text": "Penicillin"}, "patient": PERSON}
RESULT = {"resourceType": "Observation", "status": "final", "code": {"text": "Sodium"}, "subject": PERSON}
PROBLEM = {"resourceType": "Condition", "subject": PERSON, "code": {"text": "Asthma"}}
NOBODY: dict[str, Any] = {"resourceType": "Patient"}
INNER = {"resourceType": "Practitioner", "id": "in"}
NHS = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.fixture(scope="module")
def judging() -> Gates:
    return gates.load()


def told(judging: Gates, resource: dict[str, Any], profile: str = "") -> list[str]:
    return [str(each) for each in judging.judge(resource, json.dumps(resource).encode(), profile).faults]


STRUCTURE = [
    ({"resourceType": "Claim"}, "Claim.status is missing"),
    (NOBODY | {"birthDate": "1948-13-01"}, "Patient.birthDate is not"),
    (NOBODY | {"birthDate": "1980-02-30"}, "Patient.birthDate is a day that no calendar has"),
    (NOBODY | {"birthDate": "2100-02-29"}, "Patient.birthDate is a day that no calendar has"),
    (RESULT | {"effectivePeriod": {"start": "2026-04-31T09:00:00Z"}}, "Observation.effectivePeriod.start is a day that no"),
    (NOBODY | {"name": NAMED}, "Patient.name must be"),
    (NOBODY | {"name": [{"text": f"{NAMED}\f"}]}, "resource has a text with a control character"),
    (NOBODY | {"name": [{"text": f"\\\\{NAMED}\\\x1f"}]}, "resource has a text with a control character"),
    (NOBODY | {"name": [{"family": "fhir_comments", "fhir_comments": [NAMED]}]}, "resource has fhir_comments"),
    (NOBODY | {"gender": NAMED}, "Patient.gender is not one of the codes"),
    (NOBODY | {"active": True, NAMED: 1}, "Patient has an element that FHIR does not know: the 3. of those that stand there"),
    (NOBODY | {f"{NAMED}.[x]": 1}, "Patient has an element that FHIR does not know: the 2. of"),
    (NOBODY | {f"{NAMED}.x[0].y": 1, "contact": [{f"a.{NAMED}": 1}]}, "Patient.contact[0] has an element that FHIR does not"),
    (NOBODY | {NAMED: {"birthDate": "1980-02-30"}}, "Patient has an element that FHIR does not know"),
    (NOBODY | {"name": [{"family": ""}]}, "Patient.name[0].family is empty: leave it out"),
    (NOBODY | {"contact": [{"name": {NAMED: [NAMED]}}]}, "Patient.contact[0].name has an element that FHIR does not know"),
    (RESULT | {"valueString": NAMED, "valueBoolean": True}, "Observation.value[x] has more than one type of value"),
    (RESULT | {"valueQuantity": {"value": NAMED}}, "Observation.valueQuantity.value must be a number"),
    (ALLERGY | {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": NAMED}]}}, "AllergyIntolerance.clinicalStatus is"),
    (ALLERGY | {"clinicalStatus": {"text": NAMED}}, "AllergyIntolerance.clinicalStatus is not one"),
    ({"resourceType": "Slot", "status": NAMED, "schedule": {}, "start": "2026-11-22T09:00:00Z", "end": "2026-11-22T09:10:00Z"},
     "Slot.status is not one"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "words"), STRUCTURE, ids=[words for _, words in STRUCTURE])
def test_what_breaks_the_structure_is_told_by_its_place(judging: Gates, resource: dict[str, Any], words: str) -> None:
    found = told(judging, resource)
    assert any(each.startswith(words) for each in found), found
    assert NAMED not in " ".join(found)


BREACHES = [
    ("ait-1", {name: each for name, each in ALLERGY.items() if name != "clinicalStatus"}),
    ("ait-2", ALLERGY | {"verificationStatus": {"coding": [{"system": VERIFIED, "code": "entered-in-error"}]}}),
    ("con-4", PROBLEM | {"clinicalStatus": {"coding": [{"system": CLINICAL.replace("allergyintolerance", "condition"),
                                                        "code": "active"}]}, "abatementDateTime": "2020"}),
    ("con-5", PROBLEM | {"clinicalStatus": {"coding": [{"system": CLINICAL.replace("allergyintolerance", "condition"),
                                                        "code": "active"}]},
                         "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                                                            "code": "entered-in-error"}]}}),
    ("obs-3", RESULT | {"referenceRange": [{"type": {"text": NAMED}}]}),
    ("obs-6", RESULT | {"valueString": NAMED, "dataAbsentReason": {"text": NAMED}}),
    ("obs-7", RESULT | {"code": {"coding": [{"system": "s", "code": "1"}]}, "valueString": NAMED,
                        "component": [{"code": {"coding": [{"system": "s", "code": "1"}]}}]}),
    ("pat-1", NOBODY | {"contact": [{"gender": "female"}]}),
    ("dom-2", RESULT | {"contained": [INNER | {"contained": [INNER]}], "performer": [{"reference": "#in"}]}),
    ("dom-3", RESULT | {"contained": [INNER]}),
    ("dom-4", RESULT | {"contained": [INNER | {"meta": {"versionId": "2"}}], "performer": [{"reference": "#in"}]}),
    ("dom-5", RESULT | {"contained": [INNER | {"meta": {"security": [{"code": "R"}]}}], "performer": [{"reference": "#in"}]}),
    ("ref-1", RESULT | {"performer": [{"reference": "#in"}]}),
    ("ext-1", RESULT | {"extension": [{"url": "u", "valueString": NAMED, "extension": [{"url": "v", "valueString": NAMED}]}]}),
    ("per-1", RESULT | {"effectivePeriod": {"start": "2026-11-22", "end": "2026-11-21T10:00:00Z"}}),
    ("qty-3", RESULT | {"valueQuantity": {"value": 1, "code": "mmol/L"}}),
    ("att-1", NOBODY | {"photo": [{"data": "AAAA"}]}),
    ("cpt-2", NOBODY | {"telecom": [{"value": NAMED}]}),
    ("nhs-number", NOBODY | {"identifier": [{"system": NHS, "value": "9990000019"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "resource"), BREACHES, ids=[key for key, _ in BREACHES])
def test_each_invariant_on_the_list_is_held_by_its_key(judging: Gates, key: str, resource: dict[str, Any]) -> None:
    found = told(judging, resource)
    assert [each for each in found if each.endswith(f"({key})")], found
    assert NAMED not in " ".join(found)
    assert "9990000019" not in " ".join(found)


def test_the_list_of_invariants_has_a_breach_for_each() -> None:
    assert {key for key, _ in BREACHES} == set(invariants.HELD)


SOUND = [
    ALLERGY,
    RESULT | {"effectivePeriod": {"start": "2026-11-22", "end": "2026-11"}, "valueQuantity": {"value": 1.10, "unit": "mmol/L"}},
    RESULT | {"contained": [INNER], "performer": [{"reference": "#in"}], "dataAbsentReason": {"text": "not done"}},
    NOBODY | {"identifier": [{"system": NHS, "value": "9990000018"}, {"system": NHS, "period": {"start": "2020"}}]},
    NOBODY | {"name": [{"text": "a\tb\nc\r\\f \\\\u001f \x7f\u2028"}]},
    NOBODY | {"_birthDate": {"extension": [{"url": "http://e.example/why", "valueString": "not told"}]}},
    RESULT | {"effectivePeriod": {"start": "2026-11-22T00:30:00+01:00", "end": "2026-11-21T23:45:00Z"}},
    NOBODY | {"contained": [{"resourceType": "Binary", "id": "in", "contentType": "image/png", "data": "AAAA"}],
              "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><img src="#in" alt="x"/></div>'}},
    {"resourceType": "Bundle", "type": "collection",
     "entry": [{"resource": RESULT | {"contained": [INNER], "performer": [{"reference": "#in"}]}}]},
]  # fmt: skip


@pytest.mark.parametrize("resource", SOUND, ids=range(len(SOUND)))
def test_what_agrees_with_itself_is_let_in(judging: Gates, resource: dict[str, Any]) -> None:
    assert told(judging, resource) == []


WITHIN = [
    (NOBODY | {"gender": NAMED}, "gender is not one of the codes"),
    (RESULT | {"performer": [{"reference": "#in"}]}, "performer[0].reference refers to a contained resource that is not there"),
    (RESULT | {"status": "done"}, "status is not one of the codes"),
    (ALLERGY | {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "on"}]}}, "clinicalStatus is not one of the codes"),
    (RESULT | {"effectivePeriod": {"start": "2026-11-22T10:00:00Z", "end": "2026-11-22T09:59:59Z"}},
     "effectivePeriod ends before it begins"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "words"), WITHIN, ids=[words for _, words in WITHIN])
def test_what_lies_within_a_bundle_or_parameters_is_judged_as_by_itself(
    judging: Gates, resource: dict[str, Any], words: str
) -> None:
    type_ = resource["resourceType"]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PROBLEM}, {"resource": resource}]}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "n", "part": [{"name": "m", "resource": bundle}]}]}

    assert told(judging, resource)[0].startswith(f"{type_}.{words}")
    assert told(judging, bundle)[0].startswith(f"Bundle.entry[1].resource.{words}")
    assert told(judging, parameters)[0].startswith(f"Parameters.parameter[0].part[0].resource.entry[1].resource.{words}")


def test_uk_core_is_a_remark_until_the_sender_asks_for_it_and_then_a_fault(judging: Gates) -> None:
    bare = {name: each for name, each in ALLERGY.items() if name != "code"}
    asks = bare | {"meta": {"profile": [f"{PROFILES}AllergyIntolerance|2.5.0"]}}
    says = "AllergyIntolerance.code is missing (UK Core)"

    patient = judging.judge(bare, json.dumps(bare).encode(), remarks=True)
    assert ([str(each) for each in patient.remarks], patient.faults) == ([says], ())
    assert told(judging, bare) == []
    assert told(judging, asks) == [says]
    assert told(judging, bare, f"{PROFILES}AllergyIntolerance") == [says]


UK_CORE = [
    (ALLERGY | {"reaction": [{"manifestation": [{"text": "rash"}], "exposureRoute": {"coding": [{"code": "1"}]}}]},
     "reaction[0].exposureRoute.coding[0]"),
    ({"resourceType": "Immunization", "status": "not-done", "vaccineCode": {"text": "MMR"}, "patient": PERSON,
      "occurrenceDateTime": "2020"}, "statusReason"),
    ({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": PERSON,
      "medicationCodeableConcept": {"coding": [{"code": "1"}]}}, "medicationCodeableConcept"),
    (RESULT, "effective[x]"),
    (NOBODY | {"identifier": [{"system": NHS}]}, "identifier[0].value"),
    (NOBODY | {"name": [{"given": ["A"]}]}, "name"),
    ({"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"title": "x"}}]},
     "content[0].attachment.contentType"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "path"), UK_CORE, ids=[path for _, path in UK_CORE])
def test_a_rule_of_uk_core_names_its_place(judging: Gates, resource: dict[str, Any], path: str) -> None:
    type_ = resource["resourceType"]
    found = judging.judge(resource, json.dumps(resource).encode(), f"{PROFILES}{type_}")
    assert f"{type_}.{path}" in {each.path for each in found.faults}


def test_a_profile_that_nothing_here_knows_is_not_judged_by() -> None:
    assert can_judge_by(f"{PROFILES}Patient|2.6.1", "Patient")
    assert can_judge_by("http://hl7.org/fhir/StructureDefinition/Slot", "Slot")
    for strange, type_ in ((f"{PROFILES}Slot", "Slot"), (f"{PROFILES}Patient", "Slot"), ("https://e.example/Patient", "Patient")):
        assert not can_judge_by(strange, type_)


NAMES = st.sampled_from(
    ["name", "value", "system", "data", "start", "end", "reference", "contained", "code", "coding", "extension", "url", "telecom",
     "identifier", "clinicalStatus", "meta", "component", NAMED]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([NAMED, "#in", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
TYPES = st.sampled_from(["Patient", "Observation", "AllergyIntolerance", "Condition", "Claim"])


@given(st.dictionaries(NAMES, JSON), TYPES)
def test_no_resource_however_broken_stops_the_gates_or_is_quoted_by_them(judging: Gates, body: Any, type_: str) -> None:
    resource = {"resourceType": type_, **body}
    assert NAMED not in " ".join(told(judging, resource, f"{PROFILES}{type_}"))


def test_definitions_that_were_never_made_stop_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bindings, "files", lambda _: tmp_path)
    with pytest.raises(DefinitionsMissing):
        bindings.load.__wrapped__()


def test_what_is_no_json_object_is_no_resource() -> None:
    assert strict.faults(b"[") != ()


@pytest.mark.skipif("CARERECORD_REAL_INPUTS" not in os.environ, reason="needs a folder of real inputs")
def test_what_others_wrote_passes_the_gates(judging: Gates) -> None:
    seen = 0
    for file in sorted((Path(os.environ["CARERECORD_REAL_INPUTS"]) / "synthea").glob("*.json.gz"))[:5]:
        for entry in json.loads(gzip.decompress(file.read_bytes()))["entry"]:
            assert told(judging, entry["resource"]) == []
            seen += 1
    assert seen > 500


def test_a_day_that_there_was_and_text_that_looks_like_one_that_there_was_not_are_sound(judging: Gates) -> None:
    born = NOBODY | {"birthDate": "2024-02-29", "identifier": [{"system": "urn:x", "value": "2023-02-30"}]}
    assert told(judging, born) == []
    note = {"text": "2023-02-30", "time": "2026-06-30T09:00:00Z"}
    assert told(judging, RESULT | {"valueString": "2023-02-30", "note": [note]}) == []


def test_a_day_that_there_was_not_is_found_however_its_digits_are_written(judging: Gates) -> None:
    raw = b'{"resourceType":"Patient","birthDate":"1980-02-\\u0033\\u0030"}'
    assert [each.path for each in judging.judge(json.loads(raw), raw).faults] == ["Patient.birthDate"]
