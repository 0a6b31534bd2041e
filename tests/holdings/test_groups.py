"""Do single writes that come together share what they cost, and nothing else?"""

import asyncio
import re

import msgspec
from msgspec.structs import replace
from tests.holdings.conftest import TRUST, Desk, held, raw

from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import Change, Kept, Reach, WriteAsked, Written

MANY = 40


def result(patient: str, number: int) -> Change:
    told = {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"code": f"c{number}"}]},
        "subject": {"reference": f"Patient/{patient}"}, "identifier": [{"system": "urn:lab", "value": f"n{number}"}],
    }  # fmt: skip
    return Change("create", "Observation", raw=raw(told))


async def at_once(desk: Desk, changes: list[Change], reach: Reach) -> list[Written]:
    asked = [WriteAsked(TRUST, reach, (change,), request=f"r{number}") for number, change in enumerate(changes)]
    return [made for (made,) in await asyncio.gather(*(desk.keeper.write(each) for each in asked))]


async def test_what_is_created_at_once_shares_transactions_and_misses_nothing(desk: Desk) -> None:
    made = await at_once(desk, [result("p1", number) for number in range(MANY)], Reach())

    assert [each.status for each in made] == [201] * MANY
    db = desk.database.pool
    assert await db.fetchval("SELECT count(DISTINCT xmin::text) FROM version") < MANY / 4
    for table in ("version", "held", "address", "across"):
        assert await db.fetchval(f"SELECT count(*) FROM {table}") == MANY, table
    bodies = await db.fetch("SELECT kind, body, xmin::text AS tx FROM outbox")
    told = [msgspec.json.decode(row["body"], type=Kept) for row in bodies if row["kind"] == "Kept"]
    lines = [msgspec.json.decode(row["body"], type=Line) for row in bodies if row["kind"] == "Line"]
    assert sorted(each.request for each in told) == sorted(each.request for each in lines) == sorted(f"r{n}" for n in range(MANY))
    written = {row["tx"] for row in await db.fetch("SELECT xmin::text AS tx FROM version")}
    assert {row["tx"] for row in bodies} == written, "what is told commits with what was written"
    page = await desk.search("Observation", ("patient", "p1"), ("code", "c7"))
    assert [each.id for each in page.matches] == [held(made[7]).id]
    assert len((await desk.search("Observation", ("identifier", "urn:lab|n9"))).matches) == 1


async def test_one_that_is_refused_takes_none_of_the_others_along(desk: Desk) -> None:
    changes = [result("p2" if number == 5 else "p1", number) for number in range(12)]

    made = await at_once(desk, changes, Reach(patients=("p1",)))

    assert [each.status for each in made] == [201] * 5 + [403] + [201] * 6
    assert await desk.database.pool.fetchval("SELECT count(*) FROM version") == 11
    assert await desk.database.pool.fetchval("SELECT count(*) FROM address WHERE patient = 'p2'") == 0


async def test_an_id_of_ours_is_short_made_by_chance_and_one_that_fhir_allows(desk: Desk) -> None:
    made = await at_once(desk, [result("p1", number) for number in range(MANY)], Reach())

    ids = {held(each).id for each in made}
    assert len(ids) == MANY
    assert all(re.fullmatch(r"[a-z2-7]{20}", each) for each in ids)
    assert len({each[:3] for each in ids}) > MANY / 2, "they do not follow each other"


async def test_a_write_is_answered_after_its_commit(desk: Desk) -> None:
    (made,) = await at_once(desk, [result("p1", 1)], Reach())

    assert await desk.database.pool.fetchval("SELECT count(*) FROM version WHERE id = $1", held(made).id) == 1


async def test_what_is_written_at_once_for_several_people_lies_and_is_found_in_each_one_s_own_record(desk: Desk) -> None:
    people = [f"p{number % 6}" for number in range(MANY)]

    made = await at_once(desk, [result(patient, number) for number, patient in enumerate(people)], Reach())

    for number, patient in enumerate(people):
        found = (await desk.search("Observation", ("patient", patient), ("code", f"c{number}"))).matches
        assert [each.id for each in found] == [held(made[number]).id]
        assert f'"Patient/{patient}"'.encode() in found[0].text
        for other in {*people} - {patient}:
            assert (await desk.search("Observation", ("patient", other), ("code", f"c{number}"))).matches == ()
            break
    everything = [await desk.search("Observation", ("patient", patient), ("_count", "100")) for patient in sorted({*people})]
    assert [len(each.matches) for each in everything] == [people.count(patient) for patient in sorted({*people})]


async def test_a_transaction_of_new_resources_is_kept_whole_or_not_at_all(desk: Desk) -> None:
    sound = [result("p1", number) for number in range(5)]
    faulty = Change("create", "Observation", raw=raw({"resourceType": "Observation", "status": "no such status", "code": {}}))

    made = await desk.write(*sound, faulty, transaction=True)

    assert [each.status for each in made] == [424] * 5 + [422]
    for table in ("version", "held", "address", "across"):
        assert await desk.database.pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert [each.status for each in await desk.write(*sound, transaction=True)] == [201] * 5
    assert await desk.database.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM version") == 1
    kept = await desk.database.pool.fetchval("SELECT body FROM outbox WHERE kind = 'Kept'")
    assert len(msgspec.json.decode(kept, type=Kept).changes) == 5, "one event for a transaction"


async def test_several_who_write_the_same_new_resources_at_once_all_write_them_one_after_the_other(desk: Desk) -> None:
    changes = [replace(result("p1", number), method="update", id=f"o{number}") for number in range(3)]
    told = [replace(each, raw=raw(msgspec.json.decode(each.raw) | {"id": each.id})) for each in changes]

    made = await asyncio.gather(*(desk.write(*order) for order in (told, told[::-1], told[1:] + told[:1])))

    for each in told:
        assert sorted(done.held.version for done in sum(made, ()) if done.held and done.held.id == each.id) == [1, 2, 3]
    assert await desk.database.pool.fetchval("SELECT count(*) FROM address") == 3


async def test_what_goes_to_another_person_keeps_its_history_and_is_read_there(desk: Desk) -> None:
    for version, person in enumerate(("p1", "p2", "p1"), 1):
        told = result(person, 1)
        put = replace(told, method="update", id="o1", raw=raw(msgspec.json.decode(told.raw) | {"id": "o1"}))
        done, _ = await desk.write(put, result("p3", 2))
        assert held(done).version == version
    assert [(await desk.read("Observation", "o1", each)).version for each in (1, 2, 3)] == [1, 2, 3]
    (where,) = await desk.database.pool.fetch("SELECT patient, before FROM address WHERE id = 'o1'")
    assert tuple(where) == ("p1", ["p1", "p2"])
