"""Is what lies around a visit, a clinician, a relative or a device found as R4 defines it, and nothing else?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = "application/x-www-form-urlencoded"
P1, P2 = {"reference": "Patient/p1"}, {"reference": "Patient/p2"}
E1, DR = {"reference": "Encounter/e1"}, {"reference": "Practitioner/dr"}


def a(type_: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **more}


def a_result(id_: str, **more: Any) -> dict[str, Any]:
    return a("Observation", id_, status="final", code={"text": "K"}, **{"subject": P1, **more})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with serving(cluster, Path(tmp_path_factory.mktemp("compartments"))) as made:
        await kept(made)
        yield made


async def kept(api: Api) -> None:
    visit = {"status": "finished", "class": {"code": "AMB"}}
    for each in (
        a("Patient", "p1"), a("Patient", "p2"), a("Practitioner", "dr"), a("RelatedPerson", "r1", patient=P1),
        a("Device", "d1", patient=P1), a("Device", "d0"), a("Encounter", "e1", **visit, subject=P1),
        a("Encounter", "e2", **visit, subject=P1), a("Encounter", "e3", **visit, subject=P2),
        a_result("o1", encounter=E1, performer=[DR]), a_result("o2", encounter={"reference": "Encounter/e2"}),
        a_result("o3", encounter=E1, device={"reference": "Device/d1"}),
        a_result("o4", performer=[{"reference": "RelatedPerson/r1"}]), a_result("o5", subject=P2, performer=[DR]),
        a("Condition", "c1", subject=P1, encounter=E1, code={"text": "Asthma"}),
        a("Schedule", "s1", actor=[DR]), a("Schedule", "s2", actor=[{"reference": "Device/d0"}, P1]),
    ):  # fmt: skip
        answer = await api.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)
        assert answer.status == 201, answer.body


async def ids(api: Api, path: str) -> list[str]:
    answer = await api.ask("GET", path)
    assert answer.status == 200, answer.body
    assert answer.json["total"] == len(answer.json["entry"])
    return sorted(each["resource"]["id"] for each in answer.json["entry"])


async def test_what_lies_around_each_centre_is_found(api: Api) -> None:
    around = {
        "/Encounter/e1/Observation": ["o1", "o3"],
        "/Encounter/e1/Condition": ["c1"],
        "/Encounter/e1/Encounter": ["e1"],
        "/Encounter/e2/Condition": [],
        "/Encounter/e1/Observation?performer=Practitioner/dr": ["o1"],
        "/Encounter/e1/Observation?patient=p2": [],
        "/Encounter/e3/Observation": [],
        "/RelatedPerson/r1/Observation": ["o4"],
        "/Device/d1/Observation": ["o3"],
        "/Device/d0/Schedule": ["s2"],
        "/Practitioner/dr/Schedule": ["s1"],
        "/Practitioner/dr/Observation?patient=p1": ["o1"],
        "/Practitioner/dr/Observation?patient=p2": ["o5"],
        "/Practitioner/dr/Practitioner": ["dr"],
        "/Patient/p1/Schedule": ["s2"],
        "/Patient/p1/Observation": ["o1", "o2", "o3", "o4"],
    }
    assert {path: await ids(api, path) for path in around} == around


async def test_around_a_clinician_a_search_of_peoples_records_says_whose(api: Api) -> None:
    answer = await api.ask("GET", "/Practitioner/dr/Observation")

    assert answer.status == 400
    assert "patient=" in answer.json["issue"][0]["diagnostics"]


async def test_what_lies_in_no_such_compartment_is_said(api: Api) -> None:
    for path in ("/Encounter/e1/Location", "/Device/d1/Condition", "/Patient/p1/Location"):
        answer = await api.ask("GET", path)
        assert answer.status == 400, path
        assert "compartment" in answer.json["issue"][0]["diagnostics"], path


async def test_a_centre_that_is_not_there_has_nothing_around_it(api: Api) -> None:
    assert await ids(api, "/Encounter/never/Observation") == []
    await api.ask("PUT", "/Observation/o9", a_result("o9", encounter={"reference": "Encounter/e3"}, subject=P2))
    assert await ids(api, "/Encounter/e3/Observation") == ["o9"]
    await api.ask("DELETE", "/Encounter/e3")
    assert await ids(api, "/Encounter/e3/Observation") == []


async def test_a_compartment_is_searched_by_post_and_in_pages(api: Api) -> None:
    everything = await api.ask("POST", "/Patient/p1/Observation/_search", "code:text=k", Content_Type=FORM)
    assert everything.json["total"] == 4
    first = (await api.ask("POST", "/Encounter/e1/Observation/_search", "_count=1&code:text=k", Content_Type=FORM)).json
    following = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)
    second = (await api.ask("GET", following)).json

    assert following.startswith("/Encounter/e1/Observation?")
    assert len(first["entry"]) == len(second["entry"]) == 1
    assert first["entry"][0]["resource"]["id"] != second["entry"][0]["resource"]["id"]
    elsewhere = await api.ask("GET", following.replace("/e1/", "/e2/"))
    assert elsewhere.status == 400  # a link is good for the question that it came with


async def test_the_statement_names_the_compartments(api: Api) -> None:
    told = (await api.ask("GET", "/metadata", token="")).json["rest"][0]["compartment"]

    assert told == [
        f"http://hl7.org/fhir/CompartmentDefinition/{each}"
        for each in ("patient", "device", "encounter", "practitioner", "relatedPerson")
    ]
