"""The rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import carerecord
from carerecord.app.catalogue import NAMES

HOUSE = Path(carerecord.__file__).parent
SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|COPY|TRUNCATE|LOCK TABLE)\s", re.MULTILINE)


def files() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(HOUSE.rglob("*.py")):
        yield file.relative_to(HOUSE), ast.parse(file.read_text(encoding="utf-8"))


def strings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_sql_stands_in_stores_and_the_plumbing_alone():
    astray = [
        str(file)
        for file, tree in files()
        if file.parts[0] in NAMES
        and file.name != "store.py"
        and "store" not in file.parts
        and any(SQL.search(text) for text in strings(tree))
    ]
    assert astray == []


def test_contracts_hold_shapes_and_questions_alone():
    for file in sorted((HOUSE / "contracts").glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            assert isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.ClassDef), (
                f"{file.name} line {node.lineno} acts; contracts only state"
            )


def test_every_file_says_first_which_question_it_answers():
    silent = [str(file) for file, tree in files() if not ast.get_docstring(tree)]
    assert silent == []


def test_nothing_below_the_gate_looks_at_the_environment():
    astray = []
    for file, tree in files():
        if file.parts[0] in ("app", "region"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
                astray.append(f"{file}:{node.lineno}")
    assert astray == []


SWITCH = re.compile(
    r"(disable|skip|bypass|without|insecure|unsafe|allow_any|no)_?(validation|auth|access|audit|policy|consent|seal|tls|csrf|check)"
    r"|verify_?(tls|ssl|certificate)|trust_all"
)


def test_safety_is_not_a_switch():
    """No setting, argument or variable turns validation, access control, sealing or audit off (ARCHITECTURE.md)."""
    astray = []
    for file, tree in files():
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.arg):
                names.append(node.arg)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.append(node.target.id)
            elif isinstance(node, ast.keyword) and node.arg == "ssl" and ast.unparse(node.value) == "False":
                astray.append(f"{file}:{node.value.lineno} ssl=False")
            astray += [f"{file} {name}" for name in names if SWITCH.search(name.lower())]
    assert astray == []


def test_vague_words_name_no_file():
    vague = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}
    assert [str(file) for file, _ in files() if file.stem in vague] == []


def test_the_region_speaks_no_sql():
    astray = [
        str(file) for file, tree in files() if file.parts[0] == "region" and any(SQL.search(text) for text in strings(tree))
    ]
    assert astray == []
