"""Merge, unmerge, link, move: once or again, in chains and rings, reversed; and one entry is always of one person."""

import asyncio
import itertools
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.patients.people import DR_NAIR, Desk, a_desk, nhs, stated

from carerecord.contracts.patients import (
    Claim,
    DecideAsked,
    Identifier,
    InstructAsked,
    Instructed,
    Instruction,
    LineageAsked,
    PartAsked,
    PersonLinked,
    PersonSplit,
    QueueAsked,
    ReviewsAsked,
    SeverAsked,
    TakeAsked,
    UndoAsked,
)
from carerecord.kit.db import open_pool
from carerecord.patients.claims import Taking
from carerecord.patients.instructions import Instructing
from carerecord.patients.store import lineage

NAMES = ("Edith Marlow", "Hamza Iqbal", "Joan Hart", "Wei Chen", "Aoife Byrne")


async def taken(desk: Desk, *local: str, source: str = "trust") -> list[str]:
    claims = []
    for each in local:
        given, family = NAMES[ord(each[-1]) % len(NAMES)].split()
        claims.append(Claim(stated(source, each, given=given, family=family, born=f"19{50 + ord(each[-1]) % 40}-03-14")))
    return [each.patient for each in await Taking(desk.index.enrolling).take(TakeAsked(tuple(claims)))]


async def say(desk: Desk, kind: str, local: str, into: str, into_source: str = "trust", **more) -> Instructed:
    desk.clock.at += timedelta(seconds=1)
    said = Instruction(kind, "trust", local, into_source, into, **more)
    (answer,) = await Instructing(desk.index.enrolling).instruct(InstructAsked((said,)))
    return answer


async def told(desk: Desk, kind: str) -> list[bytes]:
    return [row["body"] for row in await desk.db.fetch("SELECT body FROM outbox WHERE kind = $1 ORDER BY id", kind)]


async def test_a_merge_makes_one_person_and_later_messages_file_under_the_survivor(desk):
    a, b = await taken(desk, "a", "b")
    merged = await say(desk, "merge", "a", "b", message="m1")
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "a", given="Edie", family="Marlow")),)))

    assert (merged.outcome, merged.patient, set(merged.person)) == ("done", b, {a, b})
    assert (late.patient, late.origin, set(late.person)) == (b, a, {a, b})
    assert set((await desk.who(a)).ids) == {a, b}


async def test_the_same_merge_again_is_already_done(desk):
    await taken(desk, "a", "b")
    first, again = await say(desk, "merge", "a", "b"), await say(desk, "merge", "a", "b")
    assert (first.outcome, again.outcome, again.person) == ("done", "already", first.person)


@pytest.mark.parametrize("merges", [("ab", "bc", "cd"), ("ab", "bc", "ca"), ("ab", "ac", "cb"), ("ab", "ba", "cb")], ids=" ".join)
async def test_who_stands_for_whom_is_as_merges_were_recorded_in_whatever_order_they_come(desk, merges):
    at = desk.clock.at - timedelta(days=1)
    told = [(gone, into, (at + timedelta(minutes=place)).isoformat()) for place, (gone, into) in enumerate(merges)]
    stand = set()
    for number, order in enumerate(itertools.permutations([*told, told[0]])):
        names = {each: f"{number}{each}" for each in "abcd"}
        ids = dict(zip(await taken(desk, *names.values()), names, strict=True))
        for gone, into, recorded in order:
            assert (await say(desk, "merge", names[gone], names[into], recorded=recorded)).outcome in ("done", "already")
        found = await lineage.survivors(desk.db, ids)
        stand.add(tuple(sorted((ids[gone], ids[into]) for gone, into in found.items())))
    assert len(stand) == 1


async def test_chains_end_at_the_last_and_rings_do_not_close(desk):
    _, _, c = await taken(desk, "a", "b", "c")
    await say(desk, "merge", "a", "b")
    chain = await say(desk, "merge", "b", "c")
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "a")),)))
    ring = await say(desk, "merge", "c", "a")

    assert (chain.patient, late.patient) == (c, c)
    assert ring.outcome == "done"
    assert len(ring.person) == 3
    assert ring.patient != c, "the one named last as the survivor survives"


