"""Do the operations answer as FHIR says?"""

from typing import Any

import pytest
from tests.exchange.conftest import Api

PATIENT = {"resourceType": "Patient", "id": "p1"}


def result(code: str, when: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "effectiveDateTime": when, "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
    }  # fmt: skip


async def test_lastn_gives_the_newest_of_each_code(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    for code, when in (("K", "2020-01-01"), ("K", "2022-01-01"), ("K", "2021-01-01"), ("Na", "2019-01-01")):
        await api.ask("POST", "/Observation", result(code, when))

    async def times(query: str) -> set[str]:
        found = (await api.ask("GET", f"/Observation/$lastn?{query}")).json
        assert found["total"] == len(found["entry"])
        return {each["resource"]["effectiveDateTime"] for each in found["entry"]}

    assert await times("patient=p1") == {"2022-01-01", "2019-01-01"}
    assert await times("patient=p1&max=2") == {"2022-01-01", "2021-01-01", "2019-01-01"}
    assert await times("subject=Patient/p1&code=K&max=1") == {"2022-01-01"}
    assert (await api.ask("GET", "/Observation/$lastn?code=K")).status == 400
    assert (await api.ask("GET", "/Observation/$lastn?patient=p1&max=x")).status == 400


async def test_meta_of_one_resource(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {**PATIENT, "meta": {"tag": [{"code": "t"}]}})
    told = (await api.ask("GET", "/Patient/p1/$meta")).json

    assert told["parameter"][0]["name"] == "return"
    assert told["parameter"][0]["valueMeta"]["tag"] == [{"code": "t"}]
    assert told["parameter"][0]["valueMeta"]["versionId"] == "1"
    assert (await api.ask("GET", "/Patient/p2/$meta")).status == 404


async def test_validate_takes_parameters_and_instances(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    bad = {"resourceType": "Patient", "birthDate": "MARLOW"}

    def within(*more: dict[str, Any]) -> dict[str, Any]:
        return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": bad}, *more]}

    wrapped = await api.ask("POST", "/Patient/$validate", within({"name": "mode", "valueCode": "create"}))
    kept = await api.ask("GET", "/Patient/p1/$validate")
    on_it = await api.ask("POST", "/Patient/p1/$validate", {**bad, "id": "p1"})
    profiled = await api.ask("POST", "/Patient/$validate", within({"name": "profile", "valueUri": "https://e.example/p"}))
    empty = await api.ask("POST", "/Patient/$validate", {"resourceType": "Parameters"})

    assert [wrapped.json["issue"][0]["expression"], on_it.json["issue"][0]["expression"]] == [["Patient.birthDate"]] * 2
    assert "MARLOW" not in str(wrapped.json)
    assert [(each["severity"], each["expression"]) for each in kept.json["issue"]] == [("warning", ["Patient.name"])]
    assert [profiled.status, empty.status] == [422, 400]
    assert (await api.ask("GET", "/Patient/p1")).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("type_", ["AuditEvent", "Binary", "Consent", "Subscription"])
async def test_validate_judges_what_others_keep_too(api: Api, type_: str) -> None:
    bad = await api.ask("POST", f"/{type_}/$validate", {"resourceType": type_, "language": "MARLOW CHARLIE"})
    on_it = await api.ask("POST", f"/{type_}/k1/$validate", {"resourceType": type_, "id": "k1", "language": "MARLOW CHARLIE"})

    for each in (bad, on_it):
        assert each.status == 200
        assert all(issue["severity"] == "error" and issue["expression"] for issue in each.json["issue"])
        assert "MARLOW" not in str(each.json)


async def test_validate_says_who_keeps_what_is_sound(api: Api) -> None:
    sound = {"resourceType": "Subscription", "status": "requested", "reason": "x", "criteria": "Observation?",
             "channel": {"type": "rest-hook"}}  # fmt: skip

    told = await api.ask("POST", "/Subscription/$validate", sound)

    (issue,) = told.json["issue"]
    assert issue["severity"] == "information"
    assert "client's own" in issue["diagnostics"]


async def test_everything_since_and_by_type(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    await api.ask("POST", "/Observation", result("K", "2020-01-01"))
    types = {"Patient": 1, "Observation": 1, "Patient,Observation": 2}
    for said, many in types.items():
        assert len((await api.ask("GET", f"/Patient/p1/$everything?_type={said}")).json["entry"]) == many
    assert (await api.ask("GET", "/Patient/p1/$everything?_since=2100-01-01T00:00:00Z")).json["entry"] == []
    assert (await api.ask("GET", "/Patient/p1/$everything?_since=MARLOW")).status == 400
    assert (await api.ask("GET", "/Patient/p1/$everything?colour=red")).status == 400


async def test_everything_of_a_time_of_care(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    for when in ("2019-05-01", "2020-05-01", "2021-05-01"):
        await api.ask("POST", "/Observation", result("K", when))

    async def times(query: str) -> list[str]:
        entries = (await api.ask("GET", f"/Patient/p1/$everything?{query}")).json["entry"]
        found = [each["resource"] for each in entries if each["resource"]["resourceType"] == "Observation"]
        return sorted(each["effectiveDateTime"][:4] for each in found)

    assert await times("start=2020-01-01") == ["2020", "2021"]
    assert await times("start=2020-01-01&end=2020-12-31") == ["2020"]
    assert (await api.ask("GET", "/Patient/p1/$everything?start=MARLOW")).status == 400


def asked(**more: Any) -> dict[str, Any]:
    values = [{"name": name, "valueString" if isinstance(value, str) else "valueInteger": value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": values}


async def test_what_only_reads_may_be_posted_with_parameters_and_without(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    for code, when in (("K", "2020-01-01"), ("K", "2022-01-01"), ("Na", "2019-01-01")):
        await api.ask("POST", "/Observation", result(code, when))
    for path, told in (
        ("/Patient/p1/$everything", {"_type": "Observation", "_count": 2}), ("/Observation/$lastn", {"patient": "p1", "max": 1}),
    ):  # fmt: skip
        by_get = await api.ask("GET", f"{path}?{'&'.join(f'{name}={value}' for name, value in told.items())}")
        posted = await api.ask("POST", path, asked(**told))
        assert posted.status == 200, posted.body
        assert [each["fullUrl"] for each in posted.json["entry"]] == [each["fullUrl"] for each in by_get.json["entry"]]
    assert (await api.ask("POST", "/Patient/p1/$everything")).status == 200
    assert (await api.ask("POST", "/Patient/p1/$summary", asked())).json["type"] == "document"
    assert (await api.ask("POST", "/Patient/p1/$everything", asked(colour="red"))).status == 400
    assert (await api.ask("POST", "/Patient/p1/$everything", {"resourceType": "Patient"})).status == 400


async def test_a_type_or_operation_that_there_is_not_is_said_to_be_none(api: Api) -> None:
    for method, path in (
        ("GET", "/Foo?x=1"), ("GET", "/Foo/1"), ("POST", "/Foo"), ("GET", "/patient/1"), ("GET", "/Patient/$foo"),
        ("GET", "/$foo"), ("GET", "/Patient/p1/$foo"), ("GET", "/Patient/p1/Foo"),
    ):  # fmt: skip
        answer = await api.ask(method, path, {"resourceType": "Foo"} if method == "POST" else None)
        assert answer.status == 404, (path, answer.body)
        assert answer.json["issue"][0]["diagnostics"].startswith("There is no such"), path
