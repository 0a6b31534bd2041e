"""A small pretend system for tests: two patients of a clinic, one with more observations than a page holds."""

from datetime import UTC, date, datetime
from typing import Any

from carerecord.region.organisations import ORGANISATIONS, PROVIDERS, USERS
from carerecord.region.shapes import Address, Fault, Holding, Organisation, Region, RegionPerson, Scene, System, View

NHS = "https://fhir.nhs.uk/Id/nhs-number"
LOCAL = "https://clinic.region.example/Id/patient-number"


def a_system(**changes: Any) -> System:
    told: dict[str, Any] = {
        "key": "clinic",
        "ods": "R9Z",
        "name": "A Clinic",
        "mark": "CL",
        "kind": "clinic",
        "patient_system": LOCAL,
        "knows_by": "nhs-number",
        "sections": ("results", "medicines"),
        "latency_s": 0.0,
        "page_size": 10,
    }
    return System(**(told | changes))


def a_patient(name: str, nhs_number: str, family: str, born: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": name,
        "meta": {"versionId": "3", "lastUpdated": "2026-01-02T10:00:00Z"},
        "identifier": [{"system": NHS, "value": nhs_number}, {"system": LOCAL, "value": f"C-{name}"}],
        "name": [{"family": family, "given": ["Ann"]}],
        "gender": "female",
        "birthDate": born,
    }


def an_observation(place: int, patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-o{place}",
        "status": "final",
        "category": [{"coding": [{"system": "urn:category", "code": "laboratory" if place % 2 else "vital-signs"}]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": f"{1000 + place}"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2026-01-{place + 1:02d}T09:00:00Z",
    }


def holdings() -> tuple[Holding, ...]:
    first = a_patient("p1", "9990000018", "Marlow", "1948-03-02")
    second = a_patient("p2", "9990000026", "Singh", "1955-07-09")
    medicine = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "subject": {"reference": "Patient/p1"}}
    return (
        Holding("clinic", "p1", "C-p1", "marlow", (first, *(an_observation(place, "p1") for place in range(25)), medicine)),
        Holding("clinic", "p2", "C-p2", "singh", (second, an_observation(0, "p2"))),
    )


def a_region() -> Region:
    """One clinic that is down for the first opening of Ann Marlow, one provider, and a scene about it."""
    register = {holding.resources[0]["identifier"][0]["value"]: holding.resources[0] for holding in holdings()}
    fault = Fault("clinic", "unavailable", "p1", openings=1)
    ann = RegionPerson(
        "marlow",
        "9990000018",
        "Marlow",
        ("Ann",),
        "Mrs",
        "female",
        date(1948, 3, 2),
        Address(("1 Road",), "ZZ1 1AA"),
        "",
        "A99917",
        "",
    )
    scene = Scene(
        number=1,
        title="The clinic <is> silent",
        story="Ann Marlow, 78, is here.",
        user="priya.nair",
        patient="marlow",
        nhs_number="9990000018",
        reason="Attending",
        look_for=("The clinic is named",),
        must_show=(),
        must_not_show=(),
        faults=(fault,),
        views=(View("leah.marsden", "as the receptionist", faults=(Fault("clinic", "slow", seconds=1.0),)),),
    )
    return Region(
        seed=1,
        now=datetime(2026, 11, 22, 9, tzinfo=UTC),
        organisations=(*ORGANISATIONS, Organisation("R9Z", "A Trust", "acute", "1", "2", (), "ZZ1 1AA")),
        providers=PROVIDERS[:1],
        systems=(a_system(),),
        users=USERS,
        people=(ann,),
        holdings={"clinic": holdings()},
        register=register,
        scenes=(scene,),
        faults=(fault,),
    )