async def test_a_merge_said_the_other_way_round_turns_the_survivor(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    turned = await say(desk, "merge", "b", "a")
    assert (turned.patient, set(turned.person)) == (a, {a, b})


@pytest.mark.parametrize("link", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("is_late", [False, True])
async def test_a_link_that_was_recorded_after_a_merge_leaves_both_numbers_in_use_in_whatever_order_they_come(desk, link, is_late):
    a, b = await taken(desk, "a", "b")
    told = [("merge", "a", "b", "2026-11-21T08:00:00+00:00"), ("link", *link, "2026-11-21T09:00:00+00:00")]
    for kind, gone, into, recorded in reversed(told) if is_late else told:
        await say(desk, kind, gone, into, recorded=recorded)

    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "a")),)))
    assert (late.patient, set(late.person)) == (a, {a, b})


async def test_an_unmerge_puts_everybody_back_where_they_were(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "link", "c", "a")
    await say(desk, "merge", "a", "b")
    back = await say(desk, "unmerge", "a", "b")
    again = await say(desk, "unmerge", "a", "b")

    assert set((await desk.who(b)).ids) == {b}
    assert set((await desk.who(a)).ids) == {a, c}, "who came with it leaves with it"
    assert (back.outcome, back.patient, again.outcome) == ("done", a, "already")
    split, linked = await told(desk, "PersonSplit"), await told(desk, "PersonLinked")
    assert [set(msgspec.json.decode(body, type=PersonSplit).person) for body in split] == [{a, b, c}]
    assert [msgspec.json.decode(body, type=PersonLinked).because for body in linked] == ["linked", "merged"]


async def test_an_unmerge_that_names_the_two_the_other_way_round_parts_them_alike(desk):
    a, b, c = await taken(desk, "a", "b", "c")
    await say(desk, "link", "c", "a")
    await say(desk, "merge", "a", "b")
    assert (await say(desk, "unlink", "b", "a")).outcome == "done"
    assert ((await desk.who(b)).ids, set((await desk.who(a)).ids)) == ((b,), {a, c}), "who came with it leaves with it"

    await say(desk, "merge", "a", "b")
    await say(desk, "merge", "b", "a")
    await say(desk, "unlink", "b", "a")
    assert b not in (await desk.who(a)).ids, "also where the survivor was turned"


@pytest.mark.parametrize("named", ["ab", "ba"])
async def test_of_two_who_were_one_before_they_were_merged_the_number_that_was_given_up_leaves(desk, named):
    survivor, given_up, practice = await desk.enrol(
        *(stated(*each, number=nhs(1)) for each in (("trust", "a"), ("trust", "b"), ("practice", "g")))
    )
    assert (await say(desk, "merge", "b", "a")).outcome == "done"
    assert (await say(desk, "unlink", *named)).outcome == "done"

    assert (await desk.who(given_up.patient)).ids == (given_up.patient,)
    assert set((await desk.who(survivor.patient)).ids) == {survivor.patient, practice.patient}


async def test_an_unmerge_that_arrives_before_its_merge_wins_when_it_was_recorded_later(desk):
    a, _ = await taken(desk, "a", "b")
    await say(desk, "unmerge", "a", "b", recorded="2026-11-22T09:05:00+00:00")
    late = await say(desk, "merge", "a", "b", recorded="2026-11-22T09:00:00+00:00")
    assert (late.outcome, late.person) == ("already", (a,))


async def test_a_merge_across_assigning_authorities_goes_to_review(desk):
    (a,) = await taken(desk, "a")
    await taken(desk, "z", source="other")
    answer = await say(desk, "merge", "a", "z", "other")

    (review,) = await desk.index.reviews(ReviewsAsked())
    assert (answer.outcome, answer.review, answer.person) == ("review", review.id, (a,))
    assert "two sources" in review.conflicts[0]


