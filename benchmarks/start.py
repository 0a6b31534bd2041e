"""How long until it is ready? The first demo on an empty folder, the second one, and a house on a cluster that exists."""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.promises import Promise, tell

WAIT_S = 300.0


def seconds_until_ready(folder: Path, *arguments: str) -> dict[str, float]:
    """Start a command of carerecord, wait for its word that it is ready, stop it: wall time and processor time of the start."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CARERECORD_") and key != "PORT"}
    command = [sys.executable, "-m", "carerecord", *arguments, "--port", "0"]
    began = time.perf_counter()
    program = subprocess.Popen(
        command, env=clean | {"CARERECORD_DATA_DIR": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert program.stdout is not None
    try:
        for line in program.stdout:
            if line.startswith("carerecord is ready at"):
                took = time.perf_counter() - began
                first = psutil.Process(program.pid)
                spent = [each.cpu_times() for each in (first, *first.children(recursive=True))]
                return {"wall_s": round(took, 2), "cpu_s": round(sum(each.user + each.system for each in spent), 2)}
        raise RuntimeError("it ended before it was ready")
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)
        program.stdout.close()


def measure(folder: Path, people: int, rounds: int) -> dict[str, Any]:
    demo = ("demo", "--people", str(people))
    first = seconds_until_ready(folder, *demo)
    seconds, houses = [], []
    for _ in range(rounds):
        seconds.append(seconds_until_ready(folder, *demo))
        houses.append(seconds_until_ready(folder, "serve"))
    return {
        "people": people,
        "first_demo": first,
        "second_demo": seconds,
        "house_on_an_existing_cluster": houses,
        "second_demo_median_s": statistics.median(each["wall_s"] for each in seconds),
        "house_median_s": statistics.median(each["wall_s"] for each in houses),
    }


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--people", type=int, default=300)
    told.add_argument("--rounds", type=int, default=3)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    with tempfile.TemporaryDirectory(prefix="carerecord-bench-") as folder:
        found = measure(Path(folder) / "data", args.people, args.rounds)
    promises = (
        Promise("First demo ready after the installs", found["first_demo"]["wall_s"], "s", 30.0),
        Promise("Second demo ready", found["second_demo_median_s"], "s", 10.0),
        Promise("House ready on a cluster that exists", found["house_median_s"], "s", 5.0),
    )
    tell(promises, found, compact=args.json)


if __name__ == "__main__":
    main()
