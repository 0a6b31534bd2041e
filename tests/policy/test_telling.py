"""May a system be told that something changed? What a person has said holds, though nobody opens anything."""

import pytest

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.consent import Objection
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import MayTellAsked
from carerecord.kit.errors import Unavailable
from tests.policy.test_permits import a_judge

BOARD = Actor("urn:carerecord:client", "board", "A board", Role("board", "system-client", "System", "R9A", "R9A"))
RESULTS = Grant("epr", "results")


@pytest.mark.parametrize(
    ("said", "about", "rule"),
    [
        ((), RESULTS, "notice/ids"),
        ((Objection("1", "p1", "results"),), RESULTS, "consent/objection"),
        ((Objection("1", "p1", "*"),), RESULTS, "consent/objection"),
        ((Objection("1", "p1", "results", source="epr"),), RESULTS, "consent/objection"),
        ((Objection("1", "p1", "results", source="lab"),), RESULTS, "notice/ids"),
        ((Objection("1", "p1", "results", organisation="R9A"),), RESULTS, "consent/objection"),
        ((Objection("1", "p1", "results", organisation="RX1"),), RESULTS, "notice/ids"),
        ((Objection("1", "p1", "medicines"),), RESULTS, "notice/ids"),
        ((Objection("1", "p1", "*"),), Grant("epr", "safeguarding"), "notice/ids"),
    ],
)
async def test_what_a_person_has_said_holds_for_a_notice(said: tuple[Objection, ...], about: Grant, rule: str) -> None:
    decision = await a_judge(*said).may_tell(MayTellAsked(BOARD, ("p1",), about))
    assert (decision.rule, decision.allowed) == (rule, rule == "notice/ids")


async def test_nobody_is_told_of_a_person_whose_whereabouts_are_protected() -> None:
    decision = await a_judge().may_tell(MayTellAsked(BOARD, ("p1",), RESULTS, restricted=True))
    assert (decision.allowed, decision.rule) == (False, "restricted/absent")


async def test_while_nobody_knows_what_was_said_nobody_is_told() -> None:
    with pytest.raises(Unavailable):
        await a_judge(silent=True).may_tell(MayTellAsked(BOARD, ("p1",), RESULTS))
