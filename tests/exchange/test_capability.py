"""Does everything that the capability statement says work?"""

import json
from pathlib import Path
from typing import Any

from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster

SAMPLE: dict[str, dict[str, Any]] = {
    "Patient": {"name": [{"family": "Marlow"}]},
    "Observation": {"status": "final", "code": {"text": "K"}, "subject": {"reference": "Patient/p1"}},
    "Condition": {"subject": {"reference": "Patient/p1"}, "code": {"text": "Asthma"}},
    "Encounter": {"status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/p1"}},
    "MedicationRequest": {
        "status": "active", "intent": "order", "medicationCodeableConcept": {"text": "M"}, "subject": {"reference": "Patient/p1"},
    },
    "Organization": {"name": "Elm Bank"},
    "Questionnaire": {"status": "active"},
}  # fmt: skip
VALUES = {
    "string": "marl", "token": "http://loinc.org|1", "reference": "Patient/p1", "date": "ge2020-01", "number": "gt1",
    "quantity": "lt5||mg", "uri": "http://e.example/a", "composite": "a$b", "special": "x",
}  # fmt: skip


async def statement(api: Api) -> Any:
    return (await api.ask("GET", "/metadata", token="")).json


async def test_every_interaction_works_for_every_sampled_type(api: Api) -> None:
    told = {each["type"]: each for each in (await statement(api))["rest"][0]["resource"]}
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    for type_, body in SAMPLE.items():
        resource = {"resourceType": type_, **body}
        made = await api.ask("POST", f"/{type_}", resource)
        path = f"/{type_}/{made.json['id']}"
        did = {
            "create": made.status == 201,
            "read": (await api.ask("GET", path)).status == 200,
            "update": (await api.ask("PUT", path, {**resource, "id": made.json["id"], "language": "en"})).status == 200,
            "patch": (await api.ask("PATCH", path, [{"op": "add", "path": "/language", "value": "cy"}])).status == 200,
            "vread": (await api.ask("GET", f"{path}/_history/2")).json["language"] == "en",
            "search-type": (await api.ask("GET", f"/{type_}?_id={made.json['id']}")).json["total"] == 1,
            "history-instance": len((await api.ask("GET", f"{path}/_history")).json["entry"]) == 3,
            "history-type": len((await api.ask("GET", f"/{type_}/_history?_count=3")).json["entry"]) == 3,
            "delete": (await api.ask("DELETE", path)).status == 204,
        }
        assert did == {each["code"]: True for each in told[type_]["interaction"]}


async def test_every_interaction_of_the_whole_works(api: Api) -> None:
    put = {"resource": {"resourceType": "Patient", "id": "p1"}, "request": {"method": "PUT", "url": "Patient/p1"}}
    did = {}
    for kind in ("batch", "transaction"):
        done = await api.ask("POST", "/", {"resourceType": "Bundle", "type": kind, "entry": [put]})
        did[kind] = done.json["entry"][0]["response"]["status"][:2] == "20"
    first = (await api.ask("GET", "/_history?_count=1&_since=2020-01-01T00:00:00Z")).json
    following = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)
    second = (await api.ask("GET", following)).json
    several = await api.ask("GET", "?_type=Patient,Organization&_id=p1")
    did["search-system"] = (several.json["total"], several.json["entry"][0]["resource"]["id"]) == (1, "p1")
    did["history-system"] = [each["entry"][0]["response"]["etag"] for each in (first, second)] == ['W/"2"', 'W/"1"']
    reader = await api.token_with("system/Patient.r")

    assert did == {each["code"]: True for each in (await statement(api))["rest"][0]["interaction"]}
    assert (await api.ask("GET", "/_history", token=reader)).status == 403
    assert (await api.ask("GET", "/_history?_at=2020")).status == 400


