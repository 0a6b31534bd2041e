"""Is every line of an import filed once, whoever is killed when, and is what is bad bounded?"""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
import zstandard
from tests.holdings.conftest import ALL, TRUST, Desk

from carerecord.contracts.bulk import Load, LoadAsked, LoadFaultsAsked, LoadNamed, LoadPart
from carerecord.contracts.holdings import FindAsked
from carerecord.holdings import loading
from carerecord.holdings.lines import Lane
from carerecord.holdings.loading import LANES, Loader
from carerecord.holdings.store import loading as kept
from carerecord.kit.log import log_for


def a_loader(desk: Desk, *, group: int = 5) -> Loader:
    return Loader(desk.keeper.writer, desk.keeper.book, log_for("holdings"), group=group)


def packed(*lines: Any) -> bytes:
    told = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    return zstandard.ZstdCompressor(level=1).compress(b"\n".join(told) + b"\n")


def result(number: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "K"},
        "subject": {"reference": "Patient/p1"}, **more,
    }  # fmt: skip


async def received(loader: Loader, *parts: bytes, lines: int, client: Any = TRUST) -> Load:
    begun = await loader.begin(LoadAsked(ALL, client))
    each = lines // len(parts)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        await loader.part(LoadPart(begun.id, number, 1 + number * each, part, client, last=last, lines=lines if last else 0))
    return begun


async def filed(loader: Loader) -> None:
    """Lane after lane, until none waits."""
    while await loader.work():
        pass


async def test_a_killed_import_goes_on_and_files_each_line_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    loader = a_loader(desk)
    parts = [packed(*[result(number) for number in range(begin, begin + 20)]) for begin in (0, 20)]
    begun = await received(loader, *parts, lines=40)
    writes, times = desk.keeper.writer.kept_and_told, 0

    async def killed(*told: Any, **more: Any) -> None:
        nonlocal times
        times += 1
        await writes(*told, **more)
        if times == 2:  # in the middle of a lane, after the write and before its commit
            raise asyncio.CancelledError

    monkeypatch.setattr(desk.keeper.writer, "kept_and_told", killed)
    with pytest.raises(asyncio.CancelledError):
        await loader.work()
    half = await loader.state(LoadNamed(begun.id, TRUST))
    assert (half.state, half.read) == ("running", half.kept)
    assert 0 < half.kept <= 5
    monkeypatch.undo()
    await filed(a_loader(desk))

    done = await loader.state(LoadNamed(begun.id, TRUST))
    assert (done.state, done.read, done.kept, done.refused) == ("done", 40, 40, 0)
    page = await desk.keeper.search(FindAsked("Observation", (("patient", "p1"), ("_count", "100")), ALL))
    assert {each.version for each in page.matches} == {1}
    assert len(page.matches) == 40
    assert await desk.database.pool.fetchval("SELECT count(*) FROM load_part") == 0


async def test_several_processes_file_one_import_and_each_line_once(desk: Desk) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    one, other = a_loader(desk), a_loader(desk)
    early = packed(*[result(number, language="cy") for number in range(40)])
    late = packed(*[result(number, language="en") for number in reversed(range(40))])
    begun = await received(one, early, late, lines=80)
    await asyncio.gather(filed(one), filed(other))
    done = await one.state(LoadNamed(begun.id, TRUST))
    page = await desk.keeper.search(FindAsked("Observation", (("patient", "p1"), ("_count", "100")), ALL))
    assert (done.state, done.kept, len(page.matches), {each.version for each in page.matches}) == ("done", 80, 40, {2})
    assert all(b'"en"' in each.text for each in page.matches), "the later line is the later version"
    assert await desk.database.pool.fetchval("SELECT count(*) FROM load_part") == 0


async def test_what_is_there_already_becomes_a_version_beside_what_is_new_in_the_same_group(desk: Desk) -> None:
    for patient in ("p1", "p2"):
        await desk.put({"resourceType": "Patient", "id": patient})
    for number in range(0, 40, 3):
        await desk.put(result(number, subject={"reference": "Patient/p2"}))
    loader = a_loader(desk)
    lines = [result(number) for number in range(40)]
    begun = await received(loader, packed(*lines[:20]), packed(*lines[20:]), lines=40)
    await filed(loader)
    done = await loader.state(LoadNamed(begun.id, TRUST))
    page = await desk.keeper.search(FindAsked("Observation", (("patient", "p1"), ("_count", "100")), ALL))
    assert (done.kept, done.refused) == (40, 0)
    assert {each.id: each.version for each in page.matches} == {f"o{number}": 1 if number % 3 else 2 for number in range(40)}
    left = await desk.keeper.search(FindAsked("Observation", (("patient", "p2"), ("_count", "100")), ALL))
    assert left.matches == ()


def test_lines_about_one_resource_are_of_one_lane_however_each_is_written():
    written = (
        b'{"resourceType":"Observation","id":"o1"}', b'{ "id" : "o1", "resourceType": "Observation"}',
        b'{"status":"final","id":"o1"}', b'{"id":"o\\u0031"}', b'{"contained":[{"id":"o2"}],"id":"o1"}',
    )  # fmt: skip
    lanes = {
        tuple(number for number in range(LANES) if Lane(number, LANES).holds(line, text)) for line, text in enumerate(written)
    }
    assert len(lanes) == 1
    assert len(*lanes) == 1, "in one, and in no other"


