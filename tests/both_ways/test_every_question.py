"""No question is left out: each constant of each contract is held to the same answer both ways by some file here."""

import ast
import importlib
from pathlib import Path

import carerecord
from carerecord.kit.question import Question

HERE = Path(__file__).parent
CONTRACTS = Path(carerecord.__file__).parent / "contracts"


def asked_here() -> set[tuple[str, str]]:
    """Questions that begin a pair of a dialogue: `(WHO, WhoAsked(…))`. To import one is not enough."""
    found = set()
    for file in HERE.glob("test_*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        owner = {
            alias.name: str(node.module).rsplit(".", 1)[1]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("carerecord.contracts.")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Name):
                name = node.elts[0].id
                found |= {(owner[name], name)} if name in owner else set()
    return found


def test_every_question_is_asked_both_ways():
    every = {
        (file.stem, name)
        for file in CONTRACTS.glob("*.py")
        if file.stem != "__init__"
        for name, value in vars(importlib.import_module(f"carerecord.contracts.{file.stem}")).items()
        if isinstance(value, Question)
    }
    assert every - asked_here() == set()
