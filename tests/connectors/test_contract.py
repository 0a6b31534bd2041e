"""Every connector keeps the same promises: by whom an answer is, by when, how much, in which state, and what it tells nobody."""

import asyncio
import logging

import pytest

from carerecord.records.right_person import judged
from carerecord.region.servers.http import HTML, End, Reply, Script, redirect
from tests.connectors.contract import MEANS_NOTHING_IS_MISSING, NHS_NUMBER, OTHER_NUMBER, Played, a_world, state_of
from tests.connectors.played_documents import MHD, XDS
from tests.connectors.played_fhir import FHIR_R4
from tests.connectors.played_gp_connect import GP_CONNECT
from tests.connectors.played_json import KESTREL, RIVERMEAD
from tests.records.a_desk import EDITH, validators

CONNECTORS = (FHIR_R4, GP_CONNECT, RIVERMEAD, KESTREL, MHD, XDS)

pytestmark = pytest.mark.parametrize("played", CONNECTORS, ids=[each.connector for each in CONNECTORS])


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    validators()


async def test_what_it_holds_comes_and_says_whom_it_is_about(played: Played):
    async with a_world(played) as world:
        reply = await world.ask()

    assert (reply.state, len(reply.entries)) == ("live", 3)
    assert {each.facts.section for each in reply.entries} == {played.section}
    assert [each.nhs_number for each in reply.said] == [NHS_NUMBER]
    assert all(entry.source == world.source.id for entry in reply.entries)
    assert not judged(EDITH, reply).mismatches
    assert len(judged(EDITH, reply).entries) == 3


async def test_somebody_who_is_only_known_by_number_is_found_there(played: Played):
    async with a_world(played) as world:
        reply = await world.ask(known=False)

    assert (reply.state, len(reply.entries)) == ("live", 3)


async def test_somebody_whom_it_does_not_know_is_none_held_when_found_and_incomplete_when_the_index_knew_them(played: Played):
    async with a_world(played, known=False) as world:
        assert (await world.ask(known=False)).state == played.unknown
        if played.local_id:
            assert (await world.ask()).state == "incomplete"


@pytest.mark.parametrize(("number", "born"), [(OTHER_NUMBER, "1948-06-19"), (NHS_NUMBER, "1991-01-02")])
async def test_an_answer_about_somebody_else_is_discarded_whole(played: Played, number: str, born: str):
    async with a_world(played, number=number, born=born) as world:
        reply = judged(EDITH, await world.ask())

    assert (reply.state, reply.entries) == ("discarded", ())


async def test_a_silent_source_has_a_reply_by_the_deadline(played: Played):
    async with a_world(played) as world:
        world.mischief = lambda _: Script((End.HANG,))
        began = asyncio.get_running_loop().time()
        reply = await world.ask(within_s=0.4)
        took = asyncio.get_running_loop().time() - began

    assert took < 3.0, "and not when the connection ends, which is never"
    assert (reply.state, reply.failed, reply.entries) == ("no answer", True, ())
    assert [each.state for each in reply.sections] == ["no answer"]


async def test_one_that_falls_silent_after_saying_who_it_is_about_is_no_answer(played: Played):
    async with a_world(played) as world:
        world.mischief = lambda asked: None if played.is_who(asked) else Script((End.HANG,))
        reply = await world.ask(within_s=0.6)

    assert reply.state == "no answer"
    assert state_of(reply, played.section).state == "no answer"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_refusal_is_no_answer_and_never_nothing_recorded(played: Played, status: int):
    async with a_world(played) as world:
        world.mischief = lambda _: Reply(b"{}", status, "application/json")
        reply = await world.ask(within_s=1.0)

    assert (reply.state, reply.entries) == ("no answer", ())
    assert reply.says
    assert state_of(reply, played.section).state == "no answer"


async def test_a_switched_off_source_is_no_answer(played: Played):
    async with a_world(played) as world:
        await world.listener.refuse()
        reply = await world.ask(within_s=1.0)

    assert (reply.state, reply.failed) == ("no answer", True)


