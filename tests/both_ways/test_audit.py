"""The book answers the same in process and over a socket."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from carerecord.audit import api as audit
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import EVENTS, LOOKS, VERIFY, EventsAsked, Line, Looks, LooksAsked, Verified, VerifyAsked
from carerecord.kit.events import Event
from carerecord.kit.part import Part
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import agree
from tests.conftest import TestDatabase

OFFICER = Actor("https://idp.example", "9", "Ms C", Role("3", "privacy-officer", "Privacy officer", "R9A", "Aldermoor"))
NOON = datetime(2096, 11, 22, 12, tzinfo=UTC)  # after every look at the book, whose lines name their own request


async def test_audit(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> None:
    made = 0

    async def make(_: AsyncExitStack) -> Part:
        nonlocal made
        made += 1
        database = await service_database("audit")
        part = audit.build(supplies_for("audit", database, data_dir=tmp_path / str(made)))
        opened = Line("", NOON.isoformat(), "record-opened", "records", None, ("p-1", "p-2"), "emergency", "Fall")
        said = msgspec.json.encode(opened)
        async with database.pool.acquire() as connection, connection.transaction():
            events = [Event("0b2e0d9e-3f0b-4a6e-9a51-7f6f3f8f1c55", "Line", NOON, "records", msgspec.Raw(said))]
            await part.hears[0].effect(connection, events)
        return part

    answers = await agree(
        make,
        [
            (LOOKS, LooksAsked(person=("p-2",), actor=OFFICER)),
            (LOOKS, LooksAsked(most=1)),
            (LOOKS, LooksAsked(before="yesterday")),
            (LOOKS, LooksAsked(role="gp", name="o", organisation="R9A", since="2096-11-22T00:00:00Z")),
            (EVENTS, EventsAsked(person=("p-1",), actor=OFFICER)),
            (VERIFY, VerifyAsked()),
        ],
    )

    looks = msgspec.json.decode(answers[0].chunks[0], type=Looks)
    assert [line.what for line in looks.lines] == ["record-opened"]
    assert answers[2].error == "NotUnderstood"
    assert msgspec.json.decode(answers[5].chunks[0], type=Verified).ok
