"""Does an operator start basic, let a module join, and hear of a name that is none?"""

import asyncio
import json
import signal
import time
from pathlib import Path

import aiohttp
import pytest
from tests.app.a_demo import Carerecord, running

from carerecord.fhir.modules import MODULES

pytestmark = pytest.mark.timeout(150)


def test_a_name_that_is_no_module_is_refused_with_the_list_before_anything_starts(tmp_path: Path, carerecord: Carerecord):
    refused = carerecord(tmp_path / "data", "serve", "--modules", "demographics,horoscopes")
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"carerecord: There is no module horoscopes; they are: {', '.join(MODULES)}."
    assert not (tmp_path / "data").exists()


def test_modules_are_set_added_and_removed_and_something_is_always_served(tmp_path: Path, carerecord: Carerecord):
    folder = tmp_path / "data"

    def served() -> list[str]:
        table = carerecord(folder, "modules", "list").stdout
        return [line.split("│")[1].strip() for line in table.splitlines() if "│ yes" in line]

    assert served() == list(MODULES)
    assert carerecord(folder, "modules", "add", "medicines").returncode == 1, "everything is served already"
    assert carerecord(folder, "modules", "set", "pathology,radiology").returncode == 0
    assert served() == ["demographics", "pathology", "radiology"]
    assert carerecord(folder, "modules", "add", "medicines,plans").returncode == 0
    assert carerecord(folder, "modules", "remove", "radiology").returncode == 0
    assert carerecord(folder, "modules", "remove", "plans", "--keep-copies").returncode == 0
    assert 'copies_of = ["plans"]' in (folder / "sources" / "modules.toml").read_text()
    assert served() == ["medicines", "demographics", "pathology"]
    assert carerecord(folder, "modules", "remove", "results").returncode == 1, "it is not served by that name"
    assert carerecord(folder, "modules", "remove", "medicines,pathology").returncode == 1, "something must be served"
    assert carerecord(folder, "modules", "set", "all").returncode == 0
    assert served() == list(MODULES)


def test_a_fourth_module_joins_a_house_that_runs(tmp_path: Path, carerecord: Carerecord):
    folder, basic = tmp_path / "data", ["demographics", "pathology", "radiology"]
    with running(folder, "serve", "--target", "sources", "--modules", ",".join(basic)) as serving:
        serving.until("inner door at")
        assert modules_of(serving.run_file["inner"]) == basic
        assert carerecord(folder, "modules", "add", "medicines").returncode == 0
        until = time.monotonic() + 10
        while modules_of(serving.run_file["inner"]) != [*basic, "medicines"]:
            assert time.monotonic() < until
            time.sleep(0.2)
        code, alive = serving.end(signal.SIGTERM)
    assert (code, alive) == (0, [])


def modules_of(inner: str) -> list[str]:
    async def ask() -> list[str]:
        async with aiohttp.ClientSession() as session, session.get(f"{inner}/sources/health/live") as reply:
            found: list[str] = json.loads(await reply.text())["modules"]
            return found

    return asyncio.run(ask())
