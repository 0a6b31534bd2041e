"""How is much of what is kept handed over at once? Planned range by range, then read file by file as of one moment.

Nothing is written down but the plan: a file is what stood at the moment, read from the versions whenever it is fetched. So it can
be fetched again and gone on with, and holds at no time what the client may not see any more.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Raw

from carerecord.contracts.bulk import Export, ExportAsked, ExportFile, ExportNamed, ExportRows, ExportRowsAsked
from carerecord.contracts.holdings import Reach
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import Answers, answers
from carerecord.fhir.search.query import BadSearch, Clause, read
from carerecord.fhir.search.values import span
from carerecord.holdings.book import Book
from carerecord.holdings.finding import ID, Finder
from carerecord.holdings.opening import View
from carerecord.holdings.paging import Place, same
from carerecord.holdings.reaching import CONFIDENTIALITY, GUARDED, NOBODY, may_see, most, within
from carerecord.holdings.rounds import Rounds
from carerecord.holdings.store import exporting as kept
from carerecord.holdings.store import looking, veils
from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.exporting import After, Range
from carerecord.holdings.veils import labelled
from carerecord.kit.clock import stamp
from carerecord.kit.db import Record, is_away
from carerecord.kit.errors import CareRecordError, NotAcceptable, NotFound, NotUnderstood, TooMany
from carerecord.kit.log import Log

ROWS_A_FILE: Final = 10_000  # of the type of which there are most; a person's record is in one range
AT_ONCE: Final = 4  # exports of one client that are not done
LASTS: Final = timedelta(hours=24)
REMEMBERED: Final = timedelta(days=7)  # that there was one, so that its address says "gone"
MOST_MEMBERS: Final = 10_000
_STEP: Final = 2_000  # versions asked of the database at once, without their bodies
_PAGE: Final = 500  # and with them
_MOST_STEPS: Final = 20  # without a page being full, where a filter lets little through
MOST_BYTES: Final = 8_000_000  # of one page, and the one resource that passes it
_SETTLES: Final = timedelta(milliseconds=500)  # between a writer's clock and its first row
_LEASE: Final = timedelta(seconds=20)
_LOWEST: Final = ""


class Gone(CareRecordError):
    status, issue = 410, "deleted"


@dataclass
class _Folding:
    """Where we are in the versions of one resource, newest first."""

    key: tuple[str, str, str] = ("", "", "")
    today: int = 0  # how confidential the newest is
    met: bool = False  # the one that stood has been seen


@dataclass
class Exporter:
    finder: Finder
    book: Book
    log: Log
    rows_a_file: int = ROWS_A_FILE
    _rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self._rounds = Rounds(self.log, "exports")

    # --- what a client asks

    async def begin(self, asked: ExportAsked) -> Export:
        """Raises:
        NotFound: no such group for this client. NotAcceptable: one whose members are not named. NotUnderstood: a filter or a
        time that cannot be asked. TooMany: this client has several under way.
        """
        now = self.finder.clock.now()
        filters(asked, self.finder, now)
        since_of(asked)
        if await kept.at_work(self.finder.db, asked.client.id) >= AT_ONCE:
            raise TooMany(f"{AT_ONCE} exports of this client are under way. Wait for one, or cancel it.", retry_after_s="60")
        if asked.of == "group":
            members = await self._members(asked)
            asked = msgspec.structs.replace(
                asked, patients=tuple(sorted(set(members) & set(asked.patients) if asked.patients else set(members)))
            )
        id_ = uuid.uuid4()
        await kept.add(
            self.finder.db, id_, asked.client.id, asked.client.organisation, self._sealed(id_, asked), now, now + LASTS
        )
        touched = asked.patients if asked.of == "group" else ()
        await self.book.write("export-begun", asked.client, touched, request=asked.request)
        self._rounds.bell.set()
        return Export(str(id_), "waiting", stamp(now), stamp(now + LASTS), asked.address)

    async def state(self, asked: ExportNamed) -> Export:
        """Raises: NotFound: none of this client's. Gone: its time is over."""
        row = await self._named(asked.export, asked.client.id)
        told = self._opened(row)
        files: tuple[ExportFile, ...] = ()
        if row["state"] == "done":
            files = tuple(
                ExportFile(each["number"], each["type"], each["rows"], each["gone"])
                for each in await kept.files(self.finder.db, row["id"])
            )
        return Export(
            str(row["id"]), row["state"], stamp(row["moment"]), stamp(row["ends_at"]), told.address, row["records"], files
        )

    async def cancel(self, asked: ExportNamed) -> Export:
        row = await self._named(asked.export, asked.client.id)
        await kept.drop(self.finder.db, row["id"], asked.client.id)
        await self.book.write("export-cancelled", asked.client, (), request=asked.request)
        return Export(str(row["id"]), "ended", stamp(row["moment"]), stamp(row["ends_at"]))

    async def rows(self, asked: ExportRowsAsked) -> ExportRows:
        """The next rows of one file, each judged by what the client may see now.

        Raises:
            NotFound: no such file of this client's. Gone: its time is over. NotUnderstood: a cursor that is not ours.
        """
        row = await self._named(asked.export, asked.client.id)
        file = await kept.file(self.finder.db, row["id"], asked.number) if row["state"] == "done" else None
        if file is None or not may_see(asked.reach, file["type"]):
            raise NotFound("There is no such file.")
        told = self._opened(row)
        reach = _both(told.reach, asked.reach)
        key = same("export", asked.export, asked.number, asked.client.id)
        place = self.finder.links.read(asked.cursor, key)
        where = Range(file["low"], file["high"], members_of(told))
        mark = "" if place else await self._mark(where, file["type"], row["moment"], reach)
        after: After | None = (place.patient, place.type, place.id, place.version) if place else None
        lines: list[Raw] = []
        people: dict[str, None] = {}
        following, steps, weight = "", 0, 0
        async for stood, gone, last in self.standing(told, reach, where, (file["type"],), row["moment"], after, bodies=True):
            if stood is not None and gone == file["gone"]:
                text = _deleted(stood) if gone else self.finder.text(stood)
                weight += len(text)
                lines.append(Raw(text))
                people[stood.patient] = None
            steps += stood is None
            if len(lines) >= _PAGE or weight >= MOST_BYTES or steps >= _MOST_STEPS:
                following = self.finder.links.write(
                    Place(key, row["moment"], patient=last[0], type=last[1], id=last[2], version=last[3])
                )
                break
        await self.book.write("resource-exported", asked.client, people, request=asked.request)
        return ExportRows(tuple(lines), following, mark, file["type"])

    async def _mark(self, where: Range, type_: str, moment: datetime, reach: Reach) -> str:
        """The same as long as the same bytes come: no label or veil hides more, and the rights are the same."""
        hidden = await kept.hidden_since(self.finder.db, where, type_, moment, most(reach))
        hung = await veils.mark(self.finder.db, where.low, where.high, where.members)
        return f"{hidden}-{hung}-{same(reach.patients, reach.most_confidential)[:8]}"

    async def _named(self, export: str, client: str) -> Record:
        try:
            row = await kept.one(self.finder.db, uuid.UUID(export), client)
        except ValueError:
            row = None
        if row is None:
            raise NotFound("There is no such export.")
        if row["state"] == "ended" or (row["state"] == "done" and row["ends_at"] <= self.finder.clock.now()):
            raise Gone("The time of this export is over. Begin another.")
        return row

    async def _members(self, asked: ExportAsked) -> list[str]:
        found = await looking.one(self.finder.db, "Group", asked.group, 0) if ID.match(asked.group) else None
        if (
            found is None or found[0].method == "D" or not may_see(asked.reach, "Group") or found[1] > most(asked.reach)
            or not within(asked.reach, found[0].patient, "Group", self.finder.parameters)
        ):  # fmt: skip
            raise NotFound("There is no such group.")
        group = parse(self.finder.whole(found[0]))
        members = [each for each in group.get("member", ()) if isinstance(each, dict) and each.get("inactive") is not True]
        if not members and group.get("characteristic"):
            raise NotAcceptable("This group says who belongs to it and names nobody: export one that lists its members.")
        if len(members) > MOST_MEMBERS:
            raise NotAcceptable(f"At most {MOST_MEMBERS:,} members are exported at once: make several groups.")
        entities = [entity for each in members if isinstance(entity := each.get("entity"), dict)]
        said = [str(each.get("reference", "")).removeprefix(f"{asked.base}/") for each in entities]
        if any(each.startswith("Group/") for each in said):
            raise NotAcceptable("A member of this group is a group: export that one by itself.")
        return [id_ for each in said if each.startswith("Patient/") and ID.match(id_ := each.split("/")[1])]

    def _sealed(self, id_: uuid.UUID, asked: ExportAsked) -> bytes:
        organisation = asked.client.organisation
        return self.finder.bodies.pack(
            msgspec.json.encode(asked), organisation=organisation, patient=NOBODY + organisation, place=f"export/{id_}"
        )

    def _opened(self, row: Record) -> ExportAsked:
        organisation = row["organisation"]
        told = self.finder.bodies.unpack(
            row["asked"], organisation=organisation, patient=NOBODY + organisation, place=f"export/{row['id']}"
        )
        return msgspec.json.decode(told, type=ExportAsked)

    # --- what stood

    async def standing(
        self, told: ExportAsked, reach: Reach, where: Range, types: Sequence[str], moment: datetime, after: After | None, *,
        bodies: bool,
    ) -> AsyncIterator[tuple[Row | None, bool, After]]:  # fmt: skip
        """What of a range stood at the moment, the last record first, whether it is a deletion, and the place to go on after.

        Now and then no row: only a place.
        """
        finder, since = self.finder, since_of(told)
        tests = filters(told, finder, moment)
        folding = _Folding(after[:3], met=True) if after else _Folding()
        step = _PAGE if bodies or tests else _STEP
        while True:
            found, more = await kept.downwards(finder.db, where, types, moment, step, after, bodies=bodies or bool(tests))
            veiled = await self._veiled([row for row, _ in found], reach)
            for row, moved in found:
                key, after = (row.patient, row.type, row.id), (row.patient, row.type, row.id, row.version)
                if folding.key != key:
                    folding = _Folding(key, row.confidential)
                if folding.met or row.at > moment:
                    continue
                folding.met = True
                if not self._reaches(told, reach, row):
                    continue
                today = folding.today
                if moved:
                    settled = await kept.settled(finder.db, row.type, row.id, moment)
                    if settled is None or settled[:2] != (row.patient, row.version):
                        continue
                    today = max(today, settled[2])
                if max(today, row.confidential) > most(reach) or (since and row.at < since):
                    continue
                gone = row.method == "D"
                if gone and not since:
                    continue
                shown = await self._lifted(row, reach) if row.patient in veiled or labelled(row) else row
                if shown is None or not (gone or self._answers(tests.get(row.type, ()), shown)):
                    continue
                yield shown, gone, after
            if not more:
                return
            if folding.met:
                assert after is not None
                yield None, False, after

    def _reaches(self, told: ExportAsked, reach: Reach, row: Row) -> bool:
        if told.of == "patient" and row.patient.startswith(NOBODY):
            return False
        return row.type != GUARDED and may_see(reach, row.type) and within(reach, row.patient, row.type, self.finder.parameters)

    async def _veiled(self, rows: Sequence[Row], reach: Reach) -> frozenset[str]:
        """Over whose records a veil lies for whoever asks."""
        if reach.veiled_for is None:
            return frozenset()
        people = list(dict.fromkeys([row.patient for row in rows]))
        return frozenset([veil.patient for veil in await veils.over(self.finder.db, people, reach.veiled_for)])

    async def _lifted(self, row: Row, reach: Reach) -> Row | None:
        """As it may be shown; None: it is kept back. What was deleted since is looked at as it stood."""
        found = (await looking.versions(self.finder.db, row.type, [(row.id, row.version)])).get((row.id, row.version))
        return await self.finder.lifted(found[0], View(self.finder.db, reach)) if found else None

    def _answers(self, tests: Sequence[Sequence[Answers]], row: Row) -> bool:
        if not tests:
            return True
        parsed = parse(self.finder.text(row))
        return any(all(test(parsed) for test in group) for group in tests)

    # --- the plan

    async def run(self) -> None:
        """Plan one export after another, until it is stopped. What a killed process had in hand is gone on with by another."""
        await self._rounds.run(self.work, self.sweep, settles_s=lambda: _SETTLES.total_seconds())

    async def sweep(self) -> None:
        now = self.finder.clock.now()
        async with self.finder.db.acquire() as db, db.transaction():
            await kept.sweep(db, now, now - REMEMBERED)

    async def work(self) -> bool:
        """Go on with one export; False where none waits, or the one that does has to wait longer."""
        now = self.finder.clock.now()
        row = await kept.lease(self.finder.db, now, now + _LEASE, now - _SETTLES)
        if row is None:
            return False
        if not row["ready"]:
            await kept.release(self.finder.db, row["id"])
            await asyncio.sleep(0.1)
            return True
        try:
            told = self._opened(row)
            await self._plan(row, told)
        except BaseException as error:
            if is_away(error) or not isinstance(error, Exception):
                raise
            self.log.error("export.failed", exc_info=error)
            await kept.finish(self.finder.db, row["id"], "failed", now + LASTS)
        return True

    async def _plan(self, row: Record, told: ExportAsked) -> None:
        high: str | None = row["below"]
        if high != _LOWEST:
            found: Counter[tuple[str, bool]] = Counter()
            people, steps, last = 0, 0, ""
            where = Range(_LOWEST, high, members_of(told))
            async for stood, gone, _ in self.standing(told, told.reach, where, wanted(told), row["moment"], None, bodies=False):
                if stood is None:
                    steps += 1
                    continue
                if stood.patient != last:
                    if max(found.values(), default=0) >= self.rows_a_file or steps >= _MOST_STEPS:
                        if not await self._noted(row, last, high, found, people):
                            return
                        high, found, people, steps = last, Counter(), 0, 0
                    last, people = stood.patient, people + 1
                found[stood.type, gone] += 1
            if not await self._noted(row, _LOWEST, high, found, people):
                return
        await kept.finish(self.finder.db, row["id"], "done", self.finder.clock.now() + LASTS)

    async def _noted(self, row: Record, low: str, high: str | None, found: Mapping[tuple[str, bool], int], people: int) -> bool:
        told = [(type_, gone, many) for (type_, gone), many in sorted(found.items())]
        async with self.finder.db.acquire() as db, db.transaction():
            until = self.finder.clock.now() + _LEASE
            return await kept.planned(db, row["id"], low, high, told, people, until)


