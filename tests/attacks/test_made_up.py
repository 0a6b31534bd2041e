"""Does the FHIR API stand whatever is sent? Requests that schemathesis makes up from what the API says of itself.

The description is derived from the capability statement: an interaction that is claimed is one that is tried.
"""

import asyncio
import io
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.core.result import Ok
from tests.attacks.conftest import kept, patient, result
from tests.exchange.conftest import Api

TYPES = ("Patient", "Observation")
EACH = 10  # requests of each interaction
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


def described(statement: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI of some of what a capability statement claims."""
    paths: dict[str, Any] = {}
    for told in statement["rest"][0]["resource"]:
        if told["type"] not in TYPES:
            continue
        type_, can = told["type"], {each["code"] for each in told["interaction"]}
        searched = [_query(each["name"]) for each in told["searchParam"]]
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
        for (code, path, method), operation in operations.items():
            if code in can:
                paths.setdefault(path, {})[method] = operation
    everything = [ID, *(_query(name) for name in ("_since", "_type", "_count", "_page", "start", "end"))]
    paths["/Patient/{id}/$everything"] = {"get": _operation(everything)}
    paths["/"] = {"post": _operation([], body=BUNDLE)}
    return {"openapi": "3.1.0", "info": {"title": "FHIR", "version": "4.0.1"}, "paths": paths}


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


@pytest.mark.timeout(300)
async def test_no_request_that_can_be_made_up_is_answered_by_a_fault(api: Api, log: io.StringIO) -> None:
    """Cases 49, 50, 52 and 53."""
    await kept(api, patient("p1"), result("o1", "p1"))
    schema = schemathesis.openapi.from_dict(described((await api.ask("GET", "/metadata", token="")).json))
    signed = {"Authorization": f"Bearer {api.token}"}
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @hypothesis.settings(
            max_examples=EACH, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def stands(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(base_url=api.base, headers=signed)
            assert answer.status_code < 500, (case.as_curl_command(), answer.content[:300])

        await asyncio.to_thread(stands)

    assert tried > 60
    assert '"level": "error"' not in log.getvalue()
