"""Does a version answer a watch as it would answer a search, and is nothing told of what is hidden today?"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from tests.both_ways.supplies import supplies_for
from tests.conftest import TestDatabase

from carerecord.contracts.holdings import ANSWERS, WATCHABLE, WRITE, Change, Client, Reach, WriteAsked
from carerecord.contracts.watches import AnswersAsked, Changed, Watch, WatchableAsked
from carerecord.holdings import api as holdings
from carerecord.kit.errors import NotUnderstood

TRUST = Client("trust", "R9A", "Aldermoor", chooses_ids=True)
SEALED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
FINAL = Watch((("patient", "p1"), ("status", "final")), Reach(("Observation",)))
AMENDED = Watch((("status", "amended"),), Reach(("Observation",)))
ELSEWHERE = Watch((), Reach(("Encounter",)))
ONE = Watch((), Reach(("Observation",), ("p2",)))


def result(status: str, **more: Any) -> dict[str, Any]:
    said = {"resourceType": "Observation", "id": "o1", "status": status, "code": {"text": "K"}}
    return {**said, "subject": {"reference": "Patient/p1"}, **more}


async def test_each_version_answers_for_itself_and_a_deletion_for_what_it_deleted_unless_it_is_hidden_today(
    service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path
) -> None:
    part = holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))
    await part.start()
    ask = {each.question: each.handler for each in part.answers}

    async def write(method: str, resource: dict[str, Any] | None = None) -> None:
        raw = Raw(json.dumps(resource).encode()) if resource else Raw(b"null")
        (done,) = await ask[WRITE](WriteAsked(TRUST, Reach(), (Change(method, "Observation", "o1", raw),)))
        assert done.status < 300, done

    async def told(version: int, *watches: Watch, gone: bool = False) -> tuple[bool, ...]:
        (found,) = await ask[ANSWERS](AnswersAsked("Observation", (Changed("o1", version, gone),), watches))
        return tuple(found.answers)

    await write("update", result("final"))
    await write("update", result("amended"))
    every = (FINAL, AMENDED, ELSEWHERE, ONE)
    assert await told(1, *every) == (True, False, False, False)
    assert await told(2, *every) == (False, True, False, False)
    both = await ask[ANSWERS](AnswersAsked("Observation", (Changed("o1", 2), Changed("o1", 1), Changed("o1", 2)), (AMENDED,)))
    assert [(each.answers[0], each.patient, each.section) for each in both] == [
        (True, "p1", "observations"), (False, "p1", "observations"), (True, "p1", "observations"),
    ]  # fmt: skip
    await write("delete")
    assert await told(3, *every, gone=True) == (False, True, False, False)
    assert await told(9, *every) == (False, False, False, False)
    await write("update", result("final", meta=SEALED))
    for version in (1, 2, 3, 4):
        hidden = await told(version, *every, gone=version == 3)
        assert hidden == (False, False, False, False), "what is sealed today hides what it was"


@pytest.mark.parametrize(
    ("type_", "name"),
    [("Observation", "patient.name"), ("Observation", "_has:Provenance:target:agent"), ("Observation", "_count"),
     ("Observation", "colour"), ("Binary", "_id"), ("Nothing", "_id"), ("Observation", "code:in"), ("Observation", "date")],
)  # fmt: skip
async def test_what_a_resource_cannot_answer_by_itself_is_no_watch(
    type_: str, name: str, service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path
) -> None:
    part = holdings.build(supplies_for("holdings", await service_database("holdings"), data_dir=tmp_path))
    await part.start()
    ask = {each.question: each.handler for each in part.answers}
    with pytest.raises(NotUnderstood) as refused:
        await ask[WATCHABLE](WatchableAsked(type_, ((name, "Quillfeather"),)))
    assert "Quillfeather" not in refused.value.says
