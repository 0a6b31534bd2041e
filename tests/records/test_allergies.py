"""The allergy title, by its table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.connectors.reply import MISSING, STATES
from carerecord.contracts.records import AllergyTitle, Entry
from carerecord.records.allergies import KNOWN, NONE_KNOWN, NOT_RECORDED, UNAVAILABLE, Sharing, allergy_title
from tests.records.facts import an_allergy

PENICILLIN = an_allergy("gp")
NONE = an_allergy("trust", "No known allergy", negative="all", at="2019-04-05")
NO_DRUG = an_allergy("trust", "No known drug allergy", negative="drug")
REFUTED = an_allergy("clinic", status="refuted")
UNSURE = an_allergy("gp", status="unconfirmed")
WRONG = an_allergy("gp", status="entered-in-error")
ALL_HERE = (Sharing("Elm Bank", "live"), Sharing("Aldermoor", "not recorded"))


@pytest.mark.parametrize(
    ("entries", "states", "title"),
    [
        ((PENICILLIN,), ("live",), KNOWN),
        ((PENICILLIN,), ("live", "no answer"), KNOWN),
        ((PENICILLIN, NONE), ("live", "live"), KNOWN),
        ((PENICILLIN, REFUTED), ("live", "live"), KNOWN),
        ((UNSURE,), ("live",), KNOWN),
        ((NONE,), ("live",), NONE_KNOWN),
        ((NONE,), ("live", "not recorded"), NONE_KNOWN),
        ((NONE,), ("live", "none held"), NONE_KNOWN),
        ((NONE, REFUTED), ("live", "live"), NONE_KNOWN),
        ((NONE,), ("live", "loading"), UNAVAILABLE),
        ((NONE,), ("live", "no answer"), UNAVAILABLE),
        ((NONE,), ("live", "unreadable"), UNAVAILABLE),
        ((NONE,), ("live", "incomplete"), UNAVAILABLE),
        ((NONE,), ("live", "withheld"), UNAVAILABLE),
        ((NONE,), ("live", "not permitted"), UNAVAILABLE),
        ((NONE,), ("live", "not asked"), UNAVAILABLE),
        ((NONE,), ("live", "discarded"), UNAVAILABLE),
        ((NO_DRUG,), ("live",), NOT_RECORDED),
        ((REFUTED,), ("live",), NOT_RECORDED),
        ((WRONG,), ("live",), NOT_RECORDED),
        ((), ("not recorded",), NOT_RECORDED),
        ((), (), UNAVAILABLE),
    ],
)
def test_the_title_follows_the_table(entries: tuple[Entry, ...], states: tuple[str, ...], title: str):
    sharing = [Sharing(f"Source {n}", state) for n, state in enumerate(states)]

    assert allergy_title(entries, sharing).title == title


allergies = st.lists(st.sampled_from([PENICILLIN, NONE, NO_DRUG, REFUTED, UNSURE, WRONG]), max_size=4)
sharings = st.lists(st.sampled_from(STATES).map(lambda state: Sharing("Somewhere", state)), max_size=4)


@given(allergies, sharings)
def test_no_known_allergies_is_never_said_while_anybody_is_outstanding(entries: list[Entry], sharing: list[Sharing]):
    if allergy_title(entries, sharing).title == NONE_KNOWN:
        assert sharing
        assert not any(each.state in MISSING for each in sharing)
        assert NONE in entries


@given(allergies, sharings)
def test_an_active_allergy_is_never_taken_away_by_anybody(entries: list[Entry], sharing: list[Sharing]):
    active = PENICILLIN in entries or UNSURE in entries

    assert (allergy_title(entries, sharing).title == KNOWN) == active


def test_the_negative_names_who_said_it():
    title = allergy_title((NONE,), ALL_HERE)

    assert title.says == "Stated by trust"
    assert title.updated == "2019-04-05"


def test_known_allergies_say_that_there_may_be_more_when_a_source_is_silent():
    title = allergy_title((PENICILLIN,), [Sharing("Elm Bank", "live"), Sharing("Fenwick", "no answer")])

    assert title.incomplete
    assert title.substances == ("Penicillin",)
    assert "Fenwick: did not answer" in title.says


def test_a_change_after_the_first_paint_is_announced():
    first = AllergyTitle(UNAVAILABLE)

    assert allergy_title((PENICILLIN,), ALL_HERE, first).announce == "Allergies unavailable has become Known allergies"
    assert allergy_title((), [Sharing("Elm Bank", "no answer")], first).announce == ""


def test_an_entry_behind_a_mismatch_warning_counts_neither_for_nor_against():
    from msgspec.structs import replace

    assert allergy_title((replace(PENICILLIN, mismatch="given name"),), ALL_HERE).title == UNAVAILABLE
    assert allergy_title((NONE, replace(NONE, mismatch="given name")), ALL_HERE).title == UNAVAILABLE
