"""What was said of two entries and is taken back, or contradicted, or overtaken: who is who then, and who stands for whom?"""

import itertools
from datetime import timedelta

import pytest
from tests.patients.people import DR_NAIR, Desk, nhs, stated
from tests.patients.test_instructions import say, taken

from carerecord.contracts.patients import (
    Claim,
    DecideAsked,
    InstructAsked,
    Instruction,
    PartAsked,
    QueueAsked,
    Review,
    ReviewsAsked,
    SeverAsked,
    TakeAsked,
    UndoAsked,
)
from carerecord.kit.errors import Conflict
from carerecord.patients.claims import Taking
from carerecord.patients.instructions import Instructing
from carerecord.patients.leftover import end_leftovers
from carerecord.patients.linking import JOINED, PARTED


async def claimed(desk: Desk, local: str, source: str = "trust", **more: str) -> str:
    """A message of this number; the entry under which it is filed."""
    desk.clock.at += timedelta(seconds=1)
    (found,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated(source, local, **more)),)))
    return found.patient


async def waiting(desk: Desk) -> tuple[Review, ...]:
    return await desk.index.reviews(ReviewsAsked(actor=DR_NAIR))


async def decide(desk: Desk, review: str, *, same: bool) -> None:
    desk.clock.at += timedelta(seconds=1)
    await desk.index.decide(DecideAsked(review, same, DR_NAIR))


async def undo(desk: Desk, review: str) -> None:
    desk.clock.at += timedelta(seconds=1)
    await desk.index.undo(UndoAsked(review, DR_NAIR))


async def together(desk: Desk, one: str, other: str) -> bool:
    return other in (await desk.who(one)).ids


async def stands_for(desk: Desk, one: str) -> str:
    found = await desk.db.fetchval("SELECT into_id FROM merge WHERE gone = $1 AND kind = 'merge'", one)
    return str(found or "")


