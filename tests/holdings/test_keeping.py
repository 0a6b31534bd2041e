"""Is what was written kept, byte for byte, and is every version of it?"""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.holdings.conftest import TRUST, Desk, held, ids, raw

from carerecord.contracts.holdings import Change, Client, HistoryAsked, Reach
from carerecord.kit.errors import NotFound, NotUnderstood

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Marlow", "given": ["Edith"]}], "birthDate": "1948-03-02",
           "identifier": [{"system": "urn:hospital", "value": "H-1"}]}  # fmt: skip
SECRET = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}}


def potassium(value: float, at: str, **more: object) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": "mmol/L"}, **more,
    }  # fmt: skip


async def test_every_value_comes_back_as_it_was_sent(desk: Desk) -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"K\\u207a \xe2\x98\x83"},'
        b'"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.10,"unit":"mmol/L"},"extension":[{"url":"urn:odd","valueDecimal":1E-7}],'
        b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">a</div>"}}'
    )
    made = (await desk.write(Change("create", "Observation", raw=msgspec.Raw(text))))[0]
    back = (await desk.read("Observation", held(made).id)).text

    assert made.status == 201
    for part in text[1:-1].split(b',"')[1:]:
        assert part in back
    assert b'"versionId":"1"' in back


async def test_what_was_sealed_is_not_readable_in_the_table(desk: Desk) -> None:
    await desk.put(PATIENT)
    body = await desk.database.pool.fetchval("SELECT body FROM version")

    assert b"Marlow" not in body
    assert b"Patient" not in body


async def test_versions_follow_each_other_and_all_stay(desk: Desk) -> None:
    first = await desk.put(PATIENT)
    second = await desk.put({**PATIENT, "birthDate": "1948-03-03"}, if_match=1)
    stale = await desk.put(PATIENT, if_match=1)
    gone = (await desk.write(Change("delete", "Patient", "p1")))[0]
    back = await desk.put(PATIENT)

    assert [first.status, second.status, stale.status, gone.status, back.status] == [201, 200, 412, 204, 201]
    assert b"1948-03-02" in (await desk.read("Patient", "p1", 1)).text
    assert (await desk.read("Patient", "p1", 3)).gone
    history = await desk.keeper.history(HistoryAsked(Reach(), "Patient", "p1"))
    assert [(each.version, each.method) for each in history.matches] == [(4, "PUT"), (3, "DELETE"), (2, "PUT"), (1, "POST")]


async def test_a_transaction_is_kept_whole_with_its_references_or_not_at_all(desk: Desk) -> None:
    person, result = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"
    good = await desk.write(
        Change("create", "Patient", raw=raw({"resourceType": "Patient", "active": True}), full_url=person),
        Change("create", "Observation", full_url=result, raw=raw(potassium(4.1, "2026-11-01", subject={"reference": person}))),
    )
    bad = await desk.write(
        Change("create", "Patient", raw=raw({"resourceType": "Patient", "active": True})),
        Change("create", "Observation", raw=raw({"resourceType": "Observation", "status": "final"})),
    )

    assert [each.status for each in good] == [201, 201]
    assert ids(await desk.search("Observation", ("patient", held(good[0]).id))) == [held(good[1]).id]
    assert [each.status for each in bad] == [424, 422]
    assert await desk.database.pool.fetchval("SELECT count(*) FROM version") == 2


async def test_eight_conditional_creates_of_one_identifier_make_one_resource(desk: Desk) -> None:
    organisation = {"resourceType": "Organization", "identifier": [{"system": "urn:ods", "value": "R9A"}], "name": "Aldermoor"}
    made = await asyncio.gather(*(desk.create(organisation, if_none_exist="identifier=urn:ods|R9A") for _ in range(8)))

    assert sorted(each.status for each in made) == [200] * 7 + [201]
    assert len({held(each).id for each in made}) == 1


async def test_updates_at_once_lose_nothing(desk: Desk) -> None:
    await desk.put(PATIENT)
    done = await asyncio.gather(*(desk.put(PATIENT, if_match=1) for _ in range(6)))
    blind = await asyncio.gather(*(desk.put(PATIENT) for _ in range(6)))

    assert sorted(each.status for each in done) == [200] + [412] * 5
    assert sorted(held(each).version for each in blind) == list(range(3, 9))


async def test_searches_find_within_a_person_newest_first(desk: Desk) -> None:
    await desk.put(PATIENT)
    old = await desk.create(potassium(4.0, "2026-01-01"))
    new = await desk.create(potassium(5.9, "2026-11-01"))
    await desk.create({**potassium(9.9, "2026-11-02"), "subject": {"reference": "Patient/p2"}})

    assert ids(await desk.search("Observation", ("patient", "p1"))) == [held(new).id, held(old).id]
    assert ids(await desk.search("Observation", ("patient", "p1"), ("value-quantity", "gt5"))) == [held(new).id]
    assert ids(await desk.search("Observation", ("patient", "p1"), ("code", "http://loinc.org|2823-3"), ("_sort", "date"))) == [
        held(old).id, held(new).id,
    ]  # fmt: skip
    assert ids(await desk.search("Observation", ("patient.identifier", "urn:hospital|H-1"))) == [held(new).id, held(old).id]
    with pytest.raises(NotUnderstood, match="whose"):
        await desk.search("Observation", ("code", "2823-3"))


