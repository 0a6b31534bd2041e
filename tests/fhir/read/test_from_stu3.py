"""Medicines of GP Connect, converted from STU3, are read with their course, issues, status and reason."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.facts import Medicine
from carerecord.fhir.reading import included_of, read
from carerecord.fhir.stu3 import convert, entries_of

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
GPC = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
}
PRODUCT = {
    "resourceType": "Medication", "id": "m",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "318136009", "display": "Furosemide 40mg tablets"}]},
}  # fmt: skip


def course(code: str) -> dict[str, Any]:
    coding = {
        "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1",
        "code": code,
        "display": code.capitalize(),
    }
    return {"url": f"{GPC}PrescriptionType-1", "valueCodeableConcept": {"coding": [coding]}}


def request(id_: str, status: str, intent: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "MedicationRequest", "id": id_, "extension": [course("repeat")], "status": status, "intent": intent,
        "medicationReference": {"reference": "Medication/m"}, "subject": {"reference": "Patient/p"}, "authoredOn": "2021-03-01",
        "dosageInstruction": [{"text": "ONE each morning", "patientInstruction": "With water"}],
    }  # fmt: skip
    return {**made, **more}


def statement(status: str, **more: Any) -> dict[str, Any]:
    issued = {"url": f"{GPC}MedicationStatementLastIssueDate-1", "valueDateTime": "2026-11-02T00:00:00+00:00"}
    agency = {"url": f"{GPC}PrescribingAgency-1", "valueCodeableConcept": {"coding": [
        {"code": "prescribed-at-gp-practice", "display": "Prescribed at GP practice"}]}}  # fmt: skip
    made: dict[str, Any] = {
        "resourceType": "MedicationStatement", "id": "s", "extension": [issued, agency], "status": status, "taken": "unk",
        "basedOn": [{"reference": "MedicationRequest/plan"}], "medicationReference": {"reference": "Medication/m"},
        "subject": {"reference": "Patient/p"}, "effectivePeriod": {"start": "2021-03-01"}, "dateAsserted": "2021-03-01",
        "dosage": [{"text": "ONE each morning"}],
    }  # fmt: skip
    return {**made, **more}


def medicines(*resources: dict[str, Any]) -> dict[str, Medicine]:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in (PATIENT, PRODUCT, *resources)],
    }
    received = [(each.full_url, parse(each.raw)) for each in entries_of(convert(split(msgspec.json.encode(bundle))))]
    included = included_of(received)
    facts = [read(resource, included, now=NOW) for _, resource in received]
    return {each.id: each.medicine for each in facts if each.medicine}


def test_a_repeat_is_current_by_its_last_issue() -> None:
    found = medicines(
        request("plan", "active", "plan", dispenseRequest={"validityPeriod": {"start": "2021-03-01"}}), statement("active")
    )
    said = found["s"]

    assert (said.course, said.issued[:10], said.prescribed) == ("repeat", "2026-11-02", "prescribed at GP practice")
    assert (said.current, said.unsure, said.because) == (True, False, "repeat, last issued 2026-11-02")
    assert (found["plan"].kind, found["plan"].course, found["plan"].stale) == ("order", "repeat", True), "no issue stands in it"
    assert said.orders == ("MedicationRequest/plan",), "and the statement says of what it is"


def test_what_the_patient_is_told_comes_along() -> None:
    plan = medicines(request("plan", "active", "plan"))["plan"]

    assert (plan.dose, plan.dose_generated, plan.advice) == ("ONE each morning", False, "With water")


def test_an_issue_is_an_issue_and_lasts_as_long_as_it_says() -> None:
    def issue(start: str, end: str) -> Medicine:
        supply = {
            "validityPeriod": {"start": start, "end": end}, "expectedSupplyDuration": {"value": 28, "unit": "day", "code": "d"},
            "quantity": {"value": 28, "extension": [{"url": f"{GPC}MedicationQuantityText-1", "valueString": "tablet(s)"}]},
        }  # fmt: skip
        based = [{"reference": "MedicationRequest/plan"}]
        return medicines(request("i", "completed", "order", basedOn=based, dispenseRequest=supply))["i"]

    now, then = issue("2026-11-02", "2026-11-30"), issue("2026-01-02", "2026-01-30")
    assert (now.kind, now.current, now.quantity, now.issued) == ("issue", True, "28 tablet(s)", "2026-11-02")
    assert (then.current, then.because) == (False, "issued 2026-01-02 for 28 days")


def test_a_stop_brings_its_day_and_its_reason() -> None:
    why = {"url": f"{GPC}MedicationStatusReason-1", "extension": [
        {"url": "statusReason", "valueCodeableConcept": {"text": "Potassium 6.1"}},
        {"url": "statusChangeDate", "valueDateTime": "2026-11-13"},
    ]}  # fmt: skip
    plan = medicines(request("plan", "stopped", "plan", extension=[course("acute"), why]))["plan"]

    assert (plan.current, plan.stopped_reason, plan.ended, plan.course) == (False, "Potassium 6.1", "2026-11-13", "acute")


def test_an_acute_course_is_current_until_its_end_although_its_prescription_is_completed() -> None:
    acute = statement("completed", extension=[course("acute")], effectivePeriod={"start": "2026-11-20", "end": "2026-11-27"})
    over = statement("completed", extension=[course("acute")], effectivePeriod={"start": "2026-11-10", "end": "2026-11-17"})

    assert (medicines(acute)["s"].course, medicines(acute)["s"].current) == ("acute", True)
    assert not medicines(over)["s"].current


def test_a_status_that_gp_connect_does_not_state_is_neither_current_nor_past() -> None:
    assert medicines(request("plan", "unknown", "plan"))["plan"].unsure


def test_what_is_said_not_to_be_taken_is_past() -> None:
    assert not medicines(statement("active", taken="n"))["s"].current


def test_an_extension_is_known_although_a_space_stands_before_its_address() -> None:
    given = {
        "resourceType": "Immunization", "id": "i", "status": "completed", "notGiven": False, "primarySource": True,
        "extension": [{"url": " https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-VaccinationProcedure-1",
                       "valueCodeableConcept": {"text": "Second measles vaccination"}}],
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK"}], "text": "Unknown"},
        "patient": {"reference": "Patient/p"}, "date": "2026-01-05",
    }  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in (PATIENT, given)]}
    converted = convert(split(msgspec.json.encode(bundle)))
    (immunisation,) = (each.raw for each in entries_of(converted) if each.type == "Immunization")
    assert read(immunisation).title == "Second measles vaccination"
