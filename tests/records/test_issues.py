"""An order was last issued when its newest issue says, and only its own source's issues count."""

from typing import Any

from msgspec.structs import replace

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine
from carerecord.records.issues import with_issues
from tests.records.facts import a_medicine

STALE: dict[str, Any] = {"course": "repeat", "unsure": True, "stale": True, "because": "no recent day", "started": "2021-03-01"}


def fetched(entry: Entry) -> Entry:
    return replace(entry, fetched_at="2026-11-22T14:00:00+00:00")


def plan(**more: Any) -> Entry:
    return fetched(a_medicine("gp", "Furosemide", id="plan", **{**STALE, **more}))


def issue(day: str, id_: str = "i", order: str = "MedicationRequest/plan") -> Entry:
    return fetched(a_medicine("gp", "Furosemide", kind="issue", id=id_, issued=day, orders=(order,), current=False))


def first(*entries: Entry) -> Medicine:
    medicine = with_issues(entries)[0].facts.medicine
    assert medicine is not None
    return medicine


def test_an_order_that_wanted_a_recent_day_alone_is_current_by_its_newest_issue():
    got = first(plan(), issue("2026-10-05", "a"), issue("2026-11-02", "b"), issue("2026-09-07", "c"))

    assert (got.issued, got.unsure, got.because) == ("2026-11-02", False, "repeat, last issued 2026-11-02")


def test_an_issue_of_more_than_two_years_ago_leaves_it_to_be_checked():
    assert first(plan(), issue("2023-10-05")).unsure


def test_what_is_unsure_for_another_reason_stays_so():
    got = first(plan(stale=False), issue("2026-11-02"))

    assert (got.unsure, got.because, got.issued) == (True, "no recent day", "2026-11-02")


def test_another_orders_issue_says_nothing():
    assert first(plan(), issue("2026-11-02", order="MedicationRequest/other")).unsure


def test_an_issue_entered_in_error_says_nothing():
    wrong = issue("2026-11-02")
    assert first(plan(), replace(wrong, facts=replace(wrong.facts, warning="entered in error"))).unsure


def test_a_statement_is_issued_when_its_order_is():
    said = fetched(a_medicine("gp", "Furosemide", kind="statement", id="s", orders=("MedicationRequest/plan",), **STALE))
    assert not first(said, issue("2026-11-02")).unsure


def test_an_answer_without_issues_is_left_as_it_is():
    entries = (plan(), fetched(a_medicine("gp", "Ramipril")))
    assert with_issues(entries) == entries
