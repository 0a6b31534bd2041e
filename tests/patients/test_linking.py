"""Which entries become one person, which wait for a human, and how is a link undone?"""

from datetime import timedelta

import msgspec
import pytest
from tests.patients.people import DR_NAIR, Desk, nhs, stated

from carerecord.contracts.audit import Line
from carerecord.contracts.patients import (
    DecideAsked,
    Demographics,
    Doubted,
    Name,
    PartAsked,
    PatientsLinked,
    QueueAsked,
    ReviewsAsked,
    TracedAsked,
    UndoAsked,
)
from carerecord.kit.errors import NotFound, NotSignedIn

MARLOW, HART = nhs(1), nhs(2)


async def events(desk: Desk, kind: str) -> list[bytes]:
    return [row["body"] for row in await desk.db.fetch("SELECT body FROM outbox WHERE kind = $1 ORDER BY id", kind)]


async def test_a_verified_number_and_birth_date_make_two_entries_one_person(desk):
    (gp,) = await desk.enrol(stated("elm-bank", "g1", number=MARLOW, local="EB1"))
    desk.clock.at += timedelta(minutes=1)
    (trust,) = await desk.enrol(stated("aldermoor-epr", "a1", given="E", family="Marlow-Hart", number=MARLOW, local="RXA1"))

    person = await desk.who(trust.patient)

    assert (gp.outcome, trust.outcome) == ("new", "linked")
    assert person.patient == trust.patient == person.ids[0]
    assert set(person.ids) == {gp.patient, trust.patient}
    assert person.known_by == ("elm-bank", "aldermoor-epr")
    assert [each.source for each in person.statements] == ["elm-bank", "aldermoor-epr"]
    told = [msgspec.json.decode(body, type=PatientsLinked).people for body in await events(desk, "PatientsLinked")]
    assert told == [(tuple(sorted(person.ids)),)]


@pytest.mark.parametrize(
    "other",
    [
        stated("b", "1", number=MARLOW, born="1948-03"),
        stated("b", "1", number=MARLOW, born="1984-03-14"),
        stated("b", "1", number=MARLOW, gender="male"),
        stated("b", "1", given="Enid", number=MARLOW),
        stated("b", "1", number=nhs(2)),
        stated("b", "1", born="1948"),
    ],
    ids=["birth date partial", "birth date differs", "sex differs", "given name differs", "other number", "a year alone"],
)
async def test_anything_less_stays_apart(desk, other):
    first, second = await desk.enrol(stated("a", "1", number=MARLOW), other)

    assert (await desk.who(first.patient)).ids == (first.patient,)
    assert (await desk.who(second.patient)).ids == (second.patient,)


@pytest.mark.parametrize(
    ("one", "other"),
    [("William", "Bill"), ("Mary-Jane", "Mary Jane"), ("Mary-Jane", "Mary"), ("J", "John Paul"), ("Zoë", "Zoe"), ("", "John")],
)
async def test_forms_of_one_given_name_do_not_conflict(desk, one, other):
    first, second = await desk.enrol(stated("a", "1", given=one, number=MARLOW), stated("b", "1", given=other, number=MARLOW))

    assert set((await desk.who(first.patient)).ids) == {first.patient, second.patient}


async def test_twins_whose_numbers_were_swapped_wait_for_a_human(desk):
    """They agree in all else: birth date, sex, family name, address."""
    twin = {"family": "Iqbal", "born": "2026-10-25", "postcode": "ZZ1 4AB"}
    zara, _ = await desk.enrol(
        stated("elm-bank", "1", given="Zara", number=nhs(7), multiple_birth="1", **twin),
        stated("elm-bank", "2", given="Zoya", number=nhs(8), multiple_birth="2", **twin),
    )
    (filed,) = await desk.enrol(stated("aldermoor-pathology", "9", given="Zoya", number=nhs(7), multiple_birth="2", **twin))

    waiting = await desk.index.reviews(ReviewsAsked())
    (review,) = (each for each in waiting if zara.patient in (each.left.patient, each.right.patient))

    assert filed.outcome == "review"
    assert (await desk.who(zara.patient)).ids == (zara.patient,)
    assert {review.left.patient, review.right.patient} == {zara.patient, filed.patient}
    assert review.conflicts == ("given name differs", "birth order differs")
    assert "birth date same" in review.agrees
    assert {review.left.demographics.names[0].given, review.right.demographics.names[0].given} == {("Zara",), ("Zoya",)}


