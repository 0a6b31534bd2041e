"""Is each line of an import filed once when the whole program is killed in the middle? The long form, with real processes."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.app.a_demo import environment

LINES = 20_000


@contextmanager
def serving(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "carerecord", "serve", "--port", "0"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment(folder / "data"), stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1] + "/fhir"
        finally:
            process.terminate()
            process.communicate(timeout=60)


def said(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "carerecord", *words]
    return subprocess.run(command, env=environment(folder / "data"), capture_output=True, text=True, check=True).stdout


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_each_line_is_filed_once_though_the_program_is_killed_in_the_middle(tmp_path: Path) -> None:
    body = b"".join(
        json.dumps({"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Marlow"}]}).encode() + b"\n"
        for number in range(LINES)
    )
    with serving(tmp_path) as (process, base):
        client = said(tmp_path, "client", "add", "A lab", "--organisation", "R9A", "--scopes", "system/*.cruds").split()[1]
        shown = {"Authorization": f"Bearer {said(tmp_path, 'client', 'token', client).strip()}"}
        async with aiohttp.ClientSession(headers=shown) as web:
            told = {"Content-Type": "application/fhir+ndjson", "Prefer": "respond-async"}
            async with web.post(f"{base}/$import", data=io.BytesIO(body), headers=told) as reply:
                assert reply.status == 202
                place = reply.headers["Content-Location"].removeprefix(base)
            while True:
                async with web.get(base + place) as reply:
                    assert reply.status == 202, "it was done before it could be killed"
                    if int(reply.headers["X-Progress"].split()[0].replace(",", "")) >= LINES // 4:
                        break
        process.kill()
    with serving(tmp_path) as (_, base):
        async with aiohttp.ClientSession(headers=shown) as web:
            ends = time.monotonic() + 300
            while time.monotonic() < ends:
                async with web.get(base + place) as reply:
                    if reply.status == 200:
                        report = await reply.json(content_type=None)
                        break
            assert (report["kept"], report["refused"]) == (LINES, 0)
            async with web.get(f"{base}/_history?_count=1&_since=2020-01-01T00:00:00Z") as reply:
                newest = (await reply.json(content_type=None))["entry"][0]["response"]["etag"]
            assert newest == 'W/"1"', "nothing was filed twice"
