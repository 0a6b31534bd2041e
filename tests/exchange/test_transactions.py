"""Do the references within a transaction come to name what they mean, or is it said which does not?"""

import base64
import json
from typing import Any

import pytest
from tests.exchange.conftest import Answer, Api

from carerecord.exchange.veils import Veils
from carerecord.kit.errors import CareRecordError

NUMBER = "https://fhir.nhs.uk/Id/nhs-number|9990000018"


def person(id_: str, value: str = "9990000018") -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": id_,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": value}],
    }  # fmt: skip


def result(reference: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "K"}, "subject": {"reference": reference}}


async def sent(api: Api, *resources: dict[str, Any], token: str | None = None) -> Answer:
    entries = [{"resource": each, "request": {"method": "POST", "url": each["resourceType"]}} for each in resources]
    return await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, token=token)


def where(answer: Answer) -> list[str]:
    return list(answer.json["issue"][0]["expression"])


async def test_a_conditional_reference_becomes_the_one_that_answers_or_refuses_the_whole(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", person("p1"))
    made = await sent(api, result(f"Patient?identifier={NUMBER}"))
    assert made.status == 200, made.body
    assert made.json["entry"][0]["resource"]["subject"]["reference"] == "Patient/p1"
    assert (await api.ask("GET", "/Observation?patient=p1")).json["total"] == 1
    fine = result("Patient/p1")
    none = await sent(api, fine, result("Patient?identifier=9990000026"))
    await api.ask("PUT", "/Patient/p2", person("p2"))
    several = await sent(api, fine, result(f"Patient?identifier={NUMBER}"))
    unasked = await sent(api, fine, result("Patient?colour=MARLOW"))

    for answer in (none, several, unasked):
        assert answer.status == 412
        assert where(answer) == ["Bundle.entry[1].resource.subject.reference"]
        assert b"999000" not in answer.body
        assert b"MARLOW" not in answer.body
    assert (await api.ask("GET", "/Observation?patient=p1")).json["total"] == 1


async def test_a_conditional_reference_finds_nothing_that_a_search_would_refuse_and_a_name_needs_an_entry(api: Api) -> None:
    sealed = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
    await api.ask("PUT", "/Patient/p1", person("p1"))
    writer = await api.token_with("system/Observation.cruds")
    assert (await sent(api, result(f"Patient?identifier={NUMBER}"), token=writer)).status == 412
    await api.ask("PUT", "/Patient/p1", person("p1") | {"meta": sealed})
    assert (await sent(api, result(f"Patient?identifier={NUMBER}"))).status == 412
    answer = await sent(api, {**result("urn:uuid:c1b6a4e0-0000-4000-8000-000000000000"), "note": [{"text": "x"}]})
    assert answer.status == 422
    assert where(answer) == ["Bundle.entry[0].resource.subject.reference"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_patch_stands_in_a_bundle_as_a_binary_or_as_its_steps(api: Api, kind: str) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    steps = [{"op": "add", "path": "/active", "value": kind == "batch"}]
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json"}
    binary["data"] = base64.b64encode(json.dumps(steps).encode()).decode()
    request = {"method": "PATCH", "url": "Patient/p1"}
    for resource, status in ((binary, 200), (steps, 200), (binary | {"data": "?"}, 400)):
        bundle = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": resource, "request": request}]}
        told = await api.ask("POST", "/", bundle)
        assert (int(told.json["entry"][0]["response"]["status"]) if told.status == 200 else told.status) == status
    assert (await api.ask("GET", "/Patient/p1")).json["active"] is (kind == "batch")


async def test_where_there_is_nothing_there_is_no_empty_list(api: Api) -> None:
    for method, path, body in (
        ("POST", "/", {"resourceType": "Bundle", "type": "batch"}), ("GET", "/Patient?_id=nobody", None),
        ("GET", "/Organization/_history", None),
    ):  # fmt: skip
        answer = await api.ask(method, path, body)
        assert (answer.status, b"[]" in answer.body) == (200, False), path


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("url", ["//[", "http://[::1/Patient/p1", "//[x]/Patient/p1"])
async def test_what_is_no_address_is_the_fault_of_whoever_wrote_it(api: Api, method: str, url: str) -> None:
    entry = {"request": {"method": method, "url": url}}
    batch = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    assert batch.json["entry"][0]["response"]["status"] == "400"
    together = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    told = together.json["entry"][0]["response"]["status"] if together.status == 200 else str(together.status)
    assert told == "400"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_a_fault_in_what_is_kept_back_calls_nothing_unwritten_that_is_written(
    api: Api, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Or whoever is told of a fault sends all of it again."""
    asked = 0

    async def fresh(_: Veils) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise CareRecordError("Something failed inside.")

    monkeypatch.setattr(Veils, "known", False)
    monkeypatch.setattr(Veils, "fresh", fresh)
    entries = [{"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}]
    entries += [{"request": {"method": "GET", "url": url}} for url in ("Patient/p1", "Patient?_id=p1")]
    told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": kind, "entry": entries})

    assert told.status == 200
    assert [each["response"]["status"][:3] for each in told.json["entry"]] == ["201", "500", "500"]