async def test_two_newborns_without_names_are_not_taken_for_one(desk):
    one, _ = await desk.enrol(
        stated("a", "1", given="Baby", family="Iqbal", number=nhs(7), multiple_birth="true"),
        stated("b", "1", given="Zoya", family="Iqbal", number=nhs(7)),
    )

    assert (await desk.who(one.patient)).ids == (one.patient,)


async def test_a_human_joins_what_the_rule_would_not_and_the_next_enrolment_keeps_it(desk):
    first, second = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())

    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    await desk.enrol(stated("b", "1", given="Enid Mary", number=MARLOW))

    assert set((await desk.who(first.patient)).ids) == {first.patient, second.patient}
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_a_pair_found_not_to_be_one_person_is_not_asked_about_again(desk):
    await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())

    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))
    await desk.enrol(stated("b", "1", given="Enid Mary", number=MARLOW))

    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_a_link_is_undone_in_one_table_and_stays_undone(desk):
    first, second, third = await desk.enrol(*(stated(source, "1", number=MARLOW) for source in "abc"))
    bodies = await desk.db.fetch("SELECT * FROM patient ORDER BY id")

    await desk.index.part(PartAsked(second.patient, actor=DR_NAIR))
    await desk.enrol(stated("b", "1", number=MARLOW, phone="01632 960000"))

    assert (await desk.who(second.patient)).ids == (second.patient,)
    assert set((await desk.who(first.patient)).ids) == {first.patient, third.patient}
    assert [row["id"] for row in bodies] == [row["id"] for row in await desk.db.fetch("SELECT id FROM patient ORDER BY id")]
    closed = await desk.db.fetchval("SELECT count(*) FROM link WHERE until IS NOT NULL")
    assert closed >= 1, "the row that held is kept, closed"


async def test_a_decision_that_linked_is_taken_back_and_all_is_as_it_was(desk):
    first, second = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW))
    third, fourth = await desk.enrol(*(stated(source, "1", given="Enid", number=MARLOW) for source in "cd"))
    before = [(await desk.who(each.patient)).ids for each in (first, second, third, fourth)]
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    linked = (await desk.who(first.patient)).ids
    (decided,) = await desk.index.reviews(ReviewsAsked(decided=True))
    desk.clock.at += timedelta(minutes=1)

    await desk.index.undo(UndoAsked(decided.id, actor=DR_NAIR))

    assert set(linked) == {first.patient, second.patient, third.patient, fourth.patient}
    assert (decided.id, decided.found) == (review.id, "same")
    assert [(await desk.who(each.patient)).ids for each in (first, second, third, fourth)] == before
    assert await desk.index.reviews(ReviewsAsked(decided=True)) == ()
    assert [each.id for each in await desk.index.reviews(ReviewsAsked())] == [review.id]
    told = msgspec.json.decode((await events(desk, "PatientsLinked"))[-1], type=PatientsLinked).people
    assert sorted(told) == sorted({tuple(sorted(ids)) for ids in before})


async def test_a_decision_to_keep_apart_is_taken_back_and_the_two_wait_again(desk):
    first, _ = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))

    await desk.index.undo(UndoAsked(review.id, actor=DR_NAIR))

    assert [each.id for each in await desk.index.reviews(ReviewsAsked())] == [review.id]
    assert (await desk.who(first.patient)).ids == (first.patient,)


async def test_an_entry_in_review_is_named_to_those_who_open_the_other_and_no_longer_once_decided(desk):
    zara, zoya = await desk.enrol(
        stated("a", "z1", given="Zara", number=MARLOW), stated("lab", "z2", given="Zoya", number=MARLOW)
    )
    waiting = (await desk.who(zara.patient)).doubted, (await desk.who(zoya.patient)).doubted
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))

    assert waiting == ((Doubted("lab", "z2"),), (Doubted("a", "z1"),))
    assert (await desk.who(zara.patient)).doubted == ()


