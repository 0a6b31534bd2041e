"""Is the language-neutral contract that lies in the documents the one that the services hold, and is it whole?"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from carerecord.app.catalogue import CATALOGUE, callers_of
from carerecord.app.openapi import openapi, questions_of, remarks, written
from carerecord.contracts.locator import WHERE, Pointer
from carerecord.kit.calls import Spoken
from carerecord.kit.errors import Refused
from carerecord.kit.question import Stream, encode

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
QUESTIONS = [question for each in CATALOGUE for question in questions_of(each)]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi()


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def test_the_document_is_the_one_that_the_contracts_make():
    stale = "a contract has changed: .venv/bin/carerecord catalogue --openapi > docs/reference/openapi.json"
    assert FILE.read_text(encoding="utf-8") == written(), stale


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_every_question_is_in_it_with_both_shapes_and_its_callers(document, question):
    operation = document["paths"][f"/{question.service}/ask/{question.word}"]["post"]
    assert operation["x-stream"] is isinstance(question, Stream)
    assert set(operation["x-callers"]) == callers_of(question.service)
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    content = operation["responses"]["200"]["content"]
    answered = content["application/octet-stream"]["x-chunk"] if operation["x-stream"] else content["application/json"]["schema"]
    for schema in (asked, answered):
        validator(document, schema)  # every reference leads somewhere, and it is JSON Schema


def test_an_answer_and_an_error_hold_to_their_schemas_and_another_shape_does_not(document):
    answered = document["paths"]["/locator/ask/where"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = validator(document, answered)
    pointers = json.loads(encode((Pointer("elm-bank", "7", "p1", ("allergies",)),)))
    assert schema.is_valid(pointers)
    assert not schema.is_valid([{"source": "elm-bank"}])
    assert msgspec.json.decode(encode(pointers), type=WHERE.answered)
    spoken = validator(document, document["components"]["responses"]["Refused"]["content"]["application/json"]["schema"])
    assert spoken.is_valid(json.loads(encode(Spoken.of(Refused("No.", rule="r")))))
    assert not spoken.is_valid({"error": "Conflict", "says": "No."})


def test_every_reference_leads_somewhere_and_every_shape_is_used(document):
    text = json.dumps(document)
    named = set(re.findall(r'"#/components/(\w+/[\w.]+)"', text))
    there = {f"{kind}/{name}" for kind in ("schemas", "responses", "headers") for name in document["components"][kind]}
    assert named == there


def test_what_stands_beside_a_field_is_told(document):
    fields = document["components"]["schemas"]["Objection"]["properties"]
    assert fields["section"]["description"] == 'a section id, or "*" for the whole record'
    assert "older than what stands" in document["paths"]["/locator/ask/seen"]["post"]["description"]


def test_a_remark_on_lines_of_its_own_belongs_to_what_follows():
    import ast

    text = "# first\n# then\none = 1\ntwo = 2  # beside\n\n# a heading\n\nthree = 3\n"
    assert remarks(text, ast.parse(text).body) == {"one": "first then", "two": "beside"}


def test_nothing_in_it_tells_a_key_or_an_address_of_somebody(document):
    assert re.findall(r"https?://(?!\{host\}|json-schema\.org)[^\s\"]+", json.dumps(document)) == []
