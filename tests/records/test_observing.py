"""What openings see of each source is told in numbers: nobody, and nothing clinical, is in them."""

import asyncio

import msgspec
import pytest

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import OBSERVED, CodeCount, Noted, ObservedAsked, SectionSeen
from carerecord.fhir.facts import Code, Facts
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.log import log_for
from carerecord.kit.part import answer
from carerecord.kit.turns import Turns
from carerecord.kit.waits import longest_s, percentile_s, step_of
from carerecord.records import observing
from carerecord.records.observing import Observing
from tests.records.facts import a_reply, a_source, entry

SNOMED = Code("http://snomed.info/sct", "91936005", "Allergy to penicillin")
OURS = Code("https://elm.example/codes", "PEN", "Penicillin allergy of Edith Marlow")


def coded(id_: str, *codes: Code, section: str = "allergies"):
    return entry("gp", Facts("AllergyIntolerance", id_, section, "Penicillin", codes=codes))


async def seen(*replies: Reply):
    observing_ = Observing()
    for each in replies:
        observing_.saw([each])
    await observing_.count(Turns())
    return {each.source: each for each in observing_.taken()}


async def test_each_source_is_told_by_how_often_it_answered_and_held_something():
    first = a_reply("gp", coded("a", SNOMED), elapsed_s=0.2, as_at="2026-11-22T14:00:00Z")
    second = Reply(
        a_source("gp"), "no answer",
        sections=tuple(
            SectionState(*each) for each in (("allergies", "no answer"), ("plans", "not shared"), ("social", "withheld"))
        ),
        failed=True, elapsed_s=8.0,
    )  # fmt: skip
    told = (await seen(first, second))["gp"]
    assert (told.asked, told.answered, told.last_answer) == (2, 1, "2026-11-22T14:00:00Z")
    by_section = {each.section: each for each in told.sections}
    assert by_section["allergies"] == SectionSeen("allergies", 2, 1, 1)
    assert by_section["plans"] == SectionSeen("plans", 1, 1, 0), "what is not shared, or may not be seen, was not asked for"
    assert told.waits == ((step_of(0.2), 1),), "how long a silence lasted is our deadline, not the source's answer"


async def test_an_item_with_no_code_of_a_known_system_is_counted_by_the_uri_of_its_own():
    reply = a_reply(
        "gp", coded("a", SNOMED, OURS), coded("b", OURS), coded("c", OURS), coded("d"), coded("e", Code("Edith's codes", "1")),
        coded("f", Code("https://elm.example/9990000018/codes", "1")), coded("g", section="encounters"),
    )  # fmt: skip
    told = (await seen(reply))["gp"]
    assert told.unmapped == (CodeCount("", 1), CodeCount("https://elm.example/codes", 2), CodeCount("not a URI", 2))


async def test_nothing_of_an_item_but_the_uri_of_its_code_system_is_told():
    text = msgspec.json.encode((await seen(a_reply("gp", coded("a", OURS), coded("b", SNOMED)))).get("gp")).decode()
    for word in ("Edith", "Marlow", "enicillin", "PEN", "91936005", "9990000018", "1948"):
        assert word not in text


async def test_a_source_of_many_code_systems_does_not_grow_without_end():
    many = [coded(f"i{n}", Code(f"urn:local:{n}", "1")) for n in range(observing.SYSTEMS + 25)]
    told = (await seen(a_reply("gp", *many)))["gp"]
    assert len(told.unmapped) == observing.SYSTEMS + 1
    assert sum(each.count for each in told.unmapped) == len(many)


async def test_what_was_seen_is_told_once_and_openings_are_not_kept_waiting_for_it(monkeypatch):
    monkeypatch.setattr(observing, "COUNT_EVERY_S", 0.01)
    monkeypatch.setattr(observing, "TELL_EVERY_S", 0.02)
    heard: list[ObservedAsked] = []

    async def told(asked: ObservedAsked) -> Noted:
        heard.append(asked)
        return Noted(len(asked.observed))

    observing_ = Observing()
    telling = asyncio.create_task(
        observing_.tell(Calls("records", {"sources": Direct([answer(OBSERVED, told)])}), Turns(), log_for("records"))
    )
    observing_.saw([a_reply("gp", coded("a", SNOMED))])
    async with asyncio.timeout(20):
        while not heard:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # and nothing more comes
    telling.cancel()
    assert [[each.source for each in one.observed] for one in heard] == [["gp"]]


def test_more_openings_than_can_be_counted_are_let_fall():
    observing_ = Observing()
    for _ in range(observing.WAITING * 3):
        observing_.saw([a_reply("gp")])
    assert len(observing_._waiting) == observing.WAITING


@pytest.mark.parametrize("waited_s", [0.0, 0.0005, 0.004, 0.2, 1.0, 7.99, 300.0])
def test_a_step_holds_its_waiting_time_to_within_a_tenth(waited_s: float):
    step = step_of(waited_s)
    assert longest_s(step) >= min(waited_s, 84.0)
    assert step == 0 or longest_s(step - 1) < waited_s


def test_percentiles_are_those_of_the_waiting_times():
    counts = [(step_of(0.1), 90), (step_of(2.0), 10)]
    assert percentile_s(counts, 0.5) == pytest.approx(0.1, rel=0.1)
    assert percentile_s(counts, 0.95) == pytest.approx(2.0, rel=0.1)
    assert percentile_s([], 0.5) is None
