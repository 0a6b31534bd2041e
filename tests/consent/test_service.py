"""What a person says about sharing is in force at once, is written down, and is never deleted."""

import pytest

from carerecord.consent.service import Listener
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.consent import ObjectAsked, ObjectionsAsked, SaidAsked, WithdrawAsked
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import NotAcceptable, NotFound
from carerecord.kit.events import Outbox

GP = Actor("https://idp.example", "7", "Dr B", Role("1", "gp", "GP", "A99917", "Elm Bank Surgery"))


@pytest.fixture
async def listener(service_database) -> Listener:
    database = await service_database("consent")
    return Listener(database.pool, Outbox(database.pool, "consent", SystemClock()), SystemClock())


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
