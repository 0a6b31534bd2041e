"""Does it matter in which order answers come, or in how many parts a page was drawn?"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from carerecord.connectors.reply import Reply
from carerecord.contracts.actors import Reason
from carerecord.contracts.records import Entry, Record
from carerecord.kit.turns import Turns
from carerecord.records.merge import Frame, Merging, merge
from carerecord.records.sheets import digest_of, sheet_of
from tests.records.a_desk import EDITH
from tests.records.facts import a_medicine, a_problem, a_reply, a_result

FRAME = Frame("o1", EDITH, Reason("direct-care", "Attending"))
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOURCES = ("gp", "lab", "trust")
NUMBER = ("https://lab.example|12345",)

items = st.lists(
    st.one_of(
        st.builds(
            a_result, st.just("lab"), st.sampled_from(["Potassium", "Sodium"]), st.sampled_from(["4.1", "5.0"]),
            at=st.sampled_from(["2026-11-01T09:30:00Z", "2026-11-01T10:30:10+01:00", "2026-11-02"]),
            id=st.integers(0, 9).map(str), identifiers=st.sampled_from([(), NUMBER]),
        ),
        st.builds(a_medicine, st.just("lab"), st.sampled_from(["Ramipril", "Bisoprolol"]), st.sampled_from(["", "5 mg"]),
                  current=st.booleans(), id=st.integers(0, 9).map(str)),
        st.builds(a_problem, st.just("lab"), st.sampled_from(["Asthma", "Gout"]), id=st.integers(0, 9).map(str)),
    ),
    max_size=8, unique_by=lambda each: (each.facts.resource_type, each.facts.id),
)  # fmt: skip


def of(source: str, entries: Sequence[Entry]) -> Reply:
    """The same items as that source sends them."""
    mine = (
        replace(
            each, key=f"{source}/{each.facts.resource_type}/{each.facts.id}", source=source,
            facts=replace(each.facts, organisation=source),
        )
        for each in entries
    )  # fmt: skip
    return a_reply(source, *mine, kind="gp" if source == "gp" else "acute")


async def in_parts(replies: Sequence[Reply]) -> tuple[Record, str]:
    """Drawn anew after each reply; the last drawing, and the digest."""
    turns = Turns()
    merging, silent = Merging(FRAME, turns), [a_reply(each.source.id, state="loading", said=()) for each in replies]
    for number, reply in enumerate(replies):
        merging.add(await sheet_of(reply, turns))
        record = await merging.drawn([*replies[: number + 1], *silent[number + 1 :]], at=NOW, complete=False)
    record = await merging.drawn(replies, at=NOW, complete=True)
    return record, merging.digest


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(items, min_size=3, max_size=3))
def test_a_page_that_grew_reads_like_one_that_was_drawn_at_once(of_each: list[list[Entry]]):
    replies = [of(source, entries) for source, entries in zip(SOURCES, of_each, strict=True)]
    grown, digest = asyncio.run(in_parts(replies))
    at_once = asyncio.run(merge(FRAME, replies, at=NOW))

    assert grown == at_once
    assert digest == digest_of(grown)


@settings(deadline=None)  # a busy machine is no fault
@given(items, items)
def test_nothing_is_lost_and_each_section_stands_newest_first(some: list[Entry], others: list[Entry]):
    replies = [of("gp", some), of("lab", others)]
    record = asyncio.run(merge(FRAME, replies, at=NOW))

    shown = sorted((o.source, o.resource_type, o.id) for s in record.sections for e in s.entries for o in e.origins)
    assert shown == sorted((r.source.id, e.facts.resource_type, e.facts.id) for r in replies for e in r.entries)
    at = [each.facts.at for section in record.sections if section.id == "medicines" for each in section.entries]
    assert at == sorted(at, reverse=True)


async def test_the_digest_tells_another_version_apart():
    one = of("lab", [a_result("lab", "Potassium", "5.0")])
    (entry,) = one.entries
    other = replace(one, entries=(replace(entry, facts=replace(entry.facts, version="2")),))

    assert digest_of(await merge(FRAME, [one], at=NOW)) != digest_of(await merge(FRAME, [other], at=NOW))


async def test_two_items_of_one_key_are_both_shown():
    twice = a_reply("lab", a_problem("lab", "Asthma"), a_problem("lab", "Asthma"))
    record = await merge(FRAME, [twice], at=NOW)

    assert sum(len(section.entries) for section in record.sections) == 2