@pytest.mark.parametrize(
    "body", [b"<html><body>Sign in</body></html>", b"\x00\xff\xfe garbage", b"{", b"[]", b"<a><b></a>", b""],
    ids=["a web page", "bytes", "half a JSON", "a list", "half an XML", "nothing"],
)  # fmt: skip
async def test_garbage_is_named_and_never_nothing_recorded(played: Played, body: bytes):
    async with a_world(played) as world:
        world.mischief = lambda _: Reply(body, 200, HTML)
        reply = await world.ask(within_s=1.0)

    assert reply.entries == ()
    assert reply.state not in MEANS_NOTHING_IS_MISSING or (reply.state == "none held" and body == b"[]")
    assert reply.says
    assert "garbage" not in reply.says


async def test_an_answer_that_breaks_off_is_named(played: Played):
    async with a_world(played) as world:
        world.mischief = lambda _: Script((Reply(b"x" * 200).head(), b'{"resource', End.ABORT))
        reply = await world.ask(within_s=1.0)

    assert reply.entries == ()
    assert reply.state not in MEANS_NOTHING_IS_MISSING


async def test_more_bytes_than_may_be_taken_in_are_not_read(played: Played):
    async with a_world(played, items=400) as world:
        reply = await world.ask(most_bytes=20_000)

    assert reply.state not in MEANS_NOTHING_IS_MISSING
    assert len(reply.entries) < 400


async def test_pages_without_end_are_left_after_so_many_and_said_to_be_incomplete(played: Played):
    if not played.pages:
        pytest.skip("its answers come whole")
    async with a_world(played, endless=True) as world:
        reply = await world.ask(most_pages=4)

    assert reply.state == "incomplete"
    assert len(reply.entries) == 12
    assert "pages" in state_of(reply, played.section).says


async def test_nobody_is_followed_to_another_address(played: Played):
    async with a_world(played) as other, a_world(played) as world:
        world.mischief = lambda _: redirect(other.listener.address)
        reply = await world.ask(within_s=1.0)

    assert other.asked == []
    assert reply.state == "no answer"


async def test_only_the_sections_of_the_permit_are_taken(played: Played):
    async with a_world(played) as world:
        reply = await world.ask(played.other_section)
        both = await world.ask(played.section, played.other_section)

    assert played.section not in {each.facts.section for each in reply.entries}
    assert [each.section for each in reply.sections] == [played.other_section]
    assert {each.section for each in both.sections} == {played.section, played.other_section}
    assert played.section in {each.facts.section for each in both.entries}


async def test_what_was_sent_is_shown_or_counted_as_unreadable_or_let_fall(played: Played):
    async with a_world(played, items=5, broken=2) as world:
        reply = await world.ask()

    assert (reply.state, len(reply.entries)) == ("incomplete", 3)
    shown, unreadable = sum(each.shown for each in reply.tally), sum(each.unreadable for each in reply.tally)
    assert sum(each.sent for each in reply.tally) == shown + unreadable + reply.dropped
    assert unreadable == 2
    assert state_of(reply, played.section).state == "incomplete"


async def test_no_nhs_number_stands_in_an_address_or_a_log(played: Played, caplog: pytest.LogCaptureFixture, capsys):
    caplog.set_level(logging.DEBUG)
    async with a_world(played) as world:
        await world.ask()
        await world.ask(known=False)
        world.mischief = lambda _: Reply(b"{}", 500, "application/json")
        reply = await world.ask(known=False, within_s=0.5)

    assert len(world.asked) > 2
    assert NHS_NUMBER not in world.addresses
    assert NHS_NUMBER not in caplog.text + "".join(capsys.readouterr())
    assert NHS_NUMBER not in reply.says


async def test_the_request_id_goes_with_every_request(played: Played):
    async with a_world(played) as world:
        await world.ask()

    assert all(each.headers.get("x-request-id") for each in world.asked)
