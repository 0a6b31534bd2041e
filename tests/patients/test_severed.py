"""Two histories that must never meet: no link, no suggestion, no review, no hint in a search, whatever anybody states."""

from datetime import timedelta

import msgspec
import pytest
from tests.patients.people import DR_NAIR, Desk, nhs, stated

from carerecord.contracts.audit import Line
from carerecord.contracts.patients import (
    Claim,
    DecideAsked,
    Demographics,
    Identifier,
    InstructAsked,
    Instruction,
    KnownAsAsked,
    MatchAsked,
    Name,
    QueueAsked,
    ReviewsAsked,
    SeverAsked,
    TakeAsked,
    TracedAsked,
    UndoAsked,
)
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.errors import Conflict, NotFound, NotSignedIn, NotUnderstood
from carerecord.patients.asking import Asking
from carerecord.patients.claims import Taking
from carerecord.patients.instructions import Instructing

OLD, NEW = nhs(1), nhs(2)
HOME = {"address": "14 Station Road", "postcode": "QX1 4AB", "phone": "07700 900123"}


async def sever(desk: Desk, *, undo: bool = False) -> None:
    await Instructing(desk.index.enrolling).sever(SeverAsked(OLD, NEW, actor=DR_NAIR, undo=undo))


async def kept_apart(desk: Desk) -> None:
    """The row alone, as it stands when somebody severs while somebody else decides."""
    await desk.db.execute("INSERT INTO severed (one, other, since, by) VALUES ($1, $2, now(), 'x')", *sorted((OLD, NEW)))


async def test_nothing_links_across_however_alike(desk):
    await sever(desk)
    old, new = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("lab", "3", **HOME)),)))

    assert (await desk.who(old.patient)).ids != (await desk.who(new.patient)).ids
    assert not {old.patient, new.patient} <= set(late.person), "who is like both joins one at most"
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_what_was_together_is_parted_and_its_reviews_are_closed(desk):
    old, new, third = await desk.enrol(
        stated("gp", "1", number=OLD, **HOME),
        stated("trust", "2", number=NEW, status="02", **HOME),
        stated("lab", "3", number=OLD, **HOME),
    )
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    together = (await desk.who(old.patient)).ids
    await sever(desk)

    assert set(together) == {old.patient, new.patient, third.patient}
    assert set((await desk.who(old.patient)).ids) == {old.patient, third.patient}
    assert (await desk.who(new.patient)).ids == (new.patient,)
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_no_search_shows_both_and_no_number_of_one_finds_the_other(desk):
    await sever(desk)
    await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))

    found = await desk.search("edith marlow 14/03/1948")
    by_old = await desk.search(OLD)

    assert len(found.matches) == 1
    assert [each.person.demographics.nhs_number for each in by_old.matches] == [OLD]
    matched = await Asking(desk.db).match(MatchAsked(stated("", "", **HOME)))
    assert len(matched.candidates) == 1


async def test_a_trace_that_leads_from_one_to_the_other_is_not_followed(desk):
    await sever(desk)
    (old,) = await desk.enrol(stated("gp", "1", number=OLD, status="02"))
    answered = Demographics(names=(Name("Marlow", ("Edith",)),), birth_date="1948-03-14", gender="female", nhs_number=NEW)
    await desk.tracing.traced(TracedAsked(old.patient, "superseded", answered))

    who = await desk.who(old.patient)
    assert (who.ids, who.demographics.nhs_number) == ((old.patient,), OLD)


async def test_the_number_that_takes_a_severed_ones_place_is_as_far_away(desk):
    await sever(desk)
    old, new = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    pds = msgspec.structs.replace(stated("pds", "", **HOME).demographics, nhs_number=nhs(3), nhs_number_status="01")
    await desk.tracing.traced(TracedAsked(new.patient, "superseded", pds))
    (late,) = await desk.enrol(stated("lab", "9", number=nhs(3), **HOME))

    assert (await desk.who(old.patient)).ids == (old.patient,)
    assert {new.patient, late.patient} <= set((await desk.who(new.patient)).ids)
    assert await desk.index.reviews(ReviewsAsked()) == ()
    assert len((await desk.search("edith marlow 14/03/1948")).matches) == 1
    assert len((await Asking(desk.db).match(MatchAsked(stated("", "", **HOME)))).candidates) == 1