async def test_an_entry_of_another_birth_date_is_nobodys_doubt(desk):
    one, _ = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", number=MARLOW, born="1984-03-14"))

    assert await desk.index.reviews(ReviewsAsked())
    assert (await desk.who(one.patient)).doubted == ()


async def test_a_page_of_questions_counts_questions_and_leaves_out_no_pair_of_one(desk):
    await desk.enrol(*(stated(source, "1", given="Zara", number=MARLOW, **HOME) for source in "ab"))
    await desk.enrol(stated("c", "1", given="Zoya", number=MARLOW))
    desk.clock.at += timedelta(minutes=1)
    await desk.enrol(*(stated(source, "2", given=given, number=HART) for source, given in (("a", "Rose"), ("c", "Edith"))))

    (review,) = await desk.index.reviews(ReviewsAsked(most=1))

    assert review.alike == 1, "the other pair of the same two people"
    both = await desk.index.reviews(ReviewsAsked(most=2))
    assert len(both) == 2
    assert [await desk.index.reviews(ReviewsAsked(most=1, skip=at)) for at in range(3)] == [(both[0],), (both[1],), ()]


async def test_a_decision_of_long_ago_is_found_behind_the_newer_ones_whole(desk):
    await desk.enrol(*(stated(source, "1", given="Zara", number=MARLOW, **HOME) for source in "ab"))
    await desk.enrol(stated("c", "1", given="Zoya", number=MARLOW))
    await desk.enrol(*(stated(source, "2", given=given, number=HART) for source, given in (("a", "Rose"), ("c", "Edith"))))
    for review in await desk.index.reviews(ReviewsAsked()):
        desk.clock.at += timedelta(minutes=1)
        await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))

    both = await desk.index.reviews(ReviewsAsked(decided=True))

    assert sorted(each.alike for each in both) == [0, 1]
    assert [await desk.index.reviews(ReviewsAsked(1, at, decided=True)) for at in range(3)] == [(both[0],), (both[1],), ()]


async def test_what_was_never_decided_cannot_be_undone(desk):
    await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())

    with pytest.raises(NotFound):
        await desk.index.undo(UndoAsked(review.id, actor=DR_NAIR))
    with pytest.raises(NotSignedIn):
        await desk.index.undo(UndoAsked(review.id))


async def test_nobody_decides_without_being_somebody(desk):
    (first,) = await desk.enrol(stated("a", "1", number=MARLOW))

    with pytest.raises(NotSignedIn):
        await desk.index.part(PartAsked(first.patient))
    with pytest.raises(NotFound):
        await desk.index.decide(DecideAsked("none", same=True, actor=DR_NAIR))


async def test_a_source_that_corrects_its_number_takes_its_entry_away(desk):
    first, second = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", number=MARLOW))

    (again,) = await desk.enrol(stated("b", "1", number=nhs(2)))

    assert (second.outcome, again.outcome) == ("linked", "changed")
    assert (await desk.who(first.patient)).ids == (first.patient,)
    assert (await desk.who(second.patient)).ids == (second.patient,)


async def test_a_trace_verifies_a_number_and_links_all_that_state_it(desk):
    first_told = stated("a", "1", number=MARLOW, status="02", gp="A99917", gp_name="Elm Bank Surgery")
    first, second = await desk.enrol(
        first_told,
        stated("b", "1", number=MARLOW, status="03"),
    )
    assert (first.trace, second.trace) == (True, True)

    edith = (Name("Marlow", ("Edith",)),)
    answered = Demographics(names=edith, birth_date="1948-03-14", gender="female", nhs_number=MARLOW, gp="A99917")
    traced = await desk.tracing.traced(TracedAsked(first.patient, "verified", answered))
    person = await desk.who(second.patient)

    assert traced.linked
    assert {first.patient, second.patient} < set(person.ids)
    assert person.known_by == ("a", "b")
    assert (person.demographics.gp, person.demographics.nhs_number_status) == ("A99917", "01")
    assert person.demographics.gp_name == "Elm Bank Surgery", "the PDS names the practice by its code, a source says its name"
    (unchanged,) = await desk.enrol(first_told)
    assert (unchanged.outcome, unchanged.trace) == ("unchanged", False)
    (later,) = await desk.enrol(stated("c", "1", number=MARLOW, status="02"))
    assert (later.outcome, later.trace) == ("linked", False)


