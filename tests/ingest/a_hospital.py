"""A hospital that sends, and the porter who files: the true index, locator and holdings, and a journal of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from tests.patients.people import At, a_desk

from carerecord.contracts import holdings as holdings_contract
from carerecord.contracts import locator as locator_contract
from carerecord.contracts import patients as patients_contract
from carerecord.contracts.holdings import Held, HistoryAsked, Reach
from carerecord.contracts.patients import EnrolAsked, InstructAsked, Instructed, TakeAsked, Taken
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, Sender, Source
from carerecord.fhir.search import parameters
from carerecord.fhir.validate import load
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.book import Book
from carerecord.holdings.finding import Finder
from carerecord.holdings.index import Index
from carerecord.holdings.paging import Links
from carerecord.holdings.service import Keeper
from carerecord.holdings.writing import Writer
from carerecord.ingest import head as heads
from carerecord.ingest.effects import Effects
from carerecord.ingest.filing import Filer
from carerecord.ingest.head import Verdict
from carerecord.ingest.journal.arrivals import Arrival, Journal
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.mllp import Desk, Listener
from carerecord.ingest.reading import fault_in
from carerecord.ingest.receiving import Receiving
from carerecord.ingest.senders import Refusal, Senders
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.db import Pool
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.part import Answer, answer
from carerecord.kit.tokens import seal
from carerecord.kit.turns import Turns
from carerecord.locator.service import Locator

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
    more: Sequence[str] = (),
) -> bytes:  # fmt: skip
    ids = f"{number}^^^R1A^MR" + (f"~{nhs}^^^NHS^NH" if nhs else "")
    lines = [
        f"MSH|^~\\&|{application}|R1A|CARE|ROUTE|{hl7_time(at)}+0000||ADT^{trigger}|{control}|P|2.4",
        f"EVN|{trigger}|{hl7_time(recorded or at)}+0000",
        f"PID|1||{ids}||{family}^{given}||{born}|F|||1 HIGH STREET^^FENWICK^^ZZ4 1AA",
        *more,
    ]
    return ("\r".join(lines) + "\r").encode()


@dataclass
class Hospital:
    """Everything behind the door, and the clock by which it goes."""

    pools: dict[str, Pool]
    keeper: Keeper
    index: Any
    locator: Locator
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
        page = await self.keeper.history(HistoryAsked(Reach(most_confidential="V"), type_))
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
    made = a_house_of(dict.fromkeys(("patients", "locator", "holdings", "ingest"), pool), senders=senders)
    await made.outbox.settle()
    try:
        yield made
    finally:
        await made.outbox.close()


@asynccontextmanager
async def a_hospital(service_database: Any, *, senders: Sequence[Sender] = (PAS, LAB), **more: Any) -> AsyncIterator[Hospital]:
    names = ("patients", "locator", "holdings", "ingest")
    pools = {name: (await service_database(name)).pool for name in names}
    made = a_house_of(pools, senders=senders, **more)
    await made.outbox.settle()
    try:
        yield made
    finally:
        await made.outbox.close()


def a_house_of(pools: dict[str, Pool], *, senders: Sequence[Sender] = (PAS, LAB), clock: Any = None, **ways: Answer) -> Hospital:
    """The services on these databases. `ways` replaces the answer to a question: take, write."""
    clock = clock or At()
    index = a_desk(pools["patients"]).index
    locator = Locator(pools["locator"], clock)
    known, seal_with = parameters.load(), Turns()
    finder = Finder(
        pools["holdings"], clock, Bodies(b"b" * 32), Index(known, b"i" * 32), known, seal_with,
        Links(lambda what: seal(b"c", what)),
    )  # fmt: skip
    kept = Outbox(pools["holdings"], "holdings", clock)
    book = Book(kept, clock)
    keeper = Keeper(finder, Writer(finder, kept, load(), book), book)

    async def registry(asked: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", (FENWICK,), senders=tuple(senders)))

    calls = Calls(
        "ingest",
        {
            "sources": Direct([answer(REGISTRY, registry)], round_trip=True),
            "patients": Direct(
                [
                    ways.get("take") or answer(patients_contract.TAKE, _taking(index)),
                    ways.get("instruct") or answer(patients_contract.INSTRUCT, _instructing(index)),
                ],
                round_trip=True,
            ),
            "locator": Direct([answer(locator_contract.LEARN, locator.learn)], round_trip=True),
            "holdings": Direct([ways.get("write") or answer(holdings_contract.WRITE, keeper.write)], round_trip=True),
        },
    )
    log = log_for("ingest")
    journal = Journal(pools["ingest"], Seals(b"k" * 32), clock, log, patience_s=0.3)
    found = Senders()
    found.take(Registry("1", (FENWICK,), senders=tuple(senders)))
    effects = Effects(calls, pools["ingest"], journal.seals, clock, Turns())
    filer = Filer(pools["ingest"], journal.seals, found, effects, clock, log, journal.bell)
    outbox = Outbox(pools["ingest"], "ingest", clock)
    return Hospital(pools, keeper, index, locator, journal, found, filer, calls, outbox, clock)


def _taking(index: Any) -> Any:
    async def take(asked: TakeAsked) -> tuple[Taken, ...]:
        found = await index.enrol(EnrolAsked(tuple(each.stated for each in asked.claims)))
        return tuple(Taken(each.source, each.local_id, each.patient, (each.patient,), each.outcome) for each in found)

    return getattr(index, "take", take)


def _instructing(index: Any) -> Any:
    async def instruct(asked: InstructAsked) -> tuple[Instructed, ...]:
        return tuple(Instructed("done") for _ in asked.instructions)

    return getattr(index, "instruct", instruct)


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
        hospital.calls, hospital.db, hospital.outbox, hospital.clock, log_for("ingest"), hospital.journal, hospital.senders,
        hospital.desk(), **more,
    )  # fmt: skip
