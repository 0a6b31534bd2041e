"""What was filed and shown by a bare title, or not at all: why something was not done, how a stay ended, what to eat?"""

import json
from typing import Any

import pytest

from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import included_of, read

UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
HANDLED = {"url": "http://hl7.org/fhir/StructureDefinition/specimen-specialHandling",
           "valueCodeableConcept": {"text": "high infection risk, hepatitis C"}}  # fmt: skip
BLOOD = {"resourceType": "Specimen", "id": "s", "type": {"text": "blood"}, "collection": {"extension": [HANDLED]},
         "condition": [{"text": "haemolysed"}]}  # fmt: skip
ICD_10 = "http://hl7.org/fhir/sid/icd-10"


def says(type_: str, **elements: Any) -> Facts:
    return read(json.dumps({"resourceType": type_, "id": "1", **elements}).encode())


def said(name: str, code: str, display: str = "") -> dict[str, Any]:
    return {"url": f"{UK_CORE}{name}", "valueCodeableConcept": {"coding": [{"code": code, "display": display}]}}


def test_a_stay_says_how_it_ended_where_to_and_under_which_law() -> None:
    law = {"url": f"{UK_CORE}LegalStatus", "extension": [
        {"url": "legalStatusContext", "valueCodeableConcept": {"coding": [{"code": "admission", "display": "Admission"}]}},
        {"url": "legalStatusClassification", "valueCodeableConcept": {
            "coding": [{"code": "02", "display": "Formally detained under Mental Health Act Section 2"}]}},
    ]}  # fmt: skip
    stay = {"extension": [said("DischargeMethod", "2")], "dischargeDisposition": {"text": "Usual place of residence"},
            "destination": {"display": "Rowan Court"}}  # fmt: skip
    told = says(
        "Encounter",
        status="finished",
        extension=[law, said("OutcomeOfAttendance", "3", "Appointment later")],
        hospitalization=stay,
    )
    assert told.note.split("\n") == [
        "Outcome of attendance: Appointment later",
        "Discharge method: Discharged themselves, or by a relative or advocate",
        "Legal status (admission): Formally detained under Mental Health Act Section 2",
        "Discharged to: Rowan Court",
    ]
    assert told.encounter is not None
    assert told.encounter.outcome == "Usual place of residence"


@pytest.mark.parametrize(
    ("type_", "elements", "line"),
    [
        ("Procedure", {"status": "not-done", "statusReason": {"text": "unfit"}, "code": {"text": "ERCP"}}, "Not done: unfit"),
        ("Procedure", {"status": "stopped", "statusReason": {"text": "bleeding"}, "code": {"text": "ERCP"}}, "Stopped: bleeding"),
        ("Immunization", {"status": "not-done", "statusReason": {"text": "declined"}, "vaccineCode": {"text": "MMR"}},
         "Not given: declined"),
        ("DeviceRequest", {"status": "active", "codeCodeableConcept": {"text": "Frame"}, "reasonCode": [{"text": "falls"}]},
         "For: falls"),
        ("RiskAssessment", {"status": "final", "prediction": [{"outcome": {"text": "VTE"}}]}, "Risk: VTE"),
        ("Communication", {"status": "completed", "payload": [{"contentString": "Daughter told"}]}, "Daughter told"),
    ],
)  # fmt: skip
def test_the_reason_and_what_it_is_about_stand_under_the_title(type_: str, elements: dict[str, Any], line: str) -> None:
    assert line in says(type_, **elements).note.split("\n")


@pytest.mark.parametrize(
    ("type_", "elements", "section", "title", "note"),
    [
        (
            "NutritionOrder",
            {"oralDiet": {"type": [{"text": "Soft diet"}], "fluidConsistencyType": [{"text": "mildly thick"}]},
             "excludeFoodModifier": [{"text": "nuts"}]},
            "plans", "Diet: Soft diet", "Fluids: mildly thick\nNot to be given: nuts",
        ),
        (
            "ClinicalImpression",
            {"description": "Ward round", "summary": "Likely embolism", "finding": [{"itemCodeableConcept": {"text": "DVT"}}]},
            "observations", "Clinical impression", "Ward round\nLikely embolism\nFinding: DVT",
        ),
        ("DeviceRequest", {"codeCodeableConcept": {"text": "Frame"}}, "procedures", "Device asked for: Frame", ""),
    ],
)  # fmt: skip
def test_a_type_of_its_own_stands_in_plain_words_where_a_clinician_looks_for_it(
    type_: str, elements: dict[str, Any], section: str, title: str, note: str
) -> None:
    told = says(type_, **elements)
    assert (told.section, told.title, told.note) == (section, title, note)


