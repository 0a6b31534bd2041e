"""What do the embedded engines have in common: a private folder, one holder, a process that dies with us?"""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Identity = Literal["same", "namespace", "nobody"]

LAUNCH = Path(__file__).with_name("launch.py")
LOG_KEPT_BYTES = 5_000_000


class EngineError(Exception):
    """An embedded engine that cannot start; the message is for the person at the terminal."""


class FolderHeld(EngineError):
    """Another live process runs an engine on this folder."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(f"{folder} is in use by process {pid}. Stop that one first (kill {pid}), or set CARERECORD_DATA_DIR.")
        self.folder, self.pid = folder, pid


def private_folder(folder: Path) -> Path:
    """Make `folder` if need be, for its owner's eyes alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def write_private(file: Path, text: str) -> None:
    """Replace `file` in one step; at no moment can anybody else read it or see half of it."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    draft.rename(file)


def secret_in(file: Path) -> str:
    """Return the secret kept in `file`, made up on first use."""
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32))
    return file.read_text()


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Be the only process with an engine on `folder`; the kernel lets go of it however we end.

    Raises:
        FolderHeld: somebody else is, and it says who.
    """
    with (private_folder(folder) / "holder").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise FolderHeld(folder, int(handle.read().strip() or 0)) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def launch(
    command: Sequence[str],
    *,
    log: Path,
    death_signal: signal.Signals,
    identity: Identity = "same",
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `command` so that it receives `death_signal` should we die without a word.

    Only from the main thread: the kernel sends that signal when the *thread* that started a process ends.
    """
    if threading.current_thread() is not threading.main_thread():
        raise EngineError("an engine is started from the main thread, or it would stop with the thread")
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.rename(log.with_name(f"{log.name}.1"))
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(death_signal)), identity, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the engine in order
        )


def stop(pid: int, signals: Sequence[tuple[signal.Signals, float]], gone: Callable[[], bool]) -> None:
    """Send each signal in turn and give it that many seconds, until `gone`."""
    for each, patience_s in signals:
        try:
            os.kill(pid, each)
        except ProcessLookupError:
            return
        if wait_until(gone, patience_s):
            return


def wait_until(true: Callable[[], bool], patience_s: float) -> bool:
    """Look every 10 ms; return whether it came true in time."""
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def last_lines(log: Path, count: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""
