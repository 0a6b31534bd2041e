"""What is a batch at the door? Each of its messages is one of its own from there on, and one answer says how all of them fared.

So one that cannot be filed waits by itself, each is filed in the order of its own person, and each is its own sender's.

Source: HL7 v2.5.1 chapter 2, section 2.10.3 (FHS, BHS, BTS, FTS).
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from carerecord.ingest.head import Verdict
from carerecord.ingest.hl7v2 import split, within

_BEGINS: Final = re.compile(rb"(?:[\x0b \t\r\n]|\xef\xbb\xbf){0,64}[FB]HS[^A-Za-z0-9\s]")
_LINE_END: Final = re.compile(rb"\r\n?|\n")
_SEGMENT: Final = re.compile(rb"(?:\A|[\r\n])(?:[\x0b\x1c \t]|\xef\xbb\xbf)*(MSH|[FB][HT]S)([^A-Za-z0-9\s])([^\r\n]*)")
_MOST_NAMED: Final = 1_000  # messages of a batch
_MOST_CONTROL: Final = 199
_BLANK: Final = b"\x0b\x1c\r\n\t \xef\xbb\xbf"
_WORSE: Final = {Verdict.TAKEN: 0, Verdict.UNREADABLE: 1, Verdict.UNABLE: 2}


def is_batch(raw: bytes) -> bool:
    """Whether it begins as one."""
    return raw[:3] != b"MSH" and bool(_BEGINS.match(raw))


def messages_of(raw: bytes) -> Iterator[bytes]:
    """The messages of a batch; none of anything else. A long one is not taken apart before it is asked for."""
    if not is_batch(raw):
        return iter(())
    ends = _end_of(raw)
    return (each + ends for each in within(raw))


def each_of(raw: bytes) -> tuple[bytes, ...]:
    """The messages of a batch or of a file, each as when it comes by itself: its last line has its end."""
    ends = _end_of(raw)
    return tuple([each + ends for each in split(raw)])


def _end_of(raw: bytes) -> bytes:
    return found[0] if (found := _LINE_END.search(raw, 8)) else b"\r"


def miscounted(raw: bytes) -> str:
    """What the envelope says of how many came, where it is not true; "" = it is, or it says nothing.

    BTS-1 counts the messages of its batch. FTS-1 counts batches; where it is the number of all messages, it is meant so.
    """
    batches = messages = since = 0
    faults: list[str] = []
    for found in _SEGMENT.finditer(raw):
        said = found[3].split(found[2], 1)[0].strip()
        told = int(said) if said.isdigit() and len(said) < 10 else -1
        if found[1] == b"MSH":
            messages, since = messages + 1, since + 1
        elif found[1] == b"BHS":
            batches, since = batches + 1, 0
        elif found[1] == b"BTS":
            if told not in (-1, since):
                faults.append(f"BTS-1 says {told:,}, and {since:,} came.")
            since = 0
        elif found[1] == b"FTS" and told not in (-1, max(batches, 1), messages):
            faults.append(f"FTS-1 says {told:,}, and {max(batches, 1):,} with {messages:,} messages came.")
    return " ".join(faults[:3])


def envelope_of(raw: bytes) -> bytes:
    """All of a batch but its messages, and of these their MSH-10: to be kept where its counts are not true."""
    kept = [found[0].strip(_BLANK) for found in _SEGMENT.finditer(raw) if found[1] != b"MSH"]
    return b"\r".join([*kept, b"NTE|1||came: " + b" ".join(islice(_controls(raw), _MOST_NAMED))]) + b"\r"


def _controls(raw: bytes) -> Iterator[bytes]:
    for found in _SEGMENT.finditer(raw):
        if found[1] == b"MSH":
            fields = found[3].split(found[2], 9)
            yield fields[8][:_MOST_CONTROL] if len(fields) > 8 else b"?"


class Together:
    """How many messages fared that are answered by one: as the worst of them, and by the first of those.

    Last comes their envelope, where its counts are not true.
    """

    def __init__(self) -> None:
        self.told, self.verdict, self._worst, self._why, self._envelope = 0, Verdict.TAKEN, 0, "", ""

    def add(self, verdict: Verdict, reason: str) -> None:
        """How the next of them fared."""
        self.told += 1
        if _WORSE[verdict] > _WORSE[self.verdict]:
            self.verdict, self._worst, self._why = verdict, self.told, reason

    def envelope(self, verdict: Verdict, reason: str) -> None:
        self.verdict, self._envelope = max(self.verdict, verdict, key=_WORSE.__getitem__), reason

    @property
    def reason(self) -> str:
        """Once all of them have been told."""
        why = f"Message {self._worst} of {self.told}: {self._why}" if self._why and self.told > 1 else self._why
        return f"{self._envelope} {why}".strip()
