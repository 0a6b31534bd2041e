"""Is what is sent FHIR R4, and nothing but numbers and addresses?"""

from datetime import UTC, datetime

import pytest

from carerecord.fhir import gates
from carerecord.fhir.bundle import parse
from carerecord.subscriptions import model, notices
from carerecord.subscriptions.store.queue import Notice
from tests.subscriptions.asked import asking

NOW = datetime(2026, 11, 22, 14, 2, 11, 120_000, UTC)
BASE = "https://record.example/fhir"
CHANGED = [
    (Notice(seq, "Observation", f"o{seq}", 3, method, "epr", NOW), seq + 6) for seq, method in enumerate("CUD", 1)
]  # fmt: skip


@pytest.fixture(scope="module")
def judging() -> gates.Gates:
    return gates.load()


def wanted(content: str) -> model.Wanted:
    payload = {"extension": [{"url": model.CONTENT, "valueCode": content}]}
    return model.wanted(asking("https://board.example/told", _payload=payload), NOW)


@pytest.mark.parametrize("content", ["id-only", "empty"])
def test_a_notice_is_a_bundle_to_the_letter_of_r4(content: str, judging: gates.Gates) -> None:
    for said in (
        notices.handshake(wanted(content), BASE, "s1", 0, NOW), notices.notification(wanted(content), BASE, "s1", CHANGED, NOW),
    ):  # fmt: skip
        assert judging.judge(parse(said), said).faults == ()


def test_an_empty_notice_names_nothing_and_one_with_ids_names_what_was_done() -> None:
    ids, empty = (notices.notification(wanted(each), BASE, "s1", CHANGED, NOW) for each in ("id-only", "empty"))
    assert b"Observation" not in empty
    told = parse(ids)["entry"][1:]
    assert [(each["fullUrl"], each["request"]["method"], each["response"]["status"]) for each in told] == [
        (f"{BASE}/Observation/o1", "POST", "201"), (f"{BASE}/Observation/o2", "PUT", "200"),
        (f"{BASE}/Observation/o3", "DELETE", "204"),
    ]  # fmt: skip
    assert not any("resource" in each for each in told)
    numbers = [each["part"][0]["valueString"] for each in parse(ids)["entry"][0]["resource"]["parameter"][4:]]
    assert numbers == ["7", "8", "9"]


def test_what_its_client_wrote_comes_back_as_it_was_with_what_this_server_says(judging: gates.Gates) -> None:
    given = asking("https://board.example/told") | {"contact": [{"system": "email", "value": "a@b.example"}]}
    said = model.written(given, id_="s1", version=2, at=NOW, status="error", error="The endpoint answered 500.")
    shown = parse(said)
    assert {name: shown[name] for name in given if name != "status"} == {
        name: given[name] for name in given if name != "status"
    }  # fmt: skip
    assert (shown["status"], shown["error"], shown["meta"]["versionId"]) == ("error", "The endpoint answered 500.", "2")
    assert judging.judge(shown, said).faults == ()
