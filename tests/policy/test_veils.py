"""What does an objection keep back from systems that read by their scopes alone? What the rules say, and never what protects."""

import pytest

from carerecord.contracts.consent import TOLD, Objection, Told, ToldAsked
from carerecord.contracts.policy import PlacesAsked, Veils, VeilsAsked
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import Unavailable
from carerecord.kit.part import answer
from carerecord.kit.tokens import keys_for
from carerecord.policy.api import book_in
from carerecord.policy.service import Judge
from carerecord.policy.stages import Stages

KEYS = keys_for(b"s" * 32, "policy", ("policy", "consent"), ("consent",))


async def veils(*said: Objection, silent: bool = False) -> Veils:
    async def told(asked: ToldAsked) -> Told:
        if silent:
            raise Unavailable("It does not answer.", service="consent")
        return Told(said, asked.after + len(said), 0.5)

    calls = Calls("policy", {"consent": Direct((answer(TOLD, told),))})
    return await Judge(book_in(), calls, KEYS, SystemClock(), Stages(calls)).veils(VeilsAsked(7))


async def test_an_objection_keeps_back_its_section_or_all_but_what_protects() -> None:
    one, all_, elsewhere = (await veils(
        Objection("1", "p1", "results", "lab", "R9A"), Objection("2", "p2", "*"), Objection("3", "p3", "safeguarding"),
    )).veils  # fmt: skip
    assert (one.objection, one.patient, one.sections, one.source, one.organisation) == ("1", "p1", ("results",), "lab", "R9A")
    assert (one.rule, one.says) == ("consent/objection", "The patient has asked that this is not shown.")
    assert set(all_.sections) == set(SECTION_IDS) - {"safeguarding"}
    assert elsewhere.sections == ()


async def test_what_was_withdrawn_keeps_nothing_back_and_is_told_all_the_same() -> None:
    told = await veils(Objection("1", "p1", "*", ends_at="2026-11-22T12:00:00Z"))
    assert (told.upto, told.good_for_s, told.veils[0].objection, told.veils[0].sections) == (8, 0.5, "1", ())


async def test_while_consent_is_silent_nobody_can_say() -> None:
    with pytest.raises(Unavailable, match="consent service does not answer"):
        await veils(silent=True)


async def test_of_a_restricted_person_every_section_that_names_a_place_is_kept_back_and_the_patient_is_not() -> None:
    calls = Calls("policy", {})
    places = await Judge(book_in(), calls, KEYS, SystemClock(), Stages(calls)).places(PlacesAsked())
    assert set(places.sections) == {"encounters", "appointments", "professionals", "social", "documents", "other"}
    assert places.rule == "restricted/places"
    assert "where a protected person" in places.says
