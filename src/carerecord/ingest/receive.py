"""How is a message taken in that came by another door than MLLP: over HTTP, or from a folder? Durable first, then answered."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from carerecord.contracts import sources
from carerecord.contracts.ingest import ReceiveAsked, Received
from carerecord.ingest.batches import Together, envelope_of, messages_of, miscounted
from carerecord.ingest.head import UNKNOWN, Head, Unheaded, Verdict, acknowledgement, code
from carerecord.ingest.journal.arrivals import ASIDE_BYTES, Arrival, Journal
from carerecord.ingest.kinds import BATCH_HEAD, END_HEAD, FHIR_HEAD, ROW_HEAD, head_of, judged
from carerecord.ingest.senders import Refusal, Sender, Senders
from carerecord.kit.errors import NotFound, Refused
from carerecord.kit.turns import Turns

_Read = tuple[bytes, Head, Sender, Verdict, str]  # and why it cannot be read, or what of it is not carried
_OUTCOMES: Final = {Verdict.TAKEN: "taken", Verdict.UNREADABLE: "unreadable", Verdict.UNABLE: "unable"}
NO_SENDER: Final = "There is no such sender in the registry of sources."
NOT_THIS_CLIENT: Final = "No sender in the registry of sources lets this client send for it."
SEVERAL: Final = "This client may send for several senders: MSH-3 and MSH-4, or the sender's name, must say which."


@dataclass
class Receiver:
    journal: Journal
    senders: Senders
    turns: Turns
    refused: Callable[[Refusal], None]  # who was turned away is told to the book
    answers: int = 0

    async def receive(self, asked: ReceiveAsked) -> tuple[Received, ...]:
        """Take messages in, in this order; each is answered when it is durable, or cannot be made so.

        Raises:
            NotFound: no such sender. Refused: the client may send for nobody, or for several and does not say for whom.
        """
        arrivals: list[_Read] = []
        each_holds: list[tuple[int, bool]] = []  # messages, and whether an envelope that says otherwise
        async with self.turns.mine() as turn:
            for content in asked.messages:
                raw = _bytes_of(content)
                before, says = len(arrivals), ""
                for message in messages_of(raw):
                    arrivals.append(await self.read(message, asked.sender, asked.client))
                    await turn.over()
                many = len(arrivals) - before
                if not many:
                    arrivals.append(await self.read(raw, asked.sender, asked.client))
                    await turn.over()
                elif says := await asyncio.to_thread(miscounted, raw):
                    arrivals.append(await self.read(envelope_of(raw), arrivals[-1][2].id, asked.client, says))
                each_holds.append((many or 1, bool(says)))
        kept = iter(zip(arrivals, await self._kept(arrivals), strict=True))
        return tuple(self._together(list(islice(kept, many + odd)), many) for many, odd in each_holds)

    def _together(self, kept: list[tuple[_Read, Arrival]], many: int) -> Received:
        """One answer, also for a batch: that of its first message."""
        if len(kept) == 1:
            (_, head, sender, _, _), arrival = kept[0]
            return self._told(head, sender, arrival.verdict, arrival.reason)
        together = Together()
        for place, (_, arrival) in enumerate(kept):
            tell = together.add if place < many else together.envelope
            tell(arrival.verdict, arrival.reason)
        _, head, sender, _, _ = kept[0][0]
        return self._told(head, sender, together.verdict, together.reason)

    async def taken(self, arrivals: Sequence[_Read]) -> tuple[Received, ...]:
        """Put into the journal what is to be, and wait until all of it stands there."""
        kept = await self._kept(arrivals)
        return tuple(self._told(each.head, each.sender, each.verdict, each.reason) for each in kept)

    async def _kept(self, arrivals: Sequence[_Read]) -> list[Arrival]:
        loop = asyncio.get_running_loop()
        waits: list[asyncio.Future[Arrival]] = []
        async with self.turns.mine() as turn:
            for raw, head, sender, verdict, reason in arrivals:
                told: asyncio.Future[Arrival] = loop.create_future()

                def kept(arrival: Arrival, told: "asyncio.Future[Arrival]" = told) -> None:
                    if not told.done():
                        told.set_result(arrival)

                arrival = Arrival(raw, head, sender, verdict, reason, kept)
                if len(raw) > ASIDE_BYTES:
                    await asyncio.to_thread(self.journal.sealed, arrival)
                self.journal.put(arrival)
                waits.append(told)
                await turn.over()
        return await asyncio.gather(*waits)

    def _told(self, head: Head, sender: sources.Sender | None, verdict: Verdict, reason: str) -> Received:
        letters = ""
        if sender is not None and head not in (FHIR_HEAD, ROW_HEAD, END_HEAD, BATCH_HEAD):
            letters = code(head, verdict, acknowledge=sender.acknowledge, unable=sender.unable)
        if not letters:
            return Received(_OUTCOMES[verdict], reason, head.form.named)
        self.answers += 1
        ours = b"%sH%d" % (self.journal.mark, self.answers)
        ack = acknowledgement(head, letters, verdict, reason, now=self.journal.clock.now(), ours=ours)
        return Received(_OUTCOMES[verdict], reason, head.form.named, base64.b64encode(ack).decode())

    async def read(self, raw: bytes, sender_id: str, client: str = "", why: str = "") -> _Read:
        """One that is large is read in a thread. `why`: it is known already that it cannot be read."""
        head, sender, unheaded = self._whose(raw, sender_id, client)
        why, left_out = why or unheaded, ""
        if not why and len(raw) > ASIDE_BYTES:
            why, left_out = await asyncio.to_thread(judged, raw, head, sender)
        elif not why:
            why, left_out = judged(raw, head, sender)
        return raw, head, sender, Verdict.UNREADABLE if why else Verdict.TAKEN, why or left_out

    def _whose(self, raw: bytes, sender_id: str, client: str) -> tuple[Head, Sender, str]:
        try:
            head, why = head_of(raw), ""
        except Unheaded as fault:
            head, why = UNKNOWN, fault.reason
        return head, self._sender(head, sender_id, client), why

    def _sender(self, head: Head, sender_id: str, client: str) -> Sender:
        rows = self.senders.rows
        if client:
            rows = tuple(each for each in rows if client in each.clients)
            if not rows:
                raise self._refusal("", "sender/client", NOT_THIS_CLIENT)
        if sender_id:
            found = next((each for each in rows if each.id == sender_id), None)
            if found is None:
                raise NotFound(NO_SENDER)
            return found
        if len(rows) == 1:
            return rows[0]
        said = (head.form.application.decode("utf-8", "replace"), head.form.facility.decode("utf-8", "replace"))
        named = [each for each in rows if any(_is(said, pair) for pair in each.sends_as)]
        if len(named) != 1:
            raise self._refusal("", "sender/several", SEVERAL)
        return named[0]

    def _refusal(self, sender: str, rule: str, says: str) -> Refused:
        self.refused(Refusal(sender, rule, says))
        return Refused(says, rule=rule)


def _bytes_of(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        return content.encode()


def _is(said: tuple[str, str], pair: tuple[str, str]) -> bool:
    return all(wanted in ("*", word) for word, wanted in zip(said, pair, strict=True))
