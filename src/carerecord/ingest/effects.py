"""What does a group of messages come to? Its people at the index, what it says into its threads, the threads as they then stand
into holdings, and where each came from.

To do it twice is to do it once: a statement is kept once, a thread is settled anew from all that was ever said of it, and
holdings writes nothing where the same words stand. So a worker may be killed at any point.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from carerecord.contracts.holdings import WRITE, Change, Client, Reach, WriteAsked, Written
from carerecord.contracts.locator import LEARN, LearnAsked, Pointer
from carerecord.contracts.patients import (
    INSTRUCT,
    KNOWN_AS,
    TAKE,
    Claim,
    Demographics,
    Identifier,
    InstructAsked,
    Instruction,
    KnownAsAsked,
    SourcePatient,
    TakeAsked,
    Taken,
)
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.ingest import hl7v2, taken_back
from carerecord.ingest import store as enrolling
from carerecord.ingest.hl7v2 import Filing, Merge, Put
from carerecord.ingest.hl7v2 import Heard as Word
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store import filing as store
from carerecord.ingest.journal.store.filing import Kept, Said
from carerecord.ingest.provenance import provenance
from carerecord.ingest.senders import Sender
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound
from carerecord.kit.events import Outbox
from carerecord.kit.turns import Turns

MOST_CHANGES: Final = 400  # in one write
_KNOWN_AT_HAND: Final = 50_000
_EVERYTHING: Final = Reach(most_confidential="V")


class NotFiled(Exception):
    """One message of a group cannot be filed now; the others can. `waits`: until a person has looked, however long."""

    def __init__(self, message: int, reason: str, *, waits: bool = False, for_good: bool = False) -> None:
        super().__init__(reason)
        self.message, self.reason, self.waits, self.for_good = message, reason, waits, for_good


class Read(Struct, frozen=True):
    """One message, and what it comes to."""

    kept: Kept
    sender: Sender
    filings: tuple[Filing, ...]  # one; several for a batch

    @property
    def id(self) -> int:
        return self.kept.id


@dataclass
class Effects:
    calls: Calls
    db: Pool
    seals: Seals
    clock: Clock
    turns: Turns
    outbox: Outbox
    _pointed: dict[tuple[str, str], str] = field(default_factory=dict)  # what the locator has been told
    _claimed: "dict[tuple[str, str], Known]" = field(default_factory=dict)  # … and the index, of whom

    async def of(self, group: Sequence[Read]) -> None:
        """File all of them.

        Raises:
            NotFiled: this one cannot be; nothing that is not done again without harm has been done.
            Unavailable: a service that is needed does not answer.
        """
        threads = await self._stated(group)  # before it is settled: killed from here on, nobody settles a thread without it
        stands = await self._settled(threads)
        await self._people(group, stands.puts)
        # Two are parted before their entries part, and are joined once their entries have: whoever opens the record in between is
        # never shown one person whose entries contradict each other.
        parting, joining = _in_two(_told(group))
        await self._instructed(parting)
        await self._noted(group, stands.puts)
        await self._written(group, stands.puts)
        await self._known_no_more(stands.puts)
        await self._caught_up(group, threads, stands)
        await self._signalled(group)
        try:
            await self._instructed(joining)
        except NotFiled as cause:
            # A human parted two in the very moment in which they were filed as one: their entries stand as they stood before it.
            await self.unsay([next(read for read, _ in joining if read.id == cause.message)])
            raise

    async def unsay(self, group: Sequence[Read]) -> None:
        """These could not be filed after all: what they said is taken back, so that nothing later stumbles over it.

        Who else spoke of the same things meanwhile may have settled them with it: they stand as they stand without.
        """
        threads = {said.thread: read.sender for read in group for each in read.filings for said in each.statements}
        if not threads:
            return
        await store.drop_statements(self.db, sorted(threads), [each.id for each in group])
        with suppress(NotFiled):  # what another says cannot be filed either: who files that is told so
            stands = await self._settled(threads)
            await self._written((), stands.puts)
            await self._caught_up((), threads, stands)

    async def _caught_up(self, group: Sequence[Read], threads: Mapping[str, Sender], stands: "Stands") -> None:
        """Settle anew what others have said of the same things meanwhile.

        Each writes when what it says is kept, and looks again when it has written. So whoever writes last has read everything.
        """
        while behind := await store.said_since(self.db, list(threads), list(stands.heard)):
            threads = {each: threads[each] for each in behind}
            stands = await self._settled(threads)
            if group:
                await self._people(group, stands.puts)
                await self._noted(group, stands.puts)
            await self._written((), stands.puts)
            if group:
                await self._known_no_more(stands.puts)

    # --- whose

    async def _people(self, group: Sequence[Read], puts: Sequence["Settled"]) -> None:
        """Whoever these messages are about, as the index should know them: as they stand, not as one message says."""
        claims = list(self._claims(group, puts))
        taken = await self.calls.ask(TAKE, TakeAsked(tuple(claim for _, _, claim in claims))) if claims else ()
        for (read, key, _), found in zip(claims, taken, strict=True):
            if found.outcome == "waits":
                self._claimed.pop(key, None)
                raise NotFiled(read, found.say or "A person must first say whose it is.", waits=True)
        await self._instructed(_told(group), dry=True)  # what is refused is refused before anything is done
        await self._pointed_to([each for each in taken if each.patient])
        traces: dict[str, set[str]] = {}
        for each in taken:
            if each.trace:
                traces.setdefault(each.source, set()).add(each.patient)
        if traces:
            async with self.db.acquire() as db, db.transaction():
                for source, patients in traces.items():
                    await enrolling.want_traces(db, source, sorted(patients), self.clock.now())
        if len(self._claimed) > _KNOWN_AT_HAND:
            self._claimed.clear()
        heard = {(each.sender.source, each.put.local_id): each.heard for each in puts if each.put.type == "Patient"}
        self._claimed |= {key: Known(_shape(claim), heard.get(key, frozenset())) for _, key, claim in claims}

    def _claims(
        self, group: Sequence[Read], puts: Sequence["Settled"]
    ) -> Iterator[tuple[int, tuple[str, str], Claim]]:
        """What differs from what the index was last told by this worker. First whoever stands, then bare numbers of a merge."""
        blame = _blame(group)
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
            claim = Claim(person, each.recorded, str(message))
            if not _is_known(self._claimed.get(key), claim, each.heard - ours):
                yield message, key, claim
        for read in group:
            for filing in read.filings:
                named = {name for merge in filing.merges for name in (merge.left, merge.right)}
                for person in filing.people:
                    key = (person.source, person.local_id)
                    if person.local_id in named and key not in there and key not in self._claimed:
                        yield read.id, key, Claim(person, filing.order[0], str(read.id), partial=True)

    async def _instructed(self, told: "Sequence[Told]", *, dry: bool = False) -> None:
        if not told:
            return
        done = await self.calls.ask(INSTRUCT, InstructAsked(tuple(each for _, each in told), dry=dry))
        for (read, _), found in zip(told, done, strict=True):
            if found.outcome in ("refused", "unknown"):
                raise NotFiled(read.id, found.say or "The patient index refuses what it says of two numbers.", for_good=True)

    async def _known_no_more(self, puts: "Sequence[Settled]") -> None:
        """Those whom their source took back are nowhere to be found."""
        gone = {(each.sender.source, each.put.local_id) for each in puts if each.put.type == "Patient" and each.put.raw is None}
        if gone:
            await self.calls.ask(LEARN, LearnAsked((), tuple(Pointer(*key, "") for key in sorted(gone))))
            for key in gone:
                self._pointed.pop(key, None)

    async def _signalled(self, group: Sequence[Read]) -> None:
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
        self._pointed.clear()
        self._claimed.clear()

    async def _pointed_to(self, taken: Sequence[Taken]) -> None:
        fresh = {(each.source, each.local_id): each.patient for each in taken}
        fresh = {key: patient for key, patient in fresh.items() if self._pointed.get(key) != patient}
        if not fresh:
            return
        pointers = tuple(Pointer(source, local_id, patient) for (source, local_id), patient in fresh.items())
        await self.calls.ask(LEARN, LearnAsked(pointers))
        if len(self._pointed) > _KNOWN_AT_HAND:
            self._pointed.clear()
        self._pointed |= fresh

    # --- what is said, and how things stand

    async def _stated(self, group: Sequence[Read]) -> Mapping[str, Sender]:
        """Write down what was said. Answers each thread that must be settled, and in whose name."""
        said: dict[tuple[str, bytes, int], Said] = {}
        hangs: dict[tuple[str, str], None] = {}
        threads: dict[str, Sender] = {}
        ruling: dict[str, Sender] = {}
        async with self.turns.mine() as turn:
            for read in group:
                for filing in read.filings:
                    for each in filing.statements:
                        threads[each.thread] = read.sender
                        if each.rules:
                            ruling[each.thread] = read.sender
                        hangs |= dict.fromkeys((above, each.thread) for above in each.hangs)
                        row = self._said(read, filing, each)
                        said[row.thread, row.digest, row.message] = row
                    await turn.over()
        if not said:
            return {}
        async with self.db.acquire() as db, db.transaction():
            await store.add_statements(db, list(said.values()), list(hangs))
        if visits := [each for each in threads if each.startswith("Encounter/")]:
            threads |= {each: threads.get(each, threads[visits[0]]) for each in await store.became(self.db, visits)}
        if ruling:
            # What hangs lies with the same organisation; the sender of the ruling speaks for it.
            first = next(iter(ruling.values()))
            threads |= {each: threads.get(each, first) for each in await store.below(self.db, list(ruling))}
        return threads

    def _said(self, read: Read, filing: Filing, each: hl7v2.Statement) -> Said:
        organisation = read.sender.organisation
        text = msgspec.json.encode((each.local_id, each.says))
        digest = self.seals.digest(each.thread.encode(), text)
        body = self.seals.seal(text, organisation=organisation, place=digest)
        recorded, sent = filing.order
        return Said(each.thread, digest, recorded, sent, read.id, filing.trigger, each.rules, body, organisation)

    async def _settled(self, threads: Mapping[str, Sender]) -> "Stands":
        """Each thread's resources as they stand by all that was ever said of it."""
        if not threads:
            return Stands((), frozenset())
        rows = await store.statements(self.db, list(threads))
        heard: dict[str, list[Word]] = {each: [] for each in threads}
        above: dict[str, list[Word]] = {each: [] for each in threads}
        puts: list[Settled] = []
        seen: set[tuple[str, bytes]] = set()
        often: dict[str, None] = {}
        async with self.turns.mine() as turn:
            for at, row in rows:
                text = self.seals.open(row.body, organisation=row.organisation, place=row.digest)
                local_id, says = _opened.decode(text)
                order = (row.recorded, row.sent, row.message)
                if at == row.thread and not row.rules:
                    if (row.thread, row.digest) in seen:
                        often[row.thread] = None
                    seen.add((row.thread, row.digest))
                (above if row.rules else heard)[at].append(
                    Word(row.thread, local_id, says, order, str(row.message), row.trigger)
                )
                await turn.over()
            for thread, sender in threads.items():
                recorded = max((each.order[0] for each in heard[thread]), default="")
                stands = hl7v2.standing(thread, heard[thread], above[thread])
                said = frozenset(each.order[2] for each in heard[thread])
                puts += [Settled(thread, sender, recorded, put, said) for put in stands]
                await turn.over()
        if often:
            await store.keep_latest(self.db, list(often))
        return Stands(puts, frozenset(row.message for _, row in rows))

    # --- into holdings

    async def _written(self, group: Sequence[Read], puts: "Sequence[Settled]") -> None:
        made: dict[str, list[Put]] = {}
        by_source: dict[str, dict[tuple[str, str], tuple[Change, int]]] = {}
        senders: dict[str, Sender] = {}
        blame = _blame(group)
        for each in puts:
            made.setdefault(each.thread, []).append(each.put)
            senders[each.sender.source] = each.sender
            changes = by_source.setdefault(each.sender.source, {})
            changes[each.put.type, each.put.id] = (_change(each.put), blame.get(each.thread, 0))
        for read in group:
            source = read.sender.source
            senders[source] = read.sender
            for place, filing in enumerate(read.filings):
                targets = [put for each in filing.statements for put in made.get(each.thread, ())]
                person = hl7v2.patient_id(read.sender, filing.people[0].local_id) if filing.people else ""
                text, id_ = provenance(read.kept, read.sender, filing, place, targets, person)
                if text:
                    change = Change("update", "Provenance", id_, Raw(text), unless="same")
                    by_source.setdefault(source, {})["Provenance", id_] = (change, read.id)
        for source, changes in by_source.items():
            await self._write(senders[source], list(changes.values()))

    async def _noted(self, group: Sequence[Read], puts: "Sequence[Settled]") -> None:
        """What goes from somebody's record is noted before it does."""
        blame, items = _blame(group), []
        for each in puts:
            put, source, message = each.put, each.sender.source, blame.get(each.thread, group[0].id)
            if put.raw is None and not put.one_with:
                items.append(
                    taken_back.Taken(put.type, put.id, source, each.sender.id, put.local_id, message, put.withdrawn)
                )
            elif put.was[1]:
                local_id, patient = put.was
                items.append(
                    taken_back.Taken(put.type, put.id, source, each.sender.id, local_id, message, taken_back.MOVED, patient)
                )
        if items:
            await taken_back.TakenBack(self.calls, self.db, self.clock, self.outbox).note(items, self._pointed)

    async def _write(self, sender: Sender, changes: Sequence[tuple[Change, int]]) -> None:
        client = Client(
            "", sender.organisation, sender.name, chooses_ids=True, on_invalid="annotate", source=sender.source
        )  # fmt: skip
        for begun in range(0, len(changes), MOST_CHANGES):
            part = changes[begun : begun + MOST_CHANGES]
            written = await self.calls.ask(WRITE, WriteAsked(client, _EVERYTHING, tuple(each for each, _ in part)))
            for (change, message), found in zip(part, written, strict=True):
                if found.status >= 400 and found.status != 424:
                    raise NotFiled(message, _why(change, found))