async def test_two_processes_in_one_lane_file_each_line_once(desk: Desk) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    one, other = a_loader(desk), a_loader(desk)
    begun = await received(one, packed(*[result(number) for number in range(40)]), lines=40)
    now = one.writer.finder.clock.now()
    await kept.opened(desk.database.pool, 1, now)
    row = await kept.lease(desk.database.pool, now, now)
    assert row is not None
    asked = LoadAsked(ALL, TRUST)
    await asyncio.gather(one._filed_whole(row, asked), other._filed_whole(row, asked))
    done = await one.state(LoadNamed(begun.id, TRUST))
    page = await desk.keeper.search(FindAsked("Observation", (("patient", "p1"), ("_count", "100")), ALL))
    assert (done.kept, len(page.matches), {each.version for each in page.matches}) == (40, 40, {1})


async def test_an_import_that_was_begun_without_lanes_goes_on_where_it_was(desk: Desk) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    loader = a_loader(desk)
    begun = await received(loader, packed(*[result(number) for number in range(20)]), lines=20)
    await desk.database.pool.execute("UPDATE load SET read = 7, kept = 7, leased_until = now() - interval '1 minute'")
    await filed(loader)
    done = await loader.state(LoadNamed(begun.id, TRUST))
    page = await desk.keeper.search(FindAsked("Observation", (("patient", "p1"), ("_count", "100")), ALL))
    assert (done.state, done.read, done.kept) == ("done", 20, 20)
    assert {each.id for each in page.matches} == {f"o{number}" for number in range(7, 20)}


async def test_while_lines_wait_nothing_of_them_can_be_read_on_the_disk(desk: Desk) -> None:
    text = packed({"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]})
    await received(a_loader(desk), text, lines=1)
    body = await desk.database.pool.fetchval("SELECT body FROM load_part")
    assert b"Quillfeather" not in body
    assert text[:40] not in body


async def test_of_many_bad_lines_the_first_are_told_and_all_are_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_TOLD", 12)
    loader = a_loader(desk)
    bad = [b'{"resourceType":"Patient","birthDate":"QUILLFEATHER"}'] * 30
    begun = await received(loader, packed(*bad), lines=30)
    await filed(loader)
    done = await loader.state(LoadNamed(begun.id, TRUST))
    assert (done.kept, done.refused, done.told) == (0, 30, 12)
    told, after = [], 0
    while (found := await loader.faults(LoadFaultsAsked(begun.id, TRUST, after))).next:
        told += [(line, status) for line, status, _ in found.faults]
        assert "QUILLFEATHER" not in str(found)
        after = found.next
    assert told == [(line, 422) for line in range(1, 13)]


async def test_a_line_that_the_store_refuses_spoils_none_beside_it(desk: Desk) -> None:
    sealed = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
    await desk.put({"resourceType": "Patient", "id": "p1"})
    for number in range(8):
        await desk.put(result(number, meta=sealed))
    loader = a_loader(desk, group=20)
    begun = await received(loader, packed(*[result(number) for number in range(16)]), lines=16)
    await filed(loader)
    done = await loader.state(LoadNamed(begun.id, TRUST))
    assert (done.kept, done.refused) == (8, 8)
    found = await loader.faults(LoadFaultsAsked(begun.id, TRUST))
    assert [(line, status) for line, status, _ in found.faults] == [(line, 404) for line in range(1, 9)]


async def test_where_two_wait_for_each_other_what_is_there_is_locked_first_and_nothing_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    loader, tried = a_loader(desk, group=100), list[bool]()
    begun = await received(loader, packed(*[result(number) for number in range(8)]), lines=8)
    writes = desk.keeper.writer.kept_and_told

    async def crossed(*told: Any, new: bool) -> None:
        tried.append(new)
        if new:
            raise asyncpg.DeadlockDetectedError
        await writes(*told, new=new)

    monkeypatch.setattr(desk.keeper.writer, "kept_and_told", crossed)
    await filed(loader)

    done = await loader.state(LoadNamed(begun.id, TRUST))
    assert (done.state, done.kept, done.refused) == ("done", 8, 0)
    assert tried == [True, False] * (len(tried) // 2)


async def test_the_same_resource_twice_becomes_two_versions_in_the_order_of_the_lines(desk: Desk) -> None:
    await desk.put({"resourceType": "Patient", "id": "p1"})
    loader = a_loader(desk, group=20)
    await received(loader, packed(result(1, language="cy"), result(1, language="en"), result(2)), lines=3)
    await filed(loader)
    held = await desk.read("Observation", "o1")
    assert (held.version, b'"language":"en"' in held.text.replace(b" ", b"")) == (2, True)


async def test_faults_of_a_client_whose_faults_are_kept_aside_wait_for_people(desk: Desk) -> None:
    careless = type(TRUST)("lab", "R9A", "A lab", chooses_ids=True, on_invalid="quarantine")
    loader = a_loader(desk)
    begun = await received(loader, packed({"resourceType": "Patient", "birthDate": "x"}), lines=1, client=careless)
    await filed(loader)
    done = await loader.state(LoadNamed(begun.id, careless))
    found = await loader.faults(LoadFaultsAsked(begun.id, careless))
    assert (done.kept, done.refused, found.faults[0][1]) == (0, 1, 202)
    assert await desk.database.pool.fetchval("SELECT count(*) FROM aside") == 1


async def test_an_import_that_cannot_go_on_is_said_to_have_failed(desk: Desk) -> None:
    loader = a_loader(desk)
    begun = await loader.begin(LoadAsked(ALL, TRUST))
    await loader.part(LoadPart(begun.id, 0, 1, b"this is not packed", TRUST, last=True, lines=1))
    assert await loader.work()
    assert (await loader.state(LoadNamed(begun.id, TRUST))).state == "failed"
    assert not await loader.work()
