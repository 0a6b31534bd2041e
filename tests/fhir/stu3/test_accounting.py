"""Nothing that was sent is lost without a word: each value is in the R4 resource, or its element is named."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fhir.stu3 import example
from tests.fhir.stu3.accounting import unaccounted
from tests.fhir.test_real_inputs import real

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.reading import included_of, read
from carerecord.fhir.stu3 import convert, entries_of, written
from carerecord.fhir.validate import RECORD_TYPES, load

Place = tuple[Any, ...]
WHOLE = [json.loads(json.dumps(each)) for each in example.whole()]  # nothing shared between two
VALIDATORS = load((*RECORD_TYPES, "Slot", "Schedule", "HealthcareService", "DetectedIssue"))
# Where a wrong value makes the whole resource unreadable, because its meaning rests on it.
DECISIVE = ("clinicalStatus", "verificationStatus", "notGiven", "notDone", "taken")


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """The way to every object and list inside, and to itself."""
    if isinstance(value, dict | list):
        yield at
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, name))


def every_element(value: Any, at: Place = ()) -> Iterator[Place]:
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, name)
        yield from every_element(inner, (*at, name))


def with_others(number: int, odd: dict[str, Any]) -> list[dict[str, Any]]:
    """One resource of the example, changed, beside the people and places of it."""
    others = [each for position, each in enumerate(WHOLE[: len(example.people())]) if position != number]
    return [*others, odd]


def inside(value: Any, at: Place) -> Any:
    for step in at:
        value = value[step]
    return value


OBJECTS = [(number, at) for number, each in enumerate(WHOLE) for at in places(each) if isinstance(inside(each, at), dict)]
ELEMENTS = [
    (number, at) for number, each in enumerate(WHOLE) for at in every_element(each) if at[-1] not in ("resourceType", "id")
]
MARK = "a mark that stands nowhere else"
JUNK: list[Any] = [
        None, True, 7, "", "junk", [], {}, [None], [[]], [{}], ["junk"], {"junk": "junk"}, [{"junk": ["junk"]}], {"coding": 7},
        {"coding": ["junk"]}, {"reference": 7}, {"reference": "#nobody"}, [{"url": 7}],
        [{"url": "junk", "extension": 7}]]  # fmt: skip


def test_every_value_of_the_example_is_carried_or_named() -> None:
    bundle = example.bundle(*WHOLE)
    converted = convert(bundle)
    assert converted.unread == ()
    assert unaccounted(bundle, converted) == []
    known_to_stu3 = {each.path for each in converted.not_carried if not each.path.endswith("meta.profile")}
    assert known_to_stu3 == set(), "elements that STU3 has and this example holds all have a place in R4"


def test_every_converted_resource_is_valid_r4_and_reads() -> None:
    converted = example.converted(*WHOLE)
    beside = included_of(("", each) for each in converted.resources)
    for entry in entries_of(converted):
        assert VALIDATORS.faults(parse(entry.raw)) == (), entry.type
        assert read(entry.raw, beside).title


def test_every_value_of_the_real_answers_is_carried_or_named() -> None:
    seen = 0
    for path in sorted(real("gpconnect-structured-stu3").glob("*.json")):
        if path.name == "index.json" or "MissingPatient" in path.name:
            continue
        bundle = split(path.read_bytes())
        converted = convert(bundle)
        assert unaccounted(bundle, converted) == [], path.name
        assert converted.unread == ()
        assert sum(count for _, count in converted.received) == len(converted.resources)
        seen += len(bundle.entries)
    assert seen > 1_300


@settings(max_examples=400)
@given(
    where=st.sampled_from(OBJECTS),
    name=st.sampled_from(("zz", "fhir_comments", "_zz", "extension", "modifierExtension", "contained", "_status", "_code")),
    wrapped=st.sampled_from((lambda mark: mark, lambda mark: [mark], lambda mark: {"zz": [{"zz": mark}]})),
)
def test_an_element_that_nobody_foresaw_is_carried_or_named_and_never_lost(where: Any, name: str, wrapped: Any) -> None:
    number, at = where
    odd = copy.deepcopy(WHOLE[number])
    holder = inside(odd, at)
    if name in ("extension", "modifierExtension"):
        added = {"url": "https://example.org/unheard-of", "valueString": MARK}
        holder[name] = [*(holder.get(name) if isinstance(holder.get(name), list) else ()), added]
    elif name in holder:
        return
    else:
        holder[name] = wrapped(MARK)
    answer = with_others(number, odd)
    converted = example.converted(*answer)
    carried = [each for each in converted.resources if MARK.encode() in written(each)]
    told = [each for each in converted.not_carried if name in each.path or name.lstrip("_") in each.path]
    refused = [each for each in converted.unread if MARK.encode() in each.raw]
    assert len(carried) + len(told) + len(refused) >= 1
    assert len(converted.resources) + len(converted.unread) >= len(answer), "the others stand"


@settings(max_examples=400)
@given(where=st.sampled_from(ELEMENTS), junk=st.sampled_from(JUNK))
def test_one_malformed_element_costs_one_resource_at_most(where: Any, junk: Any) -> None:
    number, at = where
    odd = copy.deepcopy(WHOLE[number])
    inside(odd, at[:-1])[at[-1]] = junk
    answer = with_others(number, odd)
    bundle = example.bundle(*answer)
    converted = convert(bundle)
    assert len(converted.unread) <= 1
    assert len(converted.resources) + len(converted.unread) >= len(answer)
    assert [each.why for each in converted.unread if "not of the form" in each.why] == [], "a rule stumbled"
    if at[0] != "contained":
        assert unaccounted(bundle, converted) == []


@settings(max_examples=100)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from((*sorted({str(at[-1]) for _, at in ELEMENTS}), "zz")), inner, max_size=6)
        ),
        max_leaves=20,
    ),
    type_=st.sampled_from(sorted({each["resourceType"] for each in WHOLE} | {"Basic", "Claim"})),
)
def test_whatever_stands_in_a_resource_the_others_are_converted(body: Any, type_: str) -> None:
    odd = {**(body if isinstance(body, dict) else {"zz": body}), "resourceType": type_, "id": "odd"}
    if type_ == "Patient":
        return
    converted = example.converted(*example.people(), odd)
    assert len(converted.resources) >= len(example.people())
    for each in converted.resources:
        try:
            VALIDATORS.check(parse(written(each)))
            read(written(each))
        except Unreadable:
            assert each.get("id") == "odd" or type_ == "List"


@pytest.mark.parametrize("element", DECISIVE)
def test_a_misspelt_element_on_which_the_meaning_rests_makes_the_resource_unreadable(element: str) -> None:
    for each in WHOLE:
        if element in each:
            converted = example.converted({**each, element: "actve"})
            assert [(one.type, one.id) for one in converted.unread] == [(each["resourceType"], each["id"])]
            assert element in converted.unread[0].why
