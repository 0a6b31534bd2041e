"""The door of the porter."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from carerecord.connectors.pds import Pds
from carerecord.connectors.pds import Turns as Traces
from carerecord.connectors.web import Web
from carerecord.contracts.ingest import (
    DISCARD,
    ENROL_SOURCE,
    ENROLMENTS,
    LEAVE_PERSON,
    MESSAGE,
    MESSAGES,
    PEOPLE_AGAIN,
    PEOPLE_WAITING,
    RECEIVE,
    REPLAY,
    SEEN_BY,
    TRY,
    WITHDRAWN,
)
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest import fhir_messages
from carerecord.ingest.effects import Effects
from carerecord.ingest.enrol import Enroller
from carerecord.ingest.filing import Filer
from carerecord.ingest.journal.arrivals import Journal
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.kinds import fault_in
from carerecord.ingest.mllp import Desk, tls_of
from carerecord.ingest.queue import Queue
from carerecord.ingest.receive import Receiver
from carerecord.ingest.receiving import Receiving
from carerecord.ingest.seen import Seeing
from carerecord.ingest.senders import Senders
from carerecord.ingest.service import Porter
from carerecord.ingest.threads import Threads
from carerecord.ingest.trace import Tracer
from carerecord.ingest.watching import Watcher
from carerecord.ingest.whose import Whose
from carerecord.ingest.written.people import People
from carerecord.ingest.written.telling import Telling
from carerecord.kit import settings
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Heard, Job, Part, Supplies, answer
from carerecord.kit.turns import SHORT_S, TURN_S, Turns


@dataclass(frozen=True)
class IngestSettings:
    """Read from the environment with the prefix CARERECORD_INGEST_."""

    sources_at_once: int = 3  # gone through at the same time; each holds a database connection for a moment a page
    traces_per_s: float = 2.0  # with the register_a_second of records the five that the PDS allows one application
    mllp: str = ""  # where HL7 v2 messages are taken, host:port; "" = nowhere
    mllp_certificate: str = ""  # our certificate and key (PEM), shown to those who send
    mllp_clients_ca: str = ""  # the authority (PEM) that signs the certificates of those who send
    mllp_plaintext: bool = False  # take messages without encryption: said on every page about them
    most_message_mb: float = 25.0  # larger ones are answered AE, and their beginning is kept
    half_message_s: float = 30.0  # for how long the rest of a message may stay away
    workers: int = 2  # who file what was taken in
    folder: str = ""  # in which sources lay files, each sender in a folder of its own; "" = nowhere

    def __post_init__(self) -> None:
        if self.sources_at_once < 1:
            raise BadSetting("sources_at_once is at least 1")
        if not 0 < self.traces_per_s <= 1000:
            raise BadSetting("traces_per_s lies above 0 and at most 1000")
        if self.mllp and not (self.mllp.rpartition(":")[0] and self.mllp.rpartition(":")[2].isdigit()):
            raise BadSetting("mllp is a host and a port, such as 0.0.0.0:2575")
        encrypted = bool(self.mllp_certificate and self.mllp_clients_ca)
        if self.mllp and encrypted and self.mllp_plaintext:
            raise BadSetting("mllp_plaintext contradicts mllp_certificate and mllp_clients_ca: leave out one or the others")
        if self.mllp and encrypted == self.mllp_plaintext:
            raise BadSetting(
                "mllp needs mllp_certificate and mllp_clients_ca, or mllp_plaintext=true where a network of its own protects it"
            )
        if not 0.1 <= self.most_message_mb <= 100:
            raise BadSetting("most_message_mb lies between 0.1 and 100")
        if not 1 <= self.half_message_s <= 600:
            raise BadSetting("half_message_s lies between 1 and 600")
        if not 1 <= self.workers <= 8:
            raise BadSetting("workers are 1 to 8")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.mllp.rpartition(":")
        return host.strip("[]"), int(port or 0)


def build(supplies: Supplies) -> Part:
    told = settings.read(IngestSettings, supplies.settings)
    fhir_messages.warmed()
    web = Web(supplies.secrets)
    enroller = Enroller(supplies.calls, supplies.db, web, supplies.clock, supplies.log, told.sources_at_once)
    tracer = Tracer(enroller, Pds(web, Traces(told.traces_per_s, time.monotonic)))
    telling = Telling(enroller, PatientIds(supplies.keys.entries))
    people = People(supplies.db, supplies.outbox, supplies.clock, telling.bell)
    porter = Porter(enroller, supplies.outbox)
    receiving = _receiving(supplies, told)
    journal = receiving.journal
    threads = Threads(supplies.db, journal.seals, Turns(turn_s=SHORT_S, alone_s=TURN_S))
    whose = Whose(supplies.calls, supplies.db, supplies.clock)
    effects = Effects(supplies.calls, supplies.db, supplies.clock, supplies.outbox, threads, whose)
    filer = Filer(
        supplies.db, journal.seals, receiving.senders, effects, supplies.clock, supplies.log, journal.bell, told.workers,
        lambda: journal.pressed,
    )  # fmt: skip

    queue = Queue(receiving, Path(told.folder) if told.folder else None)
    seeing = Seeing(supplies.calls, supplies.db, supplies.outbox, supplies.clock)
    receiver = Receiver(journal, receiving.senders, Turns(), receiving.refused)

    watcher = Watcher(Path(told.folder), receiver, supplies.clock, supplies.log)

    async def stop() -> None:
        await asyncio.gather(receiving.close(), web.close())

    return Part(
        supplies.name,
        answers=(
            answer(ENROL_SOURCE, porter.enrol_source),
            answer(ENROLMENTS, porter.enrolments),
            answer(MESSAGES, queue.queue),
            answer(MESSAGE, queue.message),
            answer(REPLAY, queue.replay),
            answer(DISCARD, queue.discard),
            answer(TRY, queue.attempt),
            answer(RECEIVE, receiver.receive),
            answer(WITHDRAWN, seeing.items),
            answer(SEEN_BY, seeing.seen_by),
            answer(PEOPLE_WAITING, people.waiting),
            answer(PEOPLE_AGAIN, people.again),
            answer(LEAVE_PERSON, people.leave),
        ),
        jobs=(
            Job("ingest.enrol", enroller.work),
            Job("ingest.trace", tracer.work, alone=True),
            Job("ingest.written", telling.work, alone=True),
            Job("ingest.receive", receiving.work),
            Job("ingest.file", filer.work),
            *((Job("ingest.folder", watcher.work, alone=True),) if told.folder else ()),
        ),
        hears=(Heard("holdings", ("Kept",), telling.hear, telling.heard),),
        stop=stop,
        about=lambda: {"mllp": receiving.port_open, "filed": filer.filed},
    )


def _receiving(supplies: Supplies, told: IngestSettings) -> Receiving:
    clock, log = supplies.clock, supplies.log
    journal = Journal(supplies.db, Seals(supplies.keys.own_key("journal")), clock, log)
    senders = Senders(supplies.keys.entries)
    host, port = told.address

    files = () if told.mllp_plaintext or not told.mllp else (Path(told.mllp_certificate), Path(told.mllp_clients_ca))

    def tls() -> ssl.SSLContext | None:
        if not files:
            return None
        ours, theirs = files
        return tls_of(str(ours), str(theirs), lambda refusal: receiving.refused(refusal))

    desk = Desk(
        journal, senders, clock, log, fault_in, lambda refusal: receiving.refused(refusal),
        most_bytes=int(told.most_message_mb * 1_000_000), half_s=told.half_message_s, plaintext=told.mllp_plaintext,
    )  # fmt: skip
    receiving = Receiving(
        supplies.calls, supplies.db, supplies.outbox, clock, log, supplies.metrics, journal, senders, desk, host, port, tls,
        certificates=files, plaintext=told.mllp_plaintext,
    )  # fmt: skip
    return receiving
