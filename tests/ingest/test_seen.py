"""Is it told who was shown an item that its sender took back: for a reason, and with a line in the book?"""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.ingest.a_hospital import SENT, Hospital, a_door
from tests.patients.people import DR_NAIR, RECEPTION

from carerecord.contracts.audit import LOOKS, Line, Looks
from carerecord.contracts.ingest import SeenByAsked, WithdrawnAsked
from carerecord.contracts.patients import LINEAGE, Step
from carerecord.ingest.journal.store import withdrawn as store
from carerecord.ingest.seen import Seeing
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound, NotUnderstood

FILED, GONE = SENT, SENT + timedelta(hours=3)


def look(hours: float, what: str = "record-opened", *, sources: tuple[str, ...] = ("fenwick",), **more: Any) -> Line:
    at = stamp(SENT + timedelta(hours=hours))
    return Line(f"{what} {hours}", at, what, more.pop("service", "records"), DR_NAIR, ("p1",), sources=sources, **more)


BOOK = (
    look(4), look(2.5, "item-expanded"), look(2, "audit-read"), look(1.9, outcome="refused"),
    look(1.8, sources=("elm-bank",)), look(1.5, "read", sources=(), service="holdings"), look(1), look(-1),
)  # fmt: skip


class Peers:
    """The index and the book, two lines a page."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def ask(self, question: Any, asked: Any) -> Any:
        self.asked.append(asked)
        if question is LINEAGE:
            return (
                Step("2026-11-01T09:00:00Z", "p1", "merged", ("p1", "p2")),
                Step("2026-11-01T10:00:00Z", "p2", "number", ("p2", "p3")),
            )
        assert question is LOOKS
        at = asked.before.partition(" ")[0]
        left = [each for each in BOOK if each.at < stamp(datetime.fromisoformat(at))]
        return Looks(tuple(left[:2]), "2026-11-01T16:00:00Z", next=f"{left[1].at} 7" if len(left) > 2 else "")


async def an_item(hospital: Hospital, patient: str = "p1") -> None:
    row = store.Row(GONE, 3, "fenwick-lab", "fenwick", "Observation", "o1", patient, FILED, "withdrawn by its sender")
    async with hospital.db.acquire() as db, db.transaction():
        assert await store.add(db, row)
        assert not await store.add(db, row)


def seeing(hospital: Hospital, peers: Peers) -> Seeing:
    return Seeing(peers, hospital.db, hospital.outbox, hospital.clock)  # type: ignore[arg-type]


async def test_who_was_shown_the_record_while_the_item_stood_in_it_is_told_and_that_it_was_asked_stands_in_the_book(
    service_database: Any,
):
    async with a_door(service_database) as hospital:
        await an_item(hospital)
        peers = Peers()
        told = await seeing(hospital, peers).seen_by(SeenByAsked(1, "The laboratory mixed up two samples", RECEPTION))
        (row,) = await hospital.db.fetch("SELECT body FROM outbox WHERE kind = 'Line'")

    assert [each.id for each in told.looks] == ["item-expanded 2.5", "read 1.5", "record-opened 1"]
    line = json.loads(row["body"])
    assert (line["what"], line["patients"], line["actor"]["subject"]) == ("seen-by-asked", ["p1"], "0003")
    assert line["reason"] == "The laboratory mixed up two samples"
    looked_for = {(each.person, each.actor) for each in peers.asked[1:]}
    assert looked_for == {(("p1", "p2"), RECEPTION)}, "by any of the person's ids, and nobody else's"


async def test_what_was_taken_back_is_listed_and_names_nobody(service_database: Any):
    async with a_door(service_database) as hospital:
        await an_item(hospital)
        desk = seeing(hospital, Peers())
        found = await desk.items(WithdrawnAsked("fenwick-lab"))
        others = await desk.items(WithdrawnAsked("fenwick-pas"))

    (item,) = found.items
    assert (item.type, item.filed_at, item.withdrawn_at) == ("Observation", stamp(FILED), stamp(GONE))
    assert "p1" not in repr(found)
    assert (others.items, found.more) == ((), False)


@pytest.mark.parametrize(("asked", "error"), [(SeenByAsked(1, " "), NotUnderstood), (SeenByAsked(9, "Why"), NotFound)])
async def test_without_a_reason_or_an_item_nobody_is_told_anything(service_database: Any, asked: SeenByAsked, error: Any):
    async with a_door(service_database) as hospital:
        await an_item(hospital)
        peers = Peers()
        with pytest.raises(error):
            await seeing(hospital, peers).seen_by(asked)

    assert peers.asked == []
