"""Is a resource written again where the very same words stand? Who files a message twice asks that it is not."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.holdings.conftest import Desk, raw

from carerecord.contracts.holdings import Change, HistoryAsked, Reach, Written
from carerecord.holdings.store import changing
from carerecord.kit.db import Connection

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Marlow"}], "birthDate": "1948-03-14"}


async def put(desk: Desk, resource: dict[str, Any]) -> Written:
    change = Change("update", resource["resourceType"], resource["id"], raw(resource), unless="same")
    return (await desk.write(change))[0]


async def versions(desk: Desk) -> int:
    return len((await desk.keeper.history(HistoryAsked(Reach(), "Patient", "p1"))).matches)


async def test_the_same_words_are_written_once(desk: Desk):
    assert [(await put(desk, PATIENT)).status for _ in range(3)] == [201, 304, 304]
    assert await versions(desk) == 1


async def test_other_words_are_another_version_and_so_are_the_first_ones_after_them(desk: Desk):
    other = PATIENT | {"birthDate": "1948-03-15"}

    assert [(await put(desk, each)).status for each in (PATIENT, other, PATIENT)] == [201, 200, 200]
    assert await versions(desk) == 3


async def test_what_was_deleted_is_written_again(desk: Desk):
    await put(desk, PATIENT)
    await desk.write(Change("delete", "Patient", "p1"))

    assert (await put(desk, PATIENT)).status == 201


async def test_a_bundle_writes_those_that_differ_and_tells_of_them_alone(desk: Desk):
    await put(desk, PATIENT)
    note: dict[str, Any] = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "Pulse"}}
    note["subject"] = {"reference": "Patient/p1"}
    each_of: tuple[dict[str, Any], ...] = (PATIENT, note)
    both = [Change("update", each["resourceType"], each["id"], raw(each), unless="same") for each in each_of]

    assert [each.status for each in await desk.write(*both)] == [304, 201]
    told = await desk.database.pool.fetch("SELECT body FROM outbox WHERE kind = 'Kept' ORDER BY id")
    assert [b'"Patient"' in row["body"] for row in told] == [True, False]


async def test_what_is_believed_to_be_new_and_is_there_after_all_is_written_as_if_nobody_had_believed_it(desk: Desk):
    await put(desk, PATIENT)
    note: dict[str, Any] = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "Pulse"}}
    note["subject"] = {"reference": "Patient/p1"}
    other = PATIENT | {"birthDate": "1948-03-15"}

    async def believed(*each_of: dict[str, Any]) -> list[int]:
        told = [
            Change("update", each["resourceType"], each["id"], raw(each), unless="same", likely_new=True) for each in each_of
        ]
        return [each.status for each in await desk.write(*told)]

    assert await believed(note, PATIENT) == [201, 304]
    assert await believed(other, note) == [200, 304]
    assert await versions(desk) == 2


async def test_what_is_believed_to_be_new_is_not_looked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    looked: list[tuple[str, str]] = []

    async def locked(db: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], changing.Lies]:
        looked.extend(wanted)
        return {}

    monkeypatch.setattr(changing, "locked", locked)
    believed = {"p1": True, "p2": False}
    changes = [Change("update", "Patient", id_, raw(PATIENT | {"id": id_}), likely_new=new) for id_, new in believed.items()]

    assert [each.status for each in await desk.write(*changes)] == [201, 201]
    assert looked == [("Patient", "p2")]
