"""When and how often is a medicine to be taken: of TQ1, or of the field that stood in its place before (RXE-1, ORC-7)?"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.reading import Reading

PRIORITIES: Final = {"S": "stat", "A": "asap", "R": "routine", "P": "routine", "C": "routine", "T": "routine", "U": "urgent",
                     "UR": "urgent",
                     "STAT": "stat", "ASAP": "asap", "ROUTINE": "routine", "URGENT": "urgent"}  # fmt: skip
AS_NEEDED: Final = "PRN"
_LASTING: Final = re.compile(r"([SMHDWL])(\d+)\Z")
_UNITS: Final = {"S": "second", "M": "minute", "H": "hour", "D": "day", "W": "week", "L": "month"}


class Timing(Struct, frozen=True):
    """One way of taking it, each part in the sender's words; "" where nothing is said."""

    amount: str = ""  # with its unit; asked for where the order says it nowhere else, or in several ways
    often: str = ""  # at which hours, on which condition and for how long included
    starts: str = ""
    ends: str = ""
    priority: str = ""
    words: str = ""

    @property
    def line(self) -> str:
        return " ".join(filter(None, (self.amount, self.often)))


NOTHING: Final = Timing()


def timings(
    reading: Reading, orc: Segment | None, tq1s: Sequence[Segment], encoded: Segment | None, *, dosed: bool
) -> tuple[Timing, ...]:
    """One for each way; TQ1 before RXE-1 before ORC-7, and what one of the latter two leaves out as the other has it.

    `dosed`: the order says in a field of its own how much.
    """
    if tq1s:
        return tuple([_of_tq1(reading, each, dosed=dosed and len(tq1s) == 1) for each in tq1s])
    coded, ordered = (segment.parts(field) if segment is not None else () for segment, field in ((encoded, 1), (orc, 7)))
    dosed = dosed and len(coded or ordered) == 1
    found = [_of_tq(reading, part, "RXE-1", dosed=dosed) for part in coded]
    if len(coded) == len(ordered) == 1:
        return (_of_tq(reading, ordered[0], "ORC-7", found[0], dosed=dosed),)
    return tuple(found or [_of_tq(reading, part, "ORC-7", dosed=dosed) for part in ordered])


def _of_tq1(reading: Reading, tq1: Segment, *, dosed: bool) -> Timing:
    patterns = [each for part in tq1.parts(3) if (each := _pattern(part))]
    lasting = tq1.part(6)
    number, unit = (lasting[1], lasting.sub(2, 1)) if lasting is not None else ("", "")
    hours = ", ".join(filter(None, [part[1] for part in tq1.parts(4)]))
    return Timing(
        amount=_amount(tq1.part(2)) if not dosed else "",
        often=_often("; ".join(patterns), hours, values.text_of(tq1, 10), f"{number} {unit}".strip()),
        starts=reading.time(tq1, 7),
        ends=reading.time(tq1, 8),
        priority=_priority(tq1.part(9), 1),
        words=values.text_of(tq1, 11),
    )


def _of_tq(reading: Reading, part: Part, place: str, before: Timing = NOTHING, *, dosed: bool) -> Timing:
    """What `before` leaves open is as this one has it."""
    return Timing(
        amount=before.amount or ("" if dosed else " ".join(filter(None, (part.sub(1, 1), part.sub(1, 2))))),
        often=before.often or _often(part.sub(2, 1), part.sub(2, 2), part.words_in(7), in_words(part[3])),
        starts=before.starts or reading.time_in(part, 4, f"{place}.4"),
        ends=before.ends or reading.time_in(part, 5, f"{place}.5"),
        priority=before.priority or _priority(part, 6),
        words=before.words or part.words_in(8),
    )


def _priority(part: Part | None, component: int) -> str:
    if part is None or (said := part.peek(component).upper()) not in (*PRIORITIES, AS_NEEDED):
        return ""
    _ = part[component]
    return said


def _pattern(part: Part) -> str:
    """How often, in words where there are some beside the code; else as a period: "every 6 h"."""
    every = part[5]
    return part.sub(1, 2) or part.sub(1, 1) or (f"every {every} {part[6]}".strip() if every else "")


def _often(pattern: str, at: str, condition: str, lasting: str) -> str:
    said = ", ".join(filter(None, (pattern, f"at {at}" if at[:1].isdigit() else at, condition)))
    return f"{said} for {lasting}".strip() if lasting else said


def _amount(part: Part | None) -> str:
    if part is None:
        return ""
    return " ".join(filter(None, (part[1], part.sub(2, 2) or part.sub(2, 1))))


def in_words(lasting: str) -> str:
    """"D5" as "5 days"; what is written otherwise as it came."""
    if not (found := _LASTING.match(lasting.upper())):
        return lasting
    number = int(found[2])
    return f"{number} {_UNITS[found[1]]}{'' if number == 1 else 's'}"
