"""Who has seen what a sender took back? For the sender's own people, so that they can tell whoever may have acted on it.

Everybody who was shown the person's record with something of that source in it, from the moment the item was filed to the moment
it went. Which items of it they looked at is in no book: rather one too many is told than one too few.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from carerecord.contracts.audit import LOOKS, Line, LooksAsked
from carerecord.contracts.ingest import SeenBy, SeenByAsked, WithdrawnAsked, WithdrawnItem, WithdrawnItems
from carerecord.contracts.patients import LINEAGE, LineageAsked
from carerecord.ingest.journal.store import withdrawn as store
from carerecord.kit import request
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound, NotUnderstood
from carerecord.kit.events import Outbox

SHOWN: Final = frozenset(("record-opened", "record-joined", "source-retried", "item-expanded"))
_STILL_THERE: Final = timedelta(minutes=1)  # from the note to the moment at which it is gone from the last page
_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Seeing:
    calls: Calls
    db: Pool
    outbox: Outbox
    clock: Clock

    async def items(self, asked: WithdrawnAsked) -> WithdrawnItems:
        most = min(max(asked.most, 1), 1_000)
        rows = await store.latest(self.db, asked.sender, asked.before, most + 1)
        return WithdrawnItems(tuple(_item(row) for row in rows[:most]), len(rows) > most)

    async def seen_by(self, asked: SeenByAsked) -> SeenBy:
        """Newest first. Who asks, and why, is written down before they are told.

        Raises:
            NotUnderstood: without a reason. NotFound: no such item. Unavailable: the book does not answer, or cannot be written.
        """
        if not asked.reason.strip():
            raise NotUnderstood("Say why you ask who has seen it: it stands in the audit book.")
        row = await store.one(self.db, asked.no)
        if row is None:
            raise NotFound("No item of that number was withdrawn.")
        line = Line(
            "", stamp(self.clock.now()), "seen-by-asked", "ingest", asked.actor, sources=(row.source,),
            patients=(row.patient,) if row.patient else (), states=(f"{row.type}/{row.id}", f"message {row.message}"),
            reason=asked.reason[:500], request=request.current(),
        )  # fmt: skip
        await self.outbox.announce("Line", line)
        if not row.patient:
            return SeenBy(_item(row), (), "")
        ids, looks = await self._ids(row.patient), list[Line]()
        before, complete = (row.at + _STILL_THERE).isoformat(), ""
        while before:
            page = await self.calls.ask(LOOKS, LooksAsked(ids, before, _AT_ONCE, asked.actor))
            complete = complete or page.complete_until
            looks += _of(page.lines, row)
            older = page.lines and datetime.fromisoformat(page.lines[-1].at) < row.filed_at
            before = "" if older else page.next
        return SeenBy(_item(row), tuple(looks), complete)

    async def _ids(self, patient: str) -> tuple[str, ...]:
        """Every id that was one person with this one at any time: the record may have been opened by any of them."""
        try:
            steps = await self.calls.ask(LINEAGE, LineageAsked(patient))
        except NotFound:
            return (patient,)
        # A step also tells where somebody went who left, and who is there with them: those are other people.
        return tuple(dict.fromkeys((patient, *(each for step in steps if patient in step.together for each in step.together))))


def _of(lines: tuple[Line, ...], row: store.Row) -> Iterator[Line]:
    for line in lines:
        shown = (line.what in SHOWN and row.source in line.sources) or line.service == "holdings"
        if shown and line.outcome == "success" and datetime.fromisoformat(line.at) >= row.filed_at:
            yield line


def _item(row: store.Row) -> WithdrawnItem:
    seen = (stamp(row.filed_at), stamp(row.at))
    return WithdrawnItem(row.no, row.type, row.sender, row.source, row.message, *seen, row.reason, tuple(row.told_by))
