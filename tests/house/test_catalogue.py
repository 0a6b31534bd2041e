"""The catalogue says who may ask and hear whom; the code does exactly that."""

import ast
import importlib
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import carerecord
from carerecord.app.catalogue import CATALOGUE, NAMES, callers_of, chosen, kinds_heard, service
from carerecord.kit.question import Question

HOUSE = Path(carerecord.__file__).parent
SERVICES = [pytest.param(each, id=each.name) for each in CATALOGUE]


def questions_imported(name: str) -> dict[str, set[str]]:
    """Which service's questions a service's files import, by owner."""
    found: dict[str, set[str]] = {}
    for file in (HOUSE / name).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("carerecord.contracts."):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    value = getattr(module, alias.name, None)
                    if isinstance(value, Question):
                        found.setdefault(value.service, set()).add(value.word)
    return found


@pytest.mark.parametrize("each", SERVICES)
def test_a_service_asks_exactly_those_that_the_catalogue_names(each):
    assert set(questions_imported(each.name)) - {each.name} == set(each.calls)


@pytest.mark.parametrize("each", SERVICES)
def test_a_service_answers_every_question_of_its_contract(each):
    try:
        contract = importlib.import_module(f"carerecord.contracts.{each.name}")
    except ModuleNotFoundError:
        assert each.face, "only a face is asked nothing"
        return
    asked = {value.word for value in vars(contract).values() if isinstance(value, Question)}
    assert questions_imported(each.name).get(each.name, set()) == asked


@pytest.mark.parametrize("each", SERVICES)
def test_a_service_says_in_one_paragraph_what_it_keeps_whom_it_asks_and_whom_it_hears(each):
    said = ast.get_docstring(ast.parse((HOUSE / each.name / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert "\n\n" not in said
    for other in (*each.calls, *(each.hears if each.name != "audit" else ())):
        assert other in said, f"{each.name} does not say that it deals with {other}"


@pytest.mark.parametrize("each", SERVICES)
def test_a_service_with_a_database_has_migrations_and_one_without_has_none(each):
    own = HOUSE / each.name / "migrations"
    files = list(own.glob("*.sql")) if own.is_dir() else []
    if not each.keeps:
        assert not own.exists()
    else:
        assert files or each.name == "records", "a keeper keeps something; records keeps its outbox alone"


def test_calls_go_down_only():
    for each in CATALOGUE:
        for other in each.calls:
            assert service(other).floor < each.floor, f"{each.name} asks {other}, which is not below it"


def test_calls_and_events_together_have_no_circle():
    edges = {each.name: {*each.calls, *(each.hears if each.name != "audit" else ())} for each in CATALOGUE}
    assert tuple(TopologicalSorter(edges).static_order())


def test_audit_hears_everyone_who_keeps_anything():
    assert set(service("audit").hears) == {each.name for each in CATALOGUE if each.keeps} - {"audit", "locator"}


def test_a_service_hears_those_that_the_catalogue_names():
    for each in CATALOGUE:
        text = "".join(file.read_text(encoding="utf-8") for file in (HOUSE / each.name).glob("*.py"))
        assert ("Heard(" in text) == bool(each.hears), each.name


def test_a_service_hears_the_kinds_that_the_catalogue_names():
    for each in CATALOGUE:
        text = "".join(file.read_text(encoding="utf-8") for file in (HOUSE / each.name).glob("*.py"))
        heard = {kind for kinds in re.findall(r'Heard\("[^"]+", \(([^)]*)\)', text) for kind in re.findall(r'"(\w+)"', kinds)}
        assert heard == set(kinds_heard(each.name)), each.name


def test_every_service_says_what_people_meet_while_it_is_down():
    assert [each.name for each in CATALOGUE if not each.without.endswith(".")] == []


def test_faces_answer_below_prefixes_of_their_own():
    prefixes = [each.at for each in CATALOGUE if each.face]
    assert len(set(prefixes)) == len(prefixes)


def test_targets_are_chosen_by_name_in_the_order_of_the_floors():
    assert [each.name for each in chosen("viewer, patients")] == ["patients", "viewer"]
    assert tuple(each.name for each in chosen("all")) == NAMES
    with pytest.raises(LookupError, match="nobody is not a service"):
        chosen("nobody")


def test_only_those_named_have_leave_to_knock():
    assert callers_of("consent") == {"policy", "viewer", "exchange"}
    assert "viewer" not in callers_of("locator")
