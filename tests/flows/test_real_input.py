"""Real bundles are served by several sources, opened as records, and nothing that a source sent is silently dropped."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from carerecord.app.postgres import Cluster
from carerecord.contracts.records import Record
from carerecord.region.organisations import REAL_SYSTEMS
from carerecord.region.real import with_real
from carerecord.region.shapes import Region
from tests.flows.a_house import Whole, a_whole_house

CHECKOUT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CARERECORD_REAL_INPUTS") or CHECKOUT.parent / "shared" / "data") / "synthea"
PEOPLE = 60
BESIDE = {"Patient", "Organization", "Practitioner"}  # who and where: looked at with the items, no items themselves
BILLING = {"Claim", "ExplanationOfBenefit"}  # no section of a care record asks for what a visit costs

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason=f"real inputs are absent: no folder {FOLDER} (set CARERECORD_REAL_INPUTS to another)"
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    def changed(region: Region) -> Region:
        return with_real(region, FOLDER)

    async with a_whole_house(
        cluster,
        tmp_path_factory.mktemp("real"),
        people=1,
        systems=tuple(each.key for each in REAL_SYSTEMS),
        changed=changed,
        deadline_s=30.0,
        round_trip=False,
        settings={"records": {"last_call_s": "60"}},
    ) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def records(whole: Whole) -> dict[str, Record]:
    """The last chunk of the record of each real person."""
    real = [each.key for each in whole.region.people if each.key.startswith("real-")]
    return {person: (await whole.open(person))[-1] for person in real}


def held(whole: Whole) -> Counter[str]:
    return Counter(
        resource["resourceType"]
        for system in REAL_SYSTEMS
        for holding in whole.region.holdings[system.key]
        for resource in holding.resources
    )


def table(whole: Whole, records: dict[str, Record]) -> tuple[str, dict[str, tuple[int, int, int, int]]]:
    """By type: what the sources hold, what they sent, what is shown, what nobody could read. In words, and as numbers."""
    sent: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for record in records.values():
        for type_, *counts in record.tally:
            for counter, count in zip((sent, shown, unreadable), counts, strict=True):
                counter[type_] += count
    there = held(whole)
    numbers = {each: (there[each], sent[each], shown[each], unreadable[each]) for each in sorted(there | sent)}
    lines = [f"{each:<28}{''.join(f'{count:>12}' for count in row)}" for each, row in numbers.items()]
    heading = f"{'type':<28}{'held':>12}{'sent':>12}{'shown':>12}{'unreadable':>12}"
    return "\n".join(["", heading, *lines]), numbers


async def test_everybody_is_served_enrolled_and_opened(records: dict[str, Record]):
    assert len(records) == PEOPLE
    for person, record in records.items():
        assert record.complete
        assert {state.state for state in record.states} <= {"live", "not recorded", "none held", "not asked"}, person
        assert sum(len(section.entries) for section in record.sections) > 10, person


async def test_what_was_sent_is_shown_or_counted_as_unreadable(whole: Whole, records: dict[str, Record]):
    words, numbers = table(whole, records)
    assert all(sent == shown + unreadable for _, sent, shown, unreadable in numbers.values()), words


async def test_what_is_held_was_sent_and_what_is_not_asked_for_is_known(whole: Whole, records: dict[str, Record]):
    words, numbers = table(whole, records)
    assert {each for each, (_, sent, _, _) in numbers.items() if not sent} == BESIDE | BILLING, words
    assert all(held == sent for held, sent, _, _ in numbers.values() if sent), words
    assert sum(sent for _, sent, _, _ in numbers.values()) > 10_000, words


async def test_each_that_counts_as_shown_stands_in_a_record_with_its_source(whole: Whole, records: dict[str, Record]):
    """The count is not taken from the tally: every origin of every entry, doubles joined into one keeping each of theirs."""
    words, numbers = table(whole, records)
    stands = Counter(
        origin.resource_type
        for record in records.values()
        for section in record.sections
        for entry in section.entries
        for origin in entry.origins
    )
    assert stands == {each: shown for each, (_, _, shown, _) in numbers.items() if shown}, words
    for record in records.values():
        sources = {state.source for state in record.states}
        assert all(origin.source in sources for section in record.sections for e in section.entries for origin in e.origins)
