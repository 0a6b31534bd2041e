"""What do real messages look like, as many as are wanted? Those of a hospital's simulator, each time under fresh patients."""

import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from carerecord.ingest.hl7v2 import Heard, mapped, parse, standing
from carerecord.ingest.senders import Sender

_DATA: Final = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).parents[2] / "shared" / "data")
_FILE: Final = _DATA / "hl7v2" / "simhospital-first-500.hl7"
MESSAGES: Final[Sequence[bytes]] = tuple(
    each.strip(b"\r") + b"\r" for each in (_FILE.read_bytes().split(b"\n") if _FILE.is_file() else ()) if each.strip()
)
_LETTERS: Final = b"ABCDEFGHIJKLMNOPRSTUVW"
_NUMBERED: Final = {b"ORC": (2, 3), b"OBR": (2, 3), b"TXA": (12,), b"PV1": (19,), b"MSH": (10,)}  # by HL7's own count


def fresh(sender: int, number: int) -> bytes:
    """The next of this sender's messages: the same hospital's day again and again, each time with other people."""
    day, place = divmod(number, len(MESSAGES))
    return under_others(MESSAGES[place], b"%d-%d" % (sender, day))


def under_others(message: bytes, day: bytes) -> bytes:
    return b"\r".join([_of_others(line.split(b"|"), day) for line in message.split(b"\r")])


def _of_others(fields: list[bytes], day: bytes) -> bytes:
    name = fields[0]
    if name == b"PID":
        _person(fields, day)
    elif name == b"MRG":
        fields[1] = b"%010d%b" % (_chance(_first(fields[1]), day) % 10**10, fields[1][len(_first(fields[1])) :])
    for field in _NUMBERED.get(name, ()):
        place = field - (name == b"MSH")
        if place < len(fields) and fields[place]:
            first = _first(fields[place])
            fields[place] = b"%b/%b%b" % (first, day, fields[place][len(first) :])
    return b"|".join(fields)


def _person(fields: list[bytes], day: bytes) -> None:
    """Somebody as unlike the others as people are: what it costs to tell namesakes apart is measured elsewhere."""
    chance = _chance(_first(fields[3]), day)
    number = b"%010d" % (chance % 10**10)
    fields[2] = number + fields[2][len(_first(fields[2])) :]
    numbers = [(each, nhs_number(chance >> 7) if b"NHSNBR" in each else number) for each in fields[3].split(b"~")]
    fields[3] = b"~".join([new + each[len(_first(each)) :] for each, new in numbers])
    letters = random.Random(chance)
    named = fields[5].split(b"^")
    named[0], named[1] = bytes(letters.choices(_LETTERS, k=7)), bytes(letters.choices(_LETTERS, k=6))
    fields[5] = b"^".join(named)
    if fields[7]:
        fields[7] = b"%04d%02d%02d" % (1930 + chance % 80, 1 + chance // 80 % 12, 1 + chance // 960 % 28) + fields[7][8:]
    if len(fields) > 11 and (home := fields[11].split(b"^"))[4:]:
        home[0] = b"%d %b" % (1 + chance % 300, home[0].partition(b" ")[2])
        home[4] = b"ZZ%d %d%c%c" % (1 + chance % 99, chance // 99 % 10, 65 + chance // 991 % 26, 65 + chance // 26_000 % 26)
        fields[11] = b"^".join(home)
    if len(fields) > 13 and fields[13]:
        fields[13] = b"020 %04d %04d" % (chance % 10_000, chance // 10_000 % 10_000) + fields[13][len(_first(fields[13])) :]


def _first(field: bytes) -> bytes:
    return field.partition(b"^")[0]


def _chance(number: bytes, day: bytes) -> int:
    """The same for one person of one day, whichever message speaks of them."""
    return int.from_bytes(blake2b(b"%b/%b" % (number, day), digest_size=8).digest())


def nhs_number(seed: int) -> bytes:
    """One with a valid check digit, of those that nobody has."""
    nine = 999_000_000 + seed % 1_000_000
    while True:
        check = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(str(nine))) % 11
        if check != 10:
            return b"%d%d" % (nine, check % 11)
        nine += 1


def resources(sender: Sender) -> Sequence[bytes]:
    """What all of them come to, each by itself."""
    found = []
    for number, message in enumerate(MESSAGES):
        filing = mapped(parse(message), sender, datetime.now(UTC))
        for said in filing.statements:
            heard = Heard(said.thread, said.local_id, said.says, (*filing.order, number))
            found += [put.raw for put in standing(said.thread, [heard]) if put.raw is not None]
    return found
