"""Is a connection that a test leaves open that test's own fault?"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import socket

async def test_leaves_one():
    held = [socket.socket()]
    held.append(held)  # so that only the collector finds it

async def test_leaves_none():
    pass
"""


def test_a_connection_that_is_left_open_is_a_fault_of_the_test_that_left_it(tmp_path: Path):
    (tmp_path / "test_two.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", f"--config-file={ROOT / 'pyproject.toml'}", f"--rootdir={tmp_path}", "--tb=no"]
    command += ["-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    path = os.pathsep.join(map(str, (ROOT, ROOT / "src")))

    ran = subprocess.run(command, env=clean | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)

    assert "::test_leaves_one" in ran.stdout, ran.stdout + ran.stderr
    assert "::test_leaves_none" not in ran.stdout
