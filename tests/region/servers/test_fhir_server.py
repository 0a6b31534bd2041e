"""Does a pretend system answer as a FHIR server should?"""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.region.servers.a_system import LOCAL, NHS, a_system, holdings

from carerecord.region.servers.running import RunningServer, Serving, running, running_apart


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def clinic() -> AsyncIterator[RunningServer]:
    async with running([Serving(a_system(), holdings())]) as servers:
        yield servers["clinic"]


async def read(web: aiohttp.ClientSession, address: str, **more: Any) -> tuple[int, Any]:
    async with web.get(address, **more) as reply:
        assert reply.content_type == "application/fhir+json"
        return reply.status, await reply.json(content_type=None)


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle["entry"]]


def next_link(bundle: dict[str, Any]) -> str:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")


async def test_a_patient_is_found_by_nhs_number(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    status, found = await read(web, f"{clinic.address}/Patient", params={"identifier": f"{NHS}|9990000018"})

    assert (status, ids(found)) == (200, ["p1"])


async def test_a_patient_is_found_by_name_and_birth_date(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    _, found = await read(web, f"{clinic.address}/Patient?family=sin&birthdate=1955-07-09")
    _, nobody = await read(web, f"{clinic.address}/Patient?family=sin&birthdate=1948-03-02")

    assert (ids(found), nobody["total"]) == (["p2"], 0)


async def test_every_page_is_reached_by_an_opaque_link(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    address, seen = f"{clinic.address}/Observation?patient=p1", list[str]()
    while address:
        _, page = await read(web, address)
        seen += ids(page)
        address = next_link(page)
        assert "patient" not in address

    assert sorted(seen) == sorted(f"p1-o{place}" for place in range(25))
    assert page["total"] == 25


@pytest.mark.parametrize(
    "query",
    ["patient=Patient/p2", "subject=p2", f"patient.identifier={NHS}|9990000026", f"subject:identifier={NHS}|9990000026"],
)
async def test_a_patient_may_be_named_in_each_way_of_the_national_interfaces(
    web: aiohttp.ClientSession, clinic: RunningServer, query: str
) -> None:
    _, found = await read(web, f"{clinic.address}/Observation?{query}")

    assert ids(found) == ["p2-o0"]


async def test_category_code_status_and_date_narrow(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    _, labs = await read(web, f"{clinic.address}/Observation?patient=p1&category=laboratory&date=ge2026-01-20")
    _, one = await read(web, f"{clinic.address}/Observation?patient=p1&code=http://snomed.info/sct|1004")
    _, none = await read(web, f"{clinic.address}/Observation?patient=p1&status=cancelled")

    assert ids(labs) == ["p1-o19", "p1-o21", "p1-o23"]
    assert ids(one) == ["p1-o4"]
    assert none["total"] == 0


async def test_post_search_means_the_same(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    async with web.post(f"{clinic.address}/MedicationRequest/_search", data={"patient": "p1"}) as reply:
        assert ids(await reply.json(content_type=None)) == ["m1"]


async def test_everything_is_one_record_of_the_types_asked_for(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    _, found = await read(web, f"{clinic.address}/Patient/p1/$everything?_type=MedicationRequest&_count=50")

    assert ids(found) == ["p1", "m1"]


async def test_a_read_bears_its_version_and_an_unknown_id_is_an_outcome(
    web: aiohttp.ClientSession, clinic: RunningServer
) -> None:
    async with web.get(f"{clinic.address}/Patient/p1") as reply:
        assert reply.headers["ETag"] == 'W/"3"'
    status, outcome = await read(web, f"{clinic.address}/Observation/none")

    assert (status, outcome["issue"][0]["code"]) == (404, "not-found")


async def test_a_search_across_patients_is_refused(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    status, outcome = await read(web, f"{clinic.address}/Observation")

    assert (status, outcome["resourceType"]) == (400, "OperationOutcome")


async def test_a_local_system_says_so_when_asked_by_another_number(web: aiohttp.ClientSession) -> None:
    async with running([Serving(a_system(knows_by="local"), holdings())]) as servers:
        base = servers["clinic"].address
        status, _ = await read(web, f"{base}/Patient", params={"identifier": f"{NHS}|9990000018"})
        _, found = await read(web, f"{base}/Patient", params={"identifier": f"{LOCAL}|C-p1"})

    assert (status, ids(found)) == (400, ["p1"])


async def test_a_match_is_graded(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    half_known = {"resourceType": "Patient", "name": [{"family": "MARLOW", "given": ["Ann"]}], "birthDate": "1948-03-02"}
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": half_known}]}
    async with web.post(f"{clinic.address}/Patient/$match", json=body) as reply:
        found = await reply.json(content_type=None)

    assert ids(found) == ["p1"]
    assert found["entry"][0]["search"]["extension"][0]["valueCode"] == "probable"


async def test_a_guarded_system_wants_its_own_token(web: aiohttp.ClientSession) -> None:
    async with running([Serving(a_system(needs_token=True), holdings())]) as servers:
        server = servers["clinic"]
        without, _ = await read(web, f"{server.address}/Patient/p1")
        told, _ = await read(web, f"{server.address}/metadata")
        async with web.post(
            server.token_address,
            data={"grant_type": "client_credentials"},
            headers={"Authorization": aiohttp.encode_basic_auth(server.client_id, server.secret)},
        ) as reply:
            token = (await reply.json())["access_token"]
        async with web.post(server.token_address, data={"grant_type": "client_credentials", "client_id": "x"}) as reply:
            refused = reply.status
        with_it, _ = await read(web, f"{server.address}/Patient/p1", headers={"Authorization": f"Bearer {token}"})

    assert (without, told, refused, with_it) == (401, 200, 401, 200)


async def test_metadata_names_the_types_that_are_held(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    _, stated = await read(web, f"{clinic.address}/metadata")

    assert [each["type"] for each in stated["rest"][0]["resource"]] == ["MedicationRequest", "Observation", "Patient"]


async def test_twenty_five_systems_start_in_half_a_second() -> None:
    began = time.process_time()
    async with running([Serving(a_system(key=f"clinic-{place}"), holdings()) for place in range(25)]) as servers:
        assert len({server.address for server in servers.values()}) == 25
        assert time.process_time() - began < 0.5


async def test_prepared_bytes_are_sent_as_they_are_from_a_process_of_their_own(web: aiohttp.ClientSession) -> None:
    prepared = {"Observation": b'{"resourceType":"Bundle","type":"searchset","entry":[]} '}
    async with (
        running_apart([Serving(a_system(), prepared=prepared)]) as addresses,
        web.get(f"{addresses['clinic']}/Observation?patient=anyone") as reply,
    ):
        assert await reply.read() == prepared["Observation"]
