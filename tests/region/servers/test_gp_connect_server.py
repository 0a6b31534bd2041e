"""Does a pretend practice answer GP Connect as a national one does, with its refusals and in the habits of its supplier?"""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from tests.connectors.a_practice import CHART, NUMBER, ODS, SECTIONS, coded
from tests.region.servers.a_system import a_system

from carerecord.connectors.gp_connect_asks import areas_for, structured_body
from carerecord.connectors.gp_connect_token import bearer
from carerecord.contracts.actors import Actor, Role
from carerecord.region.servers.gp_connect_words import DOCUMENTS, STRUCTURED
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.shapes import Holding

ACTOR = Actor("https://idp", "7", "Dr A B", Role("1", "gp", "GP", "R9A", "A Trust"))
LABORATORY = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": coded("1000651000000109", "Potassium"),
    "category": [{"coding": [{"code": "laboratory"}]}], "effectiveDateTime": "2026-01-02", "performer": [{"display": "Lab"}],
    "valueQuantity": {"value": 4.4, "unit": "mmol/L"}, "note": [{"text": "Haemolysed"}],
}  # fmt: skip
MET = {
    "resourceType": "Encounter", "id": "e1", "status": "finished", "type": [{"text": "Telephone consultation"}],
    "period": {"start": "2026-01-03T10:00:00+00:00"}, "reasonCode": [{"text": "Cough"}],
}  # fmt: skip


class Surgery:
    def __init__(self, server: RunningServer, web: aiohttp.ClientSession) -> None:
        self.server, self.web, self.listed = server, web, server.fhir.listed  # type: ignore[union-attr]

    def headers(self, interaction: str = STRUCTURED, **changes: str) -> dict[str, str]:
        base = self.listed.endpoints[interaction]
        told = {
            "Ssp-TraceID": "60e0b220-8136-4ca5-ae46-1d97ef59d068", "Ssp-From": "200000000115", "Ssp-To": self.listed.asid,
            "Ssp-InteractionID": interaction,
            "Authorization": bearer(ACTOR, audience=base, asid="200000000115", now=time.time()),
        }  # fmt: skip
        return {**told, **{name.replace("_", "-"): value for name, value in changes.items()}}

    async def ask(self, body: Any = None, *, number: str = NUMBER, **changes: str) -> tuple[int, Any]:
        sent = structured_body(number, areas_for(SECTIONS)) if body is None else orjson.dumps(body)
        address = f"{self.listed.endpoints[STRUCTURED]}/Patient/$gpc.getstructuredrecord"
        async with self.web.post(address, data=sent, headers=self.headers(**changes)) as reply:
            return reply.status, await reply.json(content_type=None)


@pytest.fixture(params=["emis", "tpp"])
async def surgery(request: pytest.FixtureRequest) -> AsyncIterator[Surgery]:
    system = a_system(key="gp", ods=ODS, kind="gp", sections=tuple(SECTIONS), connector="gp_connect", habit=request.param)
    chart = [each | {"subject": {"reference": "Patient/p1"}} for each in (LABORATORY, MET)]
    holding = Holding("gp", "p1", "1", "ann", (*CHART, *chart))
    async with running([Serving(system, [holding])]) as servers, aiohttp.ClientSession() as web:
        yield Surgery(servers["gp"], web)


def code_of(outcome: Any) -> str:
    return str(outcome["issue"][0]["details"]["coding"][0]["code"])


def of(bundle: Any, kind: str) -> list[Any]:
    return [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind]


async def test_the_record_is_a_collection_of_areas_as_lists_and_of_what_they_name(surgery: Surgery):
    status, bundle = await surgery.ask()

    assert (status, bundle["type"]) == (200, "collection")
    held = {f"{each['resource']['resourceType']}/{each['resource'].get('id')}" for each in bundle["entry"]}
    named = [entry["item"]["reference"] for each in of(bundle, "List") for entry in each.get("entry", ())]
    assert {each for each in named if not each.startswith("#")} <= held
    areas = {each["code"]["coding"][0]["code"] for each in of(bundle, "List")}
    assert {"886921000000105", "1103671000000101", "933361000000108", "1149501000000101", "887191000000108"} <= areas