async def test_a_merge_of_two_nhs_numbers_waits_for_a_human_and_is_one_person_under_both_when_decided(desk):
    one, other = await desk.enrol(stated("trust", "a", number=nhs(1)), stated("trust", "b", given="Edie", number=nhs(2)))
    answer = await say(desk, "merge", "a", "b")
    (review,) = await desk.index.reviews(ReviewsAsked())

    assert (answer.outcome, answer.review, answer.person) == ("review", review.id, (one.patient,))
    assert "two NHS numbers" in review.conflicts[0]
    assert [(await desk.who(each.patient)).merges for each in (one, other)] == [("trust",), ("trust",)]
    await desk.enrol(stated("trust", "b", given="Edie", number=nhs(2), phone="01229 555 014"))
    assert len(await desk.index.reviews(ReviewsAsked())) == 1, "what else is said of them takes the question from nobody"
    await desk.index.decide(DecideAsked(review.id, True, DR_NAIR))
    both = await desk.who(other.patient)
    assert (set(both.numbers), both.merges) == ({nhs(1), nhs(2)}, ())
    assert (await say(desk, "merge", "a", "b")).outcome == "already", "and its source may say it again"


async def test_a_merge_that_a_human_has_refused_is_told_to_nobody_who_opens_a_record(desk):
    a, b = await two_numbers(desk)
    await say(desk, "merge", "b", "a")
    (review,) = await desk.index.reviews(ReviewsAsked())
    assert ((await desk.who(a)).merges, (await desk.who(b)).merges) == (("trust",), ("trust",))
    await desk.index.decide(DecideAsked(review.id, False, DR_NAIR))

    assert ((await desk.who(a)).merges, (await desk.who(b)).merges) == ((), ())


async def two_numbers(desk: Desk) -> tuple[str, str]:
    """Two entries of one source under two NHS numbers, the second with an entry of a practice beside it."""
    one, other, _ = await desk.enrol(
        stated("trust", "a", number=nhs(1)),
        stated("trust", "b", given="Edie", number=nhs(2)),
        stated("practice", "g", given="Edie", number=nhs(2)),
    )
    return one.patient, other.patient


async def test_a_source_that_takes_back_a_merge_which_waits_for_a_human_asks_nobody_any_more(desk):
    await two_numbers(desk)
    await say(desk, "merge", "a", "b", recorded="2026-11-22T09:00:00+00:00")
    late = await say(desk, "unlink", "a", "b", recorded="2026-11-22T08:00:00+00:00")
    assert (late.outcome, len(await desk.index.reviews(ReviewsAsked()))) == ("already", 1), "said before the merge was"
    back = await say(desk, "unlink", "b", "a", recorded="2026-11-22T10:00:00+00:00")

    assert (back.outcome, await desk.index.reviews(ReviewsAsked())) == ("done", ())
    assert (await desk.index.queue(QueueAsked())).waiting == 0
    assert (await say(desk, "merge", "a", "b", recorded="2026-11-22T09:30:00+00:00")).outcome == "already"
    again = await say(desk, "merge", "a", "b", recorded="2026-11-22T11:00:00+00:00")
    assert (again.outcome, len(await desk.index.reviews(ReviewsAsked()))) == ("review", 1), "what it says after that is asked"


async def test_a_merge_that_a_human_has_decided_is_the_merge_its_source_told(desk):
    a, b = await two_numbers(desk)
    await say(desk, "merge", "b", "a", message="m1")
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, True, DR_NAIR))
    moved_house = Claim(stated("trust", "b", given="Edie", number=nhs(2), phone="01229 555 014"))
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((moved_house,)))

    assert (late.patient, late.origin) == (a, b), "later messages file under the survivor"
    assert len((await desk.who(b)).ids) == 3
    parted = await say(desk, "unlink", "a", "b")
    assert parted.outcome == "done"
    assert len((await desk.who(b)).ids) == 2, "what came with the number that was given up leaves with it"
    assert (await desk.who(a)).ids == (a,)


