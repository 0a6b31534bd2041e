"""Sources that misbehave: each gives its named state, and the others paint on time."""

import asyncio
import gc
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from carerecord.contracts.records import OpenAsked, Record
from carerecord.records.recent import Recent
from carerecord.region.servers.certificates import Authority, Certificate
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import Serving
from tests.records.a_desk import CARE, DR_NAIR, OTHER_NUMBER, a_world, allergy, chart, problem, serving, state, titles

FIRST_PAINT_S, LAST_CALL_S = 1.5, 3.0


def good() -> Serving:
    return serving("good", chart("g1", problem("c1", "g1", "Asthma"), allergy("a1", "g1", "Latex")))


def bad(*more: object, **system: object) -> Serving:
    return serving("bad", chart("b1", problem("c1", "b1", "Gout"), *more), **system)


async def opened(*habits: Habit, after_s: float = LAST_CALL_S) -> tuple[list[Record], float]:
    """The chunks of an opening with one good source and one that has these habits; and how long it took."""
    async with a_world(good(), bad(), first_paint_s=FIRST_PAINT_S, last_call_s=LAST_CALL_S) as world:
        world.servers["bad"].set(*habits)
        began = time.perf_counter()
        chunks = await world.open()
        took = time.perf_counter() - began
    assert "Asthma" in titles(chunks[0], "problems")
    assert state(chunks[-1], "good").state == "live"
    assert chunks[-1].complete
    assert took < after_s + 0.5
    return chunks, took


async def test_a_slow_source_is_loading_at_first_paint_and_joins_in_place():
    async with a_world(good(), bad(), first_paint_s=1.5, last_call_s=8.0) as world:
        world.servers["bad"].set(Habit("slow", seconds=3.5))
        began = time.perf_counter()
        painted_at, chunks = 0.0, []
        async for chunk in world.desk.open(OpenAsked(DR_NAIR, "p1", CARE)):
            painted_at = painted_at or time.perf_counter() - began
            chunks.append(chunk)

    assert painted_at < 3.0
    assert [state(chunk, "bad").state for chunk in chunks] == ["loading", "live"]
    assert [chunk.complete for chunk in chunks] == [False, True]
    assert chunks[1].joined == ("bad",)
    assert state(chunks[1], "bad").late
    assert [entry.late for section in chunks[1].sections for entry in section.entries if entry.facts.title == "Gout"] == [True]
    assert titles(chunks[0], "problems") == ["Asthma"]


@pytest.mark.parametrize("kind", ["hang", "silent"])
async def test_a_source_that_hangs_is_given_up_at_the_deadline_and_its_sockets_are_freed(kind: str):
    async with a_world(good(), bad(), first_paint_s=FIRST_PAINT_S, last_call_s=LAST_CALL_S) as world:
        world.servers["bad"].set(Habit(kind))  # type: ignore[arg-type]
        began = time.perf_counter()
        record = await world.last()
        took = time.perf_counter() - began
        await world.reader.window.close()
        await asyncio.sleep(0.1)
        still_open = world.servers["bad"].connections

    assert state(record, "bad").state == "no answer"
    assert took < LAST_CALL_S * 1.05 + 0.3
    assert still_open <= 1  # the one that read its capability statement is kept for the next opening


async def test_a_source_that_fails_once_is_asked_again_within_the_deadline():
    chunks, _ = await opened(Habit("status", status=503, times=3))

    assert state(chunks[-1], "bad").state == "live"
    assert "Gout" in titles(chunks[-1], "problems")


@pytest.mark.parametrize("status", [500, 503, 429, 502])
async def test_a_source_that_goes_on_failing_is_no_answer(status: int):
    chunks, _ = await opened(Habit("status", status=status))

    assert state(chunks[-1], "bad").state == "no answer"
    assert state(chunks[-1], "bad").says


async def test_retry_after_is_obeyed_when_it_fits():
    _, took = await opened(Habit("status", status=429, retry_after="0.6", times=1))

    assert took >= 0.6


async def test_a_retry_after_beyond_the_deadline_ends_the_trying_at_once():
    chunks, took = await opened(Habit("status", status=429, retry_after="60"))

    assert state(chunks[-1], "bad").state == "no answer"
    assert took < LAST_CALL_S / 2


async def test_after_repeated_failure_the_source_rests_and_its_last_answer_is_told():
    async with a_world(good(), bad(), first_paint_s=FIRST_PAINT_S, last_call_s=LAST_CALL_S) as world:
        first = await world.last()
        await world.servers["bad"].refuse()
        for _ in range(5):
            await world.last()
        asked_before = len(world.servers["bad"].asked)
        resting = await world.last()
        asked_after = len(world.servers["bad"].asked)
        await world.servers["bad"].listen()
        by_hand = (await world.again(resting, "bad"))[-1]

    assert asked_after == asked_before
    assert state(resting, "bad").state == "no answer"
    assert "left alone" in state(resting, "bad").says
    assert state(resting, "bad").last_answer == state(first, "bad").as_at
    assert state(by_hand, "bad").state == "live"


