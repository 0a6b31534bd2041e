"""Documents of a registry: what is listed of them, and the document itself when it is opened, over MHD and XDS.b."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from carerecord.connectors.documents_mtom import packed, unpacked
from carerecord.connectors.documents_xds_messages import find_documents
from carerecord.connectors.reply import Asking
from carerecord.connectors.safe_xml import read_xml
from carerecord.connectors.web_trouble import Elsewhere, NotThere
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.pages.formatting import Formatter
from carerecord.region.servers.http import Asked, Reply, as_json
from carerecord.viewer.items import lines
from tests.connectors.contract import EXPECTED, NHS_NUMBER, Played, World, a_world, state_of
from tests.connectors.played_documents import (
    LETTER,
    MHD,
    SOAP,
    XDS,
    envelope,
    extrinsic,
    letter,
    queried,
    retrieved,
)
from tests.connectors.played_fhir import FHIR_R4
from tests.records.a_desk import validators

BOTH = pytest.mark.parametrize("played", [MHD, XDS], ids=["MHD", "XDS.b"])


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    validators()


def soon() -> float:
    return asyncio.get_running_loop().time() + 3


def about(world: World) -> Asking:
    ids = (world.played.local_id,) if world.played.local_id else ()
    return Asking(world.source, ids, frozenset({"documents"}), EXPECTED)


async def opened(world: World) -> Any:
    """The first document that is listed, and what it refers to."""
    listed = (await world.ask()).entries[0].facts
    one = await world.window.read_one(about(world), "DocumentReference", listed.id, until=soon())
    return await world.window.document(about(world), parse(one.resource), until=soon())


@BOTH
async def test_a_document_is_listed_with_author_date_type_and_confidentiality_and_not_fetched(played):
    async with a_world(played) as world:
        facts = (await world.ask()).entries[0].facts
        asked = {each.path for each in world.asked}

    assert (facts.section, facts.at, facts.confidentiality) == ("documents", "2026-07-02T09:15:00Z", "R")
    assert "Mehta" in facts.author
    assert facts.document is not None
    assert (facts.document.content_type, facts.document.size_bytes) == ("application/pdf", len(LETTER))
    assert not {"/repository", "/fhir/Binary/letter"} & asked


@BOTH
async def test_a_reader_is_told_who_wrote_it_what_it_is_and_that_it_is_confidential(played):
    async with a_world(played) as world:
        facts = (await world.ask()).entries[0].facts
    first, *others = lines(facts, Formatter(datetime(2026, 11, 22, tzinfo=UTC)))

    assert "Mehta, PDF, 0 kB" in first
    assert others == ["Its source calls it restricted"]


@BOTH
async def test_a_document_that_is_opened_comes_to_the_last_byte(played):
    async with a_world(played) as world:
        content = await opened(world)

    assert (content.content_type, content.body) == ("application/pdf", LETTER)


@BOTH
async def test_a_document_that_is_not_the_one_that_was_listed_is_not_shown(played):
    async with a_world(played) as world:
        world.mischief = lambda asked: (
            retrieved(asked, document=LETTER.replace(b"letter", b"LETTER")) if asked.path == "/repository"
            else Reply(LETTER.replace(b"letter", b"LETTER"), content_type="application/pdf") if "Binary" in asked.path
            else None
        )  # fmt: skip
        with pytest.raises(Unreadable, match="hash"):
            await opened(world)


@BOTH
async def test_a_document_of_another_type_than_was_said_is_not_shown(played):
    async with a_world(played) as world:
        page = Reply(b"<html>sign in</html>", content_type="text/html")
        world.mischief = lambda asked: page if asked.path in ("/repository", "/fhir/Binary/letter") else None
        with pytest.raises(Unreadable):
            await opened(world)


async def test_an_xds_entry_reads_as_what_its_registry_says():
    async with a_world(XDS) as world:
        listed = (await world.ask()).entries[0].facts
        one = await world.window.read_one(about(world), "DocumentReference", listed.id, until=soon())
    reference, sent = parse(one.resource), parse(one.as_sent.encode())

    assert sent["ExtrinsicObject"]["@mimeType"] == "application/pdf"
    assert "Mehta^Asha" in one.as_sent
    assert listed.title == "Rheumatology clinic letter"
    assert listed.author == "Dr Asha Mehta"
    assert [(code.code, code.display) for code in listed.codes][:1] == [("823681000000100", "Outpatient letter")]
    assert reference["content"][0]["format"]["code"] == "urn:ihe:iti:xds-sd:pdf:2008"
    assert reference["masterIdentifier"]["value"] == "urn:oid:1.2.9.0"
    assert reference["context"]["period"]["start"] == "2026-07-01"
    assert reference["author"][1] == {"display": "Aldermoor Hospital", "type": "Organization"}
    assert listed.identifiers == ("urn:ietf:rfc:3986|urn:oid:1.2.9.0",)


async def test_for_plans_alone_a_registry_is_asked_for_plans_alone():
    async with a_world(XDS) as world:
        reply = await world.ask("plans")

    assert b"$XDSDocumentEntryTypeCode" in world.asked[0].body
    assert (reply.entries, reply.dropped) == ((), 0)


async def test_a_repository_that_the_registry_table_does_not_name_is_not_asked():
    async with a_world(XDS) as world:
        world.source = type(world.source)(**{**_fields(world.source), "repositories": ()})
        with pytest.raises(NotThere):
            await opened(world)
        assert "/repository" not in {each.path for each in world.asked}


async def test_another_document_than_was_asked_for_is_refused():
    async with a_world(XDS) as world:
        world.mischief = lambda asked: retrieved(asked, number="1.2.9.99") if asked.path == "/repository" else None
        with pytest.raises(Unreadable, match="another document"):
            await opened(world)


async def test_a_soap_fault_and_a_failure_are_no_answer():
    fault = envelope("<s:Fault><s:Reason><s:Text>patient 9990000018 broke it</s:Text></s:Reason></s:Fault>")
    busy = queried("", status="Failure", errors='<rs:RegistryError errorCode="XDSRegistryBusy" severity="urn:x:Error"/>')
    for answer, status in ((fault, 200), (fault, 500), (busy, 200)):
        async with a_world(XDS) as world:
            world.mischief = always(Reply(answer.body, status, SOAP))
            reply = await world.ask()
        assert (reply.state, reply.entries) == ("no answer", ())
        assert NHS_NUMBER not in reply.says


async def test_a_partial_success_is_incomplete():
    async with a_world(XDS) as world:
        error = '<rs:RegistryError errorCode="XDSRegistryError" severity="urn:x:Error"/>'
        entry = extrinsic(1, world.held, id_="urn:uuid:00000001-0000-4000-8000-000000000001")
        world.mischief = lambda _: queried(entry, status="PartialSuccess", errors=error)
        reply = await world.ask()

    assert (reply.state, len(reply.entries)) == ("incomplete", 1)
    assert state_of(reply, "documents").says == "It says that not all of it could be sent."


async def test_an_xml_bomb_and_an_outside_entity_are_refused_before_they_grow():
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    outside = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'
    deep = b"<a>" * 100 + b"</a>" * 100
    for body in (bomb, outside, deep):
        with pytest.raises(Unreadable):
            read_xml(body)
        async with a_world(XDS) as world:
            world.mischief = always(Reply(body, content_type=SOAP))
            assert (await world.ask()).state == "unreadable"


@pytest.mark.parametrize("played", [MHD, FHIR_R4], ids=["MHD", "FHIR R4"])
@pytest.mark.parametrize("status", [404, 410])
async def test_a_server_that_has_no_search_for_people_is_no_answer_and_never_none_held(played: Played, status: int):
    async with a_world(played) as world:
        world.mischief = lambda asked: Reply(b"", status) if "/Patient" in asked.path else None
        reply = await world.ask(known=False)

    assert (reply.state, reply.entries) == ("no answer", ())


async def test_an_mhd_document_that_lies_at_another_address_is_not_fetched():
    async with a_world(MHD) as other, a_world(MHD) as world:
        there = letter("d1-0", url=f"{other.listener.address}/fhir/Binary/letter")
        elsewhere = as_json(there, content_type="application/fhir+json")
        world.mischief = lambda asked: elsewhere if asked.path.endswith("/d1-0") else None
        with pytest.raises(Elsewhere):
            await opened(world)
    assert other.asked == []


def test_a_quote_in_an_id_ends_no_parameter_of_a_stored_query():
    soap = find_documents("https://x.example", "1'^^^&9&ISO') OR ('1", "1.2.3").decode()
    assert "'1''^^^&amp;9&amp;ISO'') OR (''1^^^&amp;1.2.3&amp;ISO'" in soap


def test_what_is_packed_can_be_unpacked_and_what_was_cut_short_is_refused():
    kind, body = packed(b"<a/>", "urn:x")
    assert unpacked(kind, body).root == b"<a/>"
    for broken in (body[:-10], body.replace(b"root@carerecord", b"other"), b""):
        with pytest.raises(Unreadable):
            unpacked(kind, broken)


def always(answer: Reply) -> Callable[[Asked], Reply]:
    return lambda _: answer


def _fields(source: Any) -> dict[str, Any]:
    return {name: getattr(source, name) for name in source.__struct_fields__}
