"""Read what is kept, and what was kept before: one resource, its history, all of one person's, what was kept aside."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from carerecord.contracts.holdings import (
    EverythingAsked,
    FindAsked,
    FindsAsked,
    Held,
    HeldCount,
    HeldCountsAsked,
    HistoryAsked,
    Issue,
    Page,
    Reach,
    ReadAsked,
    Sought,
    WriteAsked,
    Written,
)
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.values import FIRST, LAST, Span, span
from carerecord.holdings.book import Book
from carerecord.holdings.finding import ID, Finder
from carerecord.holdings.opening import A_TURN, View
from carerecord.holdings.paging import Place, same
from carerecord.holdings.reaching import GUARDED, may_see, most, within
from carerecord.holdings.securing import secured_by
from carerecord.holdings.store import changing, looking, together
from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.together import Look
from carerecord.holdings.together import Together
from carerecord.holdings.veils import looked_at
from carerecord.holdings.writing import Writer
from carerecord.kit.calls import broken
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound, NotUnderstood, Withheld
from carerecord.kit.log import Log

_METHODS: Final = {"C": "POST", "U": "PUT", "D": "DELETE"}
_NEWEST: Final = 2**31 - 1
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_WINDOW: Final = timedelta(minutes=1)
_WIDER: Final = 8  # each window of time that holds too little is followed by one so many times as wide


@dataclass(frozen=True)
class Keeper:
    finder: Finder
    writer: Writer
    book: Book
    log: Log
    looks: Together[Look, Row | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", Together(self._looked_at))

    async def read(self, asked: ReadAsked) -> Held:
        """One version; a deleted one is answered as gone.

        Raises:
            NotFound: there is none, or not for this client: the two are not told apart. Withheld: an objection keeps it back.
        """
        if self._decided_by_itself(asked):
            row = await self.looks.ask(self.book.look(asked.type, asked.id, asked.reach, asked.client, asked.request))
            if row is None:
                raise NotFound("There is no such resource.")
            if not row.veiled or asked.reach.veiled_for is None:
                return self._held(looked_at(row))
        stands = None
        if ID.match(asked.id) and may_see(asked.reach, asked.type) and 0 <= asked.version <= _NEWEST:
            stands = await self._stands(asked.type, asked.id, asked.version)
        # What is more confidential today hides what it was before.
        if stands is None or max(stands[0].confidential, stands[1]) > most(asked.reach) or not self._within(asked, stands[0]):
            await self._not_shown(asked, stands[0] if stands else None)
            raise NotFound("There is no such resource.")
        row = await self._not_kept_back(asked, stands[0])
        if asked.type == GUARDED:
            return await self._guarded(asked, row)
        await self.book.write("resource-read", asked.client, [row.patient], request=asked.request)
        return self._held(row)

    def _decided_by_itself(self, asked: ReadAsked) -> bool:
        """Whether the row alone decides what is shown: no record that the grant names, nor what the resource names."""
        reach = asked.reach
        mine = not asked.version and reach.patients is None and asked.type != GUARDED
        return mine and bool(ID.match(asked.id)) and may_see(reach, asked.type)

    async def _guarded(self, asked: ReadAsked, row: Row) -> Held:
        """What this version named decides, and what the last one names."""
        last = await self.finder.looked.last.ask((row.type, row.id))
        people = await self._secured_or_not_shown(asked, (row, *((last,) if last else ())))
        await self.book.write("resource-read", asked.client, [row.patient, *people], request=asked.request)
        return self._held(row)

    async def _secured_or_not_shown(self, asked: ReadAsked | HistoryAsked, rows: Sequence[Row]) -> list[str]:
        """In whose records lies what these versions of a Binary name.

        Raises:
            NotFound: one of it may not be seen. Withheld: nothing but an objection keeps it back.
        """
        view = View(self.finder.db, asked.reach)
        if (people := await self._secured(rows, view)) is not None:
            return people
        await self._not_shown(asked, rows[0])
        if view.told:
            raise _withheld(view)
        raise NotFound("There is no such resource.")

    async def _secured(self, rows: Iterable[Row], view: View) -> list[str] | None:
        """In whose records lies what these versions of a Binary name; None where one of it may not be seen."""
        people: list[str] = []
        for row in rows:
            if row.method != "D":
                seen, whose = await secured_by(self.finder, parse(self.finder.whole(row)), view)
                if not seen:
                    return None
                people.append(whose)
        return people

    async def _not_kept_back(self, asked: ReadAsked | HistoryAsked, row: Row) -> Row:
        """As it may be shown. What is kept back today keeps back what it was before.

        Raises:
            Withheld: a veil does. It is said: who hears "none" would believe that there is none.
        """
        view = View(self.finder.db, asked.reach)
        # An earlier version may lie in another record than the last.
        doubtful = row.veiled or (isinstance(asked, ReadAsked) and asked.version > 0)
        if not doubtful or asked.reach.veiled_for is None:
            return looked_at(row)
        shown = await self.finder.lifted(row, view)
        if shown is None:
            await self._not_shown(asked, row)
            raise _withheld(view)
        return shown

    async def _still_shown(self, rows: Sequence[Row], reach: Reach) -> list[Row]:
        """Versions of which nothing keeps back what they say, nor what their resource has become since; as they may be shown."""
        view = View(self.finder.db, reach)
        rows = await self.finder.veils.lifted(rows, view)
        if reach.veiled_for is None:
            return list(rows)
        last = await self.finder.looked.last.all(list(dict.fromkeys([(row.type, row.id) for row in rows])))
        stand = await self.finder.veils.lifted([row for row in last if row is not None], view)
        today = {(row.type, row.id): row.masked for row in stand}
        return [
            looked_at(row, masked=row.masked or today[key]) for row in rows if (key := (row.type, row.id)) in today
        ]

    async def _looked_at(self, looks: Sequence[Look]) -> list[Row | None]:
        rows = await together.looked_at(self.finder.db, looks, self.finder.clock.now())
        self.book.rung()
        return rows

    async def _stands(self, type_: str, id_: str, version: int = 0) -> tuple[Row, int] | None:
        """This version, 0 = the last; and how confidential the last one is."""
        if version:
            return await looking.one(self.finder.db, type_, id_, version)
        row = await self.finder.looked.last.ask((type_, id_))
        return None if row is None else (row, row.confidential)

    async def _not_shown(self, asked: ReadAsked | HistoryAsked | EverythingAsked, row: Row | None) -> None:
        """In the book, for what is absent too: else the time that a line takes would tell the two apart."""
        patients = [row.patient] if row else []
        await self.book.write("resource-read", asked.client, patients, outcome="refused", request=asked.request)

    def _within(self, asked: ReadAsked, row: Row) -> bool:
        return within(asked.reach, row.patient, row.type, self.finder.parameters)

    def _held(self, row: Row, stamps: dict[datetime, str] | None = None) -> Held:
        at = (stamps or {}).get(row.at) or stamp(row.at)
        if stamps is not None:
            stamps[row.at] = at
        if row.method == "D":
            return Held(row.type, row.id, row.version, at, gone=True, method=_METHODS[row.method])
        return Held(row.type, row.id, row.version, at, msgspec.Raw(self.finder.text(row)), method=_METHODS[row.method])

    async def write(self, asked: WriteAsked) -> tuple[Written, ...]:
        return await self.writer.write(asked)

    async def search(self, asked: FindAsked) -> Page:
        page, patients = await self.finder.search(asked)
        await self.book.write("resource-searched", asked.client, patients, request=asked.request)
        return page

    async def searches(self, asked: FindsAsked) -> tuple[Sought, ...]:
        """At the same time, so that they share statements; a fault of one is its own."""
        found = await asyncio.gather(*[self._sought(each) for each in asked.finds])
        if any(each.page is not None for each, _ in found):
            patients = [patient for _, touched in found for patient in touched]
            await self.book.write("resource-searched", asked.client, patients, request=asked.request)
        return tuple([each for each, _ in found])

    async def _sought(self, asked: FindAsked) -> tuple[Sought, Sequence[str]]:
        """And in whose records something was found."""
        try:
            page, patients = await self.finder.search(asked)
        except Exception as fault:
            told = broken(fault)
            if told is not fault:
                self.log.error("search.failed", exc_info=fault)
            return Sought(status=told.status, issues=(Issue("error", told.issue, "", told.says),)), ()
        return Sought(page), patients

    async def history(self, asked: HistoryAsked) -> Page:
        """Versions, newest first: of one resource, of a type, or of everything.

        Raises:
            NotFound: no such resource for this client. Withheld: an objection keeps it back.
            NotUnderstood: a cursor that is not ours, or a `_since` that is no time.
        """
        key = same("history", asked.type, asked.id, asked.reach, asked.since, asked.client.id)
        place = self.finder.links.read(asked.cursor, key)
        since = _moment(asked.since, "_since") or _BEGINNING
        moment = place.moment if place else self.finder.clock.now()
        if asked.id:
            rows = await self._of_one(asked, place.version if place else _NEWEST, since)
        else:
            rows = await self._of_many(asked, place, since, moment)
        more, rows = len(rows) > asked.most, rows[: asked.most]
        last = rows[-1] if rows else None
        rows = await self._still_shown(rows, asked.reach)
        await self.book.write("resource-read", asked.client, [row.patient for row in rows], request=asked.request)
        following = ""
        if more and last is not None:
            following = self.finder.links.write(
                Place(key, moment, when=last.at, patient=last.patient, type=last.type, id=last.id, version=last.version)
            )
        return Page(tuple(self._held(row) for row in rows), next=following)

    async def _of_one(self, asked: HistoryAsked, below: int, since: datetime) -> list[Row]:
        stands = await self._stands(asked.type, asked.id) if ID.match(asked.id) else None
        reach, known = asked.reach, self.finder.parameters
        if (
            stands is None or stands[1] > most(reach) or not may_see(reach, asked.type)
            or not within(reach, stands[0].patient, asked.type, known)
        ):  # fmt: skip
            await self._not_shown(asked, stands[0] if stands else None)
            raise NotFound("There is no such resource.")
        await self._not_kept_back(asked, stands[0])
        if asked.type == GUARDED:
            await self._secured_or_not_shown(asked, stands[:1])
        lies = (await changing.addresses(self.finder.db, [(asked.type, asked.id)]))[asked.type, asked.id]
        # What lay in another person's record once is shown to those alone who may see that record too.
        where = [each for each in (lies.patient, *lies.before) if within(reach, each, asked.type, known)]
        rows = await looking.history(self.finder.db, where, asked.type, asked.id, below, most(reach), since, asked.most + 1)
        if asked.type == GUARDED:
            return [row for row in rows if await self._secured((row,), View(self.finder.db, reach)) is not None]
        return list(rows)

    async def _of_many(self, asked: HistoryAsked, place: Place | None, since: datetime, moment: datetime) -> list[Row]:
        """By windows of time, from the newest on, each wider than the last until the page is full: no window is read for nothing
        but the sparse ones, and none holds more than a page of rows in hand."""
        types: tuple[str, ...] = (asked.type,) if asked.type else () if "*" in asked.reach.types else asked.reach.types
        if asked.type and not may_see(asked.reach, asked.type):
            return []
        until = place.when + timedelta(microseconds=1) if place and place.when else moment + timedelta(microseconds=1)
        below = (place.when, place.patient, place.type, place.id, place.version) if place and place.when else None
        window = _FIRST_WINDOW if asked.reach.patients is None else moment - _BEGINNING
        rows: list[Row] = []
        while len(rows) <= asked.most and until > since:
            begun = max(since, until - window)
            rows += await looking.written_between(
                self.finder.db, begun, until, below, types, asked.reach.patients, most(asked.reach), asked.most + 1 - len(rows)
            )
            until, below = begun, None
            window = min(window * _WIDER, moment - _BEGINNING)
        return rows

    async def everything(self, asked: EverythingAsked) -> Page:
        """All of one person's record, by type and id. Between start and end comes what happened then, and what has no time.

        Raises:
            NotFound: no such person for this client. NotUnderstood: a time that is none, or a link that is not ours.
        """
        key = same("everything", asked.patient, asked.reach, asked.types, asked.since, asked.start, asked.end, asked.client.id)
        place = self.finder.links.read(asked.cursor, key)
        since = _moment(asked.since, "_since")
        care = Span(_moment(asked.start, "start") or FIRST, _until(asked.end, "end") or LAST)
        dated = bool(asked.start or asked.end)
        stands = await self._stands("Patient", asked.patient) if ID.match(asked.patient) else None
        if (
            stands is None or stands[0].method == "D" or stands[1] > most(asked.reach)
            or not within(asked.reach, asked.patient, "Patient", self.finder.parameters)
        ):  # fmt: skip
            await self._not_shown(asked, stands[0] if stands else None)
            raise NotFound("There is no such patient.")
        types = asked.types if "*" in asked.reach.types else tuple(set(asked.types or asked.reach.types) & set(asked.reach.types))
        after = (place.type, place.id) if place else ("", "")
        shown: list[Held] = []
        stamps: dict[datetime, str] = {}  # what was written together bears one time
        last: Row | None = None
        newest, more = self.finder.clock.now(), bool(types) or "*" in asked.reach.types
        view = View(self.finder.db, asked.reach)
        while more and len(shown) < asked.most:
            wanted = asked.most - len(shown)
            found = await looking.whole_record(
                self.finder.db, asked.patient, types, most(asked.reach), after, wanted + 1,
                moment=place.moment if place else None, since=since,
            )  # fmt: skip
            more, found = len(found) > wanted, found[:wanted]
            last = found[-1] if found else last
            rows = await self.finder.veils.lifted(found, view, types, (asked.patient,))
            async with self.finder.turns.mine() as turn:
                for number, row in enumerate(rows, 1):
                    newest = max(newest, row.at)
                    if since is None or row.at >= since:
                        held = self._held(row, stamps)
                        if not dated or self._happened(held, care):
                            shown.append(held)
                    if number % A_TURN == 0:
                        await turn.over()
            if last is not None:
                after = (last.type, last.id)
        await self.book.write("resource-searched", asked.client, [asked.patient], request=asked.request)
        if not more or last is None:
            return Page(tuple(shown), withheld=view.told)
        moment = place.moment if place else newest
        following = self.finder.links.write(Place(key, moment, type=last.type, id=last.id))
        return Page(tuple(shown), next=following, withheld=view.told)

    def _happened(self, held: Held, care: Span) -> bool:
        spans = self.finder.index.spans(parse(held.text), held.type)
        return not spans or any(each.since < care.until and each.until > care.since for each in spans)

    async def counts(self, asked: HeldCountsAsked) -> tuple[HeldCount, ...]:
        """How many resources of each type are kept. Asked by operators alone, so no grant narrows it."""
        return tuple(HeldCount(type_, many) for type_, many in await looking.counts(self.finder.db))


def _moment(said: str, name: str) -> datetime | None:
    """The begin of a time that may be partial; None where nothing is said."""
    return found.since if (found := _span(said, name)) else None


def _withheld(view: View) -> Withheld:
    said = view.told[0]
    return Withheld(f"Withheld under rule {said.rule}: {said.says}", rule=said.rule)


def _until(said: str, name: str) -> datetime | None:
    return found.until if (found := _span(said, name)) else None


def _span(said: str, name: str) -> Span | None:
    if not said:
        return None
    if (found := span(said)) is None:
        raise NotUnderstood(f"{name} is a date or an instant, as FHIR writes them.")
    return found
