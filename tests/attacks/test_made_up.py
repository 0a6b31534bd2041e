"""Does the FHIR API stand whatever is sent? Requests that schemathesis makes up from what the API says of itself.

The description is derived from the capability statement: an interaction that is claimed is one that is tried.
"""

import asyncio
import io
import random
from collections.abc import Container
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.core.result import Ok
from tests.attacks import made_up
from tests.attacks.conftest import kept, patient, result
from tests.exchange.conftest import Answer, Api, serving

from carerecord.app.postgres import Cluster

TYPES = ("Patient", "Observation")
EACH = 10  # requests of each interaction
AT_ONCE = 8  # types
OWNERS = ("patients", "consent", "records")  # of the types that holdings does not keep
FHIR = "application/fhir+json"
TEXT = {"type": "string"}
ID = {"name": "id", "in": "path", "required": True, "schema": {"anyOf": [{"enum": ["p1", "o1", "none"]}, TEXT]}}
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"anyOf": [{"enum": ["1", "2"]}, TEXT]}}
HEADERS = [
    {"name": name, "in": "header", "schema": {"anyOf": [{"enum": known}, {"type": "string", "maxLength": 40}]}}
    for name, known in (
        ("If-Match", ['W/"1"']), ("If-None-Match", ['W/"1"']), ("If-None-Exist", ["identifier=1"]),
        ("Prefer", ["return=minimal"]), ("Accept", [FHIR, "application/fhir+xml", "*/*"]),
        ("If-Modified-Since", ["Sun, 22 Nov 2026 06:00:00 GMT"]),
    )
]  # fmt: skip


def described(statement: dict[str, Any], whole: Container[str], sampled: Container[str]) -> dict[str, Any]:
    """OpenAPI of what a capability statement claims: of some types all, of others one interaction, and of the next another."""
    paths: dict[str, Any] = {}
    for number, told in enumerate(statement["rest"][0]["resource"]):
        if told["type"] not in whole and told["type"] not in sampled:
            continue
        type_, can = told["type"], {each["code"] for each in told["interaction"]}
        searched = [_query(each["name"]) for each in told.get("searchParam", ())]
        searched += [_query(name) for name in ("_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_page")]
        operations = {
            ("search-type", f"/{type_}", "get"): _operation([*searched, *HEADERS]),
            ("create", f"/{type_}", "post"): _operation(HEADERS, body=_resource(type_)),
            ("read", f"/{type_}/{{id}}", "get"): _operation(
                [ID, *HEADERS, _query("_summary"), _query("_elements"), _query("_format")]
            ),
            ("update", f"/{type_}/{{id}}", "put"): _operation([ID, *HEADERS], body=_resource(type_)),
            ("patch", f"/{type_}/{{id}}", "patch"): _operation([ID, *HEADERS], body=STEPS, kind="application/json-patch+json"),
            ("delete", f"/{type_}/{{id}}", "delete"): _operation([ID, *HEADERS]),
            ("vread", f"/{type_}/{{id}}/_history/{{version}}", "get"): _operation([ID, VERSION]),
            ("history-instance", f"/{type_}/{{id}}/_history", "get"): _operation(
                [ID, _query("_since"), _query("_count"), _query("_page")]
            ),
        }
        claimed = [(path, method, operation) for (code, path, method), operation in operations.items() if code in can]
        mine = slice(None) if told["type"] in whole else slice(number % len(claimed), number % len(claimed) + 1)
        for path, method, operation in claimed[mine]:
            paths.setdefault(path, {})[method] = operation
    everything = [ID, *(_query(name) for name in ("_since", "_type", "_count", "_page", "start", "end"))]
    paths["/Patient/{id}/$everything"] = {"get": _operation(everything)}
    paths["/"] = {"post": _operation([], body=BUNDLE)}
    return {"openapi": "3.1.0", "info": {"title": "FHIR", "version": "4.0.1"}, "paths": paths}


class _Every:
    def __contains__(self, _: object) -> bool:
        return True


EVERY = _Every()
STEPS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": TEXT,
            "from": TEXT,
            "value": {},
        },
    },
}
BUNDLE = {
    "type": "object",
    "required": ["resourceType", "type", "entry"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "type": {"enum": ["batch", "transaction", "collection"]},
        "entry": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "fullUrl": TEXT,
                    "resource": {},
                    "request": {
                        "type": "object",
                        "properties": {
                            "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]},
                            "url": {"anyOf": [{"enum": ["Patient", "Patient/p1", "Observation?patient=p1"]}, TEXT]},
                            "ifMatch": TEXT,
                            "ifNoneExist": TEXT,
                        },
                    },
                },
            },
        },
    },
}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string", "maxLength": 30}}


def _resource(type_: str) -> dict[str, Any]:
    said = {"resourceType": {"const": type_}, "id": {"enum": ["p1", "o1"]}, "meta": {}, "name": {}, "status": {}, "code": {}}
    return {"type": "object", "required": ["resourceType"], "properties": said, "additionalProperties": True}