async def test_a_decided_merge_that_is_undone_waits_as_its_source_told_it(desk):
    a, b = await two_numbers(desk)
    await say(desk, "merge", "b", "a")
    (review,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(review.id, True, DR_NAIR))
    desk.clock.at += timedelta(seconds=1)
    await desk.index.undo(UndoAsked(review.id, DR_NAIR))
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "b", given="Edie", number=nhs(2))),)))

    assert (late.patient, late.origin, (await desk.who(a)).ids) == (b, "", (a,))
    assert (await say(desk, "unlink", "b", "a")).outcome == "done"
    assert await desk.index.reviews(ReviewsAsked()) == ()


async def test_a_merge_that_was_refused_does_not_come_about_by_an_answer_about_other_numbers(desk):
    """Whose undoing would not take it back."""
    a, b = await two_numbers(desk)
    await taken(desk, "c")
    assert (await say(desk, "link", "c", "a")).outcome == "done"
    await say(desk, "merge", "a", "b")
    (refused,) = await desk.index.reviews(ReviewsAsked())
    await desk.index.decide(DecideAsked(refused.id, False, DR_NAIR))
    assert (await say(desk, "merge", "c", "b")).outcome == "review"
    (review,) = await desk.index.reviews(ReviewsAsked())
    desk.clock.at += timedelta(seconds=1)
    await desk.index.decide(DecideAsked(review.id, True, DR_NAIR))
    desk.clock.at += timedelta(seconds=1)
    await desk.index.undo(UndoAsked(review.id, DR_NAIR))
    (late,) = await Taking(desk.index.enrolling).take(TakeAsked((Claim(stated("trust", "a", number=nhs(1))),)))

    assert b not in (await desk.who(a)).ids
    assert (late.patient, late.origin) == (a, "")


async def test_what_a_source_tells_of_two_numbers_is_no_decision_of_the_officers(desk):
    alike = [stated("trust", each, address="1 Fell Lane", postcode="LA1 1AA", phone="01229 555 014") for each in "ab"]
    await desk.enrol(*alike)
    assert len(await desk.index.reviews(ReviewsAsked())) == 1, "one source under two of its numbers"
    assert (await say(desk, "merge", "a", "b")).outcome == "done"

    assert await desk.index.reviews(ReviewsAsked()) == (), "its source has answered it"
    assert await desk.index.reviews(ReviewsAsked(decided=True)) == (), "nobody could undo it here"
    assert (await desk.index.queue(QueueAsked())).decided_in_a_week == 0


async def test_who_a_person_is_is_not_said_by_an_entry_that_was_merged_away(desk):
    _, alias = await desk.enrol(stated("trust", "a"), stated("trust", "b", given="Male 47", family="Unknown", born="1900-01-01"))
    await say(desk, "merge", "b", "a")
    merged = await desk.who(alias.patient)
    assert (merged.demographics.names[0].family, merged.demographics.birth_date) == ("Marlow", "1948-03-14")

    await say(desk, "merge", "a", "b")
    assert (await desk.who(alias.patient)).demographics.names[0].family == "Unknown", "said the other way round"


async def test_an_unknown_number_is_said_to_be_unknown(desk):
    await taken(desk, "a")
    assert (await say(desk, "merge", "a", "nobody")).outcome == "unknown"


async def test_an_identifier_moves_to_the_number_that_it_belongs_to(desk):
    wrong, right = await desk.enrol(
        stated("trust", "a", local="L1"), stated("trust", "b", given="Hamza", family="Iqbal", born="2001-07-09")
    )
    moved = await say(desk, "move", "a", "b", identifier=Identifier("https://trust.test/Id", "L1"))

    assert moved.patient == right.patient
    assert (await desk.who(wrong.patient)).identifiers == ()
    assert [each.value for each in (await desk.who(right.patient)).identifiers] == ["L1"]


