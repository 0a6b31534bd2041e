"""A hospital that sends, and the porter who files: the true index, locator and holdings, and a journal of its own."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from tests.patients.people import At

from carerecord.app.catalogue import NAMES
from carerecord.contracts.holdings import HISTORY, Held, HistoryAsked, Reach
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, Sender, Source
from carerecord.ingest import head as heads
from carerecord.ingest.effects import Effects
from carerecord.ingest.filing import Filer
from carerecord.ingest.head import Verdict
from carerecord.ingest.journal.arrivals import Arrival, Journal, lane_of, whose
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.kinds import fault_in
from carerecord.ingest.mllp import Desk, Listener
from carerecord.ingest.receiving import Receiving
from carerecord.ingest.senders import Refusal, Senders
from carerecord.ingest.threads import Threads
from carerecord.ingest.whose import Whose
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.db import Pool
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Answer, Part, Supplies, answer
from carerecord.kit.question import Question
from carerecord.kit.tokens import keys_for
from carerecord.kit.turns import Turns

KEEPERS = ("patients", "locator", "holdings")
NUMBERS = "https://fenwick.test/Id/number"
FENWICK = Source(
    "fenwick", "R1A", "Fenwick General", "Fenwick General", "FG", "acute", "none", "", number_system=NUMBERS
)  # fmt: skip
PAS = Sender("fenwick-pas", "fenwick", "R1A", "Fenwick PAS", (("PAS", "R1A"),), number_system=NUMBERS)
LAB = Sender("fenwick-lab", "fenwick", "R1A", "Fenwick laboratory", (("LAB", "R1A"),), number_system=NUMBERS)
SENT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def hl7_time(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S")


def adt(
    trigger: str = "A28", *, number: str = "MRN1", control: str = "1", family: str = "MARLOW", given: str = "EDITH",
    born: str = "19480314", at: datetime = SENT, recorded: datetime | None = None, application: str = "PAS", nhs: str = "",
    home: str = "1 HIGH STREET^^FENWICK^^ZZ4 1AA", more: Sequence[str] = (),
) -> bytes:  # fmt: skip
    ids = f"{number}^^^R1A^MR" + (f"~{nhs}^^^NHS^NH" if nhs else "")
    lines = [
        f"MSH|^~\\&|{application}|R1A|CARE|ROUTE|{hl7_time(at)}+0000||ADT^{trigger}|{control}|P|2.4",
        f"EVN|{trigger}|{hl7_time(recorded or at)}+0000",
        f"PID|1||{ids}||{family}^{given}||{born}|F|||{home}",
        *more,
    ]
    return ("\r".join(lines) + "\r").encode()


def lane(raw: bytes) -> int:
    """In which it is filed."""
    return lane_of("R1A", whose(raw, heads.read(raw)))


def neighbour(number: str) -> str:
    """Somebody else, filed in the same lane."""
    return next(f"M{each}" for each in range(100) if lane(adt(number=f"M{each}")) == lane(adt(number=number)))


@dataclass
class Hospital:
    """Everything behind the door, and the clock by which it goes."""

    pools: dict[str, Pool]
    journal: Journal
    senders: Senders
    filer: Filer
    calls: Calls
    outbox: Outbox
    clock: At
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def db(self) -> Pool:
        return self.pools["ingest"]

    async def file_all(self) -> None:
        """Until nothing is left to do now."""
        while lanes := await _busy(self):
            for lane in lanes:
                await self.filer.drain(lane)

    async def later(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)
        await self.file_all()

    async def waiting(self) -> int:
        return int(await self.db.fetchval("SELECT count(*) FROM waiting"))

    async def stuck(self) -> list[tuple[str, int, str]]:
        rows = await self.db.fetch("SELECT state, tries, reason FROM stuck ORDER BY id")
        return [tuple(row) for row in rows]

    async def journalled(self) -> int:
        return int(await self.db.fetchval("SELECT count(*) FROM message"))

    async def history(self, type_: str) -> tuple[Held, ...]:
        page = await self.calls.ask(HISTORY, HistoryAsked(Reach(most_confidential="V"), type_))
        return page.matches

    def desk(self, **more: Any) -> Desk:
        told = {"plaintext": True, **more}
        return Desk(self.journal, self.senders, self.clock, log_for("ingest"), fault_in, self.refusals.append, **told)

    async def put(self, *messages: bytes, sender: Sender = PAS) -> list[Verdict]:
        """Into the journal as the door does it, without a connection."""
        said: list[Verdict] = []
        for raw in messages:
            fault = fault_in(raw)
            verdict = Verdict.UNREADABLE if fault else Verdict.TAKEN
            try:
                head = heads.read(raw)
            except heads.Unheaded:
                head = heads.UNKNOWN
            self.journal.put(Arrival(raw, head, sender, verdict, fault, lambda each: said.append(each.verdict)))
        await self.journal.settled()
        return said


async def _busy(hospital: Hospital) -> list[int]:
    rows = await hospital.filer.lease(most=8)
    return list(rows)


@asynccontextmanager
async def a_door(service_database: Any, *, senders: Sequence[Sender] = (PAS, LAB)) -> AsyncIterator[Hospital]:
    """The journal alone, and nobody behind it: for what happens before anything is filed."""
    pool = (await service_database("ingest")).pool
    made = await a_house_of({"ingest": pool}, senders=senders, keepers=False)
    await made.outbox.settle()
    try:
        yield made
    finally:
        await made.outbox.close()


@asynccontextmanager
async def a_hospital(service_database: Any, *, senders: Sequence[Sender] = (PAS, LAB), **more: Any) -> AsyncIterator[Hospital]:
    pools = {name: (await service_database(name)).pool for name in (*KEEPERS, "ingest")}
    made = await a_house_of(pools, senders=senders, **more)
    await made.outbox.settle()
    try:
        yield made
    finally:
        await made.outbox.close()


async def a_house_of(
    pools: dict[str, Pool], *, senders: Sequence[Sender] = (PAS, LAB), clock: Any = None, keepers: bool = True, **ways: Answer
) -> Hospital:
    """The services on these databases. `ways` replaces the answer to a question: take, write."""
    clock = clock or At()
    found = {name: await _part(name, pools[name], clock) for name in KEEPERS} if keepers else {}
    answers = {name: {each.question.word: each for each in part.answers} for name, part in found.items()}
    if keepers:
        answers["patients"] |= {each: ways[each] for each in ("take", "instruct") if each in ways}
        answers["holdings"] |= {each: ways[each] for each in ("write",) if each in ways}

    async def registry(asked: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", (FENWICK,), senders=tuple(senders)))

    others = {name: Direct(list(known.values()), round_trip=True) for name, known in answers.items()}
    calls = Calls("ingest", {"sources": Direct([answer(REGISTRY, registry)], round_trip=True), **others})
    log = log_for("ingest")
    journal = Journal(pools["ingest"], Seals(b"k" * 32), clock, log, patience_s=0.3)
    known = Senders(keys_for(b"s" * 32, "ingest", NAMES, ()).entries)
    known.take(Registry("1", (FENWICK,), senders=tuple(senders)))
    outbox = Outbox(pools["ingest"], "ingest", clock)
    threads, whose = Threads(pools["ingest"], journal.seals, Turns()), Whose(calls, pools["ingest"], clock)
    effects = Effects(calls, pools["ingest"], clock, outbox, threads, whose)
    filer = Filer(pools["ingest"], journal.seals, known, effects, clock, log, journal.bell)
    return Hospital(pools, journal, known, filer, calls, outbox, clock)


async def _part(name: str, pool: Pool, clock: Any) -> Part:
    outbox = Outbox(pool, name, clock)
    await outbox.settle()
    part: Part = importlib.import_module(f"carerecord.{name}.api").build(
        Supplies(
            name, Calls(name, {}), keys_for(b"s" * 32, name, NAMES, ()), clock, log_for(name), Metrics(name), {},
            lambda secret: "", Path("/nonexistent"), database=pool, events=outbox,
        )
    )  # fmt: skip
    await part.start()
    return part


async def the_answer(hospital: Hospital, service: str, question: Question[Any, Any]) -> Answer:
    """The true answer to a question that a test has replaced."""
    part = await _part(service, hospital.pools[service], hospital.clock)
    answers = {each.question.word: each for each in part.answers}
    return answers[question.word]


@asynccontextmanager
async def listening(hospital: Hospital, **more: Any) -> AsyncIterator[tuple[Desk, int]]:
    """The open door, without encryption unless `tls` is given."""
    tls = more.pop("tls", None)
    desk = hospital.desk(**more)
    listener = Listener(desk, "127.0.0.1", 0, tls)
    await listener.open()
    try:
        yield desk, listener.port
    finally:
        await listener.close(within_s=2)
        for each in Line.opened:
            await each.close()
        Line.opened.clear()


class Line:
    """A sender's end of a connection. Closed with the door, if not before."""

    opened: ClassVar[list["Line"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int, **more: Any) -> "Line":
        made = cls(*await asyncio.open_connection("127.0.0.1", port, **more))
        cls.opened.append(made)
        return made

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, within_s: float = 10.0) -> bytes:
        """The next answer, without its frame."""
        framed = await asyncio.wait_for(self.reader.readuntil(b"\x1c\r"), within_s)
        assert framed[:1] == b"\x0b"
        return framed[1:-2]

    async def send(self, raw: bytes) -> tuple[str, str, str]:
        """Code, control id and words of the answer to this message."""
        await self.write(framed(raw))
        return said(await self.answer())

    async def ended(self, within_s: float = 5.0) -> bool:
        return await asyncio.wait_for(self.reader.read(), within_s) == b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def framed(raw: bytes) -> bytes:
    return b"\x0b" + raw + b"\x1c\r"


def said(ack: bytes) -> tuple[str, str, str]:
    msa = next(line for line in ack.decode().split("\r") if line.startswith("MSA")).split("|")
    return msa[1], msa[2], msa[3] if len(msa) > 3 else ""


def receiving(hospital: Hospital, **more: Any) -> Receiving:
    return Receiving(
        hospital.calls, hospital.db, hospital.outbox, hospital.clock, log_for("ingest"), Metrics("ingest"), hospital.journal,
        hospital.senders, hospital.desk(), **more,
    )  # fmt: skip
