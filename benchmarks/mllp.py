"""How many messages a second are durable and answered, and how many filed, beside a bare receiver that keeps nothing?

`python -m benchmarks.mllp` prints one JSON object. Eight senders, each with one message in flight as MLLP has it: sent,
answered, the next. The receivers run in processes of their own, the senders in this one, and PostgreSQL with its own settings: a
commit waits for the disk. First the door with nobody who files, the bare receiver, which answers a fixed AA, and one that waits
for the disk as well, in turns: each message a report of four results about somebody new. Then the whole house, in two processes
that share a port and a queue, as `carerecord serve --workers 2` keeps it: real messages, again and again under fresh patients;
while it files, and until its backlog is empty. What the backlog comes to in resources is held against as many resources of the
same messages, copied into a table: three times, and the middle one counts. Last the three at the door once more, with eight lines
of each sender, as an integration engine has one for each of a trust's systems.

As a program (`python -m benchmarks.mllp door|house|bare|disk …`) it is one of the receivers: it prints its port and serves until
its input closes.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, ClassVar, cast

import psutil
import uvloop
from msgspec import structs

from benchmarks import real_messages as real
from benchmarks.limits import copy_limit
from benchmarks.near import quiet
from benchmarks.promises import Promise, noise, tell
from carerecord.app.catalogue import CATALOGUE
from carerecord.app.postgres import Cluster, embedded_postgres
from carerecord.app.wire import Deployment, running
from carerecord.contracts.sources import Registry, Sender
from carerecord.ingest.journal.arrivals import Journal
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.kinds import fault_in
from carerecord.ingest.mllp import Desk, Listener
from carerecord.ingest.senders import Sender as SenderRow
from carerecord.ingest.senders import Senders
from carerecord.kit.clock import SystemClock
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.log import log_for
from carerecord.kit.migrate import migrate

SENDERS = 8
LINES = 8  # of each sender, where each has several
MOST_OF_A_LINE = 100_000  # messages of a round
WORKERS = 2
LOG_BYTES = 190_000_000  # of the receiver that only waits for the disk
COPIES = 3
VERSIONS = "SELECT count(*) FROM version"
HOSPITAL = Sender(
    "hospital", "fenwick", "R1A", "Fenwick", (("SIMHOSP", "SFAC"),), number_system="https://fenwick.test/Id",
    authorities=(("SIMULATOR MRN", "https://fenwick.test/Id"),),
)  # fmt: skip
HOUSED = ("sources", "patients", "locator", "holdings", "ingest")
HOUSE = Path(__file__).parents[1] / "src" / "carerecord"
RESULT = (
    b"MSH|^~\\&|LAB%d|R1A|CARE|ROUTE|20261101120000||ORU^R01^ORU_R01|%d|P|2.4\r"
    b"PID|1||%010d^^^R1A^MR||%b^%b^^^MRS||%08d|F|||%d HIGH STREET^^FENWICK^^ZZ4 1AA||01632 960001\r"
    b"PV1|1|O|ED^^^R1A|28b|||C006^WOOLFSON^KATHLEEN^^^DR|||100||||||||V%d\r"
    b"ORC|RE|P%d|F%d||CM||||20261101115900\r"
    b"OBR|1|P%d|F%d|us-0003^UREA AND ELECTROLYTES^WinPath||20261101110000|20261101110000|||||||20261101110500"
    b"||||||||20261101115900|||F\r"
    b"OBX|1|NM|tt-0003-01^Creatinine^WinPath||98.00|umol/L|49 - 92|H|||F|||20261101115900\r"
    b"OBX|2|NM|tt-0003-02^Urea^WinPath||5.80|mmol/L|2.1 - 7.1||||F|||20261101115900\r"
    b"OBX|3|NM|tt-0003-03^Sodium^WinPath||139.00|mmol/L|133 - 146||||F|||20261101115900\r"
    b"OBX|4|NM|tt-0003-04^Potassium^WinPath||4.10|mmol/L|3.5 - 5.3||||F|||20261101115900\r"
    b"NTE|1||Sample slightly haemolysed.\r"
)


def message(sender: int, number: int) -> bytes:
    mine = sender * 10_000_000 + number
    # Somebody new each time, as unlike the others as people are: what it costs to tell namesakes apart is measured elsewhere.
    spread = mine * 2_654_435_761 % 2**32
    family, given = (bytes(65 + (spread >> shift) % 26 for shift in shifts) for shifts in ((0, 5, 10, 15, 20), (3, 9, 14, 22)))
    born = (1930 + spread % 80) * 10_000 + (1 + spread // 80 % 12) * 100 + 1 + spread // 960 % 28
    return RESULT % (sender, mine, mine % 10_000_000_000, family, given, born, 1 + mine % 90, mine, mine, mine, mine, mine)


Rounds = dict[str, list[dict[str, float]]]  # by the name of a receiver
Said = Callable[[int, int], bytes]  # what this sender says as its so-many-eth message


class _Sender(asyncio.Protocol):
    """Sends one, waits for its answer, sends the next, until its time is over."""

    def __init__(self, number: int, begun: int, until: float, said: Said) -> None:
        self._number, self._next, self._until, self._said = number, begun, until, said
        self.took: list[float] = []
        self.refused = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._next += 1
        self._began = time.perf_counter()
        self._transport.write(b"\x0b" + self._said(self._number, self._next) + b"\x1c\r")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._buffer.endswith(b"\x1c\r"):
            return
        now = time.perf_counter()
        self.took.append(now - self._began)
        self.refused += b"\rMSA|AA|" not in self._buffer
        self._buffer = b""
        if now < self._until:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the receiver"))


async def load(port: int, seconds: float, begun: int, said: Said = message, lines: int = 1) -> dict[str, float]:
    """What eight senders got through in this time, each over so many lines."""
    loop, cpu, began = asyncio.get_running_loop(), time.process_time(), time.perf_counter()
    until = began + seconds
    senders: list[_Sender] = []
    for number in range(SENDERS):
        for line in range(lines):
            first = begun + line * MOST_OF_A_LINE
            _, protocol = await loop.create_connection(partial(_Sender, number, first, until, said), "127.0.0.1", port)
            senders.append(protocol)
    await asyncio.gather(*(each.done for each in senders))
    wall = time.perf_counter() - began
    took = sorted(one for each in senders for one in each.took)
    return {
        "messages": len(took),
        "messages_s": round(len(took) / wall, 1),
        "p50_ms": round(took[len(took) // 2] * 1000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
        "not_aa": sum(each.refused for each in senders),
        "senders_cpu_us": round((time.process_time() - cpu) / len(took) * 1e6, 1),
    }


# --- the receivers, each in a process of its own


async def _bare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What anybody writes first: streams of asyncio, to the end of the frame, answered. Keeps nothing, reads the control id."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            raw = await reader.readuntil(b"\x1c\r")
            control = raw[1:400].split(b"|", 10)[9]
            writer.write(b"\x0bMSH|^~\\&|A|B|C|D|20261101||ACK|1|P|2.4\rMSA|AA|" + control + b"\r\x1c\r")
            await writer.drain()
    writer.close()


class _Disk(asyncio.Protocol):
    """The least that durable can cost: what came is appended to a file, and all who came meanwhile wait for one flush of it."""

    waiting: ClassVar[list[tuple["_Disk", bytes]]] = []
    file = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.waiting.append((self, data))
        if len(self.waiting) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    @classmethod
    def _flush(cls) -> None:
        os.write(cls.file, b"".join(data for _, data in cls.waiting))
        os.fdatasync(cls.file)
        if os.lseek(cls.file, 0, os.SEEK_CUR) > LOG_BYTES:
            os.lseek(cls.file, 0, os.SEEK_SET)
        for each, data in cls.waiting:
            control = data[1:400].split(b"|", 10)[9]
            each._transport.write(b"\x0bMSH|^~\\&|A|B|C|D|20261101||ACK|1|P|2.4\rMSA|AA|" + control + b"\r\x1c\r")
        cls.waiting.clear()


async def _on_the_disk(file: Path) -> int:
    """Its port. The file has its size beforehand and is begun anew when it is full, as the engine's log is."""
    _Disk.file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    os.write(_Disk.file, bytes(LOG_BYTES + 10_000_000))
    os.fsync(_Disk.file)
    os.lseek(_Disk.file, 0, os.SEEK_SET)
    server = await asyncio.get_running_loop().create_server(_Disk, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


def the_senders() -> Senders:
    found = Senders(b"k")
    rows = tuple(
        Sender(f"lab-{each}", "fenwick", "R1A", "Fenwick", ((f"LAB{each}", "R1A"),), number_system="https://fenwick.test/Id")
        for each in range(SENDERS)
    )
    found.take(Registry("1", (), senders=rows))
    return found


async def _serve(role: str, dsn: str) -> None:
    if role == "house":
        await _house(json.loads(dsn))
        return
    if role == "bare":
        server = await asyncio.start_server(_bare, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
    elif role == "disk":
        print(await _on_the_disk(Path(dsn)), flush=True)
    else:
        pool, clock, log = await open_pool(dsn, service="ingest"), SystemClock(), log_for("ingest")
        journal = Journal(pool, Seals(b"k" * 32), clock, log)
        desk = Desk(journal, the_senders(), clock, log, fault_in, lambda refusal: None, plaintext=True)
        listener = Listener(desk, "127.0.0.1", 0, None)
        await listener.open()
        print(listener.port, flush=True)
    await _until_closed(lambda: None)


async def _until_closed(about: Callable[[], object]) -> None:
    """Say, at each line, the CPU and the memory that serving cost so far, and what more there is to say."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    memory = psutil.Process()
    while await reader.readline():
        print(json.dumps([time.process_time(), memory.memory_info().rss / 1e6, about()]), flush=True)


async def _house(told: dict[str, Any]) -> None:
    """Everything that a message needs: the door, the journal, who files, the index, the locator, and holdings."""
    quiet()
    deployment = Deployment(
        Path(told["folder"]), secret=b"b" * 32, databases=told["databases"],
        settings={
            "ingest": {"mllp": f"127.0.0.1:{told['port']}", "mllp_plaintext": "true"}, "sources": {"folder": told["folder"]}
        },
        worker=told["worker"],
    )  # fmt: skip
    services = tuple(each for each in CATALOGUE if each.name in HOUSED)
    async with running(deployment, services) as house:
        ingest = house.part("ingest")
        while not ingest.about()["mllp"]:
            await asyncio.sleep(0.05)
        print(ingest.about()["mllp"], flush=True)
        await _until_closed(lambda: ingest.about()["filed"])


def registry() -> str:
    """One hospital that only sends."""
    source = 'id = "fenwick"\norganisation = "R1A"\nname = "Fenwick"\nkind = "acute"\nconnector = "none"'
    source += '\nnumber_system = "https://fenwick.test/Id"'
    sender = f'id = "{HOSPITAL.id}"\nsource = "fenwick"\nsends_as = [["SIMHOSP", "SFAC"], ["*", "R1A"]]\n'
    sender += f'authorities = [["SIMULATOR MRN", "{HOSPITAL.number_system}"]]'
    return f"[[source]]\n{source}\n[[sender]]\n{sender}\n"


class _Receiver:
    def __init__(self, program: asyncio.subprocess.Process, port: int) -> None:
        self.program, self.port = program, port

    async def told(self) -> tuple[float, float, int]:
        """CPU seconds, megabytes, and how many messages it has filed."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(b"\n")
        cpu, memory, filed = json.loads(await self.program.stdout.readline())
        return cpu, memory, filed or 0


@asynccontextmanager
async def receiver(*told: str) -> AsyncIterator[_Receiver]:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.mllp", *told, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        yield _Receiver(program, int(await program.stdout.readline()))
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def at_the_door(cluster: Cluster, folder: Path, rounds: int, seconds: float, lines: int = 1) -> Rounds:
    """Rounds of the door with nobody who files, of the bare receiver, and of the one that waits for the disk."""
    found: Rounds = {"door": [], "bare": [], "disk": []}
    dsn = await cluster.create_service_database(f"ingest_alone_{lines}")
    await migrate(dsn, [HOUSE / "kit" / "migrations", HOUSE / "ingest" / "migrations"])
    async with receiver("door", dsn) as door, receiver("bare") as bare, receiver("disk", str(folder / "disk")) as disk:
        await load(door.port, 1.0, 0, lines=lines)
        for turn in range(rounds):
            for name, each in (("door", door), ("bare", bare), ("disk", disk)):
                before, _, _ = await each.told()
                got = await load(each.port, seconds, (turn + 1) * 1_000_000, lines=lines)
                got["receiver_cpu_us"] = round(((await each.told())[0] - before) / got["messages"] * 1e6, 1)
                found[name].append(got)
    return found


@asynccontextmanager
async def the_house(folder: Path, databases: dict[str, str]) -> AsyncIterator[tuple[int, list[_Receiver]]]:
    """The port that its processes share, and each of them."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))  # it never listens: the port is ours until they do
        told = {"folder": str(folder), "databases": databases, "port": held.getsockname()[1]}
        async with AsyncExitStack() as stack:
            ways = [receiver("house", json.dumps(told | {"worker": each})) for each in range(WORKERS)]
            yield told["port"], [await stack.enter_async_context(each) for each in ways]


async def told_by(workers: list[_Receiver]) -> tuple[float, float, int]:
    """CPU seconds, megabytes and messages filed, of all of them."""
    cpu, memory, filed = zip(*[await each.told() for each in workers], strict=True)
    return sum(cpu), sum(memory), sum(filed)


async def in_the_house(cluster: Cluster, folder: Path, seconds: float, backlog: int) -> dict[str, float]:
    """While it files, and until all of it is filed."""
    databases = await cluster.service_databases(list(HOUSED))
    (folder / "senders.toml").write_text(registry())
    said: Said = real.fresh if real.MESSAGES else message
    async with the_house(folder, databases) as (port, workers):
        await load(port, 1.0, 0, said)
        pool = await open_pool(databases["ingest"], service="bench")
        kept = await open_pool(databases["holdings"], service="bench")
        cpu, memory, filed = await told_by(workers)
        engine, began = engine_s(cluster), time.perf_counter()
        got = await load(port, seconds, 1_000_000, said)
        _, _, while_sending = await told_by(workers)
        sent_s = time.perf_counter() - began
        more = 2_000_000
        while await waiting(pool) < backlog:
            await load(port, seconds, more, said)
            more += 1_000_000
        sent, resources = await pool.fetchval("SELECT count(*) FROM message"), await kept.fetchval(VERSIONS)
        _, as_it_began, at_first = await told_by(workers)
        drained, most_mb = time.perf_counter(), 0.0
        while await waiting(pool) and time.perf_counter() - drained < 3_000:
            await asyncio.sleep(0.2)
            most_mb = max(most_mb, (await told_by(workers))[1])
        drain_s = time.perf_counter() - drained
        cpu_after, _, filed_after = await told_by(workers)
        resources = await kept.fetchval(VERSIONS) - resources
        stuck = await pool.fetchval("SELECT count(*) FROM stuck")
        pool.terminate()
        kept.terminate()
    return {
        "answered_while_filing_s": got["messages_s"],
        "p99_while_filing_ms": got["p99_ms"],
        "filed_while_answering_s": round((while_sending - filed) / sent_s, 1),
        "filed_s": round((filed_after - at_first) / drain_s, 1),
        "resources": resources,
        "resources_s": round(resources / drain_s, 1),
        "messages": sent,
        "backlog": sent - at_first,
        "left": sent - filed_after,
        "stuck": stuck,
        "house_cpu_us": round((cpu_after - cpu) / max(1, filed_after - filed) * 1e6, 1),
        "engine_cpu_us": round((engine_s(cluster) - engine) / max(1, filed_after - filed) * 1e6, 1),
        "memory_before_any_mb": round(memory, 1),
        "memory_mb": round(as_it_began, 1),
        "most_memory_mb": round(most_mb, 1),
    }


async def waiting(pool: Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM waiting"))


def engine_s(cluster: Cluster) -> float:
    """CPU seconds of PostgreSQL so far."""
    first = psutil.Process(cluster.pid)
    ended = first.cpu_times()  # of connections that were closed
    total = ended.user + ended.system + ended.children_user + ended.children_system
    for each in first.children(recursive=True):
        with suppress(psutil.Error):
            times = each.cpu_times()
            total += times.user + times.system
    return float(total)


async def copied(cluster: Cluster, many: int) -> list[float]:
    """Resources a second that this machine copies into a table, each time so many: the more there are, the slower."""
    if not real.MESSAGES:
        return []
    texts = list(islice(cycle(real.resources(SenderRow(**structs.asdict(HOSPITAL), id_key=b"k"))), many))
    pool = await open_pool(await cluster.create_service_database("limit_of_copies"), service="bench")
    async with pool.acquire() as db:
        found = [await copy_limit(db, texts) for _ in range(COPIES)]
    pool.terminate()
    return found


async def measured(rounds: int, seconds: float, backlog: int) -> tuple[list[Promise], dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "postgres") as cluster:
        found = await at_the_door(cluster, Path(folder), rounds, seconds)
        house = await in_the_house(cluster, Path(folder), seconds, backlog)
        copies = await copied(cluster, int(house["resources"]))
        by_lines = await at_the_door(cluster, Path(folder), rounds, seconds, LINES)
    middle, middle_by_lines = _middle(found), _middle(by_lines)
    door_s, bare_s, disk_s = (middle[each]["messages_s"] for each in ("door", "bare", "disk"))
    promises = [
        Promise("messages durable and answered a second, at least", 3_200, "messages/s", door_s),
        Promise("… of what a bare receiver answers, at least", 0.16, "ratio", round(door_s / bare_s, 3)),
        Promise("… of what one answers that only waits for the disk, at least", 0.45, "ratio", round(door_s / disk_s, 3)),
        Promise(
            f"… of a bare receiver, where each sender has {LINES} lines, at least", 0.16, "ratio",
            round(middle_by_lines["door"]["messages_s"] / middle_by_lines["bare"]["messages_s"], 3),
        ),
        Promise("time to the answer, p99", middle["door"]["p99_ms"], "ms", 25.0),
        Promise("answered a second while filing goes on, at least", 1_500, "messages/s", house["answered_while_filing_s"]),
        Promise("filed a second meanwhile, at least", 200, "messages/s", house["filed_while_answering_s"]),
        Promise("filed a second when nothing else comes, at least", 400, "messages/s", house["filed_s"]),
        Promise("memory while a backlog is filed, of as it began", house["most_memory_mb"], "MB", house["memory_mb"], 1.1),
    ]
    if copies:
        of_limit = round(house["resources_s"] / statistics.median(copies), 3)
        promises.append(Promise("… of the copy limit in resources, at least", 0.3, "ratio", of_limit))
    told = {"medians": middle, "medians_by_lines": middle_by_lines, "house": house, "copied_s": copies}
    return promises, {**told, "rounds": found, "rounds_by_lines": by_lines, "noise": noise()}


def _middle(found: Rounds) -> dict[str, dict[str, float]]:
    return {name: {key: statistics.median(each[key] for each in rows) for key in rows[0]} for name, rows in found.items()}


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in ("door", "house", "bare", "disk"):
        (asyncio.run if sys.argv[1] == "bare" else uvloop.run)(_serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--backlog", type=int, default=0, help="send on until so many wait")
    told = parser.parse_args()
    promises, detail = uvloop.run(measured(told.rounds, told.seconds, told.backlog))
    tell(promises, detail, compact=told.json)


if __name__ == "__main__":
    main()
