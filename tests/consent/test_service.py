"""What a person says about sharing is in force at once, is written down, and is never deleted."""

import asyncio
import time

import pytest

from carerecord.consent.service import Listener
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.consent import ObjectAsked, ObjectionsAsked, SaidAsked, Told, ToldAsked, WithdrawAsked
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.kit.events import Outbox

GOOD_FOR_S = 0.1  # what is half a second in a house that people live in
GP = Actor("https://idp.example", "7", "Dr B", Role("1", "gp", "GP", "A99917", "Elm Bank Surgery"))


@pytest.fixture
async def listener(service_database) -> Listener:
    database = await service_database("consent")
    return Listener(database.pool, Outbox(database.pool, "consent", SystemClock()), SystemClock(), GOOD_FOR_S)


async def test_an_objection_is_in_force_from_the_moment_that_it_is_answered(listener):
    said = await listener.object(ObjectAsked(GP, "p1", "medicines", source="calder-vale"))
    assert await listener.objections(ObjectionsAsked(("p1", "p2"))) == (said,)


async def test_it_is_found_under_every_id_of_the_person_and_no_other(listener):
    await listener.object(ObjectAsked(GP, "p1", "medicines"))
    assert len(await listener.objections(ObjectionsAsked(("p0", "p1")))) == 1
    assert await listener.objections(ObjectionsAsked(("p2",))) == ()


async def test_said_twice_it_is_one_and_written_down_once(listener):
    first = await listener.object(ObjectAsked(GP, "p1", "medicines"))
    again = await listener.object(ObjectAsked(GP, "p1", "medicines"))
    assert first == again
    assert await listener.db.fetchval("SELECT count(*) FROM outbox") == 1


async def test_withdrawn_it_is_no_longer_in_force_but_stays_written(listener):
    said = await listener.object(ObjectAsked(GP, "p1", "medicines"))
    await listener.withdraw(WithdrawAsked(GP, said.id))
    assert await listener.objections(ObjectionsAsked(("p1",))) == ()
    assert await listener.db.fetchval("SELECT count(*) FROM objection WHERE withdrawn_at IS NOT NULL") == 1
    assert await listener.db.fetchval("SELECT count(*) FROM outbox") == 2
    with pytest.raises(NotFound):
        await listener.withdraw(WithdrawAsked(GP, said.id))


async def test_all_that_was_said_is_told_with_what_was_withdrawn_and_the_look_is_written_down(listener):
    first = await listener.object(ObjectAsked(GP, "p1", "medicines"))
    second = await listener.object(ObjectAsked(GP, "p2", "results", "elm-bank"))
    gone = await listener.withdraw(WithdrawAsked(GP, first.id))
    assert await listener.said(SaidAsked(GP, ("p1", "p2"))) == (second, gone)
    assert await listener.said(SaidAsked(GP, id=first.id)) == (gone,)
    assert await listener.said(SaidAsked(GP, ("p3",))) == ()
    for unknown in ("nothing", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            await listener.said(SaidAsked(GP, id=unknown))
    looks = await listener.db.fetchval("SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8') LIKE '%objections-read%'")
    assert looks == 3


async def test_what_protects_somebody_cannot_be_hidden(listener):
    with pytest.raises(NotAcceptable, match="cannot be hidden"):
        await listener.object(ObjectAsked(GP, "p1", "safeguarding"))


async def test_a_section_that_does_not_exist_cannot_be_hidden(listener):
    with pytest.raises(NotAcceptable, match="no section 'medicine'"):
        await listener.object(ObjectAsked(GP, "p1", "medicine"))


async def test_a_persons_objections_are_one_range_of_an_index(listener):
    async with listener.db.acquire() as db:
        await db.execute(
            "INSERT INTO objection (patient_id, section, said_at, said_to) "
            "SELECT 'p' || n, 'medicines', now(), 'x' FROM generate_series(1, 5000) AS n"
        )
        await db.execute("ANALYZE objection")
        plan = await db.fetch(
            "EXPLAIN SELECT id FROM objection WHERE patient_id = ANY ($1) AND withdrawn_at IS NULL", ["p1", "p2"]
        )
    assert not any("Seq Scan" in row[0] for row in plan)


async def test_a_human_who_reads_them_is_written_down_and_policy_is_not(listener):
    await listener.objections(ObjectionsAsked(("p1",)))
    assert await listener.db.fetchval("SELECT count(*) FROM outbox") == 0
    await listener.objections(ObjectionsAsked(("p1", "p2"), GP))
    body = await listener.db.fetchval("SELECT convert_from(body, 'UTF8') FROM outbox")
    assert '"objections-read"' in body
    assert '"p1"' in body


async def test_nobody_relies_on_what_was_told_before_an_objection_once_it_is_answered(listener):
    async def rely() -> None:
        """Ask whenever the last answer is no longer good, as every reader does."""
        while True:
            asked_at = time.monotonic()
            told = await listener.told(ToldAsked())
            relied[0] = bool(told.objections), asked_at + told.good_for_s
            await asyncio.sleep(max(0.0, asked_at + told.good_for_s - time.monotonic()))

    relied = [(True, 0.0)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(rely())
        while relied[0][0]:
            await asyncio.sleep(0.005)
        await listener.object(ObjectAsked(GP, "p1", "medicines"))
        knows, until = relied[0]
        reader.cancel()
        assert knows or until < time.monotonic()


async def test_what_is_said_and_withdrawn_is_told_in_its_order_and_once(listener):
    one = await listener.object(ObjectAsked(GP, "p1", "medicines"))
    first = await listener.told(ToldAsked())
    assert (first.objections, first.good_for_s) == ((one,), GOOD_FOR_S)
    assert (await listener.told(ToldAsked(first.upto))).objections == ()
    said = await asyncio.gather(*[listener.object(ObjectAsked(GP, f"p{number}", "results")) for number in range(2, 6)])
    gone = await listener.withdraw(WithdrawAsked(GP, one.id))
    then = await listener.told(ToldAsked(first.upto))
    assert {each.id for each in then.objections[:4]} == {each.id for each in said}
    assert then.objections[4] == gone
    two = await listener.told(ToldAsked(first.upto, 2))
    assert two.objections == then.objections[:2]
    assert (await listener.told(ToldAsked(two.upto))).objections == then.objections[2:]


async def test_who_has_heard_of_more_than_was_ever_said_hears_all_anew(listener):
    assert await listener.told(ToldAsked(50)) == Told((), 0, GOOD_FOR_S)
    one = await listener.object(ObjectAsked(GP, "p1", "medicines"))

    told = await listener.told(ToldAsked(50))

    assert told.objections == (one,)
    assert told.upto < 50
