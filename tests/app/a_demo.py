"""A demo as an operator runs it: a process of its own, on a data folder and ports of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

READY_WITHIN_S = 120.0  # ten processes on two busy cores take their time
OURS = ("CARERECORD_", "PORT", "PYTEST_")


def environment(folder: Path, **told: str) -> dict[str, str]:
    """That of this process, without what it says to carerecord."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    return {**clean, "CARERECORD_DATA_DIR": str(folder), **told}


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


class Carerecord(Protocol):
    """Run a command of carerecord to its end, on this data folder and with these words in the environment."""

    def __call__(self, folder: Path, *arguments: str, **told: str) -> Said: ...


@dataclass
class Running:
    """A long-lived command of carerecord, and what it has said so far."""

    process: "subprocess.Popen[str]"
    folder: Path
    out: Path
    err: Path

    @property
    def run_file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return found

    @property
    def front(self) -> str:
        return str(self.run_file["front"])

    @property
    def log(self) -> str:
        return (self.folder / "carerecord.log").read_text()

    def until(self, words: str) -> "Running":
        """Wait until it has said these words."""
        end = time.monotonic() + READY_WITHIN_S
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, f"not within {READY_WITHIN_S} s: {words}\n{self.said}"
            time.sleep(0.05)
        return self

    @property
    def said(self) -> str:
        return self.out.read_text() + self.err.read_text()

    def family(self) -> list[psutil.Process]:
        """It, and every process below it."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def end(self, number: signal.Signals) -> tuple[int, list[psutil.Process]]:
        """Send a signal; its exit code, and which processes of its family live on five seconds later."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(40)
        _, alive = psutil.wait_procs(family, timeout=5)
        return code, [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def running(folder: Path, *arguments: str, **told: str) -> Iterator[Running]:
    """A command that stays; ended at the end, whatever happened."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
    with out.open("w") as to_out, err.open("w") as to_err:
        command = [sys.executable, "-m", "carerecord", *arguments]
        process = subprocess.Popen(command, env=environment(folder, **told), stdout=to_out, stderr=to_err, text=True)
    found = Running(process, folder, out, err)
    try:
        yield found
    finally:
        if process.poll() is None:
            found.end(signal.SIGTERM)


@contextmanager
def a_demo(folder: Path, *arguments: str, people: int = 30, **told: str) -> Iterator[Running]:
    """A demo that is ready."""
    with running(folder, "demo", "--port", "0", "--people", str(people), *arguments, **told) as demo:
        yield demo.until("carerecord is ready at")


def words_of_people(text: str, names: Sequence[str]) -> list[str]:
    """Which of these names stand in a text as whole words; and anything that looks like an NHS number of the test range."""
    numbers = re.findall(r"(?<!\d)999[ -]?\d{3}[ -]?\d{4}(?!\d)", text)
    return numbers + [each for each in names if re.search(rf"\b{re.escape(each)}\b", text, re.IGNORECASE)]
