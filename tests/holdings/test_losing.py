"""Does a write take away what its client was not shown? And does whoever files what a source sends go on filing it?"""

from typing import Any

import pytest
from tests.holdings.conftest import TRUST, Desk, held, raw

from carerecord.contracts.holdings import Change, Client, Reach, Written
from carerecord.contracts.veils import Hung, VeilAsked
from carerecord.holdings.hanging import Hanging

SYSTEM = Reach(veiled_for="RXX")
HOME = [{"text": "4 Harbour Lane"}]
PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "birthDate": "1948-03-14", "address": HOME}
BARE = {name: each for name, each in PATIENT.items() if name != "address"}
RESTRICTED = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}
MASKED = {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "REDACTED"}]}}


async def protect(desk: Desk) -> None:
    await Hanging(desk.keeper.finder).hang(VeilAsked((Hung("restricted/n1", ("p1",), places=True),), restricted_upto=1))


async def put(desk: Desk, resource: dict[str, Any], reach: Reach = SYSTEM, *, client: Client = TRUST, **more: Any) -> Written:
    change = Change("update", resource["resourceType"], resource["id"], raw(resource), **more)
    return (await desk.write(change, client=client, reach=reach))[0]


@pytest.mark.parametrize("unless", ["", "same"])
async def test_a_client_that_was_not_shown_an_address_does_not_take_it_away(desk: Desk, unless: str):
    await put(desk, PATIENT)
    await protect(desk)
    refused = await put(desk, BARE, unless=unless)
    assert (refused.status, [each.path for each in refused.issues]) == (422, ["Patient.address"])
    assert (await put(desk, BARE | {"address": [{"text": "Elsewhere"}]}, unless=unless)).status == 200


@pytest.mark.parametrize("unless", ["", "same"])
async def test_of_anybody_else_an_address_may_go(desk: Desk, unless: str):
    await put(desk, PATIENT)
    assert (await put(desk, BARE, unless=unless)).status == 200


async def test_a_copy_that_says_what_it_lacks_replaces_nothing_whoever_it_is_about(desk: Desk):
    await put(desk, PATIENT)
    assert [each.path for each in (await put(desk, BARE | MASKED)).issues] == ["Patient.meta.security"]
    assert (await put(desk, BARE | MASKED | {"id": "p2"})).status == 201, "where nothing stands nothing is lost"
    assert (await put(desk, BARE | MASKED | {"id": "p2", "gender": "female"})).status == 200


async def test_who_files_what_a_source_sends_goes_on_filing_it(desk: Desk):
    await put(desk, PATIENT)
    await protect(desk)
    filed = await put(desk, BARE, Reach(), client=Client("", "R9A", "Aldermoor", chooses_ids=True, source="epr"))
    assert filed.status == 200


async def test_a_patient_that_calls_itself_restricted_is_shown_and_replaced_as_one(desk: Desk):
    await put(desk, PATIENT | RESTRICTED)
    read = await desk.read("Patient", "p1", reach=SYSTEM)
    assert (b"Harbour" in read.text, b"REDACTED" in read.text) == (False, True)
    assert b"Harbour" not in (await desk.read("Patient", "p1", 1, reach=SYSTEM)).text
    for query in (("_id", "p1"), ("birthdate", "1948-03-14")):
        (found,) = (await desk.search("Patient", query, reach=SYSTEM)).matches
        assert b"Harbour" not in found.text
    assert (await desk.search("Patient", ("_id", "p1"), ("address", "4"), reach=SYSTEM)).matches == ()
    assert b"Harbour" in (await desk.read("Patient", "p1")).text, "our own work sees it whole"
    assert (await put(desk, BARE | RESTRICTED)).status == 422
    assert held(await put(desk, PATIENT | RESTRICTED | {"gender": "female"})).version == 2


async def test_what_nobody_looked_at_is_shown_as_a_restricted_person_s(desk: Desk):
    await put(desk, PATIENT)
    await protect(desk)
    finder = desk.keeper.finder
    row = await finder.looked.last.ask(("Patient", "p1"))
    assert row is not None
    assert (row.veiled, b"Harbour" in finder.text(row), b"Harbour" in finder.whole(row)) == (True, False, True)