async def test_every_search_parameter_is_answered(api: Api) -> None:
    """Each with a value of its kind: what cannot be answered is a fault here, whatever it finds."""
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    refused = []
    for each in (await statement(api))["rest"][0]["resource"]:
        if each["type"] not in SAMPLE:
            continue
        names = {parameter["name"] for parameter in each["searchParam"]}
        whose = "&patient=p1" if "patient" in names else "&_id=p1" if each["type"] == "Patient" else ""
        for parameter in each["searchParam"]:
            value = {"_id": "p1", "_lastUpdated": "gt2020-01-01"}.get(parameter["name"], VALUES[parameter["type"]])
            if parameter["type"] == "composite":
                value = await _composite(api, each["type"], parameter["name"])
            answer = await api.ask("GET", f"/{each['type']}?{parameter['name']}={value}{whose}")
            if answer.status != 200:
                refused.append((each["type"], parameter["name"], answer.json["issue"][0]["diagnostics"]))
        for include in each["searchInclude"][:3]:
            assert (await api.ask("GET", f"/{each['type']}?_include={include}{whose}")).status == 200
    assert refused == []


async def _composite(api: Api, type_: str, name: str) -> str:
    return {"value-quantity": "1$lt5", "value-date": "1$ge2020", "value-string": "1$x", "value-concept": "1$2"}.get(
        next((each for each in ("value-quantity", "value-date", "value-string", "value-concept") if each in name), ""), "1$2"
    )


async def test_every_operation_works(cluster: Cluster, tmp_path: Path) -> None:
    async with serving(cluster, tmp_path, "patients") as api:
        await _every_operation(api)


async def _every_operation(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    await api.ask("PUT", "/Observation/o1", {"resourceType": "Observation", "id": "o1", **SAMPLE["Observation"]})
    await api.ask("PUT", "/Group/g1", {"resourceType": "Group", "id": "g1", "type": "person", "actual": True})
    named = {
        (each["type"], operation["name"])
        for each in (await statement(api))["rest"][0]["resource"]
        for operation in each.get("operation", ())
    } | {("", each["name"]) for each in (await statement(api))["rest"][0]["operation"]}
    named.remove(("", "process-message"))  # which needs a registry of senders: `test_messages` holds it
    named.remove(("Patient", "ihe-pix"))  # which needs somebody in the index: `test_matching` holds it
    named.remove(("Subscription", "status"))  # which needs one to ask about: `tests/subscriptions` holds it
    asked = {
        ("Patient", "everything"): ("GET", "/Patient/p1/$everything", None),
        ("Observation", "lastn"): ("GET", "/Observation/$lastn?patient=p1", None),
        ("Observation", "validate"): ("POST", "/Observation/$validate", {"resourceType": "Observation"}),
        ("Observation", "meta"): ("GET", "/Observation/o1/$meta", None),
        ("Patient", "match"): ("POST", "/Patient/$match", {"resourceType": "Parameters", "parameter": [
            {"name": "resource", "resource": {"resourceType": "Patient"}}]}),
        ("Patient", "summary"): ("GET", "/Patient/p1/$summary", None),
        ("DocumentReference", "docref"): ("GET", "/DocumentReference/$docref?patient=p1", None),
        ("Patient", "export"): ("GET", "/Patient/$export", None),
        ("Group", "export"): ("GET", "/Group/g1/$export", None),
        ("", "export"): ("GET", "/$export", None),
        ("", "import"): ("POST", "/$import", None),
    }  # fmt: skip

    assert {name for _, name in named} == {name for _, name in asked}
    for key, (method, path, body) in asked.items():
        assert key in named
        bulk = {"Prefer": "respond-async", "Content-Type": "application/fhir+ndjson"} if key[1] in ("export", "import") else {}
        assert (await api.ask(method, path, body, **bulk)).status == (202 if bulk else 200), key


async def test_every_format_that_is_told_is_written(api: Api) -> None:
    told = await statement(api)
    for each in told["format"]:
        answer = await api.ask("GET", f"/metadata?_format={each}", token="")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("application/fhir+xml" if "xml" in each else "application/fhir+json")
    assert json.dumps(told)
