"""Do we install exactly what is locked, from wherever a machine fetches it, and write nowhere but here?"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", [*LOCKS, ROOT / "package-lock.json", ROOT / ".npmrc"], ids=lambda path: path.name)
def test_no_lock_file_carries_an_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r'"resolved"|--(extra-)?index-url|--find-links|--trusted-host|\bregistry\s*=', text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_python_package_is_pinned_and_hashed(lock: Path) -> None:
    packages = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", lock.read_text()).strip())
    assert packages
    for package in packages:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[^\s;]+", package), package.splitlines()[0]
        assert "--hash=sha256:" in package, package.splitlines()[0]


def test_every_npm_package_is_pinned_and_hashed() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())
    for version in {**wanted["dependencies"], **wanted["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for path, package in locked.items() if path)


def test_what_runs_is_the_same_in_tests() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"(?m)^[a-z0-9][^\s\\]*==[^\s\\;]+", (ROOT / "requirements" / name).read_text()))

    assert versions("run.txt") <= versions("dev.txt")


def test_every_command_of_make_is_described_and_every_one_described_exists() -> None:
    made = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text()))
    described = set(re.findall(r"\| `make ([a-z-]+)` \|", (ROOT / "docs/reference/commands.md").read_text()))
    assert made == described


@pytest.mark.timeout(300)
def test_set_up_of_a_fresh_checkout_needs_no_home_and_leaves_nothing_there(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout, so there is no list of its files to copy")
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    fresh, home, data = tmp_path / "fresh", tmp_path / "home", tmp_path / "data"
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, fresh / name)
    home.mkdir()
    ours = os.environ.get("CARERECORD_DATA_DIR") or ROOT / ".carerecord"
    if (Path(ours) / "cache").is_dir():  # spare the registries what this checkout has fetched already
        shutil.copytree(Path(ours) / "cache", data / "cache", symlinks=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"HOME": str(home), "CARERECORD_DATA_DIR": str(data)}

    for _ in range(2):
        made = subprocess.run(["make", "setup"], cwd=fresh, env=environment, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr

    assert made.stdout == "carerecord is set up.\n"  # the second time there was nothing to do
    assert not list(home.rglob("*"))
    imported = "import carerecord, pathlib; print(pathlib.Path(carerecord.__file__).is_relative_to(pathlib.Path.cwd()))"
    said = subprocess.run([".venv/bin/python", "-c", imported], cwd=fresh, env=environment, capture_output=True, text=True)
    assert said.stdout.strip() == "True"
    shutil.rmtree(fresh)
    shutil.rmtree(data)