async def test_a_trace_that_answers_for_somebody_else_waits_for_a_human(desk):
    (first,) = await desk.enrol(stated("a", "1", number=MARLOW, status="02"))
    other = Demographics(names=(Name("Marlow", ("Enid",)),), birth_date="1948-03-14", gender="female", nhs_number=MARLOW)

    traced = await desk.tracing.traced(TracedAsked(first.patient, "mismatch", other))
    person = await desk.who(first.patient)

    assert not traced.linked
    assert (person.ids, person.demographics.nhs_number_status) == ((first.patient,), "05")
    assert [each.conflicts for each in await desk.index.reviews(ReviewsAsked())] == [("given name differs",)]


async def test_a_superseded_number_gives_way_to_its_successor(desk):
    first, second = await desk.enrol(stated("a", "1", number=nhs(3), status="02"), stated("b", "1", number=MARLOW))
    answered = Demographics(names=(Name("Marlow", ("Edith",)),), birth_date="1948-03-14", gender="female", nhs_number=MARLOW)

    await desk.tracing.traced(TracedAsked(first.patient, "superseded", answered))
    person = await desk.who(first.patient)
    (again,) = await desk.enrol(stated("a", "1", number=nhs(3), status="02"))

    assert set(person.ids) > {first.patient, second.patient}
    assert person.demographics.nhs_number == MARLOW
    assert (again.outcome, again.trace) == ("unchanged", False)
    assert (await desk.search(nhs(3))).matches[0].person.demographics.nhs_number == MARLOW


async def test_a_number_for_which_the_register_answers_again_is_taken_in_and_leaves_its_successor(desk):
    (first,) = await desk.enrol(stated("a", "1", number=nhs(3), status="02"))
    answered = Demographics(names=(Name("Marlow", ("Edith",)),), birth_date="1948-03-14", gender="female", nhs_number=nhs(3))
    await desk.tracing.traced(TracedAsked(first.patient, "verified", answered))
    successor = msgspec.structs.replace(answered, nhs_number=MARLOW)
    await desk.tracing.traced(TracedAsked(first.patient, "superseded", successor))
    (other,) = await desk.enrol(stated("b", "1", "Hamza", "Iqbal", "1953-07-14", number=nhs(3), status="02"))

    hamza = Demographics(names=(Name("Iqbal", ("Hamza",)),), birth_date="1953-07-14", gender="female", nhs_number=nhs(3))
    await desk.tracing.traced(TracedAsked(other.patient, "verified", hamza))

    person = await desk.who(other.patient)
    assert (person.demographics.nhs_number, person.demographics.nhs_number_status) == (nhs(3), "01")
    assert first.patient not in person.ids


async def test_a_trace_asks_nobody_again_of_whom_a_human_has_answered(desk):
    (first,) = await desk.enrol(stated("a", "1", number=MARLOW, status="02"))
    other = Demographics(names=(Name("Marlow", ("Enid",)),), birth_date="1948-03-14", gender="female", nhs_number=MARLOW)
    await desk.tracing.traced(TracedAsked(first.patient, "mismatch", other))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))

    await desk.tracing.traced(TracedAsked(first.patient, "mismatch", other))
    await desk.enrol(stated("a", "1", number=MARLOW, status="02", phone="07700 900123"))

    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_whom_an_officer_has_joined_a_number_does_not_part(desk):
    """One of the two states, later, the number of a third."""
    (third,) = await desk.enrol(stated("a", "1", number=MARLOW))
    one, other = await desk.enrol(
        stated("b", "1", number=nhs(3), phone="01632 960001"), stated("c", "1", number=nhs(4), phone="01632 960001")
    )
    asked = await desk.index.reviews(ReviewsAsked())
    (review,) = [each for each in asked if {each.left.patient, each.right.patient} == {one.patient, other.patient}]
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))

    await desk.enrol(stated("b", "1", number=MARLOW, phone="01632 960001"))

    assert other.patient in (await desk.who(one.patient)).ids
    assert third.patient in (await desk.who(one.patient)).ids


