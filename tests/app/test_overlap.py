"""What does an operator learn of whole extracts before they are let in, and is it what the index would do?"""

import csv
import json
import stat
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from carerecord.app.commands import sources

EDITH: dict[str, Any] = {"family": "Marlow", "given": ["Edith", "Rose"], "born": "1948-03-14"}
HANA: dict[str, Any] = {"family": "Iqbal", "given": ["Hana"], "born": "1990-05-02"}


def patient(local: str, family: str, given: list[str], born: str) -> str:
    return json.dumps({
        "resourceType": "Patient", "id": local, "birthDate": born, "gender": "female",
        "name": [{"use": "official", "family": family, "given": given}],
        "address": [{"line": ["14 Station Road"], "postalCode": "QX1 4AB"}],
        "telecom": [{"system": "phone", "value": "07700 900123"}],
    })  # fmt: skip


def extract(folder: Path, source: str, *lines: str) -> str:
    file = folder / f"{source}.ndjson"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def overlap(*args: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(sources.app, ["overlap", *args])
    return done.exit_code, done.stdout, done.stderr


def test_whole_extracts_are_linked_as_the_index_would_and_each_entry_says_who_it_is(tmp_path):
    practice = extract(tmp_path, "practice", patient("1", **EDITH), patient("2", **HANA))
    zoya = {**HANA, "given": ["Zoya"]}
    trust = extract(tmp_path, "trust", patient("MRN7", **{**EDITH, "given": ["Edith"]}), patient("MRN8", **zoya))
    out = tmp_path / "who.csv"

    code, says, _ = overlap(practice, trust, "--write", str(out))

    rows = {(row["source"], row["id"]): row for row in csv.DictReader(out.read_text().splitlines())}
    assert code == 0
    assert says.splitlines()[:2] == ["entries: 4", "people: 3, of whom 1 would be linked from two entries or more"]
    assert rows["practice", "1"]["person"] == rows["trust", "MRN7"]["person"]
    assert rows["practice", "2"]["person"] != rows["trust", "MRN8"]["person"]  # two given names on one birth date: twins, perhaps
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_no_id_is_carried_out_by_a_spreadsheet(tmp_path):
    practice = extract(tmp_path, "practice", patient("=cmd|'/c calc'!A1", **EDITH), patient("A-1", **HANA))
    out = tmp_path / "who.csv"

    code, _, _ = overlap(practice, "--write", str(out))

    assert code == 0
    assert [row["id"] for row in csv.DictReader(out.read_text().splitlines())] == ["'=cmd|'/c calc'!A1", "A-1"]


def test_a_line_that_cannot_be_read_is_told_by_its_number_and_not_by_what_it_says(tmp_path):
    broken = '{"resourceType": "Patient", "name": "Marlow"'
    file = extract(tmp_path, "practice", patient("1", **EDITH), broken, patient("", **HANA))

    code, says, faults = overlap(file)

    assert code == 1
    assert "people: 1, of whom 0 " in says
    assert "practice.ndjson, line 2: " in faults
    assert "practice.ndjson, line 3: it has no id" in faults
    assert "Marlow" not in faults


def test_of_two_lines_with_one_id_the_later_counts(tmp_path):
    code, says, _ = overlap(extract(tmp_path, "practice", patient("1", **HANA), patient("1", **EDITH)))
    assert (code, says.splitlines()[0]) == (0, "entries: 1")


def test_a_source_comes_in_one_file(tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    one, two = (extract(folder, "practice", patient("1", **EDITH)) for folder in (tmp_path, other))
    code, _, faults = overlap(one, two)
    assert (code, "one source" in faults) == (1, True)


def test_what_was_written_before_is_not_written_over(tmp_path):
    kept = tmp_path / "who.csv"
    kept.write_text("mine")
    code, _, _ = overlap(extract(tmp_path, "practice", patient("1", **EDITH)), "--write", str(kept))
    assert (code, kept.read_text()) == (1, "mine")
