"""What does an analyst see who tries a mapping?"""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from carerecord.app.try_mapping import try_mapping

MAPPINGS = Path(__file__).parents[1] / "connectors" / "mappings"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    shutil.copytree(MAPPINGS, tmp_path / "mappings")
    return tmp_path / "mappings" / "rivermead.toml"


def tried(file: Path, *, write: bool = False) -> tuple[bool, str]:
    said = io.StringIO()
    return try_mapping(file, write=write, out=Console(file=said, width=200)), said.getvalue()


def test_a_mapping_that_does_what_it_says_passes_and_names_what_is_left_out(file: Path):
    ok, said = tried(file)
    assert ok
    assert "rivermead.toml: 3 of 3 test cases as expected" in said
    assert "sent and left out on purpose: allergies.rowVersion" in said


def test_what_differs_is_named_by_item_and_element(file: Path):
    expected = file.parent / "cases" / "rivermead-allergies.r4.json"
    expected.write_text(expected.read_text(encoding="utf-8").replace('"2021-09-17"', '"2021-09-07"'), encoding="utf-8")
    ok, said = tried(file)
    assert not ok
    assert 'AllergyIntolerance/A-1 recordedDate: expected "2021-09-07", came "2021-09-17"' in said


def test_a_new_field_is_named_and_fails(file: Path):
    answer = file.parent / "cases" / "rivermead-allergies.json"
    answer.write_text(answer.read_text(encoding="utf-8").replace('"rowVersion": 4', '"refuted": true'), encoding="utf-8")
    ok, said = tried(file)
    assert not ok
    assert "sent and not known to the mapping: allergies.refuted" in said


def test_what_comes_out_and_is_not_r4_is_named(file: Path):
    before, after = 'code = "risk", map = "allergy-risk"', 'code = "state", map = "allergy-status"'
    text = file.read_text(encoding="utf-8").replace(before, after)
    file.write_text(text, encoding="utf-8")
    ok, said = tried(file)
    assert not ok
    assert "AllergyIntolerance/A-1 is not R4: AllergyIntolerance.criticality is not one of the codes that FHIR allows" in said


def test_a_mistake_in_the_file_is_told_with_its_table(file: Path):
    file.write_text(file.read_text(encoding="utf-8").replace('type = "Encounter"', 'type = "Visit"'), encoding="utf-8")
    ok, said = tried(file)
    assert not ok
    assert "request visits, item 1: type is 'Visit'" in said


def test_what_came_out_can_be_kept_as_what_is_expected(file: Path):
    (file.parent / "cases" / "rivermead-visits.r4.json").unlink()
    assert not tried(file)[0]
    tried(file, write=True)
    assert tried(file)[0]
