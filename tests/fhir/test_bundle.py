"""A Bundle taken apart: every byte kept, every fault named, nobody's data in a reason."""

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.errors import NotABundle, Unreadable

POTASSIUM = b'{ "resourceType":"Observation", "id":"k1","valueQuantity":{"value":1.10,"unit":"mmol/L"}}'


def a_bundle(*entries: bytes, **more: Any) -> bytes:
    head = json.dumps({"resourceType": "Bundle", "type": "searchset", **more})[:-1].encode()
    return head + b', "entry": [' + b",".join(entries) + b"]}"


def an_entry(resource: bytes, mode: str = "match") -> bytes:
    return b'{"fullUrl":"urn:x","resource":' + resource + b',"search":{"mode":"' + mode.encode() + b'"}}'


def test_the_bytes_of_a_resource_are_those_received() -> None:
    (entry,) = split(a_bundle(an_entry(POTASSIUM))).entries
    assert entry.raw == POTASSIUM
    assert (entry.type, entry.id, entry.mode, entry.full_url) == ("Observation", "k1", "match", "urn:x")


def test_total_and_next_page_are_read() -> None:
    got = split(a_bundle(total=99, link=[{"relation": "next", "url": "http://s/2"}, {"relation": "self", "url": "/1"}]))
    assert (got.total, got.next, got.self_link, got.entries) == (99, "http://s/2", "/1", ())


def test_an_outcome_is_set_apart_whatever_its_mode() -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[]}'
    got = split(a_bundle(an_entry(outcome, "outcome"), b'{"resource":' + outcome + b"}", an_entry(POTASSIUM, "include")))
    assert got.outcomes == (outcome, outcome)
    assert [entry.mode for entry in got.entries] == ["include"]


def test_nulls_around_a_resource_are_nothing() -> None:
    (entry,) = split(a_bundle(b'{"fullUrl":null,"search":null,"resource":' + POTASSIUM + b"}", link=None, total=None)).entries
    assert (entry.full_url, entry.mode, entry.raw) == ("", "match", POTASSIUM)
    assert split(b'{"resourceType":"Bundle","type":"searchset","entry":null}').entries == ()


def test_an_outcome_alone_is_an_answer() -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[]}'
    assert split(outcome).outcomes == (outcome,)


@pytest.mark.parametrize(
    "bad",
    [
        b"{}",
        b'{"fullUrl":"urn:x"}',
        b'{"resource":null}',
        b'{"resource":[]}',
        b'{"resource":{"id":"1"}}',
        b'{"resource":{"resourceType":"observation"}}',
        b'{"resource":{"resourceType":7}}',
        b'{"resource":{"resourceType":"Observation","id":{}}}',
        b"7",
        b"null",
    ],
)
def test_one_faulty_entry_leaves_the_others_standing(bad: bytes) -> None:
    got = split(a_bundle(an_entry(POTASSIUM), bad, an_entry(POTASSIUM)))
    assert len(got.entries) == 2
    (faulty,) = got.faulty
    assert (faulty.position, faulty.raw) == (1, bad)


@pytest.mark.parametrize(
    "broken",
    [
        b'{"resource":{"resourceType":"Observation","v":NaN}}',
        b'{"resource":{"resourceType":"Observation","v":"\\ud800"}}',
        b'{"resource":{"resourceType":"Observation","v":"a\nraw line break, ] and }"}}',
        b'{"resource":{"resourceType":"Observation","v":1,}}',
        b'{"resource":{"resourceType":"Observation","v":01.10}}',
    ],
)
def test_an_item_so_broken_that_no_parser_takes_the_whole_leaves_ninety_nine(broken: bytes) -> None:
    items = [an_entry(POTASSIUM)] * 99
    got = split(a_bundle(*items[:40], broken, *items[40:], total=100, link=[{"relation": "next", "url": "/2"}]))
    assert [entry.raw for entry in got.entries] == [POTASSIUM] * 99
    assert [(faulty.position, faulty.raw) for faulty in got.faulty] == [(40, broken)]
    assert (got.total, got.next) == (100, "/2")


@given(st.integers(1, 300))
def test_a_broken_bundle_cut_short_is_never_salvaged(cut: int) -> None:
    whole = a_bundle(an_entry(POTASSIUM), b'{"resource":{"resourceType":"Observation","v":NaN}}', an_entry(POTASSIUM))
    with pytest.raises(NotABundle):
        split(whole[:-cut])


@pytest.mark.parametrize("odd", [b'\\"x', b"\\", b"{", b"[", b'"', b'\\"{'])
def test_an_answer_that_is_cut_short_is_refused_in_time_that_grows_with_its_length(odd: bytes) -> None:
    body = b'{"resourceType":"Bundle","entry":[{"resource":{"text":"' + odd * 100_000
    began = time.process_time()
    with pytest.raises(NotABundle):
        split(body)
    assert time.process_time() - began < 1, "a text that never ends was gone through from each mark in it"


