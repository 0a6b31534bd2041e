"""Every type has an owner: Lists and Binaries lie in holdings, Consent and AuditEvent elsewhere."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster
from carerecord.exchange import binaries

pytestmark = pytest.mark.asyncio(loop_scope="module")
PDF = b"%PDF-1.4 not much of a letter"
PATIENT = {"resourceType": "Patient", "id": "p1"}
RESTRICTED = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with serving(cluster, tmp_path_factory.mktemp("owners")) as made:
        yield made


async def a_binary(api: Api, context: str = "", body: bytes = PDF, kind: str = "application/pdf") -> str:
    more = {"X-Security-Context": context} if context else {}
    made = await api.ask("POST", "/Binary", body, Content_Type=kind, **more)
    assert made.status == 201, made.body
    return str(made.json["id"])


async def test_a_list_is_kept_found_and_changed_as_any_other(api: Api):
    await api.ask("PUT", "/Patient/p8", PATIENT | {"id": "p8"})
    flag: dict[str, Any] = {"resourceType": "List", "status": "current", "mode": "working", "title": "Ward 7"}
    flag["subject"] = {"reference": "Patient/p8"}
    made = await api.ask("POST", "/List", flag)
    assert made.status == 201
    assert (await api.ask("GET", "/List?patient=p8&title=ward")).json["total"] == 1
    everything = (await api.ask("GET", "/Patient/p8/$everything")).json
    assert {each["resource"]["resourceType"] for each in everything["entry"]} == {"Patient", "List"}


async def test_bytes_come_back_as_they_were_sent_and_as_a_resource_where_fhir_is_asked_for(api: Api):
    id_ = await a_binary(api)
    plain = await api.ask("GET", f"/Binary/{id_}", Accept="*/*")
    assert (plain.status, plain.body, plain.headers["Content-Type"]) == (200, PDF, "application/pdf")
    assert (await api.ask("GET", f"/Binary/{id_}", Accept="application/pdf")).body == PDF
    assert (await api.ask("GET", f"/Binary/{id_}/_history/1", Accept="*/*")).body == PDF
    asked = await api.ask("GET", f"/Binary/{id_}", Accept="application/fhir+json")
    assert (asked.json["contentType"], base64.b64decode(asked.json["data"])) == ("application/pdf", PDF)
    in_xml = await api.ask("GET", f"/Binary/{id_}?_format=xml", Accept="*/*")
    assert in_xml.headers["Content-Type"].startswith("application/fhir+xml")
    assert (await api.ask("GET", f"/Binary/{id_}", Accept="*/*", If_None_Match=plain.headers["ETag"])).status == 304


async def test_what_is_handed_over_never_runs_as_a_page_of_ours(api: Api):
    id_ = await a_binary(api, body=b"<script>alert(1)</script>", kind="text/html")
    plain = await api.ask("GET", f"/Binary/{id_}", Accept="text/html")
    assert plain.headers["Content-Disposition"] == "attachment"
    assert plain.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in plain.headers["Content-Security-Policy"]
    odd = {"resourceType": "Binary", "contentType": "text/html\tx", "data": ""}
    made = await api.ask("POST", "/Binary", odd)
    if made.status == 201:
        told = await api.ask("GET", f"/Binary/{made.json['id']}", Accept="*/*")
        assert told.headers["Content-Type"] == "application/octet-stream"


async def test_it_is_replaced_by_bytes_too_under_the_version_that_is_named(api: Api):
    id_ = await a_binary(api)
    stale = await api.ask("PUT", f"/Binary/{id_}", b"two", Content_Type="text/plain", If_Match='W/"9"')
    done = await api.ask("PUT", f"/Binary/{id_}", b"two", Content_Type="text/plain", If_Match='W/"1"')
    assert (stale.status, done.status) == (412, 200)
    assert (await api.ask("GET", f"/Binary/{id_}", Accept="*/*")).body == b"two"
    assert (await api.ask("GET", f"/Binary/{id_}/_history/1", Accept="*/*")).body == PDF


@pytest.mark.parametrize("label", ["scope", "label", "deleted", "never there", "elsewhere"])
async def test_whoever_may_not_read_what_it_names_may_not_read_or_change_it(api: Api, label: str):
    name = f"d-{label.replace(' ', '-')}"
    letter = {
        "resourceType": "DocumentReference", "id": name, "status": "current", "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"title": "Letter"}}],
    }  # fmt: skip
    await api.ask("PUT", "/Patient/p1", PATIENT)
    await api.ask("PUT", f"/DocumentReference/{name}", letter)
    context = {"never there": "DocumentReference/d9", "elsewhere": "https://other.example/DocumentReference/d1"}
    id_ = await a_binary(api, context.get(label, f"DocumentReference/{name}"))
    token = await api.token_with("system/Binary.cruds", *(() if label == "scope" else ("system/DocumentReference.rs",)))
    if label not in context and label != "scope":
        assert (await api.ask("GET", f"/Binary/{id_}", token=token, Accept="*/*")).body == PDF
    if label == "label":
        await api.ask("PUT", f"/DocumentReference/{name}", {**letter, "meta": {"security": RESTRICTED}})
    if label == "deleted":
        await api.ask("DELETE", f"/DocumentReference/{name}")
    for method, path in (("GET", ""), ("GET", "/_history/1"), ("GET", "/_history"), ("DELETE", ""), ("PUT", "")):
        body = b"mine" if method == "PUT" else None
        answer = await api.ask(method, f"/Binary/{id_}{path}", body, token=token, Accept="*/*", Content_Type="text/plain")
        assert answer.status == 404, (method, path)
        assert PDF not in answer.body
    tested = [{"op": "test", "path": "/contentType", "value": "application/pdf"}]
    assert (await api.ask("PATCH", f"/Binary/{id_}", tested, token=token)).status == 404


async def test_no_search_include_export_or_history_of_many_brings_a_binary(api: Api):
    id_ = await a_binary(api)
    shelf: dict[str, Any] = {"resourceType": "List", "status": "current", "mode": "working"}
    shelf["entry"] = [{"item": {"reference": f"Binary/{id_}"}}]
    shelf["subject"] = {"reference": "Patient/p1"}
    await api.ask("POST", "/List", shelf)
    assert (await api.ask("GET", "/$export?_type=Binary", Prefer="respond-async")).status == 400
    for path in (f"/Binary?_id={id_}", "/Binary/_history"):
        assert (await api.ask("GET", path)).status in (400, 404, 405)
    included = (await api.ask("GET", "/List?patient=p1&_include=List:item")).json
    assert [each["resource"]["resourceType"] for each in included["entry"]] == ["List"]
    whole = (await api.ask("GET", "/_history")).json
    assert not [each for each in whole["entry"] if "Binary" in each["fullUrl"]]


async def test_more_bytes_than_are_taken_are_refused_and_bytes_without_a_type_too(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(binaries, "MOST_BYTES", 1_000)
    big = await api.ask("POST", "/Binary", b"x" * 1_001, Content_Type="application/pdf")
    assert big.status == 413
    nameless = await api.ask("POST", "/Binary", b"x", Content_Type="letter")
    assert (nameless.status, "Content-Type" in nameless.json["issue"][0]["diagnostics"]) == (400, True)


async def test_another_owners_type_in_a_transaction_is_refused_whole(api: Api):
    entry = {"resource": {"resourceType": "Consent"}, "request": {"method": "POST", "url": "Consent"}}
    patient = {"resource": {**PATIENT, "id": "p7"}, "request": {"method": "PUT", "url": "Patient/p7"}}
    told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [patient, entry]})
    assert told.status == 422
    assert (await api.ask("GET", "/Patient/p7")).status == 404