async def test_where_a_source_states_both_numbers_of_one_entry_the_old_one_leads_nowhere(desk):
    """A hospital keeps the number from before as an old one; whoever knows that number alone learns of nobody."""
    await sever(desk)
    his = stated("trust", "2", "Edward", number=NEW, gender="male", **HOME)
    both = msgspec.structs.replace(his, identifiers=(*his.identifiers, Identifier(NHS_NUMBER, OLD)))
    await desk.enrol(both)
    asking = Asking(desk.db)
    claim = stated("", "", "Edward", number=OLD, gender="male", **HOME)

    assert len((await desk.search(NEW)).matches) == 1
    assert (await desk.search(OLD)).matches == ()
    assert (await asking.match(MatchAsked(claim))).candidates == ()
    with pytest.raises(NotFound):
        await asking.known_as(KnownAsAsked(NHS_NUMBER, OLD))

    (old,) = await desk.enrol(stated("gp", "1", number=OLD, **HOME))
    assert (await asking.known_as(KnownAsAsked(NHS_NUMBER, OLD))).ids == (old.patient,)


async def test_two_entries_that_are_severed_by_name_are_not_joined_by_the_number_that_both_state(desk):
    one, other = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=OLD, **HOME))
    assert (await desk.who(one.patient)).ids == (one.patient, other.patient)
    await Instructing(desk.index.enrolling).sever(SeverAsked(one.patient, other.patient, actor=DR_NAIR))
    await desk.enrol(stated("trust", "2", number=OLD, **{**HOME, "phone": "07700 900124"}))
    await desk.enrol(stated("lab", "4", number=OLD, **HOME))

    assert other.patient not in (await desk.who(one.patient)).ids
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_an_entry_severed_from_a_number_is_not_joined_when_it_states_that_number_itself(desk):
    (theirs,) = await desk.enrol(stated("gp", "1", number=OLD, **HOME))
    (mine,) = await desk.enrol(stated("trust", "2", number=NEW, given="Zoya", gender="", **{**HOME, "phone": ""}))
    await Instructing(desk.index.enrolling).sever(SeverAsked(mine.patient, OLD, actor=DR_NAIR))
    await desk.enrol(stated("trust", "2", number=OLD, **HOME))
    await desk.enrol(stated("lab", "4", number=OLD, **HOME))

    assert mine.patient not in (await desk.who(theirs.patient)).ids
    assert await desk.index.reviews(ReviewsAsked()) == ()


@pytest.mark.parametrize("steps", [(OLD,), ("", OLD), (nhs(3),), (nhs(3), OLD)])
async def test_whoever_states_another_number_of_somebody_severed_leads_no_more_across(desk, steps):
    """A hospital that learns the number from before, a source that takes its number back: neither makes two histories one."""
    await sever(desk)
    old, new = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, **HOME))
    for number in steps:
        await desk.enrol(stated("trust", "2", number=number, status="01" if number else "", **HOME))

    assert (await desk.who(old.patient)).ids == (old.patient,)
    assert (await desk.who(new.patient)).ids == (new.patient,)
    assert await desk.index.reviews(ReviewsAsked()) == ()
    assert [each.person.ids for each in (await desk.search(OLD)).matches] == [(old.patient,)]
    assert len((await desk.search("edith marlow 14/03/1948")).matches) == 1


async def test_nobody_is_severed_from_themselves_who_bore_the_number_that_they_are_severed_from(desk):
    (one,) = await desk.enrol(stated("gp", "1", number=NEW, **HOME))
    await Instructing(desk.index.enrolling).sever(SeverAsked(one.patient, OLD, actor=DR_NAIR))
    for number in (OLD, nhs(3)):
        await desk.enrol(stated("gp", "1", number=number, **HOME))
    assert await desk.db.fetchval("SELECT count(*) FROM severed WHERE one = other") == 0


async def test_nobody_is_severed_from_the_number_that_they_bear(desk):
    (marlow,) = await desk.enrol(stated("gp", "1", number=OLD, **HOME))
    with pytest.raises(NotUnderstood, match="number that they bear"):
        await Instructing(desk.index.enrolling).sever(SeverAsked(OLD, marlow.patient, actor=DR_NAIR))
    assert await desk.db.fetchval("SELECT count(*) FROM severed") == 0


