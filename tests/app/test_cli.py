"""Is what the command line says short, plain and true, above all when something is wrong?"""

import json
import os
from pathlib import Path

import pytest
from tests.app.a_demo import Carerecord, Running

from carerecord.app import cli
from carerecord.app.catalogue import CATALOGUE, NAMES
from carerecord.app.runfile import RunFile, running_house, written

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_the_catalogue_names_every_service_and_its_database(carerecord: Carerecord, folder: Path):
    said = carerecord(folder, "catalogue")

    assert said.returncode == 0
    for each in CATALOGUE:
        assert each.name in said.stdout
        assert (f"CARERECORD_{each.name.upper()}_DATABASE" in said.stdout) == each.keeps


def test_the_keys_of_a_service_open_the_doors_that_it_may_ask_and_no_other(carerecord: Carerecord, folder: Path):
    said = carerecord(folder, "keys", "policy")

    assert said.returncode == 0
    assert set(json.loads(said.stdout)["credentials"]) == {"consent", "sources"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("keys", "nobody"), f"nobody is not a service; they are: {', '.join(NAMES)}"),
        (("serve", "--target", "kitchen"), f"kitchen is not a service; they are: {', '.join(NAMES)}"),
        (("sources", "probe"), "Say which source, or --all. `carerecord sources list` names them."),
    ],
)
def test_an_error_is_one_plain_sentence(carerecord: Carerecord, folder: Path, arguments: tuple[str, ...], sentence: str):
    said = carerecord(folder, *arguments)

    assert (said.returncode, said.stdout, said.stderr) == (1, "", f"carerecord: {sentence}\n")


def test_where_nothing_runs_it_says_how_to_start(carerecord: Carerecord, folder: Path):
    said = carerecord(folder, "sources", "list")

    assert said.returncode == 1
    assert said.stderr == f"carerecord: Nothing runs on {folder}. Start it first: carerecord serve, or make demo.\n"


def test_a_setting_that_makes_no_sense_is_named(carerecord: Carerecord, folder: Path):
    said = carerecord(folder, "serve", CARERECORD_LOG_LEVEL="LOUD")

    assert said.returncode == 1
    assert said.stderr.startswith("carerecord: CARERECORD_LOG_LEVEL: ")
    assert said.stderr.count("\n") == 1


def test_a_database_that_is_not_there_is_named_by_its_service_and_never_with_its_password(carerecord: Carerecord, folder: Path):
    told = {"CARERECORD_PATIENTS_DATABASE": "postgresql://patients:sekrit@127.0.0.1:1/patients", "CARERECORD_NATS_URL": "nats://127.0.0.1:1"}
    said = carerecord(folder, "serve", "--target", "patients", **told)

    assert said.returncode == 1
    assert "The database of the patients service cannot be used" in said.stderr
    assert "sekrit" not in said.stderr
    assert said.stderr.count("\n") == 1