@pytest.mark.parametrize("kind", ["html", "garbage"])
async def test_an_answer_that_is_no_fhir_is_unreadable(kind: str):
    chunks, _ = await opened(Habit(kind))  # type: ignore[arg-type]

    assert state(chunks[-1], "bad").state == "unreadable"
    assert "Gout" not in titles(chunks[-1], "problems")


@pytest.mark.parametrize("kind", ["truncated", "cut", "chunk-cut"])
async def test_an_answer_that_breaks_off_is_never_complete(kind: str):
    chunks, _ = await opened(Habit(kind))  # type: ignore[arg-type]

    assert state(chunks[-1], "bad").state in ("incomplete", "unreadable", "no answer")


async def test_an_answer_cut_at_any_place_is_never_complete():
    many = [problem(f"c{n}", "b1", f"Problem {n}") for n in range(10)]
    async with a_world(bad(*many), first_paint_s=0.2, last_call_s=0.8) as world:
        for at in range(1, 3_000, 331):
            world.servers["bad"].set(Habit("cut", at=at, type="Condition"))
            record = await world.last()
            assert state(record, "bad").state != "live", at


async def test_more_pages_than_are_asked_for_leave_what_came_and_say_that_it_is_not_all():
    many = [problem(f"c{n}", "b1", f"Problem {n}") for n in range(25)]
    world_of = serving("bad", chart("b1", *many), page_size=5)
    async with a_world(world_of, first_paint_s=0.3, last_call_s=1.0) as world:
        whole = await world.last()
        world.change("bad", most_pages=3)
        capped = await world.last()

    assert len(titles(whole, "problems")) == 25
    assert state(whole, "bad").state == "live"
    assert len(titles(capped, "problems")) == 15
    assert state(capped, "bad").state == "incomplete"


async def test_200_megabytes_are_never_read():
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunks, _ = await opened(Habit("huge"), after_s=3.0)

    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert state(chunks[-1], "bad").state in ("incomplete", "no answer")
    assert grown_mb < 256


async def test_one_invalid_item_among_a_hundred_leaves_ninety_nine():
    many = [problem(f"c{n}", "b1", f"Problem {n}") for n in range(99)]
    broken = problem("broken", "b1") | {"code": "not a concept"}
    async with a_world(serving("bad", chart("b1", *many, broken))) as world:
        record = await world.last()

    assert len(titles(record, "problems")) == 99
    assert state(record, "bad").state == "incomplete"
    assert state(record, "bad").says == "99 of 100 shown"
    assert state(record, "bad").unreadable == 1
    assert ("Condition", 100, 99, 1) in record.tally


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        (lambda ours, _: ours.expired(), "has expired"),
        (lambda ours, _: ours.wrong_name(), "is for another name"),
        (lambda _, other: other.good(), "was not issued by anyone whom we trust"),
    ],
)
async def test_a_certificate_that_cannot_be_trusted_is_told_apart(
    certificate: Callable[[Authority, Authority], Certificate], says: str, tmp_path: Path
):
    ours, other = Authority(), Authority("Somebody else")
    (tmp_path / "ca.pem").write_bytes(ours.ca)
    holdings = bad()
    wrong = Serving(holdings.system, holdings.holdings, latency_s=0, certificate=certificate(ours, other))
    async with a_world(good(), wrong) as world:
        world.change("bad", ca_file=str(tmp_path / "ca.pem"))
        record = await world.last()

    assert state(record, "bad").state == "no answer"
    assert says in state(record, "bad").says
    assert "cannot be trusted" in state(record, "bad").says
    assert world.servers["bad"].asked == []


async def test_a_certificate_that_is_good_is_trusted(tmp_path: Path):
    ours = Authority()
    (tmp_path / "ca.pem").write_bytes(ours.ca)
    holdings = bad()
    right = Serving(holdings.system, holdings.holdings, latency_s=0, certificate=ours.good())
    async with a_world(right) as world:
        world.change("bad", ca_file=str(tmp_path / "ca.pem"))
        record = await world.last()

    assert state(record, "bad").state == "live"


