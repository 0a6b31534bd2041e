"""Who knows who is who is told of Patient resources: in whose name each was written, and what a deleted one said."""

import msgspec
from tests.holdings.conftest import TRUST, Desk
from tests.patients.people import nhs

from carerecord.contracts.holdings import Change, PeopleKeptAsked, PersonKept
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.holdings.people import people_kept

MIDWIVES = msgspec.structs.replace(TRUST, id="midwives", source="harbour-midwives")


def a_person(id_: str, number: str, label: str = "N"):
    security = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": label}]
    identifier = [{"system": NHS_NUMBER, "value": number}]
    return {"resourceType": "Patient", "id": id_, "meta": {"security": security}, "identifier": identifier, "gender": "female"}


async def kept(desk: Desk, *ids: str, numbers: tuple[str, ...] = ()) -> tuple[PersonKept, ...]:
    return await people_kept(PeopleKeptAsked(ids, numbers), desk.keeper.finder)


async def test_each_is_told_with_the_source_in_whose_name_it_was_written(desk: Desk):
    await desk.put(a_person("p1", nhs(1)), client=MIDWIVES)
    await desk.put(a_person("p2", nhs(2)))
    found = await kept(desk, "p2", "p1", "nobody", "not an id")
    assert [(each.id, each.source, each.gone) for each in found] == [("p1", "harbour-midwives", False), ("p2", "", False)]


async def test_who_bears_a_number_is_found_however_confidential_and_whoever_wrote_it(desk: Desk):
    await desk.put(a_person("p1", nhs(1), "V"), client=MIDWIVES)
    await desk.put(a_person("p2", nhs(1)))
    await desk.put(a_person("p3", nhs(3)))
    assert [each.id for each in await kept(desk, numbers=(nhs(1),))] == ["p1", "p2"]


async def test_of_one_that_is_deleted_what_it_said_is_told_and_that_it_is_gone(desk: Desk):
    await desk.put(a_person("p1", nhs(1)), client=MIDWIVES)
    await desk.write(Change("delete", "Patient", "p1"), client=MIDWIVES)
    (found,) = await kept(desk, "p1")
    assert (found.gone, found.source) == (True, "harbour-midwives")
    assert nhs(1).encode() in bytes(found.raw)


async def test_nobody_is_shown_anything_so_the_book_has_no_line_of_it(desk: Desk):
    await desk.put(a_person("p1", nhs(1)))
    before = await desk.database.pool.fetchval("SELECT count(*) FROM outbox")
    await kept(desk, "p1", numbers=(nhs(1),))
    assert await desk.database.pool.fetchval("SELECT count(*) FROM outbox") == before
