"""Do the services run without the demo: on engines that were named, and each in a process of its own?"""

import asyncio
import re
import signal
from pathlib import Path

import aiohttp
import psutil
import pytest
from tests.app.a_demo import Carerecord, running
from tests.app.test_demo import opened_by_number
from tests.app.test_workers import page, twice_explained
from tests.flows.a_house import drop_databases, own_databases

from carerecord.app.catalogue import NAMES
from carerecord.app.house import reserved
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.region.run import pretend_region

pytestmark = pytest.mark.timeout(300)


async def status_of(address: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(address) as reply:
        return reply.status


def test_on_engines_that_were_named_it_starts_none(
    cluster: Cluster, nats: NatsServer, tmp_path: Path, carerecord: Carerecord
):
    databases = asyncio.run(own_databases(cluster, "served"))
    told = {f"CARERECORD_{name.upper()}_DATABASE": dsn for name, dsn in databases.items()}
    told["CARERECORD_NATS_URL"] = nats.url
    try:
        with running(tmp_path / "data", "serve", "--target", "all", "--port", "0", **told) as serving:
            serving.until("carerecord is ready at")
            assert len(serving.family()) == 1, "no engine of its own"
            inner = serving.run_file["inner"]
            assert asyncio.run(status_of(f"{inner}/health/ready")) == 200
            figures = asyncio.run(page(f"{inner}/metrics"))
            assert "# TYPE carerecord_messages_stuck gauge" in figures
            assert twice_explained(figures) == []
            assert asyncio.run(status_of(f"{serving.front}/sign-in")) == 200
            assert asyncio.run(status_of(f"{serving.front}/health/ready")) == 404, "the front door serves pages alone"
            assert carerecord(tmp_path / "data", "sources", "list").returncode == 0
            code, alive = serving.end(signal.SIGTERM)
        assert (code, alive) == (0, [])
        assert "Traceback" not in serving.said
    finally:
        asyncio.run(drop_databases(cluster, "served"))


def test_apart_each_service_is_a_process_and_a_record_opens_across_them_all(tmp_path: Path, carerecord: Carerecord):
    folder, port = tmp_path / "data", reserved(0, "127.0.0.1")
    with pretend_region(folder, front=f"http://127.0.0.1:{port}", people=20) as region:
        number = next(scene.nhs_number for scene in region.scenes if scene.number == 5)
        with running(folder, "serve", "--apart", "--port", str(port)) as serving:
            serving.until(f"carerecord is ready at http://127.0.0.1:{port}")
            commands = [" ".join(each.cmdline()) for each in serving.family()]
            for name in NAMES:
                assert sum(f"--target {name} " in command for command in commands) == 1, name
            for source in ("fenwick-rheumatology", "hartley-pharmacy"):
                enrolled = carerecord(folder, "sources", "enrol", source)
                assert enrolled.returncode == 0, enrolled.stderr
                assert re.search(rf"{source}: done; [1-9]\d* seen", enrolled.stdout)
            record = asyncio.run(opened_by_number(serving.front, number))
            assert record.status == 200
            assert "15 mg once a week" in record.words
            assert carerecord(folder, "verify-audit").returncode == 0

            consent = next(each for each in serving.family() if "--target consent" in " ".join(each.cmdline()))
            consent.kill()
            serving.until("consent ended (-9); starting it again")
            code, alive = serving.end(signal.SIGTERM)
        assert (code, [each.name() for each in alive]) == (0, [])
        assert "Traceback" not in serving.said


def test_apart_a_parent_that_is_killed_without_a_word_leaves_nobody(tmp_path: Path):
    with running(tmp_path / "data", "serve", "--apart", "--target", "consent,policy") as serving:
        serving.until("policy: http://")
        family = serving.family()
        assert sum("--target" in " ".join(each.cmdline()) for each in family[1:]) == 2
        serving.process.kill()
        serving.process.wait()
        _, alive = psutil.wait_procs(family[1:], timeout=20)
        assert [" ".join(each.cmdline()) for each in alive] == []