@pytest.mark.parametrize(("given", "family", "asked"), [("Hamza", "Iqbal", False), ("Edith", "Marlow", True)])
async def test_nobody_is_left_behind_unasked_by_somebody_whom_a_number_brings_elsewhere(desk, given, family, asked):
    """To one whom an officer has joined to another. Who is left states no number, and resembles neither of those as they are."""
    here = {"given": "Hamza Amir", "family": "Iqbal", "phone": "01632 960007", "postcode": "ZZ1 4AB", "address": "4 Mill Lane"}
    known, alike = await desk.enrol(stated("a", "1", number=MARLOW, **here), stated("d", "1", **here, born="1948"))
    assert alike.patient in (await desk.who(known.patient)).ids
    there = {"given": given, "family": family, "phone": "01632 960001"}
    one, other = await desk.enrol(stated("b", "1", number=nhs(3), **there), stated("c", "1", number=nhs(4), **there))
    for review in await desk.index.reviews(ReviewsAsked()):
        same = {review.left.patient, review.right.patient} == {one.patient, other.patient}
        await desk.index.decide(DecideAsked(review.id, same=same, actor=DR_NAIR))

    await desk.enrol(stated("b", "1", "Hamza", "Iqbal", number=MARLOW))

    assert {one.patient, other.patient} < set((await desk.who(known.patient)).ids)
    waiting = await desk.index.reviews(ReviewsAsked())
    assert [each.right.patient for each in waiting] == [alike.patient] * asked
    assert asked or alike.patient in (await desk.who(known.patient)).ids


async def test_whoever_keeps_up_hears_of_a_set_that_a_corrected_number_left(desk):
    first, second = await desk.enrol(stated("a", "1", number=MARLOW), stated("b", "1", number=MARLOW))
    await desk.enrol(stated("b", "1", number=nhs(3), born="1953-07-14"))
    last = await desk.db.fetchval("SELECT body FROM outbox WHERE kind = 'PatientsLinked' ORDER BY id DESC LIMIT 1")
    assert {frozenset(each) for each in msgspec.json.decode(last, type=PatientsLinked).people} == {
        frozenset((first.patient,)), frozenset((second.patient,)),
    }  # fmt: skip


async def test_a_number_that_nobody_bears_is_not_traced_again(desk):
    (first,) = await desk.enrol(stated("a", "1", number=MARLOW, status="02"))

    await desk.tracing.traced(TracedAsked(first.patient, "not-found"))
    (again,) = await desk.enrol(stated("a", "1", number=MARLOW, status="02"))

    assert not again.trace
    assert (await desk.who(first.patient)).demographics.nhs_number_status == "04"


HOME = {"address": "14 Station Road", "postcode": "QX1 4AB"}


async def test_what_a_rule_doubts_is_not_linked_by_likeness_through_another_of_the_set(desk):
    first, _ = await desk.enrol(stated("a", "1", number=MARLOW, **HOME), stated("b", "1", number=MARLOW, **HOME))
    (miscoded,) = await desk.enrol(stated("c", "1", number=MARLOW, gender="male", **HOME))

    assert miscoded.outcome == "review"
    assert (await desk.who(miscoded.patient)).ids == (miscoded.patient,)
    assert miscoded.patient not in (await desk.who(first.patient)).ids


async def test_entries_without_a_number_are_linked_by_likeness_and_a_human_can_part_them_for_good(desk):
    first, second = await desk.enrol(stated("a", "1", **HOME), stated("b", "1", given="Edie", **HOME))
    linked = (await desk.who(first.patient)).ids

    await desk.index.part(PartAsked(second.patient, actor=DR_NAIR))
    await desk.enrol(stated("b", "1", given="Edie", phone="01632 960000", **HOME))

    assert second.outcome == "linked"
    assert set(linked) == {first.patient, second.patient}
    assert (await desk.who(second.patient)).ids == (second.patient,)


