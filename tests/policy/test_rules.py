"""Each rule has its cases: who asks, for what, and the answer."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.contracts.roles import ROLES
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.errors import BadSetting
from carerecord.policy.api import book_in
from carerecord.policy.model import Case, read_book, reason_given

BOOK = book_in()
CASES = tomllib.loads((Path(__file__).parent / "cases" / "sections.toml").read_text(encoding="utf-8"))
CODES = (*ROLES, "somebody-new")
NOT_CARING = (
    "receptionist", "administrator", "data-quality-officer", "clinical-safety-officer", "privacy-officer", "somebody-new",
)  # fmt: skip


@pytest.mark.parametrize(("role", "relationship", "purpose", "section", "more", "then", "rule"), CASES["cases"])
def test_a_section_is_judged_by_the_rule_that_is_named(role, relationship, purpose, section, more, then, rule):
    verdict = BOOK.section(Case(role=role, relationship=relationship, purpose=purpose, section=section, **more))
    assert (verdict.then, verdict.rule.id) == (then, rule)


@pytest.mark.parametrize(("role", "relationship", "purpose", "section", "more", "then", "rule"), CASES["wholes"])
def test_an_opening_as_a_whole_is_judged_first(role, relationship, purpose, section, more, then, rule):
    verdict = BOOK.whole(Case(role=role, relationship=relationship, purpose=purpose, **more))
    assert (verdict.then, verdict.rule.id) == (then, rule) if verdict else then == ""


@pytest.mark.parametrize(("role", "action", "allowed", "rule"), CASES["actions"])
def test_an_action_is_judged_by_role(role, action, allowed, rule):
    verdict = BOOK.action(Case(role=role, action=action))
    assert (verdict.then == "permit", verdict.rule.id) == (allowed, rule)


@pytest.mark.parametrize(("role", "kind", "own", "rule"), CASES["sources"])
def test_of_a_source_that_tells_why_somebody_went_there_only_its_own_staff_are_told(role, kind, own, rule):
    found = BOOK.unnamed(Case(role=role, kind=kind, own=own))
    assert (found.id if found else "") == rule


def test_every_rule_has_a_case():
    named = {case[-1] for table in CASES.values() for case in table}
    assert {each.rule.id for each in BOOK.rules} <= named


clinical = st.sampled_from([each for each in SECTION_IDS if each not in ("demographics", "appointments", "adjustments")])
any_case = st.builds(
    Case,
    role=st.sampled_from(CODES),
    relationship=st.sampled_from(("attending", "registered", "claimed", "none", "")),
    purpose=st.sampled_from(("direct-care", "emergency", "safeguarding", "administration", "privacy", "")),
    section=st.sampled_from(SECTION_IDS),
    restricted=st.booleans(),
    objected=st.booleans(),
)


@given(any_case)
def test_what_a_person_objects_to_is_never_permitted_save_what_protects_somebody(case: Case):
    objected = BOOK.section(replace(case, objected=True))
    if case.section == "safeguarding":
        assert objected == BOOK.section(replace(case, objected=False))
    else:
        assert objected.then != "permit"


@given(any_case, clinical, st.sampled_from(NOT_CARING))
def test_no_clinical_section_is_permitted_to_those_who_do_not_care_for_people(case: Case, section: str, role: str):
    assert BOOK.section(replace(case, role=role, section=section)).then != "permit"


@given(any_case)
def test_without_a_relationship_nothing_is_opened(case: Case):
    verdict = BOOK.whole(replace(case, relationship="none"))
    assert verdict is not None
    assert verdict.then in ("refuse", "absent")


@pytest.mark.parametrize(("text", "given_"), [("", False), (".", False), ("-- ", False), ("x1", False), ("fall", True)])
def test_a_dot_is_no_reason(text, given_):
    assert reason_given(text) is given_


def test_a_book_with_a_fault_is_no_book_and_every_fault_is_told():
    with pytest.raises(BadSetting) as caught:
        read_book(
            {"a.toml": '[[rule]]\nid = "x"\nsays = "s"\nsource = "s"\nthen = "maybe"\nwhen = { mood = "good" }\n', "b.toml": "[["}
        )
    told = str(caught.value)
    assert "'maybe'" in told
    assert "mood is no condition" in told
    with pytest.raises(BadSetting, match="speaks of 'gps'"):
        read_book({"a.toml": '[[rule]]\nid = "x"\nsays = "s"\nsource = "s"\nthen = "permit"\nwhen = { role = ["gps"] }\n'})
    assert "b.toml" in told
