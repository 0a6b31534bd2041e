"""Medicines, allergies and problems side by side."""

from typing import Any

from carerecord.records.groups import Company, allergy_groups, medicine_groups, problem_groups
from tests.records.facts import a_medicine, a_problem, an_allergy

TWO = Company(frozenset({"gp", "trust"}), frozenset({"gp"}))
ONCE: dict[str, Any] = {"amount": "5 mg", "frequency": "once a day"}


def test_equal_doses_of_two_sources_are_the_same():
    (group,) = medicine_groups([a_medicine("gp", "Ramipril", **ONCE), a_medicine("trust", "Ramipril", **ONCE)], TWO)

    assert group.label == "same"


def test_different_doses_differ_and_say_in_what():
    two = a_medicine("trust", "Bisoprolol", amount="2.5 mg", frequency="once a day")
    (group,) = medicine_groups([a_medicine("gp", "Bisoprolol", **ONCE), two], TWO)

    assert (group.label, group.says) == ("differs", "dose")
    assert len(group.entries) == 2


def test_words_alone_that_differ_are_not_taken_for_the_same():
    (group,) = medicine_groups(
        [a_medicine("gp", "Digoxin", "one daily"), a_medicine("trust", "Digoxin", "take ONE at night")], TWO
    )

    assert (group.label, group.says) == ("differs", "dose as written")


def test_what_one_source_alone_holds_is_only_here_and_the_practice_does_not_have_it():
    (group,) = medicine_groups([a_medicine("trust", "Methotrexate", "15 mg once a week")], TWO)

    assert (group.label, group.says) == ("only here", "not in the GP record")


def test_nothing_is_said_of_the_gp_record_while_a_practice_is_silent():
    silent = Company(frozenset({"trust", "clinic"}), frozenset(), ("Elm Bank",))
    (group,) = medicine_groups([a_medicine("trust", "Methotrexate")], silent)

    assert (group.label, group.says) == ("only here", "")


def test_with_one_source_alone_heard_only_here_says_nothing():
    (group,) = medicine_groups([a_medicine("gp", "Ramipril")], Company(frozenset({"gp"}), frozenset({"gp"})))

    assert group.label == ""


def test_stopped_by_one_and_dispensed_since_is_said():
    repeat = a_medicine("gp", "Ramipril", at="2021-05-20", started="2021-05-20", **ONCE)
    stopped = a_medicine("trust", "Ramipril", status="stopped", current=False, ended="2026-11-13", at="2026-11-13")
    supplied = a_medicine("pharmacy", "Ramipril", kind="dispense", issued="2026-11-18", at="2026-11-18")
    (group,) = medicine_groups([repeat, stopped, supplied], TWO)

    assert group.label == "stopped here, dispensed since"
    assert len(group.entries) == 3
    assert group.current


def test_a_supply_before_the_stop_is_no_contradiction_of_its_own():
    repeat = a_medicine("gp", "Ramipril", started="2021-05-20", **ONCE)
    stopped = a_medicine("trust", "Ramipril", status="stopped", current=False, ended="2026-11-13")
    supplied = a_medicine("pharmacy", "Ramipril", kind="dispense", issued="2026-11-01", at="2026-11-01", current=False)
    groups = medicine_groups([repeat, stopped, supplied], TWO)

    assert groups[0].label == "differs"
    assert "stopped by one source" in groups[0].says


def test_current_and_past_are_never_in_one_group():
    now = a_medicine("gp", "Amoxicillin", started="2026-11-01")
    then = a_medicine("gp", "Amoxicillin", status="completed", current=False, ended="2020-01-07", id="m2")
    current, past = medicine_groups([now, then], TWO)

    assert (current.current, past.current) == (True, False)
    assert not set(current.entries) & set(past.entries)


def test_a_medicine_that_may_not_be_current_is_called_neither_current_nor_past():
    stale = a_medicine("gp", "Digoxin", started="2021-05-20", unsure=True)
    (group,) = medicine_groups([stale], TWO)

    assert (group.current, group.unsure) == (True, True), "not over, and not certain"


def test_an_unsure_statement_stands_beside_the_current_ones_of_its_substance():
    stale, now = a_medicine("gp", "Digoxin", unsure=True), a_medicine("trust", "Digoxin", started="2026-11-01")
    (group,) = medicine_groups([stale, now], TWO)

    assert (group.unsure, set(group.entries)) == (False, {stale.key, now.key})


def test_a_refutation_and_an_active_entry_are_a_conflict_with_both_shown():
    (group,) = allergy_groups([an_allergy("gp"), an_allergy("clinic", status="refuted")], TWO)

    assert group.label == "conflict"
    assert len(group.entries) == 2
    assert group.current


def test_allergies_of_equal_status_differ_in_severity():
    (group,) = allergy_groups([an_allergy("gp", severity="severe"), an_allergy("trust", severity="mild")], TWO)

    assert (group.label, group.says) == ("differs", "severity")


def test_a_problem_that_one_source_calls_resolved_differs():
    (group,) = problem_groups([a_problem("gp", "Gout"), a_problem("trust", "Gout", "resolved")], TWO)

    assert group.label == "differs"
    assert group.current