@pytest.mark.parametrize(
    ("type_", "elements", "lines"),
    [
        (
            "RiskAssessment",
            {"prediction": [{"outcome": {"text": "Stroke"}},
                            {"outcome": {"text": "Fall"}, "qualitativeRisk": {"text": "high"}}], "mitigation": "Rails"},
            ["Risk: Stroke", "Risk: Fall; How likely: high", "To lessen it: Rails"],
        ),
        (
            "ImmunizationRecommendation",
            {"recommendation": [{"targetDisease": {"text": "Flu"}, "forecastStatus": {"text": "due"}},
                                {"targetDisease": {"text": "Measles"}, "forecastStatus": {"text": "contraindicated"}}]},
            ["Against: Flu; Status: due", "Against: Measles; Status: contraindicated"],
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_one_of_several_is_not_read_as_said_of_another(
    type_: str, elements: dict[str, Any], lines: list[str]
) -> None:
    assert says(type_, **elements).note.split("\n") == lines


def test_the_infection_risk_of_a_specimen_stands_with_it_and_with_its_result() -> None:
    assert read(BLOOD).note == "Special handling: high infection risk, hepatitis C\nCondition: haemolysed"
    result = {"resourceType": "Observation", "id": "k", "code": {"text": "Potassium"}, "specimen": {"reference": "Specimen/s"}}
    told = read(result, included_of([("", BLOOD)]))
    assert told.result is not None
    assert told.result.specimen == "blood; Special handling: high infection risk, hepatitis C; haemolysed"


@pytest.mark.parametrize(
    ("display", "says"),
    [
        ("blood, not yet clotted", "blood, not yet clotted; clotted"),
        ("blood; clotted", "blood; clotted"),
    ],
)
def test_how_a_specimen_is_stands_with_its_result_once_and_is_not_found_within_other_words(display: str, says: str) -> None:
    result = {"resourceType": "Observation", "id": "k", "code": {"text": "Potassium"},
              "specimen": {"reference": "Specimen/s", "display": display}}  # fmt: skip
    specimen = {"resourceType": "Specimen", "id": "s", "condition": [{"text": "clotted"}]}
    told = read(result, included_of([("", specimen)])).result
    assert told is not None
    assert told.specimen == says


@pytest.mark.parametrize(("sent", "drawn"), [("84", 84.0), (" 84.50 ", 84.5), ("84,5", None), ("about 84", None)])
def test_a_value_that_was_sent_as_a_string_is_shown_as_it_was_sent(sent: str, drawn: float | None) -> None:
    told = says("Observation", code={"text": "Weight"}, valueQuantity={"value": sent, "unit": "kg"})
    assert told.result is not None
    assert (told.result.measure.value, told.result.measure.number) == (sent.strip(), drawn)
    assert told.result.measure.absent == ""


@pytest.mark.parametrize(
    ("coding", "more", "title"),
    [
        ({"system": ICD_10, "code": "Z88.0", "display": "Allergy status to penicillin"}, {}, "Allergy status to penicillin"),
        ({"system": ICD_10, "code": "Z88.0"}, {"reaction": [{"substance": {"text": "Amoxicillin"}}]}, "Amoxicillin"),
        ({"system": ICD_10, "code": "Z88.0"}, {}, "Allergy to penicillin (ICD-10 Z88.0)"),
        ({"system": ICD_10, "code": "L27.9"}, {"category": ["medication"]}, "Allergy to a medicine (ICD-10 L27.9)"),
        ({"system": "http://snomed.info/sct", "code": "91930004"}, {}, "Allergy, SNOMED CT 91930004: its source sent no name"),
        ({"system": "http://snomed.info/sct", "code": "716186003"}, {}, "No known allergies"),
    ],
)  # fmt: skip
def test_an_allergy_is_never_titled_by_a_bare_code(coding: dict[str, str], more: dict[str, Any], title: str) -> None:
    assert says("AllergyIntolerance", code={"coding": [coding]}, **more).title == title


def test_two_allergies_of_which_nothing_but_other_codes_is_known_are_not_taken_for_one() -> None:
    one, other = (
        says("AllergyIntolerance", category=["food"], code={"coding": [{"system": ICD_10, "code": code}]}).allergy
        for code in ("X1", "X2")
    )
    assert one is not None
    assert other is not None
    assert one.group != other.group
