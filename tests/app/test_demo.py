"""Does `carerecord demo` do what its operator expects, from the first line to the last process?"""

import asyncio
import json
import signal
import socket
import stat
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from tests.app.a_demo import Carerecord, Running, a_demo, running, words_of_people

from carerecord.app.demo import MARK, _claim, taken_at
from carerecord.app.engine import write_private
from carerecord.app.walk import Page, Walker, a_session
from carerecord.region import make_region
from carerecord.region.organisations import SYSTEM_BY_KEY
from carerecord.region.real import with_real
from carerecord.region.run import pretend_region
from carerecord.region.scenes.all import tell_scenes

pytestmark = pytest.mark.timeout(150)


def test_it_ends_its_start_with_its_address_and_keeps_the_log_out_of_the_terminal(demo: Running):
    out, err = demo.out.read_text(), demo.err.read_text()

    assert out.splitlines()[-1] == f"carerecord is ready at {demo.front}"
    assert "Dr Priya Nair" in out
    assert demo.run_file["tour"] in out
    assert "{" not in out + err
    events = [json.loads(line) for line in demo.log.splitlines()]
    assert any(each["event"] == "enrolment.done" for each in events)


def test_what_it_leaves_on_the_disk_is_for_its_owner_alone(demo: Running):
    for name, mode in (("", 0o700), ("run.json", 0o600), ("carerecord.log", 0o600), ("secret", 0o600), ("secrets", 0o700)):
        assert stat.S_IMODE((demo.folder / name).stat().st_mode) == mode, name
    assert demo.run_file["pid"] == demo.process.pid


def test_a_second_start_on_the_same_folder_is_refused_and_says_who_runs_there(demo: Running, carerecord: Carerecord):
    again = carerecord(demo.folder, "demo", "--port", "0")

    assert again.returncode == 1
    assert again.stderr.strip() == f"carerecord: A demo runs here already (pid {demo.process.pid}), at {demo.front}."


def test_a_port_that_is_taken_is_said_with_its_holder_and_the_command_for_another(tmp_path: Path, carerecord: Carerecord):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        refused = carerecord(tmp_path / "data", "demo", "--port", str(port))

    assert refused.returncode == 1
    assert f"Port {port} is taken by " in refused.stderr
    assert f"(pid {psutil.Process().pid})" in refused.stderr
    assert f"PORT={port + 1} make demo" in refused.stderr
    assert not (tmp_path / "data" / "postgres").exists(), "it was said before anything was begun"


def test_a_folder_that_holds_another_deployment_is_left_alone(tmp_path: Path, carerecord: Carerecord):
    (tmp_path / "data" / "postgres").mkdir(parents=True)

    refused = carerecord(tmp_path / "data", "demo", "--port", "0")

    assert refused.returncode == 1
    assert "holds a deployment that is no demo" in refused.stderr


def test_a_demo_of_another_region_leaves_ones_own_tables_where_they_are(tmp_path: Path):
    for each in ("sources", "postgres"):
        (tmp_path / each).mkdir()
    write_private(tmp_path / "sources" / "region.toml", "")
    write_private(tmp_path / "sources" / "tarn.toml", "[[source]]")
    write_private(tmp_path / "postgres" / "held", "of people who are no more")
    write_private(tmp_path / MARK, json.dumps({"seed": 1}))

    _claim(tmp_path, {"seed": 2}, lambda words: None)

    assert [each.name for each in (tmp_path / "sources").iterdir()] == ["tarn.toml"]
    assert not (tmp_path / "postgres").exists()


def test_a_demo_takes_messages_where_it_is_told_and_says_that_it_takes_none_with_certificates(
    tmp_path: Path, carerecord: Carerecord
):
    assert (taken_at({"mllp": "127.0.0.1:2575"}), taken_at({})) == ("127.0.0.1:2575", "")

    tls = {"CARERECORD_INGEST_MLLP_CERTIFICATE": "ours.pem", "CARERECORD_INGEST_MLLP_CLIENTS_CA": "ca.pem"}
    refused = carerecord(tmp_path / "data", "demo", "--port", "0", **tls)

    assert refused.returncode == 1
    assert "CARERECORD_INGEST_MLLP_CERTIFICATE" in refused.stderr
    assert "`carerecord serve` takes them" in refused.stderr


def test_every_scene_shows_what_it_must_and_the_log_of_it_all_names_nobody(demo: Running, carerecord: Carerecord):
    checked = carerecord(demo.folder, "demo", "--check")

    assert checked.returncode == 0, checked.stderr
    assert "12 of 12 scenes show what they must" in checked.stderr
    log = demo.log
    assert "source.silent" in log, "it did log what went on"
    people = make_region(1948, 30, now=datetime.now(UTC)).people
    names = {name for person in people for name in (person.family, *person.given)}
    assert words_of_people(log, sorted(names)) == []