async def test_an_answer_about_somebody_else_is_discarded_whole_with_a_safety_alert():
    stranger = chart("x9", problem("c9", "x9", "Schizophrenia"), number=OTHER_NUMBER, given="Zoya", family="Iqbal")
    both = serving("bad", chart("b1", problem("c1", "b1", "Gout")), stranger)
    async with a_world(good(), both) as world:
        world.servers["bad"].set(Habit("wrong-patient", patient="b1", other="x9"))
        record = await world.last()

    assert state(record, "bad").state == "discarded"
    assert titles(record, "problems") == ["Asthma"]
    assert [line.what for line in world.outbox.lines].count("safety-alert") == 1
    assert any(each.rule == "danger/wrong-patient" and each.kind == "danger" for each in record.attention)


async def test_an_item_of_somebody_else_in_a_right_answer_is_not_shown():
    lost = problem("c2", "b1", "Epilepsy") | {"subject": {"reference": "Patient/x9"}}
    async with a_world(bad(lost)) as world:
        record = await world.last()

    assert titles(record, "problems") == ["Gout"]
    assert state(record, "bad").state == "incomplete"
    assert [line.what for line in world.outbox.lines].count("safety-alert") == 1


async def test_two_matches_for_one_number_are_both_held_and_a_human_chooses():
    two = serving("bad", chart("b1", problem("c1", "b1", "Gout")), chart("b2", problem("c2", "b2", "Epilepsy")))
    async with a_world(good(), two, unknown=("bad",)) as world:
        record = await world.last()
        chosen = (await world.again(record, "bad", local_id="b2"))[-1]

    assert titles(record, "problems") == ["Asthma"]
    assert {each.local_id for each in state(record, "bad").choices} == {"b1", "b2"}
    assert sorted(titles(chosen, "problems")) == ["Asthma", "Epilepsy"]


@pytest.mark.parametrize("kind", ["endless", "cyclic"])
async def test_pages_without_end_are_capped_and_incomplete(kind: str):
    chunks, _ = await opened(Habit(kind), after_s=4.0)  # type: ignore[arg-type]

    assert state(chunks[-1], "bad").state == "incomplete"


async def test_a_redirect_is_not_followed():
    chunks, _ = await opened(Habit("redirect"))

    assert state(chunks[-1], "bad").state == "no answer"


async def test_with_all_sources_down_the_record_names_each_of_them():
    async with a_world(good(), bad(), first_paint_s=FIRST_PAINT_S, last_call_s=LAST_CALL_S) as world:
        await world.servers["good"].refuse()
        await world.servers["bad"].refuse()
        record = await world.last()

    assert record.complete
    assert [each.state for each in record.states] == ["no answer", "no answer"]
    assert record.allergies.title == "Allergies unavailable"
    assert all(set(each.missing) == {"good", "bad"} for each in record.sections if each.id in ("problems", "medicines"))


async def test_an_address_that_no_name_server_knows_is_no_answer():
    async with a_world(good(), bad()) as world:
        world.change("bad", address="https://nowhere.invalid/fhir", ca_file="")
        record = await world.last()

    assert state(record, "bad").state == "no answer"
    assert state(record, "good").state == "live"


@pytest.mark.timeout(120)
async def test_memory_and_descriptors_stay_level_between_opening_200_and_1_000():
    await _level(entries=8, slow_every=50)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
async def test_memory_and_descriptors_stay_level_however_large_the_records_and_however_often_sources_fail():
    await _level(entries=400, slow_every=4)


async def _level(*, entries: int, slow_every: int) -> None:
    """Good, hung, broken and refusing sources; memory may grow by a twentieth, descriptors not at all."""
    many = [problem(f"c{n}", "b1", f"Problem {n}") for n in range(entries)]
    quick: list[list[Habit]] = [[], [Habit("garbage")], [], [Habit("cut")], [], []]
    slow: list[list[Habit]] = [[Habit("hang")], [Habit("status", status=503)]]
    async with a_world(good(), bad(*many), first_paint_s=0.05, last_call_s=0.15 + entries / 400) as world:
        world.desk.recent = Recent(lambda: 0.0, most_entries=500)

        async def openings(count: int) -> tuple[int, int]:
            for turn in range(count):
                habits = slow[turn // slow_every % 2] if turn % slow_every == 0 else quick[turn % len(quick)]
                world.servers["bad"].set(*habits)
                await world.last()
                world.outbox.lines.clear()  # what the neighbours of a test remember is no leak either
                world.neighbours.asked.clear()
                world.neighbours.seen.clear()
                world.servers["bad"].asked.clear()
                world.servers["good"].asked.clear()
            await world.web.close()  # what is kept alive for the next opening is no leak
            gc.collect()
            await asyncio.sleep(0.2)
            me = psutil.Process()
            return me.memory_info().rss, me.num_fds()

        memory, descriptors = await openings(200)
        memory_then, descriptors_then = await openings(800)

    assert memory_then <= memory * 1.05
    assert descriptors_then <= descriptors
