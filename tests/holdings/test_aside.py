"""Can people see, mend and drop what was kept aside, and does the book tell of it?"""

import json

import pytest
from tests.holdings.conftest import TRUST, Desk, raw

from carerecord.contracts.holdings import AsideAsked, Change, Client, DecideAsideAsked
from carerecord.holdings.aside import Shelf
from carerecord.kit.errors import NotFound, NotUnderstood

LAB = Client("lab", "R9A", "A lab", chooses_ids=True, on_invalid="quarantine")
FAULTY = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "K"}, "effectiveDateTime": "31/01/2026",
    "subject": {"reference": "Patient/p1"},
}  # fmt: skip


async def waiting(desk: Desk) -> tuple[Shelf, str]:
    await desk.put({"resourceType": "Patient", "id": "p1"}, client=TRUST)
    (done,) = await desk.write(Change("update", "Observation", "o1", raw(FAULTY)), client=LAB)
    assert done.status == 202
    shelf = Shelf(desk.keeper.writer, desk.keeper.book)
    (one,) = await shelf.aside(AsideAsked(bodies=False))
    assert bytes(one.raw) == b"null"
    assert one.issues[0].path == "Observation.effectiveDateTime"
    return shelf, one.id


async def lines(desk: Desk) -> list[tuple[str, str]]:
    rows = await desk.database.pool.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    told = [json.loads(row["body"]) for row in rows]
    return [(each["what"], each["reason"]) for each in told if each["what"].startswith("aside-")]


async def test_what_is_accepted_is_kept_with_its_faults_as_warnings(desk: Desk) -> None:
    shelf, id_ = await waiting(desk)
    (shown,) = await shelf.aside(AsideAsked(id=id_, reason="to mend it"))
    assert json.loads(bytes(shown.raw))["effectiveDateTime"] == "31/01/2026"
    with pytest.raises(NotUnderstood):
        await shelf.decide(DecideAsideAsked(id_, True, " "))

    done = await shelf.decide(DecideAsideAsked(id_, True, "asked the lab"))

    assert (done.kept, done.issues[0].severity) == ("Observation/o1", "warning")
    assert b"31/01/2026" in (await desk.read("Observation", "o1")).text
    assert await shelf.aside(AsideAsked()) == ()
    with pytest.raises(NotFound):
        await shelf.decide(DecideAsideAsked(id_, True, "again"))
    assert await lines(desk) == [("aside-read", "to mend it"), ("aside-accepted", "asked the lab")]


async def test_what_is_discarded_leaves_nothing_but_a_line_in_the_book(desk: Desk) -> None:
    shelf, id_ = await waiting(desk)
    done = await shelf.decide(DecideAsideAsked(id_, False, "sent again since"))
    assert done.kept == ""
    assert await desk.database.pool.fetchval("SELECT count(*) FROM aside") == 0
    with pytest.raises(NotFound):
        await desk.read("Observation", "o1")
    assert await lines(desk) == [("aside-discarded", "sent again since")]
