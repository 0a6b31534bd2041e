"""NHS numbers and the identifiers that a person carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir.errors import NotAnNhsNumber
from carerecord.fhir.identifiers import (
    NHS_NUMBER,
    ODS_ORGANISATION,
    identifiers_of,
    is_nhs_number,
    is_ods_code,
    make_nhs_number,
    nhs_number,
    nhs_number_of,
    spaced,
)

STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
ENGLAND = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
UK = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"


def a_number(value: str, system: str = NHS_NUMBER, status: tuple[str, str] | None = None) -> dict[str, object]:
    identifier: dict[str, object] = {"system": system, "value": value}
    if status:
        coding = {"system": status[0], "code": status[1]}
        identifier["extension"] = [{"url": STATUS, "valueCodeableConcept": {"coding": [coding]}}]
    return identifier


nines = st.from_regex(r"999[0-9]{6}", fullmatch=True)


@given(nines)
def test_a_number_made_is_a_number_that_passes(nine: str) -> None:
    made = make_nhs_number(nine)
    assert made is None or nhs_number(made) == made


@given(nines, st.integers(0, 9), st.integers(1, 9))
def test_one_digit_changed_is_always_caught(nine: str, place: int, step: int) -> None:
    made = make_nhs_number(nine)
    if made is not None:
        changed = str((int(made[place]) + step) % 10)
        assert not is_nhs_number(made[:place] + changed + made[place + 1 :])


@given(nines, st.integers(0, 8))
def test_two_neighbours_swapped_are_always_caught(nine: str, place: int) -> None:
    made = make_nhs_number(nine)
    if made is not None and made[place] != made[place + 1]:
        assert not is_nhs_number(made[:place] + made[place + 1] + made[place] + made[place + 2 :])


@given(st.text())
def test_no_text_does_worse_than_say_that_it_is_none(text: str) -> None:
    said = ""
    try:
        nhs_number(text)
    except NotAnNhsNumber as refusal:
        said = str(refusal)
    assert not any(character.isdigit() for character in said)


@pytest.mark.parametrize("text", ["999 000 0018", "999-000-0018", "9990000018", " 999\u00a0000\u20090018 "])
def test_a_number_is_read_however_it_is_spaced(text: str) -> None:
    assert nhs_number(text) == "9990000018"


def test_other_digits_than_ours_are_no_digits() -> None:
    assert not is_nhs_number("٩٩٩٠٠٠٠٠١٨")


def test_a_number_is_shown_three_three_four() -> None:
    assert spaced("9990000018") == "999 000 0018"
    assert spaced("MRN-7") == "MRN-7"


def test_nine_digits_that_no_check_digit_fits_make_none() -> None:
    assert any(make_nhs_number(f"99900000{digit}") is None for digit in range(10))


@pytest.mark.parametrize(("code", "fits"), [("RX1", True), ("A81001", True), ("rx1", False), ("R", False), ("RX 1", False)])
def test_an_ods_code_has_a_shape(code: str, fits: bool) -> None:
    assert is_ods_code(code) is fits


@pytest.mark.parametrize(
    ("status", "england"),
    [
        ((ENGLAND, "01"), "01"),
        ((UK, "01"), "01"),  # as the Personal Demographics Service sends it
        ((UK, "number-present-and-verified"), "01"),
        ((UK, "trace-postponed"), "08"),
        ((UK, "something-new"), "02"),
        (None, "02"),  # never verified by silence
    ],
)
def test_a_number_bears_the_status_of_england(status: tuple[str, str] | None, england: str) -> None:
    patient = {"identifier": [a_number("9990000018", status=status)]}
    (found,) = identifiers_of(patient)
    assert (found.value, found.status) == ("9990000018", england)


def test_a_number_under_an_old_system_is_the_same_number() -> None:
    (found,) = identifiers_of({"identifier": [a_number("999 000 0018", "http://fhir.nhs.net/Id/nhs-number")]})
    assert (found.system, found.value) == (NHS_NUMBER, "9990000018")


def test_the_verified_number_is_preferred_and_an_ill_formed_one_is_kept_but_never_chosen() -> None:
    bad = a_number("9990000019", status=(ENGLAND, "01"))
    patient = {"identifier": [a_number("9990000026"), bad, a_number("9990000018", status=(ENGLAND, "01"))]}
    chosen = nhs_number_of(patient)
    assert chosen is not None
    assert chosen.value == "9990000018"
    assert [i.value for i in identifiers_of(patient)] == ["9990000026", "9990000019", "9990000018"]


def test_a_local_number_names_who_gave_it() -> None:
    assigner = {"identifier": {"system": ODS_ORGANISATION, "value": "RX1"}}
    (found,) = identifiers_of({"identifier": [{"system": "urn:mrn", "value": " 7 ", "assigner": assigner}]})
    assert (found.value, found.assigner, found.status) == ("7", "RX1", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["identifier", "system", "value", "extension", "url", "valueCodeableConcept", "coding", "code", "period", "assigner"]
    ), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.just("identifier"), json_values))
def test_no_patient_however_odd_breaks_the_reading_of_identifiers(patient: dict[str, object]) -> None:
    identifiers_of(patient)
    nhs_number_of(patient)
