"""What a person says about sharing comes and goes as a FHIR Consent, whole or not at all; and who looked is an AuditEvent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from tests.exchange.conftest import Answer, Api, enrolled, patient_id, serving

from carerecord.app.postgres import Cluster
from carerecord.contracts.audit import Line
from carerecord.contracts.consent import OBJECTIONS, ObjectionsAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.events import Event

pytestmark = pytest.mark.asyncio(loop_scope="module")
CODES = "http://terminology.hl7.org/CodeSystem/"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SCOPES = ("system/Consent.crus", "system/AuditEvent.rs", "system/Patient.cruds")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with serving(cluster, Path(tmp_path_factory.mktemp("consents")), "patients", "consent", "records") as made:
        made.token = await made.token_with(*SCOPES)
        yield made


def a_consent(patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": f"{CODES}consentscope", "code": "patient-privacy", "display": "Privacy Consent"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "policyRule": {"coding": [{"system": f"{CODES}v3-ActCode", "code": "OPTOUT"}]},
        "provision": {"type": "deny"},
    } | more  # fmt: skip


def of_a_section(section: str, *actors: tuple[str, str, str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "deny", "class": [{"system": "urn:carerecord:section", "code": section}]}
    if actors:
        made["actor"] = [
            {
                "role": {"coding": [{"system": f"{CODES}{codes}", "code": code}]},
                "reference": {"identifier": {"system": system, "value": value}},
            }
            for codes, code, system, value in actors
        ]
    return made


def said(consent: dict[str, Any]) -> dict[str, Any]:
    """Without what is None; `...` stands for a null that is sent."""
    return {name: None if each is ... else each for name, each in consent.items() if each is not None}


async def in_force(api: Api, patient: str) -> list[tuple[str, str, str]]:
    said = await api.house.calls("exchange").ask(OBJECTIONS, ObjectionsAsked((patient,)))
    return [(each.section, each.source, each.organisation) for each in said]


def paths(answer: Answer) -> list[str]:
    return [path for each in answer.json["issue"] for path in each.get("expression", ())]


async def test_an_objection_is_in_force_when_it_is_answered_and_until_it_is_withdrawn(api: Api):
    patient, _ = await enrolled(api)
    actors = (("v3-RoleClass", "CST", "urn:carerecord:source", "elm-bank"), ("v3-ParticipationType", "IRCP", ODS, "R9A"))
    made = await api.ask("POST", "/Consent", a_consent(patient, provision=of_a_section("medicines", *actors)))
    assert made.status == 201, made.body
    assert made.headers["Location"] == f"{api.base}/Consent/{made.json['id']}/_history/1"
    assert await in_force(api, patient) == [("medicines", "elm-bank", "R9A")]

    read = await api.ask("GET", f"/Consent/{made.json['id']}")
    assert read.json == made.json
    unchanged = await api.ask("PUT", f"/Consent/{made.json['id']}", read.json)
    assert (unchanged.status, unchanged.headers["ETag"]) == (200, 'W/"1"')
    withdrawn = await api.ask("PUT", f"/Consent/{made.json['id']}", read.json | {"status": "inactive"}, If_Match='W/"1"')
    assert (withdrawn.status, withdrawn.json["status"], withdrawn.headers["ETag"]) == (200, "inactive", 'W/"2"')
    assert await in_force(api, patient) == []
    stale = await api.ask("PUT", f"/Consent/{made.json['id']}", read.json, If_Match='W/"1"')
    anew = await api.ask("PUT", f"/Consent/{made.json['id']}", read.json)
    assert (stale.status, anew.status, paths(anew)) == (412, 422, ["Consent.status"])


async def test_it_is_found_by_whose_it_is_however_that_is_said(api: Api):
    patient, number = await enrolled(api)
    kept = patient_id("elm-bank", number)
    resource = {"resourceType": "Patient", "id": kept, "identifier": [{"system": NHS_NUMBER, "value": number}]}
    assert (await api.ask("PUT", f"/Patient/{kept}", resource)).status == 201
    made = await api.ask("POST", "/Consent", a_consent(kept))
    assert made.json["patient"]["identifier"]["value"] == patient
    assert await in_force(api, patient) == [("*", "", "")]
    for query in (
        f"patient={patient}", f"patient=Patient/{kept}", f"patient:identifier={NHS_NUMBER}|{number}",
        f"patient={patient}&status=active",
    ):  # fmt: skip
        found = (await api.ask("GET", f"/Consent?{query}")).json
        assert [each["resource"]["id"] for each in found["entry"]] == [made.json["id"]], query
    posted = await api.ask("POST", "/Consent/_search", f"patient={patient}", Content_Type="application/x-www-form-urlencoded")
    assert posted.json["total"] == 1
    assert (await api.ask("GET", f"/Consent?patient={patient}&status=inactive")).json["total"] == 0
    assert (await api.ask("GET", "/Consent?patient=nobody")).json["total"] == 0
    assert (await api.ask("GET", "/Consent")).status == 400
    assert (await api.ask("GET", f"/Consent?patient={patient}&period=2026")).status == 400


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"provision": {"type": "permit"}}, "Consent.provision.type"),
        ({"provision": {"type": "deny", "period": {"end": "2027-01-01"}}}, "Consent.provision.period"),
        ({"provision": {"type": "deny", "purpose": [{"code": "TREAT"}]}}, "Consent.provision.purpose"),
        ({"provision": of_a_section("medicines") | {"code": [{"text": "x"}]}}, "Consent.provision.code"),
        ({"text": {"status": "generated", "div": "<div>Until Friday</div>"}}, "Consent.text"),
        ({"scope": {"text": "Only the day team", "coding": [{"system": f"{CODES}consentscope", "code": "patient-privacy"}]}},
         "Consent.scope.text"),
        ({"status": "proposed"}, "Consent.status"),
        ({"dateTime": "2020-01-01"}, "Consent.dateTime"),
        ({"meta": {"tag": [{"code": "x"}]}}, "Consent.meta.tag"),
        ({"policyRule": None}, "Consent.policyRule"),
        ({"provision": of_a_section("medicines") | {"actor": None}}, "Consent.provision.actor"),
        ({"verification": ...}, "Consent.verification"),
    ],
)  # fmt: skip
async def test_a_consent_that_says_more_than_an_objection_is_refused_by_path_and_nothing_is_kept(api: Api, more: Any, path: str):
    patient, _ = await enrolled(api)
    refused = await api.ask("POST", "/Consent", said(a_consent(patient, **more)))
    assert (refused.status, paths(refused)) == (422, [path])
    assert b"Friday" not in refused.body
    assert await in_force(api, patient) == []


async def test_a_section_source_or_person_that_is_none_is_refused(api: Api):
    patient, _ = await enrolled(api)
    foreign = of_a_section("medicines", ("v3-RoleClass", "CST", "urn:carerecord:source", "somewhere"))
    for wrong in (a_consent(patient, provision=of_a_section("medicine")), a_consent(patient, provision=foreign)):
        assert (await api.ask("POST", "/Consent", wrong)).status == 422
    assert (await api.ask("POST", "/Consent", a_consent("nobody"))).status == 404
    assert await in_force(api, patient) == []


def a_bundle(kind: str, *asked: tuple[str, str, Any]) -> dict[str, Any]:
    entries = [{"request": {"method": method, "url": url}, **({"resource": body} if body else {})} for method, url, body in asked]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


async def test_a_batch_says_finds_and_withdraws_what_other_services_own_beside_the_rest(api: Api):
    patient, _ = await enrolled(api)
    said = a_consent(patient, provision=of_a_section("results"))
    made = (await api.ask("POST", "/", a_bundle("batch", ("POST", "Consent", said)))).json["entry"][0]
    consent = made["resource"]
    assert made["response"]["status"] == "201"
    assert made["response"]["location"] == f"{api.base}/Consent/{consent['id']}/_history/1"
    assert made["response"]["etag"] == 'W/"1"'

    at = await looked(api, patient)
    asked = [
        ("GET", f"Consent/{consent['id']}", None), ("GET", f"Consent?patient={patient}&status=active", None),
        ("PUT", f"Consent/{consent['id']}", {**consent, "status": "inactive"}),
        ("GET", f"Consent?patient={patient}&status=active", None), ("GET", f"AuditEvent/{at}", None),
        ("GET", f"AuditEvent?patient={patient}", None), ("GET", "Patient?_id=nobody", None),
        ("DELETE", f"Consent/{consent['id']}", None), ("POST", "AuditEvent", {"resourceType": "AuditEvent"}),
        ("POST", "Consent", {**said, "policyText": "x"}), ("GET", "Consent/nothing", None), ("GET", "Subscription/s", None),
    ]  # fmt: skip
    told = (await api.ask("POST", "/", a_bundle("batch", *asked))).json["entry"]

    statuses = ["200", "200", "200", "200", "200", "200", "200", "404", "404", "422", "404", "403"]
    assert [each["response"]["status"] for each in told] == statuses
    assert [told[place]["resource"]["total"] for place in (1, 3)] == [1, 0]
    assert told[2]["resource"]["status"] == "inactive"
    assert told[4]["resource"]["id"] == at
    assert told[9]["response"]["outcome"]["issue"][0]["expression"] == ["Consent.policyText"]


async def test_a_batch_lends_nobody_a_scope_and_a_stale_change_is_refused_in_it_too(api: Api):
    patient, _ = await enrolled(api)
    consent = (await api.ask("POST", "/Consent", a_consent(patient, provision=of_a_section("plans")))).json
    stale = a_bundle("batch", ("PUT", f"Consent/{consent['id']}", {**consent, "status": "inactive"}))
    stale["entry"][0]["request"]["ifMatch"] = 'W/"9"'
    assert (await api.ask("POST", "/", stale)).json["entry"][0]["response"]["status"] == "412"

    once = a_bundle("batch", ("POST", "Consent", a_consent(patient)))
    once["entry"][0]["request"]["ifNoneExist"] = f"patient={patient}"
    assert (await api.ask("POST", "/", once)).json["entry"][0]["response"]["status"] == "400"
    alone = await api.ask("POST", "/Consent", a_consent(patient), If_None_Exist=f"patient={patient}")
    assert (alone.status, "If-None-Exist" in alone.json["issue"][0]["diagnostics"]) == (400, True)
    assert await in_force(api, patient) == [("plans", "", "")]

    asked = [("GET", f"Consent?patient={patient}", None), ("POST", "Consent", a_consent(patient)), ("GET", "AuditEvent", None)]
    every = await api.token_with("system/*.cruds")
    told = (await api.ask("POST", "/", a_bundle("batch", *asked), token=every)).json["entry"]
    assert [each["response"]["status"] for each in told] == ["403", "403", "403"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_transaction_of_two_owners_is_refused_whole_and_says_where(api: Api, method: str):
    patient, _ = await enrolled(api)
    other = (method, f"Consent?patient={patient}" if method == "GET" else "Consent", a_consent(patient))
    kept = ("PUT", f"Patient/never-{method}", {"resourceType": "Patient", "id": f"never-{method}"})
    told = await api.ask("POST", "/", a_bundle("transaction", kept, other))

    assert told.status == 422
    assert told.json["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert "in a batch" in told.json["issue"][0]["diagnostics"]
    assert (await api.ask("GET", f"/Patient/never-{method}")).status == 404


async def test_a_scope_for_every_type_is_none_for_what_people_say_and_for_who_looked(api: Api):
    patient, _ = await enrolled(api)
    every = await api.token_with("system/*.cruds")
    for method, path, body in (
        ("GET", f"/Consent?patient={patient}", None), ("POST", "/Consent", a_consent(patient)),
        ("GET", f"/AuditEvent?patient={patient}", None),
    ):  # fmt: skip
        assert (await api.ask(method, path, body, token=every)).status == 403, path


async def test_nobody_deletes_patches_or_asks_what_a_consent_was(api: Api):
    for method, path in (("DELETE", "/Consent/c1"), ("PATCH", "/Consent/c1"), ("PUT", "/AuditEvent/a1"), ("POST", "/AuditEvent")):
        answer = await api.ask(method, path, b"[]" if method == "PATCH" else b"{}")
        assert (answer.status, "GET" in answer.headers["Allow"]) == (405, True), path
    assert (await api.ask("GET", "/Consent/c1/_history")).status == 404


async def looked(api: Api, *patients: str) -> str:
    """A look at these, as the book was told of it. Answers the id of the event."""
    id_, now = str(uuid4()), datetime.now(UTC)
    said = msgspec.json.encode(Line("", now.isoformat(), "resource-read", "holdings", None, patients))
    (heard,) = api.house.part("audit").hears
    async with api.house.supplies("audit").db.acquire() as db, db.transaction():
        await heard.effect(db, [Event(id_, "Line", now, "holdings", msgspec.Raw(said))])
    return id_


async def test_looks_at_a_person_are_found_under_every_id_of_theirs_and_read_one_by_one(api: Api):
    patient, number = await enrolled(api)
    other, _ = await enrolled(api)
    kept = patient_id("elm-bank", number)
    await api.ask("PUT", f"/Patient/{kept}", {"resourceType": "Patient", "id": kept})
    by_index, by_resource, elsewhere = await looked(api, patient), await looked(api, kept), await looked(api, other)
    found = (await api.ask("GET", f"/AuditEvent?patient={patient}")).json
    ids = [each["resource"].get("id") for each in found["entry"] if each["search"]["mode"] == "match"]
    assert {by_index, by_resource} <= set(ids)
    assert elsewhere not in ids
    one = await api.ask("GET", f"/AuditEvent/{by_resource}")
    assert (one.status, one.json["resourceType"], one.json["id"]) == (200, "AuditEvent", by_resource)
    assert (await api.ask("GET", "/AuditEvent/nothing")).status == 404


async def test_the_book_is_paged_by_links_and_its_own_reading_is_a_line_of_it(api: Api):
    patient, _ = await enrolled(api)
    mine = [await looked(api, patient) for _ in range(5)]
    path, seen = f"/AuditEvent?patient={patient}&_count=2", list[str]()
    for _ in range(6):
        page = (await api.ask("GET", path)).json
        seen += [each["resource"]["id"] for each in page["entry"] if each["search"]["mode"] == "match"]
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if not following:
            break
        path = following[0].removeprefix(api.base)
    assert set(mine) <= set(seen)
    assert len(seen) == len(set(seen))
    newest = (await api.ask("GET", f"/AuditEvent?patient={patient}&_count=1")).json["entry"][0]["resource"]
    assert {each.get("code") for each in newest["subtype"]} >= {"audit-read"}
    assert (await api.ask("GET", f"/AuditEvent?patient={patient}&_page=%25%25")).status == 400
    assert (await api.ask("GET", "/AuditEvent?agent=x")).status == 400
