"""Is each sentence about the embedded NATS true: who may enter, where it listens, what is left when we die?"""

import asyncio
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats
import psutil
import pytest
from nats.js.errors import NotFoundError

from carerecord.app.engine import FolderHeld, wait_until
from carerecord.app.nats import NatsServer, embedded_nats

SUPERVISOR = """
import pathlib, sys, time
import carerecord.app.nats as module
launch = module.launch
if sys.argv[2] == "forgetful":
    module.launch = lambda *given, **named: launch(*given, **{**named, "death_signal": 0})
with module.embedded_nats(pathlib.Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(50)
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def supervisor(folder: Path, kind: str = "mindful") -> "tuple[subprocess.Popen[str], int]":
    started = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(folder), kind], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    return started, int(started.stdout.readline())


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with embedded_nats(tmp_path / "nats") as running:
        yield running


async def test_it_listens_on_loopback_alone_and_refuses_whoever_lacks_the_token(server: NatsServer) -> None:
    listening = {each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"}
    assert listening == {"127.0.0.1"}

    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await reader.readline()  # INFO
    writer.write(b"CONNECT {}\r\nPING\r\n")
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


def test_its_port_is_none_that_an_outgoing_connection_is_given_while_it_is_away(server: NatsServer) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    assert server.port < lowest


def test_nobody_else_may_look_into_its_folder(server: NatsServer) -> None:
    for private, mode in (("", 0o700), ("token", 0o600), ("nats.conf", 0o600), ("jetstream", 0o700)):
        assert stat.S_IMODE((server.folder / private).stat().st_mode) == mode


async def test_killed_it_comes_back_on_the_same_port_with_what_it_held(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="told", subjects=["told.>"])
    await client.jetstream().publish("told.one", b"1")
    await client.close()
    port = server.port

    server.kill()
    server.start()

    assert server.port == port
    client = await nats.connect(server.url)
    assert (await client.jetstream().stream_info("told")).state.messages == 1
    await client.close()


async def test_its_files_can_be_lost(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="told", subjects=["told.>"])
    await client.close()

    server.stop()
    server.forget()
    server.start()

    client = await nats.connect(server.url)
    with pytest.raises(NotFoundError):
        await client.jetstream().stream_info("told")
    await client.close()


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    parent, pid = supervisor(tmp_path / "nats")

    kill(parent)

    assert wait_until(lambda: gone(pid), 10)


def test_a_server_left_by_a_killed_parent_is_stopped(tmp_path: Path) -> None:
    parent, orphan = supervisor(tmp_path / "nats", "forgetful")
    kill(parent)
    assert not gone(orphan)

    with embedded_nats(tmp_path / "nats") as server:
        assert gone(orphan)
        assert server.alive


def test_a_second_start_on_the_same_folder_refuses_and_says_who_holds_it(tmp_path: Path) -> None:
    parent, pid = supervisor(tmp_path / "nats")
    try:
        with pytest.raises(FolderHeld, match=f"process {parent.pid}"), embedded_nats(tmp_path / "nats"):
            pass
        assert not gone(pid)
    finally:
        kill(parent)
