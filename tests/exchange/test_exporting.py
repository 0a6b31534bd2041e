"""Does an export give what stood at its moment, all of it, and nothing that a read would refuse?"""

import asyncio
import json
from typing import Any

from tests.exchange.conftest import Answer, Api

SEALED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}


def result(id_: str, whose: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "K"},
        "subject": {"reference": f"Patient/{whose}"}, **more,
    }  # fmt: skip


async def kept(api: Api, *resources: dict[str, Any]) -> None:
    for each in resources:
        answer = await api.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)
        assert answer.status in (200, 201), answer.body


async def people(api: Api) -> None:
    await kept(
        api,
        {"resourceType": "Organization", "id": "org", "name": "Elm Bank"},
        *({"resourceType": "Patient", "id": each} for each in ("p1", "p2", "p3")),
        result("o1", "p1", valueString="one"), result("o2", "p2", valueQuantity={"value": 1}), result("o3", "p3"),
        result("hidden", "p1", meta=SEALED),
        {"resourceType": "Group", "id": "g", "type": "person", "actual": True,
         "member": [{"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}, "inactive": True}]},
    )  # fmt: skip


async def begun(api: Api, path: str, *, token: str | None = None, body: Any = None) -> str:
    method = "POST" if body else "GET"
    answer = await api.ask(method, path, body, token=token, Prefer="respond-async")
    assert answer.status == 202, answer.body
    return str(answer.headers["Content-Location"]).removeprefix(api.base)


async def finished(api: Api, place: str, *, token: str | None = None) -> Any:
    for _ in range(600):
        answer = await api.ask("GET", place, token=token)
        if answer.status != 202:
            assert answer.status == 200, answer.body
            return answer.json
        assert answer.headers["X-Progress"]
        assert int(answer.headers["Retry-After"]) > 0
        await asyncio.sleep(0.05)
    raise AssertionError("it does not end")


async def fetched(api: Api, file: Any, **headers: str) -> Answer:
    return await api.ask("GET", file["url"].removeprefix(api.base), **headers)


async def lines(api: Api, manifest: Any) -> list[Any]:
    found: list[Any] = []
    for each in manifest["output"]:
        answer = await fetched(api, each)
        assert answer.headers["Content-Type"].startswith("application/fhir+ndjson")
        told = [json.loads(line) for line in answer.body.splitlines()]
        assert len(told) == each["count"]
        assert {one["resourceType"] for one in told} == {each["type"]}
        found += told
    return found


async def names(api: Api, path: str, **more: Any) -> set[str]:
    manifest = await finished(api, await begun(api, path, **more))
    return {f"{each['resourceType']}/{each['id']}" for each in await lines(api, manifest)}


async def test_each_kind_of_export_gives_what_belongs_to_it_and_may_be_posted(api: Api) -> None:
    await people(api)
    persons = {"Patient/p1", "Patient/p2", "Patient/p3", "Observation/o1", "Observation/o2", "Observation/o3"}

    whole, of_people, of_group, typed = await asyncio.gather(
        names(api, "/$export"), names(api, "/Patient/$export"), names(api, "/Group/g/$export"),
        names(api, "/Patient/$export?_type=Patient&_outputFormat=ndjson"),
    )  # fmt: skip

    assert whole == persons | {"Organization/org", "Group/g"}
    assert of_people == persons
    assert of_group == {"Patient/p1", "Observation/o1"}
    assert typed == {"Patient/p1", "Patient/p2", "Patient/p3"}
    rows = await api.house.supplies("holdings").db.fetch("SELECT body FROM outbox WHERE kind = 'Line'")
    lines_ = [json.loads(row["body"]) for row in rows]
    exported = {patient for each in lines_ if each["what"] == "resource-exported" for patient in each["patients"]}
    assert exported == {"p1", "p2", "p3"}
    assert [each["patients"] for each in lines_ if each["what"] == "export-begun" and each["patients"]] == [["p1"]]

    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/p1"}},
            {"name": "patient", "valueReference": {"reference": "Patient/p2"}},
            {"name": "_typeFilter", "valueString": "Observation?value-string=one"},
        ],
    }
    assert await names(api, "/Patient/$export", body=body) == {"Patient/p1", "Patient/p2", "Observation/o1"}


async def test_the_files_show_what_stood_at_the_moment_however_late_they_are_fetched(api: Api) -> None:
    await people(api)
    manifest = await finished(api, await begun(api, "/Patient/$export"))
    await kept(api, result("o1", "p1", valueString="changed"), result("new", "p1"), result("o2", "p3"))
    await api.ask("DELETE", "/Observation/o3")

    found = {each["id"]: each for each in await lines(api, manifest) if each["resourceType"] == "Observation"}

    assert set(found) == {"o1", "o2", "o3"}
    assert found["o1"]["valueString"] == "one"
    assert found["o2"]["subject"]["reference"] == "Patient/p2"
    later = await finished(api, await begun(api, f"/Patient/$export?_since={manifest['transactionTime'].replace('+', '%2B')}"))
    assert {each["id"] for each in await lines(api, later)} == {"o1", "new", "o2"}
    (gone,) = later["deleted"]
    (bundle,) = [json.loads(line) for line in (await fetched(api, gone)).body.splitlines()]
    assert bundle["entry"][0]["request"] == {"method": "DELETE", "url": "Observation/o3"}
    text = b'{"resourceType":"Observation","id":"x","status":"final","code":{"text":"K"},"subject":{"reference":"Patient/p1"},' \
           b'"valueQuantity":{"value":1.10}}'
    await api.ask("PUT", "/Observation/x", text)
    (file,) = (await finished(api, await begun(api, "/$export?_type=Observation")))["output"]
    assert b'"value":1.10}' in (await fetched(api, file)).body


async def test_a_download_goes_on_where_it_was_broken_off_until_it_is_cancelled(api: Api) -> None:
    await people(api)
    place = await begun(api, "/$export?_type=Observation")
    (file,) = (await finished(api, place))["output"]
    whole = await fetched(api, file)
    rest = await fetched(api, file, Range="bytes=100-", If_Range=whole.headers["ETag"])
    part = await fetched(api, file, Range="bytes=10-19")
    last = await fetched(api, file, Range="bytes=-5")
    head = await api.ask("HEAD", file["url"].removeprefix(api.base))

    assert (rest.status, rest.body) == (206, whole.body[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole.body) - 1}/{len(whole.body)}"
    assert (part.body, last.body) == (whole.body[10:20], whole.body[-5:])
    assert head.headers["Content-Length"] == str(len(whole.body))
    assert (await fetched(api, file, Range="bytes=999999-")).status == 416
    assert (await fetched(api, file, Range="bytes=100-", If_Range='"another"')).status == 200

    assert (await api.ask("DELETE", place)).status == 202
    assert (await api.ask("GET", place)).status == 404
    assert (await fetched(api, file)).status == 404


async def test_what_cannot_be_exported_is_said(api: Api) -> None:
    await people(api)
    assert (await api.ask("GET", "/$export")).status == 400
    for path in (
        "/$export?_outputFormat=csv", "/$export?_since=MARLOW", "/$export?colour=red", "/$export?_typeFilter=MARLOW",
        "/$export?patient=Patient/p1", "/$export?_typeFilter=Observation%3F_has:Provenance:target:agent=x",
        "/$export?_type=Patient&_typeFilter=Observation%3Fcode=K", "/$export?_typeFilter=Observation%3F_sort=date",
    ):  # fmt: skip
        answer = await api.ask("GET", path, Prefer="respond-async")
        assert answer.status == 400, path
        assert "MARLOW" not in answer.body.decode()
    assert (await api.ask("GET", "/Group/none/$export", Prefer="respond-async")).status == 404
    assert (await api.ask("GET", "/$export?_type=Consent", Prefer="respond-async")).status == 404
    lenient = await api.ask("GET", "/$export?colour=red", Prefer="respond-async, handling=lenient")
    assert lenient.status == 202
