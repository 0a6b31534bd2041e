"""What waits and why, what a message says, and what a person decides of it. Every look into a message stands in the book."""

import asyncio
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec import Raw

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.contracts.ingest import (
    DiscardAsked,
    MessageAsked,
    MessageQueue,
    MessagesAsked,
    MessageShown,
    QueueChanged,
    ReplayAsked,
    SenderState,
    StuckMessage,
    Tried,
    TryAsked,
)
from carerecord.ingest import hl7v2, laid
from carerecord.ingest.batches import messages_of, miscounted
from carerecord.ingest.filing import KILLED
from carerecord.ingest.group import opened
from carerecord.ingest.head import Unheaded
from carerecord.ingest.hl7v2 import Filing, Unreadable
from carerecord.ingest.hl7v2 import Heard as Word
from carerecord.ingest.journal.store import counting
from carerecord.ingest.journal.store import queue as store
from carerecord.ingest.kinds import END_HEAD, FHIR_HEAD, ROW_HEAD, fault_in, filings, head_of
from carerecord.ingest.receiving import Receiving
from carerecord.ingest.rhythm import never_heard, silence
from carerecord.ingest.senders import sends
from carerecord.ingest.whole import IN_DOUBT
from carerecord.kit import request
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotAcceptable, NotFound, NotUnderstood

RHYTHM_DAYS: Final = 29
OTHERWISE: Final = "its sends_as does not name this MSH-3 and MSH-4: over MLLP it would be told AR, and not kept"
_MOST_SHOWN: Final = 200_000  # characters of a message on a page; the journal has it whole