def _operation(parameters: list[dict[str, Any]], *, body: dict[str, Any] | None = None, kind: str = FHIR) -> dict[str, Any]:
    told: dict[str, Any] = {"parameters": parameters, "responses": {"default": {"description": "whatever FHIR says"}}}
    if body is not None:
        told["requestBody"] = {"required": True, "content": {kind: {"schema": body}}}
    return told


async def tried(api: Api, each: int, *, whole: Container[str] = (), sampled: Container[str] = ()) -> int:
    """How many requests; none of them may be answered by a fault."""
    schema = schemathesis.openapi.from_dict(described((await api.ask("GET", "/metadata", token="")).json, whole, sampled))
    signed = {"Authorization": f"Bearer {api.token}"}
    many = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @hypothesis.settings(
            max_examples=each, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def stands(case: Any) -> None:
            nonlocal many
            many += 1
            answer = case.call(base_url=api.base, headers=signed)
            assert answer.status_code < 500, (case.as_curl_command(), answer.content[:300])

        await asyncio.to_thread(stands)
    return many


@pytest.mark.timeout(300)
async def test_no_request_that_can_be_made_up_is_answered_by_a_fault(api: Api, log: io.StringIO) -> None:
    """Cases 49, 50, 52 and 53."""
    await kept(api, patient("p1"), result("o1", "p1"))

    assert await tried(api, EACH, whole=TYPES) > 60
    assert await tried(api, 1, sampled=EVERY) > 140
    assert '"level": "error"' not in log.getvalue()


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_no_request_of_any_type_is_answered_by_a_fault(api: Api, log: io.StringIO) -> None:
    await kept(api, patient("p1"), result("o1", "p1"))

    assert await tried(api, EACH, whole=EVERY) > 5_000
    assert '"level": "error"' not in log.getvalue()


async def lives(api: Api, told: dict[str, Any], seed: int, faults: list[Any]) -> None:
    """One resource of a type comes, is read in both forms, is looked for by what its type is found by, changes and goes."""
    type_, can = told["type"], {each["code"] for each in told["interaction"]}
    chance = random.Random(f"{type_} {seed}")
    names = [each["name"] for each in told.get("searchParam", ())]
    whose = {"patient": "patient=p1&"}.get(next((each for each in names if each == "patient"), ""), "")

    async def asks(method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        answer = await api.ask(method, path, body, **headers)
        if answer.status >= 500:
            faults.append((type_, seed, method, path, body, answer.body[:300]))
        return answer

    made = await asks("POST", f"/{type_}", made_up.resource(type_, chance))
    id_ = made.json["id"] if made.status == 201 else "none"
    await asks("GET", f"/{type_}/{id_}", Accept="application/fhir+xml")
    for name in chance.sample(names, min(1, len(names))):
        modifier = chance.choice(("", "", ":missing", ":not", ":text", ":identifier", ":above", ":exact", ":Patient"))
        await asks("GET", f"/{type_}?{whose}{quote(name + modifier)}={quote(made_up.asked(chance))}&_include=*")
    if names and "search-type" in can:
        await asks("GET", f"/{type_}?{whose}_id={id_}&_sort={quote(chance.choice(names))}&_elements=status,text&_total=accurate")
    await asks("PUT", f"/{type_}/{id_}", made_up.resource(type_, chance, id_))
    await asks("DELETE", f"/{type_}/{id_}")


async def of_every_type(api: Api, seeds: range) -> list[Any]:
    """The faults. What faulty clients send is kept and indexed, where their faults are taken as warnings."""
    await kept(api, patient("p1"), result("o1", "p1"))
    scopes = ("system/*.cruds", "system/Consent.crus", "system/AuditEvent.rs")
    api.token = await api.token_with(*scopes, on_invalid="annotate")
    types = (await api.ask("GET", "/metadata", token="")).json["rest"][0]["resource"]
    assert len(types) > 140
    faults: list[Any] = []
    for begun in range(0, len(types), AT_ONCE):
        await asyncio.gather(*(lives(api, told, seed, faults) for told in types[begun : begun + AT_ONCE] for seed in seeds))
    return faults


@pytest.mark.timeout(120)
async def test_no_resource_of_any_type_can_be_so_made_that_it_is_answered_by_a_fault(
    cluster: Cluster, tmp_path: Path, log: io.StringIO
) -> None:
    """Cases 49, 50, 52 and 53."""
    async with serving(cluster, tmp_path, *OWNERS) as whole:
        assert await of_every_type(whole, range(1)) == []

    assert '"level": "error"' not in log.getvalue()


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_no_resource_of_any_type_is_answered_by_a_fault_however_often_one_is_made_up(
    cluster: Cluster, tmp_path: Path, log: io.StringIO
) -> None:
    async with serving(cluster, tmp_path, *OWNERS) as whole:
        assert await of_every_type(whole, range(1, 40)) == []

    assert '"level": "error"' not in log.getvalue()
