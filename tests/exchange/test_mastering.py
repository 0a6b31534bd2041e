"""Must a write say what it replaces, wherever this is the only copy, and from the moment on at which it becomes that?"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.conftest import Api, serving
from tests.exchange.test_importing import finished, sent

from carerecord.app.postgres import Cluster
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.holdings.loading import Loader
from carerecord.kit.errors import Unavailable

LAB = """
[[source]]
id = "lab"
organisation = "R9A"
name = "Aldermoor laboratory"
kind = "pathology"
connector = "none"
sections = ["results", "alerts"]
arrangement = "copy"
"""
RESULT = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "K"}}
FLAG = {"resourceType": "Flag", "id": "f1", "status": "active", "code": {"text": "K"}, "subject": {"reference": "Patient/p1"}}
TOUCH = [{"op": "add", "path": "/language", "value": "cy"}]


@pytest.fixture
async def lab(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Api]:
    """The API as the laboratory's client meets it."""
    async with serving(cluster, tmp_path, "sources") as made:
        await arranged(made, tmp_path, LAB)
        made.token = await made.token_with("system/*.cruds", source="lab")
        yield made


async def arranged(api: Api, folder: Path, text: str) -> None:
    calls = api.house.calls("exchange")
    before = (await calls.ask(REGISTRY, RegistryAsked())).registry
    (folder / "sources" / "region.toml").write_text(text)
    for _ in range(100):
        found = (await calls.ask(REGISTRY, RegistryAsked(before.version if before else ""))).registry
        if found is not None and found.sources:
            assert found.problems == ()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the registry has not taken its file in")


def a_batch(kind: str, *changes: tuple[str, str, Any]) -> dict[str, Any]:
    entries = [
        {"request": {"method": method, "url": url}, **({"resource": body} if body else {})} for method, url, body in changes
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


async def test_what_becomes_the_only_copy_is_replaced_blindly_no_more_and_what_stops_being_it_is_again(lab: Api, tmp_path: Path):
    async def blindly() -> list[int]:
        """By a plain update, a patch, and both kinds of bundle."""
        plain = await lab.ask("PUT", "/Observation/o1", RESULT)
        patched = await lab.ask("PATCH", "/Observation/o1", TOUCH)
        together = await lab.ask("POST", "/", a_batch("transaction", ("PUT", "Observation/o1", RESULT)))
        apart = await lab.ask("POST", "/", a_batch("batch", ("PUT", "Observation/o1", RESULT)))
        return [plain.status, patched.status, together.status, int(apart.json["entry"][0]["response"]["status"])]

    assert [(await lab.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)).status for each in (RESULT, FLAG)] == [201, 201]
    assert await blindly() == [200, 200, 200, 200]

    await arranged(lab, tmp_path, LAB + 'arrangements = { results = "master" }\n')
    assert await blindly() == [412, 412, 412, 412]
    assert (await lab.ask("DELETE", "/Observation/o1")).status == 412
    assert (await lab.ask("PUT", "/Flag/f1", FLAG)).status == 200, "its section is a copy still"
    assert (await lab.ask("PUT", "/Observation/o2", {**RESULT, "id": "o2"})).status == 201, "it replaces nothing"
    stands = (await lab.ask("GET", "/Observation/o1")).headers["ETag"]
    assert (await lab.ask("PUT", "/Observation/o1", RESULT, If_Match=stands)).status == 200
    refused = await lab.ask("PUT", "/Observation/o1", RESULT, If_Match=stands)
    assert refused.status == 412, "somebody has written it since"

    await arranged(lab, tmp_path, LAB)
    assert await blindly() == [200, 200, 200, 200]


async def test_an_import_replaces_blindly_no_more_once_its_client_looks_and_what_it_replaces_is_the_only_copy(
    lab: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert (await lab.ask("PUT", "/Observation/o1", RESULT)).status == 201
    goes_on, real = asyncio.Event(), Loader._filed_once

    async def waits(*told: Any) -> bool:
        await goes_on.wait()
        return await real(*told)

    monkeypatch.setattr(Loader, "_filed_once", waits)
    begun = await sent(lab, b"\n".join(json.dumps(each).encode() for each in (RESULT, {**RESULT, "id": "o2"})))
    await arranged(lab, tmp_path, LAB + 'arrangements = { results = "master" }\n')
    assert (await lab.ask("GET", begun.headers["Content-Location"].removeprefix(lab.base))).status == 202
    goes_on.set()
    report = await finished(lab, begun)
    assert (report["kept"], report["refused"]) == (1, 1), "o2 replaces nothing"
    (refused,) = (await lab.ask("GET", report["error"][0]["url"].removeprefix(lab.base))).body.splitlines()
    assert b"Line 1: Say which version this replaces" in refused


async def test_where_the_registry_cannot_be_asked_nothing_is_replaced_blindly(lab: Api, monkeypatch: pytest.MonkeyPatch):
    await lab.ask("PUT", "/Observation/o1", RESULT)
    real = type(lab.house.calls("exchange")).ask

    async def silent(calls: Any, question: Any, asked: Any) -> Any:
        if question is REGISTRY:
            raise Unavailable("The sources service does not answer.", service="sources")
        return await real(calls, question, asked)

    monkeypatch.setattr(type(lab.house.calls("exchange")), "ask", silent)
    blind, seeing = [await lab.ask("PUT", "/Observation/o1", RESULT, **sent) for sent in ({}, {"If_Match": 'W/"1"'})]

    assert (blind.status, seeing.status) == (503, 200)
    assert "Send If-Match" in blind.json["issue"][0]["diagnostics"]
