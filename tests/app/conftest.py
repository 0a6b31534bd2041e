"""What stands before the tests of the front gate? One demo for all those that leave it as they found it."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from rich.console import Console
from tests.app.a_demo import OURS, Carerecord, Running, Said, a_demo

from carerecord.app import cli

REAL = Path(os.environ.get("CARERECORD_REAL_INPUTS", Path(__file__).parents[3] / "shared" / "data")) / "synthea"


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The two smallest bundles of the real inputs; None when they are not here."""
    found = sorted(REAL.glob("*.json.gz"), key=lambda each: each.stat().st_size)[:2]
    if not found:
        return None
    folder = tmp_path_factory.mktemp("real")
    for each in found:
        shutil.copy(each, folder)
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, real_folder: Path | None) -> Iterator[Running]:
    """A demo that logs all it can, with real input where there is some."""
    real = ("--real", str(real_folder)) if real_folder else ()
    with a_demo(tmp_path_factory.mktemp("demo") / "data", *real, CARERECORD_LOG_LEVEL="DEBUG") as made:
        yield made


@pytest.fixture
def carerecord(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Carerecord]:
    """The command line, in this process: `carerecord(folder, "sources", "list")`."""
    logging, on_term = structlog.get_config(), signal.getsignal(signal.SIGTERM)

    def run(folder: Path, *arguments: str, **told: str) -> Said:
        with monkeypatch.context() as patch:
            for key in [each for each in os.environ if each.startswith(OURS[:2])]:
                patch.delenv(key)
            for key, value in {"CARERECORD_DATA_DIR": str(folder), **told}.items():
                patch.setenv(key, value)
            patch.setattr("sys.argv", ["carerecord", *arguments])
            patch.setattr(cli, "err", Console(stderr=True, width=200))
            patch.setattr(cli, "out", Console(width=200))
            with pytest.raises(SystemExit) as ended:
                cli.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    yield run
    structlog.configure(**logging)
    signal.signal(signal.SIGTERM, on_term)
