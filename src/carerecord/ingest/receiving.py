"""What keeps the door for messages open? Who may send is read anew every second; what came is counted and told to the book."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from carerecord.contracts.audit import Line
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.ingest.journal.arrivals import Journal
from carerecord.ingest.journal.store import counting, queue
from carerecord.ingest.mllp import Desk, Listener
from carerecord.ingest.senders import Refusal, Senders
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool, is_away
from carerecord.kit.errors import BadSetting, Unavailable
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics

LOOKS_EVERY_S: Final = 1.0
COUNTS_EVERY_S: Final = 5.0
SETTLED_AFTER: Final = timedelta(seconds=60)  # no transaction that began before then can still add to the journal
RHYTHM_KEPT_DAYS: Final = 35
_RANGE: Final = 100_000  # messages in one line of the book


@dataclass
class Receiving:
    """The open door and what goes on around it."""

    calls: Calls
    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    metrics: Metrics
    journal: Journal
    senders: Senders
    desk: Desk
    host: str = ""  # "" = nothing listens
    port: int = 0
    tls: Callable[[], ssl.SSLContext | None] = lambda: None
    certificates: tuple[Path, ...] = ()  # the files of which `tls` is made
    plaintext: bool = False
    listener: Listener | None = None
    _made_of: tuple[tuple[int, int], ...] = ()
    _forgotten: date | None = None
    _awaited: str = ""  # the version of the registry whose senders are awaited
    _told_stuck: set[str] = field(default_factory=set)  # senders of whom the figures say how much is stuck
    _refusals: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def port_open(self) -> int:
        """Where it listens; 0 = nowhere yet."""
        return self.listener.port if self.listener is not None else 0

    async def work(self) -> None:
        """Until cancelled: the registry, then the door, then the counts."""
        next_count = 0.0
        while True:
            await self.look()
            if self.host and self.listener is None and self.senders.registry_version:
                await self.open()
            self.renew()
            if (now := asyncio.get_running_loop().time()) >= next_count:
                next_count = now + COUNTS_EVERY_S
                await self._count()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def look(self) -> None:
        """Take the registry as it is. Where `sources` is silent, who was known may go on to send."""
        try:
            answered = await self.calls.ask(REGISTRY, RegistryAsked(self.senders.registry_version))
        except Unavailable:
            return
        if answered.registry is not None:
            self.senders.take(answered.registry)

    async def open(self) -> None:
        """Raises BadSetting: a certificate that cannot be read, or an address where nobody can listen."""
        try:
            self._made_of = self._files()
            listener = Listener(self.desk, self.host, self.port, self.tls())
            await listener.open()
        except (OSError, ssl.SSLError) as error:
            raise BadSetting(f"No MLLP connection can be taken on {self.host}:{self.port} ({type(error).__name__}).") from error
        self.listener = listener
        self.log.info("mllp.listens", port=listener.port, encrypted=listener.tls is not None)
        if listener.tls is None:
            self.log.warning("mllp.plaintext", port=listener.port)

    def _files(self) -> tuple[tuple[int, int], ...]:
        return tuple((told.st_mtime_ns, told.st_size) for told in (each.stat() for each in self.certificates))

    def renew(self) -> None:
        """Certificates that were put in the place of ours are shown from now on; where they cannot be read, ours stay."""
        try:
            files = self._files()
        except OSError:
            return  # between two names
        if self.listener is None or files == self._made_of:
            return
        self._made_of = files
        try:
            if (tls := self.tls()) is not None:
                self.listener.tls = tls
                self.log.info("mllp.certificate_renewed", port=self.listener.port)
        except (OSError, ssl.SSLError) as error:
            self.log.error("mllp.certificate_unreadable", because=type(error).__name__)

    async def close(self) -> None:
        if self.listener is not None:
            await self.listener.close()
        await self.journal.settled()
        if self._refusals:
            await asyncio.wait(self._refusals, timeout=2.0)

    def refused(self, refusal: Refusal) -> None:
        """Write in the book who was turned away; the connection need not wait for it."""
        line = Line(
            "", stamp(self.clock.now()), "message-refused", "ingest", None, outcome="refused", rule=refusal.rule,
            sources=(refusal.sender,) if refusal.sender else (),
        )  # fmt: skip
        self.log.warning(
            "mllp.refused",
            rule=refusal.rule,
            sender=refusal.sender,
            because=refusal.says,
            certificate=refusal.shown,
            at=refusal.at,
        )
        self.metrics.turned_away.labels("ingest", refusal.rule).inc()
        task = asyncio.create_task(self._write(line), name="ingest refusal")
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    async def _write(self, line: Line) -> None:
        try:
            await self.outbox.announce("Line", line)
        except Unavailable:
            self.log.error("mllp.refusal_unwritten", rule=line.rule)

    async def _count(self) -> None:
        heard, now = dict(self.journal.heard), self.clock.now()
        try:
            if heard:
                await counting.add_heard(self.db, heard, now)
                for sender, count in heard.items():
                    self.journal.heard[sender] -= count
                    self.metrics.messages.labels("ingest", sender).inc(count)
            if (version := self.senders.registry_version) != self._awaited:
                await counting.await_senders(self.db, sorted(self.senders.by_id()), now)
                self._awaited = version
            await self._measure(now)
            await self._book(now)
            if (today := now.date()) != self._forgotten:
                await counting.forget_rhythm(self.db, RHYTHM_KEPT_DAYS)
                self._forgotten = today
        except Exception as error:
            if not is_away(error):
                raise

    async def _measure(self, now: datetime) -> None:
        """For whoever watches by figures: what waits, for how long, and what needs a person."""
        waiting, stuck = await queue.waiting(self.db), await queue.stuck_by_sender(self.db)
        age_s = (now - waiting.oldest_at).total_seconds() if waiting.oldest_at else 0.0
        self.metrics.waiting.labels("ingest").set(waiting.count)
        self.metrics.message_age.labels("ingest").set(age_s)
        self._told_stuck |= stuck.keys()
        for sender in self._told_stuck:
            self.metrics.stuck.labels("ingest", sender).set(stuck.get(sender, 0))

    async def _book(self, now: datetime) -> None:
        """One line for what was received: by whom, from which number to which, and a digest of all of it.

        The journal's row is what was durable before the answer; the line makes it part of the book, where nothing can be changed.
        """
        while True:
            async with self.db.acquire() as db, db.transaction():
                part = await counting.unbooked(db, now - SETTLED_AFTER, _RANGE)
                if part is None:
                    return
                states = tuple(f"{sender}={count}" for sender, count in part.by_sender)
                line = Line(
                    "", stamp(now), "messages-received", "ingest", None, sources=tuple(each for each, _ in part.by_sender),
                    states=(f"messages {part.first} to {part.last}", *states), digest=part.digest,
                )  # fmt: skip
                await self.outbox.announce("Line", line, db)
                await counting.booked(db, part.last)
