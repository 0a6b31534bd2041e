"""Does each hazard of the log name its control, what remains, and tests that exist?"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG = (ROOT / "docs" / "safety" / "hazard-log.md").read_text(encoding="utf-8")
HAZARDS = re.split(r"\n### ", LOG)[1:]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", LOG)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda text: text.split(" ", 1)[0])
def test_a_hazard_states_all_that_a_reader_needs(hazard: str):
    for part in ("Cause", "Effect", "Control", "Held by", "What remains"):
        assert re.search(rf"- \*\*{part}\*\*: \S", hazard), part
    assert re.search(r"\*\*Held by\*\*: `tests/[\w/]+\.py::test_\w+`", hazard)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda text: text.rsplit("/", 1)[-1])
def test_a_test_that_is_named_exists(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_hazards_are_numbered_without_a_hole():
    assert [each.split(" ", 1)[0] for each in HAZARDS] == [f"H-{number:02}" for number in range(1, len(HAZARDS) + 1)]


def test_nothing_is_claimed_that_nobody_has_signed():
    assert LOG.index("No Clinical Safety Officer has signed this") < LOG.index("## The wrong person")
    assert "compliant" not in LOG.lower()
