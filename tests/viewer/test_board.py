"""The board: how far each source is, what needs somebody first, and a form to open a section on evidence."""

from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from carerecord.contracts.sources import ProbeAsked, StageAsked
from carerecord.kit.errors import NotAcceptable
from carerecord.viewer.board import MANY, groups, lines_of, tally
from tests.pages.a_record import NOW
from tests.viewer import boards
from tests.viewer.boards import BOARD, ELM, EVIDENCE
from tests.viewer.neighbours import Neighbours, actor

ACTORS = {
    "safety": actor("clinical-safety-officer", "Dr Amina Rahman"), "admin": actor("administrator", "Mr Owen Tranter"),
    "gp": actor("gp"),
}  # fmt: skip


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours(actors=dict(ACTORS))


def form(session: str, **fields: str) -> dict[str, str]:
    return {"csrf": f"token-{session}", **fields}


async def test_each_source_is_shown_with_its_test_stage_certificate_coverage_codes_and_waits(neighbours: Neighbours):
    page = (await neighbours.browser("safety").get("/board")).text
    for words in (
        "3 sources: 1 open to everyone, 1 on the way and 1 off", "Elm Bank Surgery",
        "3 sections: 1 everyone, 1 named organisations and 1 safety testers", f"Probe <b>{EVIDENCE}</b>", "by Dr Amina Rahman",
        "Ends in 9 days", "R9A and R9F", "94%", "60%", "37 of https://elm.example/codes",
        "4 of no code, words alone", "half within 210 ms, 95 in 100 within 1.9 s", "Never probed", "Not asked yet",
        "east.csv, row 7: organisation is missing", "Its certificate has expired, so it cannot be trusted.",
    ):  # fmt: skip
        assert words in page, words


async def test_a_section_that_is_not_asked_live_says_how_it_is_read(neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch):
    (first, *rest) = ELM.sections
    copied = replace(first, shared=replace(first.shared, arrangement="copy"))
    changed = replace(BOARD, sources=(replace(ELM, sections=(copied, *rest)), *BOARD.sources[1:]))
    monkeypatch.setattr(boards, "BOARD", changed)
    assert "read from its copy" in (await neighbours.browser("safety").get("/board")).text


def test_what_needs_somebody_comes_first_then_what_is_on_the_way():
    lines = lines_of(BOARD.sources, now=NOW)
    assert [line.source.id for line in lines] == ["hartley-pharmacy", "elm-bank", "fenwick-epr"]
    assert lines[1].troubles == ("Its certificate ends in 9 days",)
    assert lines[0].troubles == (
        "The last probe found something wrong", "Its certificate is not trusted", "Answered 2 of 20 openings",
        "5 answers in 100 take longer than 6.1 s",
    )  # fmt: skip
    assert lines[2].troubles == (), "what is off and not probed yet harms nobody"
    assert tally(lines) == "1 open to everyone, 1 on the way and 1 off"


async def test_a_safety_officer_opens_a_section_with_the_probe_as_evidence(neighbours: Neighbours):
    fields = form("safety", section="medicines", stage="organisations", organisations="r9a, R9F r9a", evidence=EVIDENCE)
    reply = await neighbours.browser("safety").post("/board/elm-bank/stage", data=fields)
    assert reply.status_code == 303
    where = urlsplit(reply.headers["location"])
    assert (where.path, parse_qs(where.query), where.fragment) == ("/board", {"open": ["elm-bank"]}, "elm-bank")
    asked = next(each for each in neighbours.asked if isinstance(each, StageAsked))
    assert asked == StageAsked("elm-bank", "medicines", "organisations", ("R9A", "R9F"), EVIDENCE, ACTORS["safety"])


async def test_organisations_left_in_the_form_are_not_sent_with_another_stage(neighbours: Neighbours):
    fields = form("safety", section="all", stage="off", organisations="R9A")
    await neighbours.browser("safety").post("/board/elm-bank/stage", data=fields)
    assert next(each for each in neighbours.asked if isinstance(each, StageAsked)).organisations == ()


async def test_what_is_wrong_with_the_evidence_is_told_above_the_form(neighbours: Neighbours):
    neighbours.fails["stage"] = NotAcceptable("That probe of Elm Bank Surgery is older than 7 days.")
    reply = await neighbours.browser("safety").post("/board/elm-bank/stage", data=form("safety", section="all", stage="everyone"))
    assert reply.status_code == 422
    assert "older than 7 days" in reply.text
    assert 'href="#elm-bank-stage"' in reply.text


async def test_a_probe_is_asked_for_in_the_name_of_who_asks(neighbours: Neighbours):
    reply = await neighbours.browser("safety").post("/board/elm-bank/probe", data=form("safety"))
    assert reply.headers["location"] == "/board?open=elm-bank#elm-bank"
    assert ProbeAsked("elm-bank", ACTORS["safety"]) in neighbours.asked


async def test_an_administrator_sees_the_board_and_opens_nothing(neighbours: Neighbours):
    neighbours.may["stage-write"] = False
    browser = neighbours.browser("admin")
    page = (await browser.get("/board?open=elm-bank")).text
    assert "Open to" in page
    assert "/stage" not in page
    assert (await browser.post("/board/elm-bank/stage", data=form("admin", section="all", stage="off"))).status_code == 403
    assert not any(isinstance(each, StageAsked) for each in neighbours.asked)


async def test_the_board_is_not_for_everybody(neighbours: Neighbours):
    neighbours.may["board-read"] = False
    browser = neighbours.browser("gp")
    assert (await browser.get("/board")).status_code == 403
    assert (await browser.post("/board/elm-bank/probe", data=form("gp"))).status_code == 403
    assert not any(isinstance(each, ProbeAsked) for each in neighbours.asked)


async def test_a_form_without_its_token_changes_nothing(neighbours: Neighbours):
    reply = await neighbours.browser("safety").post("/board/elm-bank/stage", data={"section": "all", "stage": "off"})
    assert reply.status_code == 400
    assert not any(isinstance(each, StageAsked) for each in neighbours.asked)


async def test_a_source_that_has_no_evidence_can_only_be_closed_and_the_page_says_so(neighbours: Neighbours):
    page = (await neighbours.browser("safety").get("/board")).text
    assert "it can be closed, and not opened wider" in page.split('id="fenwick-epr"')[1]


def test_a_source_that_is_open_and_was_never_probed_is_trouble():
    (line,) = lines_of([replace(ELM, probe=None)], now=NOW, opened="elm-bank")
    assert line.troubles == ("Open, and never probed",)
    assert line.open


def test_of_many_sources_only_those_in_trouble_are_spread_out_and_none_is_lost():
    never = [replace(ELM, id=f"never-{place}", probe=None) for place in range(90)]
    off = [replace(BOARD.sources[1], id=f"off-{place}") for place in range(90)]
    lines = lines_of([*BOARD.sources, *never, *off], now=NOW, opened="off-7")
    found = groups(lines)
    assert [(each.title, len(each.lines), each.folded, each.open) for each in found] == [
        ("Needs somebody", 2, False, False), ("Open, and never probed", 90, True, False), ("Off", 91, True, True),
    ]  # fmt: skip
    assert [line for group in found for line in group.lines] == list(lines)


def test_a_board_of_few_sources_folds_none():
    assert len(BOARD.sources) <= MANY
    assert not any(group.folded for group in groups(lines_of(BOARD.sources, now=NOW)))
