"""Sources, consent and locator answer the same in process and over a socket."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from carerecord.consent import api as consent
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.consent import (
    OBJECT,
    OBJECTIONS,
    SAID,
    TOLD,
    WITHDRAW,
    ObjectAsked,
    ObjectionsAsked,
    SaidAsked,
    ToldAsked,
    WithdrawAsked,
)
from carerecord.contracts.locator import (
    LEARN,
    SEEN,
    SWEPT,
    WHERE,
    LearnAsked,
    Pointer,
    Seen,
    SeenAsked,
    SweepAsked,
    WhereAsked,
)
from carerecord.contracts.sources import (
    BOARD,
    OBSERVED,
    PROBE,
    REGISTRY,
    STAGE,
    BoardAsked,
    CodeCount,
    Observed,
    ObservedAsked,
    ProbeAsked,
    RegistryAsked,
    SectionSeen,
    StageAsked,
)
from carerecord.kit.part import Part
from carerecord.locator import api as locator
from carerecord.sources import api as sources
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import agree
from tests.sources.test_model import ELM

GP = Actor("https://idp.example", "7", "Dr B", Role("1", "gp", "GP", "A99917", "Elm Bank Surgery"))

OFFICER = Actor("https://idp.example", "8", "Dr C", Role("1", "clinical-safety-officer", "Safety", "R9A", "Aldermoor"))
SEEN_OF_ELM = Observed(
    "elm-bank", 3, 2, (SectionSeen("allergies", 3, 2, 1),), ((40, 2),), "2026-11-22T14:00:00Z", (CodeCount("urn:local", 4),)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "elm.toml").write_text(ELM.replace("https://elm.example", "http://127.0.0.1:9"), encoding="utf-8")
    return tmp_path


async def test_sources(service_database, folder):
    async def make(_: AsyncExitStack) -> Part:
        return sources.build(supplies_for("sources", await service_database("sources"), data_dir=folder))

    answers = await agree(
        make,
        [
            (REGISTRY, RegistryAsked()),
            (REGISTRY, RegistryAsked("a version that nobody knows")),
            (PROBE, ProbeAsked("elm-bank")),
            (PROBE, ProbeAsked("nobody")),
            (STAGE, StageAsked("elm-bank", "allergies", "everyone", actor=GP)),
            (STAGE, StageAsked("elm-bank", "allergies", "everyone", actor=OFFICER)),
            (STAGE, StageAsked("elm-bank", "all", "off", actor=OFFICER)),
            (OBSERVED, ObservedAsked((SEEN_OF_ELM,))),
            (BOARD, BoardAsked()),
        ],
    )
    assert [each.error for each in answers[3:]] == ["NotFound", "Refused", "NotAcceptable", "", "", ""]


async def test_consent(service_database, folder):
    async def make(_: AsyncExitStack) -> Part:
        return consent.build(supplies_for("consent", await service_database("consent"), data_dir=folder))

    answers = await agree(
        make,
        [
            (OBJECT, ObjectAsked(GP, "p1", "medicines")),
            (OBJECT, ObjectAsked(GP, "p1", "not a section")),
            (OBJECTIONS, ObjectionsAsked(("p1",))),
            (WITHDRAW, WithdrawAsked(GP, "not an id")),
            (OBJECTIONS, ObjectionsAsked(("p2",))),
            (SAID, SaidAsked(GP, ("p2",))),
            (SAID, SaidAsked(GP, id="not an id")),
            (TOLD, ToldAsked()),
        ],
    )
    assert [each.error for each in answers] == ["", "NotAcceptable", "", "NotFound", "", "", "NotFound", ""]


async def test_locator(service_database, folder):
    async def make(_: AsyncExitStack) -> Part:
        return locator.build(supplies_for("locator", await service_database("locator"), data_dir=folder))

    at = "2026-11-22T14:00:00Z"
    answers = await agree(
        make,
        [
            (
                LEARN,
                LearnAsked((Pointer("elm-bank", "gp1", "p1", enrolled_at=at), Pointer("quayside", "q1", "p2", enrolled_at=at))),
            ),
            (SEEN, SeenAsked((Seen("p1", "elm-bank", "gp1", ("allergies",), ("medicines",), at),))),
            (WHERE, WhereAsked(("p1", "p2"))),
            (WHERE, WhereAsked(("p3",))),
            (SWEPT, SweepAsked()),
        ],
    )
    assert all(not each.error for each in answers)