async def test_likeness_that_a_rule_holds_back_waits_with_what_every_fact_tells(desk):
    await desk.enrol(stated("a", "1", **HOME), stated("b", "1", given="Enid", **HOME))
    (review,) = await desk.index.reviews(ReviewsAsked())

    assert review.conflicts[0] == "the given name does not agree"
    told = {each.fact: (each.how, each.bits > 0) for each in review.weighed}
    assert (told["address"], told["given name"]) == (("same", True), ("differs", False))
    assert review.bits == round(sum(each.bits for each in review.weighed), 1)


async def test_two_whom_a_human_has_parted_are_not_joined_through_a_third(desk):
    first, second = await desk.enrol(stated("a", "1", **HOME), stated("b", "1", given="Edie", **HOME))
    await desk.index.part(PartAsked(second.patient, actor=DR_NAIR))

    (third,) = await desk.enrol(stated("c", "1", **HOME))

    assert not {first.patient, second.patient} <= set((await desk.who(third.patient)).ids)


async def test_who_looks_at_two_people_side_by_side_and_what_they_find_stands_in_the_book(desk):
    await desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
    two = stated("a", "1", number=MARLOW), stated("b", "1", given="Enid", number=MARLOW)
    pair = {each.patient for each in await desk.enrol(*two)}
    (review,) = await desk.index.reviews(ReviewsAsked(actor=DR_NAIR))
    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))
    await desk.index.undo(UndoAsked(review.id, actor=DR_NAIR))
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    await desk.index.part(PartAsked(review.left.patient, actor=DR_NAIR))

    lines = [msgspec.json.decode(body, type=Line) for body in await events(desk, "Line")]
    whats = ["reviews-read", "people-kept-apart", "decision-undone", "people-linked", "link-parted"]
    assert [each.what for each in lines] == whats, "where nobody is shown there is nothing to write"
    assert all((each.actor, set(each.patients)) == (DR_NAIR, pair) for each in lines)


async def test_the_same_two_people_are_one_question_and_one_decision_however_many_entries_they_have(desk):
    zara = [stated(source, "1", given="Zara", number=MARLOW, **HOME) for source in ("a", "b")]
    one, two, other = await desk.enrol(*zara, stated("c", "1", given="Zoya", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())
    assert review.alike == 1
    assert {frozenset(side.known_by) for side in (review.left, review.right)} == {frozenset("ab"), frozenset("c")}
    assert (await desk.index.queue(QueueAsked())).waiting == 1

    await desk.index.decide(DecideAsked(review.id, same=False, actor=DR_NAIR))
    assert await desk.index.reviews(ReviewsAsked()) == ()
    (decided,) = await desk.index.reviews(ReviewsAsked(decided=True))
    assert (decided.found, decided.alike) == ("different", 1)

    await desk.index.undo(UndoAsked(decided.id, actor=DR_NAIR))
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, same=True, actor=DR_NAIR))
    assert set((await desk.who(other.patient)).ids) == {one.patient, two.patient, other.patient}
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_where_one_entry_of_a_person_is_restricted_no_side_of_a_review_says_where_they_are(desk):
    hidden = stated("b", "1", given="Zara", number=MARLOW, **HOME)
    demographics = msgspec.structs.replace(hidden.demographics, restricted=True)
    hidden = msgspec.structs.replace(hidden, demographics=demographics)
    await desk.enrol(stated("a", "1", given="Zara", number=MARLOW, **HOME), hidden, stated("c", "1", given="Zoya", number=MARLOW))
    (review,) = await desk.index.reviews(ReviewsAsked())
    sides = {each.demographics.names[0].given[0]: each.demographics for each in (review.left, review.right)}
    assert (sides["Zara"].restricted, sides["Zara"].postcode, sides["Zara"].address) == (True, "", "")
