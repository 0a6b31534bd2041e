"""Is a client told what it waits for, by ids alone, and of nothing that it could not read? Through the whole house."""

import asyncio
import secrets
import uuid
from pathlib import Path
from typing import Any

import pytest

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.audit.event import as_audit_event
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.consent import OBJECT, WITHDRAW, ObjectAsked, WithdrawAsked
from carerecord.contracts.patients import ENROL, Demographics, EnrolAsked, Identifier, Name, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER
from tests.flows.a_house import drop_databases, own_databases
from tests.subscriptions.asked import asking
from tests.subscriptions.conftest import KEEPERS, Hook, Told, a_house, patient, result

PORTAL = Actor("https://portal.example", "1", "Edith", Role("1", "patient", "Patient", "R9A", "Aldermoor"))


LABORATORY = [
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
]


async def test_a_client_is_told_by_id_of_what_it_waits_for_and_of_nothing_else(told: Told, hook: Hook) -> None:
    id_ = await told.subscribe(hook, "Observation?patient=p1&code=http://loinc.org|2823-3", header=["X-Key: swordfish"])
    assert [each.kind for each in hook.got] == ["handshake"]
    await told.put(result("o1"))
    await told.put(result("other", code="718-7"))
    await told.put(patient("p2"))
    await told.put(result("o2", whose="p2"))
    await told.put(result("o1", valueString="Very secret"))
    assert (await told.ask("DELETE", "/Observation/o1"))[0] == 204

    await hook.until(lambda each: len(each.events) >= 3)

    assert hook.events == [(1, "Observation/o1"), (2, "Observation/o1"), (3, "Observation/o1")]
    assert all(each.headers["X-Key"] == "swordfish" for each in hook.got)
    said = b"".join(each.body for each in hook.got)
    assert [each for each in (b"Marlow", b"secret", b"2823-3", b"swordfish") if each in said] == []
    status, told_of = await told.ask("GET", f"/Subscription/{id_}/$status")
    assert (status, told_of["entry"][0]["resource"]["parameter"][3]["valueString"]) == (200, "3")
    lines = await noticed(told, "p1")
    (entity, *_) = as_audit_event(lines[0])["entity"]
    assert entity["what"]["reference"] == "Patient/p1"
    assert {(each.what, each.patients, each.actor.subject if each.actor else "") for each in lines} == {
        ("notified", ("p1",), told.client.id)
    }


async def noticed(told: Told, whose: str) -> list[Any]:
    """The lines of the book that tell of notices about this person; written before each was sent."""
    for _ in range(200):
        looks = await told.house.calls("exchange").ask(LOOKS, LooksAsked((whose,)))
        if lines := [each for each in looks.lines if each.what == "notified"]:
            return lines
    raise AssertionError("the book tells of none")


async def test_whoever_objects_is_not_told_of_until_they_take_it_back(told: Told, hook: Hook) -> None:
    number = (Identifier(NHS_NUMBER, "9990000018"),)
    stated = SourcePatient("epr", "7", number, Demographics((Name("Marlow"),), "1948-03-02", nhs_number="9990000018"))
    calls = told.house.calls("exchange")
    (enrolled,) = await calls.ask(ENROL, EnrolAsked((stated,)))
    await told.put(patient("p1", identifier=[{"system": NHS_NUMBER, "value": "9990000018"}]))
    await told.subscribe(hook)
    said = await calls.ask(OBJECT, ObjectAsked(PORTAL, enrolled.patient, "results"))
    await told.put(result("o1", category=LABORATORY))
    await told.put(result("o2"))
    await hook.until(lambda each: bool(each.events))
    assert hook.events == [(1, "Observation/o2")], "the person hides results, and not what was measured at the bedside"
    await calls.ask(WITHDRAW, WithdrawAsked(PORTAL, said.id))
    await told.put(result("o3", category=LABORATORY))
    await hook.until(lambda each: len(each.events) > 1)
    assert hook.events[1:] == [(2, "Observation/o3")]


