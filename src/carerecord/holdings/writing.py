"""How does a resource come to be kept? Judged, addressed, sealed and indexed in one transaction: all of a bundle, or none."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

import asyncpg
from msgspec import Raw

from carerecord.contracts.holdings import Change, Held, Issue, Kept, Reach, WriteAsked, Written
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.search.query import BadSearch, read
from carerecord.fhir.validate import Validators
from carerecord.holdings import store
from carerecord.holdings.bodies import with_ours
from carerecord.holdings.finding import CONFIDENTIALITY, NOBODY, Finder, may_see
from carerecord.holdings.index import whose
from carerecord.holdings.patch import BadPatch, patched
from carerecord.holdings.store import Current, Lies, Row
from carerecord.kit.clock import stamp
from carerecord.kit.db import Connection
from carerecord.kit.events import Outbox

TRIES: Final = 4
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_REFERENCE: Final = re.compile(rb'("reference"\s*:\s*")((?:[^"\\]|\\.)*)(")')
_REPEAT: Final = (
    asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError,
)  # fmt: skip


class Refusal(Exception):
    """One change cannot be made, and so none of those beside it."""

    def __init__(self, place: int, status: int, *issues: Issue) -> None:
        super().__init__(status)
        self.place, self.status, self.issues = place, status, issues


@dataclass
class Draft:
    """One change on its way."""

    place: int
    change: Change
    type: str
    id: str
    raw: bytes = b""
    parsed: dict[str, Any] = field(default_factory=dict)
    patient: str = ""
    done: Written | None = None  # settled without a write


@dataclass(frozen=True)
class Writer:
    finder: Finder
    outbox: Outbox
    check: Validators

    async def write(self, asked: WriteAsked) -> tuple[tuple[Written, ...], list[str]]:
        """What became of each change, in order, and whose records were written. When one is refused none is made.

        Raises:
            asyncpg.SerializationError: others wrote the same again and again.
        """
        for again in range(TRIES):
            try:
                async with self.finder.db.acquire() as db, db.transaction():
                    return await self._within(db, asked)
            except Refusal as refusal:
                written = [Written(424) for _ in asked.changes]
                written[refusal.place] = Written(refusal.status, None, refusal.issues)
                return tuple(written), []
            except _CheckedOnly as checked:
                return checked.written, []
            except _REPEAT:
                if again == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    async def _within(self, db: Connection, asked: WriteAsked) -> tuple[tuple[Written, ...], list[str]]:
        drafts = [await self._begun(db, place, each, asked) for place, each in enumerate(asked.changes)]
        names = {each.change.full_url: f"{each.type}/{each.id}" for each in drafts if each.change.full_url and each.id}
        for draft in drafts:
            if draft.done is None and draft.change.method != "delete":
                await self._worked_out(db, draft, names, asked)
        issues = {draft.place: self._judged(draft, asked) for draft in drafts if draft.done is None and draft.parsed}
        _each_once(drafts)
        written = await self._kept(db, [each for each in drafts if each.done is None], asked)
        answered = tuple(
            draft.done or Written(*written[draft.place], issues.get(draft.place, ()))
            for draft in drafts
        )
        if asked.check_only:
            raise _CheckedOnly(answered)
        return answered, [draft.patient for draft in drafts if draft.done is None]

    async def _begun(self, db: Connection, place: int, change: Change, asked: WriteAsked) -> Draft:
        """What a change is about: the resource that it names, or that its condition finds."""
        if not may_see(asked.reach, change.type):
            raise Refusal(place, 403, _error("forbidden", "", f"This client may not write {change.type}."))
        draft = Draft(place, change, change.type, change.id)
        if change.method == "create":
            draft.id = str(uuid.uuid4())
            if change.if_none_exist:
                await self._only_if_none(db, draft, asked)
        elif change.condition:
            await self._conditional(db, draft, asked)
        elif not _ID.match(change.id):
            raise Refusal(place, 400, _error("value", "id", "An id is 1 to 64 letters, digits, hyphens and full stops."))
        return draft

    async def _only_if_none(self, db: Connection, draft: Draft, asked: WriteAsked) -> None:
        hashed = sha256(f"{asked.client.organisation}\0{draft.type}\0{draft.change.if_none_exist}".encode()).digest()
        # First the claim, which waits for others who claim the same; then the look, which sees what they wrote.
        holder = await store.claim(db, hashed, draft.type, draft.id)
        found = await self._answering(db, draft, draft.change.if_none_exist, asked.reach)
        if len(found) > 1:
            raise Refusal(draft.place, 412, _error("multiple-matches", "", "More than one resource answers the condition."))
        if found:
            draft.done = Written(200, found[0])
            draft.id = found[0].id
        elif holder is not None:
            await store.move_claim(db, hashed, draft.type, draft.id)  # what held it is gone, or answers no more

    async def _conditional(self, db: Connection, draft: Draft, asked: WriteAsked) -> None:
        found = await self._answering(db, draft, draft.change.condition, asked.reach)
        if len(found) > 1:
            raise Refusal(draft.place, 412, _error("multiple-matches", "", "More than one resource answers the condition."))
        if found:
            draft.id = found[0].id
        elif draft.change.method == "delete":
            draft.done = Written(204)
        elif draft.change.method == "patch":
            raise Refusal(draft.place, 404, _error("not-found", "", "No resource answers the condition."))
        else:
            draft.id = str(uuid.uuid4())
            hashed = sha256(f"{asked.client.organisation}\0{draft.type}\0{draft.change.condition}".encode()).digest()
            holder = await store.claim(db, hashed, draft.type, draft.id)
            if holder is not None:
                again = await self._answering(db, draft, draft.change.condition, asked.reach)
                if again:
                    draft.id = again[0].id
                else:
                    await store.move_claim(db, hashed, draft.type, draft.id)

    async def _answering(self, db: Connection, draft: Draft, condition: str, reach: Reach) -> list[Held]:
        try:
            query = read(draft.type, parse_qsl(condition, keep_blank_values=True), self.finder.parameters)
            if not query.clauses:
                raise BadSearch("", "A condition needs at least one search parameter.")
            return [each.held for each in (await self.finder.all_of(db, query, reach))[:2]]
        except BadSearch as bad:
            raise Refusal(draft.place, 412, _error("invalid", "", bad.reason)) from None

    async def _worked_out(self, db: Connection, draft: Draft, names: Mapping[str, str], asked: WriteAsked) -> None:
        raw = draft.change.text
        try:
            if draft.change.method == "patch":
                raw = await self._patched(db, draft, raw, asked)
            if names:
                raw = _REFERENCE.sub(lambda found: found[1] + _named(found[2], names) + found[3], raw)
            draft.raw, draft.parsed = raw, parse(raw)
        except Unreadable as fault:
            raise Refusal(draft.place, 400, _error("structure", "", f"The resource is {fault.reason}.")) from None
        if draft.parsed.get("resourceType") != draft.type:
            raise Refusal(draft.place, 400, _error("invalid", "resourceType", f"This address takes a {draft.type}."))
        told = draft.parsed.get("id")
        if draft.change.method == "update" and not draft.change.condition and told != draft.id:
            raise Refusal(draft.place, 400, _error("invalid", "id", "The id of the resource is not the one of the address."))
        draft.parsed["id"] = draft.id

    async def _patched(self, db: Connection, draft: Draft, patch: bytes, asked: WriteAsked) -> bytes:
        lies = (await store.addresses(db, [(draft.type, draft.id)])).get((draft.type, draft.id))
        row = await store.read(db, lies.patient, draft.type, draft.id, 0) if lies else None
        if row is None or not within(asked.reach, row.patient) or row.method == "D":
            raise Refusal(draft.place, 404, _error("not-found", "", "There is no such resource."))
        try:
            return patched(self.finder.text(row), patch)
        except BadPatch as bad:
            raise Refusal(draft.place, bad.status, _error("processing", "", bad.says)) from None

    def _judged(self, draft: Draft, asked: WriteAsked) -> tuple[Issue, ...]:
        faults = self.check.faults(draft.parsed)
        if not faults:
            return ()
        severity = "warning" if asked.client.on_invalid == "annotate" else "error"
        issues = tuple(Issue(severity, "structure", each.path, each.says) for each in faults)
        if severity == "error":
            raise Refusal(draft.place, 422, *issues)
        return issues

    async def _kept(
        self, db: Connection, drafts: Sequence[Draft], asked: WriteAsked
    ) -> dict[int, tuple[int, Held | None]]:
        """Status and new version of each, by place; everything is written at the end, in groups."""
        known = await store.locked(db, [(each.type, each.id) for each in drafts])
        fresh: list[store.Key] = []
        for draft in drafts:
            lies = known.get((draft.type, draft.id))
            if draft.change.method == "delete":
                draft.patient = lies.patient if lies else ""
                continue
            patient = whose(draft.parsed, draft.type, self.finder.parameters) or NOBODY + asked.client.organisation
            if not within(asked.reach, patient):
                raise Refusal(draft.place, 403, _error("forbidden", "", "This client may not write to that person's record."))
            draft.patient = patient
            if lies is None or lies.patient != patient:
                fresh.append((patient, draft.type, draft.id))
        if fresh:
            await store.settle(db, fresh)
        places = [(lies.patient, type_, id_) for (type_, id_), lies in known.items()]
        places += [(each, type_, id_) for (type_, id_), lies in known.items() for each in lies.before]
        last = await store.latest(db, places)
        now = self.finder.clock.now()
        rows: list[Row] = []
        current: list[Current] = []
        gone: list[store.Key] = []
        result: dict[int, tuple[int, Held | None]] = {}
        for draft in drafts:
            lies = known.get((draft.type, draft.id))
            version, method = _last(draft, lies, last)
            self._may_go_on(draft, lies, version, method, asked)
            if draft.change.method == "delete":
                if method in ("", "D"):
                    result[draft.place] = (204, None)
                    continue
                row = Row(draft.patient, draft.type, draft.id, version + 1, now, "D", asked.client.organisation, b"")
                rows.append(row)
                gone.append((draft.patient, draft.type, draft.id))
                result[draft.place] = (204, Held(draft.type, draft.id, version + 1, stamp(now), gone=True))
                continue
            if lies is not None and lies.patient != draft.patient:
                gone.append((lies.patient, draft.type, draft.id))
            made, index = self._made(draft, version + 1, now, asked)
            rows.append(made[0])
            current.append(index)
            status = 201 if method in ("", "D") else 200
            result[draft.place] = (status, Held(draft.type, draft.id, version + 1, stamp(now), Raw(made[1])))
        await store.drop_current(db, gone)
        await store.add_versions(db, rows)
        await store.put_current(db, current)
        if rows and not asked.check_only:
            changes = tuple((row.patient, row.type, row.id, row.version, row.method) for row in rows)
            told = Kept(asked.client.id, asked.client.organisation, changes, asked.request)
            await self.outbox.announce("Kept", told, db)
        return result

    def _may_go_on(self, draft: Draft, lies: Lies | None, version: int, method: str, asked: WriteAsked) -> None:
        change = draft.change
        if lies is not None and not within(asked.reach, lies.patient):
            raise Refusal(draft.place, 404, _error("not-found", "", "There is no such resource."))
        if change.if_match and change.if_match != version:
            raise Refusal(draft.place, 412, _error("conflict", "", "Somebody has written it since: read it again."))
        if change.method == "update" and method and not change.if_match and asked.client.must_match:
            raise Refusal(draft.place, 412, _error("required", "", "An update says which version it replaces: send If-Match."))
        if change.method == "update" and not method and not change.condition and not asked.client.chooses_ids:
            says = "This client may not choose ids: create it by POST."
            raise Refusal(draft.place, 405, _error("not-supported", "", says))

    def _made(self, draft: Draft, version: int, now: datetime, asked: WriteAsked) -> tuple[tuple[Row, bytes], Current]:
        text = with_ours(draft.raw, id_=draft.id, version=version, at=stamp(now))
        organisation = asked.client.organisation
        place = f"{draft.type}/{draft.id}/{version}"
        body = self.finder.bodies.pack(text, organisation=organisation, patient=draft.patient, place=place)
        row = Row(draft.patient, draft.type, draft.id, version, now, "U" if version > 1 else "C", organisation, body)
        index = self.finder.index.row(draft.parsed, draft.type)
        return (row, text), Current(
            draft.patient, draft.type, draft.id, version, now, index.when or now, _confidential(draft.parsed),
            index.tokens, index.across,
        )  # fmt: skip


class _CheckedOnly(Exception):
    """Everything would have been kept; nothing is."""

    def __init__(self, written: tuple[Written, ...]) -> None:
        super().__init__()
        self.written = written


def _each_once(drafts: Sequence[Draft]) -> None:
    seen: set[tuple[str, str]] = set()
    for draft in drafts:
        if draft.done is None and (draft.type, draft.id) in seen:
            raise Refusal(draft.place, 400, _error("duplicate", "", "The same resource is written twice in one transaction."))
        seen.add((draft.type, draft.id))


def within(reach: Reach, patient: str) -> bool:
    return reach.patients is None or patient in reach.patients or patient.startswith(NOBODY)


def _last(draft: Draft, lies: Lies | None, last: Mapping[store.Key, tuple[int, str]]) -> tuple[int, str]:
    """The highest version so far, wherever it lies, and how it was written; (0, "") for a new resource."""
    if lies is None:
        return 0, ""
    found = [last[key] for each in (lies.patient, *lies.before) if (key := (each, draft.type, draft.id)) in last]
    return max(found, default=(0, ""))


def _named(reference: bytes, names: Mapping[str, str]) -> bytes:
    return names.get(reference.decode("utf-8", "replace"), "").encode() or reference


def _confidential(parsed: Mapping[str, Any]) -> int:
    """The place of the strictest label; N where there is none. A label of that system that is not known is the strictest."""
    meta = parsed.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    found = [
        CONFIDENTIALITY.index(code) if (code := each.get("code")) in CONFIDENTIALITY else len(CONFIDENTIALITY) - 1
        for each in (labels if isinstance(labels, list) else ())
        if isinstance(each, dict) and str(each.get("system", "")).endswith("v3-Confidentiality")
    ]
    return max(found, default=CONFIDENTIALITY.index("N"))


def _error(code: str, path: str, says: str) -> Issue:
    return Issue("error", code, path, says)


