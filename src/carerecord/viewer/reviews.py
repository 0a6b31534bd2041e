"""Which entries might be one person, what speaks against it, and what was decided? Side by side, for a human."""

from collections.abc import Iterable

from msgspec.structs import replace
from starlette.responses import Response

from carerecord.contracts.patients import (
    DECIDE,
    QUEUE,
    REVIEWS,
    SEVER,
    UNDO,
    DecideAsked,
    Queue,
    QueueAsked,
    Review,
    ReviewsAsked,
    SeverAsked,
    UndoAsked,
    Weighed,
)
from carerecord.fhir.errors import NotAnNhsNumber
from carerecord.fhir.identifiers import nhs_number
from carerecord.kit.errors import NotUnderstood
from carerecord.viewer.registry import source_names, told_of
from carerecord.viewer.visit import Visit, counted

PAGE = 50  # pairs of people, and decisions

# What has just been done, for whoever did it: the page that follows has the next pair on top.
DONE = {
    "same": "Linked: they are one person.", "different": "Kept apart: they are two people.",
    "undo": "Taken back: the two are as they were before.",
    "sever": "Kept apart for good: nothing leads from one number to the other.",
    "mend": "These two are no longer kept apart for good. A number that replaced one of them is, until that is taken back too.",
}  # fmt: skip


async def reviews(visit: Visit) -> Response:
    await visit.must("review")
    told = visit.request.query_params
    at, back = (counted(told.get(name, "0"), "This link is not one of ours.") for name in ("from", "decided"))
    waiting = await _told(visit, await visit.face.calls.ask(REVIEWS, ReviewsAsked(PAGE, at, actor=visit.actor)))
    decided = await _told(visit, await visit.face.calls.ask(REVIEWS, ReviewsAsked(PAGE, back, decided=True, actor=visit.actor)))
    queue = await visit.face.calls.ask(QUEUE, QueueAsked())
    names = await source_names(visit)
    done = told.get("done", "")
    return visit.page(
        "reviews.html", reviews=waiting, decided=decided, names=names, queue=figures(queue), strength=strength, gist=gist,
        said=DONE.get(done, ""), undoable=decided[0] if decided and done in ("same", "different") else None,
        at=at, back=back, page=PAGE, more=queue.waiting > at + len(waiting), older=len(decided) == PAGE,
    )  # fmt: skip


def _number(typed: str) -> str:
    try:
        return nhs_number(typed)
    except NotAnNhsNumber:
        raise NotUnderstood("Give two valid NHS numbers: the last digit of one does not agree with the others.") from None


def strength(told: Weighed) -> str:
    """How much a fact tells, in words: bits are for the reference page."""
    much = _much(told.bits)
    return f"{much} {'for' if told.bits > 0 else 'against'} one person" if much else "tells nothing"


def _much(bits: float) -> str:
    size = abs(bits)
    return "strongly" if size >= 8 else "clearly" if size >= 3 else "slightly" if size >= 0.5 else ""


def gist(review: Review) -> tuple[str, str]:
    """What speaks for one person, and what against or why they are not linked by themselves, in a line each: facts by how much
    they tell, the strongest first."""
    if not review.weighed:
        return "; ".join(review.agrees), "; ".join(filter(None, review.conflicts))
    facts = tuple(each.fact for each in review.weighed)
    held = [words.rstrip(".") for words in review.conflicts if words and not words.startswith(facts)]
    against = _facts(each for each in review.weighed if each.bits < 0)
    return _facts(each for each in review.weighed if each.bits > 0), "; ".join(filter(None, (*held, against)))


def _facts(told: Iterable[Weighed]) -> str:
    said: dict[str, list[str]] = {}
    for each in sorted(told, key=lambda each: -abs(each.bits)):
        if much := _much(each.bits):
            said.setdefault(much, []).append(each.fact)
    return "; ".join(f"{', '.join(facts)} {much}" for much, facts in said.items())


def figures(queue: Queue) -> tuple[str, ...]:
    """How long pairs wait, for whoever answers for the queue."""
    if not queue.waiting:
        return (f"{queue.decided_in_a_week} decided in the last seven days",)
    return (
        f"{queue.waiting:,} waiting, half of them longer than {_long(queue.median_age_s)}",
        f"{queue.over_a_week:,} longer than a week",
        f"{queue.decided_in_a_week} decided in the last seven days, {queue.undone_in_a_week} links undone",
    )


def _long(seconds: float) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            many = round(seconds / size)
            return f"{many} {unit}{'' if many == 1 else 's'}"
    return "a minute"


async def _told(visit: Visit, reviews: tuple[Review, ...]) -> tuple[Review, ...]:
    """The same, without the sources of which this reader is not told."""
    lefts = await told_of(visit, *(each.left for each in reviews))
    rights = await told_of(visit, *(each.right for each in reviews))
    return tuple(replace(each, left=left, right=right) for each, left, right in zip(reviews, lefts, rights, strict=True))


async def decide(visit: Visit) -> Response:
    """One person, or two; or neither any more, where a decision is taken back; or two histories that must never meet.

    Raises:
        NotUnderstood: no decision, or no NHS number.
    """
    await visit.must("review")
    review, decision = visit.sent("review"), visit.sent("decision")
    at = counted(visit.sent("from") or "0", "This form is not one of ours.")
    if decision == "undo":
        await visit.face.calls.ask(UNDO, UndoAsked(review, visit.actor))
    elif decision in ("same", "different"):
        await visit.face.calls.ask(DECIDE, DecideAsked(review, decision == "same", visit.actor))
    elif decision in ("sever", "mend"):
        one, other = _number(visit.sent("one")), _number(visit.sent("other"))
        await visit.face.calls.ask(SEVER, SeverAsked(one, other, visit.actor, undo=decision == "mend"))
    else:
        raise NotUnderstood("Say whether the two are one person.")
    return visit.go(f"/reviews?done={decision}{f'&from={at}' if at else ''}")
