"""What does every benchmark print? Its promises in one form, beside the machine it ran on and how restless that machine was."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Promise:
    """A measured value, what it is held against, and the largest ratio of the two that keeps the promise."""

    name: str
    value: float
    unit: str
    against: float
    must: float = 1.0

    @property
    def ratio(self) -> float:
        return round(self.value / self.against, 3) if self.against else float("inf")

    @property
    def met(self) -> bool:
        return self.ratio <= self.must


def machine() -> dict[str, Any]:
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cores": psutil.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def noise() -> dict[str, float]:
    """How busy others keep this machine: the load, and by how much the same small work varies from its best time."""
    took = []
    for _ in range(15):
        began = time.perf_counter()
        sum(n * n for n in range(200_000))
        took.append(time.perf_counter() - began)
    load = os.getloadavg()[0] / (psutil.cpu_count() or 1)
    return {"load_a_core": round(load, 2), "same_work_median_to_best": round(statistics.median(took) / min(took), 2)}


def tell(promises: Sequence[Promise], detail: Mapping[str, Any], *, compact: bool) -> None:
    """Print the one JSON object that a benchmark prints. A promise that is missed is a result, not a failure."""
    told = [asdict(each) | {"ratio": each.ratio, "met": each.met} for each in promises]
    whole = {"machine": machine(), "noise": noise(), "promises": told, "detail": dict(detail)}
    json.dump(whole, sys.stdout, indent=None if compact else 2)
    print()


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
