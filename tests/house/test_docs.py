"""Do the documents lead where they say? Each relative link resolves, each path named exists, each number is one decision's."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:src|tests|docs|benchmarks|scripts|requirements)/[\w./*-]*)(?:::\w+)?`")
DECISION = re.compile(r"\[ADR (\d+)\]\([^)]*?(\d{4})-")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def ids() -> Iterator[str]:
    return (str(page.relative_to(ROOT)) for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=ids())
def test_every_relative_link_resolves(page: Path):
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids())
def test_every_path_that_is_named_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    assert [path for path in PATH.findall(text) if not list(ROOT.glob(path.rstrip("/")))] == []


def test_a_page_with_a_dead_link_would_be_seen(tmp_path: Path):
    text = "[the permit](gone.md) and [a part](#here), [the web](https://example.org) and `src/carerecord/nowhere.py`"
    assert LINK.findall(text) == ["gone.md"]
    assert PATH.findall(text) == ["src/carerecord/nowhere.py"]


def test_each_decision_has_a_number_of_its_own_and_says_it():
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    numbers = [int(decision.name.partition("-")[0]) for decision in decisions]
    assert len(set(numbers)) == len(numbers) > 0
    titles = [decision.read_text(encoding="utf-8").partition(".")[0] for decision in decisions]
    assert titles == [f"# {number}" for number in numbers]


def test_a_decision_is_named_by_the_number_it_has():
    said = [named for page in PAGES for named in DECISION.findall(page.read_text(encoding="utf-8"))]
    assert [named for named in said if int(named[0]) != int(named[1])] == []
