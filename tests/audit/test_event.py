"""Has the AuditEvent the shape that IHE BALP asks for?"""

import pytest

from carerecord.audit.event import ODS, PATIENT, as_audit_event
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line

DOCTOR = Actor("https://idp.example", "u-1", "Dr Example", Role("5550", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor"))
OPENED = Line(
    "6f1c", "2026-11-22T12:00:00.120Z", "record-opened", "records", DOCTOR, ("p-1", "p-2"), "emergency", "Fall",
    rule="emergency-doctor/all", sources=("elm-bank",), sections=("allergies",), states=("elm-bank=no answer",),
    request="60e0b220", digest="abc",
)  # fmt: skip


def test_an_opening_names_who_where_why_and_everyone_shown() -> None:
    event = as_audit_event(OPENED)

    assert (event["type"]["code"], event["subtype"][0]["code"]) == ("rest", "search-type")
    assert (event["action"], event["outcome"]) == ("E", "0")
    assert event["recorded"] == "2026-11-22T12:00:00.120Z"
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "ETREAT"
    user, client, server = event["agent"]
    assert user["who"]["identifier"] == {"system": "https://idp.example", "value": "u-1"}
    assert user["policy"] == ["urn:carerecord:rule:emergency-doctor/all"]
    assert [agent["requestor"] for agent in event["agent"]] == [True, False, False]
    assert client["who"]["identifier"] == {"system": ODS, "value": "R9A"}
    assert server["who"]["identifier"]["value"] == "records"


def test_each_patient_is_an_entity_and_the_request_id_is_one() -> None:
    entities = as_audit_event(OPENED)["entity"]

    patients = [each["what"]["identifier"] for each in entities if each["type"]["code"] == "1"]
    assert patients == [{"system": PATIENT, "value": "p-1"}, {"system": PATIENT, "value": "p-2"}]
    assert [each["what"]["identifier"]["value"] for each in entities if each["type"]["code"] == "XrequestId"] == ["60e0b220"]
    query = next(each for each in entities if each["type"]["code"] == "2")
    assert {"type": "state", "valueString": "elm-bank=no answer"} in query["detail"]
    assert {"type": "shown-sha256", "valueString": "abc"} in query["detail"]


@pytest.mark.parametrize(
    ("what", "named"),
    [("resource-read", {"reference": "Patient/k1"}), ("patient-matched", {"identifier": {"system": PATIENT, "value": "k1"}})],
)
def test_who_is_told_of_by_holdings_is_named_by_the_resource_in_whose_record_it_lies(what: str, named: dict[str, object]) -> None:
    (entity, *_) = as_audit_event(Line("1", "2026-11-22T12:00:00Z", what, "holdings", DOCTOR, ("k1",)))["entity"]

    assert entity["what"] == {"type": "Patient"} | named


@pytest.mark.parametrize(("outcome", "code"), [("success", "0"), ("refused", "4"), ("failed", "8"), ("who knows", "8")])
def test_a_refusal_is_recorded_as_fully_as_a_success(outcome: str, code: str) -> None:
    said = Line("1", "2026-11-22T12:00:00Z", "refused", "records", DOCTOR, ("p-1",), outcome=outcome, rule="gp/all")
    event = as_audit_event(said)

    assert event["outcome"] == code
    assert len(event["agent"]) == 3


@pytest.mark.parametrize(
    ("what", "type_", "action"),
    [("signed-in", "110114", "E"), ("item-expanded", "rest", "R"), ("audit-read", "110101", "R"), ("something new", "rest", "E")],
)
def test_each_kind_has_its_code(what: str, type_: str, action: str) -> None:
    event = as_audit_event(Line("1", "2026-11-22T12:00:00Z", what, "identity", DOCTOR))

    assert (event["type"]["code"], event["action"]) == (type_, action)
    assert event["subtype"][1]["code"] == what


def test_what_the_platform_does_by_itself_has_the_platform_as_agent() -> None:
    event = as_audit_event(Line("1", "2026-11-22T12:00:00Z", "enrolled", "ingest", None))

    assert [agent["requestor"] for agent in event["agent"]] == [True]
    assert "entity" not in event
