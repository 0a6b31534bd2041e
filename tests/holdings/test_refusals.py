"""What is refused, kept aside or annotated; and can anything that is sent break the keeper?"""

import asyncio
from contextlib import suppress

import asyncpg
import msgspec
import pytest
from tests.holdings.conftest import TRUST, Desk, held, ids, raw
from tests.holdings.test_keeping import PATIENT, potassium

from carerecord.contracts.holdings import AsideAsked, Change, Client, EverythingAsked, HistoryAsked, Kept, Reach
from carerecord.holdings.aside import Shelf
from carerecord.kit.errors import NotFound, NotUnderstood, Unavailable

LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
FAULTY = {"resourceType": "Observation", "status": 7, "subject": {"reference": "Patient/p1"}, "note": [{"text": "Marlow"}]}


async def test_a_conditional_delete_or_patch_of_several_is_refused_and_changes_none(desk: Desk) -> None:
    await desk.put(PATIENT)
    await desk.put({**PATIENT, "id": "p2"})
    steps = raw({"x": 1})
    delete = (await desk.write(Change("delete", "Patient", condition="identifier=urn:hospital|H-1")))[0]
    patch = (await desk.write(Change("patch", "Patient", raw=steps, condition="identifier=urn:hospital|H-1")))[0]
    update = (await desk.write(Change("update", "Patient", raw=raw(PATIENT), condition="identifier=H-1")))[0]

    assert [delete.status, patch.status, update.status] == [412, 412, 412]
    assert sorted(ids(await desk.search("Patient", ("identifier", "H-1")))) == ["p1", "p2"]


async def test_a_conditional_patch_and_delete_find_the_one(desk: Desk) -> None:
    await desk.put(PATIENT)
    steps = msgspec.Raw(b'[{"op":"replace","path":"/birthDate","value":"1950-01-01"}]')
    done = (await desk.write(Change("patch", "Patient", raw=steps, condition="identifier=urn:hospital|H-1")))[0]
    none = (await desk.write(Change("patch", "Patient", raw=steps, condition="identifier=urn:hospital|H-9")))[0]
    gone = (await desk.write(Change("delete", "Patient", condition="identifier=urn:hospital|H-1")))[0]

    assert [done.status, none.status, gone.status] == [200, 404, 204]
    assert (await desk.read("Patient", "p1")).gone


async def test_conditional_creates_that_are_written_differently_make_one_resource(desk: Desk) -> None:
    ward = {"resourceType": "Location", "identifier": [{"system": "urn:ward", "value": "7"}]}
    ways = ("identifier=urn:ward|7", "identifier=urn%3Award%7C7", "identifier=urn:ward%7c7")
    other = Client("other", "X99")
    made = await asyncio.gather(
        *(desk.write(Change("create", "Location", raw=raw(ward), if_none_exist=way), client=client)
          for way in ways for client in (TRUST, other))
    )  # fmt: skip

    assert sorted(each[0].status for each in made) == [200] * 5 + [201]
    one = held(made[0][0]).id
    await desk.write(Change("delete", "Location", one))
    again = await desk.create(ward, if_none_exist=ways[0])
    assert again.status == 201
    assert held(again).id != one


async def test_an_update_moves_nothing_into_a_record_beyond_the_reach_or_out_of_one(desk: Desk) -> None:
    mine = Reach(patients=("p1",))
    made = await desk.create(potassium(4.0, "2026-01-01"))
    theirs = await desk.create(potassium(4.0, "2026-01-01", subject={"reference": "Patient/p2"}))
    moved = {**potassium(4.0, "2026-01-01", subject={"reference": "Patient/p2"}), "id": held(made).id}
    taken = {**potassium(4.0, "2026-01-01"), "id": held(theirs).id}
    change = Change("update", "Observation", held(made).id, raw(moved))
    (there,) = await desk.write(change, reach=mine)
    (here,) = await desk.write(Change("update", "Observation", held(theirs).id, raw(taken)), reach=mine)

    assert (there.status, here.status) == (403, 404)
    assert {each.version for each in (await desk.search("Observation", ("patient", "p1,p2"))).matches} == {1}
    assert (await desk.write(change))[0].status == 200
    assert ids(await desk.search("Observation", ("patient", "p1"))) == []
    assert len((await desk.keeper.history(HistoryAsked(Reach(), "Observation", held(made).id))).matches) == 2


