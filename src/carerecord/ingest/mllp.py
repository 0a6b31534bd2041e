"""How do messages come in over MLLP? One connection, many senders; each message durable before it is answered, in its order.

A connection is never dropped for what it says: a message that cannot be read is kept and answered AE, one that could not be made
durable AR. It ends only where who is at the other end may not send: without a certificate that the registry knows, or in the name
of another sender.
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol, TypeVar, cast

from msgspec.structs import replace

from carerecord.contracts.sources import Sender
from carerecord.ingest import head as heads
from carerecord.ingest.batches import Together, envelope_of, is_batch, messages_of, miscounted
from carerecord.ingest.framing import END, NO_ROOM, START, Framed, Framing
from carerecord.ingest.head import UNKNOWN, Head, Unheaded, Verdict
from carerecord.ingest.journal.arrivals import ASIDE_BYTES, Arrival, Journal
from carerecord.ingest.kinds import BATCH_HEAD
from carerecord.ingest.senders import Proof, Refusal, Senders, proof_of
from carerecord.kit.clock import Clock
from carerecord.kit.log import Log

_FRAME_START, _FRAME_END = bytes((START,)), bytes((END, 0x0D))
UNANSWERED: Final = 512  # messages of one connection that wait for their commit; then nothing more is taken from it
UNANSWERED_BYTES: Final = 16_000_000
TURN_S: Final = 0.005  # of the event loop, for what has come on one connection; then the others have theirs
HELD_BYTES: Final = 256_000_000  # of messages that are not answered, on all connections
CONNECTIONS: Final = 2_000  # and who comes beyond is closed at once: what else this process does needs descriptors too
HANDSHAKE_S: Final = 10.0
_SILENT_S: Final = 60  # after this a silent other end is asked whether it is still there, …
_GONE_S: Final = 15  # … and so often again
_PAUSE_S: Final = 0.1  # when there is no room for another connection at all
R = TypeVar("R")


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
    held: int = 0  # bytes of messages that are not answered, whole or not, on all connections
    most_held: int = HELD_BYTES
    most_connections: int = CONNECTIONS
    entering: "set[Connection]" = field(default_factory=set)  # who shakes hands
    aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "mllp"))  # reads what is large
    _answering: list["Connection"] = field(default_factory=list)
    _turns: "deque[Connection]" = field(default_factory=deque)
    _full: bool = False

    def __post_init__(self) -> None:
        self.journal.answered.append(self.write)

    def later(self, connection: "Connection") -> None:
        """It has more than its turn was long enough for: one connection in a round of the loop goes on."""
        self._turns.append(connection)
        if len(self._turns) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        connection = self._turns[0]
        try:
            connection.go_on()
        except Exception as error:
            connection.fail(error)
        self._turns.popleft()
        if self._turns:
            asyncio.get_running_loop().call_soon(self._turn)

    def hold(self, more: int) -> None:
        """So many bytes more, or fewer. Where it is too much, the largest of what has not come whole gives its room up."""
        self.held += more
        while more > 0 and self.crowded:
            largest = max(self.connections, key=lambda each: each.spare, default=None)
            if largest is None or not largest.spare:
                break  # what is small is no burden
            largest.let_go()

    @property
    def in_turns(self) -> bool:
        """Whether some wait for theirs: who comes now waits behind them."""
        return bool(self._turns)

    @property
    def crowded(self) -> bool:
        return self.held > self.most_held

    def full(self) -> bool:
        """Whether nobody else is let in; said once, until there is room again."""
        is_full = len(self.connections) + len(self.entering) >= self.most_connections
        if is_full and not self._full:
            self.log.warning("mllp.full", connections=len(self.connections), entering=len(self.entering))
        self._full = is_full
        return is_full

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
    size: int  # of all that came, which is held until the last of them is taken
    envelope: bytes = b""  # where its counts are not true …
    miscounted: str = ""  # … and how
    together: Together = field(default_factory=Together)
    waits: int = 0  # messages of it that are on their way into the journal
    whole: bool = False  # no more of them will come
    head: Head | None = None  # of its first message, whose sender the answer is for
    sender: Sender | None = None
    ends: bool = False  # it holds one in the name of another sender


def _odd(raw: bytes) -> tuple[str, bytes]:
    """What the envelope of a batch says that is not true, and the envelope, if so."""
    says = miscounted(raw)
    return says, envelope_of(raw) if says else b""


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
        self.held = 0  # bytes of what is not answered
        self._more = False  # something may have come that is not taken yet
        self._queued = False  # … and its turn will come
        self._aside = 0  # bytes of what is being read in a thread; what is behind it waits
        self._deaf = self._full = self._leaving = self._ended = self._told = self._told_junk = False

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        desk = self._desk
        desk.entering.discard(self)
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

    @property
    def _idle(self) -> bool:
        """All that came is answered."""
        return not (self._unanswered or self._more or self._out)

    def connection_lost(self, error: Exception | None) -> None:
        self._desk.connections.discard(self)
        if not self._desk.connections:
            self._desk.empty.set()
        self._transport = None
        if self._patience is not None:
            self._patience.cancel()
        self._count_held()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        if not self._more and (framed := self._framing.whole(data)) is not None:
            self._take(framed)
        else:
            self._framing.add(data)
            self._more = True
        if not self._queued:
            self._go_on(0.0 if self._desk.in_turns else TURN_S)

    def eof_received(self) -> bool:
        """What came before its end is answered yet, and then it ends: whoever has gone would never be heard of again."""
        self._leaving = True
        return not self._idle

    def pause_writing(self) -> None:
        self._full = True
        self._mind_the_flood()

    def resume_writing(self) -> None:
        self._full = False
        self._mind_the_flood()

    # --- one message

    def go_on(self) -> None:
        """Its turn has come."""
        self._queued = False
        self._go_on(TURN_S)
        if self._leaving and self._idle:
            self._close()

    def _go_on(self, turn_s: float) -> None:
        """Take as much of what has come as one turn allows."""
        until = time.monotonic() + turn_s
        while self._more and not self._aside and not self._many:
            if time.monotonic() >= until:
                self._queued = True
                self._desk.later(self)
                break
            self._more = self._take_next()
        if self._framing.junk_bytes and not self._told_junk:  # once a connection
            self._told_junk = True
            sender = self._last.id if self._last is not None else ""
            self._desk.log.warning("mllp.junk", bytes=self._framing.junk_bytes, sender=sender)
        self._wait_for_the_rest()
        self._mind_the_flood()

    def _take_next(self) -> bool:
        """One message, of a batch that has come or of the line; False when there is none."""
        if self._ended:
            return False
        if self._batch is not None:
            batch, raw = self._batch, next(self._batch.messages, None)
            if raw is not None:
                batch.waits += 1
                self._take_one(raw, "", batch)
                return True
            self._batch, batch.whole = None, True
            if batch.envelope:
                batch.waits += 1
                told = (batch.sender, Verdict.UNREADABLE, batch.miscounted)
                self._put(Arrival(batch.envelope, BATCH_HEAD, *told, self._kept_of(batch)))
            if not batch.waits:
                self._answer_batch(batch)
                asyncio.get_running_loop().call_soon(self._desk.write)
            return True
        framed = self._framing.next()
        if framed is not None:
            self._take(framed)
        return framed is not None

    def _take(self, framed: Framed) -> None:
        raw, fault = framed.raw, framed.fault
        if fault or not is_batch(raw):
            self._take_one(raw, fault, None)
        elif len(raw) > ASIDE_BYTES:
            self._read_aside(len(raw), lambda: _odd(raw), lambda odd: self._open(raw, *odd))
        else:
            self._open(raw, *_odd(raw))

    def _open(self, raw: bytes, says: str, envelope: bytes) -> None:
        """What begins as a batch. One that holds no message is one."""
        first = next(messages := messages_of(raw), None)
        if first is None:
            self._take_one(raw, "", None)
        else:
            self._batch, self._more = _Batch(chain((first,), messages), len(raw), envelope, says), True

    def _take_one(self, raw: bytes, fault: str, batch: _Batch | None) -> None:
        """Put it into the journal. One that is large is read and sealed in a thread, and what is behind it waits."""
        head, found, fault = self._whose(raw, fault)
        if batch is not None and batch.head is None:
            batch.head, batch.sender = head, None if isinstance(found, Refusal) else found
        if isinstance(found, Refusal):
            self._turn_away(head, found, fault, batch)
            return
        if fault == NO_ROOM:
            self._put(Arrival(b"", head, None, Verdict.UNABLE, fault, self._kept_of(batch, found)))
            return

        def read() -> Arrival:
            why = fault or self._desk.fault_in(raw, found.charset)
            verdict = Verdict.UNREADABLE if why else Verdict.TAKEN
            return Arrival(raw, head, found, verdict, why, self._kept_of(batch, found))

        if len(raw) > ASIDE_BYTES:
            self._read_aside(len(raw), lambda: self._desk.journal.sealed(read()), self._put)
        else:
            self._put(read())

    def _whose(self, raw: bytes, fault: str) -> tuple[Head, Sender | Refusal, str]:
        """Its head, whose it is, and why it cannot be read."""
        try:
            head = heads.read(raw)
        except Unheaded as unheaded:
            head, fault = UNKNOWN, fault or unheaded.reason
        found: Sender | Refusal = self._desk.senders.of(head, self._proof)
        if isinstance(found, Refusal):
            if head is not UNKNOWN or self._last is None:
                return head, found, fault
            found = self._last  # what has no head is of whoever spoke before on this connection
        self._last = found
        return head, found, fault

    def _put(self, arrival: Arrival) -> None:
        self._unanswered += 1
        self._unanswered_bytes += len(arrival.raw)
        self._desk.journal.put(arrival)

    def _read_aside(self, size: int, read: Callable[[], R], then: Callable[[R], None]) -> None:
        self._aside, self._more = size, True

        def done(reading: "asyncio.Future[R]") -> None:
            self._aside = 0
            try:
                then(reading.result())
            except Exception as error:
                self.fail(error)
            self.go_on()

        asyncio.get_running_loop().run_in_executor(self._desk.aside, read).add_done_callback(done)

    def fail(self, error: Exception) -> None:
        """What could not be taken has no answer: its sender finds the connection ended, and sends again."""
        self._desk.log.error("mllp.untaken", exc_info=error)
        self._go()

    def _kept_of(self, batch: _Batch | None, sender: Sender | None = None) -> Callable[[Arrival], None]:
        def kept(arrival: Arrival) -> None:
            """The journal is done with it: the answer goes into the next write."""
            self._unanswered -= 1
            self._unanswered_bytes -= len(arrival.raw)
            if batch is None:
                self._answer(arrival.head, arrival.verdict, arrival.reason, sender)
                return
            batch.waits -= 1
            tell = batch.together.envelope if arrival.head is BATCH_HEAD else batch.together.add
            tell(arrival.verdict, arrival.reason)
            if batch.whole and not batch.waits:
                self._answer_batch(batch)
            else:
                self._desk.soon(self)  # there is room for the next of it

        return kept

    def _answer_batch(self, batch: _Batch) -> None:
        if batch.ends:
            self._ended = self._leaving = True
        self._answer(batch.head or UNKNOWN, batch.together.verdict, batch.together.reason, batch.sender)

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
        if self._leaving and self._idle:
            self._close()

    def _turn_away(self, head: Head, refusal: Refusal, fault: str, batch: _Batch | None) -> None:
        """Answered, so that the other end can say why; in the name of another sender it ends here."""
        verdict, says = (Verdict.UNREADABLE, fault) if fault else (Verdict.UNABLE, refusal.says)
        self._tell(refusal)
        if batch is not None:
            batch.ends = batch.ends or refusal.ends
            self._put(Arrival(b"", head, None, Verdict.UNABLE, refusal.says, self._kept_of(batch)))
            return
        if self._unanswered:
            # In order behind what came before it.
            self._put(Arrival(b"", head, None, verdict, says, self._kept_of(None)))
        else:
            self._answer(head, verdict, says, None)
            asyncio.get_running_loop().call_soon(self._desk.write)  # with what else is answered in this round
        if refusal.ends:
            self._ended = self._leaving = True

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
        if self._half and self._transport is not None:
            self._patience = asyncio.get_running_loop().call_later(self._desk.half_s, self._no_rest)

    def _no_rest(self) -> None:
        self._patience = None
        if (half := self._framing.give_up()) is not None:
            self._take(half)
        self._mind_the_flood()

    @property
    def _half(self) -> bool:
        """Whether a message has begun, and nothing else has come."""
        return self._framing.half and not self._more

    @property
    def spare(self) -> int:
        """Bytes for which there would be room if what has come of a message went."""
        return self._framing.spare if self._half else 0

    def let_go(self) -> None:
        """What has come of a message goes, but for its beginning: there is no room for it."""
        self._framing.let_go()
        self._count_held()

    def _count_held(self) -> None:
        batch = self._batch.size if self._batch is not None else 0
        now = self._framing.held + self._unanswered_bytes + self._aside + batch if self._transport is not None else 0
        if now != self.held:
            more, self.held = now - self.held, now
            self._desk.hold(more)

    @property
    def _many(self) -> bool:
        many = self._unanswered >= UNANSWERED or self._unanswered_bytes >= UNANSWERED_BYTES
        return many or (self._unanswered > 0 and self._desk.crowded)

    def _mind_the_flood(self) -> None:
        """Nothing more is read while what has come is not taken, too much of it waits for its commit, or nobody fetches its
        answers."""
        self._count_held()
        if self._more and not (self._queued or self._aside or self._many):
            self._queued = True
            self._desk.later(self)
        much = self._full or self._more or self._many
        if self._transport is None or much == self._deaf:
            return
        self._deaf = much
        if much:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _go(self) -> None:
        self._ended = self._leaving = True
        self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def leave(self) -> None:
        """We are closing: what has come whole is answered, and nothing more is read."""
        self._leaving = True
        if self._idle:
            self._close()


def _look_after(line: socket.socket) -> None:
    """One whose other end has vanished without a word ends by itself: nobody would ever be heard of on it again."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _GONE_S)