def test_an_entry_of_a_batch_that_only_reports_is_no_fault() -> None:
    assert split(a_bundle(b'{"response":{"status":"204"}}')).faulty == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the answer is empty"),
        (b"<!DOCTYPE html><html>", "the answer is a web page"),
        (b'<?xml version="1.0"?><Bundle/>', "the answer is XML"),
        (b"not found", "the answer is not JSON"),
        (b"[]", "the answer is not JSON"),
        (a_bundle(an_entry(POTASSIUM))[:-30], "the answer is JSON cut short or malformed"),
        (a_bundle(an_entry(POTASSIUM), x=1).replace(b'"x": 1', b'"x": NaN'), "the answer is JSON cut short or malformed"),
        (a_bundle(an_entry(POTASSIUM) + b" 7"), "the answer is JSON cut short or malformed"),
        (b'{"resourceType":"Bundle","type":"searchset","entry":' + b"[" * 100_000, "deeper"),
        (b'{"resourceType":"Bundle","type":"searchset","x":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_001, "deeper"),
        (b'{"resourceType":"Patient"}', "no Bundle"),
        (b'{"resourceType":"Bundle"}', "what type"),
        (b'{"a":1}', "no FHIR resource"),
        (b'{"resourceType":"Bundle","type":"searchset","entry":{}}', "malformed"),
        (b'{"resourceType":"Bundle","type":"searchset","total":"many"}', "malformed"),
    ],
)
def test_what_is_no_bundle_says_why_without_quoting_it(body: bytes, reason: str) -> None:
    with pytest.raises(NotABundle) as said:
        split(body)
    assert reason in said.value.reason
    assert "Smith" not in str(said.value)


@given(st.integers(0, 400))
def test_a_bundle_cut_at_any_byte_is_never_taken_for_whole(cut: int) -> None:
    whole = a_bundle(*[an_entry(POTASSIUM)] * 3, total=3)
    if cut < len(whole):
        with pytest.raises(NotABundle):
            split(whole[:cut])


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_be_refused(body: bytes) -> None:
    reason = ""
    try:
        split(body)
    except NotABundle as said:
        reason = said.reason
    assert reason


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(max_size=6), json_values, max_size=4), max_size=5))
def test_splitting_and_splicing_give_back_the_same_bytes(contents: list[dict[str, Any]]) -> None:
    resources = [orjson.dumps({**content, "resourceType": "Basic", "id": "x"}) for content in contents]
    assert [entry.raw for entry in split(a_bundle(*map(an_entry, resources))).entries] == resources


@pytest.mark.parametrize(
    "raw",
    [
        b'{"status":"active","status":"entered-in-error"}',
        b'{"code": {"text" : "a", "text" : "b"}}',
        b'{"x":"\xff"}',
        b'{"x":"\\ud800"}',
        b"[1]",
        b'{"a":' * 80 + b"1" + b"}" * 80,
        b'{"a":1',
        b"",
    ],
)
def test_a_resource_that_says_two_things_or_nothing_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(raw)


def test_a_double_is_seen_behind_an_escaped_colon() -> None:
    doubled = rb'{"resourceType":"Flag","status":"active","status":"inactive","note":"\u003a"}'
    with pytest.raises(Unreadable, match="twice"):
        parse(doubled)
    assert parse(rb'{"resourceType":"Flag","note":"a\u003ab: c\u003A"}')["note"] == "a:b: c:"


@given(
    st.recursive(
        st.none() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False).map(float) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    ),
    st.text(),
    st.booleans(),
)
def test_an_element_given_twice_is_seen_whatever_stands_beside_it(value: Any, name: str, ascii_only: bool) -> None:
    inner = json.dumps(value, ensure_ascii=ascii_only)
    key = json.dumps(name, ensure_ascii=ascii_only)
    try:
        assert parse(f'{{"a":{{{key}:{inner}}}}}'.encode()) is not None
    except (Unreadable, UnicodeEncodeError):
        return  # a lone surrogate: no JSON to begin with
    with pytest.raises(Unreadable, match="twice"):
        parse(f'{{"a":{{{key}:{inner},{key}:{inner}}}}}'.encode())


@pytest.mark.parametrize("raw", [b'{"a" : {"b":1}, "c":"\\u0022:"}', b'{"a":"say \\":\\" twice","b":"{[{["}'])
def test_odd_spelling_is_not_a_double(raw: bytes) -> None:
    assert parse(raw) == json.loads(raw)
