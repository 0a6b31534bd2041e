"""Does the region start as processes of its own, introduce itself by files alone, and leave nothing behind?"""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest

from carerecord.region.run import RegionFailed, pretend_region

FRONT = "http://127.0.0.1:8080"


def children(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in told.stdout.split()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: list[int], within_s: float = 5.0) -> bool:
    ends = time.monotonic() + within_s
    while any(lives(pid) for pid in pids) and time.monotonic() < ends:
        time.sleep(0.05)
    return not any(lives(pid) for pid in pids)


def got(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=5) as reply:
        body: bytes = reply.read()
        return body


def test_the_region_is_three_processes_and_known_by_its_files(tmp_path: Path) -> None:
    with pretend_region(tmp_path, front=FRONT, people=60) as region:
        parts = children(region.pid)
        sources = tomllib.loads((tmp_path / "sources" / "region.toml").read_text())["source"]
        providers = tomllib.loads((tmp_path / "providers" / "region.toml").read_text())["provider"]

        assert len(parts) == 3
        assert region.processes == (region.pid, *parts)
        practices = {each["id"] for each in sources if each["connector"] == "gp_connect"}
        fhir = {key: address for key, address in region.systems.items() if key not in practices}
        assert len(practices) == 2
        assert {each["id"]: each["address"] for each in sources if each["connector"] == "fhir_r4"} == fhir
        sending = {each["id"] for each in sources if each["connector"] == "none"}
        senders = tomllib.loads((tmp_path / "sources" / "senders.toml").read_text())["sender"]
        assert sending == {each["source"] for each in senders} == {"aldermoor-pas", "aldermoor-blood", "fenwick-pas"}
        assert {each["id"] for each in sources} == {*region.systems, *sending, "pds"}
        assert [each["address"] for each in sources if each["connector"] == "pds"] == [region.addresses.pds]
        assert {each["id"]: each["issuer"] for each in providers} == region.addresses.providers
        for each in [*sources, *providers]:
            if secret := each.get("credentials"):
                file = tmp_path / "secrets" / secret
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
                assert file.read_text() not in (tmp_path / "sources" / "region.toml").read_text()
        for address in fhir.values():
            assert json.loads(got(f"{address}/metadata"))["resourceType"] == "CapabilityStatement"
        tour = got(region.tour).decode()
        shown = [scene.number for scene in region.scenes if f'action="/scene/{scene.number}"' in tour]
        assert shown == [scene.number for scene in region.scenes if scene.complete]
        assert shown == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15]
        habits = json.loads(got(f"{region.control}/control"))["habits"]
        assert len(habits) == len(region.systems) + len(region.addresses.providers) + 1
    assert gone([region.pid, *parts])


def test_each_system_may_have_a_process_of_its_own(tmp_path: Path) -> None:
    with pretend_region(tmp_path, front=FRONT, people=20, each=True) as region:
        parts = children(region.pid)
        assert len(parts) == len(region.systems) + len(region.addresses.providers) + 1
    assert gone(parts)


def test_a_region_whose_starter_is_killed_leaves_no_orphan(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom carerecord.region.run import pretend_region\n"
        f"with pretend_region(Path({str(tmp_path)!r}), front={FRONT!r}, people=20) as region:\n"
        "    print(region.pid, flush=True)\n    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    region = int(starter.stdout.readline())
    parts = children(region)
    starter.kill()
    starter.wait()
    starter.stdout.close()

    assert len(parts) == 3
    assert gone([region, *parts])


def test_a_region_that_loses_a_part_ends(tmp_path: Path) -> None:
    with pretend_region(tmp_path, front=FRONT, people=20) as region:
        parts = children(region.pid)
        os.kill(parts[0], signal.SIGKILL)

        assert gone([region.pid, *parts])


def test_a_region_that_cannot_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("a file where a folder should be")

    with pytest.raises(RegionFailed), pretend_region(tmp_path, front=FRONT, people=20):
        pass