class Settled(Struct, frozen=True):
    """One resource as it stands, by all that was said of its thread."""

    thread: str
    sender: Sender
    recorded: str  # the latest of what was said
    put: Put
    heard: frozenset[int]  # the messages that spoke of it


class Stands(Struct, frozen=True):
    """How some threads stand, and by which messages."""

    puts: Sequence[Settled]
    heard: frozenset[int]


class Known(Struct, frozen=True):
    """What this worker last told the index of somebody, and which messages it had heard then."""

    shape: bytes
    heard: frozenset[int]


def _blame(group: Sequence[Read]) -> dict[str, int]:
    """Which message last spoke of each thread."""
    return {said.thread: read.id for read in group for each in read.filings for said in each.statements}


def _is_known(known: Known | None, claim: Claim, others: frozenset[int]) -> bool:
    """Whether the index was told this by us, and can have been told nothing else since: nobody else filed of this person."""
    return known is not None and known.shape == _shape(claim) and others <= known.heard


def _shape(claim: Claim) -> bytes:
    return blake2b(msgspec.json.encode(claim.stated), digest_size=16).digest()


_opened: Final = msgspec.json.Decoder(tuple[str, Raw])


def _change(put: Put) -> Change:
    if put.raw is None:
        return Change("delete", put.type, put.id)
    return Change("update", put.type, put.id, Raw(put.raw), unless="same")


