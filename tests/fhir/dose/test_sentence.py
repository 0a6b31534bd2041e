"""Coded dosage read aloud: each construct of dose syntax, and nothing coded left out."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fhir.dose.cases import Case, cases

from carerecord.fhir.dose.amounts import digits
from carerecord.fhir.dose.sentence import SEE, sequence_words
from carerecord.fhir.dose.text import dosages_in, dose_amount, dose_of


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.shows}: {case.reads}"[:90])
def test_a_coded_dose_reads_as_dose_syntax_says(case: Case) -> None:
    assert sequence_words(case.dosages) == case.reads


def test_the_words_of_the_source_are_given_verbatim() -> None:
    coded = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    got = dose_of([{"text": "15 mg ONCE A WEEK on Tuesdays", **coded}])

    assert (got.words, got.generated, got.rest) == ("15 mg ONCE A WEEK on Tuesdays", False, "")


def test_our_words_and_the_sources_never_share_a_line() -> None:
    coded = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "sequence": 2}
    got = dose_of([{"text": "ONE at once", "sequence": 1}, coded])

    assert (got.words, got.generated, got.rest) == ("ONE at once", False, "once a day")


def test_texts_are_given_in_the_order_in_which_they_are_taken() -> None:
    steps = [{"text": "then 20 mg", "sequence": 2}, {"text": "40 mg for a week", "sequence": 1}]
    assert dose_of(steps).words == "40 mg for a week; then 20 mg"


def test_what_has_no_words_gets_ours_and_says_so() -> None:
    coded = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}

    assert (dose_of([coded]).words, dose_of([coded]).generated) == ("once a day", True)
    assert (dose_of([{"patientInstruction": "As directed"}]).words, dose_of([{"patientInstruction": "x"}]).generated) == (
        "As directed", False)  # fmt: skip
    assert dose_of([]).words == ""


def test_what_the_patient_is_told_beside_a_dose_text_is_kept() -> None:
    got = dose_of([{"text": "Use as often as required", "patientInstruction": "Apply after cleaning"}])

    assert (got.words, got.advice) == ("Use as often as required", "Apply after cleaning")


def test_one_step_of_several_is_never_given_as_the_dose() -> None:
    steps: list[dict[str, Any]] = [
        {"sequence": n, "text": f"step {n}", "doseAndRate": [{"doseQuantity": {"value": n, "unit": "mg"}}]} for n in (1, 2)
    ]
    assert (dose_of(steps).amount, dose_of(steps[:1]).amount) == ("", "1 mg")


def test_an_administration_says_what_was_given() -> None:
    dosage = {"dose": {"value": 10, "unit": "mg"}, "route": {"text": "oral"}, "rateQuantity": {"value": 1, "unit": "mg/min"}}
    got = dose_of(dosages_in({"dosage": dosage}, "MedicationAdministration"))

    assert got.words == "10 milligram - at a rate of 1 milligram per minute - oral"


def test_a_brief_amount_is_as_safe_as_a_long_one() -> None:
    brief = {
        text: dose_amount({"doseQuantity": {"value": value, "unit": unit}}, short=True)
        for text, value, unit in (("half", 0.5, "milligram"), ("mcg", 25, "mcg"), ("unit", 1, "IU"), ("none", 2, ""))
    }
    assert brief == {"half": "0.5 mg", "mcg": "25 micrograms", "unit": "1 unit", "none": ""}


# --- whatever is sent

_UNITS = ("mg", "mcg", "ug", "mL", "tablet", "IU", "unit", "day", "h", "", "5", ".", "{x}", "5ml spoonful", "mg/kg/h")
_values = st.one_of(
    st.integers(-3, 10**14),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=3),
)
_quantity = st.fixed_dictionaries({}, optional={
    "value": _values, "unit": st.sampled_from(_UNITS), "code": st.sampled_from(_UNITS),
    "comparator": st.sampled_from(["<", ">=", "ad", ""]),
})  # fmt: skip
_range = st.fixed_dictionaries({}, optional={"low": _quantity, "high": _quantity})
_ratio = st.fixed_dictionaries({}, optional={"numerator": _quantity, "denominator": _quantity})
_codes = st.lists(
    st.sampled_from(["mon", "tue", "MORN", "HS", "AC", "08:00:00", "2026-11-01", "2026-11-01T10:30:00Z", "x", ""]), max_size=3
)
_repeat = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(("frequency", "frequencyMax", "period", "periodMax", "count", "countMax", "offset"), _values),
    **dict.fromkeys(("duration", "durationMax"), _values),
    **{name: st.sampled_from(["s", "min", "h", "d", "wk", "mo", "a", "q", ""]) for name in ("periodUnit", "durationUnit")},
    **dict.fromkeys(("when", "dayOfWeek", "timeOfDay"), _codes),
    "boundsDuration": _quantity, "boundsRange": _range,
    "boundsPeriod": st.fixed_dictionaries({}, optional={"start": st.sampled_from(["2026", "x", "2026-11-01"]), "end": _values}),
})  # fmt: skip
_concept = st.sampled_from([{"text": "oral"}, {"coding": [{"display": "oral"}]}, {"coding": [{"code": "x"}]}, {}, None])
_dosage = st.fixed_dictionaries({}, optional={
    "sequence": _values, "route": _concept, "site": _concept, "method": _concept, "asNeededCodeableConcept": _concept,
    "asNeededBoolean": st.booleans(), "additionalInstruction": st.lists(_concept, max_size=2),
    "timing": st.fixed_dictionaries({}, optional={"repeat": _repeat, "event": _codes, "code": _concept}),
    "doseAndRate": st.lists(st.fixed_dictionaries({}, optional={
        "type": _concept, "doseQuantity": _quantity, "doseRange": _range, "rateRatio": _ratio, "rateRange": _range,
        "rateQuantity": _quantity}), max_size=2),
    "maxDosePerPeriod": _ratio, "maxDosePerAdministration": _quantity, "maxDosePerLifetime": _quantity,
})  # fmt: skip
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_DATED = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?(?= at \d|[ ,)]|$)|\d\d:\d\d")
_MEANT = re.compile(
    r" (?:(?:thousand |million )?(?:milligram|microgram|millilitre|tablet|unit|5ml spoonful|days?|hours?|seconds?|minutes?|weeks?"
    r"|months?|years?|x)\b|times\b|to \d)"
)


@given(st.lists(_dosage, max_size=3))
def test_no_number_ever_stands_without_its_unit(dosages: list[dict[str, Any]]) -> None:
    said = sequence_words(dosages)

    assert "NaN" not in said
    assert "nan" not in said
    assert "Infinity" not in said
    assert not re.search(r"(?<!\d)\.\d", said), "0.5, never .5"
    assert not re.search(r"\d\.\d*0(?!\d)", said), "1, never 1.0"
    assert not re.search(r"mcg|µg|\bug\b|\bIU\b|\biu\b", said), "micrograms and units in full"
    plain = _DATED.sub("", said).replace("1 5ml spoonful", "1 unit")
    for found in _NUMBER.finditer(plain):
        assert _MEANT.match(plain, found.end()) or plain[found.start() : found.end() + 2] == "5ml", said


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5,
)  # fmt: skip
_ELEMENTS = (
    "sequence", "text", "additionalInstruction", "patientInstruction", "timing", "asNeededBoolean", "asNeededCodeableConcept",
    "site", "route", "method", "doseAndRate", "maxDosePerPeriod", "maxDosePerAdministration", "doseQuantity", "rateRatio",
    "unheardOf",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(_ELEMENTS), _anything, max_size=6))
def test_any_dosage_gives_words_and_never_an_error(dosage: dict[str, Any]) -> None:
    assert isinstance(dose_of([dosage, dosage]).words, str)
    assert isinstance(dose_of([dosage]).amount, str)


def test_nothing_however_exactly_it_was_measured_is_nought() -> None:
    assert digits(Decimal("0E-999999999")) == digits(Decimal("0.000")) == digits(0) == "0"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"])
def test_a_moment_at_the_end_of_all_calendars_is_no_day_to_name(moment: str) -> None:
    assert sequence_words([{"timing": {"event": [moment]}}]) == f"(on which days: {SEE})"


@given(
    st.sampled_from(_ELEMENTS[2:]),
    st.one_of(st.integers(1), st.just("x"), st.just([["z"]]), st.just({"y": 1}), st.just([{"y": 1}])),
)
def test_what_cannot_be_said_is_listed_as_see_the_source(element: str, wrong: Any) -> None:
    said = sequence_words([{element: wrong}])

    assert SEE in said or (element == "patientInstruction" and wrong == "x"), "a coded part is said, or named as not said"