def test_a_scene_that_is_broken_is_named_with_what_its_page_lacks(demo: Running, carerecord: Carerecord):
    """Trust B leaves the registry, and with it the only source of the methotrexate of scene 5."""
    tables = demo.folder / "sources" / "region.toml"
    whole = tables.read_text()
    head, *each = whole.split("[[source]]")
    tables.write_text("[[source]]".join([head, *(table for table in each if 'id = "fenwick-rheumatology"' not in table)]))
    try:
        time.sleep(1.5)  # a change takes effect within a second
        checked = carerecord(demo.folder, "demo", "--check", "--scene", "5")
    finally:
        tables.write_text(whole)

    assert checked.returncode == 1
    assert "FAIL scene 5" in checked.stderr
    assert "the page does not say '15 mg once a week'" in checked.stderr
    assert "0 of 1 scenes" in checked.stderr
    time.sleep(1.5)  # and so does its undoing, for whoever comes next


def test_a_scene_that_is_not_on_the_tour_cannot_be_checked(demo: Running, carerecord: Carerecord):
    checked = carerecord(demo.folder, "demo", "--check", "--scene", "99")

    assert checked.returncode == 1
    assert checked.stderr.startswith("carerecord: There is no scene 99 on the tour, only 1, 2, 3,")


def test_a_real_patients_record_opens_from_the_search_page(demo: Running, real_folder: Path | None):
    if real_folder is None:
        pytest.skip("no real inputs here: CARERECORD_REAL_INPUTS names none")
    region = with_real(make_region(1948, 30, now=datetime.now(UTC)), real_folder)
    invented = {each.key for each in make_region(1948, 30, now=datetime.now(UTC)).people}
    person = next(each for each in region.people if each.key not in invented)

    record = asyncio.run(opened_by_number(demo.front, person.nhs_number))

    assert record.status == 200
    assert person.family.upper() in record.words
    sources = [each.name for each in region.systems if any(held.person == person.key for held in region.holdings[each.key])]
    assert sources
    assert record.lacks(tuple(sources)) == ()


async def opened_by_number(front: str, number: str) -> Page:
    """Sign in, search, confirm, say why, open: as a visitor without script does."""
    async with a_session() as session:
        walker = Walker(session)
        page = await walker.get(f"{front}/sign-in?provider=aldermoor&login_hint=priya.nair&after=/search")
        page = await walker.send(page, page.form("Search"), {"text": number})
        if not any("/open" in form.action for form in page.forms):
            (opening,) = {link for _, link in page.links if link.endswith("/open")}
            page = await walker.get(front + opening)
        form = page.form("/open")
        return await walker.send(page, form, {"purpose": "direct-care", "text": "Seen in the emergency department"})


def test_it_stops_on_control_c_leaves_nobody_behind_and_is_soon_ready_again(tmp_path: Path):
    with a_demo(tmp_path / "data") as first:
        pid = first.process.pid
        code, alive = first.end(signal.SIGINT)
    assert (code, alive) == (0, [])
    assert "Traceback" not in first.said
    assert "events.nats-lost" not in first.log
    assert not (tmp_path / "data" / "run.json").exists()

    with a_demo(tmp_path / "data") as second:
        assert second.process.pid != pid
        assert "(0 new)" in second.said
        family = second.family()
        assert len(family) > 5
        second.process.kill()
        second.process.wait()
        _, alive = psutil.wait_procs(family[1:], timeout=10)
        assert [each.name() for each in alive] == [], "killed without a word, it leaves no engine and no region"

    with a_demo(tmp_path / "data") as third:
        assert third.run_file["pid"] == third.process.pid, "what a killed one left is no obstacle"


@pytest.mark.parametrize("words", ["starting a pretend region", "starting PostgreSQL", "opening the house"])
def test_a_signal_in_the_middle_of_its_start_ends_it_in_order(tmp_path: Path, words: str):
    with running(tmp_path / "data", "demo", "--port", "0", "--people", "30") as demo:
        demo.until(words)
        code, alive = demo.end(signal.SIGTERM)

    assert (code, alive) == (128 + signal.SIGTERM, [])
    assert "Traceback" not in demo.said
    assert "ready" not in demo.said


def test_each_system_can_have_a_process_of_its_own(tmp_path: Path):
    with pretend_region(tmp_path / "data", front="http://127.0.0.1:1", people=20, each=True) as region:
        assert len(region.addresses.processes) >= len(region.systems)
        for address in (each for key, each in region.systems.items() if SYSTEM_BY_KEY[key].connector == "fhir_r4"):
            with urllib.request.urlopen(f"{address}/metadata", timeout=10) as reply:
                assert reply.status == 200
        family = [psutil.Process(pid) for pid in region.processes]
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_the_tour_tells_every_complete_scene(demo: Running):
    with urllib.request.urlopen(demo.run_file["tour"], timeout=10) as reply:
        page = reply.read().decode()

    for scene in tell_scenes(datetime.now(UTC)).scenes:
        assert (f'action="/scene/{scene.number}"' in page) == scene.complete
