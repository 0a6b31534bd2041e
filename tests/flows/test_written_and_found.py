"""A supplier's system writes a person by the FHIR API: a clinician finds them, opens what it wrote, and the book tells of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, IssueAsked
from carerecord.contracts.patients import SEARCH, TRACED, WHO, Demographics, Name, Person, SearchAsked, TracedAsked, WhoAsked
from carerecord.contracts.records import ALIASES, OPEN, AliasesAsked, OpenAsked, Record
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house
from tests.flows.test_record_by_api import serving
from tests.patients.people import nhs

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
SOURCE, ORGANISATION = "harbour-midwives", "RHM"
NUMBER, OTHER_NUMBER = nhs(71), nhs(72)
NHS = "https://fhir.nhs.uk/Id/nhs-number"
VERIFIED = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "valueCodeableConcept": {
        "coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "code": "01"}]
    },
}
TABLE = f"""
[[source]]
id = "{SOURCE}"
organisation = "{ORGANISATION}"
name = "Harbour Midwives"
kind = "acute"
connector = "none"
sections = ["allergies"]
arrangement = "master"
stage = "everyone"
"""


def a_person(family: str = "Winterbourne", number: str = NUMBER, **more: Any) -> dict[str, Any]:
    identifier = {"system": NHS, "value": number, "extension": [VERIFIED]}
    named = {"use": "official", "family": family, "given": ["Odalys"]}
    return {"resourceType": "Patient", "identifier": [identifier], "name": [named], "birthDate": "1994-05-17", **more}


def an_allergy(patient: str) -> dict[str, Any]:
    active = {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    latex = {"system": "http://snomed.info/sct", "code": "1003755004", "display": "Allergy to latex"}
    return {
        "resourceType": "AllergyIntolerance", "patient": {"reference": patient}, "code": {"coding": [latex]},
        "clinicalStatus": {"coding": [active]},
    }  # fmt: skip


class Supplier:
    """A client of the API, in the name of a source."""

    def __init__(self, whole: Whole, web: aiohttp.ClientSession, base: str, token: str) -> None:
        self.whole, self._web, self._base, self._token = whole, web, base, token

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/fhir+json"}
        async with self._web.request(method, f"{self._base}{path}", json=body, headers=headers) as reply:
            return reply.status, await reply.json(content_type=None) if await reply.read() else None

    async def found(self, text: str, many: int = 1) -> list[Person]:
        """Whom a clinician finds, once there are so many; twenty seconds at most."""
        for _ in range(400):
            told = await self.whole.calls.ask(SEARCH, SearchAsked(text=text, actor=DR_NAIR))
            if len(told.matches) == many:
                return [each.person for each in told.matches]
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(told.matches)} people are found, and not {many}")

    async def opened(self, patient: str) -> Record:
        return [chunk async for chunk in self.whole.calls.stream(OPEN, OpenAsked(DR_NAIR, patient, EMERGENCY))][-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def supplier(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supplier]:
    folder = tmp_path_factory.mktemp("written")
    (folder / "sources").mkdir()
    Path(folder / "sources" / "midwives.toml").write_text(TABLE)
    async with (
        a_whole_house(cluster, folder, systems=("fenwick-epr",), nats_url=nats.url, enrolled=False) as whole,
        serving(whole) as api,
        aiohttp.ClientSession() as web,
    ):
        await whole.registered(until=lambda names: SOURCE in names)
        calls = whole.house.calls("exchange")
        asked = AddClientAsked("Midwives' system", ORGANISATION, ("system/*.cruds",), source=SOURCE)
        added = await calls.ask(ADD_CLIENT, asked)
        token = (await calls.ask(ISSUE, IssueAsked(added.client.id, 600.0))).access_token
        yield Supplier(whole, web, api.base, token)


async def test_a_person_whom_a_system_creates_is_found_opened_renamed_and_found_no_more(supplier: Supplier):
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:1f0c", "resource": a_person(), "request": {"method": "POST", "url": "Patient"}},
            {"resource": an_allergy("urn:uuid:1f0c"), "request": {"method": "POST", "url": "AllergyIntolerance"}},
        ],
    }  # fmt: skip
    status, made = await supplier.ask("POST", "", bundle)
    assert status == 200, made
    id_ = made["entry"][0]["resource"]["id"]

    (person,) = await supplier.found(f"{NUMBER}")
    assert person.known_by == (SOURCE,)
    record = await supplier.opened(person.patient)
    assert [each.facts.title for section in record.sections if section.id == "allergies" for each in section.entries] == [
        "Allergy to latex"
    ]

    assert (await supplier.ask("PUT", f"/Patient/{id_}", a_person("Hallorann", id=id_)))[0] == 200
    (renamed,) = await supplier.found("Odalys Hallorann")
    assert renamed.patient == person.patient, "it is the entry that was there"

    assert (await supplier.ask("DELETE", f"/Patient/{id_}"))[0] == 204
    await supplier.found(NUMBER, 0)


async def test_a_person_written_over_with_somebody_else_waits_and_takes_nothing_along(supplier: Supplier):
    status, made = await supplier.ask("POST", "/Patient", a_person(number=OTHER_NUMBER))
    assert status == 201, made
    (person,) = await supplier.found(OTHER_NUMBER)
    stranger = a_person("Achterberg", nhs(73), id=made["id"], birthDate="1951-01-30", gender="male")
    stranger["name"][0]["given"] = ["Ruprecht"]
    assert (await supplier.ask("PUT", f"/Patient/{made['id']}", stranger))[0] == 200
    await asyncio.sleep(1.0)
    assert (await supplier.found(OTHER_NUMBER))[0].patient == person.patient
    await supplier.found(nhs(73), 0)


async def test_the_book_names_a_person_under_the_ids_of_the_api_too(supplier: Supplier):
    _, made = await supplier.ask("POST", "/Patient", a_person("Vantongeren", nhs(74)))
    (person,) = await supplier.found(nhs(74))
    _, allergy = await supplier.ask("POST", "/AllergyIntolerance", an_allergy(f"Patient/{made['id']}"))
    assert (await supplier.ask("GET", f"/AllergyIntolerance/{allergy['id']}"))[0] == 200

    calls = supplier.whole.calls
    named = await calls.ask(ALIASES, AliasesAsked(person.patient))
    assert named.kept == (made["id"],)
    for _ in range(100):
        looks = await calls.ask(LOOKS, LooksAsked((*named.person, *named.kept), actor=DR_NAIR))
        told = {line.what for line in looks.lines if line.actor and line.actor.name == "Midwives' system"}
        if told >= {"resource-read", "resource-written"}:
            break
        await asyncio.sleep(0.05)
    assert told >= {"resource-read", "resource-written"}


async def test_whom_the_register_calls_restricted_is_told_to_no_system_and_the_system_that_wrote_them_goes_on(supplier: Supplier):
    number = nhs(75)
    home = {"address": [{"text": "4 Harbour Lane", "postalCode": "QY1 2ZZ"}],
            "telecom": [{"system": "phone", "value": "01632960999"}]}  # fmt: skip
    status, made = await supplier.ask("POST", "/Patient", a_person("Farouk", number, **home))
    assert status == 201, made
    (person,) = await supplier.found(number)
    assert person.demographics.postcode == "QY1 2ZZ"
    _, allergy = await supplier.ask("POST", "/AllergyIntolerance", an_allergy(f"Patient/{made['id']}"))
    at_register = Demographics((Name("Farouk", ("Odalys",)),), "1994-05-17", "", number, "01", restricted=True)
    await supplier.whole.calls.ask(TRACED, TracedAsked(person.patient, "verified", at_register))

    for path in (f"/Patient/{made['id']}", f"/Patient?identifier={number}", f"/Patient/{made['id']}/$everything"):
        status, told = await supplier.ask("GET", path)
        said = str(told)
        assert (status, "Farouk" in said, "Harbour" in said, "QY1" in said, "0163296" in said) == (200, True, False, False, False)
    assert (await supplier.ask("GET", f"/AllergyIntolerance/{allergy['id']}"))[1]["code"]["coding"][0]["code"] == "1003755004"
    seen = await supplier.whole.calls.ask(WHO, WhoAsked(person.patient))
    assert (seen.demographics.restricted, seen.demographics.postcode, seen.known_by) == (True, "", ())

    _, read = await supplier.ask("GET", f"/Patient/{made['id']}")
    assert (await supplier.ask("PUT", f"/Patient/{made['id']}", read))[0] == 422
    whole = a_person("Farouk", number, id=made["id"], gender="female", **home)
    assert (await supplier.ask("PUT", f"/Patient/{made['id']}", whole))[0] == 200
    plain = msgspec.structs.replace(at_register, restricted=False)
    await supplier.whole.calls.ask(TRACED, TracedAsked(person.patient, "verified", plain))
    assert (await supplier.ask("GET", f"/Patient/{made['id']}"))[1]["address"][0]["postalCode"] == "QY1 2ZZ"