async def test_what_lies_beyond_the_reach_by_its_label_is_neither_written_patched_nor_deleted(desk: Desk) -> None:
    await desk.put(PATIENT)
    hidden = held(await desk.create({**potassium(4.0, "2026-01-01"), "meta": LABEL})).id
    steps = msgspec.Raw(b'[{"op":"test","path":"/status","value":"final"}]')
    tried = [
        (await desk.write(change))[0].status
        for change in (
            Change("update", "Observation", hidden, raw({**potassium(1.0, "2026-01-01"), "id": hidden})),
            Change("patch", "Observation", hidden, steps), Change("delete", "Observation", hidden),
        )
    ]  # fmt: skip

    assert tried == [404, 404, 404]
    with pytest.raises(NotFound):
        await desk.read("Observation", hidden)


async def test_a_patient_of_another_server_is_not_ours_by_chance_of_the_id(desk: Desk) -> None:
    await desk.put(PATIENT)
    await desk.create(potassium(4.0, "2026-01-01", subject={"reference": "https://elsewhere.example/fhir/Patient/p1"}))

    assert ids(await desk.search("Observation", ("patient", "p1"))) == []
    assert ids(await desk.search("Observation", reach=Reach(patients=("p1",)))) == []


async def test_faults_are_refused_annotated_or_kept_aside_as_the_client_is_set(desk: Desk) -> None:
    await desk.put(PATIENT)
    change = Change("create", "Observation", raw=raw(FAULTY))
    (refused,) = await desk.write(change)
    (noted,) = await desk.write(change, client=Client("a", "R9A", on_invalid="annotate"))
    aside = await desk.write(
        change, Change("create", "Observation", raw=raw(potassium(1, "2026-01-01"))),
        client=Client("q", "R9A", on_invalid="quarantine"), request="r-1",
    )  # fmt: skip

    assert (refused.status, noted.status, [each.status for each in aside]) == (422, 201, [202, 202])
    assert {each.severity for each in (*noted.issues, *aside[0].issues)} == {"warning"}
    assert "Marlow" not in str((refused, aside))
    assert ids(await desk.search("Observation", ("patient", "p1"))) == [held(noted).id]
    assert len((await desk.keeper.everything(EverythingAsked("p1", Reach()))).matches) == 2
    kept = await Shelf(desk.keeper.writer, desk.keeper.book).aside(AsideAsked())
    assert sorted(bytes(each.raw) for each in kept) == sorted([bytes(raw(FAULTY)), bytes(raw(potassium(1, "2026-01-01")))])
    assert {(each.client, each.organisation, each.request) for each in kept} == {("q", "R9A", "r-1")}
    assert kept[0].issues[0].path.startswith("Observation")
    assert b"Marlow" not in await desk.database.pool.fetchval("SELECT string_agg(body, '') FROM aside")


async def test_each_write_announces_ids_alone_in_its_own_transaction(desk: Desk) -> None:
    await desk.put(PATIENT)
    await asyncio.gather(*(desk.create(potassium(4.0, "2026-01-01")) for _ in range(12)))
    await desk.write(Change("delete", "Patient", "p1"))
    await desk.write(Change("create", "Observation", raw=raw(FAULTY)))
    rows = await desk.database.pool.fetch("SELECT kind, body, xid FROM outbox ORDER BY id")
    told = [msgspec.json.decode(row["body"], type=Kept) for row in rows if row["kind"] == "Kept"]

    assert len(told) == 14
    assert told[0].changes == (("p1", "Patient", "p1", 1, "C"),)
    assert told[-1].changes == (("p1", "Patient", "p1", 2, "D"),)
    lines = [row for row in rows if row["kind"] == "Line"]
    assert len(lines) == 15
    assert {row["xid"] for row in rows if row["kind"] == "Kept"} <= {row["xid"] for row in lines}
    assert len({row["xid"] for row in rows if row["kind"] == "Kept"}) < 14, "none shared a commit"


