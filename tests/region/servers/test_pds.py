"""Does the pretend PDS answer as the national one does?"""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.pds import BASE, Pds

SECURITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
UUID = "60e0b220-8136-4ca5-ae46-1d97ef59d068"


def a_person(number: str, family: str, code: str = "U") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": number,
        "meta": {"versionId": "2", "security": [{"system": SECURITY, "code": code}]},
        "name": [{"use": "usual", "family": family, "given": ["Jane"]}],
        "gender": "female",
        "birthDate": "1980-05-01",
        "address": [{"postalCode": "ZZ1 1AA"}],
        "telecom": [{"system": "phone", "value": "01632 960999"}],
        "generalPractitioner": [{"identifier": {"value": "A99917"}}],
        "contact": [{"name": {"family": "X"}}],
    }


REGISTER = {
    "9990000018": a_person("9990000018", "Smith"),
    "9990000026": a_person("9990000026", "Hidden", "R"),
    "9990000034": a_person("9990000034", "Gone", "REDACTED"),
}
OLD = "9990000042"


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"X-Request-ID": UUID}) as session:
        yield session


@pytest.fixture
async def pds() -> AsyncIterator[str]:
    listener = Listener(lambda _: Reply())
    await listener.listen()
    listener.handler = Pds(REGISTER, listener.address, latency_s=0, superseded={OLD: "9990000018"})
    yield listener.address + BASE
    await listener.refuse()
    assert listener.faults == []


async def ask(web: aiohttp.ClientSession, address: str, **more: Any) -> tuple[int, Any]:
    async with web.get(address, **more) as reply:
        return reply.status, await reply.json(content_type=None)


def spine(outcome: dict[str, Any]) -> str:
    code: str = outcome["issue"][0]["details"]["coding"][0]["code"]
    return code


async def test_a_person_is_read_with_the_version_as_tag(web: aiohttp.ClientSession, pds: str) -> None:
    async with web.get(f"{pds}/Patient/9990000018") as reply:
        assert (reply.status, reply.headers["ETag"], reply.headers["X-Request-ID"]) == (200, 'W/"2"', UUID)
        assert (await reply.json(content_type=None))["id"] == "9990000018"


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("9990000019", 400, "INVALID_RESOURCE_ID"),
        ("9990000034", 404, "INVALIDATED_RESOURCE"),
        ("9990000050", 404, "RESOURCE_NOT_FOUND"),
        ("x", 400, "INVALID_RESOURCE_ID"),
    ],
)
async def test_what_cannot_be_read_has_its_code(
    web: aiohttp.ClientSession, pds: str, number: str, status: int, code: str
) -> None:
    answered, outcome = await ask(web, f"{pds}/Patient/{number}")

    assert (answered, spine(outcome)) == (status, code)


async def test_a_superseded_number_answers_with_the_one_that_stands(web: aiohttp.ClientSession, pds: str) -> None:
    assert (await ask(web, f"{pds}/Patient/{OLD}"))[1]["id"] == "9990000018"


async def test_a_restricted_person_is_shown_without_places(web: aiohttp.ClientSession, pds: str) -> None:
    _, person = await ask(web, f"{pds}/Patient/9990000026")

    assert {"address", "telecom", "generalPractitioner"}.isdisjoint(person)
    assert person["meta"]["security"][0]["code"] == "R"


async def test_a_restricted_person_is_not_found_by_postcode(web: aiohttp.ClientSession, pds: str) -> None:
    _, by_name = await ask(web, f"{pds}/Patient?family=Hidden&birthdate=eq1980-05-01")
    _, by_place = await ask(web, f"{pds}/Patient?family=Hidden&birthdate=eq1980-05-01&address-postalcode=ZZ1")

    assert (by_name["total"], by_place["total"]) == (1, 0)
    assert "contact" not in by_name["entry"][0]["resource"]


async def test_a_search_scores_and_a_wildcard_needs_two_letters(web: aiohttp.ClientSession, pds: str) -> None:
    _, found = await ask(web, f"{pds}/Patient?family=smi*&birthdate=ge1980-01-01&birthdate=le1980-12-31")
    status, outcome = await ask(web, f"{pds}/Patient?family=s*&birthdate=1980-05-01")

    assert found["entry"][0]["search"]["score"] == 1
    assert (status, spine(outcome)) == (400, "INVALID_VALUE")


async def test_family_and_birth_date_are_the_least(web: aiohttp.ClientSession, pds: str) -> None:
    status, outcome = await ask(web, f"{pds}/Patient?family=Smith")

    assert (status, spine(outcome)) == (400, "MISSING_VALUE")


async def test_a_request_id_is_required_and_is_a_uuid(pds: str) -> None:
    async with aiohttp.ClientSession() as bare:
        _, missing = await ask(bare, f"{pds}/Patient/9990000018")
        _, odd = await ask(bare, f"{pds}/Patient/9990000018", headers={"X-Request-ID": "abc"})

    assert (spine(missing), spine(odd)) == ("MISSING_VALUE", "INVALID_VALUE")


async def test_too_many_in_a_second_are_throttled(web: aiohttp.ClientSession) -> None:
    listener = Listener(lambda _: Reply())
    await listener.listen()
    listener.handler = Pds(REGISTER, listener.address, latency_s=0, per_second=5)
    statuses = [(await ask(web, f"{listener.address}{BASE}/Patient/9990000018"))[0] for _ in range(6)]
    await listener.refuse()

    assert statuses == [200] * 5 + [429]
