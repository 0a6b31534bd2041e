"""How does a sender write, whatever the message; and what do the fields mean that it writes again and again?

A hospital has some thousand tests, clinicians and wards, and names them in every message. What such a field means depends on its
letters and on the sender's ways, so it is worked out once. A field that names a person, or holds a number, an address or a
telephone of theirs, is never kept at hand.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

from carerecord.ingest.hl7v2.escapes import Delimiters
from carerecord.ingest.hl7v2.parse import Part
from carerecord.ingest.hl7v2.shapes import Sender

AT_HAND: Final = 2_048  # meanings of one kind, of all senders together
_LONGEST: Final = 256  # characters of one: what is longer was written once, and memory must not grow with it
T = TypeVar("T")


class Ways:
    """What the meaning of a field depends on besides its letters."""

    __slots__ = ("at_hand", "codec", "marks", "sender")

    def __init__(self, sender: Sender, marks: Delimiters, codec: str) -> None:
        self.sender, self.marks, self.codec = sender, marks, codec
        # By whose ways it is known what recurs; None where each place has to be looked at, so as to list what was left.
        self.at_hand: Ways | None = self


ways_of: Final = lru_cache(256)(Ways)  # the same object for the same ways: it is looked up by nothing else


def recurring(read: Callable[[Ways, Part | None], T]) -> Callable[[Ways, Part | None], T]:
    """`read`, worked out once for each text of each sender. What it gives is shared: whoever changes it takes a copy first."""
    known = lru_cache(AT_HAND)(lambda ways, raw: read(ways, Part(raw, ways.marks, ways.codec)))

    @wraps(read)
    def meant(ways: Ways, part: Part | None) -> T:
        if part is None or (at_hand := ways.at_hand) is None or len(part.raw) > _LONGEST:
            return read(ways, part)
        return known(at_hand, part.raw)

    return meant
