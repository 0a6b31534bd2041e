"""A probe tries what a record would, and says in plain words what is wrong and what to do."""

from collections.abc import AsyncIterator

import pytest

from carerecord.contracts.sources import SharedSection, Source
from carerecord.region.organisations import SYSTEM_BY_KEY
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import Serving, running
from carerecord.region.shapes import Holding
from carerecord.sources.probe import probe

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1948-06-19", "name": [{"family": "Test"}]}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "patient": {"reference": "Patient/p1"},
    "code": {"text": "penicillin"},
}


@pytest.fixture
async def kirkgate() -> AsyncIterator[object]:
    system = SYSTEM_BY_KEY["kirkgate"]
    holding = Holding("kirkgate", "p1", "K-1", "nobody", (PATIENT, ALLERGY))
    async with running([Serving(system, (holding,), latency_s=0)]) as servers:
        yield servers["kirkgate"]


def the_source(address: str, *sections: str, **more: object) -> Source:
    shared = tuple(SharedSection(each) for each in sections)
    return Source(
        "kirkgate",
        "A99931",
        "Kirkgate",
        "Kirkgate",
        "KG",
        "gp",
        "fhir_r4",
        address,
        sections=shared,
        **more,  # type: ignore[arg-type]
    )


def no_secret(name: str) -> str:
    return ""


async def test_a_source_that_is_well_passes_every_check(kirkgate):
    found = await probe(the_source(kirkgate.address, "allergies", "problems"), no_secret)
    assert found.ok, found.checks
    assert [each.what for each in found.checks] == [
        "capability statement",
        "a test patient",
        "allergies: AllergyIntolerance",
        "problems: Condition",
    ]


async def test_a_source_that_is_down_is_said_to_be_with_what_to_check(kirkgate):
    await kirkgate.refuse()
    found = await probe(the_source(kirkgate.address, "allergies"), no_secret)
    assert not found.ok
    (check,) = found.checks
    assert "could not be reached" in check.says
    assert "Check `address`" in check.says


async def test_a_web_page_instead_of_fhir_is_told_apart(kirkgate):
    kirkgate.set(Habit("html", enrolment=True))
    found = await probe(the_source(kirkgate.address, "allergies"), no_secret)
    assert "is not JSON" in found.checks[0].says


async def test_a_section_that_fails_is_named_and_the_others_are_still_tried(kirkgate):
    kirkgate.set(Habit("status", type="AllergyIntolerance", status=403))
    found = await probe(the_source(kirkgate.address, "allergies", "problems"), no_secret)
    assert {each.what: each.ok for each in found.checks}["allergies: AllergyIntolerance"] is False
    assert {each.what: each.ok for each in found.checks}["problems: Condition"] is True
    assert not found.ok


async def test_credentials_that_are_wrong_are_told_by_what_to_set():
    async with running([Serving(SYSTEM_BY_KEY["elm-bank"], (), latency_s=0)]) as servers:
        elm = servers["elm-bank"]
        source = the_source(elm.address, "allergies", token_address=elm.token_address, client_id="us", credentials="a-secret")
        found = await probe(source, lambda name: "wrong")
    assert "credentials are not accepted" in found.checks[0].says
    assert "the secret that `credentials` names" in found.checks[0].says