async def test_what_is_severed_goes_before_what_a_human_has_found_of_a_third(desk):
    first, second, third = await desk.enrol(*(stated(name, name, number=OLD, **HOME) for name in ("gp", "lab", "trust")))
    for patient in (second.patient, third.patient):
        await desk.db.execute(
            "INSERT INTO decision (one, other, same, decided_at, decided_by) VALUES ($1, $2, true, now(), 'x')",
            *sorted((first.patient, patient)),
        )
    await Instructing(desk.index.enrolling).sever(SeverAsked(second.patient, third.patient, actor=DR_NAIR))
    await desk.enrol(stated("trust", "trust", number=OLD, **{**HOME, "phone": "07700 900124"}))

    assert second.patient not in (await desk.who(third.patient)).ids


async def test_no_human_links_across_by_a_review_that_was_open(desk):
    await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await kept_apart(desk)

    assert await desk.index.reviews(ReviewsAsked()) == (), "nobody is even asked"
    with pytest.raises(Conflict):
        await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))


async def test_no_decision_across_is_taken_back_into_a_question(desk):
    await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))
    await kept_apart(desk)

    with pytest.raises(Conflict):
        await desk.index.undo(UndoAsked(review.id, actor=DR_NAIR))
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_it_is_taken_back_by_somebody_and_made_by_somebody(desk):
    with pytest.raises(NotSignedIn):
        await Instructing(desk.index.enrolling).sever(SeverAsked(OLD, NEW))
    await sever(desk)
    await sever(desk, undo=True)
    assert await desk.db.fetchval("SELECT count(*) FROM severed") == 0


async def test_the_book_says_who_kept_histories_apart_and_no_line_holds_both(desk):
    old, new = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    await sever(desk)
    await sever(desk, undo=True)

    bodies = await desk.db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    lines = [msgspec.json.decode(row["body"], type=Line) for row in bodies]
    sides = [(old.patient,), (new.patient,)]
    assert [(each.what, each.patients) for each in lines] == [
        *(("histories-severed", side) for side in sides),
        *(("severance-lifted", side) for side in sides),
    ]
    assert all(each.actor == DR_NAIR for each in lines)


async def joined_by_hand(desk: Desk) -> tuple[str, str]:
    """Two under other numbers than the severed ones, whom an officer has found to be one person."""
    one, other = await desk.enrol(stated("gp", "1", number=nhs(3), **HOME), stated("trust", "2", number=nhs(4), **HOME))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    assert other.patient in (await desk.who(one.patient)).ids
    return one.patient, other.patient


async def test_who_comes_by_a_severed_number_leaves_those_on_the_other_side_although_an_officer_joined_them(desk):
    one, other = await joined_by_hand(desk)
    await desk.enrol(stated("trust", "2", number=NEW, **HOME))
    await sever(desk)

    await desk.enrol(stated("gp", "1", number=OLD, **HOME))

    assert (await desk.who(one)).ids == (one,)
    assert (await desk.who(other)).ids == (other,)


async def test_who_was_merged_into_a_number_leaves_with_it_when_it_comes_by_a_severed_one(desk):
    one, other = await joined_by_hand(desk)
    (kin,) = await desk.enrol(stated("gp", "3", "Hamza", "Iqbal", "1953-07-14"))
    told = Instruction("merge", "gp", "3", "gp", "1")
    await Instructing(desk.index.enrolling).instruct(InstructAsked((told,)))
    await desk.enrol(stated("trust", "2", number=NEW, **HOME))
    await sever(desk)

    await desk.enrol(stated("gp", "1", number=OLD, **HOME))

    assert set((await desk.who(one)).ids) == {one, kin.patient}
    assert (await desk.who(other)).ids == (other,)


