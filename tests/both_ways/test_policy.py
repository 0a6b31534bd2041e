"""Policy answers the same in process and over a socket, its refusals and their rules too."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

from carerecord.contracts.consent import OBJECTIONS, TOLD, Objection, ObjectionsAsked, Told, ToldAsked
from carerecord.contracts.permit import Grant
from carerecord.contracts.policy import (
    MAY,
    MAY_DO,
    MAY_TELL,
    PLACES,
    RULES,
    UNNAMED,
    VEILS,
    MayDoAsked,
    MayTellAsked,
    PlacesAsked,
    RulesAsked,
    UnnamedAsked,
    VeilsAsked,
)
from carerecord.contracts.sources import REGISTRY
from carerecord.kit.calls import Direct
from carerecord.kit.errors import Unavailable
from carerecord.kit.part import Part, answer
from carerecord.policy import api as policy
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import agree
from tests.policy.test_permits import DOCTOR, Registrar, asked


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_policy(tmp_path):
    async def said(about: ObjectionsAsked) -> tuple[Objection, ...]:
        if "silent" in about.person:
            raise Unavailable("no answer", service="consent")
        return (Objection("o1", "p1", "medicines"),)

    async def told(about: ToldAsked) -> Told:
        if about.after:
            raise Unavailable("no answer", service="consent")
        return Told((Objection("o1", "p1", "medicines"), Objection("o2", "p1", "*", ends_at="2026-11-22T12:00:00Z")), 2, 0.5)

    async def make(_: AsyncExitStack) -> Part:
        takes_part = answer(REGISTRY, Registrar().answer)
        ways = {"consent": Direct((answer(OBJECTIONS, said), answer(TOLD, told))), "sources": Direct((takes_part,))}
        return policy.build(supplies_for("policy", None, data_dir=tmp_path, ways=ways, clock=Noon()))

    answers = await agree(
        make,
        [
            (MAY, asked()),
            (MAY, asked(relationship="none")),
            (MAY, asked(person=("silent",))),
            (MAY_DO, MayDoAsked(DOCTOR, "search")),
            (MAY_DO, MayDoAsked(DOCTOR, "audit-read")),
            (RULES, RulesAsked()),
            (UNNAMED, UnnamedAsked(DOCTOR)),
            (MAY_TELL, MayTellAsked(DOCTOR, ("p1",), Grant("epr", "medicines"))),
            (MAY_TELL, MayTellAsked(DOCTOR, ("silent",), Grant("epr", "medicines"))),
            (VEILS, VeilsAsked()),
            (VEILS, VeilsAsked(2)),
            (PLACES, PlacesAsked()),
        ],
    )
    refused = {place: each.error for place, each in enumerate(answers) if each.error}
    assert refused == {1: "Refused", 2: "Unavailable", 8: "Unavailable", 10: "Unavailable"}
    assert answers[1].facts == (("rule", "relationship/none"),)
