"""What a whole answer becomes, and what is said of an answer that cannot be believed."""

from decimal import Decimal

import pytest
from tests.fhir.stu3 import example
from tests.fhir.stu3.example import converted, identified, people

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.errors import NotABundle
from carerecord.fhir.outcome import state_of
from carerecord.fhir.stu3 import (
    NoPatient,
    OutcomeInstead,
    SeveralPatients,
    conversion,
    convert,
    entries_of,
    written,
)
from carerecord.fhir.validate import load


def test_every_resource_received_becomes_one_and_is_counted_under_its_own_name() -> None:
    found = converted(*example.whole())
    assert sum(count for _, count in found.received) == len(found.resources) == len(example.whole()) + 1
    assert dict(found.received)["ProcedureRequest"] == 2
    assert dict(found.received)["AllergyIntolerance"] == 2, "the one in the list of ended allergies is counted as well"
    assert found.patient["id"] == "1"
    assert not {each["resourceType"] for each in found.resources} & {"ProcedureRequest", "ReferralRequest"}


def test_references_still_lead_to_what_they_meant() -> None:
    found = converted(*example.whole())
    there = {f"{each['resourceType']}/{each['id']}" for each in found.resources if "id" in each}

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
            return own.union(*(references(each) for each in value.values()))
        return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()

    astray = {to for each in found.resources for to in references(each)} - there
    assert astray == set()
    encounter = next(each for each in found.resources if each["resourceType"] == "Encounter")
    assert encounter["basedOn"] == [{"reference": "ServiceRequest/7-referral"}], "a referral and a test were both number 7"


def test_an_address_elsewhere_stays_as_it_is() -> None:
    far = "https://elsewhere.example/STU3/ProcedureRequest/7"
    near = "ProcedureRequest/unsent"
    made = example.only(identified("Observation", "1", code={"text": "x"}, basedOn=[{"reference": far}, {"reference": near}]))
    assert made["basedOn"] == [{"reference": far}, {"reference": "ServiceRequest/unsent"}]


def test_a_reference_by_full_url_leads_to_the_resource() -> None:
    number = "6f1c9a3e-0000-4000-8000-000000000001"
    body = written(
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": people()[0]},
            {"fullUrl": f"urn:uuid:{number}", "resource": {"resourceType": "Medication", "code": {"text": "Ramipril"}}},
            {"resource": {"resourceType": "MedicationStatement", "status": "active", "taken": "unk",
                          "medicationReference": {"reference": f"urn:uuid:{number}"}}},
        ]}
    )  # fmt: skip
    _, medicine, statement = convert(split(body)).resources
    assert medicine["id"] == number
    assert statement["medicationReference"] == {"reference": f"Medication/{number}"}


def test_the_digits_of_a_number_stay_as_they_were_sent() -> None:
    body = (
        b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":'
        b'{"resourceType":"Observation","id":"k","status":"final","code":{"text":"K"},"valueQuantity":{"value":1.10},'
        b'"component":[{"code":{"text":"x"},"valueQuantity":{"value":120.000}}]}}]}'
    )
    found = convert(split(body))
    assert found.resources[1]["valueQuantity"]["value"] == Decimal("1.10")
    entry = list(entries_of(found))[1]
    assert b"1.10" in entry.raw
    assert b"120.000" in entry.raw
    assert parse(entry.raw) == found.resources[1]


def test_one_malformed_entry_is_named_and_the_others_stand() -> None:
    body = example.body(*people())[:-2] + b',{"resource":{"resourceType":"Observation","id":"a","id":"b"}},{"resource":7}]}'
    found = convert(split(body))
    assert [(each.type, each.why) for each in found.unread] == [
        ("unknown", "an entry that is malformed, or does not have the form of a Bundle entry"),
        ("Observation", "the same element is given twice"),
    ]
    assert len(found.resources) == len(people())


def test_a_malformed_date_leaves_its_resource_to_validation_and_the_others_stand() -> None:
    validators = load()
    found = converted(example.allergy("1", onsetDateTime="19"), example.allergy("2"))
    faults = [[str(fault) for fault in validators.faults(each)] for each in found.resources]
    assert faults == [[], ["AllergyIntolerance.onsetDateTime is not written as FHIR writes it"], []]


def test_an_answer_without_a_patient_is_about_nobody() -> None:
    with pytest.raises(NoPatient):
        convert(example.bundle(example.allergy("1")))


def test_an_answer_whose_patient_cannot_be_read_is_about_nobody() -> None:
    body = (
        example.body(example.allergy("1"))[:-2] + b',{"resource":{"resourceType":"Patient","id":"1","active":true,"active":1}}]}'
    )
    with pytest.raises(NoPatient):
        convert(split(body))


def test_an_answer_about_two_people_is_about_nobody() -> None:
    with pytest.raises(SeveralPatients):
        convert(example.bundle(people()[0], {**people()[0], "id": "2"}))


def test_an_operation_outcome_in_place_of_the_answer_says_what_it_means() -> None:
    refusal = b"""{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"coding":[
        {"system":"https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1","code":"NO_PATIENT_CONSENT"}]}}]}"""
    with pytest.raises(OutcomeInstead) as found:
        convert(split(refusal))
    assert state_of(found.value.issues) == "withheld"


def test_an_operation_outcome_inside_the_answer_is_heard_and_its_other_elements_are_named() -> None:
    issue = {"severity": "warning", "code": "incomplete", "diagnostics": "not all", "expression": ["x"]}
    found = converted(*people(), {"resourceType": "OperationOutcome", "issue": [issue]})
    assert state_of(found.outcomes[0]) == "incomplete"
    assert [each.path for each in found.not_carried if each.type == "OperationOutcome"] == ["OperationOutcome.issue.expression"]


def test_something_else_altogether_is_no_answer() -> None:
    with pytest.raises(NotABundle):
        split(b"<html>")


def test_a_type_that_is_not_converted_is_named_whole() -> None:
    found = converted({"resourceType": "ImagingManifest", "id": "7", "uid": "1"})
    assert [(each.path, each.ids) for each in found.not_carried] == [("ImagingManifest", ("7",))]
    assert dict(found.received)["ImagingManifest"] == 1


def test_what_is_not_carried_is_named_once_with_everyone_it_is_missing_from() -> None:
    odd = [identified("Condition", id_, code={"text": "x"}, subject=example.PERSON, mood="low") for id_ in ("a", "b")]
    found = converted(*odd)
    (mood,) = [each for each in found.not_carried if each.path == "Condition.mood"]
    assert (mood.ids, mood.count) == (("a", "b"), 2)
    assert "low" not in str(mood)


def test_what_another_resource_contains_is_converted_too() -> None:
    inner = {"resourceType": "Medication", "id": "m", "code": {"text": "x"}, "isBrand": True, "odd": 1}
    found = converted(identified("MedicationRequest", "1", contained=[inner], medicationReference={"reference": "#m"}))
    contained = found.resources[1]["contained"][0]
    assert contained["extension"][0]["valueBoolean"] is True
    assert ("MedicationRequest.contained.Medication.odd", ("1",)) in [(each.path, each.ids) for each in found.not_carried]


def test_the_conversion_hands_over_between_any_two_resources() -> None:
    work = conversion(example.bundle(*example.whole()))
    steps = sum(1 for _ in work)
    assert steps >= 3 * len(example.whole())
    assert work.converted == convert(example.bundle(*example.whole()))
