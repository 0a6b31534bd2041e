"""Which entries might be one person, and what speaks against it? Side by side, for a human."""

from starlette.responses import Response

from carerecord.contracts.patients import DECIDE, REVIEWS, DecideAsked, ReviewsAsked
from carerecord.kit.errors import NotUnderstood
from carerecord.viewer.registry import source_names
from carerecord.viewer.visit import Visit


async def reviews(visit: Visit) -> Response:
    await visit.must("review")
    found = await visit.face.calls.ask(REVIEWS, ReviewsAsked())
    return visit.page("reviews.html", reviews=found, names=await source_names(visit))


async def decide(visit: Visit) -> Response:
    """One person, or two. Either can be undone."""
    await visit.must("review")
    same = {"same": True, "different": False}.get(visit.sent("decision"))
    if same is None:
        raise NotUnderstood("Say whether the two are one person.")
    await visit.face.calls.ask(DECIDE, DecideAsked(visit.sent("review"), same, visit.actor))
    return visit.go("/reviews")
