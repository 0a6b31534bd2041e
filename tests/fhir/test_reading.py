"""What each family of resources says, and what must never be said wrongly."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Facts, Phone
from carerecord.fhir.read.substances import bare_name
from carerecord.fhir.reading import bare, included_of, read
from carerecord.fhir.sections import SECTIONS

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
SNOMED = "http://snomed.info/sct"


def a(type_: str, **elements: Any) -> bytes:
    return json.dumps({"resourceType": type_, "id": "1", **elements}).encode()


def coded(code: str, display: str = "", text: str = "", system: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], **({"text": text} if text else {})}


def says(type_: str, **elements: Any) -> Facts:
    return read(a(type_, **elements), now=NOW)


# --- what every item has


def test_the_title_is_what_the_clinician_wrote_then_chose_then_the_code_says() -> None:
    display = {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescDisplay",
               "valueString": "Asthma, chosen"}  # fmt: skip
    coding = {"system": SNOMED, "code": "195967001", "display": "Asthma (disorder)", "extension": [display]}
    assert says("Condition", code={"coding": [coding], "text": "Asthma, typed"}).title == "Asthma, typed"
    assert says("Condition", code={"coding": [coding]}).title == "Asthma, chosen"
    assert says("Condition", code={"coding": [{**coding, "extension": []}]}).title == "Asthma (disorder)"
    assert says("Condition", code={"coding": [{"code": "195967001"}]}).title == "195967001"
    assert says("Condition").title == "Problem"


def test_the_description_of_careconnect_lies_one_deeper() -> None:
    nested = {"url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
              "extension": [{"url": "descriptionDisplay", "valueString": "Chosen"}]}  # fmt: skip
    assert says("Condition", code={"coding": [{"code": "1", "display": "No", "extension": [nested]}]}).title == "Chosen"


def test_the_coding_that_the_user_selected_goes_first() -> None:
    read_code, snomed = {"code": "H33..", "display": "Asthma (Read)", "userSelected": True}, {"code": "1", "display": "Asthma"}
    assert says("Condition", code={"coding": [snomed, read_code]}).title == "Asthma (Read)"


@pytest.mark.parametrize(
    ("type_", "elements", "status", "warning"),
    [
        ("Observation", {"status": "entered-in-error", "code": {"text": "K"}}, "entered in error", "entered in error"),
        ("Observation", {"status": "corrected", "code": {"text": "K"}}, "corrected", "corrected"),
        ("DiagnosticReport", {"status": "preliminary", "code": {"text": "CT"}}, "preliminary", "preliminary"),
        ("DiagnosticReport", {"status": "registered", "code": {"text": "CT"}}, "no result yet", "no result yet"),
        ("Immunization", {"status": "not-done", "vaccineCode": {"text": "MMR"}}, "not done", "not done"),
        ("Appointment", {"status": "noshow"}, "did not attend", "did not attend"),
        ("Condition", {"verificationStatus": coded("entered-in-error"), "code": {"text": "x"}}, "entered in error",
         "entered in error"),
        ("DocumentReference", {"status": "current", "docStatus": "amended"}, "amended", "amended"),
        ("Flag", {"status": "active", "code": {"text": "x"}}, "active", ""),
        ("MedicationRequest", {"status": "active", "medicationCodeableConcept": {"text": "x"}, "doNotPerform": True}, "active",
         "do not give"),
        ("MedicationRequest", {"status": "entered-in-error", "medicationCodeableConcept": {"text": "x"}, "doNotPerform": True},
         "entered in error", "entered in error"),
        ("ServiceRequest", {"status": "active", "code": {"text": "x"}, "doNotPerform": True}, "active", "not to be done"),
        ("ServiceRequest", {"status": "on-hold", "code": {"text": "x"}, "doNotPerform": True}, "on hold", "not to be done"),
        ("Condition", {"clinicalStatus": coded("active"), "verificationStatus": coded("refuted"), "code": {"text": "x"}},
         "refuted", "refuted"),
        ("Condition", {"clinicalStatus": coded("active"), "verificationStatus": coded("provisional"), "code": {"text": "x"}},
         "active", "provisional"),
        ("Condition", {"clinicalStatus": coded("active"), "verificationStatus": coded("differential"), "code": {"text": "x"}},
         "active", "one possible diagnosis"),
        ("Condition", {"clinicalStatus": coded("active"), "verificationStatus": coded("confirmed"), "code": {"text": "x"}},
         "active", ""),
        ("Condition", {"clinicalStatus": coded("active"), "verificationStatus": coded("provisional"), "code": {"text": "x"},
                       "modifierExtension": [{"url": "u"}]}, "active", "provisional; carries a qualifier that is not shown here"),
        ("Procedure", {"status": "completed", "modifierExtension": [{"url": "u"}]}, "completed",
         "carries a qualifier that is not shown here"),
    ],
)  # fmt: skip
def test_what_is_not_settled_says_so(type_: str, elements: dict[str, Any], status: str, warning: str) -> None:
    got = says(type_, **elements)
    assert (got.status, got.warning) == (status, warning)


def test_a_time_is_shown_as_received_with_what_it_means() -> None:
    got = says("Condition", code={"text": "x"}, onsetDateTime="2019-05", recordedDate="2021-01-01")
    assert (got.at, got.at_means) == ("2019-05", "onset")
    assert says("Encounter", period={"start": "2026-01-01T10:00:00Z"}).at_means == "started"
    assert says("Basic", created="2026-01-02").at == "2026-01-02"


def test_authors_are_named_from_display_from_inside_and_from_what_came_along() -> None:
    doctor = {"resourceType": "Practitioner", "id": "p", "name": [{"prefix": ["Dr"], "given": ["Asha"], "family": "Osei"}]}
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/9"}, "code": [{"text": "GP"}],
            "organization": {"display": "Elm Bank Surgery"}}  # fmt: skip
    code = {"text": "x"}
    assert says("Condition", code=code, recorder={"display": "Dr A"}).author == "Dr A"
    assert says("Condition", code=code, contained=[doctor], recorder={"reference": "#p"}).author == "Dr Asha Osei"
    along: dict[str, dict[str, Any]] = {"Practitioner/9": doctor, "PractitionerRole/3": role}
    got = read(a("Condition", code=code, recorder={"reference": "https://s/fhir/PractitionerRole/3"}), along)
    assert (got.author, got.organisation) == ("Dr Asha Osei, GP", "Elm Bank Surgery")


def test_business_identifiers_subject_version_and_label_come_along() -> None:
    got = says(
        "Procedure",
        identifier=[{"system": "urn:s", "value": "7"}],
        subject={"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
        meta={"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{"code": "R"}]},
    )
    assert got.identifiers == ("urn:s|7",)
    assert got.subject == "https://fhir.nhs.uk/Id/nhs-number|9990000018"
    assert (got.version, got.confidentiality) == ("3", "R")


def test_a_type_from_the_future_still_has_a_title_a_time_and_a_place() -> None:
    got = says("ThingOfTomorrow", date="2026-11-01", status="active")
    assert (got.title, got.at, got.section) == ("Thing of tomorrow", "2026-11-01", "other")


# --- results


def observation(**elements: Any) -> Facts:
    return says("Observation", status="final", code=coded("1000651000000109", "Potassium"), **elements)


def test_a_value_keeps_the_very_digits_received() -> None:
    raw = (
        b'{"resourceType":"Observation","code":{"text":"K"},"valueQuantity":{"value":1.10,"unit":"mmol/L"},'
        b'"referenceRange":[{"low":{"value":3.50,"unit":"mmol/L"},"high":{"value":5.30,"unit":"mmol/L"}}]}'
    )
    result = read(raw).result
    assert result is not None
    assert (result.measure.value, result.measure.number, result.measure.range) == ("1.10", 1.1, "3.50 to 5.30")


def test_abnormal_is_said_in_words_by_the_source_first() -> None:
    limits = [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.3, "unit": "mmol/L"}}]
    high = observation(valueQuantity={"value": 6.1, "unit": "mmol/L"}, referenceRange=limits)
    assert high.result is not None
    assert (high.result.measure.flag, high.result.measure.flag_from) == ("high", "range")
    said = observation(valueQuantity={"value": 6.1, "unit": "mmol/L"}, interpretation=[coded("HH")], referenceRange=limits)
    assert said.result is not None
    assert (said.result.measure.flag, said.result.measure.flag_from) == ("critically high", "source")


def test_a_range_in_another_unit_is_shown_and_never_compared() -> None:
    limits = [{"high": {"value": 5, "unit": "g/L"}}]
    result = observation(valueQuantity={"value": 8, "unit": "mg/L"}, referenceRange=limits).result
    assert result is not None
    assert (result.measure.range, result.measure.high, result.measure.flag) == ("up to 5 g/L", None, "")


def test_several_ranges_are_not_chosen_between() -> None:
    limits = [{"high": {"value": 5}, "appliesTo": [{"text": "pregnant"}]}, {"high": {"value": 9}}]
    result = observation(valueQuantity={"value": 8}, referenceRange=limits).result
    assert result is not None
    assert result.measure.flag == ""


def test_a_bound_is_no_point_on_a_line() -> None:
    result = observation(valueQuantity={"value": 5, "comparator": "<", "unit": "ng/L"}).result
    assert result is not None
    assert (result.measure.value, result.measure.number, result.comparable) == ("< 5", None, "")


def test_blood_pressure_has_two_parts_and_no_missing_value() -> None:
    parts = [
        {"code": {"text": "Systolic"}, "valueQuantity": {"value": 142, "unit": "mm[Hg]"}},
        {"code": {"text": "Diastolic"}, "valueQuantity": {"value": 88, "unit": "mm[Hg]"}},
    ]
    result = says("Observation", status="final", code=coded("75367002", "Blood pressure"), component=parts).result
    assert result is not None
    assert [(part.name, part.value, part.unit) for part in result.components] == [
        ("Systolic", "142", "mmHg"),
        ("Diastolic", "88", "mmHg"),
    ]
    assert result.measure.absent == ""


def test_no_value_says_why() -> None:
    result = observation(dataAbsentReason=coded("not-performed")).result
    assert result is not None
    assert result.measure.absent == "not performed"
    bare = observation().result
    assert bare is not None
    assert bare.measure.absent == "no value given"


def test_only_the_same_test_unit_and_method_share_a_trend() -> None:
    def key(**elements: Any) -> str:
        result = observation(**elements).result
        assert result is not None
        return result.comparable

    here = key(valueQuantity={"value": 4.2, "unit": "10*9/L"}, performer=[{"display": "Laboratory A"}])
    assert here == key(valueQuantity={"value": 2, "unit": "x10^9/L"}, performer=[{"display": "Laboratory B"}])
    assert here != key(valueQuantity={"value": 2, "unit": "10*6/L"})
    assert here != key(valueQuantity={"value": 2, "unit": "10*9/L"}, method={"text": "Point of care"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueString": "Scanty growth"}, "Scanty growth"),
        ({"valueCodeableConcept": coded("260373001", "Detected")}, "Detected"),
        ({"valueBoolean": False}, "No"),
        ({"valueInteger": 15}, "15"),
        ({"valueRange": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}}}, "1 mg to 2 mg"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 : 128"),
    ],
)
def test_every_kind_of_value_reads(value: dict[str, Any], text: str) -> None:
    result = observation(**value).result
    assert result is not None
    assert result.measure.value == text


def test_a_report_gives_its_conclusion_its_results_and_its_laboratory() -> None:
    laboratory = {
        "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"},
        "display": "Pathology",
    }
    got = says("DiagnosticReport", status="final", code={"text": "FBC"}, conclusion="Neutropenia.", performer=[laboratory],
               result=[{"reference": "Observation/1"}])  # fmt: skip
    assert got.result is not None
    assert got.organisation == "Pathology"
    assert (got.result.conclusion, got.result.members, got.result.laboratory) == ("Neutropenia.", ("Observation/1",), "Pathology")


# --- medicines


def medicine(type_: str = "MedicationRequest", name: str = "Apixaban 5mg tablets", **elements: Any) -> Facts:
    return says(type_, **{"status": "active", "medicationCodeableConcept": {"text": name}, **elements})


@pytest.mark.parametrize(
    ("product", "group"),
    [
        ("Apixaban 5mg tablets", "apixaban"),
        ("Apixaban 5 mg tablet", "apixaban"),
        ("Co-codamol 8mg/500mg tablets", "co-codamol"),
        ("Insulin degludec 100units/ml solution for injection 3ml pre-filled disposable devices", "insulin degludec"),
        ("Sodium chloride 0.9% infusion", "sodium chloride"),
        ("Isosorbide mononitrate modified-release tablets", "isosorbide mononitrate"),
        ("Ramipril", "ramipril"),
        ("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", "metformin hydrochloride"),
        ("Clozapine 100mg tablets (Zaponex)", "clozapine"),
        ("5mg", "5mg"),
    ],
)
def test_sources_are_set_side_by_side_by_substance(product: str, group: str) -> None:
    assert bare_name(product) == group


def test_a_medicine_gives_dose_verbatim_route_course_and_last_issue() -> None:
    got = medicine(
        authoredOn="2026-01-05",
        courseOfTherapyType=coded("continuous"),
        dosageInstruction=[{
            "text": "ONE twice a day", "route": {"text": "oral"},
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
        }],
        dispenseRequest={"quantity": {"value": 56, "unit": "tablet"}, "validityPeriod": {"start": "2026-11-02"}},
    ).medicine  # fmt: skip
    assert got is not None
    assert (got.dose, got.dose_generated, got.amount, got.frequency) == ("ONE twice a day", False, "5 mg", "twice a day")
    assert (got.route, got.course, got.started, got.issued, got.quantity) == (
        "oral", "repeat", "2026-01-05", "2026-11-02", "56 tablet")  # fmt: skip
    assert got.current


def test_a_stopped_medicine_is_past_and_says_why_and_when() -> None:
    changed = {"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-MedicationRequest-StatusChanged-Date",
               "valueDateTime": "2026-11-13"}  # fmt: skip
    got = medicine(status="stopped", statusReason={"text": "Hyperkalaemia"}, extension=[changed]).medicine
    assert got is not None
    assert (got.current, got.stopped_reason, got.ended) == (False, "Hyperkalaemia", "2026-11-13")


def test_a_medicine_on_hold_is_current_and_says_that_it_is_held() -> None:
    got = medicine(status="on-hold")
    assert got.medicine is not None
    assert (got.medicine.current, got.warning) == (True, "on hold")


def test_a_supply_is_in_use_for_as_long_as_it_lasts() -> None:
    def is_current(handed: str, days: int | None = None) -> bool:
        length: dict[str, Any] = {"daysSupply": {"value": days}} if days else {}
        got = medicine("MedicationDispense", status="completed", whenHandedOver=handed, **length).medicine
        assert got is not None
        assert got.issued == handed
        return got.current

    assert is_current("2026-11-18T10:00:00+00:00")
    assert not is_current("2026-11-01", days=7)
    assert not is_current("2025-11-01")


def test_a_course_that_has_ended_is_past_only_when_the_day_is_over() -> None:
    ends_today = medicine("MedicationStatement", effectivePeriod={"start": "2026-11-15", "end": "2026-11-22"}).medicine
    ended = medicine("MedicationStatement", effectivePeriod={"start": "2026-11-15", "end": "2026-11-21"}).medicine
    assert ends_today is not None
    assert ended is not None
    assert (ends_today.current, ended.current) == (True, False)


def test_a_medicine_that_is_only_referred_to_is_found() -> None:
    product = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"text": "Methotrexate 2.5mg tablets"},
        "form": {"text": "tablet"},
    }
    got = says("MedicationRequest", status="active", contained=[product], medicationReference={"reference": "#m"})
    assert got.medicine is not None
    assert (got.title, got.medicine.group, got.medicine.form) == ("Methotrexate 2.5mg tablets", "methotrexate", "tablet")


def test_a_medicine_without_a_name_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="which medicine"):
        says("MedicationRequest", status="active", medicationReference={"reference": "Medication/1"})


# --- allergies


def allergy(**elements: Any) -> Facts:
    return says("AllergyIntolerance", **{"code": coded("91936005", "Allergy to penicillin"), **elements})


@pytest.mark.parametrize(
    ("clinical", "verification", "status"),
    [
        ("active", "confirmed", "active"),
        ("", "", "active"),  # believed until somebody says otherwise
        ("active", "unconfirmed", "unconfirmed"),
        ("resolved", "confirmed", "resolved"),
        ("inactive", "confirmed", "inactive"),
        ("", "refuted", "refuted"),
        ("active", "entered-in-error", "entered-in-error"),
    ],
)
def test_an_allergy_has_one_status(clinical: str, verification: str, status: str) -> None:
    got = allergy(clinicalStatus=coded(clinical), verificationStatus=coded(verification)).allergy
    assert got is not None
    assert got.status == status


@pytest.mark.parametrize(
    ("code", "scope"),
    [("716186003", "all"), ("409137002", "drug"), ("429625007", "food"), ("428607008", "other"), ("91936005", "")],
)
def test_a_coded_negative_is_no_allergy(code: str, scope: str) -> None:
    got = allergy(code=coded(code, "stated")).allergy
    assert got is not None
    assert got.negative == scope


def test_a_transfer_degraded_allergy_keeps_the_words_that_were_sent() -> None:
    got = allergy(code=coded("196461000000101", "Transfer-degraded drug allergy", "Elastoplast: blisters"))
    assert got.title == "Elastoplast: blisters"
    assert got.allergy is not None
    assert got.allergy.negative == ""


def test_reaction_severity_and_group_are_read() -> None:
    got = allergy(reaction=[{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}, {"description": "rash"}]).allergy
    assert got is not None
    assert (got.reactions, got.severity, got.group) == (("Anaphylaxis", "rash"), "severe", "penicillin")
    with pytest.raises(Unreadable):
        says("AllergyIntolerance")


UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"


@pytest.mark.parametrize("place", ["the allergy", "its clinical status"])
def test_why_an_allergy_ended_is_read_wherever_it_stands(place: str) -> None:
    ended = {"url": f"{UK_CORE}AllergyIntoleranceEnd", "extension": [
        {"url": "endDate", "valueDateTime": "2026-03-05"}, {"url": "reasonEnded", "valueString": "not his"}]}  # fmt: skip
    status = coded("inactive")
    if place == "the allergy":
        got = allergy(clinicalStatus=status, extension=[ended], note=[{"text": "told by her son"}])
    else:
        got = allergy(clinicalStatus={**status, "extension": [ended]}, note=[{"text": "told by her son"}])
    assert got.note == "Ended 05-Mar-2026: not his\ntold by her son"


def test_what_a_discharge_changed_of_a_medicine_is_said_with_its_day_and_reason() -> None:
    change = {"url": f"{UK_CORE}MedicationChangeSummary", "extension": [
        {"url": "status", "valueCoding": {"code": "amended", "display": "Amended"}},
        {"url": "indicationForChange", "valueCodeableConcept": {"text": "dizzy on standing"}},
        {"url": "dateChanged", "valueDateTime": "2026-07-21"},
        {"url": "detailsOfAmendment", "valueString": "halved"}]}  # fmt: skip
    got = says("MedicationStatement", status="active", medicationCodeableConcept={"text": "Doxazosin"}, extension=[change],
               note=[{"text": "see the letter"}])  # fmt: skip
    assert got.note == "Amended 21-Jul-2026: dizzy on standing, halved\nsee the letter"


def test_the_note_of_a_report_that_later_versions_know_is_read() -> None:
    note = {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note",
            "valueAnnotation": {"text": "Telephone the ward at once"}}  # fmt: skip
    got = says("DiagnosticReport", status="final", code={"text": "Blood culture"}, extension=[note])
    assert got.note == "Telephone the ward at once"


@pytest.mark.parametrize(
    ("type_", "elements", "note"),
    [
        ("Procedure", {"status": "completed", "code": {"text": "x"}, "performedString": "about 1990"}, "Done: about 1990"),
        ("Procedure", {"status": "completed", "code": {"text": "x"}, "performedAge": {"value": 12, "unit": "years"}},
         "Done: at 12 years"),
        ("Condition", {"code": {"text": "x"}, "onsetString": "since school", "note": [{"text": "mild"}]},
         "Onset: since school\nmild"),
        ("Immunization", {"status": "completed", "vaccineCode": {"text": "x"}, "occurrenceString": "before she came here"},
         "Given: before she came here"),
        ("Immunization", {"status": "completed", "vaccineCode": {"text": "x"}, "occurrenceString": "not stated"}, ""),
    ],
)  # fmt: skip
def test_a_time_in_words_or_as_an_age_is_said(type_: str, elements: dict[str, Any], note: str) -> None:
    assert says(type_, **elements).note == note


def test_every_answer_on_a_form_stands_beside_its_question() -> None:
    got = says("QuestionnaireResponse", status="completed", authored="2026-03-05", item=[
        {"linkId": "1", "text": "About you", "item": [
            {"linkId": "1.1", "text": "Do you smoke?", "answer": [{"valueBoolean": False}]},
            {"linkId": "1.2", "text": "Units a week", "answer": [{"valueInteger": 4}]},
            {"linkId": "1.3", "text": "Weight", "answer": [{"valueQuantity": {"value": 70.5, "unit": "kg"}}]},
            {"linkId": "1.4", "text": "Never answered"}]},
        {"linkId": "2", "text": "Who helps you:", "answer": [
            {"valueCoding": {"code": "d", "display": "Daughter"}}, {"valueString": "Neighbour", "item": [
                {"linkId": "2.1", "text": "How often?", "answer": [{"valueString": "most days"}]}]}]},
        {"linkId": "3", "answer": [{"valueDate": "2026-03"}]},
        {"linkId": "4", "text": "A picture", "answer": [{"valueAttachment": {"contentType": "image/png"}}]}])  # fmt: skip
    assert got.note.splitlines() == [
        "Do you smoke? No", "Units a week: 4", "Weight: 70.5 kg", "Who helps you: Daughter, Neighbour", "How often? most days",
        "2026-03", "A picture: answered, but not in words",
    ]  # fmt: skip


# --- plans, contacts, events


def test_a_respect_form_says_what_it_decides_and_since_when() -> None:
    got = says("CarePlan", status="active", title="ReSPECT", category=[coded("1382601000000107", "ReSPECT")],
               description="Not for CPR.", activity=[{"detail": {"description": "Stay at home"}}],
               period={"start": "2026-09-13"}, author={"display": "Dr H"}, replaces=[{"reference": "CarePlan/0"}])  # fmt: skip
    assert got.plan is not None
    assert (got.section, got.plan.kind, got.plan.decision) == ("plans", "respect", "Not for CPR.\nStay at home")
    assert (got.plan.valid_from, got.plan.replaces, got.plan.superseded) == ("2026-09-13", ("CarePlan/0",), False)


def test_a_superseded_form_says_so_itself() -> None:
    form = says("DocumentReference", status="superseded", type=coded("1382601000000107", "ReSPECT"), date="2022-01-01")
    assert form.plan is not None
    assert (form.plan.superseded, form.warning, form.plan.valid_from) == (True, "superseded", "2022-01-01")
    assert form.document is not None


def test_not_for_cpr_is_a_plan_whichever_type_carries_it() -> None:
    for got in (
        says("Flag", status="active", code=coded("450476008", "Not for attempted CPR")),
        says("Observation", status="final", code=coded("304251008", "Resuscitation status"),
             valueCodeableConcept=coded("450476008", "Not for attempted CPR")),
        says("Condition", code=coded("450476008", "Not for attempted CPR")),
    ):  # fmt: skip
        assert got.plan is not None
        assert (got.section, got.plan.kind) == ("plans", "dnacpr")
        assert "Not for attempted CPR" in got.title


def test_an_advance_decision_that_was_retracted_is_superseded() -> None:
    made = says("Condition", code=coded("816301000000100", "Has advance decision to refuse treatment")).plan
    taken_back = says("Condition", code=coded("962601000000103", "Advance decision to refuse treatment retracted")).plan
    assert made is not None
    assert taken_back is not None
    assert (made.kind, made.superseded) == ("advance-decision", False)
    assert (taken_back.kind, taken_back.superseded) == ("advance-decision", True)


def test_a_care_team_gives_its_members_with_their_telephones() -> None:
    member = {"resourceType": "Practitioner", "id": "p1", "name": [{"text": "Nurse Bell"}],
              "telecom": [{"system": "phone", "value": "01632 960001", "use": "work"}]}  # fmt: skip
    got = says("CareTeam", status="active", name="Heart failure team", contained=[member],
               participant=[{"role": [{"text": "Specialist nurse"}], "member": {"reference": "#p1"}}],
               telecom=[{"system": "phone", "value": "01632 960999"}])  # fmt: skip
    assert [(each.name, each.role, each.phones) for each in got.contacts] == [
        ("Nurse Bell", "Specialist nurse", (Phone("01632 960001", "work"),)),
        ("Heart failure team", "team", (Phone("01632 960999"),)),
    ]
    assert got.contact == got.contacts[0]


def test_a_daughter_is_no_professional() -> None:
    got = says("RelatedPerson", name=[{"text": "Ann Marlow"}], relationship=[{"text": "daughter"}, {"text": "next of kin"}],
               telecom=[{"system": "phone", "value": "1", "use": "mobile"}, {"system": "email", "value": "x@x"}])  # fmt: skip
    assert got.contact is not None
    assert (got.contact.role, got.contact.professional, got.contact.phones) == (
        "daughter, next of kin", False, (Phone("1", "mobile"),))  # fmt: skip


@pytest.mark.parametrize(
    ("class_", "words", "kind", "planned"),
    [
        ("EMER", "A&E attendance", "emergency", False),
        ("IMP", "", "inpatient", None),
        ("AMB", "", "outpatient", None),
        ("AMB", "Home visit", "home", None),
        ("VR", "Telephone consultation", "virtual", None),
        ("AMB", "GP surgery consultation", "general practice", None),
        ("FLD", "", "ambulance", None),
    ],
)
def test_an_encounter_says_its_kind(class_: str, words: str, kind: str, planned: bool | None) -> None:
    elements: dict[str, Any] = {"type": [{"text": words}]} if words else {}
    got = says("Encounter", status="in-progress", **{"class": {"code": class_}}, period={"start": "2026-11-22"}, **elements)
    assert got.encounter is not None
    assert (got.encounter.kind, got.encounter.planned, got.encounter.in_progress) == (kind, planned, True)


def test_an_encounter_without_a_type_is_named_by_its_class_as_a_heading() -> None:
    coded = {"class": {"code": "IMP", "display": "inpatient encounter"}}
    assert says("Encounter", status="in-progress", **coded).title == "Inpatient encounter"


def test_an_encounter_is_never_named_by_a_code_alone() -> None:
    assert says("Encounter", status="finished", **{"class": {"code": "AMB"}}).title == "Outpatient contact"
    service = {"class": {"code": "IMP"}, "serviceType": {"coding": [{"code": "300"}]}}
    assert says("Encounter", status="finished", **service).title == "Inpatient contact, 300"


def test_a_stay_tells_where_somebody_lies_now_and_one_that_is_over_where_they_lay() -> None:
    def place(name: str, status: str) -> dict[str, Any]:
        return {"location": {"display": name}, "status": status}

    there = says("Encounter", status="in-progress", location=[place("RESUS", "completed"), place("WARD 7", "active")]).encounter
    over = says("Encounter", status="finished", location=[place("RESUS", "completed"), place("WARD 7", "completed")]).encounter
    assert there is not None
    assert over is not None
    assert (there.place, over.place) == ("WARD 7", "RESUS, WARD 7")


def test_a_letter_in_plain_text_is_read_and_a_pdf_is_not() -> None:
    text = base64.b64encode(b"Dear doctor, INR 3.8").decode()
    letter = says("DocumentReference", status="current", type={"text": "Letter"}, description="Clinic letter",
                  content=[{"attachment": {"contentType": "text/plain; charset=utf-8", "data": text}}])  # fmt: skip
    assert letter.document is not None
    assert (letter.title, letter.document.text, letter.document.content_type) == (
        "Clinic letter", "Dear doctor, INR 3.8", "text/plain")  # fmt: skip
    pdf = says("DocumentReference", status="current", content=[{"attachment": {"contentType": "application/pdf", "data": text,
               "url": "Binary/1", "size": 20}}])  # fmt: skip
    assert pdf.document is not None
    assert (pdf.document.text, pdf.document.url, pdf.document.size_bytes, pdf.title) == ("", "Binary/1", 20, "Document")


def test_a_gp_list_warns_that_data_are_in_transit() -> None:
    warning = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ListWarningCode",
        "valueCode": "data-in-transit",
    }
    got = says("List", status="current", code=coded("933361000000108", "Medicines"), extension=[warning])
    assert (got.section, got.warning) == ("medicines", "transfer not finished, may be incomplete")
    assert got.flag is not None
    assert got.flag.kind == "transfer"


def test_a_reasonable_adjustment_is_not_among_the_clinical_alerts() -> None:
    got = says("Flag", status="active", category=[coded("national-reasonable-adjustment-flag")], code={"text": "Easy read"})
    assert got.flag is not None
    assert (got.section, got.flag.kind, SECTIONS[got.section].clinical) == ("adjustments", "reasonable-adjustment", False)


def test_an_illness_of_the_family_names_the_relative_first() -> None:
    got = says("FamilyMemberHistory", relationship={"text": "mother"}, condition=[{"code": {"text": "Breast cancer"}}])
    assert (got.title, got.section) == ("Family history, mother: Breast cancer", "other")


def test_an_appointment_to_come_is_told_from_one_that_was() -> None:
    for start, future in (("2026-11-23T09:00:00Z", True), ("2026-11-21T09:00:00Z", False)):
        got = says("Appointment", status="booked", start=start, description="Clinic").appointment
        assert got is not None
        assert got.future is future


def test_reception_sees_the_appointment_and_not_the_reason() -> None:
    clinic = says(
        "Appointment", status="booked", description="Chest clinic", reasonCode=[{"text": "Cough"}], comment="Bring inhaler"
    )
    seen = bare(clinic)
    assert seen is not None
    assert (seen.title, seen.note, clinic.note) == ("Chest clinic", "", "Bring inhaler")
    assert bare(says("ServiceRequest", status="active", code={"text": "Chest clinic"})) is None
    assert bare(says("Flag", status="active", code={"text": "Child protection plan"})) is None
    assert bare(observation()) is None


def test_what_came_along_is_found_by_either_name() -> None:
    doctor = {"resourceType": "Practitioner", "id": "9", "name": [{"text": "Dr Osei"}]}
    along = included_of([("urn:uuid:a", doctor), ("urn:uuid:b", {"resourceType": "Observation", "id": "1"})])
    assert set(along) == {"Practitioner/9", "urn:uuid:a"}
    for reference in along:
        assert read(a("Condition", code={"text": "x"}, recorder={"reference": reference}), along).author == "Dr Osei"


# --- never worse than Unreadable

NAMES = [
    "resourceType", "id", "meta", "status", "code", "coding", "system", "display", "text", "category", "valueQuantity", "value",
    "unit", "comparator", "referenceRange", "low", "high", "interpretation", "component", "subject", "reference", "identifier",
    "performer", "actor", "contained", "extension", "url", "valueString", "medicationCodeableConcept", "medicationReference",
    "dosageInstruction", "dosage", "timing", "repeat", "frequency", "period", "periodUnit", "doseAndRate", "doseQuantity",
    "sequence", "start", "end", "class", "participant", "member", "individual", "name", "telecom", "type", "content",
    "attachment", "data", "contentType", "reaction", "manifestation", "clinicalStatus", "verificationStatus", "note", "author",
    "effectiveDateTime", "offset", "when", "count", "period", "relatesTo", "target", "security", "result", "device", "title",
    "hospitalization", "destination", "collection", "specimen", "statusReason", "oralDiet", "texture", "finding", "payload",
]  # fmt: skip
TYPES = [
    "Observation", "MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration", "CarePlan",
    "AllergyIntolerance", "Condition", "DiagnosticReport", "Encounter", "DocumentReference", "Flag", "CareTeam", "Patient",
    "Appointment", "ServiceRequest", "RelatedPerson", "PractitionerRole", "List", "Consent", "Immunization", "Other",
    "FamilyMemberHistory", "ImagingStudy", "Composition", "Media", "EpisodeOfCare", "Goal",
    "Procedure", "Specimen", "NutritionOrder", "ClinicalImpression", "Communication", "DeviceRequest",
]  # fmt: skip
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", " ", "x", "2026-01-01", "450476008", "text/plain", "#1", "active", "Patient/1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(NAMES), odd_values, max_size=10))
def test_no_resource_however_odd_does_worse_than_be_unreadable(type_: str, elements: dict[str, Any]) -> None:
    title, at = "?", ""
    try:
        got = read(json.dumps({**elements, "resourceType": type_}).encode(), now=NOW)
        title, at = got.title, got.at
        assert got.section in SECTIONS
    except Unreadable:
        pass
    assert title
    assert isinstance(at, str)


@given(odd_values)
def test_no_json_value_does_worse_than_be_unreadable(value: Any) -> None:
    reason = ""
    try:
        read(json.dumps(value).encode())
    except Unreadable as said:
        reason = said.reason
    assert reason or isinstance(value, dict)
