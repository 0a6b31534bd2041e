"""What is left behind when an item was taken back, or given to whom it belongs? A notice in the book among the looks at the
person, and a row from which its sender's people are told who has seen it.

Both are written before the item goes: whoever is killed in between, it goes when the message is filed again, and is noted once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Struct

from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import HISTORY, Held, HistoryAsked, Reach
from carerecord.contracts.patients import TAKE, Claim, Demographics, SourcePatient, TakeAsked
from carerecord.ingest.journal.store import withdrawn as store
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound
from carerecord.kit.events import Outbox

AT_ONCE: Final = 16
MOVED: Final = "it was somebody else's, and is with them now"
_EVERYTHING: Final = Reach(most_confidential="V")
Whose = Mapping[tuple[str, str], str]  # source and local id -> the id in the index


class Taken(Struct, frozen=True):
    """One item that goes from one person's record."""

    type: str
    id: str
    source: str
    sender: str
    local_id: str  # whose it was
    message: int  # that took it back
    reason: str
    told_in: frozenset[int] = frozenset()  # the messages that had spoken of it
    patient: str = ""  # the id of the Patient resource under which it lay: it goes to another; "" = it goes altogether


@dataclass(frozen=True)
class TakenBack:
    calls: Calls
    db: Pool
    clock: Clock
    outbox: Outbox

    async def note(self, items: Sequence[Taken], whose: Whose) -> None:
        """Those that stand now, each once; what was never filed, or is gone already, leaves nothing behind."""
        standing: list[tuple[Taken, str]] = []
        for begun in range(0, len(items), AT_ONCE):
            part = items[begun : begun + AT_ONCE]
            since = await asyncio.gather(*[self._since(each) for each in part])
            standing += [(each, at) for each, at in zip(part, since, strict=True) if at]
        if not standing:
            return
        known = await self._known([each for each, _ in standing], whose)
        now = self.clock.now()
        for each, since_at in standing:
            patient = known.get((each.source, each.local_id), "")
            line = Line(
                "", stamp(now), "item-withdrawn", "ingest", None, patients=(patient,) if patient else (), sources=(each.source,),
                states=(f"{each.type}/{each.id}", f"message {each.message}"), reason=each.reason,
            )  # fmt: skip
            async with self.db.acquire() as db, db.transaction():
                told_by = [one for one in await store.senders(db, sorted(each.told_in)) if one != each.sender]
                row = store.Row(now, each.message, each.sender, each.source, each.type, each.id, patient,
                                datetime.fromisoformat(since_at), each.reason, told_by)  # fmt: skip
                if await store.add(db, row):
                    await self.outbox.announce("Line", line, db)

    async def _since(self, item: Taken) -> str:
        """When it was first filed; "" where it does not stand, or not under this person."""
        asked = HistoryAsked(_EVERYTHING, item.type, item.id)
        try:
            page = await self.calls.ask(HISTORY, asked)
        except NotFound:  # it is taken back before it ever came
            return ""
        if not page.matches or not _stands(page.matches[0], item):
            return ""
        first = page.matches[-1]
        while page.next:
            page = await self.calls.ask(HISTORY, HistoryAsked(_EVERYTHING, item.type, item.id, cursor=page.next))
            first = page.matches[-1] if page.matches else first
        return first.at

    async def _known(self, items: Sequence[Taken], whose: Whose) -> Whose:
        """The index is asked for those whom nobody has named yet: a claim that states nothing changes nothing."""
        unknown = dict.fromkeys((each.source, each.local_id) for each in items if (each.source, each.local_id) not in whose)
        if not unknown:
            return whose
        nothing = (SourcePatient(source, local_id, (), Demographics()) for source, local_id in unknown)
        found = await self.calls.ask(TAKE, TakeAsked(tuple(Claim(each, partial=True) for each in nothing)))
        return {**whose, **{(each.source, each.local_id): each.entry for each in found}}


def _stands(newest: Held, item: Taken) -> bool:
    return not newest.gone and (not item.patient or f'"Patient/{item.patient}"'.encode() in newest.text)
