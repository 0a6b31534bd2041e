"""Does every event arrive once and in order, whatever happens to NATS and to the hearer?"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from carerecord.app.nats import NatsServer
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Event, Outbox
from carerecord.kit.hearer import run_hearer
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.noticeboard import Noticeboard, Pair
from carerecord.kit.part import Heard
from carerecord.kit.relay import oldest_unheard, run_relay
from tests.conftest import TestDatabase


class Moved(msgspec.Struct, frozen=True):
    number: int


@dataclass
class World:
    """A teller and a hearer with a database each; the hearer keeps what it heard in a table that allows doubles."""

    teller: str
    nats: NatsServer
    told: TestDatabase
    hears: TestDatabase
    outbox: Outbox
    board: Noticeboard
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def relay(self, **changed: Any) -> asyncio.Task[None]:
        return self._run(run_relay(outbox=self.outbox, hearer="locator", **(self._around("patients") | changed)))

    def hearer(
        self, effect: Callable[..., Awaitable[None]] | None = None, afterwards: Callable[[], None] | None = None
    ) -> asyncio.Task[None]:
        heard = Heard(self.teller, ("Moved",), effect or keep, afterwards)
        return self._run(run_hearer(service="locator", heard=heard, pool=self.hears.pool, **self._around("locator")))

    def _around(self, service):
        return {"board": self.board, "clock": SystemClock(), "log": log_for(service), "metrics": Metrics(service)}

    def _run(self, coroutine) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(coroutine))
        return self.tasks[-1]

    async def say(self, *numbers: int) -> None:
        await asyncio.gather(*(self.outbox.announce("Moved", Moved(n)) for n in numbers))

    async def say_apart(self, *numbers: int) -> None:
        """Each in a message of its own: the next is said when the one before has been published."""
        for number in numbers:
            before = await self.messages()
            await self.say(number)
            while await self.messages() == before:
                await asyncio.sleep(0.05)

    async def messages(self) -> int:
        """How many have not been heard."""
        stream = Pair(self.teller, "locator").stream
        return int((await (await self.board.jetstream()).stream_info(stream)).state.messages)

    async def heard(self) -> list[int]:
        return [row["number"] for row in await self.hears.pool.fetch("SELECT number FROM kept ORDER BY place")]

    async def hears_all(self, numbers, within_s: float = 20.0) -> None:
        """Wait until as many were heard, and a little longer for doubles, then compare."""
        expected, until = list(numbers), time.monotonic() + within_s
        while len(await self.heard()) < len(expected) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert await self.heard() == expected


async def keep(connection: Any, events: Sequence[Event]) -> None:
    numbers = [(event.read(Moved).number,) for event in events]
    await connection.executemany("INSERT INTO kept (number) VALUES ($1)", numbers)


async def end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def world(nats: NatsServer, service_database) -> AsyncIterator[World]:
    told, hears = await service_database("patients"), await service_database("locator")
    await hears.pool.execute("CREATE TABLE kept (place bigserial PRIMARY KEY, number integer)")
    outbox = Outbox(told.pool, told.name, SystemClock())
    world = World(told.name, nats, told, hears, outbox, Noticeboard(nats.url, log_for("test")))
    yield world
    await end(*world.tasks)
    if not nats.alive:
        nats.start()
    with contextlib.suppress(Exception):
        await (await world.board.jetstream()).delete_stream(Pair(told.name, "locator").stream)
    await world.board.close()


async def test_ten_thousand_events_arrive_once_and_in_order(world):
    world.relay()
    world.hearer()

    for start in range(0, 10_000, 1_000):
        await world.say(*range(start, start + 1_000))

    await world.hears_all(range(10_000), within_s=40)


async def test_whoever_looks_when_something_was_heard_finds_it_though_its_commit_is_slow(world):
    await world.hears.pool.execute(
        """
        CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION slowly();
        """
    )
    looks: asyncio.Queue[asyncio.Task[list[int]]] = asyncio.Queue()
    world.relay()
    world.hearer(afterwards=lambda: looks.put_nowait(asyncio.create_task(world.heard())))

    await world.say(1)

    assert await (await looks.get()) == [1]


async def test_an_event_whose_transaction_began_first_and_ended_last_is_heard_and_in_its_place(world):
    world.relay()
    world.hearer()
    async with world.told.pool.acquire() as slow:
        began = slow.transaction()
        await began.start()
        await world.outbox.announce("Moved", Moved(0), slow)
        await world.say(1, 2)
        await asyncio.sleep(1.5)
        early = await world.heard()
        await began.commit()

    assert early == [], "1 and 2 wait, for 0 may still come before them"
    await world.hears_all([0, 1, 2])


async def test_a_hearer_that_wants_some_kinds_is_told_those_and_passes_the_others(world):
    world.relay(kinds=("Moved",))
    world.hearer()
    for number in range(5):
        await world.say(number)
        await world.outbox.announce("Other", Moved(100 + number))

    await world.hears_all(range(5))
    await asyncio.sleep(1.5)
    assert await oldest_unheard(world.outbox, "locator", ("Moved",)) is None


async def test_a_lag_of_over_a_minute_is_measured_and_alarms_while_nats_is_away(world):
    class Later:
        def now(self):
            return SystemClock().now() + timedelta(seconds=90)

    world.nats.kill()
    metrics = Metrics("patients")
    with capture_logs() as logs:
        world.relay(clock=Later(), metrics=metrics)
        await world.say(1)
        for _ in range(100):
            if any(each["event"] == "events.lagging" for each in logs):
                break
            await asyncio.sleep(0.1)

    said = next(each for each in logs if each["event"] == "events.lagging")
    assert said["log_level"] == "error"
    assert said["behind_s"] >= 90
    labels = {"service": world.teller, "hearer": "locator"}
    assert (metrics.registry.get_sample_value("carerecord_event_lag_seconds", labels) or 0) >= 90


async def test_an_event_is_heard_within_a_second(world):
    world.relay()
    world.hearer()
    await world.say(0)
    await world.hears_all([0])
    waits = []
    for number in range(1, 6):
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await world.say(number)
        while len(await world.heard()) <= number:
            await asyncio.sleep(0.01)
        waits.append(time.monotonic() - began)

    assert sorted(waits)[2] < 1.0


async def test_what_is_said_while_nats_is_down_is_heard_when_it_is_back(world):
    world.relay()
    world.hearer()
    await world.say(*range(50))
    await world.hears_all(range(50))

    os.kill(world.nats.pid, signal.SIGKILL)
    await world.say(*range(50, 100))
    await asyncio.sleep(3)
    assert await oldest_unheard(world.outbox, "locator", ()) is not None, "the lag is seen though NATS is away"
    world.nats.kill()
    world.nats.start()

    await world.hears_all(range(100))


async def test_services_start_and_announce_without_nats_and_catch_up(world):
    world.nats.kill()
    world.relay()
    world.hearer()
    await world.say(*range(20))
    await asyncio.sleep(2)

    world.nats.start()

    await world.hears_all(range(20))


async def test_when_the_files_of_nats_are_deleted_it_is_filled_again_from_the_outbox(world):
    relay = world.relay()
    hearer = world.hearer()
    await world.say(*range(30))
    await world.hears_all(range(30))
    await end(hearer)
    await world.say(*range(30, 60))  # published, and not heard yet
    await asyncio.sleep(1)
    assert not relay.done()

    world.nats.kill()
    world.nats.forget()
    world.nats.start()
    await world.say(*range(60, 70))
    world.hearer()

    await world.hears_all(range(70), within_s=30)


async def test_what_is_told_at_once_travels_in_few_messages_and_is_heard_one_by_one(world):
    world.relay()
    hearer = world.hearer()
    await world.say(0)
    await world.hears_all([0])
    await end(hearer)
    await world.say(*range(1, 151))
    while not await world.messages():
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)

    assert 1 <= await world.messages() <= 8
    world.hearer()
    await world.hears_all(range(151))


async def test_one_message_lost_by_nats_is_told_again(world):
    """Silent loss in the middle: no restart, no new stream, nothing but a gap."""
    world.relay()
    hearer = world.hearer()
    await world.say(0)
    await world.hears_all([0])
    await end(hearer)
    await world.say_apart(1, 2, 3)
    stream, jetstream = Pair(world.teller, "locator").stream, await world.board.jetstream()
    last = (await jetstream.stream_info(stream)).state.last_seq
    await jetstream.delete_msg(stream, last - 1)

    world.hearer()

    await world.hears_all([0, 1, 2, 3])


async def test_the_last_message_lost_by_nats_is_told_again(world):
    """As after a power cut before NATS had flushed: the tail is gone and nothing follows that would show the gap."""
    world.relay()
    hearer = world.hearer()
    await world.say(0)
    await world.hears_all([0])
    await end(hearer)
    await world.say_apart(1, 2)
    stream, jetstream = Pair(world.teller, "locator").stream, await world.board.jetstream()
    last = (await jetstream.stream_info(stream)).state.last_seq
    await jetstream.delete_msg(stream, last)

    world.hearer()

    await world.hears_all([0, 1, 2])


async def test_a_hearer_killed_between_effect_and_cursor_hears_it_again_and_once(world, tmp_path):
    world.relay()
    await world.say(*range(10))
    script = tmp_path / "hearer.py"
    script.write_text(textwrap.dedent(f"""
        import asyncio, os, signal
        from carerecord.kit.clock import SystemClock
        from carerecord.kit.db import open_pool
        from carerecord.kit.hearer import run_hearer
        from carerecord.kit.log import log_for
        from carerecord.kit.metrics import Metrics
        from carerecord.kit.noticeboard import Noticeboard
        from carerecord.kit.part import Heard

        async def effect(connection, events):
            await connection.executemany("INSERT INTO kept (number) VALUES ($1)", [(999,) for _ in events])
            os.kill(os.getpid(), signal.SIGKILL)

        async def main():
            await run_hearer(
                service="locator", heard=Heard({world.teller!r}, (), effect),
                pool=await open_pool({world.hears.dsn!r}, service="locator"), board=Noticeboard({world.nats.url!r}, log_for("x")),
                clock=SystemClock(), log=log_for("x"), metrics=Metrics("locator"))

        asyncio.run(main())
    """))

    def run_and_wait() -> int:
        return subprocess.Popen([sys.executable, str(script)]).wait(timeout=20)

    died_of = await asyncio.to_thread(run_and_wait)
    assert died_of == -signal.SIGKILL, "the effect was reached"
    assert await world.heard() == []

    world.hearer()

    await world.hears_all(range(10), within_s=30)


async def test_the_same_message_told_twice_has_one_effect(world):
    relay = world.relay()
    world.hearer()
    await world.say(*range(5))
    await world.hears_all(range(5))
    await end(relay)
    await world.told.pool.execute("DELETE FROM hearer")  # the relay has forgotten how far the hearer had come

    world.relay()
    await world.say(5)

    await world.hears_all(range(6))


async def test_a_hearer_whose_database_was_restored_from_a_backup_is_told_again(world):
    world.relay()
    world.hearer()
    await world.say(*range(5))
    await world.hears_all(range(5))
    await asyncio.sleep(1.2)

    async with world.hears.pool.acquire() as db, db.transaction():
        await db.execute("DELETE FROM kept")
        await db.execute("UPDATE heard SET era = 0, xid = '0', id = 0")

    await world.hears_all(range(5))


async def test_a_poison_event_is_set_aside_after_three_tries_and_later_ones_flow(world):
    tries = []

    async def picky(connection, events) -> None:
        for event in events:
            if event.read(Moved).number == 3:
                tries.append(len(events))
                await connection.execute("SELECT 1 / 0")
        await keep(connection, events)

    world.relay()
    world.hearer(picky)
    await world.say(*range(6))

    await world.hears_all([0, 1, 2, 4, 5])
    parked = await world.hears.pool.fetchrow("SELECT kind, body, error FROM parked")
    assert tuple(parked) == ("Moved", b'{"number":3}', "DivisionByZeroError")
    assert tries.count(1) >= 3


async def test_an_effect_that_needs_someone_who_is_away_waits_and_parks_nothing(world):
    away = True

    async def needs_a_neighbour(connection, events) -> None:
        if away:
            raise Unavailable("The sources service does not answer.")
        await keep(connection, events)

    world.relay()
    world.hearer(needs_a_neighbour)
    await world.say(1, 2)
    await asyncio.sleep(3)
    away = False

    await world.hears_all([1, 2], within_s=30)
    assert await world.hears.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_two_relays_and_two_hearers_of_one_pair_do_no_harm(world):
    world.relay()
    world.relay()
    world.hearer()
    world.hearer()

    for start in range(0, 600, 50):
        await world.say(*range(start, start + 50))

    await world.hears_all(range(600), within_s=30)


async def test_the_book_is_whole_until_a_moment_after_the_last_event(world):
    world.relay()
    world.hearer()
    await world.say(1)
    said_at = SystemClock().now()
    await world.hears_all([1])

    whole = None
    for _ in range(100):
        whole = await world.hears.pool.fetchval("SELECT whole_until FROM heard WHERE teller = $1", world.teller)
        if whole is not None and whole > said_at:
            break
        await asyncio.sleep(0.1)

    assert whole is not None
    assert whole > said_at


async def test_the_book_is_not_called_whole_while_nats_is_away(world):
    world.relay()
    world.hearer()
    await world.say(1)
    await world.hears_all([1])
    await asyncio.sleep(3)
    world.nats.kill()
    await world.say(2)
    said_at = SystemClock().now()
    await asyncio.sleep(3)

    whole = await world.hears.pool.fetchval("SELECT whole_until FROM heard WHERE teller = $1", world.teller)

    assert whole is not None
    assert whole < said_at
