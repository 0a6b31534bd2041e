"""Does a system hand over a message over HTTP, and does it hear what became of it?"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hl7 as hl7_library  # type: ignore[import-untyped]
import pytest
from tests.exchange.conftest import Api, serving
from tests.ingest.hl7v2.world import NHS, message
from tests.ingest.test_fhir_messages import PATIENT, VACCINE, event

from carerecord.app.postgres import Cluster

REGISTRY = """
[[source]]
id = "fenwick"
organisation = "RX1"
organisation_name = "Fenwick"
name = "Fenwick Hospital"
mark = "FH"
kind = "acute"
connector = "none"
arrangement = "copy"
sections = ["immunisations", "demographics"]
number_system = "https://fenwick.test/Id/number"

[[sender]]
id = "fenwick-pas"
source = "fenwick"
clients = ["{client}"]
sends_as = [["PAS", "RX1"]]
"""


@pytest.fixture
async def api(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(cluster, tmp_path, "sources", "patients", "locator", "ingest") as made:
        yield made


async def test_a_message_is_answered_when_it_is_durable_and_a_stranger_is_turned_away(api: Api, tmp_path: Path) -> None:
    known = await api.client("system/*.cruds")
    token = await api.issued(known)
    (tmp_path / "sources" / "region.toml").write_text(REGISTRY.format(client=known.client.id))
    path = "/$process-message"

    stranger = await api.ask("POST", path, event(VACCINE))
    assert stranger.status == 403
    assert (await api.ask("POST", path, event(VACCINE), token="")).status == 401
    taken = await _when_known(api, path, token)
    assert taken["issue"][0]["severity"] == "information"

    header = {"resourceType": "MessageHeader", "timestamp": "2026-11-22T10:00:00+00:00", "event": {"code": "v-1"}}
    entries = [{"resource": each} for each in (header, PATIENT, {"resourceType": "CarePlan", "id": "c1"})]
    partly = await api.ask("POST", path, {"resourceType": "Bundle", "type": "message", "entry": entries}, token=token)
    assert (partly.status, [each["severity"] for each in partly.json["issue"]]) == (200, ["information", "warning"])
    assert "Not carried, and to be seen in the message alone: CarePlan." in partly.json["issue"][1]["diagnostics"]

    broken = await api.ask("POST", path, {"resourceType": "Patient"}, token=token)
    assert (broken.status, broken.json["issue"][0]["severity"]) == (422, "error")
    assert "It is kept, and waits for a person here: put it right" in broken.json["issue"][0]["diagnostics"]

    acknowledged = await api.ask(
        "POST", path, message("ADT^A28", control="C77"), token=token, Content_Type="application/hl7-v2+er7"
    )
    assert acknowledged.headers["content-type"] == "application/hl7-v2+er7"
    assert str(hl7_library.parse(acknowledged.body.decode()).segment("MSA")(2)) == "C77"
    signal = {
        "specversion": "1.0",
        "id": "1",
        "source": "pds",
        "type": "pds-change-of-gp-2",
        "subject": NHS,
        "time": "2026-11-22T10:00:00Z",
    }
    signalled = await api.ask("POST", path, signal, token=token, Content_Type="application/cloudevents+json")
    assert (signalled.status, signalled.json["issue"][0]["severity"]) == (200, "information")
    other = await api.ask("POST", path, b"x", token=token, Content_Type="text/plain")
    assert (other.status, b"application/hl7-v2+er7" in other.body) == (415, True)


async def _when_known(api: Api, path: str, token: str) -> dict[str, Any]:
    """The registry is read anew every second."""
    for _ in range(60):
        answer = await api.ask("POST", path, event(VACCINE), token=token)
        if answer.status == 200:
            return dict(json.loads(answer.body))
        await asyncio.sleep(0.25)
    raise AssertionError(answer.body)