async def test_the_lineage_tells_each_step_and_the_message_that_said_so(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b", message="m1")
    await say(desk, "unmerge", "a", "b", message="m2")
    steps = await Instructing(desk.index.enrolling).lineage(LineageAsked(a))

    mine = [(each.because, set(each.together), each.message) for each in steps if each.patient == a]
    assert mine == [("enrolled", {a}, ""), ("merged", {a, b}, "m1"), ("unmerged", {a}, "m2")]


async def test_the_lineage_of_those_who_stay_tells_who_left(desk):
    a, b = await taken(desk, "a", "b")
    await say(desk, "merge", "a", "b")
    await say(desk, "unmerge", "a", "b", message="m2")
    *_, last = await Instructing(desk.index.enrolling).lineage(LineageAsked(b))
    assert (last.patient, last.because, last.together, last.message) == (a, "unmerged", (a,), "m2")


async def test_a_source_cannot_merge_what_a_human_has_parted(desk):
    await taken(desk, "a", "b")
    merged = await say(desk, "merge", "a", "b")
    await desk.index.part(PartAsked(merged.person[1], actor=DR_NAIR))
    assert (await say(desk, "merge", "a", "b")).outcome == "refused"


async def one_person_each(desk: Desk) -> dict[str, frozenset[str]]:
    rows = await desk.db.fetch("SELECT patient, person FROM link WHERE until IS NULL")
    held = await desk.db.fetch("SELECT id FROM patient")
    assert sorted(row["patient"] for row in rows) == sorted(row["id"] for row in held), "each entry is of exactly one person"
    people: dict[str, set[str]] = {}
    for row in rows:
        people.setdefault(row["person"], set()).add(row["patient"])
    return {person: frozenset(ids) for person, ids in people.items()}


@pytest.mark.timeout(120)
async def test_whatever_sources_and_humans_say_an_entry_is_of_exactly_one_person(service_database):
    """A stateful search for an order of instructions that breaks it; severed histories are never together."""
    dsn = (await service_database("patients")).dsn
    await asyncio.to_thread(_search_for_a_break, dsn)


def _search_for_a_break(dsn: str) -> None:
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(open_pool(dsn, service="patients", connections=2))

    class Said(RuleBasedStateMachine):
        numbers = Bundle("numbers")

        @initialize()
        def empty(self) -> None:
            self.desk = a_desk(pool)
            tables = "patient, name, identifier, link, likeness, likeness_key, severed, review, decision, merge"
            loop.run_until_complete(pool.execute(f"TRUNCATE {tables}"))
            self.severed: set[frozenset[str]] = set()

        @rule(target=numbers, local=some.sampled_from("abcdef"))
        def claim(self, local):
            loop.run_until_complete(taken(self.desk, local))
            return local

        @rule(one=numbers, other=numbers, kind=some.sampled_from(("merge", "merge", "unmerge", "link", "unlink")))
        def instruct(self, one, other, kind):
            answer = loop.run_until_complete(say(self.desk, kind, one, other))
            if one != other and kind == "merge" and answer.outcome == "done":
                assert len(answer.person) >= 2

        @rule(one=numbers, other=numbers)
        def sever(self, one, other):
            if one == other:
                return
            ids = loop.run_until_complete(taken(self.desk, one, other))
            rows = loop.run_until_complete(
                pool.fetch("SELECT id FROM patient WHERE local_id = ANY ($1) ORDER BY local_id", [one, other])
            )
            pair = frozenset(row["id"] for row in rows)
            assert ids
            asked = SeverAsked(min(pair), max(pair), actor=DR_NAIR)
            loop.run_until_complete(Instructing(self.desk.index.enrolling).sever(asked))
            self.severed.add(pair)

        @invariant()
        def holds(self):
            if hasattr(self, "severed"):
                sets = loop.run_until_complete(one_person_each(self.desk))
                assert not any(pair <= ids for pair in self.severed for ids in sets.values())

    try:
        run_state_machine_as_test(
            Said,
            settings=settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)),
        )
    finally:
        loop.run_until_complete(pool.close())
        loop.close()


async def test_the_database_itself_refuses_a_second_person_for_one_entry(desk):
    (one,) = await desk.enrol(stated("a", "1", number=nhs(1)))
    with pytest.raises(Exception, match="link_in_force"):
        await desk.db.execute(
            "INSERT INTO link (patient, person, since, because) VALUES ($1, 'another', now(), 'enrolled')", one.patient
        )
