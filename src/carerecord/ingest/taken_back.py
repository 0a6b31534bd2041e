"""What is left behind when an item was taken back, or given to whom it belongs? A notice in the book among the looks at the
person, and a row from which its sender's people are told who has seen it.

Both are written before the item goes: whoever is killed in between, it goes when the message is filed again, and is noted once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct

from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import HISTORY, HistoryAsked, Reach
from carerecord.contracts.patients import TAKE, Claim, Demographics, SourcePatient, TakeAsked
from carerecord.contracts.patients import Taken as TakenIn
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
    local_id: str  # whose it is, as things stand
    message: int  # that took it back
    reason: str  # why it goes altogether, or MOVED
    told_in: frozenset[int] = frozenset()  # the messages that had spoken of it
    was: tuple[str, str] = ("", "")  # whose it was before: by local id, and by the id of their Patient resource


class _Left(NamedTuple):
    item: Taken
    local_id: str  # from whose record it goes
    since: str  # when it was first filed


@dataclass(frozen=True)
class TakenBack:
    calls: Calls
    db: Pool
    clock: Clock
    outbox: Outbox

    async def note(self, items: Sequence[Taken], whose: Whose) -> None:
        """Those that stand now, each once; what was never filed, or is gone already, leaves nothing behind."""
        left: list[_Left] = []
        for begun in range(0, len(items), AT_ONCE):
            found = await asyncio.gather(*[self._left(each) for each in items[begun : begun + AT_ONCE]])
            left += [each for each in found if each is not None]
        left = await self._to_others(left)
        if not left:
            return
        known = await self._known(left, whose)
        now = self.clock.now()
        for each, local_id, since in left:
            patient = known.get((each.source, local_id), "")
            line = Line(
                "", stamp(now), "item-withdrawn", "ingest", None, patients=(patient,) if patient else (), sources=(each.source,),
                states=(f"{each.type}/{each.id}", f"message {each.message}"), reason=each.reason,
            )  # fmt: skip
            async with self.db.acquire() as db, db.transaction():
                told_by = [one for one in await store.senders(db, sorted(each.told_in)) if one != each.sender]
                row = store.Row(now, each.message, each.sender, each.source, each.type, each.id, patient,
                                datetime.fromisoformat(since), each.reason, told_by)  # fmt: skip
                if await store.add(db, row):
                    await self.outbox.announce("Line", line, db)

    async def _left(self, item: Taken) -> _Left | None:
        """None where it does not stand, or is with whom it belongs to."""
        asked = HistoryAsked(_EVERYTHING, item.type, item.id)
        try:
            page = await self.calls.ask(HISTORY, asked)
        except NotFound:  # it is taken back before it ever came
            return None
        if not page.matches or page.matches[0].gone:
            return None
        local_id, patient = item.was
        if not patient or f'"Patient/{patient}"'.encode() not in page.matches[0].text:
            local_id = item.local_id
        if item.reason == MOVED and local_id == item.local_id:
            return None
        first = page.matches[-1]
        while page.next:
            page = await self.calls.ask(HISTORY, HistoryAsked(_EVERYTHING, item.type, item.id, cursor=page.next))
            first = page.matches[-1] if page.matches else first
        return _Left(item, local_id, first.at)

    async def _to_others(self, left: list[_Left]) -> list[_Left]:
        """Without what goes from one number of a person to another of theirs."""
        moved = [each for each in left if each.item.reason == MOVED]
        ways = {each: ((each.item.source, each.local_id), (each.item.source, each.item.local_id)) for each in moved}
        asked = await self._asked([key for way in ways.values() for key in way])
        person = {(each.source, each.local_id): set(each.person) for each in asked}
        return [each for each in left if each not in ways or person[ways[each][0]].isdisjoint(person[ways[each][1]])]

    async def _known(self, left: Sequence[_Left], whose: Whose) -> Whose:
        """The index is asked for those whom nobody has named yet."""
        keys = [key for each in left if (key := (each.item.source, each.local_id)) not in whose]
        return {**whose, **{(each.source, each.local_id): each.entry for each in await self._asked(keys)}}

    async def _asked(self, keys: Sequence[tuple[str, str]]) -> Sequence[TakenIn]:
        """Whose these numbers are: a claim that states nothing changes nothing."""
        if not keys:
            return ()
        nothing = [SourcePatient(source, local_id, (), Demographics()) for source, local_id in dict.fromkeys(keys)]
        return await self.calls.ask(TAKE, TakeAsked(tuple([Claim(each, partial=True) for each in nothing])))
