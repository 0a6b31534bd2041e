"""What do messages tell the index of two numbers, and in which order with the entries that say so themselves?"""

from collections.abc import Sequence, Set
from typing import TypeAlias

from carerecord.contracts.patients import Identifier, Instruction
from carerecord.ingest.group import Read
from carerecord.ingest.hl7v2 import Filing, Merge
from carerecord.ingest.threads import Settled

Told: TypeAlias = tuple[Read, Instruction]
Entry: TypeAlias = tuple[str, str]  # source, and the number there


def gone_of(puts: Sequence[Settled]) -> frozenset[Entry]:
    """Those whose entries their sender has deleted."""
    theirs = [each for each in puts if each.put.type == "Patient" and each.put.raw is None]
    return frozenset([(each.sender.source, each.put.local_id) for each in theirs])


def told_of(group: Sequence[Read], gone: Set[Entry] = frozenset()) -> list[Told]:
    """Nothing is told of those whose entries are `gone`: nobody is the same as who was deleted, nor another."""
    told = [(read, _instruction(merge, read, each)) for read in group for each in read.filings for merge in each.merges]
    return [(read, each) for read, each in told if gone.isdisjoint(((each.source, each.local_id), (each.into_source, each.into)))]


def in_two(told: Sequence[Told]) -> tuple[Sequence[Told], Sequence[Told]]:
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
