"""Whatever is known of a resource by its letters is what all gates would have said of it."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.fhir.lettered_texts import OFTEN, others, written

from carerecord.fhir import gates
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.gates import Gates
from carerecord.fhir.leaves import Odd, _is_moment_at_hand, leaves
from carerecord.fhir.lettered import EVERY, FIRST, Letters


@pytest.fixture(scope="module")
def judging() -> Gates:
    return gates.load()


def planned(raw: bytes, probes: Sequence[str]) -> str:
    return str(parse(raw)["resourceType"])


def met(judging: Gates, *raws: bytes) -> Letters[str]:
    letters = Letters(judging, planned)
    for raw in raws:
        for _ in range(EVERY):
            letters.met(raw)
    return letters


@pytest.mark.parametrize("often", OFTEN, ids=[each["resourceType"] for each in OFTEN])
def test_a_resource_that_is_known_by_its_letters_has_no_fault_at_any_gate(judging: Gates, often: dict[str, Any]):
    letters, known, unknown = met(judging, written(often)), 0, 0
    for raw in others(written(often)):
        if (found := letters.find(raw)) is None:
            unknown += 1
            continue
        known += 1
        assert judging.judge(parse(raw), raw, remarks=True) == found[0].judged, raw
        assert found[0].judged.faults == ()
    assert known > 20
    assert unknown > 20


def test_a_note_of_several_lines_is_known_by_one_of_a_single_line_and_the_other_way_round(judging: Gates):
    one, several = (written(OFTEN[0] | {"note": [{"text": told}]}) for told in ("Rested", "Rested\nfor an hour\n"))
    assert met(judging, one).find(several) is not None
    assert met(judging, several).find(one) is not None


def test_a_long_word_in_the_place_of_a_time_is_not_remembered(judging: Gates):
    letters = met(judging, written(OFTEN[0]))
    before = _is_moment_at_hand.cache_info().misses

    assert letters.find(written(OFTEN[0] | {"issued": "x" * 10_000})) is None
    assert letters.find(written(OFTEN[0] | {"issued": "2026-05-04T14:06:43.123456+01:00"})) is not None
    assert _is_moment_at_hand.cache_info().misses == before + 1


def test_where_nothing_comes_again_one_in_eight_is_remembered(judging: Gates):
    letters = Letters(judging, planned)
    for each in range(FIRST + 1 + 4 * EVERY):
        letters.met(written(OFTEN[0] | {"status": "final" if each else "amended", "language": f"x{each}"}))
    later = [written(OFTEN[0] | {"status": "final", "language": f"x{each}"}) for each in range(FIRST + 1, FIRST + 1 + 4 * EVERY)]
    assert sum(letters.find(each) is not None for each in later) == 4


def test_what_has_a_fault_is_never_remembered(judging: Gates):
    wrong = written(OFTEN[4]).replace(b'"Ann"', b'"Ann",null')
    assert met(judging, wrong).find(wrong) is None


@pytest.mark.parametrize(
    "more",
    [
        {"text": {"status": "generated", "div": "<div>Ann Marlow</div>"}}, {"implicitRules": "urn:marlow"}, {"birthDate": "1948"},
        {"contained": [{"resourceType": "Practitioner", "id": "marlow"}], "generalPractitioner": [{"reference": "#marlow"}]},
    ],
    ids=["a narrative", "an element that nobody listed", "a part of a date", "a name for what is contained"],
)
def test_nothing_is_remembered_of_a_resource_with_a_word_that_could_be_about_somebody(judging: Gates, more: dict[str, Any]):
    raw = written(OFTEN[4] | more)
    with pytest.raises(Odd):
        leaves(raw.decode(), parse(raw))
    assert met(judging, raw).find(raw) is None


def test_no_value_stands_among_the_letters(judging: Gates):
    raw = written(OFTEN[4])
    text, at, kept = raw.decode(), 0, ""
    for leaf in leaves(text, parse(raw)):
        kept, at = kept + text[at : leaf.begins], leaf.ends
    kept += text[at:]
    assert not [each for each in ("Marlow", "Ann", "9990000018", "f-1", "1948", "High Street", "ZZ1", "p1") if each in kept]


def test_another_element_or_another_order_is_not_known(judging: Gates):
    one, letters = OFTEN[0], met(judging, written(OFTEN[0]))
    assert letters.find(written(one | {"id": "o9"})) is not None
    assert letters.find(written(one | {"status": "preliminary"})) is None
    assert letters.find(written(one | {"valueQuantity": {"value": 4.1, "unit": "mmol/L", "code": "x"}})) is None
    assert letters.find(written(dict(reversed(one.items())))) is None
    assert letters.find(written({**one, "subject": {"reference": "Group/p1"}})) is None


def test_a_component_that_repeats_the_code_of_the_whole_is_not_known(judging: Gates):
    one = next(each for each in OFTEN if "component" in each)
    letters, (first, *others) = met(judging, written(one)), one["component"]
    other, same = ({**first, "code": {"coding": [{"code": code, "system": "urn:lab"}]}} for code in ("MEAN", "K"))
    assert letters.find(written(one | {"component": [other, *others]})) is not None
    assert letters.find(written(one | {"component": [same, *others]})) is None


def test_a_component_of_what_lies_in_a_bundle_may_not_repeat_the_code_of_its_whole_either(judging: Gates):
    one = next(each for each in OFTEN if "component" in each)

    def bundled(*codes: str) -> bytes:
        parts = [[{"code": {"coding": [{"code": code, "system": "urn:lab"}]}, "valueString": "x"}] for code in codes]
        entry = [{"resource": {**one, "component": each}} for each in parts]
        return written({"resourceType": "Bundle", "type": "collection", "entry": entry})

    letters = met(judging, bundled("SYS", "DIA"))
    assert letters.find(bundled("MEAN", "SYS")) is not None
    assert letters.find(bundled("SYS", "K")) is None
    assert judging.judge(parse(bundled("SYS", "K")), bundled("SYS", "K")).faults


def test_what_is_contained_under_another_id_than_it_is_referred_to_by_is_not_known(judging: Gates):
    one = next(each for each in OFTEN if "contained" in each)
    letters = met(judging, written(one))
    assert letters.find(written(one | {"id": "b2"})) is not None
    assert letters.find(written(one | {"referral": {"reference": "#1"}})) is None


def test_what_cannot_be_read_is_not_known(judging: Gates):
    letters = met(judging, written(OFTEN[0]))
    whole = written(OFTEN[0])
    for raw in (b"", b"{", b"\xff", whole[:-1], whole + b" ", whole.replace(b"4.1", b"4.1.1")):
        assert letters.find(raw) is None
    with pytest.raises(Unreadable):
        parse(b"{")
