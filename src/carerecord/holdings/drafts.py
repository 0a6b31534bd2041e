"""What is one change about, and may it be made as it is? Its resource found, its references named, its faults judged."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.holdings import Change, Held, Issue, WriteAsked, Written
from carerecord.fhir.bundle import parse
from carerecord.fhir.deaths import as_said
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.gates import Gates, Judged
from carerecord.fhir.lettered import Letters, as_written
from carerecord.fhir.search.query import BadSearch, Clause, Query, UnknownParameter, read
from carerecord.holdings.bodies import with_ours
from carerecord.holdings.finding import ID, Finder, View
from carerecord.holdings.index import Index, Row
from carerecord.holdings.lettered import Known, Plan
from carerecord.holdings.opening import Found, held
from carerecord.holdings.patch import BadPatch, patched
from carerecord.holdings.reaching import WHOM, confidential, may_see, most, within
from carerecord.holdings.store import changing, looking
from carerecord.kit.db import Connection

_MEMBER: Final = b'"reference"'
_VALUE: Final = re.compile(rb'\s*:\s*"((?:[^"\\]|\\.)*)"')
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


PROTECTED: Final = "Where this person is is protected"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [one + other for one in _LETTERS for other in _LETTERS]


def new_id() -> str:
    """Made by chance: 100 bits in 20 letters. An id stands in nine places of the tables: a UUID would be a sixth of the disk."""
    chance = int.from_bytes(os.urandom(13), "big")
    return "".join([_PAIRS[chance >> bits & 1023] for bits in range(0, 100, 10)])


class Refusal(Exception):
    """One change cannot be made, and so none of those beside it."""

    def __init__(self, place: int, status: int, *issues: Issue) -> None:
        super().__init__(status)
        self.place, self.status, self.issues = place, status, issues


class Draft(Struct, eq=False, gc=False):
    """One change on its way."""

    place: int
    type: str
    change: Change
    asked: WriteAsked
    id: str
    raw: bytes = b""
    parsed: dict[str, Any] = {}  # each has its own
    known: Known | None = None  # by its letters: it need not be parsed
    patient: str = ""
    issues: tuple[Issue, ...] = ()
    done: Written | None = None

    @property
    def writes(self) -> bool:
        return self.done is None

    @property
    def wants_remarks(self) -> bool:
        return self.asked.check_only or self.asked.client.on_invalid == "annotate"

    def whose(self, index: Index) -> str:
        """The id of the Patient in whose record it lies; "" for one of nobody."""
        if self.type == WHOM:
            return self.id  # whatever id was sent with a new one
        return self.known.whose if self.known else index.whose(self.parsed, self.type)

    def row(self, index: Index) -> tuple[Row, int]:
        """Its row of the index, and the place of its label."""
        return self.known.row if self.known else (index.row(self.parsed, self.type), confidential(self.parsed))

    def text(self, version: int, at: str) -> bytes:
        """As `with_ours`."""
        text = self.known.text(self.id, version, at) if self.known else ""
        return as_written(text, self.raw) if text else with_ours(self.raw, id_=self.id, version=version, at=at)


@dataclass(frozen=True)
class Drafting:
    finder: Finder
    gates: Gates
    letters: Letters[Plan]

    def all_begun(self, asked: WriteAsked) -> list[Draft]:
        """Each change; of those of one type it is asked once whether the client writes it."""
        drafts, types = [], set[str]()
        for place, change in enumerate(asked.changes):
            if change.type not in types:
                self._may_write(place, change.type, asked)
                types.add(change.type)
            drafts.append(self._draft(place, change, asked))
        return drafts

    def begun(self, place: int, change: Change, asked: WriteAsked) -> Draft:
        """A change that names its resource, or will be found by its condition."""
        self._may_write(place, change.type, asked)
        return self._draft(place, change, asked)

    def _may_write(self, place: int, type_: str, asked: WriteAsked) -> None:
        if not self.finder.parameters.of(type_):
            raise Refusal(place, 404, error("not-supported", "", "There is no such resource type in FHIR R4."))
        if not may_see(asked.reach, type_):
            raise Refusal(place, 403, error("forbidden", "", f"This client may not write {type_}."))

    def _draft(self, place: int, change: Change, asked: WriteAsked) -> Draft:
        draft = Draft(place, change.type, change, asked, change.id)
        if change.method == "create":
            draft.id = new_id()
        elif not change.condition and not ID.match(change.id):
            raise Refusal(place, 400, error("value", "id", "An id is 1 to 64 letters, digits, hyphens and full stops."))
        return draft

    async def found(self, db: Connection, draft: Draft) -> None:
        """What its condition finds, if it has one."""
        if draft.change.method == "create":
            if draft.change.if_none_exist:
                await self._only_if_none(db, draft)
        elif draft.change.condition:
            await self._conditional(db, draft)

    async def _only_if_none(self, db: Connection, draft: Draft) -> None:
        # First the claim, which waits for others who claim the same; then the look, which sees what they wrote.
        hashed = self._claim(draft, draft.change.if_none_exist)
        holder = await changing.claim(db, hashed, draft.type, draft.id)
        if found := await self._one_answering(db, draft, draft.change.if_none_exist):
            draft.done = Written(200, found)
            draft.id = found.id
        if holder not in (None, (draft.type, draft.id)) or found:
            await changing.move_claim(db, hashed, draft.type, draft.id)  # what held it is gone, or answers no more

    async def _conditional(self, db: Connection, draft: Draft) -> None:
        condition = draft.change.condition
        found = await self._one_answering(db, draft, condition)
        named = _named(draft.change.text) if draft.change.method == "update" else ""
        if found is None and draft.change.method == "update":
            draft.id = self._chosen(draft, named) if named else new_id()
            hashed = self._claim(draft, condition)
            await changing.claim(db, hashed, draft.type, draft.id)
            found = await self._one_answering(db, draft, condition)
            await changing.move_claim(db, hashed, draft.type, found.id if found else draft.id)
        if found is not None:
            if named not in ("", found.id):
                says = "The id of the resource is not the one of what answers the condition."
                raise Refusal(draft.place, 400, error("invalid", "id", says))
            draft.id = found.id
        elif draft.change.method == "delete":
            draft.done = Written(204)
        elif draft.change.method == "patch":
            raise Refusal(draft.place, 404, error("not-found", "", "No resource answers the condition."))

    def _chosen(self, draft: Draft, named: str) -> str:
        """An id of the client's own, where nothing answers its condition: of what is not there yet."""
        if not draft.asked.client.chooses_ids:
            says = "This client may not choose ids, and nothing answers the condition: leave the id out."
            raise Refusal(draft.place, 405, error("not-supported", "id", says))
        if not ID.match(named):
            raise Refusal(draft.place, 400, error("value", "id", "An id is 1 to 64 letters, digits, hyphens and full stops."))
        draft.change = replace(draft.change, unless="there")
        return named

    def _claim(self, draft: Draft, condition: str) -> bytes:
        return self.finder.index.claim(draft.type, parse_qsl(condition, keep_blank_values=True))

    async def _one_answering(self, db: Connection, draft: Draft, condition: str) -> Held | None:
        """Raises Refusal when several answer, or when the condition cannot be asked."""
        try:
            query = read(draft.type, parse_qsl(condition, keep_blank_values=True), self.finder.parameters)
            if not query.clauses:
                raise BadSearch("", "A condition needs at least one search parameter.")
            found = await self._answering(query, View(db, draft.asked.reach, writing=True), draft)
        except UnknownParameter as bad:
            raise Refusal(draft.place, 400, error("invalid", "", bad.reason)) from None
        except BadSearch as bad:
            raise Refusal(draft.place, 412, error("invalid", "", bad.reason)) from None
        if len(found) > 1:
            raise Refusal(draft.place, 412, error("multiple-matches", "", "More than one resource answers the condition."))
        return held(found)[0] if found else None

    async def _answering(self, query: Query, view: View, draft: Draft) -> list[Found]:
        """What is kept back answers no condition: it would tell what is there. But who asks by a number alone is refused, and
        nobody is written down twice.

        Raises:
            BadSearch: the condition cannot be asked. Refusal: the one that is meant is kept back.
        """
        found = await self.finder.all_of(query, view, 2)
        alone = not found and view.reach.veiled_for is not None and by_number_alone(query)
        if alone and await self.finder.all_of(query, unveiled(view), 1):
            says = "Whoever it is about has asked that it is not shown, so it cannot be said whether it is this one."
            raise Refusal(draft.place, 403, error("suppressed", "", says))
        return found

    async def patched(self, db: Connection, draft: Draft) -> bytes:
        """The resource with the steps of the patch done."""
        stands = await looking.one(db, draft.type, draft.id, 0)
        if stands is None or stands[0].method == "D" or not self._seen(draft, stands[0].patient, stands[1]):
            raise Refusal(draft.place, 404, error("not-found", "", "There is no such resource."))
        shown = await self.finder.veils.lifted([stands[0]], View(db, draft.asked.reach, writing=True))
        if not shown or shown[0].masked:
            why = PROTECTED if shown else "Whoever it is about has asked that it is not shown"
            says = f"{why}, so it is not changed in part: what it says would be told."
            raise Refusal(draft.place, 403, error("suppressed", "", says))
        try:
            return patched(self.finder.text(shown[0]), draft.change.text)
        except BadPatch as bad:
            raise Refusal(draft.place, bad.status, error("processing", "", bad.says)) from None
        except Unreadable as fault:
            raise Refusal(draft.place, 400, error("structure", "", f"The patch is {fault.reason}.")) from None

    def _seen(self, draft: Draft, patient: str, label: int) -> bool:
        reach = draft.asked.reach
        return within(reach, patient, draft.type, self.finder.parameters) and label <= most(reach)

    def worked_out(self, draft: Draft, raw: bytes, names: Mapping[bytes, bytes]) -> None:
        """Read, its references to others of the same transaction named, and judged.

        Raises:
            Refusal: it cannot be kept as it is.
        """
        if draft.type == WHOM:
            raw = as_said(raw)
        if names:
            raw = renamed(raw, names)
        if b"\\" in raw and b"\\u0000" in raw and _NUL.search(raw):
            raise Refusal(draft.place, 400, error("value", "", "Text in FHIR has no character of code 0."))
        draft.raw = raw
        if self._is_known(draft):
            return
        try:
            draft.parsed = parse(raw)
        except Unreadable as fault:
            raise Refusal(draft.place, 400, error("structure", "", f"The resource is {fault.reason}.")) from None
        if draft.parsed.get("resourceType") != draft.type:
            raise Refusal(draft.place, 400, error("invalid", "resourceType", f"This address takes a {draft.type}."))
        told = draft.parsed.get("id")
        if draft.change.method == "update" and not draft.change.condition and told != draft.id:
            raise Refusal(draft.place, 400, error("invalid", "id", "The id of the resource is not the one of the address."))
        if draft.change.method == "patch" and told != draft.id:
            raise Refusal(draft.place, 422, error("business-rule", "id", "A patch changes no id."))
        if not isinstance(draft.parsed.get("meta", {}), dict):
            raise Refusal(draft.place, 422, error("structure", f"{draft.type}.meta", "must be an object"))
        draft.parsed["id"] = draft.id
        judged = self.gates.judge(draft.parsed, raw, draft.asked.profile, remarks=draft.wants_remarks)
        draft.issues = self._issues(draft, judged)
        if not judged.faults and not draft.asked.profile:
            self.letters.met(raw)

    def _is_known(self, draft: Draft) -> bool:
        """By its letters it has no fault, and is what this address takes."""
        found = None if draft.asked.profile else self.letters.find(draft.raw)
        if found is None:
            return False
        known = Known(found[0].plan, found[1])
        if known.plan.type != draft.type or (draft.change.method != "create" and known.id != draft.id):
            return False
        if known.plan.row is None:
            draft.parsed = parse(draft.raw)
            draft.parsed["id"] = draft.id
        else:
            draft.known = known
        draft.issues = self._issues(draft, found[0].judged)
        return True

    def _issues(self, draft: Draft, judged: Judged) -> tuple[Issue, ...]:
        patient = draft.asked.client.on_invalid == "annotate"
        told = judged.remarks if draft.wants_remarks else ()
        if not judged.faults and not told:
            return ()
        faults = [Issue("warning" if patient else "error", "structure", each.path, each.says) for each in judged.faults]
        remarks = [Issue("warning", "business-rule", each.path, each.says) for each in told]
        if faults and not patient:
            raise Refusal(draft.place, 422, *faults, *remarks)
        return (*faults, *remarks)


