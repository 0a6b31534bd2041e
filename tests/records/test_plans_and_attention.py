"""Plans in force, and what a reader should not miss."""

import pytest
from msgspec.structs import replace

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import Section
from carerecord.records.allergies import Sharing
from carerecord.records.attention import RULE, WATCHED, attention
from carerecord.records.groups import Company, medicine_groups
from carerecord.records.plans import in_force_first, plan_lines
from tests.records.facts import a_flag, a_medicine, a_plan, a_reply, a_result, an_allergy

TODAY = "2026-11-22T10:00:00Z"
RESPECT, DNACPR = a_plan("hospice", "respect", "2026-09-13"), a_plan("trust", "dnacpr", "2022-10-03")
HEARD = (Sharing("St Oswin's", "live"), Sharing("Aldermoor", "live"))


def test_the_newer_plan_comes_first_and_the_older_names_it():
    newer, older = in_force_first([DNACPR, RESPECT], TODAY)

    assert newer.key == RESPECT.key
    assert older.superseded_by == RESPECT.key
    assert newer.superseded_by == ""


def test_a_plan_that_another_names_is_superseded_whatever_its_date():
    named = a_plan("gp", "care-plan", "2026-11-01", id="old")
    naming = a_plan("gp", "care-plan", "2026-01-01", id="new", replaces=("CarePlan/old",))
    first, second = in_force_first([named, naming], TODAY)

    assert (first.key, second.superseded_by) == (naming.key, naming.key)


def test_a_reference_of_one_source_supersedes_nothing_of_another():
    theirs, naming = (
        a_plan("gp", "care-plan", "2026-11-01", id="old"),
        a_plan("rx", "care-plan", "2026-01-01", replaces=("CarePlan/old",)),
    )

    assert all(not each.superseded_by for each in in_force_first([theirs, naming], TODAY))


def test_each_line_is_present_none_recorded_or_unavailable():
    plans = in_force_first([DNACPR, RESPECT], TODAY)
    lines = {line.kind: line.state for line in plan_lines(plans, HEARD, TODAY)}

    assert lines == {"respect": "present", "dnacpr": "present", "advance-decision": "none recorded"}


def test_with_a_source_silent_nothing_is_called_none():
    silent = (Sharing("St Oswin's", "no answer"), Sharing("Aldermoor", "live"))
    lines = {line.kind: line for line in plan_lines(in_force_first([DNACPR], TODAY), silent, TODAY)}

    assert lines["respect"].state == "unavailable"
    assert "St Oswin's" in lines["respect"].says
    assert lines["dnacpr"].state == "present"
    assert "newer one may exist" in lines["dnacpr"].says


def test_a_plan_past_its_end_is_not_in_force():
    over = a_plan("trust", "dnacpr", "2022-10-03", valid_until="2023-10-03")
    lines = {line.kind: line for line in plan_lines(in_force_first([over], TODAY), HEARD, TODAY)}

    assert lines["dnacpr"].state == "none recorded"
    assert lines["dnacpr"].older == (over.key,)


def found(*replies: Reply, **sections: list) -> dict[str, str]:  # type: ignore[type-arg]
    made = [Section(id_, id_, tuple(entries)) for id_, entries in sections.items()]
    return {each.rule: each.title for each in attention(replies, made, ())}


def test_every_rule_that_is_used_is_listed_with_its_source():
    assert {watched.rule for watched in WATCHED} <= set(RULE)
    assert all(rule.source and rule.says for rule in RULE.values())


def test_a_high_risk_medicine_in_use_is_flagged_and_a_past_one_is_not():
    company = Company(frozenset({"gp", "mh"}), frozenset({"gp"}))
    in_use = medicine_groups([a_medicine("mh", "Clozapine")], company)
    past = medicine_groups([a_medicine("mh", "Clozapine", current=False, status="completed")], company)

    assert any(each.rule == "medicine/clozapine" for each in attention((), [Section("medicines", "", (), in_use)], ()))
    assert not attention((), [Section("medicines", "", (), past)], ())


def test_a_high_risk_medicine_that_may_be_current_is_flagged_and_says_so():
    company = Company(frozenset({"gp", "mh"}), frozenset({"gp"}))
    groups = medicine_groups([a_medicine("mh", "Clozapine", unsure=True)], company)
    (found_,) = attention((), [Section("medicines", "", (a_medicine("mh", "Clozapine", unsure=True),), groups)], ())

    assert (found_.rule, found_.says) == ("medicine/clozapine", "Not certain whether it is current")
    assert found_.title == "clozapine: may be in use"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Methotrexate", "methotrexate: in use"),
        ("Insulin aspart", "insulin aspart: in use"),
        ("Apixaban", "apixaban: anticoagulant"),
    ],
)
def test_a_high_risk_medicine_is_named_by_its_class_and_never_by_its_name_twice(name: str, title: str):
    groups = medicine_groups([a_medicine("gp", name)], Company(frozenset({"gp"}), frozenset({"gp"})))

    assert [each.title for each in attention((), [Section("medicines", "", (), groups)], ())] == [title]


