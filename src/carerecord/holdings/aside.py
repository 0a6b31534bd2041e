"""What was sent faulty and kept aside, and what did a human decide of it: put it into the record all the same, or drop it?"""

import uuid
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from carerecord.contracts.holdings import (
    Aside,
    AsideAsked,
    AsideDecided,
    Change,
    Client,
    DecideAsideAsked,
    Issue,
    Reach,
    WriteAsked,
    Written,
)
from carerecord.fhir.search.values import LAST, span
from carerecord.holdings.book import Book
from carerecord.holdings.drafts import Refusal
from carerecord.holdings.store import aside as kept
from carerecord.holdings.writing import Writer
from carerecord.kit.clock import stamp
from carerecord.kit.db import Record
from carerecord.kit.errors import NotAcceptable, NotFound, NotUnderstood

PLATFORM: Final = Client()


class _Head(msgspec.Struct):
    id: str = ""


@dataclass(frozen=True)
class Shelf:
    writer: Writer
    book: Book

    async def aside(self, asked: AsideAsked) -> tuple[Aside, ...]:
        """What waits, newest first; opened where it is asked for with bodies, which the book tells.

        Raises:
            NotUnderstood: a moment that is none.
        """
        before = span(asked.before) if asked.before else None
        if asked.before and before is None:
            raise NotUnderstood("before is a date or an instant, as FHIR writes them.")
        finder = self.writer.finder
        if asked.id:
            rows = [row] if (row := await kept.one(finder.db, _uuid(asked.id))) else []
        else:
            rows = list(await kept.newest(finder.db, asked.organisation, before.since if before else LAST, asked.most))
        if asked.bodies and rows:
            await self.book.write("aside-read", PLATFORM, (), reason=asked.reason)
        return tuple(self._told(row, bodies=asked.bodies) for row in rows)

    async def decide(self, asked: DecideAsideAsked) -> AsideDecided:
        """Accepted: kept as its sender sent it, with its faults as warnings. Discarded: nothing of it is left.

        Raises:
            NotFound: nothing of that id waits. NotUnderstood: nobody says why. NotAcceptable: it cannot be kept even so.
        """
        if not asked.reason.strip():
            raise NotUnderstood("Say why: the book holds the reason.")
        finder = self.writer.finder
        async with finder.db.acquire() as db, db.transaction():
            row = await kept.take(db, _uuid(asked.id))
            if row is None:
                raise NotFound("Nothing of that id waits. `carerecord kept aside list` names what does.")
            if not asked.accept:
                await self.book.write("aside-discarded", PLATFORM, (), reason=asked.reason, db=db)
                return AsideDecided(asked.id)
            text = self._text(row)
            client = Client(row["client"], row["organisation"], chooses_ids=True, on_invalid="annotate")
            write = WriteAsked(client, Reach(), (), row["request"])
            try:
                id_ = msgspec.json.decode(text, type=_Head).id
                change = Change("update" if id_ else "create", row["type"], id_, Raw(text))
                draft = self.writer.drafting.begun(0, change, write)
                self.writer.drafting.worked_out(draft, text, {})
                await self.writer.kept_and_told(db, [draft])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise NotAcceptable("It is not a resource in JSON. Discard it, and let it be sent again.") from None
            except Refusal as refusal:
                said = "; ".join(dict.fromkeys(each.says for each in refusal.issues))
                raise NotAcceptable(f"It cannot be kept even with its faults: {said}") from None
            await self.book.write("aside-accepted", PLATFORM, [draft.patient], reason=asked.reason, db=db)
        done = draft.done or Written(500)
        return AsideDecided(asked.id, f"{draft.type}/{draft.id}" if done.held else "", draft.issues)

    def _told(self, row: Record, *, bodies: bool) -> Aside:
        issues = msgspec.json.decode(row["issues"], type=tuple[Issue, ...])
        raw = Raw(self._text(row)) if bodies else Raw(b"null")
        return Aside(
            str(row["id"]), stamp(row["at"]), row["type"], row["client"], row["organisation"], row["request"], issues, raw
        )

    def _text(self, row: Record) -> bytes:
        return self.writer.finder.bodies.unpack(
            row["body"], organisation=row["organisation"], patient=row["patient"], place=f"aside/{row['id']}"
        )


def _uuid(said: str) -> uuid.UUID:
    try:
        return uuid.UUID(said)
    except ValueError:
        raise NotFound("Nothing of that id waits. `carerecord kept aside list` names what does.") from None
