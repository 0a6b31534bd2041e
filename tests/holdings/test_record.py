"""What is kept of one person, for one opening: one question, the right source, and nothing that the permit does not grant."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from tests.holdings.conftest import Desk, raw

from carerecord.contracts.holdings import Change, Client, KeptEntry, KeptMark, KeptOf, PresentAsked, RecordAsked
from carerecord.contracts.permit import Grant, Permit
from carerecord.fhir.bundle import parse
from carerecord.holdings.record import Drawer
from carerecord.kit.errors import NotFound, Refused
from carerecord.kit.permits import checked, sealed
from carerecord.kit.tokens import keys_for
from carerecord.records.kept import mark_of

SECRET = b"a secret of the tests"
PAS = Client("", "R9A", "Fenwick PAS", chooses_ids=True, source="pas")
LAB = replace(PAS, source="lab")
RESULTS, ALLERGIES = Grant("pas", "results"), Grant("pas", "allergies")
NOW = 1_800_000_000.0


def permit(*grants: Grant, targets: Sequence[str] = ("records", "holdings")) -> Permit:
    bare = Permit("a", "R9A", "emergency-doctor", ("p1",), "direct-care", "test/1", grants, (), NOW, NOW + 60)
    return sealed(bare, keys_for(SECRET, "policy", ("records", "holdings"), ()), tuple(targets))


def drawer(desk: Desk, *, at: float = NOW) -> Drawer:
    keys = keys_for(SECRET, "holdings", ("records", "holdings"), ())
    return Drawer(desk.keeper.finder, lambda told: checked(told, keys, now=at))


async def record(desk: Desk, *grants: Grant, **more: Any) -> tuple[KeptOf, ...]:
    asked: dict[str, Any] = {"permit": permit(*grants), "entries": (KeptEntry("pas", ("e1",)),), "wanted": grants} | more
    return await drawer(desk).record(RecordAsked(**asked))


def names(kept: Sequence[KeptOf]) -> list[str]:
    return sorted(f"{each.type}/{each.id}" for one in kept for each in one.resources)


def observation(id_: str, of: str = "e1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "Potassium"},
        "subject": {"reference": f"Patient/{of}"},
    } | more  # fmt: skip


def allergy(id_: str, of: str = "e1") -> dict[str, Any]:
    status = {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    return {
        "resourceType": "AllergyIntolerance", "id": id_, "patient": {"reference": f"Patient/{of}"}, "code": {"text": "Latex"},
        "clinicalStatus": {"coding": [status]},
    }  # fmt: skip


@pytest.fixture
async def filled(desk: Desk) -> Desk:
    await desk.put({"resourceType": "Patient", "id": "e1", "birthDate": "1948-06-19"}, client=PAS)
    await desk.put(observation("o1"), client=PAS)
    await desk.put(allergy("a1"), client=PAS)
    await desk.put(observation("o2"), client=LAB)
    await desk.put(observation("o3"), client=replace(PAS, source=""))
    await desk.put(observation("o4", "e2"), client=PAS)
    return desk


async def test_everything_that_is_wanted_and_granted_comes_in_one_answer_with_whose_it_is(filled: Desk) -> None:
    kept = await record(filled, RESULTS, ALLERGIES)
    assert names(kept) == ["AllergyIntolerance/a1", "Observation/o1", "Patient/e1"]
    assert kept[0].source == "pas"


async def test_what_is_not_granted_is_not_read_whatever_is_wanted(filled: Desk) -> None:
    asked = RecordAsked(permit(RESULTS), (KeptEntry("pas", ("e1",)),), (RESULTS, ALLERGIES))
    assert names(await drawer(filled).record(asked)) == ["Observation/o1", "Patient/e1"]
    assert await record(filled, Grant("lab", "results")) == (), "a grant for one source opens nothing of another"


async def test_what_is_granted_and_not_wanted_is_not_read_either(filled: Desk) -> None:
    assert names(await record(filled, RESULTS, ALLERGIES, wanted=(ALLERGIES,))) == ["AllergyIntolerance/a1", "Patient/e1"]


async def test_what_another_source_or_nobody_wrote_into_the_same_record_is_not_this_sources(filled: Desk) -> None:
    both = (KeptEntry("pas", ("e1",)), KeptEntry("lab", ("e1",)))
    kept = await record(filled, RESULTS, Grant("lab", "results"), entries=both)
    assert {each.source: names([each]) for each in kept} == {
        "pas": ["Observation/o1", "Patient/e1"], "lab": ["Observation/o2"],
    }  # fmt: skip


async def test_a_permit_for_another_service_a_changed_one_and_an_old_one_open_nothing(filled: Desk) -> None:
    entries = (KeptEntry("pas", ("e1",)),)
    for wrong in (permit(RESULTS, targets=("records",)), replace(permit(ALLERGIES), grants=(RESULTS,))):
        with pytest.raises(Refused):
            await drawer(filled).record(RecordAsked(wrong, entries, (RESULTS,)))
    with pytest.raises(Refused):
        await drawer(filled, at=NOW + 61).record(RecordAsked(permit(RESULTS), entries, (RESULTS,)))


async def test_its_time_is_that_of_the_newest_statement_and_what_was_deleted_or_replaced_is_not_in_it(filled: Desk) -> None:
    before = (await record(filled, RESULTS))[0].at
    await filled.put(observation("o5"), client=PAS)
    later = (await record(filled, RESULTS))[0]
    await filled.put(observation("o1", status="amended"), client=PAS)
    await filled.write(Change("delete", "Observation", "o5"), client=PAS)
    kept = (await record(filled, RESULTS))[0]

    assert later.at > before
    assert kept.at > later.at
    assert names([kept]) == ["Observation/o1", "Patient/e1"]
    assert [parse(each.text)["status"] for each in kept.resources if each.id == "o1"] == ["amended"]


async def test_nobody_else_speaks_in_the_name_of_a_source_or_takes_its_words_out_of_a_record(filled: Desk) -> None:
    for other in (Client("mender", "R9A", "A mender", chooses_ids=True), Client("lab", "R9A", chooses_ids=True, source="lab")):
        refused = await filled.put(observation("o1", status="amended"), client=other)
        assert (refused.status, refused.issues[0].code) == (403, "forbidden")
        assert (await filled.write(Change("delete", "Observation", "o1"), client=other))[0].status == 403
    (mended,) = await filled.write(
        Change("update", "Observation", "o1", raw(observation("o1", status="amended"))), client=replace(PAS, source="")
    )
    assert mended.status == 200, "the platform itself mends, and the source stays"
    kept = (await record(filled, RESULTS))[0]
    assert [parse(each.text)["status"] for each in kept.resources if each.id == "o1"] == ["amended"]


async def test_a_medicine_in_nobodys_record_comes_with_what_refers_to_it(desk: Desk) -> None:
    medicine: dict[str, Any] = {"resourceType": "Medication", "id": "m1", "code": {"text": "Warfarin"}}
    request: dict[str, Any] = {
        "resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/e1"}, "medicationReference": {"reference": "Medication/m1"},
    }  # fmt: skip
    await desk.write(*(Change("update", each["resourceType"], each["id"], raw(each)) for each in (medicine, request)), client=PAS)
    kept = await record(desk, Grant("pas", "medicines"))
    assert [each.id for each in kept[0].beside] == ["m1"]


async def test_encounters_in_progress_and_nothing_else_are_told_before_there_is_a_permit(filled: Desk) -> None:
    for id_, status in (("n1", "in-progress"), ("n2", "finished")):
        encounter = {
            "resourceType": "Encounter", "id": id_, "status": status, "class": {"code": "EMER"},
            "subject": {"reference": "Patient/e1"},
        }  # fmt: skip
        await filled.put(encounter, client=PAS)
    assert names(await drawer(filled).present(PresentAsked((KeptEntry("pas", ("e1",)),)))) == ["Encounter/n1"]
    assert await drawer(filled).present(PresentAsked((KeptEntry("lab", ("e1",)),))) == ()


async def test_one_resource_alone_is_read_under_the_same_permit(filled: Desk) -> None:
    assert names(await record(filled, RESULTS, only=("Observation", "o1"))) == ["Observation/o1"]
    for absent in (("Observation", "o2"), ("Observation", "o4"), ("AllergyIntolerance", "a1")):
        with pytest.raises(NotFound):
            await record(filled, RESULTS, only=absent)


async def test_what_its_source_took_back_leaves_its_type_and_time_for_whoever_may_see_such_and_nothing_else(filled: Desk) -> None:
    await filled.write(Change("delete", "Observation", "o1"), Change("delete", "AllergyIntolerance", "a1"), client=PAS)
    await filled.write(Change("delete", "Observation", "o2"), client=LAB)
    kept = (await record(filled, RESULTS))[0]
    assert [each.type for each in kept.withdrawn] == ["Observation"]
    assert names([kept]) == ["Patient/e1"]

    await filled.put(observation("o1"), client=PAS)
    again = (await record(filled, RESULTS))[0]
    assert (names([again]), again.withdrawn) == (["Observation/o1", "Patient/e1"], ())


async def test_what_went_to_another_person_leaves_the_same_notice_and_none_within_one_person(filled: Desk) -> None:
    before = await marks(filled, RESULTS)
    await filled.put(observation("o1", "e2"), client=PAS)
    (kept,) = await record(filled, RESULTS)
    assert ([each.type for each in kept.withdrawn], names([kept])) == (["Observation"], ["Patient/e1"])
    assert (await marks(filled, RESULTS))["pas"] == mark_of(kept) != before["pas"]
    (right,) = await record(filled, RESULTS, entries=(KeptEntry("pas", ("e2",)),))
    assert (names([right]), right.withdrawn) == (["Observation/o1", "Observation/o4"], ())

    (both,) = await record(filled, RESULTS, entries=(KeptEntry("pas", ("e1", "e2")),))
    assert both.withdrawn == (), "one person's entries: nothing is gone"

    await filled.write(Change("delete", "Observation", "o1"), client=PAS)
    (both,) = await record(filled, RESULTS, entries=(KeptEntry("pas", ("e1", "e2")),))
    assert len(both.withdrawn) == 1
    await filled.put(observation("o1"), client=PAS)
    (again,) = await record(filled, RESULTS)
    assert (again.withdrawn, names([again])) == ((), ["Observation/o1", "Patient/e1"])


async def marks(desk: Desk, *grants: Grant, **more: Any) -> dict[str, KeptMark]:
    asked: dict[str, Any] = {"permit": permit(*grants), "entries": (KeptEntry("pas", ("e1",)),), "wanted": grants} | more
    return {each.source: each for each in await drawer(desk).newest(RecordAsked(**asked))}


async def test_a_mark_changes_with_every_change_to_what_is_granted_and_with_nothing_else(filled: Desk) -> None:
    async def pas() -> KeptMark:
        return (await marks(filled, RESULTS))["pas"]

    first = await pas()
    assert first == await pas()
    await filled.put(allergy("a9"), client=PAS)
    await filled.put(observation("o8"), client=LAB)
    assert await pas() == first, "of another section, of another source"
    await filled.put(observation("o1", status="amended"), client=PAS)
    amended = await pas()
    await filled.put(observation("o9"), client=PAS)
    added = await pas()
    await filled.write(Change("delete", "Observation", "o9"), client=PAS)
    taken_back = await pas()

    assert len({(each.many, each.versions, each.gone) for each in (first, amended, added, taken_back)}) == 4
    assert first.at < amended.at < added.at < taken_back.at
    assert await marks(filled, Grant("lab", "results")) == {}, "an entry that was not named"
    with pytest.raises(Refused):
        await marks(filled, RESULTS, permit=permit(RESULTS, targets=("records",)))


async def test_the_mark_is_that_of_the_very_record_that_was_read(filled: Desk) -> None:
    await filled.write(Change("delete", "Observation", "o1"), client=PAS)
    for grants in ((RESULTS,), (ALLERGIES,), (RESULTS, ALLERGIES)):
        (kept,) = await record(filled, *grants)
        assert (await marks(filled, *grants))["pas"] == mark_of(kept)
