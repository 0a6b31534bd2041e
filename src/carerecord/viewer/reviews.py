"""Which entries might be one person, what speaks against it, and what was decided? Side by side, for a human."""

from msgspec.structs import replace
from starlette.responses import Response

from carerecord.contracts.patients import DECIDE, REVIEWS, UNDO, DecideAsked, Review, ReviewsAsked, UndoAsked
from carerecord.kit.errors import NotUnderstood
from carerecord.viewer.registry import source_names, told_of
from carerecord.viewer.visit import Visit


async def reviews(visit: Visit) -> Response:
    await visit.must("review")
    waiting = await _told(visit, await visit.face.calls.ask(REVIEWS, ReviewsAsked()))
    decided = await _told(visit, await visit.face.calls.ask(REVIEWS, ReviewsAsked(decided=True)))
    return visit.page("reviews.html", reviews=waiting, decided=decided, names=await source_names(visit))


async def _told(visit: Visit, reviews: tuple[Review, ...]) -> tuple[Review, ...]:
    """The same, without the sources of which this reader is not told."""
    lefts = await told_of(visit, *(each.left for each in reviews))
    rights = await told_of(visit, *(each.right for each in reviews))
    return tuple(replace(each, left=left, right=right) for each, left, right in zip(reviews, lefts, rights, strict=True))


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