def by_number_alone(query: Query) -> bool:
    """Whether it says no more than what its asker must know anyway to mean one."""
    return all(isinstance(each, Clause) and each.parameter.code in ("_id", "identifier") for each in query.clauses)


def unveiled(view: View) -> View:
    return View(view.db, replace(view.reach, veiled_for=None))


class _Named(Struct):
    id: str = ""


_names: Final = msgspec.json.Decoder(_Named)


def _named(raw: bytes) -> str:
    """The id that a resource says of itself. What cannot be read is refused when it is worked out."""
    try:
        return _names.decode(raw).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def references(raw: bytes) -> list[bytes]:
    """The references of a resource as they are written, without their quotation marks. Nowhere else can this member stand: within
    a text its quotation marks would be escaped."""
    return [part[since:until] for part in raw.split(_MEMBER)[1:] for since, until in (_said(part),) if until]


def renamed(raw: bytes, names: Mapping[bytes, bytes]) -> bytes:
    """The same resource, each reference that is named put in the other's place; every other byte as it was."""
    parts = raw.split(_MEMBER)
    for place in range(1, len(parts)):
        part = parts[place]
        since, until = _said(part)
        if until and (name := names.get(part[since:until])):
            parts[place] = part[:since] + name + part[until:]
    return _MEMBER.join(parts)


def _said(part: bytes) -> tuple[int, int]:
    """From where to where the value stands that follows a member's name; until 0 where it is no text."""
    since = 2 if part[:2] == b':"' else 3 if part[:3] == b': "' else 0  # as nearly everybody writes it
    if since and (until := part.find(b'"', since)) > 0 and part.find(b"\\", since, until) < 0:
        return since, until
    found = _VALUE.match(part)
    return found.span(1) if found else (0, 0)


def error(code: str, path: str, says: str) -> Issue:
    return Issue("error", code, path, says)
