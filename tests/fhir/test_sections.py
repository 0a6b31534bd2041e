"""Where does each kind of resource stand, and what is asked for each heading?"""

from typing import Any

import pytest

from carerecord.fhir.plans import PLAN_KINDS, plan_kind
from carerecord.fhir.sections import ALL, SECTION_IDS, SECTIONS, Search, searches_for, section_of

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def coded(code: str, display: str = "", system: str = "http://snomed.info/sct") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def a(type_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_, **elements}


@pytest.mark.parametrize(
    ("resource", "section"),
    [
        (a("AllergyIntolerance"), "allergies"),
        (a("MedicationDispense"), "medicines"),
        (a("Condition", code=coded("44054006")), "problems"),
        (a("Observation", category=[coded("laboratory", system=CATEGORY)]), "results"),
        (a("Observation", category=[coded("vital-signs", system=CATEGORY)]), "observations"),
        (a("Observation", category=[coded("social-history", system=CATEGORY)]), "social"),
        (a("Observation", code=coded("75367002", "Blood pressure")), "observations"),
        (a("Observation", code=coded("1022431000000105"), referenceRange=[{}]), "results"),
        (a("DiagnosticReport"), "results"),
        (a("Flag", code={"text": "Child protection plan"}), "safeguarding"),
        (a("Flag", category=[coded("safety")], code={"text": "Dog: ring before visiting"}), "safeguarding"),
        (a("Flag", category=[coded("clinical")], code={"text": "On an anticoagulant"}), "alerts"),
        (a("Flag", code={"text": "See the notes"}), "alerts"),
        (a("Flag", category=[coded("national-reasonable-adjustment-flag")], code={"text": "Easy read"}), "adjustments"),
        (a("Flag", code=coded("450476008")), "plans"),
        (a("Observation", code=coded("304251008"), valueCodeableConcept=coded("450476008")), "plans"),
        (a("DocumentReference", type=coded("1382601000000107")), "plans"),
        (a("DocumentReference", type={"text": "Discharge summary"}), "documents"),
        (a("Composition", type=coded("736253002")), "plans"),
        (a("Consent", scope=coded("adr"), category=[coded("acd")]), "plans"),
        (a("Consent", scope=coded("patient-privacy"), category=[coded("59284-0")]), "other"),
        (a("CarePlan"), "plans"),
        (a("Encounter"), "encounters"),
        (a("ServiceRequest"), "appointments"),
        (a("RelatedPerson"), "professionals"),
        (a("List", code=coded("933361000000108")), "medicines"),
        (a("List", code=coded("826501000000100")), "observations"),
        (a("List", code=coded("25851000000105")), "encounters"),
        (a("List", code={"coding": [{"code": "problems-medications-related-to-problems"}]}), "problems"),
        (a("List", code=coded("735320007")), "other"),
        (a("Claim"), "other"),
        (a("SomethingFromTheFuture"), "other"),
        ({}, "other"),
    ],
)
def test_every_resource_stands_somewhere(resource: dict[str, Any], section: str) -> None:
    assert section_of(resource) == section


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (a("DocumentReference", type={"text": "ReSPECT form"}), "respect"),
        (a("DocumentReference", type={"text": "Respect for the elderly: leaflet"}), ""),
        (a("DocumentReference", type=coded("9"), description="DNACPR, signed copy"), "dnacpr"),
        (a("Flag", code={"text": "Not for attempted cardiopulmonary resuscitation"}), "dnacpr"),
        (a("Condition", code={"text": "Discussion about DNACPR"}), ""),
        (a("CarePlan", category=[coded("735324008")]), "treatment-escalation"),
        (a("CarePlan", title="Mental health crisis plan"), "crisis"),
        (a("CarePlan", activity=[{"detail": {"code": coded("450476008")}}]), "dnacpr"),
        (a("CarePlan", title="Diabetes care"), "care-plan"),
        (a("Consent", category=[{"text": "Advance decision to refuse treatment (ADRT)"}]), "advance-decision"),
    ],
)
def test_a_plan_says_its_kind(resource: dict[str, Any], kind: str) -> None:
    assert plan_kind(resource) == kind
    assert kind == "" or kind in PLAN_KINDS


def test_a_receptionist_has_headings_of_their_own_without_clinical_content() -> None:
    assert [section.id for section in ALL if not section.clinical] == ["adjustments", "appointments", "demographics"]
    assert SECTION_IDS[0] == "alerts"
    assert SECTION_IDS[-1] == "other"


def test_one_heading_of_observations_is_asked_by_category() -> None:
    assert Search("Observation", (("category", "laboratory,imaging"),)) in searches_for(["results"])


def test_all_headings_of_observations_are_asked_in_one_so_that_none_is_missed() -> None:
    asked = [search for search in searches_for(SECTION_IDS) if search.type == "Observation"]
    assert asked == [Search("Observation")]


def test_nothing_is_asked_twice() -> None:
    asked = searches_for(SECTION_IDS)
    assert len({search.type for search in asked}) == len(asked)


def test_two_partial_searches_of_a_type_stay_apart_when_their_conditions_differ() -> None:
    asked = [search for search in searches_for(["plans", "results"]) if search.type == "Observation"]
    assert [search.params[0][0] for search in asked] == ["category", "code"]


def test_only_types_that_the_source_supports_are_asked() -> None:
    assert {search.type for search in searches_for(SECTION_IDS, {"Flag", "Patient"})} == {"Flag", "Patient"}


def test_without_clinical_access_nothing_clinical_is_fetched() -> None:
    asked = searches_for(SECTION_IDS, clinical=False)
    assert {search.type for search in asked} == {"Flag", "Appointment", "Patient"}


def test_what_is_searched_for_a_heading_can_stand_under_it() -> None:
    for section in SECTIONS.values():
        assert section.searches
