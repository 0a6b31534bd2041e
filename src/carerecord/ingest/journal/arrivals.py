"""How does a message become durable before it is answered? In groups: whoever waits at the same moment shares one commit.

One group is written at a time, in the order of arrival, so each sender's order is the journal's. While it is being written the
next one gathers: the busier it is, the larger the groups. And those of the one before it, which is durable, are answered.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias
from zlib import crc32

from carerecord.contracts.sources import Sender
from carerecord.ingest.head import Head, Verdict
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store import adding as store
from carerecord.kit import request
from carerecord.kit.begun import Begun
from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Pool, is_away
from carerecord.kit.log import Log

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy as _Proxy

    PoolConnectionProxy: TypeAlias = _Proxy[asyncpg.Record]

GROUP: Final = 256  # messages in one commit
GROUP_BYTES: Final = 4_000_000
PRESSED_S: Final = 0.05  # a sender who was here so lately waits for an answer, or sends the next at once
IDLE_S: Final = 1.0  # for so long the connection is kept at hand
PATIENCE_S: Final = 5.0  # for a database that is away, before a sender is told
STALLED_S: Final = 10.0  # one that is there and does not answer: its disk or its machine stands still, and nothing ends by itself
CAREFUL_S: Final = 60.0  # after one came again: a group that was taken to be new and is not is an error in the engine's log
LANES: Final = 8
ASIDE_BYTES: Final = 200_000  # a message that is larger is read and sealed in a thread, while the others go on
NOT_DURABLE: Final = "It could not be kept just now. Nothing of it was taken: send it again."


class Arrival:
    """One message that waits for its commit. `kept` is called once, in the order of arrival, when its verdict stands."""

    __slots__ = ("head", "kept", "raw", "reason", "row", "sender", "verdict")

    def __init__(
        self, raw: bytes, head: Head, sender: Sender | None, verdict: Verdict, reason: str, kept: "Callable[[Arrival], None]"
    ) -> None:
        self.raw, self.head, self.sender, self.verdict, self.reason, self.kept = raw, head, sender, verdict, reason, kept
        self.row: store.Row | None = None  # sealed, as it will stand


def lane_of(organisation: str, whose: bytes = b"") -> int:
    """What one organisation sends about one person is filed in one lane, and so in its order."""
    return crc32(whose, crc32(organisation.encode())) % LANES


@dataclass
class Journal:
    db: Pool
    seals: Seals
    clock: Clock
    log: Log
    bell: asyncio.Event = field(default_factory=asyncio.Event)  # something is there to be filed
    heard: dict[str, int] = field(default_factory=dict)  # messages by sender since it was last asked
    mark: bytes = field(default_factory=lambda: secrets.token_hex(4).encode())  # begins each MSH-10 of this process
    patience_s: float = PATIENCE_S
    stalled_s: float = STALLED_S
    answered: list[Callable[[], None]] = field(default_factory=list)  # called when each of a group has been told
    _careful_until: float = -1.0
    _came: float = -1.0  # when the last message did
    _waiting: list[Arrival] = field(default_factory=list)
    _flush: "asyncio.Task[None] | None" = None
    _held: "PoolConnectionProxy | None" = None
    _rest: "asyncio.TimerHandle | None" = None
    _releasing: "asyncio.Task[None] | None" = None

    def put(self, arrival: Arrival) -> None:
        """Let it be written with the next group. One without a sender is answered in its turn and not kept."""
        self.sealed(arrival)  # now, while the group before it is being written
        self._waiting.append(arrival)
        self._came = time.monotonic()
        request.came()
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_all(), name="ingest journal")

    def sealed(self, arrival: Arrival) -> Arrival:
        """As it will stand. May be called in a thread, of one that is large."""
        if arrival.sender is not None and arrival.row is None:
            arrival.row = self._row(arrival, arrival.sender)
        return arrival

    @property
    def pressed(self) -> bool:
        """Whether senders come one after the other just now."""
        return time.monotonic() - self._came < PRESSED_S

    async def settled(self) -> None:
        """When all that came so far is written or told that it is not."""
        while self._flush is not None:
            await asyncio.wait({self._flush})

    async def _flush_all(self) -> None:
        settled: Sequence[Arrival] = ()  # durable, or not to be: they wait for their answers
        try:
            while self._waiting:
                group = self._taken(len(settled))
                writing = Begun(self._settle(group))  # the statement is on its way before anything else is done
                self._answer(settled)
                settled = ()
                await writing
                settled = group
            self._rest = asyncio.get_running_loop().call_later(IDLE_S, self._rested)
        finally:
            self._answer(settled)
            self._flush = None
            if self._waiting:
                self._flush = asyncio.create_task(self._flush_all(), name="ingest journal")

    async def _settle(self, group: Sequence[Arrival]) -> None:
        """Until each of them has its verdict."""
        try:
            await self._write(group)
        except BaseException as error:
            _unable(group)
            if not isinstance(error, Exception):
                raise
            self.log.error("journal.failed", messages=len(group), exc_info=error)

    def _answer(self, group: Sequence[Arrival]) -> None:
        """Each once. A fault in one answer is its own: to whom it was to go sends again."""
        for each in group:
            try:
                each.kept(each)
            except Exception as error:
                self.log.error("journal.unanswered", exc_info=error)
        if group:
            for heard in self.answered:
                heard()

    def _rested(self) -> None:
        """Nothing came for a while: the connection is for others."""
        if self._flush is None and self._held is not None:
            self._releasing = asyncio.create_task(self._let_go(), name="ingest journal rests")

    async def _connection(self) -> Connection:
        """One for as long as there is something to write: to fetch it anew for each group would cost as much as the group."""
        if self._rest is not None:
            self._rest.cancel()
        if self._held is None:
            self._held = await self.db.acquire()
        return self._held

    async def _let_go(self, *, broken: bool = False) -> None:
        held, self._held = self._held, None
        if held is not None:
            with suppress(Exception):  # the pool replaces what is broken
                if broken:
                    held.terminate()  # else it would be waited for until its statement is called back
                await self.db.release(held)

    def _taken(self, settled: int) -> list[Arrival]:
        """The next group. Who has just been written soon sends again: half of both together, so that as many come as are written.

        Were all who wait written at once, they would send at once again: the disk would wait for us, and then we for the disk.
        """
        most = (len(self._waiting) + settled + 1) // 2 if settled else GROUP
        size, count = 0, 0
        for each in self._waiting[: min(GROUP, most)]:
            size += len(each.raw)
            if count and size > GROUP_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _write(self, group: Sequence[Arrival]) -> None:
        now = self.clock.now()
        rows: dict[bytes, store.Row] = {}
        again: list[bytes] = []
        for each in group:
            row = each.row
            if row is None:
                continue
            if row.digest in rows:
                again.append(row.digest)
            else:
                rows[row.digest] = row
        if not rows:
            return
        fresh = await self._durable(list(rows.values()), group)
        if fresh is None:
            return
        again += [digest for digest in rows if digest not in fresh]
        for each in group:
            if each.sender is not None:
                self.heard[each.sender.id] = self.heard.get(each.sender.id, 0) + 1
        if again:
            try:
                async with asyncio.timeout(self.stalled_s):
                    await store.add_repeats(await self._connection(), again, now)
            except Exception as error:
                await self._let_go(broken=is_away(error))
                self.log.warning("journal.repeats_uncounted", because=type(error).__name__)  # their first receipt stands
        if fresh:
            self.bell.set()

    async def _durable(self, rows: Sequence[store.Row], group: Sequence[Arrival]) -> frozenset[bytes] | None:
        """None: it could not be done in time, and each has been told. To try again is safe: what was written is then a repeat."""
        loop = asyncio.get_running_loop()
        until, pause_s, tried = loop.time() + self.patience_s, 0.02, False
        while True:
            try:
                async with asyncio.timeout(self.stalled_s):
                    fresh = await self._added(rows)
                # After an outcome that nobody knows, what is there already may be of this very group: all of it is durable.
                return frozenset(row.digest for row in rows) if tried else fresh
            except Exception as error:
                await self._let_go(broken=is_away(error))
                if not is_away(error):
                    raise
                tried = True
                if loop.time() + pause_s > until:
                    self.log.warning("journal.away", because=type(error).__name__, messages=len(group))
                    _unable(group)
                    return None
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.5)

    async def _added(self, rows: Sequence[store.Row]) -> frozenset[bytes]:
        """Who sends again does so many times: for a while after the first, each is looked for before it is written."""
        db, now = await self._connection(), self.clock.now()
        if time.monotonic() >= self._careful_until and not any(row.fault for row in rows):
            try:
                return await store.add(db, rows, now, new=True)
            except store.Again:
                self._careful_until = time.monotonic() + CAREFUL_S
        return await store.add(db, rows, now)

    def _row(self, arrival: Arrival, sender: Sender) -> store.Row:
        unreadable = arrival.verdict is Verdict.UNREADABLE
        # The same words that come whole afterwards are another message: as one that came again they would never be filed.
        half = (b"unreadable",) if unreadable else ()
        digest = self.seals.digest(sender.id.encode(), *content(arrival.raw, arrival.head), *half)
        return store.Row(
            sender.id, sender.organisation, digest, arrival.head.form.named, len(arrival.raw),
            self.seals.seal(arrival.raw, organisation=sender.organisation, place=digest),
            lane_of(sender.organisation, whose(arrival.raw, arrival.head)), arrival.reason if unreadable else "",
        )  # fmt: skip


def _unable(group: Sequence[Arrival]) -> None:
    for each in group:
        if each.sender is not None:
            each.verdict, each.reason = Verdict.UNABLE, NOT_DURABLE


def whose(raw: bytes, head: Head) -> bytes:
    """By which number its sender knows the person, as it is written; nothing where it does not say so in a PID.

    Asked of the bytes, before anything is understood: two ways of writing one number cost the order of the two, which decides
    nothing of how things stand.
    """
    separator, between = head.form.separator, head.form.encoding[:1] or b"^"
    at = raw.find(b"\rPID" + separator)
    if at < 0:
        return b""
    ends = raw.find(b"\r", at + 1)
    fields = raw[at + 5 : ends if ends >= 0 else len(raw)].split(separator, 4)
    for each in fields[2:0:-1]:
        if each.strip(b'"'):
            return each.split(between, 1)[0].strip()
    return b""


def content(raw: bytes, head: Head) -> tuple[bytes, ...]:
    """What makes it the message that it is: all but MSH-7 and MSH-10, which a sender writes anew when it sends again.

    MSH-7 is content where nothing else says when it was recorded: an ADT whose EVN-2 is empty. Two of those with the same words
    may be two statements, and one between them another.
    """
    if not head.control or not head.ends:
        return (raw,)
    ends, form = raw.find(b"\r"), head.form
    again = form.type != b"ADT" or _recorded(raw, form.separator)
    if ends == head.ends and again:
        return head.rest, raw[ends:]
    ends = len(raw) if ends < 0 else ends  # a head ends at any line end, content at that of segments
    fields = raw[:ends].split(form.separator)
    if len(fields) < 10:
        return (raw,)
    fields[9] = b""
    if again:
        fields[6] = b""
    return form.separator.join(fields), raw[ends:]


def _recorded(raw: bytes, separator: bytes) -> bool:
    at = raw.find(b"\rEVN" + separator)
    if at < 0:
        return False
    evn = raw[at + 1 : at + 400].split(b"\r", 1)[0].split(separator)
    return len(evn) > 2 and bool(evn[2].strip())