async def test_each_supplier_has_its_own_ids_codes_and_systems(surgery: Surgery):
    _, bundle = await surgery.ask()
    patient, allergy = of(bundle, "Patient")[0], of(bundle, "AllergyIntolerance")[0]
    systems = [each["system"] for each in allergy["code"]["coding"]]
    if surgery.server.system.habit == "emis":
        assert patient["id"].isupper()
        assert systems == ["http://read.info/readv2", "http://snomed.info/sct"]
    else:
        assert len(patient["id"]) == 16
        assert systems == ["http://snomed.info/sct", "http://read.info/ctv3"]


async def test_a_medicine_is_a_plan_its_statement_and_its_issue(surgery: Surgery):
    _, bundle = await surgery.ask()
    plan, issue = sorted(of(bundle, "MedicationRequest"), key=lambda each: str(each["intent"]), reverse=True)

    assert (plan["intent"], issue["intent"]) == ("plan", "order")
    assert issue["basedOn"] == [{"reference": f"MedicationRequest/{plan['id']}"}]
    assert of(bundle, "MedicationStatement")[0]["dosage"] == [{"text": "one capsule once a day"}]


async def test_results_stand_in_reports_and_a_reason_under_its_heading(surgery: Surgery):
    _, bundle = await surgery.ask()
    report, met = of(bundle, "DiagnosticReport")[0], of(bundle, "Encounter")[0]
    titles = {each.get("title") for each in of(bundle, "List") if each.get("encounter")}

    assert report["result"][0]["reference"].startswith("Observation/")
    assert met["type"] == [{"text": "Telephone consultation"}]
    assert {"Telephone consultation", "History"} <= titles
    assert {"Haemolysed", "Cough"} <= {each.get("comment") for each in of(bundle, "Observation")}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"Ssp_TraceID": "1"}, "Ssp-TraceID"), ({"Ssp_To": "1"}, "Ssp-To"), ({"Ssp_From": ""}, "Ssp-From"),
        ({"Ssp_InteractionID": DOCUMENTS}, "Ssp-InteractionID"), ({"Authorization": "Bearer a.b.c"}, "unsigned"),
        ({"Authorization": ""}, "token"),
    ],
)  # fmt: skip
async def test_a_request_without_its_headers_is_refused(surgery: Surgery, changes: dict[str, str], what: str):
    status, outcome = await surgery.ask(**changes)
    assert (status, code_of(outcome)) == (400, "BAD_REQUEST")
    assert what in outcome["issue"][0]["diagnostics"]


async def test_a_token_for_another_system_or_out_of_its_time_is_refused(surgery: Surgery):
    for token in (
        bearer(ACTOR, audience="https://elsewhere.example", asid="2", now=time.time()),
        bearer(ACTOR, audience=surgery.listed.endpoints[STRUCTURED], asid="2", now=time.time() - 400),
    ):
        status, _ = await surgery.ask(Authorization=token)
        assert status == 400


@pytest.mark.parametrize(
    ("area", "code"),
    [
        ({"name": "includeEverything"}, "INVALID_PARAMETER"), ({"name": "includeAllergies"}, "INVALID_PARAMETER"),
        ({"name": "includeMedication", "part": [{"name": "medicationSearchFromDate", "valueDate": "2999-01-01"}]},
         "INVALID_PARAMETER"),
    ],
)  # fmt: skip
async def test_an_area_that_is_asked_for_wrongly_is_422(surgery: Surgery, area: dict[str, Any], code: str):
    who = {"name": "patientNHSNumber", "valueIdentifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}}
    status, outcome = await surgery.ask({"resourceType": "Parameters", "parameter": [who, area]})
    assert (status, code_of(outcome)) == (422, code)


async def test_somebody_who_is_not_registered_there_is_not_found(surgery: Surgery):
    status, outcome = await surgery.ask(number="9990000026")
    assert (status, code_of(outcome)) == (404, "PATIENT_NOT_FOUND")
