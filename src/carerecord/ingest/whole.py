"""What becomes of what an extract that holds everything holds no more? It is taken back, once all rows of it are filed.

A file that broke off looks like one in which many are missing: then a human is asked. What another message of the organisation
spoke of as well stays: a row that is missing does not speak against it.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from carerecord.ingest.extracts import opened
from carerecord.ingest.hl7v2 import Filing
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Said, read, statement
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.journal.store import whole as store
from carerecord.ingest.journal.store.filing import Kept
from carerecord.ingest.senders import Sender
from carerecord.kit.db import Pool

FEW: Final = 20  # missing, which nobody is asked about …
SHARE: Final = 0.1  # … nor about so large a part of all
MISSING: Final = "no longer in the extract of its sender"
ROWS_WAIT: Final = "Rows of this extract are not filed yet. When they are, what is missing in it is taken back."
ROWS_DISCARDED: Final = "A row of this extract was discarded: nobody can say what is missing in it. The next one will tell."
IN_DOUBT: Final = "things of earlier extracts are missing in this one. Did the file break off? File it again to take them back."

_opened: Final = msgspec.json.Decoder(tuple[str, Raw])


class InDoubt(Exception):
    """It cannot be said now what is missing. `waits`: for rows; else for a person."""

    def __init__(self, reason: str, *, waits: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.waits = reason, waits


@dataclass(frozen=True)
class Whole:
    db: Pool
    seals: Seals

    async def missing(self, kept: Kept, sender: Sender, ended: Filing, raw: bytes) -> Filing:
        """What is taken back at the end of this extract. To ask again answers the same, or nothing more to take back.

        Raises:
            InDoubt: rows of it wait or were discarded; or so much is missing that a human says whether it is true.
        """
        rows = await store.rows(self.db, sender.id, kept.id)
        if rows.unfiled:
            raise InDoubt(ROWS_WAIT, waits=True)
        if rows.discarded:
            raise InDoubt(ROWS_DISCARDED)
        many, gone = await store.standing(self.db, sender.organisation, sender.id, ended.order[0], kept.id)
        is_much = len(gone) > max(FEW, many * SHARE) or (gone and not opened(raw).end)
        if is_much and not kept.before.endswith(IN_DOUBT):  # a person who files it again has looked
            raise InDoubt(f"{len(gone):,} of {many:,} {IN_DOUBT}")
        said = []
        for each in gone:
            local_id, says = _opened.decode(self.seals.open(each.body, organisation=each.organisation, place=each.digest))
            patient = read(says).patient
            hangs = () if each.thread == f"Patient/{patient}" else (f"Patient/{patient}",)
            said.append(statement(each.thread, local_id, Said(patient, {each.thread: {WITHDRAWN: MISSING}}), hangs))
        return Filing(store.GONE, ended.order, (), tuple(said))
