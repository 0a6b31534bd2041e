"""Whose is what these messages say? Told to the index and the locator: as things stand, not as one message says."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from carerecord.contracts.locator import LEARN, LearnAsked, Pointer
from carerecord.contracts.patients import (
    INSTRUCT,
    KNOWN_AS,
    TAKE,
    Claim,
    Demographics,
    InstructAsked,
    KnownAsAsked,
    SourcePatient,
    TakeAsked,
    Taken,
)
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.ingest import hl7v2
from carerecord.ingest import store as enrolling
from carerecord.ingest.group import NotFiled, Read, blamed
from carerecord.ingest.merging import Entry, Told, gone_of, told_of
from carerecord.ingest.threads import Settled
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound

_KNOWN_AT_HAND: Final = 50_000


class Known(Struct, frozen=True):
    """What this worker last told the index of somebody, and which messages it had heard then."""

    shape: bytes
    heard: frozenset[int]


@dataclass
class Whose:
    calls: Calls
    db: Pool
    clock: Clock
    pointed: dict[tuple[str, str], str] = field(default_factory=dict)  # what the locator has been told
    _claimed: dict[tuple[str, str], Known] = field(default_factory=dict)  # … and the index, of whom

    async def people(self, group: Sequence[Read], puts: Sequence[Settled], gone: Set[Entry]) -> None:
        """Whoever these messages are about, as the index should know them: as they stand, not as one message says."""
        claims = list(self._claims(group, puts))
        taken = await self.calls.ask(TAKE, TakeAsked(tuple(claim for _, _, claim in claims))) if claims else ()
        for (read, key, _), found in zip(claims, taken, strict=True):
            if found.outcome == "waits":
                self._claimed.pop(key, None)
                raise NotFiled(read, found.say or "A person must first say whose it is.", waits=True)
        await self.instructed(told_of(group, gone), dry=True)  # what is refused is refused before anything is done
        await self.pointed_to([each for each in taken if each.patient])
        traces: dict[str, set[str]] = {}
        for each in taken:
            if each.trace:
                traces.setdefault(each.source, set()).add(each.entry)
        if traces:
            async with self.db.acquire() as db, db.transaction():
                for source, patients in traces.items():
                    await enrolling.want_traces(db, source, sorted(patients), self.clock.now())
        if len(self._claimed) > _KNOWN_AT_HAND:
            self._claimed.clear()
        heard = {(each.sender.source, each.put.local_id): each.heard for each in puts if each.put.type == "Patient"}
        self._claimed |= {key: Known(_shape(claim), heard.get(key, frozenset())) for _, key, claim in claims}

    def _claims(self, group: Sequence[Read], puts: Sequence[Settled]) -> Iterator[tuple[int, tuple[str, str], Claim]]:
        """What differs from what the index was last told by this worker. First whoever stands, then bare numbers of a merge."""
        blame = blamed(group)
        there: set[tuple[str, str]] = set()
        ours = frozenset(each.id for each in group)
        for each in puts:
            if each.put.type != "Patient":
                continue
            nothing = SourcePatient(each.sender.source, each.put.local_id, (), Demographics())
            person = hl7v2.enrolled(each.put, each.sender.source) or nothing
            key = (person.source, person.local_id)
            there.add(key)
            message = blame.get(each.thread, group[0].id)
            claim = Claim(person, each.recorded, str(message), since=each.put.since)
            if not _is_known(self._claimed.get(key), claim, each.heard - ours):
                yield message, key, claim
        for read in group:
            for filing in read.filings:
                named = {name for merge in filing.merges for name in (merge.left, merge.right)}
                for person in filing.people:
                    key = (person.source, person.local_id)
                    if person.local_id in named and key not in there and key not in self._claimed:
                        yield read.id, key, Claim(person, filing.order[0], str(read.id), partial=True)

    async def instructed(self, told: Sequence[Told], *, dry: bool = False) -> None:
        if not told:
            return
        done = await self.calls.ask(INSTRUCT, InstructAsked(tuple(each for _, each in told), dry=dry))
        for (read, _), found in zip(told, done, strict=True):
            if found.outcome in ("refused", "unknown"):
                raise NotFiled(read.id, found.say or "The patient index refuses what it says of two numbers.", for_good=True)

    async def known_no_more(self, puts: Sequence[Settled]) -> None:
        """Those whom their source took back are nowhere to be found."""
        if gone := gone_of(puts):
            await self.calls.ask(LEARN, LearnAsked((), tuple(Pointer(*key, "") for key in sorted(gone))))
            for key in gone:
                self.pointed.pop(key, None)

    async def signalled(self, group: Sequence[Read]) -> None:
        """The register says that something changed: it is asked, if anybody here bears that number."""
        for read in group:
            for number in dict.fromkeys(each for filing in read.filings for each in filing.signals):
                try:
                    known = await self.calls.ask(KNOWN_AS, KnownAsAsked(NHS_NUMBER, number))
                except NotFound:
                    continue
                await enrolling.want_traces(self.db, read.sender.source, known.ids[:1], self.clock.now(), anew=True)

    def begun_anew(self) -> None:
        """A lane was in another's hand, who may have told the index and the locator something else since."""
        self.pointed.clear()
        self._claimed.clear()

    async def pointed_to(self, taken: Sequence[Taken]) -> None:
        fresh = {(each.source, each.local_id): each.entry for each in taken}
        fresh = {key: patient for key, patient in fresh.items() if self.pointed.get(key) != patient}
        if not fresh:
            return
        pointers = tuple(Pointer(source, local_id, patient) for (source, local_id), patient in fresh.items())
        await self.calls.ask(LEARN, LearnAsked(pointers))
        if len(self.pointed) > _KNOWN_AT_HAND:
            self.pointed.clear()
        self.pointed |= fresh


def _is_known(known: Known | None, claim: Claim, others: frozenset[int]) -> bool:
    """Whether the index was told this by us, and can have been told nothing else since: nobody else filed of this person."""
    return known is not None and known.shape == _shape(claim) and others <= known.heard


def _shape(claim: Claim) -> bytes:
    return blake2b(msgspec.json.encode((claim.stated, claim.since)), digest_size=16).digest()
