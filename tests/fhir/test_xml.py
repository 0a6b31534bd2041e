"""Does every value survive from JSON to XML and back, and is harm refused at its first sign?"""

import gzip
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fhir.test_real_inputs import real

from carerecord.fhir import xml, xml_reading
from carerecord.fhir.errors import Unreadable

ELEMENTS = xml.load()
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">a &lt; b<br/><!-- kept --> &#160;é <div>\n<p>in</p></div></div>'
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z"},
    "text": {"status": "generated", "div": DIV},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Of \"quotes\" & <angles>\n\ttabs"}],
    "extension": [{"url": "http://e.example/x", "id": "e1", "valueDecimal": 1}, {"url": "u", "extension": [{"url": "deep"}]}],
    "name": [{"id": "n", "family": "Marlow", "given": ["Ada", None, "B"], "_given": [None, {"id": "g"}, {"extension": [
        {"url": "v", "valueBoolean": False}]}]}],
    "_birthDate": {"extension": [{"url": "time", "valueDateTime": "1948-03-02T01:02:03Z"}]},
    "birthDate": "1948-03-02",
    "multipleBirthInteger": 2,
    "active": True,
}  # fmt: skip


def around(text: str) -> Any:
    made = xml.written(text.encode(), ELEMENTS)
    ElementTree.fromstring(made)
    return plain(xml_reading.read(made, ELEMENTS))


def plain(text: str | bytes) -> Any:
    """With each number as it is written."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))


def test_every_kind_of_value_survives() -> None:
    text = json.dumps(PATIENT)
    assert around(text) == plain(text)


def test_digits_are_kept() -> None:
    text = '{"resourceType":"Observation","status":"final","valueQuantity":{"value":1.10},"component":[{"valueInteger":-0e+10}]}'
    assert around(text) == plain(text)
    assert b'<value value="1.10"/>' in xml.written(text.encode(), ELEMENTS)


def test_elements_stand_in_the_order_of_hl7() -> None:
    made = ElementTree.fromstring(xml.written(json.dumps(PATIENT).encode(), ELEMENTS))
    names = [each.tag.rpartition("}")[2] for each in made]

    assert names == [
        "id", "meta", "text", "contained", "extension", "extension", "active", "name", "birthDate", "multipleBirthInteger",
    ]  # fmt: skip


def test_whole_real_bundles_survive() -> None:
    found = sorted(real("synthea").glob("*.json.gz"))[:2]
    assert found
    for path in found:
        text = gzip.decompress(path.read_bytes()).decode()
        assert around(text) == plain(text)


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\ufffe\uffff"), min_size=0).filter(
    lambda text: all(char in "\n\r\t" or char >= " " for char in text)
)
numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?\Z").map(xml.Digits)


def leaf(kind: str) -> st.SearchStrategy[Any]:
    return {"number": numbers, "boolean": st.booleans(), "xhtml": st.just(DIV)}.get(kind, texts)


@st.composite
def complexes(draw: st.DrawFn, kind: str, depth: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {}
    known = [each for each in ELEMENTS[kind].values() if each.kind != "ResourceList" and (depth < 2 or each.kind not in ELEMENTS)]
    for element in draw(st.lists(st.sampled_from(known), max_size=5, unique=True)) if known else ():
        inner = complexes(element.kind, depth + 1) if element.kind in ELEMENTS else leaf(element.kind)
        made[element.name] = draw(st.lists(inner, min_size=1, max_size=3) if element.many else inner)
    return made


def as_json(value: Any) -> str:
    if isinstance(value, xml.Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_json(each)}" for name, each in value.items()) + "}"
    return f"[{','.join(map(as_json, value))}]" if isinstance(value, list) else json.dumps(value)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["Patient", "Observation", "MedicationRequest", "Questionnaire", "Composition"]).flatmap(
    lambda type_: complexes(type_).map(lambda made: {"resourceType": type_, **made})
))  # fmt: skip
def test_any_resource_survives(resource: dict[str, Any]) -> None:
    text = as_json(resource)
    assert around(text) == plain(text)


@pytest.mark.parametrize(
    "bad",
    [
        '<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>',
        '<!DOCTYPE p [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
        '<!DOCTYPE p SYSTEM "http://127.0.0.1:9/x"><Patient xmlns="http://hl7.org/fhir"/>',
        '<Patient/>',
        '<HumanName xmlns="http://hl7.org/fhir"/>',
        '<Patient xmlns="http://hl7.org/fhir"><marlow value="MARLOW"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><id value="a"/><id value="b"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><id marlow="MARLOW"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir">MARLOW</Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><active value="MARLOW"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><multipleBirthInteger value="MARLOW"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><multipleBirthInteger value="NaN"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><contained/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><id value="a"/>',
        '<Patient xmlns="http://hl7.org/fhir">' + "<extension>" * 200_000,
        "",
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_without_a_word_of_it(bad: str) -> None:
    with pytest.raises(Unreadable) as refused:
        xml_reading.read(bad.encode(), ELEMENTS)
    assert "MARLOW" not in refused.value.reason


@pytest.mark.parametrize(
    "bad",
    [
        {"resourceType": "Patient", "marlow": 1},
        {"resourceType": "Marlow"},
        {"resourceType": "Patient", "id": "a\x00"},
        {"resourceType": "Patient", "text": {"div": "<div>MARLOW"}},
        {"resourceType": "Patient", "text": {"div": "<div>&nbsp;</div>"}},
        {"resourceType": "Patient", "name": ["MARLOW"]},
        {"resourceType": "Patient", "active": {"a": 1}},
    ],
)
def test_what_xml_cannot_hold_is_never_left_out(bad: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as refused:
        xml.written(json.dumps(bad).encode(), ELEMENTS)
    assert "MARLOW" not in refused.value.reason
