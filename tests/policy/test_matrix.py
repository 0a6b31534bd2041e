"""Does each role see of each section what was signed for it? Cell by cell, against a table that is written by hand.

The table is a second statement of what the rules should mean: whoever changes a rule changes a cell here too, and says why.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from carerecord.contracts.roles import ROLES
from carerecord.fhir.sections import SECTION_IDS, SECTIONS
from carerecord.patients.api import PatientsSettings
from carerecord.policy.api import book_in
from carerecord.policy.matrix import PURPOSES, cell
from carerecord.policy.model import VOCABULARY, Case
from carerecord.records.settings import RecordsSettings

BOOK = book_in()

# C direct care, E emergency, S safeguarding, A administration; · never.
SIGNED = """
section           doctor gp   ward hpharm cpharm param midw hv  cnurse chome mh   social safeg recep admin dq  cso priv
alerts            CES    CES  CS   C      C      CES   CES  CS  CS     C     CES  ·      S     ·     ·     ·   ·   ·
safeguarding      CES    CES  CS   ·      ·      CES   CES  CS  CS     ·     CES  CS     S     ·     ·     ·   ·   ·
adjustments       CES    CES  CS   C      C      CES   CES  CS  CS     C     CES  CS     S     CA    ·     ·   ·   ·
allergies         CE     CE   C    C      C      CE    CE   C   C      C     CE   ·      ·     ·     ·     ·   ·   ·
medicines         CE     CE   C    C      C      CE    CE   C   C      C     CE   ·      ·     ·     ·     ·   ·   ·
problems          CES    CES  CS   C      C      CES   CES  CS  CS     C     CES  ·      S     ·     ·     ·   ·   ·
results           CE     CE   C    C      C      CE    CE   ·   C      ·     CE   ·      ·     ·     ·     ·   ·   ·
observations      CE     CE   C    C      ·      CE    CE   C   C      C     CE   ·      ·     ·     ·     ·   ·   ·
encounters        CES    CES  CS   C      ·      CES   CES  CS  CS     C     CES  CS     S     ·     ·     ·   ·   ·
immunisations     CE     CE   C    C      C      E     CE   C   C      C     ·    ·      ·     ·     ·     ·   ·   ·
procedures        CE     CE   C    C      ·      E     CE   ·   C      ·     ·    ·      ·     ·     ·     ·   ·   ·
documents         CES    CES  CS   C      ·      CES   CES  CS  CS     C     CES  ·      S     ·     ·     ·   ·   ·
plans             CES    CES  CS   C      ·      CES   CES  CS  CS     C     CES  CS     S     ·     ·     ·   ·   ·
appointments      CES    CES  CS   ·      ·      ES    CES  CS  CS     C     CES  CS     S     CA    ·     ·   ·   ·
professionals     CES    CES  CS   C      ·      CES   CES  CS  CS     C     CES  CS     S     ·     ·     ·   ·   ·
social            CES    CES  CS   C      ·      CES   CES  CS  CS     ·     CES  CS     S     ·     ·     ·   ·   ·
demographics      CES    CES  CS   C      C      CES   CES  CS  CS     C     CES  CS     S     CA    A     A   ·   ·
other             CE     CE   C    ·      ·      E     CE   ·   C      ·     CE   ·      ·     ·     ·     ·   ·   ·
"""
COLUMNS = {
    "doctor": "emergency-doctor", "gp": "gp", "ward": "ward-nurse", "hpharm": "hospital-pharmacist",
    "cpharm": "community-pharmacist", "param": "paramedic", "midw": "midwife", "hv": "health-visitor",
    "cnurse": "community-nurse", "chome": "care-home-nurse", "mh": "mental-health-worker", "social": "social-worker",
    "safeg": "safeguarding-lead", "recep": "receptionist", "admin": "administrator", "dq": "data-quality-officer",
    "cso": "clinical-safety-officer", "priv": "privacy-officer",
}  # fmt: skip


def signed() -> Iterator[tuple[str, str, str]]:
    head, *rows = (line.split() for line in SIGNED.strip().splitlines())
    for section, *cells in rows:
        assert len(cells) == len(head) - 1, section
        for column, letters in zip(head[1:], cells, strict=True):
            yield COLUMNS[column], section, letters.replace("·", "")


CELLS = tuple(signed())
SENTENCES = [f"{ROLES[role]}-sees-{section}-for-{letters or 'nothing'}".replace(" ", "-") for role, section, letters in CELLS]


@pytest.mark.parametrize(("role", "section", "letters"), CELLS, ids=SENTENCES)
def test_a_role_sees_a_section_for_the_purposes_that_were_signed(role: str, section: str, letters: str):
    assert cell(BOOK, role, section) == letters


def test_the_table_that_was_signed_has_every_role_and_every_section_once():
    assert sorted((role, section) for role, section, _ in CELLS) == sorted(product(ROLES, SECTION_IDS))


@pytest.mark.parametrize("role", [*ROLES, "somebody-new", ""])
def test_a_closer_relationship_never_shows_less_and_none_shows_nothing(role: str):
    for section, purpose in product(SECTION_IDS, PURPOSES):
        seen = {
            relationship: BOOK.section(Case(role=role, relationship=relationship, purpose=purpose, section=section)).then
            for relationship in ("attending", "registered", "claimed", "none", "")
        }
        assert seen["attending"] == seen["registered"] == seen["claimed"], (section, purpose)
        assert seen["none"] == seen[""] == "deny", (section, purpose)


@pytest.mark.parametrize("role", ["receptionist", "administrator", "data-quality-officer"])
def test_who_cares_for_nobody_sees_nothing_clinical(role: str):
    assert [section for section in SECTION_IDS if cell(BOOK, role, section) and SECTIONS[section].clinical] == []


def test_who_compares_two_people_is_given_nothing_clinical_of_either():
    reviewing = [role for role in ROLES if BOOK.action(Case(role=role, action="review")).then == "permit"]
    assert reviewing == ["administrator", "data-quality-officer"]
    assert {cell(BOOK, role, each) for role in reviewing for each in SECTION_IDS if each != "demographics"} == {""}


@pytest.mark.parametrize("role", ["clinical-safety-officer", "privacy-officer"])
def test_who_watches_over_sources_or_looks_opens_no_record_and_finds_nobody(role: str):
    for relationship, purpose in product(("attending", "registered", "claimed"), PURPOSES):
        verdict = BOOK.whole(Case(role=role, relationship=relationship, purpose=purpose))
        assert verdict is not None
        assert verdict.then == "refuse"
    assert [each for each in ("search", "open", "review") if BOOK.action(Case(role=role, action=each)).then == "permit"] == []


def test_whoever_is_given_medicines_is_given_allergies_and_alerts_too():
    for role, letter in product(ROLES, PURPOSES.values()):
        if letter in cell(BOOK, role, "medicines"):
            assert letter in cell(BOOK, role, "allergies"), role
            assert letter in cell(BOOK, role, "alerts"), role


def test_a_protected_person_is_known_to_the_same_roles_in_the_index_and_here():
    asked = Case(relationship="claimed", purpose="emergency", restricted=True)
    known = [role for role in ROLES if BOOK.whole(replace(asked, role=role)) is None]
    assert sorted(known) == sorted(PatientsSettings().restricted_for)
    # With the index down nobody can say who is protected: only those who may know them open by exact number.
    assert sorted(known) == sorted(RecordsSettings().treating_roles)


def test_every_role_can_do_something_and_nobody_may_do_what_no_rule_says():
    actions = VOCABULARY["action"]
    for role in ROLES:
        assert any(BOOK.action(Case(role=role, action=each)).then == "permit" for each in actions), role
    assert not any(BOOK.action(Case(role="somebody-new", action=each)).then == "permit" for each in actions)
