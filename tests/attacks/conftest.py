"""The FHIR API as an attacker meets it: over a real port, with everything real behind it, and its log to be read."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from tests.exchange.conftest import Api, api  # noqa: F401 - the fixture
from tests.subscriptions.conftest import hook, told  # noqa: F401 - fixtures

from carerecord.contracts.holdings import Client, Reach
from carerecord.kit.log import configure

# What must never leave by an error, a log line or a header. The number is of the 999 range, which nobody bears.
PLANTED_NAME = "Quillfeather"
PLANTED_NUMBER = "9990123454"
SEALED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
OF_ONE = Reach(patients=("p1",))  # as of an app that one patient has let in
APP = Client("app", "R9A", "An app")


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    """All that was logged during this test."""
    written = io.StringIO()
    configure("DEBUG", to=written)
    yield written
    configure()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())


def patient(id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Marlow"}], **more}


def result(id_: str, whose: str, code: str = "2823-3", **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": coded, "subject": {"reference": f"Patient/{whose}"},
        **more,
    }  # fmt: skip


async def kept(api: Api, *resources: dict[str, Any]) -> None:  # noqa: F811
    for each in resources:
        answer = await api.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)
        assert answer.status in (200, 201), answer.body


def refused(answer: Any, *statuses: int) -> None:
    """Refused in FHIR's words, and with none of what was sent."""
    assert answer.status in statuses, (answer.status, answer.body[:400])
    assert answer.json["resourceType"] == "OperationOutcome"
    assert all(each["diagnostics"] for each in answer.json["issue"])
    assert PLANTED_NAME.encode() not in answer.body
    assert PLANTED_NUMBER.encode() not in answer.body


def shown(answer: Any) -> set[str]:
    """What a Bundle shows, as Type/id."""
    assert answer.status == 200, answer.body
    entries = [each["resource"] for each in answer.json.get("entry", ()) if "resource" in each]
    return {f"{each['resourceType']}/{each['id']}" for each in entries if each["resourceType"] != "OperationOutcome"}
