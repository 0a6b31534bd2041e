"""Is every value written as the display rules say? One example for each rule, by its id."""

from datetime import UTC, datetime, timedelta

import pytest

from carerecord.contracts.patients import Demographics, Name
from carerecord.fhir.facts import Medicine
from carerecord.pages.dates import age, moment
from carerecord.pages.formatting import Formatter, css_text, joined

NOW = datetime(2006, 7, 20, 12, 0, tzinfo=UTC)
CLINICIAN, PATIENT = Formatter(NOW), Formatter(NOW, "patient")
JOHN = Demographics(names=(Name("Smith", ("JOHN",), "Mr."), Name("", ("Jack",), use="nickname")))


def test_nid_0001_family_name_upper_case_then_given_then_title_in_brackets() -> None:
    assert CLINICIAN.name(JOHN) == "SMITH, John (Mr)"


def test_a_patient_reads_a_name_in_natural_order() -> None:
    assert PATIENT.name(JOHN) == "John Smith"


def test_nid_mixed_case_names_stay_as_their_owner_writes_them() -> None:
    assert CLINICIAN.name(Demographics(names=(Name("O'Neill", ("DeShawn", "ann-marie")),))) == "O'NEILL, DeShawn Ann-Marie"


def test_pab_0033_birth_date_with_age_in_brackets() -> None:
    assert CLINICIAN.born("1945-07-14") == "14-Jul-1945 (61y)"
    assert PATIENT.born("1945-07-14") == "14 July 1945"
    assert CLINICIAN.born("1900-01-01") == "Unknown (sent as 01-Jan-1900)", "an unknown man is not 126 years old"


@pytest.mark.parametrize(
    ("deceased", "doubted", "written"),
    [
        ("", "", ""),
        ("false", "", ""),
        ("true", "", "date Not recorded"),
        ("2006-07-01", "", "01-Jul-2006"),
        ("2006-07-01", "register", "In doubt: 01-Jul-2006, of which the national register (PDS) knows nothing"),
        ("2006-07-01", "taken back", "In doubt: 01-Jul-2006, once taken back"),
        ("", "taken back", "One was recorded and taken back"),
    ],
)
def test_a_death_in_doubt_never_reads_as_one_that_is_not(deceased: str, doubted: str, written: str) -> None:
    assert CLINICIAN.died(Demographics(deceased=deceased, death_doubted=doubted)) == written


@pytest.mark.parametrize(
    ("lived", "written"),
    [
        (timedelta(minutes=90), "90min"),
        (timedelta(hours=26), "26hrs"),
        (timedelta(hours=47, minutes=59), "47hrs"),
    ],
)
def test_pab_table_7_a_newborn_with_a_time_of_birth_is_minutes_then_hours_old(lived: timedelta, written: str) -> None:
    born = (NOW - lived).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert CLINICIAN.age(born) == written


@pytest.mark.parametrize(
    ("born", "written"),
    [
        ("2006-07-17", "3d"),
        ("2006-06-22", "4w 0d"),
        ("2006-06-21", "4w 1d"),
        ("2005-07-21", "52w 0d"),
        ("2005-06-12", "13m 8d"),
        ("2004-07-21", "23m 29d"),
        ("2002-06-20", "4y 1m"),
        ("1988-07-21", "17y 11m"),
        ("1988-07-20", "18y"),
        ("1945", "60y or 61y"),
        ("1945-03", "61y"),
        ("1945-09", "60y"),
    ],
)
def test_pab_table_8_age_units(born: str, written: str) -> None:
    when = moment(born)
    assert when is not None
    assert age(when, NOW) == written


def test_an_age_at_death_is_counted_to_the_death() -> None:
    assert CLINICIAN.age("1945-07-14", at="2024-03-02") == "78y"


def test_num_0001_nhs_number_3_3_4() -> None:
    assert CLINICIAN.nhs_number("9991234567") == "999 123 4567"
    assert CLINICIAN.nhs_number("") == "Not recorded"


def test_cgs_0003_gender_in_full() -> None:
    assert [CLINICIAN.gender(each) for each in ("male", "other", "unknown", "")] == [
        "Male", "Other Specific", "Not Known", "Not Specified",
    ]  # fmt: skip


def test_dta_0002_dates_keep_the_precision_that_they_came_with() -> None:
    assert [CLINICIAN.date(each) for each in ("2018-08-06", "2018-08", "2018")] == ["06-Aug-2018", "Aug-2018", "2018"]
    assert PATIENT.date("2018-08-06") == "6 August 2018"


def test_dtb_0001_times_are_uk_local_and_24_hour() -> None:
    assert CLINICIAN.at("2018-08-06T16:30:00Z") == "06-Aug-2018 17:30"
    assert CLINICIAN.at("2018-01-06T00:00:00+00:00") == "06-Jan-2018 00:00"
    assert PATIENT.at("2018-08-06T16:30:00Z") == "6 August 2018 at 5:30pm"
    assert [PATIENT.time(f"2018-01-06T{each}:00Z") for each in ("12:00", "00:00", "09:00")] == ["midday", "midnight", "9am"]


def test_dta_0011_a_screen_reader_hears_the_long_date() -> None:
    tag = CLINICIAN.at_tag("2018-08-06")
    assert '<span aria-hidden="true">06-Aug-2018</span><span class="cr-vh">6 August 2018</span>' in tag


