"""Does every notice arrive, in order, though an endpoint hangs or is down, or we are killed? Is nobody told what may not be?"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Raw, json

from carerecord.contracts.subscriptions import AMEND, RESUME, AmendAsked, ResumeAsked, Subscriber
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.subscriptions import matching
from carerecord.subscriptions.matching import BROKEN, FULL
from tests.conftest import TestDatabase
from tests.subscriptions.alone import BASE, BOARD, Alone, Neighbours, alone
from tests.subscriptions.asked import asking
from tests.subscriptions.conftest import Got, Hook, listening

Databases = Callable[[str], Awaitable[TestDatabase]]
OTHER = Subscriber("other", "R9A", "Another", ("system/*.rs",))


async def waiting(made: Alone, id_: str, many: int) -> None:
    for _ in range(500):
        if (await made.standing(id_)).waiting == many:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await made.standing(id_))


async def tried(made: Alone, id_: str, times: int = 1) -> None:
    for _ in range(500):
        if (await made.standing(id_)).tries >= times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await made.standing(id_))


async def test_while_an_endpoint_is_down_nothing_is_lost_and_the_order_is_kept(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path) as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        hook.status = 503
        for number in range(1, 31):
            await made.change(f"o{number}")
        await waiting(made, id_, 30)
        await tried(made, id_)
        assert "answered 503" in (await made.standing(id_)).error
        hook.status = 200
        await hook.until(lambda each: len(each.events) == 30)
        assert hook.events == [(number, f"Observation/o{number}") for number in range(1, 31)]
        await waiting(made, id_, 0)
        assert (await made.standing(id_)).error == ""


async def test_an_endpoint_that_hangs_holds_up_nobody_else(service_database: Databases, tmp_path: Path, hook: Hook) -> None:
    database = await service_database("subscriptions")
    async with listening() as slow, alone(database, tmp_path, within_s="30") as made:
        slow_ids = [await made.subscribe(f"{slow.address}/told") for _ in range(9)]  # more lanes than one client is given
        await made.subscribe(f"{hook.address}/told", by=OTHER)
        released = asyncio.Event()

        async def hang(_: Got) -> None:
            await released.wait()

        slow.before = hang
        await made.change("o1")
        await hook.until(lambda each: each.events == [(1, "Observation/o1")])
        assert slow.events == [], "it hangs still"
        released.set()
        await slow.until(lambda each: len(each.events) == len(slow_ids))


async def test_killed_between_what_was_sent_and_what_is_remembered_it_is_sent_again_under_its_number(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    """kill -9, once the endpoint has the notice and before it has answered."""
    database = await service_database("subscriptions")
    async with alone(database, tmp_path) as made:
        await made.subscribe(f"{hook.address}/told")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    command = [sys.executable, "-m", "tests.subscriptions.alone", database.dsn, str(tmp_path)]
    process = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    seen: list[tuple[int, str]] = []

    async def kill(got: Got) -> None:
        seen.extend(got.events)
        process.kill()
        process.wait()

    try:
        assert process.stdout is not None
        while await asyncio.to_thread(process.stdout.readline) != b"ready\n":
            assert process.poll() is None
        hook.before = kill
        hook.status = 500  # were it answered, it would not count
        await made.change("o1", "o2")
        for _ in range(500):
            if seen:
                break
            await asyncio.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    assert seen[0] == (1, "Observation/o1")
    hook.before, hook.status = None, 200
    await database.pool.execute("UPDATE subscription SET taken_until = now()")  # or it would wait until the dead one is given up
    async with alone(database, tmp_path):
        await hook.until(lambda each: len(each.events) >= 2)
    assert hook.events == [(1, "Observation/o1"), (2, "Observation/o2")]


async def test_one_whose_endpoint_stays_away_is_parked_and_goes_on_where_it_was_when_somebody_says_so(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path, most_tries="3") as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        hook.status = 500
        await made.change("o1")
        parked = await made.until(id_, "error")
        assert parked.error == "The endpoint answered 500."
        await made.change("o2")
        await waiting(made, id_, 2)
        hook.status = 200
        await asyncio.sleep(0.3)
        assert hook.events == [], "nobody has said so yet"
        assert (await made.ask(RESUME, ResumeAsked(id_))).status == "requested"
        await hook.until(lambda each: len(each.events) == 2)
        assert [each.kind for each in hook.got[:2]] == ["handshake", "handshake"], "its endpoint is asked anew"
        assert hook.events == [(1, "Observation/o1"), (2, "Observation/o2")]
        with pytest.raises(NotFound):
            await made.ask(RESUME, ResumeAsked("none"))


async def test_it_is_active_only_once_its_endpoint_has_answered(service_database: Databases, tmp_path: Path, hook: Hook) -> None:
    async with alone(await service_database("subscriptions"), tmp_path) as made:
        hook.status = 404
        id_ = await made.subscribe(f"{hook.address}/told", active=False)
        await made.change("o1")
        assert "answered 404" in (await made.until(id_, "error")).error
        hook.status = 200
        again = Raw(json.encode(asking(f"{hook.address}/told")))
        assert (await made.ask(AMEND, AmendAsked(BOARD, id_, again, BASE))).status == "requested"
        await made.until(id_, "active")
        await made.change("o2")
        await hook.until(lambda each: bool(each.events))
        assert hook.events == [(1, "Observation/o2")], "what changed before it was active is not told"


async def test_what_may_not_be_told_is_let_go_and_leaves_no_gap_in_the_numbers(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    """An objection said after the change, a resource sealed since: what counts is the moment of telling."""
    beside = Neighbours()
    async with alone(await service_database("subscriptions"), tmp_path, neighbours=beside) as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        hook.status = 503
        await made.change("o1", source="epr")
        await made.change("o2", source="lab")
        await made.change("o3", "o4", source="epr")
        await waiting(made, id_, 4)
        beside.refuses.add("lab")
        beside.hidden.add("o3")
        await tried(made, id_, (await made.standing(id_)).tries + 2)  # the one that was under way may have been asked for before
        hook.status = 200
        await hook.until(lambda each: len(each.events) == 2)
        await waiting(made, id_, 0)
        numbered = {about for _, about in hook.events}
        assert numbered == {"Observation/o1", "Observation/o4"}
        assert (await made.standing(id_)).kept_back == 2
        asked = {(each.person, each.about.section, each.actor.organisation) for each in beside.asked}
        assert asked == {(("n1",), "results", "R9A")}


async def test_while_policy_cannot_be_asked_nobody_is_told_and_the_endpoint_is_not_blamed(
    service_database: Databases, tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carerecord.subscriptions.delivering._AFTER_OURS_S", 0.05)
    beside = Neighbours(away=True)
    async with alone(await service_database("subscriptions"), tmp_path, neighbours=beside) as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        await made.change("o1")
        await waiting(made, id_, 1)
        await asyncio.sleep(0.3)
        standing = await made.standing(id_)
        assert (hook.events, standing.waiting, standing.tries, standing.error) == ([], 1, 0, "")
        beside.away = False
        await hook.until(lambda each: each.events == [(1, "Observation/o1")])


async def test_a_client_that_is_revoked_is_told_nothing_more(service_database: Databases, tmp_path: Path, hook: Hook) -> None:
    beside = Neighbours()
    async with alone(await service_database("subscriptions"), tmp_path, neighbours=beside) as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        beside.revoked.add("board")
        await made.change("o1")
        for _ in range(500):
            if (await made.standing(id_)).kept_back == 1:
                break
            await asyncio.sleep(0.02)
        assert (hook.events, (await made.standing(id_)).waiting) == ([], 0)


async def test_one_whose_criteria_are_not_understood_any_more_is_turned_off_and_holds_up_nobody(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    beside = Neighbours()
    async with alone(await service_database("subscriptions"), tmp_path, neighbours=beside) as made:
        await made.subscribe(f"{hook.address}/told")
        broken = await made.subscribe(f"{hook.address}/told", channel={"criteria": "Observation?colour=red"})
        beside.broken = ("colour", "red")
        await made.change("o1")
        await hook.until(lambda each: each.events == [(1, "Observation/o1")])
        assert (await made.until(broken, "off")).error == BROKEN


async def test_it_ends_when_it_said_and_nothing_grows_without_an_end(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path, most_waiting="5", most="2") as made:
        ends = (datetime.now(UTC) + timedelta(seconds=0.8)).isoformat()
        id_ = await made.subscribe(f"{hook.address}/told", end=ends)
        full = await made.subscribe(f"{hook.address}/told")
        with pytest.raises(NotAcceptable, match="2 subscriptions at most"):
            await made.subscribe(f"{hook.address}/told")
        assert (await made.until(id_, "off")).error == "It has reached its end."
        hook.status = 500
        await made.change(*[f"o{number}" for number in range(4)])
        await waiting(made, full, 4)
        await tried(made, full)
        await made.change(*[f"n{number}" for number in range(4)])
        assert (await made.until(full, "off")).error == FULL
        assert (await made.standing(full)).waiting == 0


def hanging(hook: Hook) -> tuple[asyncio.Event, asyncio.Event]:
    """It answers nobody until the second is set; the first says that somebody asks."""
    begun, released = asyncio.Event(), asyncio.Event()

    async def hang(_: Got) -> None:
        begun.set()
        await released.wait()

    hook.before = hang
    return begun, released


async def test_an_endpoint_that_takes_less_than_comes_is_given_longer_and_not_for_ever(
    service_database: Databases, tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "COUNTED_EVERY_S", 0.0)
    async with alone(await service_database("subscriptions"), tmp_path, most_waiting="2", within_s="10") as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        begun, released = hanging(hook)
        await made.change(*[f"o{number}" for number in range(2 * matching.PATIENCE)])
        await begun.wait()
        await waiting(made, id_, 2 * matching.PATIENCE)
        assert (await made.standing(id_)).status == "active"
        await made.change("one-more")
        assert (await made.until(id_, "off")).error == FULL
        released.set()


async def test_one_that_ends_while_it_is_told_is_over_for_that_reason_though_its_endpoint_answers(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path, within_s="10") as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        begun, released = hanging(hook)
        await made.change("o1")
        await begun.wait()
        await made.pool.execute("UPDATE subscription SET ends_at = now()")
        await made.until(id_, "off")
        released.set()
        await asyncio.sleep(0.3)
        standing = await made.standing(id_)
        assert (standing.status, standing.error) == ("off", "It has reached its end.")


async def test_one_that_is_set_to_rest_while_its_last_try_is_under_way_rests_though_that_fails(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path, most_tries="1", within_s="10") as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        begun, released = hanging(hook)
        hook.status = 500
        await made.change("o1")
        await begun.wait()
        resting = Raw(json.encode(asking(f"{hook.address}/told") | {"status": "off"}))
        await made.ask(AMEND, AmendAsked(BOARD, id_, resting, BASE))
        released.set()
        await asyncio.sleep(0.3)
        standing = await made.standing(id_)
        assert (standing.status, standing.error, standing.waiting) == ("off", "", 0)


async def test_one_that_is_set_anew_while_it_is_told_bears_no_fault_of_its_old_endpoint(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with listening() as old, alone(await service_database("subscriptions"), tmp_path, within_s="10") as made:
        id_ = await made.subscribe(f"{old.address}/told")
        begun, released = hanging(old)
        old.status = 500
        await made.change("o1")
        await begun.wait()
        await made.ask(AMEND, AmendAsked(BOARD, id_, Raw(json.encode(asking(f"{hook.address}/told"))), BASE))
        asked, answered = hanging(hook)
        released.set()
        await asked.wait()
        standing = await made.standing(id_)
        assert (standing.status, standing.error, standing.tries) == ("requested", "", 0)
        answered.set()
        await hook.until(lambda each: each.events == [(1, "Observation/o1")])


async def test_what_waits_of_another_type_than_it_asks_for_now_is_not_told(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path, handshake_tries="100") as made:
        id_ = await made.subscribe(f"{hook.address}/told")
        hook.status = 503
        await made.change("o1")
        await waiting(made, id_, 1)
        conditions = Raw(json.encode(asking(f"{hook.address}/told", "Condition?patient=p1")))
        await made.ask(AMEND, AmendAsked(BOARD, id_, conditions, BASE))
        hook.status = 200
        await waiting(made, id_, 0)
        assert (hook.events, (await made.standing(id_)).kept_back) == ([], 1)


async def test_two_processes_on_one_database_tell_everything_once(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    database = await service_database("subscriptions")
    async with alone(database, tmp_path) as made, alone(database, tmp_path) as twin:
        await made.subscribe(f"{hook.address}/told")
        for number in range(1, 41):
            await (made if number % 2 else twin).change(f"o{number}")
        await hook.until(lambda each: len(each.events) >= 40)
        await asyncio.sleep(0.1)
    assert hook.events == [(number, f"Observation/o{number}") for number in range(1, 41)]


async def test_without_a_payload_the_post_is_empty_and_there_is_one_for_each_change(
    service_database: Databases, tmp_path: Path, hook: Hook
) -> None:
    async with alone(await service_database("subscriptions"), tmp_path) as made:
        await made.subscribe(f"{hook.address}/told", channel={"payload": None, "_payload": None})
        await made.change("o1", "o2")
        await hook.until(lambda each: len(each.got) == 3)
    assert {each.body for each in hook.got} == {b""}
