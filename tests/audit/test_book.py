"""Is the book whole, in order, readable by person, and does it tell when somebody tampers with it?"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from tests.conftest import TestDatabase, migration_folders

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.audit import reading
from carerecord.audit.checkpoints import Checkpoint, Checkpoints
from carerecord.audit.service import Book
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import EventsAsked, Line, LooksAsked, VerifyAsked
from carerecord.kit.clock import SystemClock
from carerecord.kit.db import open_pool
from carerecord.kit.errors import NotFound, NotUnderstood
from carerecord.kit.events import Event, Outbox
from carerecord.kit.hearer import run_hearer
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.migrate import migrate
from carerecord.kit.noticeboard import Noticeboard, Pair
from carerecord.kit.part import Heard
from carerecord.kit.relay import run_relay

OFFICER = Actor("https://issuer.example", "u-9", "Ms Example", Role("r-9", "privacy-officer", "Privacy officer", "R9A", "Trust"))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def line(minute: int, *patients: str, what: str = "record-opened") -> Line:
    return Line("", (NOON + timedelta(minutes=minute)).isoformat(), what, "records", None, patients)


def event(said: Line, id_: str = "") -> Event:
    return Event(id_ or str(uuid4()), "Line", NOON, "records", msgspec.Raw(msgspec.json.encode(said)))


@dataclass
class World:
    db: TestDatabase
    book: Book
    folder: Path

    async def take(self, *events: Event) -> None:
        async with self.db.pool.acquire() as connection, connection.transaction():
            await self.book.take(connection, events)

    async def verified(self) -> tuple[bool, int | None]:
        result = await self.book.verify(VerifyAsked())
        return result.ok, result.first_bad

    async def tamper(self, *statements: str) -> None:
        """As a superuser would, who can switch triggers off."""
        async with self.db.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)


@pytest.fixture
async def world(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> World:
    db = await service_database("audit")
    book = Book(db.pool, Checkpoints(tmp_path / "audit", b"k" * 32), SystemClock(), log_for("audit"))
    return World(db, book, tmp_path / "audit")


async def test_a_persons_looks_are_found_under_any_of_their_ids_newest_first(world: World) -> None:
    await world.take(event(line(1, "p-1")), event(line(2, "p-2", "p-3")), event(line(3, "p-9")), event(line(4, "p-1", "p-2")))

    looks = await world.book.looks(LooksAsked(person=("p-1", "p-2"), actor=OFFICER))

    assert [each.patients for each in looks.lines] == [("p-1", "p-2"), ("p-2", "p-3"), ("p-1",)]
    assert looks.next == ""


async def test_pages_join_without_a_line_lost_though_times_are_equal(world: World) -> None:
    await world.take(*(event(line(0, "p-1", what=f"w{n}")) for n in range(25)))
    seen: list[str] = []
    before = ""
    while True:
        looks = await world.book.looks(LooksAsked(person=("p-1",), most=10, before=before))
        seen += [each.what for each in looks.lines if each.what != "audit-read"]
        if not looks.next:
            break
        before = looks.next

    assert sorted(seen) == sorted(f"w{n}" for n in range(25))


async def test_a_look_at_the_book_is_a_line_of_the_book(world: World) -> None:
    await world.book.looks(LooksAsked(person=("p-1",), actor=OFFICER))

    looks = await world.book.looks(LooksAsked(person=("p-1",), actor=OFFICER))

    assert [(each.what, each.actor) for each in looks.lines] == [("audit-read", OFFICER)]


async def test_a_look_that_cannot_be_written_down_is_not_answered(world: World) -> None:
    await world.take(event(line(1, "p-1")))
    await world.db.pool.execute("ALTER TABLE line_person RENAME COLUMN seq TO number")

    with pytest.raises(asyncpg.PostgresError):
        await world.book.looks(LooksAsked())


async def test_the_same_event_told_twice_stands_once(world: World) -> None:
    twice = event(line(1, "p-1"))

    await world.take(twice, twice)
    await world.take(twice)

    assert await world.db.pool.fetchval("SELECT count(*) FROM line") == 1
    assert await world.verified() == (True, None)


async def test_what_cannot_be_read_is_kept_and_said(world: World) -> None:
    await world.take(Event(str(uuid4()), "Line", NOON, "records", msgspec.Raw(b'{"what": 7}')))

    looks = await world.book.looks(LooksAsked())

    assert [(each.what, each.outcome) for each in looks.lines] == [("unreadable", "failed")]
    assert await world.verified() == (True, None)


@pytest.mark.parametrize(
    "place",
    ["yesterday", "2026-11-22T10:00:00Z " + "9" * 30, "2026-11-22T10:00:00Z " + "9" * 5_000, "2026-11-22T10:00:00Z \u00b2",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22\0"],
)  # fmt: skip
async def test_a_malformed_place_is_not_understood(world: World, place: str) -> None:
    with pytest.raises(NotUnderstood):
        await world.book.looks(LooksAsked(before=place))
    with pytest.raises(NotUnderstood):
        await world.book.looks(LooksAsked(since="yesterday"))


def by(minute: int, name: str, role: str, organisation: str, organisation_name: str) -> Event:
    actor = Actor("https://issuer.example", name, name, Role("r", role, role, organisation, organisation_name))
    return event(msgspec.structs.replace(line(minute, "p-1"), actor=actor))


@pytest.mark.parametrize(
    ("narrow", "minutes"),
    [
        ({"name": "NAIR"}, [1]),
        ({"organisation": "r9a"}, [3, 1]),
        ({"organisation": "fenwick"}, [2]),
        ({"organisation": "R9"}, []),  # a code is whole, or it is another organisation's
        ({"role": "receptionist"}, [3, 2]),
        ({"role": "receptionist", "organisation": "Aldermoor"}, [3]),
        ({"since": "2026-11-22T12:02:00Z", "name": "m"}, [3, 2]),
        ({"since": "2026-11-22T12:02:00Z", "before": "2026-11-22T12:03:00Z"}, [2]),
        ({"person": ("p-2",), "name": "nair"}, []),
    ],
)
async def test_the_book_narrows_by_who_looked_and_when(world: World, narrow: dict[str, Any], minutes: list[int]) -> None:
    await world.take(
        by(1, "Dr Nair", "emergency-doctor", "R9A", "Aldermoor Hospitals"),
        by(2, "Ms Marsden", "receptionist", "R9F", "Fenwick General"),
        by(3, "Mr Moss", "receptionist", "R9A", "Aldermoor Hospitals"),
        event(line(4, "p-1")),  # by the platform itself
    )
    looks = await world.book.looks(LooksAsked(**narrow))
    assert [datetime.fromisoformat(each.at).minute for each in looks.lines] == minutes


async def test_a_narrow_look_joins_its_pages_and_ends_after_what_one_answer_may_cost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 4)
    monkeypatch.setattr(reading, "READ_AT_MOST", 8)
    hers = {2, 3, 19}
    who = ("Dr Nair", "emergency-doctor", "R9A", "Aldermoor")
    await world.take(*(by(n, *who) if n in hers else event(line(n, "p-9")) for n in range(20)))
    seen: list[int] = []
    answers, before = 0, ""
    while True:
        looks = await world.book.looks(LooksAsked(person=("p-1", "p-9"), name="nair", most=1, before=before))
        seen += [datetime.fromisoformat(each.at).minute for each in looks.lines]
        answers += 1
        if not looks.next:
            break
        before = looks.next

    assert seen == [19, 3, 2]
    assert answers > 4, "an answer that found nobody says where to read on"


async def test_lines_written_at_once_by_many_make_one_chain(world: World) -> None:
    await asyncio.gather(*(world.take(event(line(n, f"p-{n}"))) for n in range(40)))

    assert await world.verified() == (True, None)
    assert await world.db.pool.fetchval("SELECT max(seq) FROM line") == 40


TAMPERING = {
    "a body changed": (
        ["UPDATE line SET body = convert_to(replace(convert_from(body, 'utf8'), 'p-4', 'p-7'), 'utf8') WHERE seq = 4"], 4),
    "a time changed": (["UPDATE line SET at = at - interval '1 day' WHERE seq = 4"], 4),
    "a teller changed": (["UPDATE line SET teller = 'viewer' WHERE seq = 4"], 4),
    "a line taken out": (["DELETE FROM line WHERE seq = 4"], 4),
    "a line taken out and the rest moved up": (
        ["DELETE FROM line WHERE seq = 4", *(f"UPDATE line SET seq = {n - 1} WHERE seq = {n}" for n in range(5, 11))], 4),
    "two lines exchanged": (
        [f"UPDATE line SET seq = {new} WHERE seq = {old}" for old, new in ((4, 99), (6, 4), (99, 6))], 4),
    "a person taken off the index": (["DELETE FROM line_person WHERE patient = 'p-4'"], 4),
    "a person moved in the index": (["UPDATE line_person SET at = at - interval '9 years' WHERE patient = 'p-4'"], 4),
    "the end cut off": (["DELETE FROM line_person WHERE seq > 7", "DELETE FROM line WHERE seq > 7"], 8),
    "all of it": (["TRUNCATE line, line_person"], 1),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERING)
async def test_tampering_is_seen_and_the_first_bad_line_named(world: World, how: str) -> None:
    for n in range(1, 11):
        await world.take(event(line(n, f"p-{n}")))
    await world.book.note()
    assert await world.verified() == (True, None)
    statements, first = TAMPERING[how]

    await world.tamper(*statements)

    assert await world.verified() == (False, first)


async def test_a_book_rewritten_with_all_its_hashes_is_seen_by_the_notes_outside(world: World) -> None:
    """The strongest thief: changes a line and works out every hash after it anew."""
    for n in range(1, 11):
        await world.take(event(line(n, f"p-{n}"), f"00000000-0000-0000-0000-0000000000{n:02}"))
        if n == 5:
            await world.book.note()
    await world.book.note()
    await world.tamper("TRUNCATE line, line_person")
    for n in range(1, 11):
        await world.take(event(line(n, f"p-{n if n != 8 else 99}"), f"00000000-0000-0000-0000-0000000000{n:02}"))

    result = await world.book.verify(VerifyAsked())

    assert (result.ok, result.first_bad) == (False, 6)
    assert "Lines 6 to 10" in result.says


async def test_without_the_notes_the_cut_off_end_would_not_be_seen(world: World) -> None:
    """Design law 10: the guard taken away, the attack succeeds."""
    for n in range(1, 11):
        await world.take(event(line(n, f"p-{n}")))
    await world.book.note()
    await world.tamper("DELETE FROM line_person WHERE seq > 7", "DELETE FROM line WHERE seq > 7")
    (world.folder / "checkpoints").unlink()

    assert await world.verified() == (True, None)


async def test_a_forged_note_is_not_believed(world: World) -> None:
    await world.take(event(line(1, "p-1")))
    Checkpoints(world.folder, b"x" * 32).add(Checkpoint(9, b"\1" * 32, "2026-11-22T12:00:00Z"))

    result = await world.book.verify(VerifyAsked())

    assert not result.ok
    assert "not signed" in result.says


async def test_a_note_half_written_by_a_power_cut_is_no_alarm(world: World) -> None:
    await world.take(event(line(1, "p-1")))
    await world.book.note()
    with (world.folder / "checkpoints").open("a") as file:
        file.write("2 abcd")

    assert await world.verified() == (True, None)


async def test_a_note_is_written_only_when_the_book_has_grown(world: World) -> None:
    await world.take(event(line(1, "p-1")))
    for _ in range(3):
        await world.book.note()

    assert len((world.folder / "checkpoints").read_text().splitlines()) == 1
    assert (world.folder / "checkpoints").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("statement", ["UPDATE line SET teller = 'x'", "DELETE FROM line", "TRUNCATE line, line_person"])
async def test_the_services_own_role_cannot_change_what_stands(cluster: Cluster, statement: str) -> None:
    dsn = await cluster.create_service_database("audit")
    await migrate(dsn, migration_folders("audit"))
    pool = await open_pool(dsn, service="audit")
    try:
        book = Book(pool, Checkpoints(Path("/nonexistent"), b"k" * 32), SystemClock(), log_for("audit"))
        await book.looks(LooksAsked())  # it can add

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
    finally:
        await pool.close()


async def test_even_a_superuser_meets_the_trigger(world: World) -> None:
    await world.take(event(line(1, "p-1")))

    with pytest.raises(asyncpg.PostgresError, match="only ever added to"):
        await world.db.pool.execute("DELETE FROM line")


async def test_the_book_says_up_to_when_it_is_whole_only_when_every_teller_has_said_so(world: World) -> None:
    assert (await world.book.looks(LooksAsked())).complete_until == ""
    await world.db.pool.execute("INSERT INTO heard (teller, whole_until) VALUES ('records', now()), ('identity', NULL)")
    assert (await world.book.looks(LooksAsked())).complete_until == ""
    await world.db.pool.execute("UPDATE heard SET whole_until = now() - interval '90 seconds' WHERE teller = 'identity'")

    looks = await world.book.looks(LooksAsked())

    assert looks.complete_until != ""
    assert 89 < looks.behind_s < 100


async def test_events_are_the_same_lines(world: World) -> None:
    await world.take(event(line(1, "p-1")))

    told = await world.book.events(EventsAsked(person=("p-1",), actor=OFFICER))

    (read,) = [msgspec.json.decode(each) for each in told.events]
    assert read["resourceType"] == "AuditEvent"
    assert (await world.book.events(EventsAsked(id=read["id"], actor=OFFICER))).events == told.events
    with pytest.raises(NotFound):
        await world.book.events(EventsAsked(id="not an id", actor=OFFICER))


async def test_events_go_on_where_the_last_page_ended(world: World) -> None:
    await world.take(*(event(line(minute, "p-1")) for minute in (-9_000, -8_000, -7_000)))  # looks at the book come after them

    first = await world.book.events(EventsAsked(person=("p-1",), most=2))
    second = await world.book.events(EventsAsked(person=("p-1",), most=2, before=first.next))

    assert (len(first.events), len(second.events), second.next) == (2, 1, "")
    assert not [each for each in first.events if each in second.events]


async def test_a_line_announced_by_a_service_reaches_the_book_by_way_of_nats(
    world: World, nats: NatsServer, service_database: Callable[[str], Awaitable[TestDatabase]]
) -> None:
    told = await service_database("records")
    outbox = Outbox(told.pool, told.name, SystemClock())
    board = Noticeboard(nats.url, log_for("test"))
    around: dict[str, Any] = {"board": board, "clock": SystemClock(), "log": log_for("test")}
    heard = Heard(told.name, ("Line",), world.book.take)
    tasks = [
        asyncio.create_task(run_relay(outbox=outbox, hearer="audit", metrics=Metrics("records"), **around)),
        asyncio.create_task(
            run_hearer(service="audit", heard=heard, pool=world.db.pool, metrics=Metrics("audit"), **around)
        ),
    ]
    try:
        said_at = SystemClock().now()
        id_ = await outbox.announce("Line", line(1, "p-1"))
        for _ in range(100):
            looks = await world.book.looks(LooksAsked(person=("p-1",)))
            if looks.complete_until and datetime.fromisoformat(looks.complete_until) > said_at:
                break
            await asyncio.sleep(0.1)

        assert [each.id for each in looks.lines if each.what == "record-opened"] == [id_]
        assert looks.behind_s < 10
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await (await board.jetstream()).delete_stream(Pair(told.name, "audit").stream)
        await board.close()
