"""How does a resource come to be kept? Judged, addressed, sealed and indexed in one transaction: all of a bundle, or none.

Single writes that wait at the same moment and do not touch the same resource share one transaction: one commit for many.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg
import msgspec
from msgspec import Raw, Struct

from carerecord.contracts.holdings import Held, Issue, Kept, WriteAsked, Written
from carerecord.fhir.bundle import parse
from carerecord.fhir.gates import Gates
from carerecord.holdings.book import Book
from carerecord.holdings.company import Company
from carerecord.holdings.drafts import Draft, Drafting, Refusal, error
from carerecord.holdings.finding import Finder, View
from carerecord.holdings.lettered import letters
from carerecord.holdings.losing import last_of, loses_nothing, standing
from carerecord.holdings.reaching import GUARDED, NOBODY, most, within
from carerecord.holdings.referring import Referring
from carerecord.holdings.securing import secured_by
from carerecord.holdings.store import changing, looking
from carerecord.holdings.store.changing import Current, Last, Left, Lies, Row
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection, Database
from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Outbox

TRIES: Final = 5
BY_ONE_STATEMENT: Final = 500  # new resources: more of them would hold up the event loop while their arrays are written
_SEALED_AT_ONCE: Final = 64  # bodies: less than half a millisecond
_TOLD_AT_ONCE: Final = 2_000  # changes in one event
_REPEAT: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError)

Outcome = tuple[Written, ...]


class _Planned(NamedTuple):
    """What is to be written."""

    fresh: list[changing.Key]  # whose address is new
    moved: list[changing.Key]  # whose address is another than before
    rows: list[Row]
    current: list[Current]
    out: list[changing.Key]  # whose index rows go
    left: list[Left]  # which lie in another record from now on


class _Made(Struct, frozen=True, gc=False):
    """A version before its body is sealed."""

    index: Current
    text: bytes
    organisation: str
    source: str


@dataclass
class Writer:
    finder: Finder
    outbox: Outbox
    gates: Gates
    book: Book
    drafting: Drafting = field(init=False)
    referring: Referring = field(init=False)
    company: Company = field(init=False)

    def __post_init__(self) -> None:
        self.drafting = Drafting(self.finder, self.gates, letters(self.gates, self.finder.index))
        self.referring = Referring(self.finder)
        self.company = Company(self._group, self._one, (Refusal, *_REPEAT))

    async def write(self, asked: WriteAsked) -> Outcome:
        """What became of each change, in order. When one is refused none is made; the audit line commits with what was written.

        Raises:
            Unavailable: others wrote the same again and again.
        """
        try:
            return await self._written(asked)
        except Refusal as refusal:
            faulty = refusal.status == 422 and all(each.code == "structure" for each in refusal.issues)
            if faulty and asked.client.on_invalid == "quarantine" and not asked.check_only:
                return await self._aside(asked, refusal)
            written = [Written(424) for _ in asked.changes]
            written[refusal.place] = Written(refusal.status, None, refusal.issues)
            if not asked.check_only:
                await self.book.write("resource-written", asked.client, (), outcome="refused", request=asked.request)
            return tuple(written)
        except _CheckedOnly as checked:
            return checked.written

    async def _written(self, asked: WriteAsked) -> Outcome:
        first = asked.changes[0] if len(asked.changes) == 1 else None
        alone = first and not asked.check_only and not asked.transaction
        if first and alone and first.method != "patch" and not first.condition and not first.if_none_exist:
            draft = self.drafting.begun(0, first, asked)
            if first.method != "delete":
                self.drafting.worked_out(draft, first.text, {})
            return (await self.company.keep(draft),)
        only_new = all(each.method == "create" and not each.if_none_exist for each in asked.changes)
        if only_new and not asked.check_only and len(asked.changes) <= BY_ONE_STATEMENT:
            with suppress(*_REPEAT):
                return await self._all_new(asked)
        if any(each.likely_new for each in asked.changes):
            with suppress(*_REPEAT):
                async with self.finder.db.acquire() as db, db.transaction():
                    return await self._within(db, asked, believing=True)
        return await self._again_if_crossed(lambda db: self._within(db, asked))

    async def _all_new(self, asked: WriteAsked) -> Outcome:
        """Resources under ids of our making: nothing is to be locked, so they are judged before a connection is taken."""
        drafts = self.drafting.all_begun(asked)
        await self._worked_out(drafts, await self._names(self.finder.db, asked, drafts))
        await self._new(drafts)
        return tuple([draft.done or Written(500) for draft in drafts])

    async def _names(self, db: Database, asked: WriteAsked, drafts: Sequence[Draft]) -> dict[bytes, bytes]:
        """How the resources of one request refer to each other, and what they may name by a query."""
        named = [each for each in drafts if each.change.full_url and each.id]
        names = {each.change.full_url.encode(): f"{each.type}/{each.id}".encode() for each in named}
        return names | await self.referring.found(db, asked, drafts, names) if asked.transaction else names

    async def _worked_out(self, drafts: Sequence[Draft], names: Mapping[bytes, bytes]) -> None:
        async with self.finder.turns.mine() as turn:
            for draft in drafts:
                if draft.writes and draft.change.method in ("create", "update"):
                    self.drafting.worked_out(draft, draft.change.text, names)
                    if turn.spent:
                        await turn.over()

    async def _again_if_crossed(self, work: Callable[[Connection], Awaitable[Outcome]]) -> Outcome:
        for again in range(TRIES):
            try:
                async with self.finder.db.acquire() as db, db.transaction():
                    return await work(db)
            except _REPEAT:
                await asyncio.sleep(0.005 * again)
        raise Unavailable("Others are writing the same just now. Try again in a moment.", retry_after_s="1")

    async def _within(self, db: Connection, asked: WriteAsked, *, believing: bool = False) -> Outcome:
        """`believing`: what is likely new is not looked for, and its index says so where it is there."""
        drafts = self.drafting.all_begun(asked)
        for draft in drafts:
            if draft.change.condition or draft.change.if_none_exist:
                await self.drafting.found(db, draft)
        names = await self._names(db, asked, drafts)
        await self._worked_out(drafts, names)
        for draft in drafts:
            if draft.writes and draft.change.method == "patch":
                if draft.type == GUARDED:
                    await self._unguarded(db, draft)  # before its tests tell anything
                self.drafting.worked_out(draft, await self.drafting.patched(db, draft), names)
        _each_once(drafts)
        await self._kept(db, [each for each in drafts if each.writes], believing=believing)
        answered = tuple(draft.done or Written(500) for draft in drafts)
        if asked.check_only:
            raise _CheckedOnly(answered)
        await self._told(db, drafts)
        return answered

    # --- one commit for many

    async def _group(self, drafts: Sequence[Draft]) -> None:
        """All in one transaction."""
        if all(each.change.method == "create" for each in drafts):
            await self._new(drafts)
            return
        async with self.finder.db.acquire() as db, db.transaction():
            await self.kept_and_told(db, drafts)

    async def _one(self, draft: Draft) -> None:
        async def kept(db: Connection) -> Outcome:
            await self.kept_and_told(db, [draft])
            return ()

        await self._again_if_crossed(kept)

    async def _new(self, drafts: Sequence[Draft]) -> None:
        """Resources under ids of our making, with nothing to look up before: one statement is all there is to do."""
        planned = await self._planned(drafts, {}, {}, {})
        words = self._words(drafts)
        await changing.add_new(self.finder.db, planned.rows, planned.current, self.outbox.along(words, changing.AFTER_NEW))
        self.outbox.rung(*{kind for kind, _ in words})

    async def kept_and_told(self, db: Connection, drafts: Sequence[Draft], *, new: bool = False) -> None:
        """`new`: it is believed that none of them is there yet."""
        await self._kept(db, drafts, new=new)
        await self._told(db, drafts)

    # --- what is written

    async def _kept(self, db: Connection, drafts: Sequence[Draft], *, new: bool = False, believing: bool = False) -> None:
        """Everything is written at the end, in groups; `done` of each says what became of it."""
        # What is new takes its address at once, and is not looked for before that.
        addressed = await changing.arrived(db, [(self._whose(each), each.type, each.id) for each in drafts]) if new else set()
        named = [  # a new one has an id of our making
            (each.type, each.id)
            for each in drafts
            if each.change.method != "create" and not (believing and each.change.likely_new)
        ]
        there = [key for key in named if key not in addressed]
        known = await changing.locked(db, there) if there else {}
        for draft in drafts:
            if draft.type == GUARDED and (draft.type, draft.id) in known:
                await self._unguarded(db, draft)
        places = [(at, *key) for key, lies in known.items() for at in (lies.patient, *lies.before)]
        last = await changing.latest(db, places) if places else {}
        planned = await self._planned(drafts, known, last, await standing(db, drafts, known, last))
        await changing.settle(db, [key for key in planned.fresh if key[1:] not in addressed])
        await changing.move(db, planned.moved)
        await changing.drop_current(db, planned.out)
        await changing.depart(db, planned.left)
        await changing.add_versions(db, planned.rows)
        await changing.put_current(db, planned.current)

    async def _unguarded(self, db: Connection, draft: Draft) -> None:
        """Nobody changes a Binary that they may not read."""
        stands = await looking.one(db, draft.type, draft.id, 0)
        if stands is None or stands[0].method == "D":
            return
        asked = draft.asked
        reach = msgspec.structs.replace(asked.reach, types=(*asked.reach.types, *asked.looks.types))
        if not (await secured_by(self.finder, parse(self.finder.whole(stands[0])), View(self.finder.db, reach)))[0]:
            raise Refusal(draft.place, 404, error("not-found", "", "There is no such resource."))

    async def _planned(
        self, drafts: Sequence[Draft], known: Mapping[tuple[str, str], Lies], last: Mapping[changing.Key, Last],
        stand: Mapping[tuple[str, str], Row],
    ) -> "_Planned":  # fmt: skip
        """What is to be written, by what stands there."""
        now = self.finder.clock.now()
        at = stamp(now)
        planned = _Planned([], [], [], [], [], [])
        fresh, moved, rows, current, out, left = planned
        made: list[_Made] = []
        async with self.finder.turns.mine() as turn:
            for draft in drafts:
                name = draft.type, draft.id
                lies = known.get(name)
                was = last_of(draft, lies, last)
                self._may_go_on(draft, lies, was)
                if there := stand.get(name):
                    loses_nothing(draft, lies, was, self.finder.whole(there))
                    if self._stands(draft, there):
                        draft.done = Written(304)
                        continue
                if draft.change.method == "delete":
                    draft.patient = lies.patient if lies else ""
                    draft.done = Written(204)
                    if was.method not in ("", "D"):
                        rows.append(self._deletion(draft, was, now))
                        out.append((draft.patient, draft.type, draft.id))
                        draft.done = Written(204, Held(draft.type, draft.id, was.version + 1, at, gone=True))
                    continue
                draft.patient = self._whose(draft)
                key = draft.patient, draft.type, draft.id
                if lies is None:
                    fresh.append(key)
                else:
                    out.append((lies.patient, draft.type, draft.id))
                    if lies.patient != draft.patient:
                        moved.append(key)
                        if was.method != "D" and not lies.patient.startswith(NOBODY):
                            left.append(Left(lies.patient, draft.type, draft.id, was.source, now))
                new = self._made(draft, was, now, at)
                made.append(new)
                current.append(new.index)
                held = Held(draft.type, draft.id, new.index.version, at, Raw(new.text))
                draft.done = Written(201 if was.method in ("", "D") else 200, held, draft.issues)
                if turn.spent:
                    await turn.over()
            for begun in range(0, len(made), _SEALED_AT_ONCE):
                rows += self._sealed(made[begun : begun + _SEALED_AT_ONCE])
                if turn.spent:
                    await turn.over()
        return planned

    def _stands(self, draft: Draft, row: Row) -> bool:
        if draft.change.unless != "same" or self._whose(draft) != row.patient:
            return False
        draft.patient = row.patient
        return draft.text(row.version, stamp(row.at)) == self.finder.whole(row)

    async def _told(self, db: Connection, drafts: Sequence[Draft]) -> None:
        """In the transaction that wrote, by one statement for all."""
        await self.outbox.announce_all(self._words(drafts), db)

    def _words(self, drafts: Sequence[Draft]) -> list[tuple[str, Struct]]:
        """The event and the audit line of each request."""
        by_request: dict[int, list[Draft]] = {}
        for draft in drafts:
            by_request.setdefault(id(draft.asked), []).append(draft)
        told: list[tuple[str, Struct]] = []
        for mine in by_request.values():
            asked = mine[0].asked
            changes = tuple(
                [
                    (each.patient, each.type, each.id, held.version, "D" if held.gone else "U" if held.version > 1 else "C")
                    for each in mine
                    if each.patient and each.done is not None and (held := each.done.held) is not None
                ]
            )
            for begun in range(0, len(changes), _TOLD_AT_ONCE):
                part = changes[begun : begun + _TOLD_AT_ONCE]
                client = asked.client
                told.append(("Kept", Kept(client.id, client.organisation, part, asked.request, client.source)))
            if not (changes or asked.client.id):  # what we file again ourselves, and find as it stands
                continue
            patients = [each.patient for each in mine if each.done is None or each.done.status != 304]
            told.append(("Line", self.book.line("resource-written", asked.client, patients, request=asked.request)))
        return told

    def _whose(self, draft: Draft) -> str:
        asked = draft.asked
        patient = draft.whose(self.finder.index) or NOBODY + asked.client.organisation
        if not within(asked.reach, patient, draft.type, self.finder.parameters):
            raise Refusal(draft.place, 403, error("forbidden", "", "This client may not write to that person's record."))
        return patient

    def _may_go_on(self, draft: Draft, lies: Lies | None, was: Last) -> None:
        change, asked = draft.change, draft.asked
        if lies is not None and (
            not within(asked.reach, lies.patient, draft.type, self.finder.parameters) or was.confidential > most(asked.reach)
        ):
            raise Refusal(draft.place, 404, error("not-found", "", "There is no such resource."))
        if asked.client.id and was.source not in ("", asked.client.source):
            says = "It was written in the name of another source, which alone changes it."
            raise Refusal(draft.place, 403, error("forbidden", "", says))
        if change.unless == "there" and was.method not in ("", "D"):
            raise Refusal(draft.place, 412, error("conflict", "", "There is one already under this id."))
        if change.if_match and change.if_match != was.version:
            raise Refusal(draft.place, 412, error("conflict", "", "Somebody has written it since: read it again."))
        stands = was.method and (was.method != "D" or change.method == "update")  # an update revives what was deleted
        blindly = stands and change.method != "create" and not change.if_match
        if blindly and (change.must_match or asked.client.must_match):
            raise Refusal(draft.place, 412, error("required", "", "Say which version this replaces: send If-Match."))
        if change.method == "update" and not was.method and not change.condition and not asked.client.chooses_ids:
            says = "This client may not choose ids: create it by POST."
            raise Refusal(draft.place, 405, error("not-supported", "", says))

    def _deletion(self, draft: Draft, was: Last, now: datetime) -> Row:
        organisation, when = draft.asked.client.organisation, was.when_at or now
        return Row(
            draft.patient, draft.type, draft.id, was.version + 1, now, "D", organisation, b"", when, was.confidential,
            draft.asked.client.source or was.source,
        )  # fmt: skip

    def _made(self, draft: Draft, was: Last, now: datetime, at: str) -> "_Made":
        version = was.version + 1
        text = draft.text(version, at)
        row, label = draft.row(self.finder.index)
        if label < was.confidential and draft.asked.client.id:
            # Nobody lifts a label by writing a resource anew without it.
            says = "A confidentiality label may be made stricter here, and not looser."
            raise Refusal(draft.place, 403, error("forbidden", f"{draft.type}.meta.security", says))
        client = draft.asked.client
        source = client.source or was.source  # who mends a source's resource does not take it out of the record
        when = row.when or now
        index = Current(draft.patient, draft.type, draft.id, version, now, when, label, row.tokens, row.across)
        return _Made(index, text, client.organisation, source)

    def _sealed(self, made: Sequence["_Made"]) -> list[Row]:
        lying = [(each.organisation, each.index.patient, each.index.place) for each in made]
        return [
            Row(
                index.patient, index.type, index.id, index.version, index.at, "U" if index.version > 1 else "C",
                each.organisation, body, index.when_at, index.confidential, each.source,
            )
            for each, body in zip(made, self.finder.bodies.pack_all([each.text for each in made], lying), strict=True)
            for index in (each.index,)
        ]  # fmt: skip

    async def _aside(self, asked: WriteAsked, refusal: Refusal) -> Outcome:
        """Kept for people to mend, all that came with it too; served to nobody, and no event tells of it."""
        now = self.finder.clock.now()
        rows: list[tuple[str, uuid.UUID, datetime, str]] = []
        bodies: list[bytes] = []
        for change in asked.changes:
            id_ = uuid.uuid4()
            patient = NOBODY + asked.client.organisation
            rows.append((patient, id_, now, change.type))
            place = f"aside/{id_}"
            bodies.append(
                self.finder.bodies.pack(change.text, organisation=asked.client.organisation, patient=patient, place=place)
            )
        issues = tuple(msgspec.structs.replace(each, severity="warning") for each in refusal.issues)
        client = asked.client
        async with self.finder.db.acquire() as db, db.transaction():
            told = msgspec.json.encode(refusal.issues)
            await changing.add_aside(db, rows, client.id, client.organisation, asked.request, told, bodies)
            await self.book.write("resource-kept-aside", client, (), request=asked.request, db=db)
        says = "Kept aside with its faults for people to mend. It is not part of any record and is not served."
        kept = Issue("warning", "suppressed", "", says)
        return tuple(
            Written(202, None, (kept, *issues) if place == refusal.place else (kept,)) for place in range(len(asked.changes))
        )


class _CheckedOnly(Exception):
    """Everything would have been kept; nothing is."""

    def __init__(self, written: Outcome) -> None:
        super().__init__()
        self.written = written


def _each_once(drafts: Sequence[Draft]) -> None:
    seen: set[tuple[str, str]] = set()
    for draft in drafts:
        if draft.writes and (draft.type, draft.id) in seen:
            raise Refusal(draft.place, 400, error("duplicate", "", "The same resource is written twice in one transaction."))
        seen.add((draft.type, draft.id))