def test_dta_0022_what_is_missing_is_said_in_words() -> None:
    assert (CLINICIAN.date(""), CLINICIAN.born(""), PATIENT.date("")) == ("Not recorded", "Unknown", "We do not have this")


@pytest.mark.parametrize("sent", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_at_the_end_of_all_calendars_is_shown_as_it_came(sent: str) -> None:
    assert moment(sent) is None
    assert CLINICIAN.at(sent) == sent


def test_a_birth_in_the_year_one_is_no_birth_date() -> None:
    assert CLINICIAN.born("0001-01-01") == "Unknown (sent as 01-Jan-0001)"


def test_text_that_is_no_date_is_shown_as_it_came_and_escaped() -> None:
    assert CLINICIAN.date("about Easter") == "about Easter"
    assert "&lt;b&gt;" in CLINICIAN.at_tag("<b>")


AMOXICILLIN = Medicine(
    "order", "Amoxicillin 500mg capsules", "amoxicillin", amount="500mg", form="capsule", route="oral",
    frequency="three times a day",
)  # fmt: skip


def test_medi_001_generic_name_first_then_form_dose_route_frequency_with_em_dashes() -> None:
    line = CLINICIAN.medicine(AMOXICILLIN)
    assert line.words() == "amoxicillin — Amoxicillin 500 mg capsules — capsule — DOSE 500 mg — oral — three times a day"


@pytest.mark.parametrize(
    ("sent", "clinician", "patient"),
    [
        ("500mg", "500 mg", "500mg"),
        (".5 mg", "0.5 mg", "0.5mg"),
        ("0.50mg", "0.5 mg", "0.5mg"),
        ("5000 units", "5,000 units", "5,000 units"),
        ("100mcg", "100 micrograms", "100 micrograms"),
        ("5 ml.", "5 mL", "5mL"),
        ("28 tablets", "28 tablets", "28 tablets"),
        ("1,000mg", "1,000 mg", "1,000mg"),
        ("2,5 mg", "2,5 mg", "2,5 mg"),  # two and a half, and never 25
        ("0,5mg or 10,00 mg", "0,5mg or 10,00 mg", "0,5mg or 10,00 mg"),
        (f"{'1' * 5_000} mg", f"{'1' * 5_000} mg", f"{'1' * 5_000} mg"),
        ("1.10 mmol/L of 12.5 mg", "1.1 mmol/L of 12.5 mg", "1.1mmol/L of 12.5mg"),
    ],
)
def test_medi_022_quantities(sent: str, clinician: str, patient: str) -> None:
    assert (CLINICIAN.quantity(sent), PATIENT.quantity(sent)) == (clinician, patient)


def test_dose_text_of_the_source_is_never_lost() -> None:
    weekly = Medicine("order", "Methotrexate", "methotrexate", dose="15 mg ONCE A WEEK, on Monday")
    assert CLINICIAN.medicine(weekly).dose == "15 mg ONCE A WEEK, on Monday"
    both = Medicine("order", "Methotrexate", "methotrexate", dose="six each Monday", amount="15 mg", frequency="once a week")
    assert (CLINICIAN.medicine(both).dose, CLINICIAN.medicine(both).coded) == ("six each Monday", "15 mg — once a week")


def test_dose_text_that_says_more_than_its_codes_is_never_cut_to_them() -> None:
    text = "5 mg once a day but NOT on Tuesdays"
    line = CLINICIAN.medicine(Medicine("order", "Warfarin", "warfarin", dose=text, amount="5 mg", frequency="once a day"))
    assert (line.dose, line.dose_verbatim, line.frequency, line.coded) == (text, True, "", "")


def test_dose_text_that_says_what_is_coded_is_written_in_its_elements() -> None:
    same = Medicine("order", "Ramipril", "ramipril", dose="5 mg once a day.", amount="5 mg", route="oral", frequency="once a day")
    assert CLINICIAN.medicine(same).words() == "ramipril — DOSE 5 mg — oral — once a day"


def test_a_dose_in_our_words_is_whole_and_says_that_it_is_ours() -> None:
    made = "5 milligram - once a day - as required - from 2019-11-01"
    line = CLINICIAN.medicine(Medicine("order", "X", "x", made, True, amount="5 mg", frequency="once a day"))
    assert line.words() == (
        "x — DOSE 5 milligram - once a day - as required - from 01-Nov-2019 (in our words, from the source's codes)")  # fmt: skip
    assert not line.dose_verbatim


@pytest.mark.parametrize(
    ("at", "written"),
    [("2006-07-20T11:56:00Z", "4 min"), ("2006-07-20T09:00:00Z", "3 h"), ("2006-07-20", "today"), ("2006-07-07", "13 d"),
     ("2005-06-20", "13 months"), ("2002-07-20", "4 years")],
)  # fmt: skip
def test_a_value_says_how_old_it_is(at: str, written: str) -> None:
    assert CLINICIAN.since(at) == written


def test_words_in_a_printed_margin_cannot_end_their_string_or_their_element() -> None:
    hostile = css_text('a"; } </style><script>\\')
    assert '"' not in hostile[1:-1]
    assert "<" not in hostile
    assert "}" not in hostile


def test_words_are_joined_as_they_are_spoken() -> None:
    assert [joined(each) for each in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]
