"""The structure of a resource, checked at arrival: what fails, what is forgiven, and what a message may say."""

import json
from typing import Any

import pytest

from carerecord.fhir import validate
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.validate import DefinitionsMissing, Validators, load


@pytest.fixture(scope="module")
def validators() -> Validators:
    try:
        return load()
    except DefinitionsMissing as missing:
        pytest.fail(f"{missing.reason} (scripts/build_definitions.py)")


def of(validators: Validators, **elements: Any) -> list[str]:
    return [str(fault) for fault in validators.faults(parse(json.dumps(elements).encode()))]


POTASSIUM = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "Potassium"},
    "valueQuantity": {"value": 5.2, "unit": "mmol/L"},
    "effectiveDateTime": "2026-11-22T14:02:11+00:00",
}


def test_a_sound_resource_has_no_fault(validators: Validators) -> None:
    assert of(validators, **POTASSIUM) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"status": None}, "Observation.status is not one of the codes that FHIR allows here"),
        ({"status": "finished"}, "Observation.status is not one of the codes that FHIR allows here"),
        ({"code": "Potassium"}, "Observation.code must be an object"),
        ({"code": {"coding": {}}}, "Observation.code.coding must be a list"),
        ({"valueQuantity": {"value": "5.2"}}, "Observation.valueQuantity.value must be a number"),
        ({"effectiveDateTime": "22/11/2026"}, "Observation.effectiveDateTime is not written as FHIR writes it"),
        ({"component": [{}]}, "Observation.component[0].code is missing"),
        (
            {"contained": [{"resourceType": "Observation", "status": "final"}]},
            "Observation.contained.Observation.code is missing",
        ),
        ({"contained": [{"id": "x"}]}, "Observation.contained[0].resourceType is missing"),
        ({"subject": []}, "Observation.subject must be an object"),
    ],
)
def test_a_fault_is_named_by_its_place_and_what_was_expected(validators: Validators, changed: dict[str, Any], says: str) -> None:
    assert says in of(validators, **{**POTASSIUM, **changed})


@pytest.mark.parametrize(
    ("resource", "missing"),
    [
        ({"resourceType": "Observation", "code": {}}, "Observation.status is missing"),
        ({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {}},
         "MedicationRequest.medication[x] is missing"),
        ({"resourceType": "Encounter", "status": "finished"}, "Encounter.class is missing"),
        ({"resourceType": "AllergyIntolerance"}, "AllergyIntolerance.patient is missing"),
        ({"resourceType": "DocumentReference", "status": "current"}, "DocumentReference.content is missing"),
        ({"resourceType": "Immunization", "status": "completed", "vaccineCode": {}, "patient": {}},
         "Immunization.occurrence[x] is missing"),
    ],
)  # fmt: skip
def test_what_a_type_cannot_do_without_is_missed(validators: Validators, resource: dict[str, Any], missing: str) -> None:
    assert missing in of(validators, **resource)


@pytest.mark.parametrize(
    "forgiven",
    [
        {"somethingNew": {"deep": 1}},
        {"extension": [{"url": "https://fhir.hl7.org.uk/x", "valueString": ""}]},
        {"_status": {"extension": []}},
        {"effectiveDateTime": "2026-11-22T14:02"},
        {"effectiveDateTime": "2026"},
        {"id": "with_underscore|and:more"},
        {"note": []},
        {"interpretation": [{"coding": [{"code": "H", "display": ""}]}]},
    ],
)
def test_what_a_reader_can_still_understand_is_forgiven(validators: Validators, forgiven: dict[str, Any]) -> None:
    assert of(validators, **{**POTASSIUM, **forgiven}) == []


def test_a_required_element_may_be_replaced_by_its_extension_as_fhir_allows(validators: Validators) -> None:
    absent = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
    assert of(validators, resourceType="Observation", code={}, _status=absent) == []


def test_gaps_in_a_list_of_texts_are_allowed(validators: Validators) -> None:
    name = {"given": [None, "Ann"], "_given": [{"id": "a"}, None]}
    assert of(validators, resourceType="Patient", name=[name]) == []


def test_no_message_holds_anything_that_was_received(validators: Validators) -> None:
    secret = "Marlow-9990000018"
    for place in ({"status": secret}, {"code": secret}, {"valueQuantity": {"value": secret}}, {"subject": secret},
                  {"effectiveDateTime": secret}, {"component": [{"code": {"coding": [secret]}}]}, {"contained": [secret]},
                  {secret: {"coding": 1}}):  # fmt: skip
        assert secret not in "".join(of(validators, **{**POTASSIUM, **place}))
    with pytest.raises(Unreadable) as said:
        validators.check({"resourceType": "Observation", "status": secret})
    assert secret not in str(said.value)


def test_a_type_that_is_not_loaded_is_only_asked_to_name_itself(validators: Validators) -> None:
    assert of(validators, resourceType="ThingOfTomorrow") == []
    assert of(validators, id="1") == ["resource does not say its type"]


def test_one_bad_item_among_a_hundred_leaves_ninety_nine(validators: Validators) -> None:
    items = [dict(POTASSIUM, id=str(place)) for place in range(100)]
    items[41]["code"] = "Potassium"
    assert [item["id"] for item in items if validators.faults(item)] == ["41"]


def test_every_type_of_a_record_is_loaded(validators: Validators) -> None:
    assert validators.types == frozenset(validate.RECORD_TYPES)


def test_without_set_up_it_says_what_to_do(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "files", lambda _: tmp_path)
    with pytest.raises(DefinitionsMissing, match="make setup"):
        load(("Patient",))  # of which nothing was compiled in this process before
