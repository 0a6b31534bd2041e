"""Does a region of two hundred systems hold together, and cost little?"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from carerecord.fhir.identifiers import is_ods_code
from carerecord.fhir.sections import section_of
from carerecord.fhir.validate import load
from carerecord.region import make_region
from carerecord.region.many import KNOWN_TO, MOST, widened
from carerecord.region.parts import parts_of
from carerecord.region.run import pretend_region
from carerecord.region.shapes import Region

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
ALWAYS_ASKED = {"allergies", "medicines", "plans"}


@pytest.fixture(scope="module")
def region() -> Region:
    return make_region(7, 120, now=NOW)


@pytest.fixture(scope="module")
def wide(region: Region) -> Region:
    return widened(region, 200)


def test_there_are_as_many_systems_as_asked_and_each_is_told_from_the_others(wide: Region) -> None:
    assert len(wide.systems) == 200
    for name in ("key", "mark", "name"):
        assert max(Counter(getattr(each, name) for each in wide.systems).values()) == 1, name
    known = {each.ods: each for each in wide.organisations}
    assert len(known) == len(wide.organisations)
    assert all(each.ods in known and is_ods_code(each.ods) for each in wide.systems)


def test_a_region_that_is_large_enough_stays_as_it_is(region: Region) -> None:
    assert widened(region, 0) is region
    assert widened(region, len(region.systems)) is region


def test_more_than_can_be_told_apart_is_refused(region: Region) -> None:
    assert len({each.mark for each in widened(region, MOST).systems}) == MOST
    with pytest.raises(ValueError, match="at most"):
        widened(region, MOST + 1)


def test_small_systems_know_few_and_one_person_is_known_to_very_many(wide: Region) -> None:
    small = [each for each in wide.systems if each.small]
    known: Counter[str] = Counter(held.person for each in small for held in wide.holdings[each.key])
    told = {key for scene in wide.scenes for key in (scene.patient, *scene.others)}
    often, times = known.most_common(1)[0]

    assert all(3 <= len(wide.holdings[each.key]) <= 4 for each in small)
    assert times >= KNOWN_TO
    assert sum(any(held.person == often for held in held_there) for held_there in wide.holdings.values()) >= 30
    assert not told & set(known)


def test_none_of_them_is_asked_for_everybody(wide: Region) -> None:
    assert not any(ALWAYS_ASKED & set(each.sections) for each in wide.systems if each.small)


def test_what_they_hold_is_fhir_and_what_they_share(wide: Region) -> None:
    validators = load()
    for each in wide.systems:
        for held in wide.holdings[each.key] if each.small else ():
            assert not [fault for resource in held.resources for fault in validators.faults(resource)]
            assert {section_of(resource) for resource in held.resources} <= set(each.sections)


def test_the_same_seed_makes_the_same_many_and_the_region_itself_is_untouched(region: Region, wide: Region) -> None:
    again = widened(make_region(7, 120, now=NOW), 200)

    def said(one: Region) -> bytes:
        return orjson.dumps({key: [each.resources for each in held] for key, held in one.holdings.items()})

    assert said(again) == said(wide)
    assert {key: wide.holdings[key] for key in region.holdings} == region.holdings


def test_they_share_one_process_also_where_each_other_system_has_its_own(wide: Region) -> None:
    for each in (False, True):
        parts = {part.name: part.systems for part in parts_of(wide, each=each)}
        assert len(parts["many"]) == 170
        assert sorted(key for keys in parts.values() for key in keys) == sorted(each.key for each in wide.systems)


def test_two_hundred_take_one_process_more_than_thirty(tmp_path: Path) -> None:
    with pretend_region(tmp_path, front="http://127.0.0.1:8080", people=60, sources=200) as region:
        assert len(region.systems) == 200
        assert len(region.addresses.processes) == 4