@dataclass(frozen=True)
class Queue:
    receiving: Receiving
    folder: Path | None = None  # in which sources lay files

    async def queue(self, asked: MessagesAsked) -> MessageQueue:
        receiving, now = self.receiving, self.receiving.clock.now()
        db, most = receiving.db, min(max(asked.most, 1), 1_000)
        waiting, by_sender = await store.waiting(db), await store.stuck_by_sender(db)
        rows = await store.stuck(db, asked.sender, asked.after, most + 1)
        rhythms = {each.sender: each for each in await counting.rhythms(db, RHYTHM_DAYS, now)}
        awaited = await counting.awaited(db)
        refused = await asyncio.to_thread(laid.refused, self.folder, [each.id for each in receiving.senders.rows])
        senders = []
        for each in receiving.senders.rows:
            heard, says, today = rhythms.get(each.id), "", 0
            if heard is not None:
                says = silence(heard.counts, heard.last, now, after_s=each.silent_after_s)
                today = heard.today
            elif (since := awaited.get(each.id)) is not None:
                says = never_heard(since, now, after_s=each.silent_after_s)
            senders.append(
                SenderState(
                    each.id, each.name, each.source, by_sender.get(each.id, 0), stamp(heard.last) if heard else "", today,
                    bool(says), says, refused.get(each.id, 0),
                )
            )  # fmt: skip
        return MessageQueue(
            stamp(now), waiting.count, stamp(waiting.oldest_at) if waiting.oldest_at else "", sum(by_sender.values()),
            tuple(_told(row) for row in rows[:most]), tuple(senders), len(rows) > most, receiving.port_open,
            receiving.plaintext and bool(receiving.host),
        )  # fmt: skip

    async def message(self, asked: MessageAsked) -> MessageShown:
        """As it came; first it is written down who looks.

        Raises:
            NotFound: there is no such message.
        """
        receiving = self.receiving
        found = await store.one(receiving.db, asked.id)
        if found is None:
            raise NotFound("The journal has no message of that number.")
        kept, state, reason = found
        await self._write_down("message-read", asked.actor, kept.sender, f"message {kept.id}", asked.reason)
        text = opened(receiving.journal.seals, kept)
        shown = text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        if len(shown) > _MOST_SHOWN:
            shown = f"{shown[:_MOST_SHOWN]}\n… and {len(shown) - _MOST_SHOWN:,} more characters"
        return MessageShown(kept.id, kept.sender, kept.trigger, stamp(kept.at), shown, state, reason)

    async def replay(self, asked: ReplayAsked) -> QueueChanged:
        """Raises NotUnderstood: it says not what. NotFound: it is of no message that waits, or of a sender whom nobody knows."""
        if not (asked.id or asked.sender or asked.everything):
            raise NotUnderstood("Say which: one message, the messages of a sender, or all.")
        receiving, now = self.receiving, self.receiving.clock.now()
        what = f"message {asked.id}" if asked.id else "all"
        async with receiving.db.acquire() as db, db.transaction():
            count = await store.replay(db, asked.id, asked.sender, now, asked=IN_DOUBT)
            line = self._line("messages-replayed", asked.actor, asked.sender, f"{what}={count}")
            await receiving.outbox.announce("Line", line, db)
        if asked.id and not count:
            raise NotFound("No message of that number waits.")
        if asked.sender and not count and all(each.id != asked.sender for each in receiving.senders.rows):
            raise NotFound("Nothing waits of a sender of that name, and the registry of sources has none.")
        receiving.journal.bell.set()
        return QueueChanged(count)

    async def discard(self, asked: DiscardAsked) -> QueueChanged:
        """Raises NotUnderstood: without a reason. NotFound: it does not wait for a person, or not yet: it ended its worker."""
        if not asked.reason.strip():
            raise NotUnderstood("Say why it is discarded: it stands in the audit book.")
        receiving, now = self.receiving, self.receiving.clock.now()
        by = asked.actor.key if asked.actor else "operator"
        async with receiving.db.acquire() as db, db.transaction():
            if not await store.discard(db, asked.id, now, by, asked.reason[:500], not_yet=KILLED):
                raise NotFound("No message of that number waits for a person.")
            line = self._line("message-discarded", asked.actor, "", f"message {asked.id}", asked.reason)
            await receiving.outbox.announce("Line", line, db)
        return QueueChanged(1)

    async def attempt(self, asked: TryAsked) -> Tried:
        """What it would become; nothing is kept and nobody is asked who it is.

        Raises:
            NotAcceptable: no such sender.
        """
        receiving = self.receiving
        sender = receiving.senders.by_id().get(asked.sender)
        if sender is None:
            known = ", ".join(receiving.senders.by_id()) or "none"
            raise NotAcceptable(f"No sender is called {asked.sender}. The registry of sources names: {known}.")
        try:
            raw = b64decode(asked.content, validate=True).replace(b"\r\n", b"\r").replace(b"\n", b"\r")  # as editors save it
        except ValueError:
            raise NotUnderstood("content is base64 of the bytes of a message.") from None
        messages, found, faults = tuple(messages_of(raw)) or (raw,), list[Filing](), list[tuple[str, str]]()
        notes = dict[str, None]()
        for number, each in enumerate(messages, 1):
            try:
                head = head_of(each)
                if sender.sends_as and head not in (FHIR_HEAD, ROW_HEAD, END_HEAD) and not sends(sender, head):
                    notes[OTHERWISE] = None
                found += filings(each, sender, receiving.clock.now() + timedelta(seconds=1), notes=True)
            except (Unheaded, Unreadable) as fault:
                says = f"Message {number} of {len(messages)}: {fault.reason}" if len(messages) > 1 else fault.reason
                at_once = isinstance(fault, Unheaded) or fault_in(each, sender.charset)
                faults.append((says, "AE" if at_once else "AA"))
        if says := miscounted(raw):
            faults.append((says, "AE"))
        if faults:
            return Tried(False, tuple(says for says, _ in faults), answered=max(answer for _, answer in faults))
        made = [put for each in found for put in _alone(each)]
        return Tried(
            True,
            (*notes, *(word for each in found for word in (*([each.kept_only] if each.kept_only else []), *each.notes))),
            ", ".join(each.trigger for each in found),
            tuple(dict.fromkeys(person.local_id for each in found for person in each.people)),
            tuple(f"{merge.kind} {merge.right} into {merge.left}" for each in found for merge in each.merges),
            tuple(Raw(put.raw) for put in made if put.raw is not None),
            tuple(f"{put.type}/{put.id}: {put.withdrawn}" for put in made if put.raw is None),
        )

    async def _write_down(self, what: str, actor: Actor | None, sender: str, which: str, reason: str = "") -> None:
        await self.receiving.outbox.announce("Line", self._line(what, actor, sender, which, reason))

    def _line(self, what: str, actor: Actor | None, sender: str, which: str, reason: str = "") -> Line:
        return Line(
            "", stamp(self.receiving.clock.now()), what, "ingest", actor, sources=(sender,) if sender else (),
            states=(which,), reason=reason, request=request.current(),
        )  # fmt: skip


def _told(row: store.Stuck) -> StuckMessage:
    next_at = stamp(row.next_at) if row.state == "again" else ""
    return StuckMessage(
        row.id, row.sender, row.trigger, row.state, row.reason, row.tries, stamp(row.at), next_at, row.repeats
    )  # fmt: skip


def _alone(filing: Filing) -> list[hl7v2.Put]:
    """How things would stand if this message were all that was ever said."""
    by_thread: dict[str, list[Word]] = {}
    for each in filing.statements:
        heard = Word(each.thread, each.local_id, each.says, (*filing.order, 1))
        by_thread.setdefault(each.thread, []).append(heard)
    return [put for thread, heard in by_thread.items() for put in hl7v2.standing(thread, heard, ())]
