"""What is a batch at the door? Each of its messages is one of its own from there on, and one answer says how all of them fared.

So one that cannot be filed waits by itself, each is filed in the order of its own person, and each is its own sender's.

Source: HL7 v2.5.1 chapter 2, section 2.10.3 (FHS, BHS, BTS, FTS).
"""

import re
from typing import Final

from carerecord.ingest.head import Verdict
from carerecord.ingest.hl7v2 import split

_BEGINS: Final = re.compile(rb"(?:[\x0b \t\r\n]|\xef\xbb\xbf){0,64}[FB]HS[^A-Za-z0-9\s]")
_LINE_END: Final = re.compile(rb"\r\n?|\n")
_WORSE: Final = {Verdict.TAKEN: 0, Verdict.UNREADABLE: 1, Verdict.UNABLE: 2}


def messages_of(raw: bytes) -> tuple[bytes, ...]:
    """The messages of a batch; () of anything else, and of one that holds none."""
    if raw[:3] == b"MSH" or not _BEGINS.match(raw):
        return ()
    ends = found[0] if (found := _LINE_END.search(raw, 8)) else b"\r"
    return tuple([each + ends for each in split(raw)])  # the last line has its end, as when it comes by itself


class Together:
    """How many messages fared that are answered by one: as the worst of them, and by the first of those."""

    def __init__(self, many: int) -> None:
        self.many, self.told, self.verdict, self.reason = many, 0, Verdict.TAKEN, ""

    def add(self, verdict: Verdict, reason: str) -> bool:
        """How the next of them fared. True: it was the last."""
        self.told += 1
        if _WORSE[verdict] > _WORSE[self.verdict]:
            self.verdict, self.reason = verdict, f"Message {self.told} of {self.many}: {reason}" if self.many > 1 else reason
        return self.told == self.many
