"""What does a resource of a restricted person say, and what of it would tell where they are?"""

import json
from typing import Any

import pytest

from carerecord.fhir.whereabouts import is_unlocated, put_back, unlocated, unlocated_text

NHS = "https://fhir.nhs.uk/Id/nhs-number"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
ODS = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99999"}
STATUS = {"url": UK_CORE + "NHSNumberVerificationStatus", "valueCodeableConcept": {"coding": [{"code": "01"}]}}
MASKED = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}

PATIENT: dict[str, Any] = {
    "resourceType": "Patient", "id": "p1", "active": True, "birthDate": "1948-03-02", "gender": "female",
    "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime"}]},
    "meta": {"versionId": "3", "source": "https://elm-bank.nhs.uk", "security": [{"code": "R"}]},
    "name": [{"family": "Marlow"}], "photo": [{"url": "https://where"}],
    "text": {"status": "generated", "div": "<div>where</div>"},
    "identifier": [
        {"system": NHS, "value": "9990000018", "extension": [STATUS, {"url": "where"}], "assigner": {"display": "where"}},
        {"system": "https://where.nhs.uk", "value": "1"},
    ],
    "extension": [
        {"url": UK_CORE + "EthnicCategory"},
        {"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {}},
        {"url": UK_CORE + "PreferredDispenserOrganization", "valueReference": {"identifier": ODS}},
        {"url": "https://anything.example/where"},
    ],
    "telecom": [{"value": "where"}], "address": [{"text": "where"}], "contact": [{"address": {"text": "where"}}],
    "generalPractitioner": [{"identifier": ODS}], "managingOrganization": {"display": "where"},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "where"}], "somethingNew": "where",
}  # fmt: skip


def test_of_a_patient_nothing_stays_that_is_not_known_to_tell_nothing() -> None:
    told = unlocated(PATIENT)
    assert "where" not in json.dumps(told)
    assert set(told) == {
        "resourceType", "id", "meta", "active", "name", "gender", "birthDate", "_birthDate", "identifier", "extension",
    }  # fmt: skip
    assert told["identifier"] == [{"system": NHS, "value": "9990000018", "extension": [STATUS]}]
    assert [each["url"] for each in told["extension"]] == [UK_CORE + "EthnicCategory"]
    assert [each["code"] for each in told["meta"]["security"]] == ["R", "REDACTED"]
    assert (told["meta"]["versionId"], "source" in told["meta"]) == ("3", False)
    assert unlocated(told) == told, "done twice it is the same"


@pytest.mark.parametrize(("said", "shown"), [
    ({"performer": [{"reference": "Organization/1"}]}, {"performer": [MASKED]}),
    ({"performer": [{"reference": "https://x.nhs.uk/fhir/Location/1/_history/2"}]}, {"performer": [MASKED]}),
    ({"performer": [{"reference": "urn:uuid:1", "type": "Organization"}]}, {"performer": [MASKED]}),
    ({"performer": [{"identifier": ODS, "display": "Elm Bank"}]}, {"performer": [MASKED]}),
    ({"performer": [{"display": "Ward 7, Elm Bank"}]}, {"performer": [MASKED]}),
    ({"performer": [{"reference": "Practitioner/1"}]}, {"performer": [{"reference": "Practitioner/1"}]}),
    ({"performer": [{"actor": {"reference": "PractitionerRole/1"}}]}, {"performer": [{"actor": MASKED}]}),
    ({"subject": {"reference": "Patient/p1"}}, {"subject": {"reference": "Patient/p1"}}),
    ({"location": {"display": "Hostel"}, "identifier": [{"system": "https://elm-bank"}]}, {}),
    ({"hospitalization": {"origin": {"reference": "Location/1"}}}, {"hospitalization": {"origin": MASKED}}),
    ({"collection": {"location": {"display": "Hostel"}}}, {"collection": MASKED}),
    ({"code": {"text": "Asthma"}, "text": {"status": "generated", "div": "<div/>"}}, {"code": {"text": "Asthma"}}),
    ({"note": [{"text": "Better"}], "medicationReference": {"display": "Warfarin"}},
     {"note": [{"text": "Better"}], "medicationReference": {"display": "Warfarin"}}),
    ({"extension": [{"url": "u", "valueAddress": {"text": "Hostel"}}]}, {"extension": [{"url": "u", **MASKED}]}),
])  # fmt: skip
def test_of_anything_else_what_names_a_place_goes_and_what_is_clinical_stays(said: dict[str, Any], shown: dict[str, Any]) -> None:
    told = unlocated({"resourceType": "Procedure", **said})
    assert is_unlocated(told)
    assert {name: each for name, each in told.items() if name not in ("resourceType", "meta")} == shown


def test_what_is_contained_stays_where_it_is_no_place() -> None:
    told = unlocated({
        "resourceType": "MedicationRequest", "medicationReference": {"reference": "#m"}, "requester": {"reference": "#o"},
        "subject": {"reference": "#p"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Warfarin"}},
                      {"resourceType": "Organization", "id": "o", "name": "Elm Bank"},
                      {"resourceType": "Patient", "id": "p", "address": [{"text": "Hostel"}], "birthDate": "1948"}],
    })  # fmt: skip
    assert told["medicationReference"] == {"reference": "#m"}
    assert (told["requester"], told["subject"]) == (MASKED, {"reference": "#p"})
    assert told["contained"] == [
        {"resourceType": "Medication", "id": "m", "code": {"text": "Warfarin"}},
        {"resourceType": "Patient", "id": "p", "birthDate": "1948"},
    ]  # fmt: skip


def test_a_value_stays_as_it_was_written() -> None:
    text = (
        b'{"resourceType":"Observation","valueQuantity":{"value":1.10},'
        b'"component":[{"valueQuantity":{"value":12345678901234.50}}]}'
    )
    told = unlocated_text(text)
    assert b'"value":1.10}' in told
    assert b'"value":12345678901234.50}' in told


def test_what_is_sent_back_as_it_was_shown_would_lose_what_was_taken_out() -> None:
    assert set(put_back(PATIENT, unlocated(PATIENT))) >= {"address", "telecom", "generalPractitioner", "contact", "identifier"}
    assert put_back(PATIENT, PATIENT | {"gender": "other"}) == ()
    assert put_back(PATIENT, {name: each for name, each in PATIENT.items() if name != "address"}) == ("address",)
    assert put_back(PATIENT, PATIENT | {"address": [MASKED]}) == ()
    assert put_back({"resourceType": "Condition", "text": {"div": "x"}}, {"resourceType": "Condition"}) == ()


@pytest.mark.parametrize("odd", [
    {"resourceType": "Patient", "meta": 1, "identifier": "x", "extension": {}}, {"resourceType": "Condition", "contained": "x"},
    {"resourceType": "Condition", "meta": {"security": [1]}, "performer": {"reference": 1}}, {},
])  # fmt: skip
def test_what_no_rule_of_fhir_allows_is_not_stumbled_over(odd: dict[str, Any]) -> None:
    assert is_unlocated(unlocated(odd))