async def joined_by_hand(desk: Desk, one: str, other: str) -> str:
    """Two that an officer has found to be one person, of two sources; the review."""
    await say(desk, "link", one, other, across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    return asked.id


async def test_what_comes_for_a_number_that_was_parted_from_its_survivor_is_filed_under_itself(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    await desk.index.part(PartAsked(a, actor=DR_NAIR))
    assert await claimed(desk, "a", given="Edith", family="Marlow", born="1967-03-14", phone="01632 960001") == a
    assert not await together(desk, a, b)


async def test_a_merge_that_an_older_build_left_across_two_people_is_ended(desk):
    a, _ = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    assert await end_leftovers(desk.index.enrolling) == 0
    await desk.db.execute("UPDATE link SET person = 'parted by an older build' WHERE patient = $1 AND until IS NULL", a)

    assert await end_leftovers(desk.index.enrolling) == 1

    assert await stands_for(desk, a) == ""
    assert await claimed(desk, "a", given="Edith", family="Marlow", born="1967-03-14", phone="01632 960001") == a


async def test_two_that_a_merge_made_one_for_a_while_are_asked_about_as_before(desk):
    """Beside the one stands an entry of the other's source, which merges it with the other and takes that back."""
    who = {"given": "Hamza", "family": "Iqbal", "phone": "01632 960001"}
    await claimed(desk, "1", "clinic", given="Wei", family="Chen", born="1967-01-09")
    a, kin = await claimed(desk, "a", **who), await claimed(desk, "2", "clinic", **who)
    assert await together(desk, a, kin)
    await say(desk, "merge", "a", "1", into_source="clinic")
    (asked,) = await waiting(desk)
    both = [Instruction(kind, "clinic", "2", "clinic", "1") for kind in ("merge", "unmerge")]

    for each in both:
        desk.clock.at += timedelta(seconds=1)
        await Instructing(desk.index.enrolling).instruct(InstructAsked((each,)))

    assert [each.id for each in await waiting(desk)] == [asked.id]


async def test_of_whom_an_officer_has_said_that_they_are_two_nobody_is_asked(desk):
    """Whom a source merges, and who have become one by their number while that waits."""
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    a, b = await claimed(desk, "a", given="Wei", family="Chen"), await claimed(desk, "b", "clinic", **who, number=nhs(7))
    await say(desk, "merge", "a", "b", into_source="clinic")
    await claimed(desk, "a", **who, number=nhs(7))
    await desk.enrol(stated("trust", "a", **who, number=nhs(7)))
    assert await together(desk, a, b)
    said = Instruction("unmerge", "trust", "a", "clinic", "b")
    await Instructing(desk.index.enrolling).instruct(InstructAsked((said,), DR_NAIR))
    assert (await waiting(desk), await together(desk, a, b)) == ((), False)


async def test_an_a37_that_is_sent_again_says_of_nobody_who_is_one_by_their_number_that_they_are_two(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    a, b = await claimed(desk, "a", given="Wei", family="Chen"), await claimed(desk, "b", "clinic", **who, number=nhs(7))
    unmerge, merge = (Instruction(kind, *sides) for kind, sides in
                      (("unmerge", ("clinic", "b", "trust", "a")), ("merge", ("trust", "a", "clinic", "b"))))  # fmt: skip
    instructing = Instructing(desk.index.enrolling)
    for told in (unmerge, merge):
        desk.clock.at += timedelta(seconds=1)
        await instructing.instruct(InstructAsked((told,)))
    await claimed(desk, "a", **who, number=nhs(7))
    await desk.enrol(stated("trust", "a", **who, number=nhs(7)))
    assert await together(desk, a, b)
    desk.clock.at += timedelta(seconds=1)

    await instructing.instruct(InstructAsked((unmerge,)))

    assert await together(desk, a, b)
    assert await desk.db.fetchval("SELECT count(*) FROM decision WHERE NOT same") == 0


async def test_who_was_merged_into_a_number_goes_with_it_when_it_is_parted_and_is_linked_to_the_others_no_more(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b")
    await say(desk, "link", "b", "c")

    await desk.index.part(PartAsked(b, actor=DR_NAIR))

    assert set((await desk.who(b)).ids) == {a, b}
    assert (await desk.who(c)).ids == (c,)
    assert await stands_for(desk, a) == b
    assert (await say(desk, "link", "a", "c")).outcome == "refused"


async def test_of_two_who_were_parted_nobody_is_asked_and_with_that_undone_they_are_one_again(desk):
    a, b = await taken(desk, "a", "b")
    review = await joined_by_hand(desk, "a", "b")
    desk.clock.at += timedelta(seconds=1)
    await desk.index.part(PartAsked(a, actor=DR_NAIR))
    assert (await waiting(desk), await together(desk, a, b)) == ((), False)

    await undo(desk, review)

    assert await together(desk, a, b)
    assert [each.found for each in await desk.index.reviews(ReviewsAsked(decided=True, actor=DR_NAIR))] == ["same"]


async def test_nobody_comes_beside_strangers_when_it_is_undone_that_they_were_parted(desk):
    """Who stood with them has left since, by another number, and somebody who came meanwhile has stayed."""
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    (a,), b = await taken(desk, "a"), await claimed(desk, "b", **who, number=nhs(7))
    review = await joined_by_hand(desk, "a", "b")
    desk.clock.at += timedelta(seconds=1)
    await desk.index.part(PartAsked(a, actor=DR_NAIR))
    stranger = await claimed(desk, "c", "elm", **who, number=nhs(7))
    assert await together(desk, b, stranger)
    await desk.enrol(stated("trust", "b", given="Wei", family="Chen", number=nhs(8)))
    assert not await together(desk, b, stranger)

    await undo(desk, review)

    assert not await together(desk, a, stranger)


async def test_what_an_officer_said_of_two_without_being_asked_is_taken_back_whole(desk):
    """Whom a review shows as well: of likeness, and not since a source had told of them."""
    who = {"given": "Edith", "family": "Marlow", "phone": "01632 960001"}
    a, b = await claimed(desk, "a", **who, number=nhs(1)), await claimed(desk, "b", "clinic", **who, number=nhs(2))
    (asked,) = await waiting(desk)
    said = Instruction("merge", "trust", "a", "clinic", "b")
    desk.clock.at += timedelta(seconds=1)
    await Instructing(desk.index.enrolling).instruct(InstructAsked((said,), DR_NAIR))
    assert await together(desk, a, b)

    await undo(desk, asked.id)

    assert not await together(desk, a, b)
    assert [each.id for each in await waiting(desk)] == [asked.id]
    assert (await desk.who(a)).merges == (), "no source has told of it"


async def test_a_merge_that_waits_is_asked_about_again_when_its_two_became_one_by_their_number_and_are_two_again(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    a, b = await claimed(desk, "a", given="Wei", family="Chen"), await claimed(desk, "b", "clinic", **who, number=nhs(7))
    await say(desk, "merge", "a", "b", into_source="clinic")
    (asked,) = await waiting(desk)
    await claimed(desk, "a", **who, number=nhs(7), phone="01632 960001", gender="female")
    await desk.enrol(stated("trust", "a", **who, number=nhs(7)))
    assert await together(desk, a, b)
    assert (await waiting(desk), (await desk.who(a)).merges) == ((), ())

    await desk.enrol(stated("trust", "a", given="Wei", family="Chen", number=nhs(8)))

    assert not await together(desk, a, b)
    assert [each.id for each in await waiting(desk)] == [asked.id]


async def test_what_comes_for_a_severed_number_is_not_filed_under_the_other_history(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    await Instructing(desk.index.enrolling).sever(SeverAsked(a, b, DR_NAIR))
    (found,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "a", given="Wei", family="Chen")),)))
    assert b not in (found.patient, *found.person)


async def test_who_was_merged_into_a_severed_number_leaves_the_other_history_with_it(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14", "phone": "01632 960001", "postcode": "ZZ1 4AB"}
    gone, into, other, kin = [await claimed(desk, local, source, **who) for source, local in
                              (("trust", "1"), ("clinic", "2"), ("elm", "3"), ("oak", "4"))]  # fmt: skip
    await say(desk, "merge", "1", "2", into_source="clinic")
    assert set((await desk.who(into)).ids) == {gone, into, other, kin}

    await Instructing(desk.index.enrolling).sever(SeverAsked(other, into, DR_NAIR))

    assert set((await desk.who(into)).ids) == {gone, into}
    assert await stands_for(desk, gone) == into


async def test_with_a_decision_undone_the_merges_that_it_ended_hold_again(desk):
    a, _, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "c")
    await say(desk, "merge", "a", "b", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    assert await stands_for(desk, a) != c

    await undo(desk, asked.id)

    assert await stands_for(desk, a) == c
    assert await together(desk, a, c)


async def test_a_merge_that_waited_for_an_officer_takes_the_place_of_none_that_was_recorded_after_it(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b", across=True)
    await say(desk, "merge", "b", "c")
    (asked,) = await waiting(desk)

    await decide(desk, asked.id, same=True)

    assert [await stands_for(desk, each) for each in (a, b, c)] == [b, c, ""]
    await undo(desk, asked.id)
    assert [await stands_for(desk, each) for each in (a, b, c)] == ["", c, ""]


async def test_with_a_merge_taken_back_by_its_source_the_one_that_it_ended_holds_again(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b")
    await say(desk, "merge", "a", "c")
    await say(desk, "unmerge", "a", "c")
    assert await stands_for(desk, a) == b
    assert not await together(desk, a, c)


async def test_whoever_was_merged_by_a_message_that_came_late_goes_along_when_the_later_merge_is_taken_back(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    earlier = (desk.clock.at - timedelta(days=1)).isoformat()
    await say(desk, "merge", "a", "c")
    await say(desk, "merge", "a", "b", recorded=earlier)
    assert await stands_for(desk, a) == c

    await say(desk, "unmerge", "a", "c")

    assert (await desk.who(c)).ids == (c,)
    assert set((await desk.who(a)).ids) == {a, b}
    assert await stands_for(desk, a) == b


@pytest.mark.parametrize("order", list(itertools.permutations(("ab", "bc", "ac"))), ids=" ".join)
async def test_who_is_merged_with_both_of_two_who_are_parted_stays_in_whatever_order_that_was_told(desk, order):
    a, b, c = await taken(desk, "a", "b", "c")
    at = desk.clock.at - timedelta(days=1)
    for gone, into in order:
        recorded = at + timedelta(minutes=("ab", "bc", "ac").index(gone + into))
        await say(desk, "merge", gone, into, recorded=recorded.isoformat())

    await say(desk, "unmerge", "a", "c")

    assert (await desk.who(a)).ids == (a,)
    assert set((await desk.who(c)).ids) == {b, c}
    assert await stands_for(desk, b) == c


async def test_whoever_was_merged_by_a_message_that_came_late_goes_along_when_the_later_merge_is_undone(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    earlier = (desk.clock.at - timedelta(days=1)).isoformat()
    await say(desk, "merge", "a", "c", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    await say(desk, "merge", "a", "b", recorded=earlier)
    assert await stands_for(desk, a) == c

    await undo(desk, asked.id)

    assert (await desk.who(c)).ids == (c,)
    assert set((await desk.who(a)).ids) == {a, b}
    assert await stands_for(desk, a) == b


async def test_a_merge_that_a_later_one_overtook_waits_as_a_merge_when_its_decision_is_undone(desk):
    a, b, _ = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    await say(desk, "merge", "a", "c")
    await undo(desk, asked.id)

    await decide(desk, asked.id, same=True)
    await say(desk, "unmerge", "a", "c")

    assert await stands_for(desk, a) == b


async def test_an_older_merge_does_not_hold_again_where_another_has_taken_its_place_since(desk):
    a, _, c, d = await taken(desk, "a", "b", "c", "d")
    await say(desk, "merge", "a", "c")
    await say(desk, "merge", "a", "b", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    await say(desk, "merge", "c", "a")
    await say(desk, "merge", "a", "d")

    await undo(desk, asked.id)

    assert await stands_for(desk, a) == d
    assert await stands_for(desk, c) == a


async def test_who_was_merged_into_somebody_goes_where_they_go_when_that_is_undone(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    review = await joined_by_hand(desk, "a", "b")
    await say(desk, "merge", "c", "a")

    await undo(desk, review)

    assert await together(desk, a, c)
    assert not await together(desk, b, c)


async def test_an_a37_parts_at_once_what_an_officer_has_joined_and_asks_again_and_the_second_look_stands(desk):
    a, b = await taken(desk, "a", "b")
    await joined_by_hand(desk, "a", "b")

    await say(desk, "unmerge", "a", "b")

    assert not await together(desk, a, b), "until somebody has looked again neither is shown the other's record"
    (asked,) = await waiting(desk)
    assert asked.conflicts[0] == JOINED
    await claimed(desk, "a", given="Edith", family="Marlow", born="1967-03-14", phone="01632 960001")
    await say(desk, "unmerge", "b", "a")
    assert len(await waiting(desk)) == 1, "no later message takes the question back"
    await decide(desk, asked.id, same=True)
    assert await together(desk, a, b)
    assert (await say(desk, "unmerge", "a", "b")).outcome == "already"
    assert await together(desk, a, b)


async def test_an_officer_who_agrees_with_the_a37_keeps_the_two_apart(desk):
    a, b = await taken(desk, "a", "b")
    await joined_by_hand(desk, "a", "b")
    await say(desk, "unmerge", "a", "b")
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=False)
    assert (await waiting(desk), await together(desk, a, b)) == ((), False)
    assert (await say(desk, "merge", "a", "b")).outcome == "refused", "no source goes against it"


async def test_a_merge_of_two_of_whom_somebody_has_found_others_to_be_two_people_waits_for_a_human(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "b", "c")
    await say(desk, "link", "a", "b", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=False)

    said = await say(desk, "merge", "a", "c")

    assert (said.outcome, said.say) == ("review", PARTED)
    assert not await together(desk, a, b)
    assert not await together(desk, a, c)


async def test_the_last_that_officers_found_of_two_people_holds_when_a_source_repeats_itself_and_undone_the_one_before(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "b", "c")
    await desk.index.part(PartAsked(b, actor=DR_NAIR))
    await say(desk, "link", "a", "b", across=True)
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    await say(desk, "link", "c", "a", across=True)
    (again,) = await waiting(desk)

    await decide(desk, again.id, same=True)
    assert await together(desk, b, c)
    parted = "SELECT count(*) FROM decision WHERE NOT same"
    assert await desk.db.fetchval(parted) == 0
    await undo(desk, again.id)

    assert (await desk.db.fetchval(parted), await together(desk, b, c), await together(desk, a, b)) == (1, False, True)


async def test_two_who_became_one_while_an_officer_looked_are_parted_when_they_find_them_to_be_two(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b", across=True)
    (asked,) = await waiting(desk)
    person = await desk.db.fetchval("SELECT person FROM link WHERE patient = $1 AND until IS NULL", b)
    await desk.db.execute("UPDATE link SET person = $2 WHERE patient = $1 AND until IS NULL", a, person)
    assert await waiting(desk) == (), "nobody is asked whether one person is one"
    assert (await desk.index.queue(QueueAsked())).waiting == 0

    await decide(desk, asked.id, same=False)
    assert not await together(desk, a, b)
    await undo(desk, asked.id)
    assert await together(desk, a, b)


async def test_who_was_merged_into_one_of_two_who_became_one_goes_with_them_when_they_are_found_to_be_two(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b", across=True)
    (asked,) = await waiting(desk)
    person = await desk.db.fetchval("SELECT person FROM link WHERE patient = $1 AND until IS NULL", b)
    await desk.db.execute("UPDATE link SET person = $2, since = since - interval '1 hour' WHERE patient = $1", a, person)
    await say(desk, "merge", "c", "b")

    await decide(desk, asked.id, same=False)
    assert not await together(desk, a, b)
    assert await stands_for(desk, c) == b
    await undo(desk, asked.id)
    assert set((await desk.who(a)).ids) == {a, b, c}


async def test_a_number_brings_nobody_beside_a_third_from_whom_they_are_severed(desk):
    """Two entries by one number, and beside the one an entry without a number, linked by likeness."""
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14", "phone": "01632 960001", "postcode": "ZZ1 4AB"}
    one = await claimed(desk, "1", "elm", **who, number=nhs(2))
    beside = await claimed(desk, "2", "clinic", **who)
    assert await together(desk, one, beside)
    other = await claimed(desk, "3", "trust", **who)
    await Instructing(desk.index.enrolling).sever(SeverAsked(beside, other, DR_NAIR))

    await claimed(desk, "3", "trust", **who, number=nhs(2))

    assert not await together(desk, other, beside)
    assert await together(desk, one, beside)


async def test_a_number_brings_nobody_beside_a_third_from_whom_somebody_has_parted_them(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14", "phone": "01632 960001", "postcode": "ZZ1 4AB"}
    one = await claimed(desk, "1", "elm", **who, number=nhs(2))
    beside = await claimed(desk, "2", "clinic", **who)
    other = await claimed(desk, "3", "trust", **who)
    assert await together(desk, beside, other)
    await desk.index.part(PartAsked(other, actor=DR_NAIR))
    await desk.db.execute("DELETE FROM decision WHERE $1 IN (one, other)", one)  # found of the two without a number alone

    await claimed(desk, "3", "trust", **who, number=nhs(2))

    assert not await together(desk, other, beside)


async def test_who_was_merged_into_somebody_stays_with_them_where_their_number_may_not_take_them(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14", "phone": "01632 960001", "postcode": "ZZ1 4AB"}
    one = await claimed(desk, "1", "elm", **who, number=nhs(2))
    beside = await claimed(desk, "2", "clinic", **who)
    alike = {"given": "Hamza", "family": "Chen", "born": "1953-07-14"}
    gone, into = await claimed(desk, "3", **alike), await claimed(desk, "4", **alike)
    await say(desk, "merge", "3", "4")
    await Instructing(desk.index.enrolling).sever(SeverAsked(beside, into, DR_NAIR))

    await claimed(desk, "4", **who, number=nhs(2))

    assert await together(desk, one, beside)
    assert not await together(desk, gone, beside)
    assert await stands_for(desk, gone) == into


async def test_who_was_merged_into_somebody_does_not_go_without_them_where_they_may_not_return(desk):
    a, _, c, d = await taken(desk, "a", "b", "c", "d")
    await say(desk, "merge", "c", "a")
    before = await desk.db.fetchval("SELECT person FROM link WHERE patient = $1 AND until IS NULL", a)
    review = await joined_by_hand(desk, "a", "b")
    await desk.db.execute("UPDATE link SET person = $2 WHERE patient = $1 AND until IS NULL", d, before)
    await Instructing(desk.index.enrolling).sever(SeverAsked(a, d, DR_NAIR))

    await undo(desk, review)

    assert not await together(desk, c, d)
    assert await stands_for(desk, c) == a


async def test_who_is_brought_along_stands_with_nobody_who_comes_at_once_and_from_whom_they_were_parted(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    known = await claimed(desk, "1", "elm", **who, number=nhs(7))
    gone, into = await taken(desk, "b", "a")
    await say(desk, "merge", "b", "a")
    other = await claimed(desk, "c", "clinic", given="Aoife", family="Byrne", born="1967-01-09")
    told = Instruction("link", "trust", "b", "clinic", "c")
    await Instructing(desk.index.enrolling).instruct(InstructAsked((told,)))
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=False)
    await desk.db.execute("DELETE FROM decision WHERE $1 IN (one, other)", into)  # found of the one that was given up alone

    await desk.enrol(stated("trust", "a", **who, number=nhs(7)), stated("clinic", "c", **who, number=nhs(7)))

    assert set((await desk.who(known)).ids) == {known, into, other}
    assert (await desk.who(gone)).ids == (gone,)


async def test_two_who_were_parted_come_beside_each_other_by_no_two_numbers_that_are_one_person(desk):
    hamza = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    aoife = {"given": "Aoife", "family": "Byrne", "born": "1967-01-09"}
    one = await claimed(desk, "1", "elm", **hamza, number=nhs(7))
    await claimed(desk, "2", "oak", **aoife, number=nhs(8))
    instructing = Instructing(desk.index.enrolling)
    await instructing.instruct(InstructAsked((Instruction("link", "elm", "1", "oak", "2"),)))
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=True)
    c = await claimed(desk, "c", "clinic", given="Edith", family="Marlow", born="1948-03-14")
    follows = await claimed(desk, "f", "clinic", given="Olu", family="Adeyemi", born="1977-03-14")
    await instructing.instruct(InstructAsked((Instruction("merge", "clinic", "f", "clinic", "c"),)))
    d = await claimed(desk, "d", "depot", given="Maja", family="Nowak", born="1988-03-14")
    await instructing.instruct(InstructAsked((Instruction("link", "clinic", "c", "depot", "d"),)))
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=False)
    found = "INSERT INTO decision (one, other, same, decided_at, decided_by) SELECT $1, $2, false, decided_at, decided_by"
    await desk.db.execute(f"{found} FROM decision WHERE NOT same", *sorted((follows, d)))  # of who was merged into them as well

    await desk.enrol(stated("clinic", "c", **hamza, number=nhs(7)), stated("depot", "d", **aoife, number=nhs(8)))

    assert not await together(desk, c, d)
    assert await together(desk, c, follows)
    assert (await together(desk, one, c), await together(desk, one, d)) == (False, False)


async def test_two_who_are_brought_along_to_a_new_person_are_apart_where_somebody_has_parted_them(desk):
    who = {"given": "Hamza", "family": "Iqbal", "born": "1953-07-14"}
    b, a = await taken(desk, "b", "a")
    d, c = await taken(desk, "d", "c", source="clinic")
    await say(desk, "merge", "b", "a")
    instructing = Instructing(desk.index.enrolling)
    await instructing.instruct(InstructAsked((Instruction("merge", "clinic", "d", "clinic", "c"),)))
    await instructing.instruct(InstructAsked((Instruction("link", "trust", "b", "clinic", "d"),)))
    (asked,) = await waiting(desk)
    await decide(desk, asked.id, same=False)
    await desk.db.execute("DELETE FROM decision WHERE same")  # as of two who were one before they were merged

    await desk.enrol(stated("trust", "a", **who, number=nhs(7)), stated("clinic", "c", **who, number=nhs(7)))

    assert await together(desk, a, c)
    assert not await together(desk, b, d)


async def test_who_was_merged_into_somebody_goes_where_their_number_takes_them(desk):
    known = await claimed(desk, "1", "elm", given="Hamza", family="Iqbal", born="1948-03-14", number=nhs(7))
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    await claimed(desk, "b", given="Hamza", family="Iqbal", born="1948-03-14", number=nhs(7))
    assert await together(desk, b, known)
    assert await together(desk, a, b)


async def test_a_decision_is_undone_although_all_of_them_have_gone_to_another_set_since(desk):
    a, b = await taken(desk, "a", "b")
    review = await joined_by_hand(desk, "a", "b")
    (c,) = await taken(desk, "c")
    await say(desk, "merge", "b", "c")
    assert len((await desk.who(a)).ids) == 3

    await undo(desk, review)

    assert not await together(desk, a, b)
    assert await together(desk, b, c)
    assert [each.found for each in await desk.index.reviews(ReviewsAsked(decided=True, actor=DR_NAIR))] == []


async def test_a_decision_on_which_a_later_one_stands_is_undone_after_that(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    first = await joined_by_hand(desk, "a", "b")
    second = await joined_by_hand(desk, "c", "a")

    with pytest.raises(Conflict, match="Undo that first"):
        await undo(desk, first)
    assert await together(desk, b, c)
    await undo(desk, second)
    await undo(desk, first)

    assert len({frozenset((await desk.who(each)).ids) for each in (a, b, c)}) == 3


async def test_that_two_are_two_people_is_taken_back_although_others_were_joined_since(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "link", "a", "b", across=True)
    (apart,) = await waiting(desk)
    await decide(desk, apart.id, same=False)
    await joined_by_hand(desk, "c", "a")

    await undo(desk, apart.id)

    assert [each.id for each in await waiting(desk)] == [apart.id]
    assert await together(desk, a, c)
    assert not await together(desk, a, b)


async def test_an_undone_link_counts_once_however_many_entries_it_moved(desk):
    await taken(desk, "a", "b", "c")
    await say(desk, "merge", "c", "a")
    review = await joined_by_hand(desk, "a", "b")
    await undo(desk, review)
    assert await desk.db.fetchval("SELECT count(*) FROM link WHERE because = 'undone'") == 2
    assert (await desk.index.queue(QueueAsked())).undone_in_a_week == 1


async def test_a_question_that_comes_up_again_waits_since_then(desk):
    one = stated("elm", "1", number=nhs(1), given="Edith")
    other = stated("trust", "2", number=nhs(1), given="Thomas", gender="male")
    await desk.enrol(one, other)
    assert len(await waiting(desk)) == 1
    await desk.enrol(stated("trust", "2", number=nhs(4), given="Thomas", gender="male", born="1970-01-09"))
    assert await waiting(desk) == ()
    desk.clock.at += timedelta(days=30)

    await desk.enrol(other)

    assert len(await waiting(desk)) == 1
    assert (await desk.index.queue(QueueAsked())).over_a_week == 0
