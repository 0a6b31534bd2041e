"""What counts as current, past or neither, by the medicines guide's rule."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir.read.current import Standing, Told, standing

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def stands(kind: str = "order", status: str = "active", **more: Any) -> str:
    got = standing(Told(kind, status, **more), NOW)
    return "neither" if got.unsure else "current" if got.current else "past"


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"ended": "2026-11-22", "started": "2026-11-15"}, "current"),  # the day is not over
        ({"ended": "2026-11-21", "started": "2026-11-15"}, "past"),
        ({"started": "2025-01-10"}, "current"),  # no end, issued in the last two years
        ({"started": "2024-11-22"}, "current"),
        ({"started": "2024-11-21"}, "neither"),  # the rule says no, its source says active
        ({"ended": "2027-01-01", "started": "2020-01-01"}, "current"),
    ],
)
def test_an_acute_medicine_is_current_until_its_end_or_for_two_years(more: dict[str, Any], outcome: str) -> None:
    assert stands(course="acute", **more) == outcome


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"started": "2021-05-20", "issued": "2026-11-10"}, "current"),  # whichever is later
        ({"started": "2025-05-20"}, "current"),
        ({"started": "2021-05-20", "issued": "2023-11-10"}, "neither"),
        ({"started": "2021-05-20", "issued": "2026-11-10", "ended": "2026-11-21"}, "past"),
        ({"started": "2021-05-20", "issued": "2026-11-10", "ended": "2026-11-23"}, "current"),
        ({"started": "2021-05-20", "ended": "2027-11-23"}, "neither"),  # in all cases within two years
        ({}, "neither"),
    ],
)
def test_a_repeat_medicine_is_current_while_it_is_authorised_or_issued_within_two_years(
    more: dict[str, Any], outcome: str
) -> None:
    assert stands(course="repeat", **more) == outcome


@pytest.mark.parametrize("status", ["unknown", "", "no-such-status"])
def test_a_status_that_is_not_known_is_never_called_current_or_past(status: str) -> None:
    for more in ({"started": "2026-11-01"}, {"started": "2010-01-01", "ended": "2010-02-01"}):
        assert stands(status=status, **more) == "neither"


@pytest.mark.parametrize("status", ["stopped", "cancelled", "entered-in-error", "not-taken", "declined"])
def test_what_its_source_has_stopped_is_past_whatever_its_days(status: str) -> None:
    assert stands(status=status, started="2026-11-20", ended="2027-01-01", course="repeat") == "past"


def test_completed_is_past_unless_its_own_end_is_still_to_come() -> None:
    assert stands(status="completed", started="2026-11-20") == "past"
    assert stands(status="completed", started="2026-11-20", ended="2026-11-27") == "current"


def test_what_is_not_yet_or_no_order_is_neither() -> None:
    assert stands(status="draft", started="2026-11-20") == "neither"
    assert stands("statement", "intended", started="2026-11-20") == "neither"
    assert stands(intent="proposal", started="2026-11-20") == "neither"
    assert stands(started="2026-12-24", course="acute") == "neither"


def test_what_is_given_in_a_hospital_stay_is_not_counted_as_current() -> None:
    assert stands(in_stay=True, started="2026-11-21") == "neither"
    assert stands("administration", "completed") == "past"


def test_active_although_what_was_authorised_has_run_out_is_to_be_checked() -> None:
    assert stands(course="repeat", started="2026-01-01", expires="2026-07-01") == "neither"


def test_an_issue_or_a_supply_is_in_use_for_as_long_as_it_lasts() -> None:
    assert stands("issue", "completed", issued="2026-11-10", expires="2026-12-07") == "current"
    assert stands("issue", "completed", issued="2026-10-01", expires="2026-10-29") == "past"
    assert stands("dispense", "completed", issued="2026-11-10", lasts_days=7.0) == "past"
    assert stands("dispense", "completed", issued="2026-11-10") == "current"
    assert stands("dispense", "completed") == "neither"
    assert stands("dispense", "cancelled", issued="2026-11-10") == "past"


def test_the_reason_says_which_day_decided() -> None:
    told = Told("order", "active", course="repeat", started="2021-05-20", issued="2026-11-10")
    assert standing(told, NOW).because == "repeat, last issued 2026-11-10"
    old = Told("order", "active", course="repeat", started="2021-05-20")
    assert standing(old, NOW).because == (
        "active by its source, but not authorised or issued for 2 years: last authorised 2021-05-20")  # fmt: skip


_days = st.sampled_from(["", "2010", "2024-11-21", "2026-11-22T10:00:00Z", "2026-12-24", "2027", "yesterday"])
_KINDS = ["order", "issue", "statement", "dispense", "administration"]
_STATUSES = ["active", "completed", "stopped", "on-hold", "unknown", "", "draft", "in-progress", "preparation", "intended", "odd"]


@given(st.builds(Told, st.sampled_from(_KINDS), st.sampled_from(_STATUSES), st.sampled_from(["", "order", "plan", "option"]),
                 st.sampled_from(["repeat", "acute", ""]), st.booleans(), _days, _days, _days, _days, _days,
                 st.one_of(st.none(), st.floats())),
       st.one_of(st.none(), st.just(NOW), st.just(datetime(2028, 2, 29, tzinfo=UTC))))  # fmt: skip
def test_each_outcome_has_its_reason_and_nothing_is_both(told: Told, now: datetime | None) -> None:
    got = standing(told, now)

    assert isinstance(got, Standing)
    assert got.current or not got.unsure, "what is past is not unsure"
    assert got.because or (now is None and got.current)
