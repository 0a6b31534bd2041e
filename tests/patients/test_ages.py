"""How long do pairs wait for a human, and how many were decided? What those who run the queue go by."""

from datetime import timedelta

from tests.patients.people import DR_NAIR, Desk, nhs, stated

from carerecord.contracts.patients import DecideAsked, Queue, QueueAsked, ReviewsAsked, UndoAsked
from carerecord.kit.clock import stamp

DAY = timedelta(days=1)


async def a_doubt(desk: Desk, number: int) -> None:
    """Two given names under one verified number."""
    await desk.enrol(stated("a", str(number), number=nhs(number)), stated("b", str(number), given="Enid", number=nhs(number)))


async def test_the_queue_says_how_old_it_is(desk: Desk):
    assert await desk.index.queue(QueueAsked()) == Queue(0, "", 0.0, 0, 0, 0)
    begun = desk.clock.at
    for number, waits in ((1, 10 * DAY), (2, 2 * DAY), (3, DAY)):
        desk.clock.at = begun - waits
        await a_doubt(desk, number)
    desk.clock.at = begun

    assert await desk.index.queue(QueueAsked()) == Queue(3, stamp(begun - 10 * DAY), 2 * DAY.total_seconds(), 1, 0, 0)


async def test_what_was_decided_waits_no_more_and_what_is_undone_waits_again(desk: Desk):
    await a_doubt(desk, 1)
    (review,) = await desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    decided = await desk.index.queue(QueueAsked())
    desk.clock.at += timedelta(hours=1)
    await desk.index.undo(UndoAsked(review.id, actor=DR_NAIR))
    undone = await desk.index.queue(QueueAsked())
    desk.clock.at += 8 * DAY
    later = await desk.index.queue(QueueAsked())

    assert (decided.waiting, decided.decided_in_a_week, decided.undone_in_a_week) == (0, 1, 0)
    assert (undone.waiting, undone.decided_in_a_week, undone.undone_in_a_week) == (1, 0, 1)
    assert (later.over_a_week, later.undone_in_a_week) == (1, 0)