async def test_who_bears_the_successor_of_a_severed_number_leaves_those_on_the_other_side(desk):
    one, other = await joined_by_hand(desk)
    (old,) = await desk.enrol(stated("lab", "3", "Hamza", "Iqbal", "1953-07-14", number=OLD, status="02"))
    await Instructing(desk.index.enrolling).sever(SeverAsked(OLD, nhs(4), actor=DR_NAIR))

    now = Demographics(names=(Name("Iqbal", ("Hamza",)),), birth_date="1953-07-14", gender="female", nhs_number=nhs(3))
    await desk.tracing.traced(TracedAsked(old.patient, "superseded", now))

    assert other not in (await desk.who(one)).ids


async def test_a_question_about_two_on_one_side_goes_on_waiting(desk):
    await desk.enrol(
        stated("gp", "1", number=OLD, given="Edith"), stated("trust", "2", number=OLD, given="Thomas", gender="male"),
        stated("lab", "3", "Wei", "Chen", "1967-01-09", number=NEW),
    )  # fmt: skip
    (review,) = await desk.index.reviews(ReviewsAsked())

    await sever(desk)

    assert [each.id for each in await desk.index.reviews(ReviewsAsked())] == [review.id]


async def test_the_queue_counts_no_question_that_nobody_is_shown(desk):
    await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    assert (await desk.index.queue(QueueAsked())).waiting == 1
    await kept_apart(desk)
    assert (await desk.index.queue(QueueAsked())).waiting == 0


async def test_a_decision_that_nobody_is_shown_hides_none_behind_it(desk):
    await desk.enrol(
        stated("gp", "1", number=OLD, given="Edith"), stated("trust", "2", number=OLD, given="Thomas", gender="male"),
        stated("gp", "3", number=NEW, given="Wei"), stated("trust", "4", number=NEW, given="Thomas", gender="male"),
    )  # fmt: skip
    for review in await desk.index.reviews(ReviewsAsked()):
        desk.clock.at += timedelta(minutes=1)
        await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))
    last, first = await desk.index.reviews(ReviewsAsked(decided=True))
    sides = SeverAsked(last.left.patient, last.right.patient, actor=DR_NAIR)
    await Instructing(desk.index.enrolling).sever(sides)

    assert await desk.index.reviews(ReviewsAsked(1, decided=True)) == (first,)


async def test_a_record_names_no_source_of_the_other_history_as_in_doubt(desk):
    """A question about one number, and a third beside the one of the two, from whom the other is severed."""
    one = stated("gp", "1", number=nhs(3), **{**HOME, "phone": ""})
    (here, there), (beside,) = (
        await desk.enrol(one, stated("trust", "2", number=nhs(3), given="Thomas", gender="male")),
        await desk.enrol(stated("lab", "3", number=OLD, **HOME)),
    )
    asked = await desk.index.reviews(ReviewsAsked())
    (review,) = [each for each in asked if {each.left.patient, each.right.patient} == {here.patient, beside.patient}]
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    assert [each.source for each in (await desk.who(here.patient)).doubted] == ["trust"]
    await desk.db.execute(
        "INSERT INTO severed (one, other, since, by) VALUES ($1, $2, now(), 'x')", *sorted((OLD, there.patient))
    )

    assert (await desk.who(here.patient)).doubted == ()
    assert (await desk.who(there.patient)).doubted == ()


async def test_what_was_asked_of_two_is_asked_again_when_they_were_severed_by_mistake(desk):
    await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("trust", "2", number=NEW, status="02", **HOME))
    (asked,) = await desk.index.reviews(ReviewsAsked())
    await sever(desk)
    assert await desk.index.reviews(ReviewsAsked()) == ()

    await sever(desk, undo=True)

    assert await desk.index.reviews(ReviewsAsked()) == (asked,)


async def test_what_a_source_told_waits_again_when_a_severance_is_lifted(desk):
    gone, _ = await desk.enrol(stated("gp", "1", number=OLD, **HOME), stated("gp", "2", "Wei", "Chen", "1967-01-09", number=NEW))
    told = Instruction("merge", "gp", "1", "gp", "2")
    (said,) = await Instructing(desk.index.enrolling).instruct(InstructAsked((told,)))
    await sever(desk)
    assert (await desk.index.reviews(ReviewsAsked()), (await desk.who(gone.patient)).merges) == ((), ())

    await sever(desk, undo=True)

    assert [each.id for each in await desk.index.reviews(ReviewsAsked())] == [said.review]
    assert (await desk.who(gone.patient)).merges == ("gp",)