def since_of(told: ExportAsked) -> datetime | None:
    """Raises NotUnderstood: it is no time."""
    if not told.since:
        return None
    if (found := span(told.since)) is None:
        raise NotUnderstood("_since is an instant with its zone, as 2026-01-31T09:00:00Z.")
    return found.since


def wanted(told: ExportAsked) -> tuple[str, ...]:
    """The types to go through; none named: all."""
    if told.types:
        return tuple(each for each in told.types if may_see(told.reach, each))
    return () if "*" in told.reach.types else told.reach.types


def members_of(told: ExportAsked) -> tuple[str, ...] | None:
    return told.patients if told.of == "group" or told.patients else None


def filters(told: ExportAsked, finder: Finder, now: datetime) -> dict[str, list[list[Answers]]]:
    """The tests of each type: those of one query at least must all hold.

    Raises:
        NotUnderstood: a query that cannot be asked of one resource by itself.
    """
    found: dict[str, list[list[Answers]]] = {}
    for type_, pairs in told.filters:
        try:
            query = read(type_, pairs, finder.parameters)
            if not query.clauses or not all(isinstance(each, Clause) for each in query.clauses) or query.includes or query.sort:
                raise BadSearch("_typeFilter", f"asks for {type_} by its own search parameters, without chains, _has or _include")
            tests = [answers(each, base=told.base, now=now) for each in query.clauses if isinstance(each, Clause)]
        except BadSearch as bad:
            raise NotUnderstood(bad.reason) from None
        found.setdefault(type_, []).append(tests)
    return found


def _both(one: Reach, other: Reach) -> Reach:
    """What two grants have in common."""
    types = other.types if "*" in one.types else one.types if "*" in other.types else tuple(set(one.types) & set(other.types))
    patients = one.patients if other.patients is None else other.patients
    if one.patients is not None and other.patients is not None:
        patients = tuple(sorted(set(one.patients) & set(other.patients)))
    return Reach(types, patients, CONFIDENTIALITY[min(most(one), most(other))], other.veiled_for)


def _deleted(row: Row) -> bytes:
    """That a resource is gone, as FHIR Bulk Data tells it: a transaction that would delete it."""
    entry = {"request": {"method": "DELETE", "url": f"{row.type}/{row.id}"}}
    return msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