def test_what_was_not_foreseen_is_told_by_kind_and_place(carerecord: Carerecord, folder: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ValueError("a patient's name")

    monkeypatch.setattr(cli, "secret_of", broken)
    said = carerecord(folder, "keys", "policy")

    assert said.returncode == 1
    assert "ValueError at " in said.stderr
    assert "CARERECORD_LOG_LEVEL=DEBUG" in said.stderr
    assert "name" not in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_run_file_whose_process_is_gone_or_is_another_by_now_counts_for_nothing(tmp_path: Path):
    with written(tmp_path, RunFile(os.getpid(), "http://front", "http://inner")):
        assert running_house(tmp_path) is not None
        told = json.loads((tmp_path / "run.json").read_text())
        (tmp_path / "run.json").write_text(json.dumps(told | {"began": told["began"] + 1}))
        assert running_house(tmp_path) is None
        (tmp_path / "run.json").write_text(json.dumps(told | {"pid": 2**22 - 1}))
        assert running_house(tmp_path) is None


def test_the_sources_of_a_running_house_are_listed_probed_and_enrolled(demo: Running, carerecord: Carerecord):
    listed = carerecord(demo.folder, "sources", "list")
    probed = carerecord(demo.folder, "sources", "probe", "kirkgate")
    enrolled = carerecord(demo.folder, "sources", "enrol", "kirkgate")
    unknown = carerecord(demo.folder, "sources", "probe", "nowhere")

    assert listed.returncode == 0
    assert "kirkgate" in listed.stdout
    assert "    sent by fenwick-pas, as PAS of FENWICK" in listed.stdout
    assert probed.returncode == 0, probed.stdout
    assert "capability statement: FHIR 4.0.1" in probed.stdout
    assert "wrong" not in probed.stdout
    assert enrolled.returncode == 0
    assert ", 0 new, " in enrolled.stdout
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("carerecord: No source is called nowhere.")


def test_the_book_of_a_running_house_is_found_whole(demo: Running, carerecord: Carerecord):
    verified = carerecord(demo.folder, "verify-audit")

    assert verified.returncode == 0
    assert "lines agree" in verified.stdout


def test_a_client_of_the_api_is_added_given_a_token_listed_and_revoked(demo: Running, carerecord: Carerecord):
    words = ("--organisation", "R9A", "--scopes", "system/Observation.rs,system/Patient.r")
    added = carerecord(demo.folder, "client", "add", "A test's client", *words)
    id_, secret = (line.split()[1] for line in added.stdout.splitlines())
    given = carerecord(demo.folder, "client", "token", id_, "--ttl", "8h")
    listed = carerecord(demo.folder, "client", "list")
    revoked = carerecord(demo.folder, "client", "revoke", id_)
    refused = carerecord(demo.folder, "client", "token", id_)
    wrong = carerecord(demo.folder, "client", "add", "Another", "--organisation", "R9A", "--scopes", "everything")

    assert [added.returncode, given.returncode, listed.returncode, revoked.returncode] == [0, 0, 0, 0]
    assert len(given.stdout.strip()) > 40
    assert id_ in listed.stdout
    assert secret not in listed.stdout
    assert "revoked" in revoked.stdout
    assert (refused.returncode, wrong.returncode) == (1, 1)
    assert "Scopes are written system/Type.cruds" in wrong.stderr


def test_a_file_is_taken_in_counted_and_what_waits_aside_is_mended(demo: Running, carerecord: Carerecord, tmp_path: Path):
    words = ("--organisation", "R9A", "--scopes", "system/*.cruds", "--on-invalid", "quarantine")
    client = carerecord(demo.folder, "client", "add", "A lab", *words).stdout.split()[1]
    file = tmp_path / "people.ndjson"
    faulty = '{"resourceType":"Observation","status":"final","code":{"text":"K"},"effectiveDateTime":"31/01/2026"}'
    file.write_text('{"resourceType":"Basic","code":{"text":"x"}}\nnothing\n' + faulty + "\n")

    taken = carerecord(demo.folder, "kept", "import", str(file), "--client", client)
    counted = carerecord(demo.folder, "kept", "counts")
    listed = carerecord(demo.folder, "kept", "aside", "list")
    waits = listed.stdout.split()[0]
    shown = carerecord(demo.folder, "kept", "aside", "show", waits, "--reason", "to mend it")
    accepted = carerecord(demo.folder, "kept", "aside", "accept", waits, "--reason", "the lab says so")
    discarded = carerecord(demo.folder, "kept", "aside", "discard", waits, "--reason", "again")

    assert (taken.returncode, taken.stdout) == (1, "3 lines; 1 kept, 2 refused\n")
    assert "Line 2: The line is not a resource in JSON." in taken.stderr
    assert "1  Basic" in counted.stdout
    assert "Observation.effectiveDateTime is not" in listed.stdout
    assert "31/01/2026" not in listed.stdout
    assert "31/01/2026" in shown.stdout
    assert "kept as Observation/" in accepted.stdout
    assert (discarded.returncode, "Nothing of that id waits." in discarded.stderr) == (1, True)
