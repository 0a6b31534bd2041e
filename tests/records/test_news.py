"""An open page hears what has come since: from whom and when, under the check of an opening, and never what it says."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.contracts.locator import Pointer
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import NewsAsked, NewsItem, Record
from carerecord.contracts.sources import SharedSection
from carerecord.kit.errors import NotUnderstood, Refused, TooMany, Unavailable
from carerecord.records.heard import read
from carerecord.records.news import MOST, Messenger
from tests.records.a_desk import (
    CARE,
    DR_NAIR,
    EDITH,
    WARD,
    World,
    a_world,
    allergy,
    chart,
    patient,
    patient_id,
    problem,
    serving,
    validators,
)

HERE = patient_id("trust", "t1")
BEFORE, AFTER = "2026-11-01T09:30:00Z", "2026-11-01T09:31:00Z"


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    validators()


def arranged(world: World, *sources: str, arrangement: str = "copy") -> None:
    for each in sources or ("trust",):
        world.change(each, sections=tuple(SharedSection(name, arrangement) for name in WARD))
    world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE))}


async def news(world: World, record: Record, **more: Any) -> tuple[NewsItem, ...]:
    asked = NewsAsked(DR_NAIR, "p1", CARE, record.heard)
    return (await Messenger(world.desk, lambda: 0.0).news(replace(asked, **more))).items


def sends(world: World, *resources: Any, source: str = "trust", at: str = AFTER) -> None:
    world.neighbours.kept = {**world.neighbours.kept, source: (*world.neighbours.kept.get(source, ()), *resources)}
    world.neighbours.came_at = at


async def test_while_nothing_has_come_nothing_is_told_no_source_is_asked_and_no_line_is_written():
    async with a_world(serving("trust", chart("t1")), serving("gp", chart("g1"))) as world:
        arranged(world)
        record = await world.last()
        asked, lines = len(world.servers["gp"].asked), len(world.outbox.lines)
        assert await news(world, record) == ()
        assert (len(world.servers["gp"].asked), len(world.outbox.lines)) == (asked, lines)


async def test_what_a_source_has_sent_since_is_told_by_its_name_and_time_and_never_what_it_is():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        record = await world.last()
        sends(world, problem("k2", HERE, "Sepsis"))
        assert await news(world, record) == (NewsItem("sent", "trust", "Trust", AFTER),)
        assert await news(world, await world.last()) == (), "the record that was opened since knows it"


async def test_what_was_taken_back_or_committed_late_is_told_without_a_time_that_is_not_its_own():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        record = await world.last()
        sends(world, problem("k2", HERE), at=BEFORE)
        assert await news(world, record) == (NewsItem("sent", "trust", "Trust", ""),)


async def test_of_a_live_source_that_is_also_kept_what_it_sends_is_told():
    async with a_world(serving("trust", chart("t1", problem("c1", "t1")))) as world:
        arranged(world, arrangement="both")
        record = await world.last()
        sends(world, problem("k2", HERE))
        assert [each.kind for each in await news(world, record)] == ["sent"]


async def test_of_a_source_that_is_withheld_or_not_to_be_named_nothing_is_told():
    for kept_back in ("withheld", "unnamed"):
        async with a_world(serving("trust", chart("t1"))) as world:
            arranged(world)
            setattr(world.neighbours, kept_back, (Withheld("trust", "*", "test/3", "No.", kept_back),))
            record = await world.last()
            sends(world, problem("k2", HERE))
            world.neighbours.pointers += (Pointer("trust", "t2", "p2"),)
            assert await news(world, record) == ()
            assert "trust" not in read(record.heard).sections


async def test_of_a_section_that_is_withheld_since_that_alone_is_told_and_no_source():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        record = await world.last()
        world.neighbours.withheld = (Withheld("trust", "problems", "test/3", "No."),)
        sends(world, allergy("k2", HERE))
        assert await news(world, record) == (NewsItem("sharing"),)


async def test_entries_that_were_joined_and_parted_are_told():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        alone = await world.last()
        world.neighbours.person = replace(EDITH, ids=("p1", "p2", "p3"))
        world.neighbours.pointers += (Pointer("trust", "t2", "p3"),)
        assert [each.kind for each in await news(world, alone)] == ["joined"]
        joined = await world.last()
        world.neighbours.pointers = world.neighbours.pointers[:1]
        assert [each.kind for each in await news(world, joined)] == ["parted"]


async def test_what_the_locator_learned_from_the_opening_itself_is_no_news():
    async with a_world(serving("trust", chart("t1")), serving("gp", chart("g1")), unknown=("gp",)) as world:
        arranged(world)
        record = await world.last()
        world.neighbours.pointers += (Pointer("gp", "g1", "p1"),)
        assert await news(world, record) == ()


async def test_one_source_asked_again_knows_the_copies_that_the_others_were_read_from():
    async with a_world(serving("trust", chart("t1")), serving("gp", chart("g1"))) as world:
        arranged(world)
        record = (await world.again(await world.last(), "gp"))[-1]
        assert await news(world, record) == ()
        sends(world, problem("k2", HERE))
        assert [each.source for each in await news(world, record)] == ["trust"]


async def test_a_record_opened_while_entries_could_not_be_known_is_told_nothing():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        world.neighbours.down = {"locator"}
        assert (await world.last()).heard == ""


async def test_it_is_refused_as_an_opening_is_and_without_a_line_of_its_own():
    async with a_world(serving("trust", chart("t1"))) as world:
        arranged(world)
        record = await world.last()
        lines = len(world.outbox.lines)
        world.neighbours.refusal = Refused("No.", rule="test/4")
        with pytest.raises(Refused):
            await news(world, record)
        world.neighbours.refusal = None
        for down in ("locator", "policy", "holdings", "patients"):
            world.neighbours.down = {down}
            with pytest.raises((Unavailable, Refused)):
                await news(world, record)
        world.neighbours.down = set()
        for odd in ("", "x", "bm90IHVz", "é", urlsafe_b64encode(b'{"x":' + b"[" * 60_000).decode()):
            with pytest.raises(NotUnderstood):
                await news(world, record, heard=odd)
        assert len(world.outbox.lines) == lines


async def test_one_user_is_answered_so_often_and_no_more_and_again_after_a_while():
    now = [0.0]
    async with a_world(serving("trust", chart("t1"))) as world:
        record = await world.last()
        messenger = Messenger(world.desk, lambda: now[0])
        asked = NewsAsked(DR_NAIR, "p1", CARE, record.heard)
        for _ in range(MOST):
            await messenger.news(asked)
        with pytest.raises(TooMany):
            await messenger.news(asked)
        other = replace(DR_NAIR, subject="another")
        await messenger.news(replace(asked, actor=other))
        now[0] = 11.0
        await messenger.news(asked)
