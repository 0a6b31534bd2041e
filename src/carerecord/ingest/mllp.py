"""How do messages come in over MLLP? One connection, many senders; each message durable before it is answered, in its order.

A connection is never dropped for what it says: a message that cannot be read is kept and answered AE, one that could not be made
durable AR. It ends only where who is at the other end may not send: without a certificate that the registry knows, or in the name
of another sender.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final, Protocol, cast

from msgspec.structs import replace

from carerecord.contracts.sources import Sender
from carerecord.ingest import head as heads
from carerecord.ingest.batches import Together, envelope_of, messages_of, miscounted
from carerecord.ingest.framing import END, START, Framed, Framing
from carerecord.ingest.head import UNKNOWN, Head, Unheaded, Verdict
from carerecord.ingest.journal.arrivals import Arrival, Journal
from carerecord.ingest.kinds import BATCH_HEAD
from carerecord.ingest.senders import Proof, Refusal, Senders, proof_of
from carerecord.kit.clock import Clock
from carerecord.kit.log import Log

_FRAME_START, _FRAME_END = bytes((START,)), bytes((END, 0x0D))
UNANSWERED: Final = 512  # messages of one connection that wait for their commit; then nothing more is read from it
UNANSWERED_BYTES: Final = 16_000_000
AT_ONCE: Final = 32  # messages of a batch between two rounds of the loop


class Reader(Protocol):
    def __call__(self, raw: bytes, charset: str = "") -> str:
        """Why the content cannot be read, for a person; "" = it can."""


@dataclass
class Desk:
    """All that a connection leans on."""

    journal: Journal
    senders: Senders
    clock: Clock
    log: Log
    fault_in: Reader
    refused: Callable[[Refusal], None]  # writes it in the audit book
    most_bytes: int = 25_000_000
    half_s: float = 30.0  # for how long the rest of a message may stay away
    plaintext: bool = False
    connections: set["Connection"] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)  # nobody is connected
    answers: int = 0  # for MSH-10 of what we send
    _answering: list["Connection"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal.answered.append(self.write)

    def soon(self, connection: "Connection") -> None:
        """It has something to say: written with the rest of its group, and in no later round of the loop than that."""
        self._answering.append(connection)

    def write(self) -> None:
        """Each connection by itself: a fault of one is not the others'."""
        answering, self._answering = self._answering, []
        for each in answering:
            try:
                each.write()
            except Exception as error:
                self.log.error("mllp.unwritten", exc_info=error)


@dataclass
class _Batch:
    """One that is being put into the journal."""

    messages: Iterator[bytes]
    size: int
    together: Together
    envelope: bytes = b""  # where its counts are not true …
    miscounted: str = ""  # … and how
    head: Head | None = None  # of its first message, whose sender the answer is for
    sender: Sender | None = None
    ends: bool = False  # it holds one in the name of another sender


