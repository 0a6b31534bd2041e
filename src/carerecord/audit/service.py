"""Keep the book: take in lines, show them, prove that none was changed, moved or cut off."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace

from carerecord.audit import reading, store
from carerecord.audit.checkpoints import Checkpoint, Checkpoints
from carerecord.audit.event import as_audit_event
from carerecord.audit.model import EMPTY, Standing, first_bad, shown, told
from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Events, EventsAsked, Line, Looks, LooksAsked, Verified, VerifyAsked
from carerecord.kit import request
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import NotFound
from carerecord.kit.events import Event
from carerecord.kit.log import Log
from carerecord.kit.question import encode

CHECKPOINT_EVERY_S = 5.0
LAGGING_S = 60.0
_AT_ONCE = 2_000


@dataclass
class Book:
    db: Pool
    checkpoints: Checkpoints
    clock: Clock
    log: Log
    _noted: int = field(default=-1)  # the number in the last note of this process

    async def take(self, connection: Connection, events: Sequence[Event]) -> None:
        """Add the lines of these events, in the transaction that moves our place with their teller."""
        await store.add(connection, [told(event.teller, event.id, event.at, bytes(event.body)) for event in events])

    async def looks(self, asked: LooksAsked) -> Looks:
        """Lines, newest first, and up to when the book is whole. The look is written down before it is answered.

        Raises:
            NotUnderstood: `before` is neither a moment nor what `next` said, or `since` is no moment.
            Unavailable: the look could not be written down.
        """
        lines, after = await reading.looks(self.db, asked)
        now = self.clock.now()
        until = await store.whole_until(self.db)
        await self._write_look(asked.actor, asked.person, now)
        return Looks(
            lines,
            complete_until=stamp(until) if until is not None else "",
            behind_s=max(0.0, (now - until).total_seconds()) if until is not None else 0.0,
            next=after,
        )

    async def events(self, asked: EventsAsked) -> Events:
        """The same lines as FHIR AuditEvents, each under the id of its event.

        Raises:
            NotFound: there is no line of that id. Else as `looks`.
        """
        if asked.id:
            standing, after = await self._one(asked.id), ""
        else:
            standing, after = await reading.page(self.db, asked.person, asked.before, asked.most)
        until = await store.whole_until(self.db)
        await self._write_look(asked.actor, asked.person, self.clock.now())
        events = tuple(msgspec.Raw(encode(as_audit_event(replace(shown(each), id=str(each.event))))) for each in standing)
        return Events(events, stamp(until) if until is not None else "", after)

    async def _one(self, id_: str) -> tuple[Standing, ...]:
        try:
            standing = await store.of_event(self.db, UUID(id_))
        except ValueError:
            standing = ()
        if not standing:
            raise NotFound("There is no line of that id in the book.")
        return standing

    async def _write_look(self, actor: Actor | None, person: tuple[str, ...], now: datetime) -> None:
        """Not by the outbox, for the book itself is at hand: one step fewer that could fail."""
        id_ = str(uuid4())
        line = Line(id_, stamp(now), "audit-read", "audit", actor, person, request=request.current())
        async with self.db.acquire() as db, db.transaction():
            await store.add(db, [told("audit", id_, now, encode(line))])

    async def verify(self, _: VerifyAsked) -> Verified:
        """Read the whole book and hold it against its hashes and the notes outside the database.

        About 45 s for a million lines. The first line that does not agree is named; one that was changed together with all
        hashes after it is found by the next note, and then the first line after the last good note is named.
        """
        notes, forged = self.checkpoints.all()  # before the lines: what is added meanwhile must not look cut off
        hashes = {note.seq: note.hash for note in notes}
        seq, before, agreed = 0, EMPTY, 0
        while lines := await store.following(self.db, seq, _AT_ONCE):
            bad = first_bad(seq, before, lines)
            for line in lines:
                if bad is not None and line.seq >= bad:
                    break
                if line.seq in hashes:
                    if hashes[line.seq] != line.hash:
                        says = f"Lines {agreed + 1} to {line.seq} are not those that were noted outside the database."
                        return Verified(line.seq, False, agreed + 1, says)
                    agreed = line.seq
            if bad is not None:
                return Verified(bad - 1, False, bad, f"Line {bad} was changed, moved or taken out.")
            seq, before = lines[-1].seq, lines[-1].hash
            await asyncio.sleep(0)
        if notes and notes[-1].seq > seq:
            return Verified(seq, False, seq + 1, f"The end was cut off: lines {seq + 1} to {notes[-1].seq} are missing.")
        if forged:
            return Verified(seq, False, None, f"{forged} of the notes outside the database were not signed by this book.")
        noted = f"the newest note outside the database is of line {agreed}" if notes else "no note was made yet"
        return Verified(seq, True, None, f"{seq} lines agree; {noted}.")

    async def note(self) -> None:
        """Write down outside the database how long the book is, if it has grown."""
        seq, hash_ = await store.head(self.db)
        if self._noted < 0:
            notes, _ = self.checkpoints.all()
            self._noted = notes[-1].seq if notes else 0
        if seq < self._noted:
            self.log.error("audit.cut-off", lines=seq, noted=self._noted)
        if seq > self._noted:
            self.checkpoints.add(Checkpoint(seq, hash_, stamp(self.clock.now())))
            self._noted = seq

    async def keep_noting(self) -> None:
        """A note every few seconds, and an alarm when the book is over a minute behind, until cancelled."""
        while True:
            try:
                await self.note()
                await self._watch()
            except Exception as error:  # the database is away, or the disk is full: the next round tries again
                self.log.warning("audit.note-failed", exc_info=error)
            await asyncio.sleep(CHECKPOINT_EVERY_S)

    async def close(self) -> None:
        """The last note, at an orderly stop; without a database there is nothing new to note."""
        try:
            await self.note()
        except Exception as error:
            self.log.warning("audit.note-failed", exc_info=error)

    async def _watch(self) -> None:
        until = await store.whole_until(self.db)
        if until is not None and (behind_s := (self.clock.now() - until).total_seconds()) > LAGGING_S:
            self.log.error("audit.behind", behind_s=round(behind_s))
