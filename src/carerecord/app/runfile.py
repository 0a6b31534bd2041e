"""Where is a running house reached? Written when its doors open, read by the command line, gone when it stops."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from carerecord.app.engine import private_folder, write_private

NAME = "run.json"


@dataclass(frozen=True)
class RunFile:
    pid: int
    front: str  # the front door's address; "" when no face lives here
    inner: str  # the inner door's address
    services: dict[str, str] = field(default_factory=dict)  # where services are that run apart
    control: str = ""  # of the pretend region, in the demo
    tour: str = ""
    log: str = ""  # the file that its log goes to; "" when that is standard error
    began: int = 0  # when the process began, as the kernel counts it: a pid alone may be another's by now


@contextmanager
def written(data_dir: Path, run: RunFile) -> Iterator[None]:
    file = private_folder(data_dir) / NAME
    write_private(file, json.dumps(asdict(replace(run, began=_began(run.pid)))))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def running_house(data_dir: Path) -> RunFile | None:
    """The house that runs on this data folder, or None: a file whose process is gone counts as none."""
    file = data_dir / NAME
    try:
        run = RunFile(**json.loads(file.read_text(encoding="utf-8")))
        os.kill(run.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return run if run.began == _began(run.pid) else None


def _began(pid: int) -> int:
    """The start of a process in clock ticks since boot; 0 where the kernel does not tell."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
