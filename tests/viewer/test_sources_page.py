"""Does the list of sources stay short, and does what needs somebody stay in sight?"""

import re
from typing import Any

import pytest

from carerecord.contracts.ingest import Enrolment
from carerecord.contracts.records import TypeCount
from carerecord.contracts.sources import Probe, Source
from carerecord.viewer.sources_page import FEW, SourceLine, counted, grouped
from tests.viewer.neighbours import Neighbours, actor


def source(name: str, organisation: str = "R9A", connector: str = "fhir_r4") -> SourceLine:
    return SourceLine(Source(name, organisation, f"Org {organisation}", name, "XX", "acute", connector, ""), (), None)


def enrolled(name: str, organisation: str, **told: Any) -> SourceLine:
    plain = source(name, organisation)
    return SourceLine(plain.source, (), Enrolment(name, **{"state": "done", "seen": 1, **told}))


def test_sources_lie_under_their_organisation_and_those_of_one_source_together() -> None:
    groups = grouped([source("b", "R9B"), source("a2"), source("p", "A99917"), source("a1")])
    assert [(each.title, [line.source.id for line in each.lines]) for each in groups] == [
        ("Org R9A (R9A)", ["a2", "a1"]),
        ("Organisations of one source", ["p", "b"]),
    ]


def test_of_many_what_is_well_is_folded_and_what_needs_somebody_is_not() -> None:
    fine = [enrolled(f"{whose}{n}", whose) for whose in ("R9A", "R9B") for n in range(FEW // 2 + 1)]
    bad = enrolled("bad", "R9B", unreadable=2)
    assert not any(each.folded for each in grouped([source("a1"), source("a2")])), "a few are all shown"
    assert [(each.title[:8], each.folded) for each in grouped([*fine, bad])] == [("Org R9A ", True), ("Org R9B ", False)]


@pytest.mark.parametrize(
    ("line", "trouble", "people"),
    [
        (enrolled("a", "R9A", seen=1_200), "", "1,200 people, done"),
        (enrolled("a", "R9A"), "", "1 person, done"),
        (enrolled("a", "R9A", state="failed"), "Enrolment failed", "1 person, failed"),
        (enrolled("a", "R9A", unreadable=3), "3 unreadable", "1 person, done"),
        (source("a"), "", "Not brought in yet"),
        (source("a", connector="none"), "", "By its messages"),
    ],
)
def test_a_line_says_how_far_its_people_are_in_and_what_is_wrong(line: SourceLine, trouble: str, people: str) -> None:
    assert (line.trouble, line.people, line.open) == (trouble, people, bool(trouble))


def test_a_probe_that_was_asked_for_is_seen_without_a_click() -> None:
    plain = source("a").source
    assert SourceLine(plain, (), None, Probe("a", True, ())).open
    assert SourceLine(plain, (), None, Probe("a", False, ())).trouble == "Probe failed"


def test_what_could_not_be_shown_is_counted_first() -> None:
    told = counted(
        [TypeCount("a", "Flag", 4, 4, 0), TypeCount("b", "Flag", 4, 3, 0), TypeCount("c", "Flag", 2, 2, 0),
         TypeCount("c", "Condition", 3, 2, 1)], {"a": "Acorn", "b": "Birch", "c": "Cedar"},
    )  # fmt: skip
    assert [(each.name, each.sent, each.shown, each.unreadable) for each in told] == [
        ("Cedar", 5, 4, 1), ("Birch", 4, 3, 0), ("Acorn", 4, 4, 0),
    ]  # fmt: skip


def test_two_sources_of_one_name_are_counted_apart() -> None:
    told = counted([TypeCount("a", "Flag", 4, 4, 0), TypeCount("b", "Flag", 2, 2, 0)], {"a": "Pathology", "b": "Pathology"})
    assert [(each.name, each.sent) for each in told] == [("Pathology", 4), ("Pathology", 2)]


async def test_the_page_leads_with_what_is_wrong_and_opens_it() -> None:
    page = (await Neighbours(actors={"session-1": actor("administrator")}).browser().get("/sources")).text
    assert re.search(r'<details open>.*?1 unreadable', page, re.DOTALL)
    assert "Of Elm Bank Surgery (A99917)." in page
