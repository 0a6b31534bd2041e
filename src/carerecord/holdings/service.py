"""Read what is kept, and what was kept before: one resource, its history, all of one person's."""

from dataclasses import dataclass

import msgspec

from carerecord.contracts.holdings import (
    EverythingAsked,
    FindAsked,
    Held,
    HeldCount,
    HeldCountsAsked,
    HistoryAsked,
    Page,
    ReadAsked,
    WriteAsked,
    Written,
)
from carerecord.holdings import store
from carerecord.holdings.book import Book
from carerecord.holdings.finding import CONFIDENTIALITY, Finder, may_see
from carerecord.holdings.store import Row
from carerecord.holdings.writing import Writer, within
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound, NotUnderstood

_METHODS = {"C": "POST", "U": "PUT", "D": "DELETE"}
_NEWEST = 2**31 - 1


@dataclass(frozen=True)
class Keeper:
    finder: Finder
    writer: Writer
    book: Book

    async def read(self, asked: ReadAsked) -> Held:
        """One version; a deleted one is answered as gone.

        Raises:
            NotFound: there is none, or not for this client: the two are not told apart.
        """
        row = None
        lies = (await store.addresses(self.finder.db, [(asked.type, asked.id)])).get((asked.type, asked.id))
        if lies is not None and may_see(asked.reach, asked.type) and within(asked.reach, lies.patient):
            for patient in (lies.patient, *lies.before):
                row = row or await store.read(self.finder.db, patient, asked.type, asked.id, asked.version)
        if row is None or not self._plain_enough(row, asked):
            raise NotFound("There is no such resource.")
        await self.book.write("resource-read", asked.client, [row.patient], request=asked.request)
        return self._held(row)

    def _plain_enough(self, row: Row, asked: ReadAsked | HistoryAsked) -> bool:
        """Labels are part of a version: a stricter one of today hides nothing of what an older one says by itself."""
        if row.method == "D":
            return True
        meta = msgspec.json.decode(self.finder.text(row), type=_Labelled).meta
        codes = [each.code for each in meta.security if each.system.endswith("v3-Confidentiality")]
        most = CONFIDENTIALITY.index(asked.reach.most_confidential)
        return all(code in CONFIDENTIALITY and CONFIDENTIALITY.index(code) <= most for code in codes)

    def _held(self, row: Row) -> Held:
        gone = row.method == "D"
        if gone:
            return Held(row.type, row.id, row.version, stamp(row.at), gone=True, method=_METHODS[row.method])
        raw = msgspec.Raw(self.finder.text(row))
        return Held(row.type, row.id, row.version, stamp(row.at), raw, method=_METHODS[row.method])

    async def write(self, asked: WriteAsked) -> tuple[Written, ...]:
        written, patients = await self.writer.write(asked)
        if not asked.check_only:
            kept = all(each.status < 400 for each in written)
            outcome = "success" if kept else "refused"
            await self.book.write("resource-written", asked.client, patients, outcome=outcome, request=asked.request)
        return written

    async def search(self, asked: FindAsked) -> Page:
        page, patients = await self.finder.search(asked)
        await self.book.write("resource-searched", asked.client, patients, request=asked.request)
        return page

    async def history(self, asked: HistoryAsked) -> Page:
        """Versions of one resource, newest first.

        Raises:
            NotFound: no such resource for this client. NotUnderstood: a cursor that is not ours, or no resource named.
        """
        if not asked.type or not asked.id:
            raise NotUnderstood("History is kept by resource: name its type and id.")
        lies = (await store.addresses(self.finder.db, [(asked.type, asked.id)])).get((asked.type, asked.id))
        if lies is None or not may_see(asked.reach, asked.type) or not within(asked.reach, lies.patient):
            raise NotFound("There is no such resource.")
        if asked.cursor and not asked.cursor.isdecimal():
            raise NotUnderstood("This page link is not one of ours.")
        before = int(asked.cursor) if asked.cursor else _NEWEST
        rows = await store.history(
            self.finder.db, [lies.patient, *lies.before], asked.type, asked.id, before, asked.most + 1
        )
        shown = [row for row in rows[: asked.most] if self._plain_enough(row, asked) and stamp(row.at) >= asked.since]
        await self.book.write("resource-read", asked.client, [lies.patient], request=asked.request)
        following = str(rows[asked.most - 1].version) if len(rows) > asked.most else ""
        return Page(tuple(self._held(row) for row in shown), next=following)

    async def everything(self, asked: EverythingAsked) -> Page:
        """All of one person's record, by type and id.

        Raises:
            NotFound: no such person for this client.
        """
        if not within(asked.reach, asked.patient):
            raise NotFound("There is no such patient.")
        lies = (await store.addresses(self.finder.db, [("Patient", asked.patient)])).get(("Patient", asked.patient))
        if lies is None:
            raise NotFound("There is no such patient.")
        type_, _, id_ = asked.cursor.partition("/")
        most = CONFIDENTIALITY.index(asked.reach.most_confidential)
        types = asked.types if "*" in asked.reach.types else tuple(set(asked.types or asked.reach.types) & set(asked.reach.types))
        rows = await store.whole_record(self.finder.db, asked.patient, types, most, (type_, id_), asked.most + 1)
        await self.book.write("resource-searched", asked.client, [asked.patient], request=asked.request)
        more = len(rows) > asked.most
        rows = rows[: asked.most]
        shown = tuple(self._held(row) for row in rows if stamp(row.at) >= asked.since)
        return Page(shown, next=f"{rows[-1].type}/{rows[-1].id}" if more else "")

    async def counts(self, asked: HeldCountsAsked) -> tuple[HeldCount, ...]:
        """How many resources of each type are kept. Asked by operators alone, so no grant narrows it."""
        return tuple(HeldCount(type_, many) for type_, many in await store.counts(self.finder.db))


class _Label(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Meta(msgspec.Struct):
    security: list[_Label] = []


class _Labelled(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)
