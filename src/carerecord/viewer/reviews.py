"""Which entries might be one person, what speaks against it, and what was decided? Side by side, for a human."""

from starlette.responses import Response

from carerecord.contracts.patients import DECIDE, REVIEWS, UNDO, DecideAsked, ReviewsAsked, UndoAsked
from carerecord.kit.errors import NotUnderstood
from carerecord.viewer.registry import source_names
from carerecord.viewer.visit import Visit


async def reviews(visit: Visit) -> Response:
    await visit.must("review")
    waiting = await visit.face.calls.ask(REVIEWS, ReviewsAsked())
    decided = await visit.face.calls.ask(REVIEWS, ReviewsAsked(decided=True))
    return visit.page("reviews.html", reviews=waiting, decided=decided, names=await source_names(visit))


async def decide(visit: Visit) -> Response:
    """One person, or two; or neither any more, where a decision is taken back."""
    await visit.must("review")
    review, decision = visit.sent("review"), visit.sent("decision")
    if decision == "undo":
        await visit.face.calls.ask(UNDO, UndoAsked(review, visit.actor))
    elif decision in ("same", "different"):
        await visit.face.calls.ask(DECIDE, DecideAsked(review, decision == "same", visit.actor))
    else:
        raise NotUnderstood("Say whether the two are one person.")
    return visit.go("/reviews")
