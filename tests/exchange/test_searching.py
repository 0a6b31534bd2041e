"""Does a search say what it leaves out, and does a batch answer each as if it came alone?"""

from typing import Any

import pytest
from tests.exchange.conftest import Api

from carerecord.holdings import including

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Marlow"}], "birthDate": "1948-03-02"}


def a_result(month: int) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}
    return {
        "resourceType": "Observation", "id": f"o{month}", "status": "final", "code": code, "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2026-0{month}-01",
    }  # fmt: skip


async def kept(api: Api) -> None:
    for each in (PATIENT, *(a_result(month) for month in range(1, 5))):
        await api.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)


@pytest.mark.parametrize("query", ["_contained=true", "_contained=both", "_containedType=contained", "_contained:not=true"])
async def test_contained_resources_are_not_searched_for_and_nobody_is_left_to_believe_it(api: Api, query: str) -> None:
    await kept(api)
    name = query.partition("=")[0].partition(":")[0]
    strict = await api.ask("GET", f"/Observation?patient=p1&{query}")
    lenient = await api.ask("GET", f"/Observation?patient=p1&{query}", Prefer="handling=lenient")
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": f"Observation?{query}"}}]}
    within = (await api.ask("POST", "", batch)).json["entry"][0]["response"]

    assert strict.status == 400
    assert strict.json["issue"][0]["diagnostics"].startswith(f"{name}: contained resources are found with those that hold them")
    assert within["status"] == "400"
    assert lenient.status == 200
    assert name in lenient.json["entry"][-1]["resource"]["issue"][0]["diagnostics"]
    assert (await api.ask("GET", "/Observation?patient=p1&_contained=false")).status == 200


async def test_more_to_be_included_than_a_page_holds_is_said(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await kept(api)
    monkeypatch.setattr(including, "MOST_INCLUDED", 3)
    told = (await api.ask("GET", "/Patient?_id=p1&_revinclude=Observation:patient")).json["entry"]

    assert [each["search"]["mode"] for each in told] == ["match", "include", "include", "include", "outcome"]
    assert told[-1]["resource"]["issue"][0]["code"] == "incomplete"
    assert "the first 3" in told[-1]["resource"]["issue"][0]["diagnostics"]


async def test_a_batch_is_answered_in_its_order_each_with_its_own_fault(api: Api) -> None:
    await kept(api)
    later = {**a_result(1), "id": "o9"}
    asked = [
        ("GET", "Patient/p1"), ("GET", "Patient/nobody"), ("GET", "Observation?patient=p1&_count=2&_elements=code"),
        ("GET", "Observation?nonsense=1"), ("GET", "Observation/o9"), ("PUT", "Observation/o9"), ("GET", "Observation/o9"),
        ("GET", "Nothing/1"),
    ]  # fmt: skip
    entries = [
        {"request": {"method": method, "url": url}, **({"resource": later} if method == "PUT" else {})} for method, url in asked
    ]
    told = (await api.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})).json["entry"]

    assert [each["response"]["status"] for each in told] == ["200", "404", "200", "400", "404", "201", "200", "404"]
    bundle = told[2]["resource"]
    assert ["effectiveDateTime" in each["resource"] for each in bundle["entry"]] == [False, False]
    following = next(each["url"] for each in bundle["link"] if each["relation"] == "next")
    rest = await api.ask("GET", following.removeprefix(api.base))
    assert [each["resource"]["id"] for each in rest.json["entry"]] == ["o2", "o1"]


@pytest.mark.parametrize("path", ["/Patient/", "/Patient//", "/Patient/p1/x/y/z", "//Patient", "/Patient/p1/_history/"])
async def test_what_is_no_address_is_not_found(api: Api, path: str) -> None:
    assert (await api.ask("GET", path)).status == 404


async def test_the_base_is_one_address_with_and_without_a_stroke(api: Api) -> None:
    batch = {"resourceType": "Bundle", "type": "batch", "entry": []}
    answers = [await api.ask("POST", path, batch) for path in ("", "/")]

    assert [each.status for each in answers] == [200, 200]
    refused = await api.ask("PUT", "/")
    assert (refused.status, refused.headers["Allow"]) == (405, "HEAD, GET, POST")


async def test_a_form_is_heard_however_its_name_is_written(api: Api) -> None:
    await kept(api)
    for name in ("_format", "%5Fformat", "_forma%74"):
        assert b"<Patient" in (await api.ask("GET", f"/Patient/p1?{name}=xml")).body


async def test_a_record_is_searched_by_a_value_set_and_by_a_branch_and_what_is_not_loaded_is_named(api: Api) -> None:
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    await api.ask("PUT", "/Patient/p1", PATIENT)
    for code in ("active", "relapse", "resolved"):
        status = {"coding": [{"system": clinical, "code": code}]}
        held = {"resourceType": "Condition", "id": code, "clinicalStatus": status, "subject": {"reference": "Patient/p1"}}
        assert (await api.ask("PUT", f"/Condition/{code}", held)).status == 201

    async def found(query: str) -> list[str]:
        told = await api.ask("GET", f"/Condition?patient=p1&{query}")
        return sorted(each["resource"]["id"] for each in told.json.get("entry", ()))

    assert await found(f"clinical-status:below={clinical}%7Cactive") == ["active", "relapse"]
    assert await found(f"clinical-status:above={clinical}%7Crelapse") == ["active", "relapse"]
    assert await found(f"clinical-status:below={clinical}%7Cinactive") == ["resolved"]
    assert await found("clinical-status:in=http://hl7.org/fhir/ValueSet/condition-clinical") == ["active", "relapse", "resolved"]
    assert await found("clinical-status:not-in=http://hl7.org/fhir/ValueSet/condition-clinical") == []
    assert await found("category:not-in=http://hl7.org/fhir/ValueSet/condition-category") == ["active", "relapse", "resolved"]
    refused = await api.ask("GET", "/Condition?patient=p1&code:below=http://snomed.info/sct%7C73211009")
    assert refused.status == 400
    assert "http://snomed.info/sct is not" in refused.json["issue"][0]["diagnostics"]
    assert "73211009" not in refused.json["issue"][0]["diagnostics"]