async def test_a_subscription_is_set_found_changed_and_ended_and_what_would_not_be_obeyed_is_refused(
    told: Told, hook: Hook
) -> None:
    endpoint = f"{hook.address}/told"
    for changed, says in (
        ({"payload": "application/fhir+json", "_payload": None}, "ids alone"),
        ({"payload": "text/plain"}, "ids alone"),
        ({"type": "email"}, "rest-hook"),
        ({"endpoint": "https://10.0.0.1/"}, "private network"),
        ({"endpoint": "http://board.example/"}, "https"),
    ):
        status, refused = await told.ask("POST", "/Subscription", asking(**{"endpoint": endpoint} | changed))
        assert (status, says in refused["issue"][0]["diagnostics"]) == (422, True), refused
    status, refused = await told.ask("POST", "/Subscription", asking(endpoint) | {"contact": [{"colour": "red"}]})
    assert (status, "Subscription.contact" in refused["issue"][0]["diagnostics"]) == (422, True), refused
    for criteria, code, says in (
        ("Observation?colour=red", 400, "colour"), ("Observation?patient.name=Marlow", 400, "chains"),
        ("Observation?_sort=date", 400, "_sort"), ("Colour", 400, "no type"), ("Consent", 422, "nobody is told"),
        ("https://record.example/topics/admission", 422, "topics"), ("Observation?date=yesterday", 400, "date"),
        ("Observation?_has:Provenance:target:agent=x", 400, "_has"),
    ):  # fmt: skip
        status, refused = await told.ask("POST", "/Subscription", asking(endpoint, criteria))
        assert (status, says in refused["issue"][0]["diagnostics"]) == (code, True), refused
        assert "Marlow" not in str(refused)
    status, refused = await told.ask("POST", "/Subscription", asking(endpoint), If_None_Exist="status=active")
    assert (status, "If-None-Exist" in refused["issue"][0]["diagnostics"]) == (400, True), refused
    id_ = await told.subscribe(hook, "Encounter")
    status, found = await told.ask("GET", f"/Subscription?status=active&url={endpoint}")
    assert (status, [each["resource"]["id"] for each in found["entry"]]) == (200, [id_])
    assert (await told.ask("GET", "/Subscription?criteria:exact=Observation"))[1]["total"] == 0
    assert (await told.ask("GET", "/Subscription?_sort=status"))[0] == 400
    stands = (await told.ask("GET", f"/Subscription/{id_}"))[1]
    stale = await told.ask("PUT", f"/Subscription/{id_}", stands, If_Match='W/"1"')
    assert stale[0] == 412
    entry = {"resource": stands | {"status": "off"}, "request": {"method": "PUT", "url": f"Subscription/{id_}"}}
    status, batch = await told.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert (status, batch["entry"][0]["response"]["status"]) == (200, "200"), batch
    assert (await told.ask("GET", f"/Subscription/{id_}"))[1]["status"] == "off"
    assert (await told.ask("DELETE", f"/Subscription/{id_}", If_Match=f'W/"{stands["meta"]["versionId"]}"'))[0] == 412
    both = await asyncio.gather(*(told.ask("DELETE", f"/Subscription/{id_}") for _ in range(2)))
    assert sorted(status for status, _ in both) == [204, 404]
    assert (await told.ask("GET", f"/Subscription/{id_}"))[0] == 404
    assert (await told.ask("DELETE", f"/Subscription/{id_}"))[0] == 404


@pytest.mark.soak
async def test_what_changes_while_the_service_is_away_is_told_once_it_is_back(
    cluster: Cluster, nats: NatsServer, tmp_path: Path, hook: Hook
) -> None:
    prefix, secret = f"away_{uuid.uuid4().hex[:10]}", secrets.token_bytes(32)
    databases = await own_databases(cluster, prefix, KEEPERS)
    try:
        async with a_house(cluster, nats, tmp_path, databases=databases, secret=secret) as first:
            await first.put(patient())
            await first.subscribe(hook)
        async with a_house(cluster, nats, tmp_path, databases=databases, secret=secret, without="subscriptions") as second:
            await second.put(result("o1"))
            assert (await second.ask("GET", "/Subscription"))[0] == 503
        assert hook.events == []
        async with a_house(cluster, nats, tmp_path, databases=databases, secret=secret) as third:
            await third.put(result("o2"))
            await hook.until(lambda each: len(each.events) == 2)
        assert hook.events == [(1, "Observation/o1"), (2, "Observation/o2")]
    finally:
        await drop_databases(cluster, prefix, KEEPERS)