@dataclass
class Listener:
    """The open door. `port` is known once it listens."""

    desk: Desk
    host: str
    port: int
    tls: ssl.SSLContext | None  # may be replaced: who connects from then on is shown another certificate; who is there goes on
    _sockets: list[socket.socket] = field(default_factory=list)
    _accepting: list["asyncio.Task[None]"] = field(default_factory=list)
    _entering: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def open(self) -> None:
        """Raises OSError: nobody can listen there."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in found:
                # The next process of ours may listen while this one still answers: nobody is turned away during an upgrade.
                self._sockets.append(socket.create_server(address, family=family, backlog=512, reuse_port=True))
        except OSError:
            self._shut()
            raise
        self.port = self._sockets[0].getsockname()[1]
        for each in self._sockets:
            each.setblocking(False)
            self._accepting.append(asyncio.create_task(self._accept(each), name="mllp accept"))

    async def _accept(self, listening: socket.socket) -> None:
        """One in a round of the loop."""
        while True:
            try:
                line, _ = await asyncio.get_running_loop().sock_accept(listening)
            except ConnectionAbortedError:  # it has gone again
                continue
            except OSError:  # no descriptor is left, or no memory
                await asyncio.sleep(_PAUSE_S)
                continue
            if self.desk.full():
                line.close()
            else:
                entering = asyncio.create_task(self._enter(line), name="mllp enter")
                self._entering.add(entering)
                entering.add_done_callback(self._entering.discard)
            await asyncio.sleep(0)

    async def _enter(self, line: socket.socket) -> None:
        """Hands are shaken first where there is TLS, for which there is not much time: who stalls holds a place meanwhile."""
        connection = Connection(self.desk)
        self.desk.entering.add(connection)
        within_s = HANDSHAKE_S if self.tls is not None else None
        try:
            _look_after(line)
            # Of the socket, not of a transport: on uvloop one reads at once, and what comes before `start_tls` is lost.
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, line, ssl=self.tls, ssl_handshake_timeout=within_s, ssl_shutdown_timeout=within_s
            )
        except OSError:  # a certificate that cannot stand is in the book by now
            line.close()
        finally:
            self.desk.entering.discard(connection)

    def _shut(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    async def close(self, *, within_s: float = 5.0) -> None:
        """No new connection; each one there is answers what it has in hand, then ends."""
        if not self._sockets:
            return
        ending = [*self._accepting, *self._entering]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._shut()
        for each in list(self.desk.connections):
            each.leave()
        if self.desk.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.desk.empty.wait(), within_s)
        for each in list(self.desk.connections):
            each._close()
        self.desk.aside.shutdown(wait=False)


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
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
