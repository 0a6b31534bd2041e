"""What a mapping says, and what is told of one that says it wrongly."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carerecord.connectors.rest_json_dates import dated
from carerecord.connectors.rest_json_mapping import BadMapping, faults_of, mapping_of
from carerecord.connectors.rest_json_paths import BadPath, Scope, every, one, path
from carerecord.connectors.rest_json_rules import Around, Known, fields, rule
from carerecord.connectors.rest_json_sending import sending, written
from carerecord.connectors.rest_json_take import answer_of, around_of, each_made, made_of, people_of
from carerecord.connectors.rest_json_trying import tried
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import FhirError, Unreadable
from carerecord.kit.turns import Turns
from tests.attacks.mutated import as_json, mutated
from tests.connectors.played_json import MAPPINGS, mapping

LONDON = ZoneInfo("Europe/London")
KNOWN = Known({"yn": {"Y": "active"}}, {}, "Europe/London")
NOTHING = Around({}, {}, frozenset({"", "N/K"}))
RIVERMEAD = mapping("rivermead")


def made(said: Any, **item: Any) -> Any:
    return rule(said, ((),), KNOWN).apply(Scope(item, ()), NOTHING)


# --- values


def test_a_decimal_keeps_the_digits_that_were_sent():
    item = parse(b'{"value": 1.10}')
    assert str(made({"number": "value"}, **item)) == "1.10"
    assert str(made({"number": "value"}, value="0.50")) == "0.50"
    assert made({"value": "value", "unit": "unit"}, value="<0.5", unit="mg/L") == {
        "valueQuantity": {"value": made({"number": "n"}, n="0.5"), "comparator": "<", "unit": "mg/L"}
    }


def test_a_result_in_words_is_words_and_a_number_that_is_none_is_refused():
    assert made({"value": "value"}, value="POSITIVE") == {"valueString": "POSITIVE"}
    with pytest.raises(BadPath):
        made({"number": "value"}, value="1,5")


def test_what_the_supplier_writes_for_nothing_is_nothing():
    assert made("field", field="N/K") is None
    assert made({"date": "field"}, field="N/K") is None


def test_a_code_that_no_map_holds_is_refused_unless_the_mapping_says_what_to_do():
    with pytest.raises(BadPath) as refusal:
        made({"code": "state", "map": "yn"}, state="secret words")
    assert "secret" not in refusal.value.reason
    assert made({"code": "state", "map": "yn", "otherwise": "unknown"}, state="?") == "unknown"


def test_several_values_where_one_is_meant_are_refused_and_not_the_first_taken():
    with pytest.raises(BadPath):
        made("names", names=["Ann", "Beth"])
    assert made("names", names=["Ann"]) == "Ann"


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("17/09/2021", "%d/%m/%Y", "2021-09-17"), ("09/2021", "%m/%Y", "2021-09"), ("2021", "%Y", "2021"),
        ("02/07/2026 09:15", "%d/%m/%Y %H:%M", "2026-07-02T09:15:00+01:00"),
        ("2026-01-02T09:15", "iso", "2026-01-02T09:15:00+00:00"), ("2026-01-02T09:15:30.250Z", "iso", "2026-01-02T09:15:30.250Z"),
        ("2026-01", "iso", "2026-01"),
        ("2026-10-25T01:30:00", "iso", "2026-10-25"),  # the hour that happens twice
        ("2026-03-29T01:30:00", "iso", "2026-03-29"),  # the hour that never happens
        ("01/01/0001", "%d/%m/%Y", "0001-01-01"), ("0001", "%Y", "0001"),
        ("01/01/1753 00:00", "%d/%m/%Y %H:%M", "1753-01-01"),  # told by the sun: FHIR has no offset with seconds
        ("31/02/2021", "%d/%m/%Y", ""), ("2021-02-31", "iso", ""), ("2026-01-02T25:00", "iso", ""), ("yesterday", "iso", ""),
    ],
)  # fmt: skip
def test_a_date_is_as_precise_as_it_was_and_no_hour_is_guessed(text: str, format_: str, expected: str):
    assert dated(text, format_, LONDON) == expected


@pytest.mark.parametrize(
    "text", ["\u0662\u0660\u0662\u0666-11-22", "2026-11-22T12:00:00+99:99", "2026-11-22T12:00:61Z", "0000-01-01"]
)
def test_a_date_that_fhir_does_not_know_is_none(text: str):
    assert dated(text, "iso", LONDON) == ""


@pytest.mark.parametrize(
    ("one_rule", "another"),
    [("status", "status.x"), ("note[0]", "note[0].text"), ("note", "note[0].text"), ("note[0].text", "note.text")],
)
def test_two_rules_for_one_place_make_an_item_unreadable_and_no_fault_of_ours(one_rule: str, another: str):
    for told in ((one_rule, another), (another, one_rule)):
        with pytest.raises(BadPath, match="for one rule"):
            fields(dict.fromkeys(told, "a"), ((),), KNOWN).apply(Scope({"a": "b"}, ()), NOTHING)


def test_a_place_of_any_type_takes_the_one_rule_that_says_of_which():
    with pytest.raises(BadPath, match="takes the rule value"):
        fields({"value[x]": "a"}, ((),), KNOWN)


CASES = sorted((MAPPINGS / "cases").glob("rivermead-*.json"))
ANSWERS = [json.loads(each.read_bytes()) for each in CASES if ".r4" not in each.name]


@given(st.sampled_from(ANSWERS).flatmap(mutated))
@settings(max_examples=200, deadline=None)
def test_whatever_a_supplier_answers_each_item_is_a_resource_or_named_as_none(made_up: Any):
    supplier = mapping_of(RIVERMEAD)
    try:
        answer = parse(b'{"answer":%s}' % as_json(made_up))["answer"]
        around = around_of(supplier, answer)
        people_of(supplier, answer)
        found = [made for each in supplier.requests for made in each_made(each, answer, around, "p1")]
    except FhirError:
        return
    assert all(parse(each.raw)["resourceType"] == each.type for each in found)


def test_an_inner_item_can_say_what_its_outer_one_says():
    answer = {"visits": [{"date": "2026", "readings": [{"n": 1}, {"n": 2}]}, {"date": "2025", "readings": {"n": 3}}]}
    found = every(Scope(answer, ()), path("visits[].readings[]"))
    assert [(one(each, path("n")), one(each, path("^.date"))) for each in found] == [(1, "2026"), (2, "2026"), (3, "2025")]


# --- what is wrong is told, with table and key


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('zone = "Europe/London"', 'zone = "London"', "zone: zone 'London' is not known"),
        ('answers = "json"', 'answers = "csv"', "answers is 'csv'"),
        ('map = "allergy-status"', 'map = "states"', "item 1: fields.clinicalStatus.coding[0].code: map names 'states'"),
        ('format = "%d/%m/%Y"', 'format = "%d/%m/%y"', "person: fields.birthDate: format '%d/%m/%y' has no year of four digits"),
        ('listed = "staff", by = "notedBy"', 'listed = "stuff", by = "notedBy"', "listed names 'stuff'"),
        ('sections = ["allergies"]', 'sections = ["allergy"]', "request allergies: section 'allergy' is not known"),
        ('type = "AllergyIntolerance"', 'type = "Allergy"', "request allergies, item 1: type is 'Allergy'"),
        ('person = "^.personId"', 'person = "^.^.^.personId"', "leaves more items than it stands in"),
        ('path = "people/find"', 'path = "people/{nhs_number}"', "person.find: {nhs_number} stands in the address"),
        ('path = "people/find"', 'path = "https://evil.example/find"', "person.find: path is below the source's address"),
        ('path = "people/find"', 'path = "people/find"\nmethod = "DELETE"', "nothing is ever changed at a source"),
        ('"X-Api-Version" = "2.3"', 'Authorization = "Bearer x"', "secrets stand in the secrets folder alone"),
        ('{ style = "page", more = "hasMore" }', '{ style = "scroll" }', "request visits.paging: style is one of"),
        ('total = "count"', 'total = "^.count"', "request visits, paging or total: '^.count' leaves more items"),
        ('at = "staff"', 'at = "^.staff"', "lists.staff: '^.staff' leaves more items"),
        ('criticality = { code', 'criticality = { kode', "fields.criticality: has no rule"),
        ('risk", map = "allergy-risk"', 'risk", mapp = "allergy-risk"', "'mapp' means nothing beside 'code'"),
        ('recordedDate =', 'recorded-date =', "fields.recorded-date: is not an element"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_table_and_key(before: str, after: str, told: str):
    faults = faults_of(RIVERMEAD.replace(before, after))
    assert any(told in each for each in faults), faults


def test_the_mapping_that_the_mistakes_are_made_in_has_none():
    assert faults_of(RIVERMEAD) == ()


def test_the_mapping_of_the_how_to_can_be_used():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "connect-a-json-api.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    assert faults_of(example) == ()


def test_a_mapping_by_which_nobody_could_tell_whose_answer_it_is_is_refused():
    lines = [line for line in RIVERMEAD.splitlines() if not line.startswith(("birthDate", '"identifier'))]
    assert any("neither birthDate nor identifier" in each for each in faults_of("\n".join(lines)))


def test_a_file_that_is_no_toml_is_told():
    assert faults_of("name = ") [0].startswith("it is not TOML")


# --- requests


def test_whoever_is_asked_for_stands_in_the_body_and_in_the_address_only_where_the_mapping_gives_a_reason():
    table = {"method": "GET", "path": "people/{local_id}"}
    with pytest.raises(BadPath, match="person_in_address"):
        sending(table, forced="")
    assert written(sending(table, forced="no other way"), {"local_id": "a/../b c"}).path == "people/a%2F..%2Fb%20c"
    body = written(sending({"path": "x", "xml": "<id>{local_id}</id>"}, forced=""), {"local_id": "<x>&"}).body
    assert body == b"<id>&lt;x&gt;&amp;</id>"
    template = {"path": "x", "json": {"id": "{local_id}", "page": "{page}"}}
    told = written(sending(template, forced=""), {"local_id": '"', "page": "2"})
    assert json.loads(told.body) == {"id": '"', "page": 2}


# --- answers


async def taken(text: str, request: str, answer: bytes) -> list[Any]:
    supplier = mapping_of(text)
    chosen = next(each for each in supplier.requests if each.name == request)
    value = await answer_of(answer, supplier.answers, Turns())
    async with Turns().mine() as turn:
        return [each async for each in made_of(chosen, value, around_of(supplier, value), "RM-204", turn)]


def an_allergy(**more: Any) -> dict[str, Any]:
    return {"allergyId": "A-1", "personId": "RM-204", "substance": "Latex", "state": "A"} | more


async def test_a_field_that_the_mapping_does_not_know_is_named():
    [found] = await taken(RIVERMEAD, "allergies", json.dumps({"allergies": [an_allergy(refuted=True)]}).encode())
    assert found.unknown == (("allergies", "refuted"),)


async def test_an_item_about_somebody_else_says_so_itself():
    [found] = await taken(RIVERMEAD, "allergies", json.dumps({"allergies": [an_allergy(personId="RM-999")]}).encode())
    assert parse(found.raw)["patient"] == {"reference": "Patient/RM-999"}


async def test_two_items_of_one_number_are_two_items():
    answer = json.dumps({"allergies": [an_allergy(), an_allergy(substance="Penicillin")]}).encode()
    assert [each.id for each in await taken(RIVERMEAD, "allergies", answer)] == ["A-1", "A-1-2"]


async def test_a_number_that_fhir_does_not_allow_gets_one_that_is_always_the_same():
    answer = json.dumps({"allergies": [an_allergy(allergyId="a/1|é")]}).encode()
    answers = [await taken(RIVERMEAD, "allergies", answer) for _ in "12"]
    assert answers[0][0].id == answers[1][0].id
    assert answers[0][0].id.startswith("n-")


async def test_an_item_of_a_kind_that_the_mapping_does_not_know_is_unreadable_and_not_left_out():
    text = RIVERMEAD.replace('id = "allergyId"', 'id = "allergyId"\nwhen = { field = "kind", is = ["DRUG"] }')
    found = await taken(text, "allergies", json.dumps({"allergies": [an_allergy(kind="DRUG"), an_allergy(kind="?")]}).encode())
    assert [bool(each.fault) for each in found] == [False, True]


@pytest.mark.parametrize("answer", [b"", b"hello", b"{", b'{"a":1,"a":2}', b"[" * 100 + b"]" * 100, b"{}}"])
async def test_an_answer_that_is_no_sound_json_is_refused(answer: bytes):
    with pytest.raises(Unreadable):
        await answer_of(answer, "json", Turns())


# --- its own test cases


@pytest.mark.parametrize("name", ["rivermead", "kestrel"])
async def test_the_mappings_of_the_docs_pass_their_own_cases(name: str):
    cases = await tried(mapping(name), lambda file: (MAPPINGS / file).read_bytes(), lambda _: ())
    assert cases
    assert [(each.input, each.wrong, each.unknown) for each in cases if not each.ok] == []


async def test_what_differs_is_said_in_plain_words_to_the_last_digit():
    def file(name: str) -> bytes:
        return (MAPPINGS / name).read_bytes().replace(b"4.10", b"4.1" if name.endswith("r4.json") else b"4.10")

    cases = await tried(RIVERMEAD, file, lambda _: ())
    assert [each for case in cases for each in case.wrong] == ["Observation/R-1 valueQuantity.value: expected 4.1, came 4.10"]


async def test_a_new_field_in_an_answer_fails_the_case_and_is_named():
    def file(name: str) -> bytes:
        return (MAPPINGS / name).read_bytes().replace(b'"rowVersion": 4', b'"rowVersion": 4, "enteredInError": true')

    cases = await tried(RIVERMEAD, file, lambda _: ())
    assert [(each.ok, each.unknown) for each in cases if each.unknown] == [(False, ("allergies.enteredInError",))]


async def test_a_mapping_without_cases_is_not_called_tested(tmp_path: Path):
    with pytest.raises(BadMapping, match="no tests"):
        await tried(RIVERMEAD.partition("[[test]]")[0], lambda _: b"", lambda _: ())
