"""Is each sentence about the embedded PostgreSQL true: whose it is, who may enter, what is left when we die?"""

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from carerecord.app import postgres
from carerecord.app.engine import EngineError, FolderHeld, wait_until
from carerecord.app.postgres import OtherMajor, embedded_postgres

SUPERVISOR = """
import pathlib, sys, time
from carerecord.app.postgres import embedded_postgres
with embedded_postgres(pathlib.Path(sys.argv[1])) as cluster:
    print(cluster.pid, cluster.identity, flush=True)
    time.sleep(float(sys.argv[2]))
"""
# The same, but the kernel is told nothing: what an orphan would be, should one ever be left.
FORGETFUL = f"""
import carerecord.app.postgres as module
launch = module.launch
module.launch = lambda *given, **named: launch(*given, **{{**named, "death_signal": 0}})
{SUPERVISOR}"""

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="what root does can be tried by root alone")


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def supervisor(folder: Path, source: str = SUPERVISOR, *, lives_s: float = 50) -> "tuple[subprocess.Popen[str], int]":
    started = subprocess.Popen([sys.executable, "-c", source, str(folder), str(lives_s)], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    return started, int(started.stdout.readline().split()[0])


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cluster in it, stopped in order; copied by the tests that need one."""
    folder = tmp_path_factory.mktemp("made") / "postgres"
    with embedded_postgres(folder):
        pass
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "postgres"))


async def test_it_is_utf8_c_checksummed_without_jit_and_takes_200(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path / "new" / "postgres") as cluster:
        db = await asyncpg.connect(cluster.dsn)
        shown = {
            name: await db.fetchval("SELECT current_setting($1)", name)
            for name in ("server_encoding", "data_checksums", "jit", "max_connections", "listen_addresses")
        }
        collation = await db.fetchval("SELECT datcollate FROM pg_database WHERE datname = 'template1'")
        await db.close()

    assert shown == {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "jit": "off",
        "max_connections": "200",
        "listen_addresses": "",
    }
    assert collation == "C"


def test_nobody_else_may_look_into_its_folders(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode)
            for each in (cluster.folder, cluster.place / "data", cluster.sockets, cluster.folder / "superuser")
        }
        assert set(modes.values()) == {0o700, 0o600}
        assert modes["superuser"] == 0o600


async def test_it_runs_under_a_0700_folder_at_the_end_of_a_long_path(tmp_path: Path) -> None:
    """A socket's path may have 107 bytes; a home folder may have more."""
    closed = tmp_path / ("a" * 100) / ("b" * 100)
    closed.mkdir(parents=True)
    closed.chmod(0o700)
    closed.parent.chmod(0o700)

    with embedded_postgres(closed / "postgres") as cluster:
        db = await asyncpg.connect(cluster.dsn)
        assert await db.fetchval("SELECT 1") == 1
        await db.close()


@AS_ROOT
def test_root_runs_it_as_somebody_else(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        assert cluster.identity in ("namespace", "nobody")
        inside = Path(f"/proc/{cluster.pid}/uid_map").read_text().split()
        user = int(Path(f"/proc/{cluster.pid}/status").read_text().split("\nUid:\t")[1].split()[0])
        assert user == postgres.NOBODY or inside == [str(postgres.NOBODY), "0", "1"]


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that another user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def elsewhere(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    theirs.chmod(0o711)
    monkeypatch.setattr(postgres, "ELSEWHERE", theirs / "carerecord")
    return theirs / "carerecord"


@AS_ROOT
async def test_root_without_namespaces_uses_a_place_that_nobody_can_reach(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_open_to_all", lambda _: False)  # as under a checkout in /root
    tmp_path.chmod(0o700)

    for _ in range(2):  # made, then found again
        with embedded_postgres(tmp_path / "postgres", identity="nobody") as cluster:
            assert cluster.place.is_relative_to(elsewhere)
            assert cluster.binaries.is_relative_to(elsewhere)
            assert Path(f"/proc/{cluster.pid}").stat().st_uid == postgres.NOBODY
            dsn = await cluster.create_service_database("ward")
            db = await asyncpg.connect(dsn)
            assert await db.fetchval("SELECT current_user") == "ward"
            await db.close()
    assert (tmp_path / "postgres" / "elsewhere").read_text().strip() == str(cluster.place)


@AS_ROOT
@pytest.mark.parametrize("uid", [1, 4242], ids=["with a name", "without one"])
def test_an_ordinary_user_runs_it_without_a_home(theirs: Path, uid: int) -> None:
    if postgres._open_to_all(Path(postgres.__file__)) and postgres._open_to_all(Path(sys.executable).resolve()):
        os.chown(theirs, uid, uid)
        as_them = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    elif postgres._identity() == "namespace":
        as_them = [
            "unshare",
            "--user",
            f"--map-user={uid}",
            f"--map-group={uid}",
        ]  # not root within; without, able to reach this checkout
    else:
        pytest.skip("this checkout, or its Python, lies under a folder closed to other users, as /root is")
    script = "import os; assert os.geteuid() == " + str(uid) + SUPERVISOR
    run = subprocess.run(
        [*as_them, sys.executable, "-c", script, str(theirs / "data" / "postgres"), "0"],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (theirs / "data" / "postgres" / "data" / "PG_VERSION").exists()


def test_a_killed_supervisor_leaves_no_orphan(folder: Path) -> None:
    parent, pid = supervisor(folder)
    assert alive(pid)

    kill(parent)

    assert wait_until(lambda: not alive(pid), 10)


async def test_a_server_left_by_a_killed_parent_is_stopped_and_nothing_is_lost(folder: Path) -> None:
    parent, orphan = supervisor(folder, FORGETFUL)
    kill(parent)
    assert alive(orphan)

    with embedded_postgres(folder) as cluster:
        assert not alive(orphan)
        assert cluster.pid != orphan
        db = await asyncpg.connect(cluster.dsn)
        assert await db.fetchval("SELECT 1") == 1
        await db.close()


async def test_a_session_that_outlives_its_killed_server_is_waited_for(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        db, beside = await asyncpg.connect(cluster.dsn), await asyncpg.connect(cluster.dsn)
        # It looks neither at its line nor at its server until it has counted.
        counting = asyncio.create_task(db.fetchval("SELECT count(*) FROM generate_series(1, 8000000)"))
        begun = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count(*) FROM gen%'"
        while not await beside.fetchval(begun):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await beside.close()
        cluster.kill()
        cluster.start()
        again = await asyncpg.connect(cluster.dsn)
        assert await again.fetchval("SELECT 1") == 1
        await again.close()
        await asyncio.gather(counting, return_exceptions=True)
    assert "pre-existing shared memory" in (folder / "postgres.log").read_text(), "it was met while it counted"


def test_a_second_start_on_the_same_folder_refuses_and_says_who_holds_it(folder: Path) -> None:
    parent, pid = supervisor(folder)
    try:
        with pytest.raises(FolderHeld, match=f"process {parent.pid}"), embedded_postgres(folder):
            pass
        assert alive(pid)
    finally:
        kill(parent)


def test_a_lock_file_whose_process_is_another_program_by_now_is_no_obstacle(folder: Path) -> None:
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'data'}\n1\n5432\n/tmp\n\n1 1\nready\n")

    with embedded_postgres(folder) as cluster:
        assert cluster.alive


def test_a_folder_of_another_major_is_refused_untouched_and_the_dump_command_named(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("16\n")
    before = sorted(each.relative_to(folder) for each in folder.rglob("*"))

    with pytest.raises(OtherMajor, match=r"PostgreSQL 16.*pg_dumpall"), embedded_postgres(folder):
        pass

    assert {*before, Path("holder")} == {each.relative_to(folder) for each in folder.rglob("*")}


def test_a_first_start_that_was_cut_short_begins_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("17\n")

    with embedded_postgres(tmp_path / "postgres") as cluster:
        assert cluster.alive
        assert not half.exists()


async def test_a_service_cannot_connect_to_anothers_database_nor_to_the_shared_ones(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        dsns = await cluster.service_databases(["patients", "audit"])
        own = await asyncpg.connect(dsns["patients"])
        await own.execute("CREATE TABLE person (id int)")
        rights = await own.fetchrow("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = USER")
        assert rights is not None
        assert not any(rights)
        await own.close()
        for other in ("audit", "postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(dsns["patients"].replace("/patients?", f"/{other}?"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsns["patients"].replace("patients:", "audit:"))


async def test_asked_again_it_gives_the_same_address_after_a_restart_too(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        first = await cluster.create_service_database("ward")
        assert await cluster.create_service_database("ward") == first
        assert stat.S_IMODE((folder / "passwords.json").stat().st_mode) == 0o600
    with embedded_postgres(folder) as cluster:
        assert await cluster.create_service_database("ward") == first
        (folder / "passwords.json").unlink()  # lost: a new password, the same database
        db = await asyncpg.connect(await cluster.create_service_database("ward"))
        await db.close()


async def test_its_log_quotes_no_value(folder: Path) -> None:
    with embedded_postgres(folder) as cluster:
        db = await asyncpg.connect(cluster.dsn)
        await db.execute("CREATE TABLE person (name text PRIMARY KEY); INSERT INTO person VALUES ('Zebedee')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await db.execute("INSERT INTO person VALUES ($1)", "Zebedee")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await db.execute("SELECT 'Zebedee'::int")
        await db.close()

    log = (folder / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "Zebedee" not in log


def test_it_is_not_started_from_a_thread_whose_end_would_be_its_own(folder: Path) -> None:
    said: list[BaseException] = []

    def begin() -> None:
        try:
            with embedded_postgres(folder):
                pass
        except EngineError as error:
            said.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    assert "main thread" in str(said[0])