class Connection(asyncio.Protocol):
    """One connection from a sender or from an engine that speaks for many."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._framing = Framing(desk.most_bytes)
        self._proof = Proof()
        self._last: Sender | None = None
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._unanswered = self._unanswered_bytes = 0
        self._out: list[bytes] = []
        self._batch: _Batch | None = None
        self._behind: list[Framed] = []  # what came after it, while it is put into the journal
        self._deaf = self._full = self._leaving = self._told = False

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        desk = self._desk
        desk.connections.add(self)
        desk.empty.clear()
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            if not desk.plaintext:
                self._go()
            return
        self._proof = proof_of(cast(ssl.SSLObject, tls).getpeercert(binary_form=True) or b"")
        if not desk.senders.knows(self._proof):
            why = (
                "A client certificate that the registry of sources does not know."
                if self._proof.names
                else "No client certificate."
            )
            self._tell(Refusal("", "sender/certificate", why))
            self._go()

    def connection_lost(self, error: Exception | None) -> None:
        self._desk.connections.discard(self)
        if not self._desk.connections:
            self._desk.empty.set()
        self._transport = None
        if self._patience is not None:
            self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        for framed in self._framing.feed(data):
            self._take(framed)
        self._wait_for_the_rest()
        self._mind_the_flood()

    def eof_received(self) -> bool:
        """What came before its end is answered yet, and then it ends: whoever has gone would never be heard of again."""
        self._leaving = True
        return bool(self._unanswered or self._out)

    def pause_writing(self) -> None:
        self._full = True
        self._mind_the_flood()

    def resume_writing(self) -> None:
        self._full = False
        self._mind_the_flood()

    # --- one message

    def _take(self, framed: Framed) -> None:
        if self._batch is not None:
            self._behind.append(framed)
            return
        raw, fault = framed.raw, framed.fault
        if not fault and (messages := messages_of(raw)):
            self._unanswered += 1
            self._unanswered_bytes += len(raw)
            says = miscounted(raw)
            together = Together(len(messages), miscounted=bool(says))
            self._batch = _Batch(iter(messages), len(raw), together, envelope_of(raw) if says else b"", says)
            self._take_some()
            return
        head, found, fault = self._read(raw, fault)
        if isinstance(found, Refusal):
            self._turn_away(head, found, fault)
            return
        verdict = Verdict.UNREADABLE if fault else Verdict.TAKEN
        self._unanswered += 1
        self._unanswered_bytes += len(raw)
        self._desk.journal.put(Arrival(raw, head, found, verdict, fault, self._kept))

    def _read(self, raw: bytes, fault: str) -> tuple[Head, Sender | Refusal, str]:
        """Its head, whose it is, and why it cannot be read."""
        desk = self._desk
        try:
            head = heads.read(raw)
        except Unheaded as unheaded:
            head, fault = UNKNOWN, fault or unheaded.reason
        found: Sender | Refusal = desk.senders.of(head, self._proof)
        if isinstance(found, Refusal):
            if head is not UNKNOWN or self._last is None:
                return head, found, fault
            found = self._last  # what has no head is of whoever spoke before on this connection
        self._last = found
        return head, found, fault or desk.fault_in(raw, found.charset)

    def _take_some(self) -> None:
        """The next messages of a batch; in the end what came behind it."""
        batch = self._batch
        if batch is None:
            return
        some = list(islice(batch.messages, AT_ONCE))
        for raw in some:
            head, found, fault = self._read(raw, "")
            sender = None if isinstance(found, Refusal) else found
            if batch.head is None:
                batch.head, batch.sender = head, sender
            verdict = Verdict.UNREADABLE if fault else Verdict.TAKEN
            if isinstance(found, Refusal):
                self._tell(found)
                batch.ends = batch.ends or found.ends
                verdict, fault = Verdict.UNABLE, found.says

            self._desk.journal.put(Arrival(raw, head, sender, verdict, fault, partial(self._kept_of, batch)))
        if len(some) == AT_ONCE:
            asyncio.get_running_loop().call_soon(self._take_some)
            return
        if batch.envelope:
            told = (batch.sender, Verdict.UNREADABLE, batch.miscounted)
            self._desk.journal.put(Arrival(batch.envelope, BATCH_HEAD, *told, partial(self._kept_of, batch)))
        self._batch = None
        behind, self._behind = self._behind, []
        for each in behind:
            self._take(each)
        self._mind_the_flood()

    def _kept_of(self, batch: _Batch, arrival: Arrival) -> None:
        if batch.together.add(arrival.verdict, arrival.reason):
            self._batch_kept(batch)

    def _batch_kept(self, batch: _Batch) -> None:
        self._unanswered -= 1
        self._unanswered_bytes -= batch.size
        if batch.ends:
            self._leaving = True
        self._answer(batch.head or UNKNOWN, batch.together.verdict, batch.together.reason, batch.sender)

    def _kept(self, arrival: Arrival) -> None:
        """The journal is done with it: the answer goes into the next write."""
        self._unanswered -= 1
        self._unanswered_bytes -= len(arrival.raw)
        self._answer(arrival.head, arrival.verdict, arrival.reason, arrival.sender)

    def _answer(self, head: Head, verdict: Verdict, reason: str, sender: Sender | None) -> None:
        told = (sender.acknowledge, sender.unable) if sender else ("as-asked", "AR")
        letters = heads.code(head, verdict, acknowledge=told[0], unable=told[1])
        first = not self._out
        if letters:
            desk = self._desk
            desk.answers += 1
            ours = b"%s%d" % (desk.journal.mark, desk.answers)
            ack = heads.acknowledgement(head, letters, verdict, reason, now=desk.clock.now(), ours=ours)
            self._out += (_FRAME_START, ack, _FRAME_END)
        if first:
            self._desk.soon(self)

    def write(self) -> None:
        """All that has been answered since it was last called, at once."""
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._mind_the_flood()
        if self._leaving and not self._unanswered:
            self._close()

    def _turn_away(self, head: Head, refusal: Refusal, fault: str) -> None:
        """Answered, so that the other end can say why; in the name of another sender it ends here."""
        verdict, says = (Verdict.UNREADABLE, fault) if fault else (Verdict.UNABLE, refusal.says)
        self._tell(refusal)
        if self._unanswered:
            # In order behind what came before it.
            self._desk.journal.put(Arrival(b"", head, None, verdict, says, self._kept))
            self._unanswered += 1
        else:
            self._answer(head, verdict, says, None)
            asyncio.get_running_loop().call_soon(self._desk.write)  # with what else is answered in this round
        if refusal.ends:
            self._leaving = True

    def _tell(self, refusal: Refusal) -> None:
        if not self._told:  # once a connection: a flood of refusals must not flood the book
            self._told = True
            peer = self._transport.get_extra_info("peername") if self._transport is not None else None
            self._desk.refused(replace(refusal, shown=self._proof.names, at=peer[0] if peer else ""))

    # --- patience

    def _wait_for_the_rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._framing.half:
            self._patience = asyncio.get_running_loop().call_later(self._desk.half_s, self._no_rest)

    def _no_rest(self) -> None:
        self._patience = None
        if (half := self._framing.give_up()) is not None:
            self._take(half)

    def _mind_the_flood(self) -> None:
        """Nothing more is read while too much of it waits for its commit, or while its answers are not fetched."""
        many = self._unanswered >= UNANSWERED or self._unanswered_bytes >= UNANSWERED_BYTES
        much = self._full or self._batch is not None or many
        if self._transport is None or much == self._deaf:
            return
        self._deaf = much
        if much:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _go(self) -> None:
        self._leaving = True
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def leave(self) -> None:
        """We are closing: what has come whole is answered, and nothing more is read."""
        self._leaving = True
        if not self._unanswered and not self._out:
            self._close()


@dataclass
class Listener:
    """The open door. `port` is known once it listens."""

    desk: Desk
    host: str
    port: int
    tls: ssl.SSLContext | None
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        # The next process of ours may listen while this one still answers: nobody is turned away during an upgrade.
        self._server = await loop.create_server(
            lambda: Connection(self.desk), self.host, self.port, ssl=self.tls, reuse_port=True, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def renew(self, tls: ssl.SSLContext) -> None:
        """Who connects from now on is shown another certificate; who is connected goes on."""
        before, self.tls = self._server, tls
        await self.open()
        if before is not None:
            before.close()

    async def close(self, *, within_s: float = 5.0) -> None:
        """No new connection; each one there is answers what it has in hand, then ends."""
        if self._server is None:
            return
        self._server.close()
        for each in list(self.desk.connections):
            each.leave()
        if self.desk.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.desk.empty.wait(), within_s)
        for each in list(self.desk.connections):
            each._close()
        self._server = None


class _Handshake(ssl.SSLObject):
    """One that says why it failed: asyncio keeps that to itself, and the other end's engine often too."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            cast(_Mutual, self.context).refused(error)
            raise


class _Mutual(ssl.SSLContext):
    sslobject_class = _Handshake
    refused: Callable[[ssl.SSLError], None]


_PLAIN: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # what came first was no word of TLS


def _why(error: ssl.SSLError) -> Refusal:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal("", "sender/certificate", f"A client certificate that cannot stand: {error.verify_message}.")
    if error.reason in _PLAIN:
        return Refusal("", "sender/plaintext", "What came was not encrypted: this door takes TLS alone.")
    said = (error.reason or type(error).__name__).replace("_", " ").lower()
    return Refusal("", "sender/handshake", f"No encrypted connection came about: {said}.")


def tls_of(certificate_file: str, clients_ca_file: str, refused: Callable[[Refusal], None]) -> ssl.SSLContext:
    """Mutual TLS, 1.2 or later. One who shows no certificate is let in as far as a line in the audit book, and no further; one
    whose certificate has expired, or is of another authority, no further than that line either.

    Raises:
        OSError, ssl.SSLError: a file is missing or no certificate.
    """
    context = _Mutual(ssl.PROTOCOL_TLS_SERVER)
    context.refused = lambda error: refused(_why(error))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate_file)
    context.load_verify_locations(clients_ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
