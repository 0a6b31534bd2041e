"""The directory is asked which system of a practice answers, and where; what it says is kept for a while."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from carerecord.connectors.sds import KEPT_S, NotListed, Reached, Sds
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import Denied, NoAnswer
from carerecord.contracts.sources import Source
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.sds import Listed
from carerecord.region.servers.sds import Sds as Directory

STRUCTURED, DOCUMENTS = "urn:structured", "urn:documents"
SURGERY = Listed("A99999", "918000000001", "A99999-1", {STRUCTURED: "https://gp.example/A99999/fhir/"})


class World:
    """A directory, a window to it, and a clock that is moved by hand."""

    def __init__(self, listener: Listener, directory: Directory, web: Web) -> None:
        self.directory, self.now, self._listener = directory, 1_000.0, listener
        self.sds = Sds(web, lambda name: f"secret of {name}", ticking=lambda: self.now)
        self.source = Source("gp", "A99999", "A", "A", "GP", "gp", "gp_connect", directory.base)

    async def find(self, ods: str = "A99999", interaction: str = STRUCTURED, source: Source | None = None) -> Reached:
        until = asyncio.get_running_loop().time() + 1.0
        return await self.sds.find(source or self.source, ods, interaction, until=until)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listener, web = Listener(lambda _: Reply(b"", 503)), Web(lambda _: "")
    await listener.listen()
    directory = listener.handler = Directory([SURGERY], listener.address)
    yield World(listener, directory, web)
    await web.close()
    await listener.refuse()
    assert listener.faults == []


async def test_the_device_gives_the_asid_and_the_endpoint_of_its_party_key_the_address(world: World):
    assert await world.find() == Reached("918000000001", "https://gp.example/A99999/fhir")
    device, endpoint = world.directory.asked
    assert device.path.endswith("/Device")
    assert ("organization", "https://fhir.nhs.uk/Id/ods-organization-code|A99999") in device.query
    assert ("identifier", "https://fhir.nhs.uk/Id/nhsMhsPartyKey|A99999-1") in endpoint.query


async def test_what_was_found_is_not_looked_up_again_until_it_is_old_or_did_not_answer(world: World):
    await world.find()
    await world.find()
    assert len(world.directory.asked) == 2

    world.now += KEPT_S + 1
    await world.find()
    assert len(world.directory.asked) == 4

    world.sds.forget(world.source, "A99999")
    await world.find()
    assert len(world.directory.asked) == 6


async def test_a_practice_that_changes_its_supplier_is_found_at_its_new_place(world: World):
    await world.find()
    world.directory.lists(Listed("A99999", "918000000002", "A99999-2", {STRUCTURED: "https://new.example/fhir"}))
    world.sds.forget(world.source, "A99999")

    assert await world.find() == Reached("918000000002", "https://new.example/fhir")


@pytest.mark.parametrize(("ods", "interaction"), [("A99998", STRUCTURED), ("A99999", DOCUMENTS)])
async def test_who_is_not_listed_for_an_interaction_is_not_listed(world: World, ods: str, interaction: str):
    with pytest.raises(NotListed):
        await world.find(ods, interaction)


async def test_an_entry_without_an_address_is_as_none(world: World):
    world.directory.lists(Listed("A99999", "918000000001", "A99999-1", {STRUCTURED: "ldap://old"}))
    with pytest.raises(NotListed):
        await world.find()


async def test_a_directory_that_wants_a_key_is_shown_the_secret_and_otherwise_says_no(world: World):
    world.directory._api_key = "secret of sds-key"
    with pytest.raises(Denied):
        await world.find()
    assert await world.find(source=replace(world.source, credentials="sds-key"))


@pytest.mark.parametrize("habit", [Habit("status", status=503), Habit("garbage"), Habit("silent")], ids=lambda each: each.kind)
async def test_a_directory_that_does_not_answer_is_said_to_be_that(world: World, habit: Habit):
    world.directory.habits.set(habit)
    with pytest.raises(NoAnswer) as said:
        await world.find()
    assert not isinstance(said.value, NotListed)
