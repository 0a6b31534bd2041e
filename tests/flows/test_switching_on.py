"""A source goes from connected to open: off, tested by a named tester, opened to all, closed again; all of it in the book."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import LOOKS, Line, LooksAsked
from carerecord.contracts.records import SourceState
from carerecord.contracts.sources import BOARD, PROBE, STAGE, BoardAsked, BoardSource, ProbeAsked, StageAsked
from carerecord.kit.errors import NotAcceptable
from carerecord.region.servers.running import RunningServer
from tests.flows.a_house import DR_NAIR, Whole, a_whole_house, an_actor

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
SYSTEMS = ("elm-bank", "quayside", "aldermoor-pathology")
OFFICER = an_actor("clinical-safety-officer", subject="0200")
TESTER = an_actor("emergency-doctor", subject="0300")
ELM = "quayside"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(cluster, tmp_path_factory.mktemp("stages"), systems=SYSTEMS, nats_url=nats.url) as made:
        file = made.folder / "sources" / "region.toml"
        head, tail = file.read_text(encoding="utf-8").split(f'id = "{ELM}"')
        tester = f'\n[[safety_tester]]\nid = "mercer"\nname = "Dr J Mercer"\norganisation = "R9A"\nissuer = "{TESTER.issuer}"\n'
        tail = tail.replace('stage = "everyone"', 'stage = "off"', 1)
        file.write_text(f'{head}id = "{ELM}"{tail}{tester}subject = "{TESTER.subject}"\n', encoding="utf-8")
        for _ in range(50):
            if {each.shared.stage for each in (await on_the_board(made)).sections} == {"off"}:
                break
            await asyncio.sleep(0.1)
        yield made


async def on_the_board(whole: Whole) -> BoardSource:
    board = await whole.calls.ask(BOARD, BoardAsked())
    return next(each for each in board.sources if each.id == ELM)


def somebody_known_there(whole: Whole) -> str:
    return whole.region.holdings[ELM][0].person


async def as_seen_by(whole: Whole, actor: Actor) -> SourceState:
    *_, record = await whole.open(somebody_known_there(whole), actor)
    return next(each for each in record.states if each.source == ELM)


def clinical(server: RunningServer) -> list[str]:
    """What of the person was asked for there."""
    return [each.path for each in server.asked if "/metadata" not in each.path and "/token" not in each.path]


async def in_the_book(whole: Whole, what: str) -> list[Line]:
    for _ in range(100):
        lines = [each for each in (await whole.calls.ask(LOOKS, LooksAsked())).lines if each.what == what]
        if lines:
            return lines
        await asyncio.sleep(0.1)
    raise AssertionError(f"no line says {what}")


async def test_a_source_is_switched_on_step_by_step_and_every_step_is_in_the_book(whole: Whole):
    server = whole.servers[ELM]
    server.asked.clear()
    assert (await as_seen_by(whole, DR_NAIR)).state == "not switched on"
    assert (await as_seen_by(whole, TESTER)).state == "not switched on"
    assert clinical(server) == []

    with pytest.raises(NotAcceptable, match="needs a passing probe"):
        await whole.calls.ask(STAGE, StageAsked(ELM, "all", "everyone", actor=OFFICER))
    probe = await whole.calls.ask(PROBE, ProbeAsked(ELM, OFFICER))
    assert probe.ok, probe.checks
    assert (await on_the_board(whole)).evidence == probe.id

    await whole.calls.ask(STAGE, StageAsked(ELM, "all", "safety-testers", evidence=probe.id, actor=OFFICER))
    server.asked.clear()
    assert (await as_seen_by(whole, DR_NAIR)).state == "not switched on"
    assert clinical(server) == []
    assert (await as_seen_by(whole, TESTER)).state == "live"

    await whole.calls.ask(STAGE, StageAsked(ELM, "all", "everyone", evidence=probe.id, actor=OFFICER))
    assert (await as_seen_by(whole, DR_NAIR)).state == "live"

    await whole.calls.ask(STAGE, StageAsked(ELM, "all", "off", actor=OFFICER))
    server.asked.clear()
    assert (await as_seen_by(whole, DR_NAIR)).state == "not switched on"
    assert clinical(server) == []

    changed = await in_the_book(whole, "stage-changed")
    assert {each.actor.key for each in changed if each.actor} == {OFFICER.key}
    assert any("off→safety-testers" in each for line in changed for each in line.states)
    (probed,) = await in_the_book(whole, "source-probed")
    assert probed.states == (f"{ELM}=passed {probe.id}",)


async def test_what_openings_saw_comes_to_the_board_in_numbers(whole: Whole):
    await whole.calls.ask(STAGE, StageAsked(ELM, "all", "off", actor=OFFICER))
    for _ in range(3):
        await whole.open(somebody_known_there(whole))
    for _ in range(150):
        board = await whole.calls.ask(BOARD, BoardAsked())
        elm = next(each for each in board.sources if each.id == "elm-bank")
        if elm.asked >= 3:
            break
        await asyncio.sleep(0.1)
    assert elm.asked >= elm.answered >= 3
    assert elm.p50_s is not None
    assert elm.last_answer
    assert any(each.seen.asked for each in elm.sections)
