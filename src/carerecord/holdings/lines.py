"""Which lines of an import may be kept, and which resources do they hold? Judged group by group, each lane its own lines.

A lane holds whole resources: two lines about the same one are in the same lane, and so become versions in their order, however
many processes file at once.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

import msgspec
import zstandard
from msgspec import Raw

from carerecord.contracts.bulk import LoadAsked
from carerecord.contracts.holdings import Change, Issue, WriteAsked
from carerecord.holdings.drafts import Draft, Drafting, Refusal, error
from carerecord.holdings.finding import Finder
from carerecord.holdings.reaching import NOBODY
from carerecord.kit.db import Record
from carerecord.kit.errors import NotUnderstood

LARGEST_PART: Final = 64_000_000  # bytes, unpacked
MOST_ISSUES: Final = 20  # of one line
_TOO_LONG: Final = error("too-long", "", "The line is longer than any resource that is taken.")
_NO_RESOURCE: Final = error("structure", "", "The line is not a resource in JSON.")
_CLOSED: Final = error("not-supported", "", "Resources of this type are not kept by this API.")

Fault = tuple[int, int, tuple[Issue, ...]]  # line, status, why


class Head(msgspec.Struct, gc=False):
    resourceType: str = ""
    id: str = ""


_head: Final = msgspec.json.Decoder(Head)
# An id as nearly everybody writes it, before all that could be another's: read without going through the line.
_ID: Final = re.compile(rb'\{\s*(?:"resourceType"\s*:\s*"[A-Za-z]+"\s*,\s*)?"id"\s*:\s*"([A-Za-z0-9.-]+)"')


@dataclass
class Group:
    """Some lines on their way, none of them about the same resource as another."""

    drafts: list[Draft] = field(default_factory=list)  # the place of each is its line
    faults: list[Fault] = field(default_factory=list)
    aside: list[tuple[int, Change]] = field(default_factory=list)  # faulty, of a client whose faults are kept for people to mend
    keys: set[tuple[str, str]] = field(default_factory=set)
    after: int = 0  # lines up to this one were looked at before
    last: int = 0  # line
    many: int = 0


@dataclass
class Lane:
    """What one process files of an import."""

    number: int
    of: int
    new: bool = True  # of its last group nothing was there before

    def holds(self, line: int, text: bytes) -> bool:
        """By the id alone, whatever the type. A line that names none can be followed by none about the same."""
        if found := _ID.match(text):
            key = crc32(found[1])
        else:
            head = _head_of(text)
            key = crc32(head.id.encode()) if head is not None and head.id else line
        return key % self.of == self.number


@dataclass(frozen=True)
class Lines:
    finder: Finder
    drafting: Drafting

    async def groups(
        self, organisation: str, part: Record, asked: LoadAsked, lane: Lane, done: int, most: int
    ) -> AsyncIterator[Group]:
        """The lines of a part that are this lane's and that nobody has looked at, judged."""
        judge = _Judge(self.drafting, asked, lane, frozenset(part["too_long"]))
        text = await asyncio.to_thread(self._unpacked, organisation, part)
        lines, first, at = text.removesuffix(b"\n").split(b"\n"), part["first_line"], 0
        while at < len(lines):
            group = Group()
            async with self.finder.turns.mine() as turn:
                while at < len(lines) and group.many < most:
                    if first + at > done and not judge.passed(group, first + at, lines[at]):
                        break  # another version of a resource that is in the group already
                    at += 1
                    if turn.spent:
                        await turn.over()
            if group.many:
                yield group

    def _unpacked(self, organisation: str, part: Record) -> bytes:
        packed = self.finder.bodies.unpack(
            part["body"], organisation=organisation, patient=NOBODY + organisation, place=f"load/{part['load']}/{part['number']}"
        )
        try:
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=LARGEST_PART)
        except zstandard.ZstdError:
            raise NotUnderstood("A part of the import cannot be unpacked.") from None


class _Judge:
    """What becomes of each line of one part."""

    def __init__(self, drafting: Drafting, asked: LoadAsked, lane: Lane, too_long: frozenset[int]) -> None:
        self._drafting, self._lane, self._too_long = drafting, lane, too_long
        self._write = WriteAsked(asked.client, asked.reach, (), asked.request)
        self._closed = frozenset(asked.closed)

    def passed(self, group: Group, line: int, text: bytes) -> bool:
        """False where the group holds its resource already: it belongs to the next."""
        if not self._lane.holds(line, text) or (not text.strip() and line not in self._too_long):
            return True
        head = _head_of(text)
        if head is not None and head.id and (head.resourceType, head.id) in group.keys:
            return False
        try:
            self._judged(group, line, text, head)
        except Refusal as refusal:
            group.faults.append((line, refusal.status, refusal.issues[:MOST_ISSUES]))
        group.many += 1
        group.last = line
        return True

    def _judged(self, group: Group, line: int, text: bytes, head: Head | None) -> None:
        if line in self._too_long:
            raise Refusal(line, 413, _TOO_LONG)
        if head is None:
            raise Refusal(line, 400, _NO_RESOURCE)
        if head.resourceType in self._closed:
            raise Refusal(line, 404, _CLOSED)
        change = Change("update" if head.id else "create", head.resourceType, head.id, Raw(text))
        draft = self._drafting.begun(line, change, self._write)
        try:
            self._drafting.worked_out(draft, text, {})
        except Refusal as refusal:
            if refusal.status != 422 or self._write.client.on_invalid != "quarantine":
                raise
            group.aside.append((line, change))
            return
        group.drafts.append(draft)
        group.keys.add((draft.type, draft.id))


def _head_of(text: bytes) -> Head | None:
    try:
        return _head.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