async def test_one_that_is_refused_in_a_shared_commit_costs_the_others_nothing(desk: Desk) -> None:
    await desk.put(PATIENT)
    made = await asyncio.gather(
        *(desk.create(potassium(4.0, "2026-01-01")) for _ in range(5)), desk.put(PATIENT, if_match=9),
        *(desk.create(potassium(4.0, "2026-01-01")) for _ in range(5)),
    )  # fmt: skip

    assert [each.status for each in made] == [201] * 5 + [412] + [201] * 5
    assert len((await desk.search("Observation", ("patient", "p1"))).matches) == 10


async def test_writers_who_cross_again_and_again_are_told_to_try_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crossed(*_: object) -> None:
        raise asyncpg.SerializationError("could not serialize access")

    for name in ("add_versions", "add_new"):
        monkeypatch.setattr(f"carerecord.holdings.store.changing.{name}", crossed)
    with pytest.raises(Unavailable) as told:
        await desk.put(PATIENT)
    assert (told.value.status, told.value.facts["retry_after_s"]) == (503, "1")
    with pytest.raises(Unavailable):
        await desk.write(*(Change("create", "Patient", raw=raw({"resourceType": "Patient"})) for _ in range(2)))


@pytest.mark.parametrize(
    "text",
    [
        b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
        b'{"resourceType":"Patient","name":[{"family":"\xff"}]}', b'{"resourceType":"Patient","meta":"x"}',
        b'{"resourceType":"Patient","meta":{"versionId":1,"security":[{"system":1,"code":[]}]}}',
        b"[]", b"", b"nul", b"[" * 9_000,
        b'{"resourceType":"Patient","a":1,"a":2}', b'{"resourceType":"Patient","identifier":[{"value":9e999999999}]}',
    ],
    ids=lambda text: text[:60].decode("latin-1"),
)  # fmt: skip
async def test_text_that_is_no_resource_is_refused_with_an_issue(desk: Desk, text: bytes) -> None:
    (made,) = await desk.write(Change("create", "Patient", raw=msgspec.Raw(text)))
    (patched,) = await desk.write(Change("patch", "Patient", "p1", msgspec.Raw(text)))

    assert made.status in (400, 422)
    assert made.issues
    assert patched.status == 404
    assert await desk.database.pool.fetchval("SELECT count(*) FROM version") == 0


@pytest.mark.parametrize("id_", ["\x00", "a" * 65, "a" * 5_000, "../x", "é", "a b", ""])
async def test_an_id_that_is_none_finds_nothing_and_breaks_nothing(desk: Desk, id_: str) -> None:
    await desk.put(PATIENT)
    (made,) = await desk.write(Change("update", "Patient", id_, raw({**PATIENT, "id": id_})))
    (about,) = await desk.write(
        Change("create", "Observation", raw=raw(potassium(1, "2026-01-01", subject={"reference": f"Patient/{id_}"})))
    )
    (typed,) = await desk.write(Change("update", f"Patient{id_}x", "p1", raw(PATIENT)))

    assert (made.status, typed.status) == (400, 404)
    assert about.status in (201, 400)
    with pytest.raises(NotFound):
        await desk.read("Patient", id_)
    if id_:  # without one it is the history of the type
        with pytest.raises(NotFound):
            await desk.keeper.history(HistoryAsked(Reach(), "Patient", id_))
    for type_, name in (("Patient", "_id"), ("Observation", "patient"), ("Patient", "identifier"), ("Patient", "family")):
        with suppress(NotUnderstood):
            assert ids(await desk.search(type_, (name, id_))) == []
