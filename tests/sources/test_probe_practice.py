"""A practice is probed by what the directory lists of it, and nobody's record is asked for."""

from msgspec.structs import replace
from tests.connectors.a_practice import Practice, a_practice

from carerecord.contracts.sources import SharedSection
from carerecord.region.servers.gp_connect_words import HTML, STRUCTURED
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.sds import Listed
from carerecord.sources.probe import probe

SHARED = (SharedSection("allergies"), SharedSection("documents"))


async def probed(practice: Practice, **more: object) -> tuple[bool, dict[str, tuple[bool, str]]]:
    found = await probe(replace(practice.source, sections=SHARED, **more), lambda _: "")
    return found.ok, {each.what: (each.ok, each.says) for each in found.checks}


async def test_a_practice_that_is_listed_passes_and_is_not_asked_for_anybody():
    async with a_practice() as practice:
        ok, checks = await probed(practice)
        assert practice.server.asked == []
    assert ok
    assert checks["the structured record"][0]


async def test_a_practice_that_lists_no_documents_is_said_to_with_what_to_do():
    async with a_practice() as practice:
        listed = practice.server.fhir.listed  # type: ignore[union-attr]
        practice.lists(Listed(listed.ods, listed.asid, listed.party_key, {STRUCTURED: "https://gp.example"}))
        ok, checks = await probed(practice)
    assert not ok
    assert "Take documents away" in checks["documents"][1]


async def test_pages_alone_are_enough_where_documents_are_not_shared():
    async with a_practice() as practice:
        listed = practice.server.fhir.listed  # type: ignore[union-attr]
        practice.lists(Listed(listed.ods, listed.asid, listed.party_key, {HTML: "https://gp.example"}))
        found = await probe(replace(practice.source, sections=SHARED[:1]), lambda _: "")
    assert found.ok


async def test_a_silent_directory_is_told_apart_from_an_unlisted_practice():
    async with a_practice() as practice:
        practice.directory.habits.set(Habit("status", status=500))
        ok, checks = await probed(practice)
    assert not ok
    assert "Check `address`" in checks["the structured record"][1]


async def test_a_table_for_any_practice_passes_when_the_directory_answers():
    async with a_practice() as practice:
        ok, _ = await probed(practice, any_practice=True, organisation="QZ9")
    assert ok
