"""What a clinician reads of a converted answer: that which the practice meant, and nothing that would mislead."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fhir.stu3 import example
from tests.fhir.stu3.example import ACTIVE, ENDED, PERSON, SNOMED, a_list, allergy, converted, extension, identified, only

from carerecord.fhir.codes import codes_in
from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import bare, included_of, read
from carerecord.fhir.stu3 import Converted, written

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def facts_of(found: Converted) -> dict[str, Facts]:
    beside = included_of(("", each) for each in found.resources)
    readable = (each for each in found.resources if each["resourceType"] not in ("Slot", "Schedule"))
    return {f"{each['resourceType']}/{each.get('id', '')}": read(written(each), beside, now=NOW) for each in readable}


WHOLE = converted(*example.whole())
FACTS = facts_of(WHOLE)


def status_of(resource: dict[str, Any]) -> str:
    allergy_ = read(written(resource)).allergy
    assert allergy_ is not None
    return allergy_.status


# --- allergies


def test_an_ended_allergy_comes_out_of_its_list_and_says_that_and_why_it_ended() -> None:
    over = FACTS["AllergyIntolerance/gone"]
    assert over.allergy is not None
    assert (over.title, over.allergy.status) == ("Latex allergy", "resolved")
    assert over.note == "Ended 01-Nov-2016: Desensitised\ncarries a pen"
    listed = next(each for each in WHOLE.resources if each.get("title") == "Ended allergies")
    assert listed["entry"] == [{"item": {"reference": "AllergyIntolerance/gone"}}]
    assert "contained" not in listed


@pytest.mark.parametrize("said", ["active", "resolved", "inactive", None])
def test_nothing_in_a_list_of_ended_allergies_looks_active(said: str | None) -> None:
    inside = allergy("x", said or "active")
    if said is None:
        del inside["clinicalStatus"]
    for list_ in (
        a_list(ENDED, "Ended allergies", "#x", contained=[inside]),
        a_list("1", "Resolved allergies", "#x", contained=[inside]),
    ):
        found = [each for each in converted(list_).resources if each["resourceType"] == "AllergyIntolerance"]
        assert status_of(found[0]) == (said if said == "inactive" else "resolved")


def test_an_allergy_that_a_list_of_ended_ones_points_at_is_ended_too_and_what_it_said_is_named() -> None:
    found = converted(allergy("1"), a_list(ENDED, "Ended allergies", "AllergyIntolerance/1"))
    assert status_of(found.resources[1]) == "resolved"
    assert "AllergyIntolerance.clinicalStatus" in {each.path for each in found.not_carried}


def test_two_lists_that_disagree_hide_nothing_an_allergy_on_both_stays_as_it_says_itself() -> None:
    lists = a_list(ENDED, "Ended allergies", "AllergyIntolerance/1"), a_list(ACTIVE, "Allergies", "AllergyIntolerance/1")
    assert status_of(converted(allergy("1"), *lists).resources[1]) == "unconfirmed"  # active, as GP systems say it


def test_an_ended_allergy_with_the_number_of_an_active_one_does_not_take_its_place() -> None:
    found = converted(
        allergy("1", words="Peanut"), a_list(ENDED, "Ended allergies", "#1", contained=[allergy("1", "resolved", "Latex")])
    )
    assert {each["id"]: status_of(each) for each in found.resources if each["resourceType"] == "AllergyIntolerance"} == {
        "1": "unconfirmed", "1-ended": "resolved",
    }  # fmt: skip


def test_an_allergy_entered_in_error_has_no_clinical_status() -> None:
    made = only(allergy("1", verificationStatus="entered-in-error"))
    assert "clinicalStatus" not in made
    assert status_of(made) == "entered-in-error"


def test_an_active_allergy_keeps_every_word_of_it() -> None:
    facts = FACTS["AllergyIntolerance/1"]
    assert facts.allergy is not None
    assert (facts.title, facts.at, facts.at_means, facts.author) == (
        "Peanut allergy", "2001-03-04T05:06:07+00:00", "recorded", "Dr Reed",
    )  # fmt: skip
    assert (facts.allergy.severity, facts.allergy.criticality, facts.allergy.reactions) == ("severe", "high risk", ("Hives",))


# --- medicines


def test_a_medicine_says_whether_it_is_repeat_when_it_was_last_issued_and_why_it_was_stopped() -> None:
    statement, plan, order = (FACTS[f"Medication{each}"].medicine for each in ("Statement/1", "Request/plan", "Request/order"))
    assert statement is not None
    assert plan is not None
    assert order is not None
    assert (statement.course, statement.issued, statement.current) == ("repeat", "2026-04-01", True)
    assert (plan.course, plan.current, plan.stopped_reason, plan.ended[:10]) == (
        "repeat",
        False,
        "Dizzy on standing",
        "2026-05-06",
    )
    assert (order.issued, order.quantity, order.course) == ("2026-04-01", "28 tablet", "repeat")
    assert statement.dose == plan.dose == "One to be taken each morning"


@pytest.mark.parametrize(
    ("sent", "course", "code"),
    [
        ("acute", "acute", "acute"),
        ("repeat", "repeat", "continuous"),
        ("repeat-dispensing", "repeat", "continuous-repeat-dispensing"),
        ("delayed-prescribing", "acute", "delayed-prescribing"),
    ],
)
def test_each_type_of_prescription_is_said_in_the_words_of_r4(sent: str, course: str, code: str) -> None:
    kind = extension(f"{example.NHS}PrescriptionType-1", valueCodeableConcept={"coding": [{"code": sent, "display": sent}]})
    made = only(identified("MedicationRequest", "1", extension=[kind], status="active", intent="order", subject=PERSON,
                           medicationCodeableConcept={"text": "Ramipril"}))  # fmt: skip
    medicine = read(written(made)).medicine
    assert medicine is not None
    assert medicine.course == course
    assert codes_in(made["courseOfTherapyType"])[0] == code


def test_dose_and_rate_stand_one_deeper_and_the_words_stay() -> None:
    request = next(each for each in WHOLE.resources if each.get("id") == "plan")
    (dosage,) = request["dosageInstruction"]
    assert dosage["text"] == "One to be taken each morning"
    assert [sorted(each) for each in dosage["doseAndRate"]] == [["doseQuantity", "rateQuantity"]]


def test_what_is_not_taken_never_looks_taken() -> None:
    made = only(
        identified("MedicationStatement", "1", status="active", taken="n", medicationCodeableConcept={"text": "Ramipril"})
    )
    facts = read(written(made), now=NOW)
    assert facts.medicine is not None
    assert (facts.medicine.current, facts.warning) == (False, "not taken")


# --- problems, consultations, immunisations


def test_a_problem_says_how_it_weighs_whether_it_is_past_and_with_what_it_is_linked() -> None:
    active, past = FACTS["Condition/a"], FACTS["Condition/b"]
    assert (active.title, active.status, active.note) == (
        "Asthma since childhood", "active", "Major problem\nIncludes: Cough\nreviewed",
    )  # fmt: skip
    assert (past.status, past.note) == ("inactive", "Minor problem\nPart of: Asthma since childhood")


def test_a_consultation_says_its_topics_and_headings() -> None:
    met = FACTS["Encounter/1"]
    assert met.encounter is not None
    assert (met.encounter.kind, met.encounter.reason, met.note) == ("general practice", "tired", "Asthma: History, Plan")


def test_an_immunisation_without_a_product_is_called_by_what_was_done() -> None:
    given = FACTS["Immunization/1"]
    assert (given.title, given.status, given.at, given.at_means) == ("MMR vaccination", "completed", "2026-01-05", "given")
    assert next(each for each in WHOLE.resources if each["resourceType"] == "Immunization")["recorded"] == "2026-01-06"


def test_what_was_not_given_or_not_done_never_looks_given_or_done() -> None:
    vaccine = only(identified("Immunization", "1", status="completed", notGiven=True, patient=PERSON, vaccineCode={"text": "MMR"},
                              explanation={"reasonNotGiven": [{"text": "declined"}]}))  # fmt: skip
    procedure = only(identified("Procedure", "1", status="completed", notDone=True, subject=PERSON, code={"text": "Scan"}))
    assert (read(written(vaccine)).warning, read(written(vaccine)).note) == ("not done", "Not given: declined")
    assert read(written(procedure)).warning == "not done"


# --- results


def test_results_of_a_report_with_a_specimen_stand_under_results_with_their_comments() -> None:
    for each in ("group", "hb", "filed"):
        assert FACTS[f"Observation/{each}"].section == "results"
    haemoglobin = FACTS["Observation/hb"]
    assert haemoglobin.result is not None
    measure = haemoglobin.result.measure
    assert (measure.value, measure.flag, haemoglobin.note) == ("1.1", "low", "repeat please")
    group = FACTS["Observation/group"].result
    report = FACTS["DiagnosticReport/1"].result
    assert group is not None
    assert group.members == ("Observation/hb",)
    assert report is not None
    assert (report.members, report.laboratory, report.conclusion) == (
        ("Observation/group", "Observation/filed"), "Elm Surgery", "see film",
    )  # fmt: skip
    assert FACTS["Observation/filed"].note == "normal, file"


def test_a_coded_entry_that_is_a_statement_by_itself_is_no_result_without_a_value() -> None:
    entry = FACTS["Observation/fact"]
    assert entry.result is not None
    assert (entry.section, entry.result.measure.absent, entry.note) == ("observations", "", "worse in winter")
    pressure = FACTS["Observation/bp"].result
    assert pressure is not None
    assert [(each.name, each.value) for each in pressure.components] == [("Systolic", "120.0")]


@pytest.mark.parametrize(("specialty", "category"), [("394595002", "laboratory"), ("394914008", "imaging")])
def test_a_result_filed_under_a_specialty_stands_under_results(specialty: str, category: str) -> None:
    filed = [{"coding": [{"system": SNOMED, "code": specialty}]}]
    made = only(identified("Observation", "1", status="final", category=filed, code={"text": "x"}))
    assert codes_in(made["category"]) == [specialty, category]
    assert read(written(made)).section == "results"


# --- requests, documents


def test_a_diary_entry_a_test_and_a_referral_stand_under_appointments_and_referrals() -> None:
    diary, referral = FACTS["ServiceRequest/8"], FACTS["ServiceRequest/7-referral"]
    assert diary.appointment is not None
    assert (diary.title, diary.appointment.starts, diary.appointment.future) == ("Influenza vaccination", "2027-10-01", True)
    assert (diary.appointment.kind, bare(diary)) == ("diary", None), "clinical, as a referral is"
    assert (referral.section, referral.title, referral.warning) == ("appointments", "Referral to chest clinic", "revoked")
    assert referral.note == "uncontrolled asthma\nWheeze at night"
    assert FACTS["ServiceRequest/7"].title == "Full blood count"


def test_a_referral_that_is_only_described_is_called_by_its_description() -> None:
    described = only(identified("ReferralRequest", "1", status="active", intent="order", description="Knee pain", subject=PERSON))
    plain = only(identified("ReferralRequest", "1", status="active", intent="order", subject=PERSON))
    assert (read(written(described)).title, read(written(plain)).title) == ("Knee pain", "Patient referral")


def test_a_document_says_when_it_was_written_not_when_it_was_filed() -> None:
    letter = FACTS["DocumentReference/1"]
    assert (letter.title, letter.at, letter.at_means) == ("Chest clinic, seen", "2026-02-01", "written")
    assert next(each for each in WHOLE.resources if each["resourceType"] == "DocumentReference")["date"][:10] == "2026-02-03"
