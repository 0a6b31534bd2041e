"""What is a group of messages that are filed together: what each comes to, and which of them cannot be filed?"""

from collections.abc import Sequence

from msgspec import Struct

from carerecord.ingest.hl7v2 import Filing
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store.filing import Kept
from carerecord.ingest.senders import Sender


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


def blamed(group: Sequence[Read]) -> dict[str, int]:
    """Which message last spoke of each thread."""
    return {said.thread: read.id for read in group for each in read.filings for said in each.statements}


def opened(seals: Seals, kept: Kept) -> bytes:
    """The message as it came."""
    return seals.open(kept.body, organisation=kept.organisation, place=kept.digest)