def _why(change: Change, written: Written) -> str:
    issue = next(iter(written.issues), None)
    told = f" at {issue.path}: {issue.says}" if issue and issue.path else f": {issue.says}" if issue else ""
    return f"Holdings did not take its {change.type} ({written.status}){told}"[:500]


Told: TypeAlias = tuple[Read, Instruction]


def _told(group: Sequence[Read]) -> list[Told]:
    return [(read, _instruction(merge, read, each)) for read in group for each in read.filings for merge in each.merges]


def _in_two(told: Sequence[Told]) -> tuple[Sequence[Told], Sequence[Told]]:
    """What is told to the index before the entries are written, and what after; in their order, for one may undo another."""
    ends = max((place for place, (_, each) in enumerate(told, 1) if each.kind in ("unmerge", "unlink")), default=0)
    return told[:ends], told[ends:]


def _instruction(merge: Merge, read: Read, filing: Filing) -> Instruction:
    source = read.sender.source
    kind = {"renumber": "merge"}.get(merge.kind, merge.kind)
    moved = Identifier(read.sender.number_system, merge.right) if kind == "move" else None
    across = kind in ("merge", "link") and _authority(merge.left) != _authority(merge.right)
    return Instruction(kind, source, merge.right, source, merge.left, filing.order[0], str(read.id), moved, across)


def _authority(local_id: str) -> str:
    """Who gave this number; "" = the sender itself."""
    return local_id.rpartition("|")[0]


def opened(seals: Seals, kept: Kept) -> bytes:
    """The message as it came."""
    return seals.open(kept.body, organisation=kept.organisation, place=kept.digest)
