"""What does a group of messages come to? Its people at the index, what it says into its threads, the threads as they then stand
into holdings, and where each came from.

To do it twice is to do it once: a statement is kept once, a thread is settled anew from all that was ever said of it, and
holdings writes nothing where the same words stand. So a worker may be killed at any point.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from msgspec import Raw

from carerecord.contracts.holdings import WRITE, Change, Client, Reach, WriteAsked, Written
from carerecord.ingest import hl7v2, taken_back
from carerecord.ingest.group import NotFiled, Read, blamed
from carerecord.ingest.hl7v2 import Put, Statement, saying
from carerecord.ingest.journal.store import saying as store
from carerecord.ingest.merging import Entry, gone_of, in_two, told_of
from carerecord.ingest.provenance import provenance
from carerecord.ingest.senders import Sender
from carerecord.ingest.threads import Settled, Stands, Threads
from carerecord.ingest.whose import Whose
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.events import Outbox

MOST_CHANGES: Final = 1_000  # in one write: those of a group, nearly always
_EVERYTHING: Final = Reach(most_confidential="V")


@dataclass
class Effects:
    calls: Calls
    db: Pool
    clock: Clock
    outbox: Outbox
    threads: Threads
    whose: Whose

    async def of(self, group: Sequence[Read]) -> Sequence[str]:
        """File all of them. Says in which threads something was said again.

        Raises:
            NotFiled: this one cannot be; nothing that is not done again without harm has been done.
            Unavailable: a service that is needed does not answer.
        """
        # Kept before it is settled: killed from here on, nobody settles a thread without it.
        stated = await self.threads.stated(group)
        threads, stands = stated.threads, await self.threads.settled(stated.threads, stated.words, stated.rows)
        gone = gone_of(stands.puts)
        await self.whose.people(group, stands.puts, gone)
        # Two are parted before their entries part, and are joined once their entries have: whoever opens the record in between is
        # never shown one person whose entries contradict each other.
        parting, joining = in_two(told_of(group, gone))
        await self.whose.instructed(parting)
        await self._noted(group, stands.puts)
        await self._written(group, stands.puts, stated.new)
        await self.whose.known_no_more(stands.puts)
        await self._caught_up(group, threads, stands, gone)
        await self.whose.signalled(group)
        try:
            await self.whose.instructed(joining)
        except NotFiled as cause:
            # A human parted two in the very moment in which they were filed as one: their entries stand as they stood before it.
            await self.unsay([next(read for read, _ in joining if read.id == cause.message)])
            raise
        return stands.often

    async def unsay(self, group: Sequence[Read], *, again: bool = False) -> None:
        """These could not be filed after all: what they said is taken back, so that nothing later stumbles over it.

        Who else spoke of the same things meanwhile may have settled them with it: they stand as they stand without, and so does
        what went along with them. What nobody else spoke of is in no record, unless they are filed `again` in this moment.
        """
        said = [(each, read.sender) for read in group for filing in read.filings for each in filing.statements]
        threads = {each.thread: sender for each, sender in said}
        if not threads:
            return
        await store.drop_statements(self.db, sorted(threads), [each.id for each in group])
        threads = await self.threads.reached(threads, {each.thread: sender for each, sender in said if each.rules})
        with suppress(NotFiled):  # what another says cannot be filed either: who files that is told so
            stands = await self.threads.settled(threads)
            alone = () if again else _alone(said, stands.puts)
            await self._written((), [*stands.puts, *alone])
            await self._caught_up((), threads, stands, frozenset())

    async def _caught_up(
        self, group: Sequence[Read], threads: Mapping[str, Sender], stands: Stands, gone: frozenset[Entry]
    ) -> None:
        """Settle anew what others have said of the same things meanwhile.

        Each writes when what it says is kept, and looks again when it has written. So whoever writes last has read everything.
        """
        while behind := await store.said_since(self.db, list(threads), list(stands.heard)):
            threads = await self.threads.reached({each: threads[each] for each in behind}, {})
            stands = await self.threads.settled(threads)
            if group:
                await self.whose.people(group, stands.puts, gone | gone_of(stands.puts))
                await self._noted(group, stands.puts)
            await self._written((), stands.puts)
            if group:
                await self.whose.known_no_more(stands.puts)

    async def _written(self, group: Sequence[Read], puts: Sequence[Settled], new: Set[str | int] = frozenset()) -> None:
        """`new`: threads and messages of which holdings has nothing yet, unless something failed in the middle."""
        made: dict[str, list[Put]] = {}
        by_source: dict[str, dict[tuple[str, str], tuple[Change, int]]] = {}
        senders: dict[str, Sender] = {}
        blame = blamed(group)
        for each in puts:
            made.setdefault(each.thread, []).append(each.put)
            senders[each.sender.source] = each.sender
            changes = by_source.setdefault(each.sender.source, {})
            changes[each.put.type, each.put.id] = (_change(each.put, is_new=each.thread in new), blame.get(each.thread, 0))
        for read in group:
            source = read.sender.source
            senders[source] = read.sender
            for place, filing in enumerate(read.filings):
                targets = [put for each in filing.statements for put in made.get(each.thread, ())]
                person = hl7v2.patient_id(read.sender, filing.people[0].local_id) if filing.people else ""
                text, id_ = provenance(read.kept, read.sender, filing, place, targets, person)
                if text:
                    change = Change("update", "Provenance", id_, Raw(text), unless="same", likely_new=read.id in new)
                    by_source.setdefault(source, {})["Provenance", id_] = (change, read.id)
        for source, changes in by_source.items():
            await self._write(senders[source], list(changes.values()))

    async def _noted(self, group: Sequence[Read], puts: Sequence[Settled]) -> None:
        """What goes from somebody's record is noted before it does."""
        going = [each for each in puts if each.put.was[1] or (each.put.raw is None and not each.put.one_with)]
        if not going:
            return
        blame, items = blamed(group), []
        for each in going:
            put, source, message = each.put, each.sender.source, blame.get(each.thread, group[0].id)
            why = put.withdrawn if put.raw is None and not put.one_with else taken_back.MOVED
            items.append(
                taken_back.Taken(put.type, put.id, source, each.sender.id, put.local_id, message, why, each.heard, put.was)
            )
        await taken_back.TakenBack(self.calls, self.db, self.clock, self.outbox).note(items, self.whose.pointed)

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


def _alone(said: Sequence[tuple[Statement, Sender]], puts: Sequence[Settled]) -> Iterator[Settled]:
    """What these statements spoke of, and no other that is left: it may have been written already."""
    standing = {f"{each.put.type}/{each.put.id}" for each in puts}
    for each, sender in said:
        for thing in sorted(saying.read(each.says).things.keys() - standing):
            type_, _, id_ = thing.partition("/")
            yield Settled(each.thread, sender, "", Put(type_, id_, each.local_id, None), frozenset())


def _change(put: Put, *, is_new: bool) -> Change:
    if put.raw is None:
        return Change("delete", put.type, put.id)
    return Change("update", put.type, put.id, Raw(put.raw), unless="same", likely_new=is_new)


def _why(change: Change, written: Written) -> str:
    issue = next(iter(written.issues), None)
    told = f" at {issue.path}: {issue.says}" if issue and issue.path else f": {issue.says}" if issue else ""
    return f"Holdings did not take its {change.type} ({written.status}){told}"[:500]
