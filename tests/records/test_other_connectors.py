"""A record with sources that speak no FHIR: opened, and a document of one of them opened, by the same desk and the same rules."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from carerecord.connectors.windows import Windows
from carerecord.contracts.locator import Pointer
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import ExpandAsked
from carerecord.contracts.sources import Registry
from carerecord.kit.errors import NotFound, Refused, Unavailable
from carerecord.region.servers.http import Reply
from tests.connectors import contract
from tests.connectors.played_documents import LETTER, MHD, XDS
from tests.connectors.played_json import KESTREL, RIVERMEAD
from tests.records.a_desk import A_GP, CARE, NHS_NUMBER, World, a_world, state, titles

BOTH = pytest.mark.parametrize("played", [MHD, XDS], ids=["MHD", "XDS.b"])


@asynccontextmanager
async def a_desk_with(*played: contract.Played) -> AsyncIterator[tuple[World, list[contract.World]]]:
    """The desk, and these sources, which nobody has told the locator of."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(a_world())
        there = [await stack.enter_async_context(contract.a_world(each)) for each in played]
        windows = Windows({each.source.connector: each.window for each in there})
        world.desk.gatherer._window, world.reader.window = windows, windows
        world.neighbours.registry = Registry("2", tuple(each.source for each in there))
        yield world, there


async def document(world: World, source: str, id_: str) -> bytes:
    asked = ExpandAsked(A_GP, "p1", CARE, source, "DocumentReference", id_, document=True)
    return (await world.reader.expand(asked)).content


async def known(world: World, there: contract.World) -> str:
    """Open the record, let the locator learn who is known there, and name the first document."""
    record = await world.last(A_GP)
    local_id = there.played.local_id or NHS_NUMBER
    world.neighbours.pointers = (Pointer(there.source.id, local_id, "p1"),)
    return next(each for each in record.sections if each.id == "documents").entries[0].facts.id


async def test_a_source_that_cannot_list_its_people_is_asked_without_a_sign_and_stands_in_the_record():
    async with a_desk_with(RIVERMEAD) as (world, _):
        record = await world.last(A_GP)

    assert (state(record, "rivermead").state, state(record, "rivermead").count) == ("live", 6)
    assert titles(record, "allergies") == ["Latex"] * 3


async def test_one_that_speaks_xml_stands_beside_it_and_one_that_is_silent_is_named():
    async with a_desk_with(KESTREL) as (world, (there,)):
        well = await world.last(A_GP)
        there.mischief = lambda _: Reply(b"", 500)
        ill = await world.last(A_GP)

    assert titles(well, "medicines") == ["Warfarin 3mg tablets"] * 3
    assert (state(ill, "kestrel").state, titles(ill, "medicines")) == ("no answer", [])


@BOTH
async def test_a_document_is_opened_though_the_locator_has_not_heard_of_the_opening_yet(played: contract.Played):
    async with a_desk_with(played) as (world, (there,)):
        id_ = await known(world, there)
        world.neighbours.pointers = ()
        assert await document(world, there.source.id, id_) == LETTER


@BOTH
async def test_a_document_is_fetched_when_it_is_opened_and_written_down_before_it_is_handed_over(played: contract.Played):
    async with a_desk_with(played) as (world, (there,)):
        id_ = await known(world, there)
        before = {each.path for each in there.asked}
        assert await document(world, there.source.id, id_) == LETTER
        line = world.outbox.lines[-1]
        world.outbox.broken = True
        with pytest.raises(Unavailable):
            await document(world, there.source.id, id_)

    assert not {"/repository", "/fhir/Binary/letter"} & before
    assert (line.what, line.sources, line.sections) == ("item-expanded", (there.source.id,), ("documents",))


@BOTH
async def test_a_document_of_a_section_that_is_withheld_is_neither_listed_nor_fetched(played: contract.Played):
    async with a_desk_with(played) as (world, (there,)):
        id_ = await known(world, there)
        there.asked.clear()
        says = "The person does not share documents."
        world.neighbours.withheld = (Withheld("", "documents", "consent/1", says), Withheld("", "plans", "consent/1", says))
        with pytest.raises((Refused, NotFound)):
            await document(world, there.source.id, id_)

    assert there.asked == []


@BOTH
async def test_no_nhs_number_of_an_opened_document_stands_in_an_address_or_a_log(
    played: contract.Played, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    async with a_desk_with(played) as (world, (there,)):
        await document(world, there.source.id, await known(world, there))

    assert NHS_NUMBER not in there.addresses
    assert NHS_NUMBER not in caplog.text + "".join(capsys.readouterr())