def test_a_high_risk_medicine_is_flagged_under_its_brand_where_a_code_says_what_it_is():
    company = Company(frozenset({"gp", "mh"}), frozenset({"gp"}))
    brand = a_medicine("gp", "Zaponex", same_as=("ingredients|387568001",))
    generic = a_medicine("mh", "Clozapine", same_as=("ingredients|387568001",))
    section = Section("medicines", "", (brand, generic), medicine_groups([brand, generic], company))

    assert "medicine/clozapine" in {each.rule for each in attention((), [section], ())}


def test_warnings_of_a_practice_become_gaps():
    rules = found(a_reply("gp", warnings=("data in transit", "data awaiting filing")))

    assert set(rules) == {"gap/in-transit", "gap/awaiting-filing"}


def test_a_silent_source_and_a_safety_alert_are_named():
    rules = found(a_reply("gp", state="no answer"), a_reply("lab", state="discarded", danger="NHS number"))

    assert set(rules) == {"gap/source", "danger/wrong-patient"}


def test_a_death_in_doubt_is_a_danger_that_says_why():
    (flagged,) = attention([], [], (), death_doubted="register")
    assert (flagged.kind, flagged.rule) == ("danger", "danger/death")
    assert "register (PDS) knows nothing" in flagged.title
    assert "taken back" in attention([], [], (), death_doubted="taken back")[0].title
    assert attention([], [], ()) == ()


def test_only_the_newest_value_of_a_test_is_called_critical():
    old = a_result("lab", "Potassium", "7.1", at="2026-11-01T09:00:00Z", id="1", flag="critically high")
    new = a_result("lab", "Potassium", "4.4", at="2026-11-02T09:00:00Z", id="2")

    assert "result/critical" not in found(results=[new, old])
    assert "result/critical" in found(results=[old])


def test_a_stated_negative_beside_an_active_allergy_is_a_conflict():
    assert "allergy/conflict" in found(allergies=[an_allergy("gp"), an_allergy("trust", "None", negative="all", id="b")])


def test_a_safeguarding_flag_is_a_danger_and_an_ended_one_is_not():
    assert found(alerts=[a_flag("gp", "Child protection plan", "safeguarding")]) == {"flag/safeguarding": "Child protection plan"}
    assert found(alerts=[a_flag("gp", "Child protection plan", "safeguarding", active=False)]) == {}


def test_a_difference_gives_both_values_and_who_says_which():
    company = Company(frozenset({"gp", "trust"}), frozenset({"gp"}))
    entries = [
        a_medicine("gp", "Bisoprolol", amount="5 mg", frequency="once a day"),
        a_medicine("pharmacy", "Bisoprolol", amount="5 mg", frequency="once a day"),
        a_medicine("trust", "Bisoprolol", amount="2.5 mg", frequency="once a day"),
    ]
    replies = [a_reply(each) for each in ("gp", "pharmacy", "trust")]
    section = Section("medicines", "", tuple(entries), medicine_groups(entries, company))

    (said,) = attention(replies, [section], ())

    assert said.title == "bisoprolol: sources differ"
    assert said.says == "5 mg once a day (Gp, Pharmacy) or 2.5 mg once a day (Trust)"


def test_a_supply_after_a_stop_says_who_stopped_it_why_and_who_supplied_it():
    company = Company(frozenset({"pharmacy", "trust"}), frozenset())
    entries = [
        a_medicine("trust", "Ramipril", current=False, status="stopped", ended="2026-11-13", stopped_reason="Potassium 6.1."),
        a_medicine("pharmacy", "Ramipril", kind="dispense", issued="2026-11-18"),
    ]
    section = Section("medicines", "", tuple(entries), medicine_groups(entries, company))

    (said,) = attention([a_reply("trust"), a_reply("pharmacy")], [section], ())

    assert said.says == "Trust stopped it on 2026-11-13: “Potassium 6.1”. Pharmacy dispensed it on 2026-11-18."


def test_a_plan_that_a_newer_one_has_superseded_is_no_news():
    old, new = a_plan("trust", "dnacpr", "2022-10-03"), a_plan("hospice", "respect", "2026-09-13")
    plans = in_force_first([old, new], TODAY)

    said = attention((), [Section("plans", "", plans)], plan_lines(plans, HEARD, TODAY))

    assert [(each.title, each.says) for each in said] == [("ReSPECT: present", "Not for CPR")]


def test_what_a_source_or_its_window_says_of_its_answer_is_shown_in_its_own_words():
    withdrawn = "1 result withdrawn by the sender, last on 22-Nov-2026 at 07:05"
    unmapped = "it sends 2 kinds of field that our mapping does not know"
    found = attention((replace(a_reply("lab"), warnings=(withdrawn, unmapped)),), (), ())

    assert [each.rule for each in found] == ["gap/withdrawn", "gap/said"]
    assert [withdrawn in found[0].title, unmapped in found[1].title] == [True, True]