async def test_people_are_found_across_all(desk: Desk) -> None:
    await desk.put(PATIENT)
    await desk.put({"resourceType": "Patient", "id": "p2", "name": [{"family": "Mason"}], "birthDate": "1990"})

    assert ids(await desk.search("Patient", ("identifier", "H-1"))) == ["p1"]
    assert ids(await desk.search("Patient", ("family", "mar"))) == ["p1"]
    assert sorted(ids(await desk.search("Patient", ("family", "MA")))) == ["p1", "p2"]
    assert ids(await desk.search("Patient", ("birthdate", "1948-03"))) == ["p1"]


async def test_includes_and_what_points_here(desk: Desk) -> None:
    await desk.put(PATIENT)
    made = await desk.create(potassium(4.0, "2026-01-01"))
    page = await desk.search("Observation", ("patient", "p1"), ("_include", "Observation:patient"))
    back = await desk.search("Patient", ("_id", "p1"), ("_revinclude", "Observation:subject"))
    has = await desk.search("Patient", ("_id", "p1"), ("_has:Observation:patient:code", "2823-3"))

    assert [each.id for each in page.included] == ["p1"]
    assert [each.id for each in back.included] == [held(made).id]
    assert ids(has) == ["p1"]


async def test_the_patient_who_comes_along_is_seen_by_whoever_may_see_that_alone(desk: Desk) -> None:
    """Looked up with the page, before it is known that somebody points there."""
    await desk.put(PATIENT)
    await desk.create(potassium(4.0, "2026-01-01"))
    asked = (("patient", "p1"), ("_include", "Observation:patient"))

    async def included(reach: Reach) -> list[str]:
        page = await desk.search("Observation", *asked, reach=reach)
        assert len(page.matches) == 1
        return [each.id for each in page.included]

    assert await included(Reach()) == ["p1"]
    assert await included(Reach(("Observation",))) == []
    assert await included(Reach(patients=("p1",))) == ["p1"]
    (gone,) = await desk.write(Change("delete", "Patient", "p1"))
    assert gone.status == 204
    assert await included(Reach()) == []
    await desk.put({**PATIENT, **SECRET})
    assert await included(Reach()) == []
    assert await included(Reach(most_confidential="V")) == ["p1"]


async def test_nothing_outside_a_clients_reach_is_shown_or_counted(desk: Desk) -> None:
    await desk.put(PATIENT)
    hidden = await desk.create({**potassium(4.0, "2026-01-01"), **SECRET})
    await desk.create(potassium(5.0, "2026-02-01"))

    assert (await desk.search("Observation", ("patient", "p1"))).total == 1
    with pytest.raises(NotFound):
        await desk.read("Observation", held(hidden).id)
    with pytest.raises(NotFound):
        await desk.read("Patient", "p1", reach=Reach(patients=("p2",)))
    assert (await desk.search("Observation", ("patient", "p1"), reach=Reach(patients=("p2",)))).total == 0
    assert (await desk.search("Patient", ("_id", "p1"), ("_revinclude", "Observation:subject"))).included[0].id != held(hidden).id


async def test_a_page_link_is_good_for_its_own_search_alone(desk: Desk) -> None:
    await desk.put(PATIENT)
    for month in range(1, 6):
        await desk.create(potassium(4.0, f"2026-0{month}-01"))
    first = await desk.search("Observation", ("patient", "p1"), ("_count", "2"))
    second = await desk.search("Observation", ("patient", "p1"), ("_count", "2"), cursor=first.next)
    third = await desk.search("Observation", ("patient", "p1"), ("_count", "2"), cursor=second.next)

    assert len({*ids(first), *ids(second), *ids(third)}) == 5
    assert third.next == ""
    with pytest.raises(NotUnderstood, match="page link"):
        await desk.search("Observation", ("patient", "p2"), ("_count", "2"), cursor=first.next)


async def test_a_patch_changes_what_it_says_and_keeps_the_digits(desk: Desk) -> None:
    await desk.put(PATIENT)
    made = await desk.create(potassium(4.0, "2026-01-01"))
    steps = msgspec.Raw(
        b'[{"op":"replace","path":"/valueQuantity/value","value":4.10},{"op":"test","path":"/status","value":"final"}]'
    )
    done = (await desk.write(Change("patch", "Observation", held(made).id, steps)))[0]
    failed = (await desk.write(Change("patch", "Observation", held(made).id, msgspec.Raw(b'[{"op":"remove","path":"/x"}]'))))[0]

    assert done.status == 200
    assert b"4.10" in (await desk.read("Observation", held(made).id)).text
    assert failed.status == 422


async def test_who_may_not_choose_ids_is_told_so(desk: Desk) -> None:
    app = Client("app", "R9A")

    assert (await desk.put(PATIENT, client=app)).status == 405
    assert TRUST.chooses_ids
