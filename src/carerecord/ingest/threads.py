"""What was said of each thing that has a life of its own, and how does it stand by all that was ever said of it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Raw, Struct

from carerecord.ingest import hl7v2
from carerecord.ingest.group import Read
from carerecord.ingest.hl7v2 import Filing, Put
from carerecord.ingest.hl7v2 import Heard as Word
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store import saying as store
from carerecord.ingest.journal.store.saying import Said
from carerecord.ingest.senders import Sender
from carerecord.kit.db import Pool
from carerecord.kit.turns import Turns

_opened: Final = msgspec.json.Decoder(tuple[str, Raw])
_Place = tuple[str, bytes, int]  # thread, digest, message: by which a statement is known
_Words = Mapping[bytes, tuple[str, Raw]]  # by digest: what is said again is the same
_NONE: Final[_Words] = MappingProxyType({})


class Settled(Struct, frozen=True):
    """One resource as it stands, by all that was said of its thread."""

    thread: str
    sender: Sender
    recorded: str  # the latest of what was said
    put: Put
    heard: frozenset[int]  # the messages that spoke of it


class Stated(Struct, frozen=True):
    """What a group has said: the threads that must be settled, each in whose name, and the words while they are at hand."""

    threads: Mapping[str, Sender]
    words: _Words
    rows: Sequence[tuple[str, Said]] | None = None  # all that was ever said of them; None = it must be looked up
    new: frozenset[str | int] = frozenset()  # threads of which nothing had been said, and messages that had said nothing


class Stands(Struct, frozen=True):
    """How some threads stand, and by which messages."""

    puts: Sequence[Settled]
    heard: frozenset[int]
    often: Sequence[str] = ()  # threads in which the same was said more often than is kept


@dataclass
class Threads:
    db: Pool
    seals: Seals
    turns: Turns

    async def stated(self, group: Sequence[Read]) -> Stated:
        """Write down what was said."""
        said: dict[_Place, Said] = {}
        words: dict[bytes, tuple[str, Raw]] = {}
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
                        for above in each.hangs:
                            hangs[above, each.thread] = None
                        row = self._said(read, filing, each)
                        place = (row.thread, row.digest, row.message)
                        said[place], words[row.digest] = row, (each.local_id, each.says)
                    if turn.spent:
                        await turn.over()
        if not said:
            return Stated({}, {})
        async with self.db.acquire() as db:
            before = await store.add_statements(db, list(said.values()), list(hangs))
        if before is not None:
            new = frozenset([name for row in said.values() for name in (row.thread, row.message)])
            new -= {name for row in before for name in (row.thread, row.message)}
            for row in before:
                said[row.thread, row.digest, row.message] = row
            in_order = sorted(said.values(), key=lambda row: (row.recorded, row.sent, row.message))
            return Stated(threads, words, [(row.thread, row) for row in in_order], new)
        # What hangs on a visit may hang on more than before, by this very message, and be ruled from there.
        visits = await store.ruled(self.db, [each for each in threads if each.startswith("Encounter/")])
        return Stated(await self.reached(threads, {each: threads[each] for each in visits} | ruling), words)

    async def reached(self, threads: dict[str, Sender], ruling: Mapping[str, Sender]) -> dict[str, Sender]:
        """And what else stands otherwise by what was said of these: visits that are one with theirs now, and what hangs on
        those of which it was ruled.
        """
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

    def _text(self, row: Said) -> bytes:
        return self.seals.open(row.body, organisation=row.organisation, place=row.digest)

    async def settled(
        self, threads: Mapping[str, Sender], words: _Words = _NONE, rows: Sequence[tuple[str, Said]] | None = None
    ) -> Stands:
        """Each thread's resources as they stand by all that was ever said of it: by `rows`, where that is at hand. `words` were
        sealed a moment ago, and need no opening.
        """
        if not threads:
            return Stands((), frozenset())
        if rows is None:
            rows = await store.statements(self.db, list(threads))
        heard: dict[str, dict[bytes, Word]] = {each: {} for each in threads}
        above: dict[str, list[Word]] = {}
        spoke: dict[str, list[int]] = {each: [] for each in threads}
        puts: list[Settled] = []
        often: dict[str, None] = {}
        async with self.turns.mine() as turn:
            for at, row in rows:
                local_id, says = words.get(row.digest) or _opened.decode(self._text(row))
                order = (row.recorded, row.sent, row.message)
                if row.rules:
                    above.setdefault(at, []).append(Word(row.thread, local_id, says, order))
                else:
                    first = ""
                    if before := heard[at].pop(row.digest, None):  # the later counts
                        first = before.first or before.order[0]
                        if at == row.thread and (before.first or not at.startswith("Patient/")):
                            often[at] = None
                    heard[at][row.digest] = Word(row.thread, local_id, says, order, first)
                    spoke[at].append(row.message)
                if turn.spent:
                    await turn.over()
            for thread, sender in threads.items():
                said = list(heard[thread].values())
                recorded = max([each.order for each in said])[0] if said else ""
                stands = hl7v2.standing(thread, said, above.get(thread, ()))
                puts += [Settled(thread, sender, recorded, put, frozenset(spoke[thread])) for put in stands]
                if turn.spent:
                    await turn.over()
        return Stands(puts, frozenset([row.message for _, row in rows]), tuple(often))

    async def shortened(self, often: Sequence[str], filed: Sequence[int]) -> None:
        """Of what was said again only the latest is kept, and of a person the first, once it is filed and cannot be taken back:
        the same words would go with it.
        """
        if often and filed:
            await store.keep_latest(self.db, often, filed)
