"""Has a resource no fault, for others with the same letters around their values had none, and its values have the same forms?

The letters are those of `mould`, the values those of `leaves`. A resource that is the first of its kind is judged whole, by all
gates; where it had no fault its letters are remembered, after two of the same letters and other values were judged as well. Where
what is remembered hardly comes again, that is done for every eighth.
Whatever does not fit goes the way that it went before: this saves work and decides nothing.

What is remembered holds no name, number, reference or time: those are values, and a resource with any other word that could be
about somebody is not remembered at all.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from msgspec import Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.gates import Gates, Judged
from carerecord.fhir.identifiers import make_nhs_number
from carerecord.fhir.leaves import BREAK, Fit, Form, Leaf, Odd, fit_of, leaves
from carerecord.fhir.mould import Moulds

K = TypeVar("K")
Planned = Callable[[bytes, Sequence[str]], K]

MOST: Final = 2_000  # about 7 kB each
_VALUES: Final = 150  # of one: what explains a claim has sixty
EVERY: Final = 8  # of those that are judged whole, where what is learned does not pay
FIRST: Final = 100  # are learned before it is asked whether that pays
_PAYS: Final = 4  # finds for each that was learned
_LONGEST: Final = 16_000
_BREAK: Final = BREAK.encode()
_NHS_NUMBERS: Final = tuple([made for each in range(100) if (made := make_nhs_number(f"9990000{each:02}"))])


class Lettered(Struct, Generic[K], frozen=True, gc=False):
    """What is known of all resources that have these letters."""

    fit: Fit
    judged: Judged
    plan: K  # what the caller makes of it


class Letters(Generic[K]):
    """`planned` is told of a resource with probes for its values, and of these: from where they come up follows the rest."""

    def __init__(self, gates: Gates, planned: "Planned[K]") -> None:
        self._gates, self._planned = gates, planned
        self._moulds: Moulds[Lettered[K]] = Moulds(MOST, _VALUES)
        self._missed = self._learned = self._found = 0

    def find(self, raw: bytes) -> tuple[Lettered[K], list[str]] | None:
        """What is known of it, and its values; None where it must be read."""
        text = _text(raw)
        if text and (found := self._moulds.find(text)) is not None and found[0].fit.holds(found[1]):
            self._found += 1
            return found
        return None

    def met(self, raw: bytes) -> None:
        """This one was read, judged whole and had no fault: perhaps it is the first of many."""
        self._missed += 1
        pays = self._found >= _PAYS * (self._learned - FIRST)
        if (not pays and self._missed % EVERY) or not (text := _text(raw)):
            return
        self._learned += 1
        try:
            found = leaves(text, parse(raw))
        except Odd:
            return
        first, second = (_probed(text, found, begin) for begin in (1, 1 + len(found)))
        judged = [self._gates.judge(parse(each.encode()), each.encode(), remarks=True) for each, _ in (first, second)]
        if judged[0].faults or judged[0] != judged[1]:
            return
        made, values = first
        known = Lettered(fit_of(found), judged[0], self._planned(made.encode(), values))
        if self._moulds.full:
            self._moulds.sweep()
        self._moulds.learn(text, [(each.begins, each.ends) for each in found], known)


def _text(raw: bytes) -> str:
    """As letters that all stand for themselves, but for the ends of lines; "" for what has others, or is long."""
    if b"\\" in raw:
        if _BREAK in raw:
            return ""
        raw = raw.replace(b"\\n", _BREAK)
    if len(raw) > _LONGEST or b"\\" in raw:
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def as_written(text: str, raw: bytes) -> bytes:
    """A text that is made of values of `raw`, with the ends of their lines as they stand there."""
    return (text.replace(BREAK, "\\n") if b"\\" in raw else text).encode()


def _probed(text: str, found: Sequence[Leaf], begin: int) -> tuple[str, list[str]]:
    """The same letters around other values, each of which is found nowhere else; and these."""
    values = [_probe(each, begin + place) for place, each in enumerate(found)]
    parts, at = [], 0
    for each, value in zip(found, values, strict=True):
        parts += [text[at : each.begins], value]
        at = each.ends
    return "".join([*parts, text[at:]]), values


def _probe(leaf: Leaf, number: int) -> str:
    year = 3001 if leaf.path[-1] == "end" else 3000  # which comes after its start, whichever is written first
    if leaf.form is Form.NUMBER:
        return f"77{number:04}.5"
    if leaf.form is Form.DAY:
        return f"{year}-{1 + number // 28 % 12:02}-{1 + number % 28:02}"
    if leaf.form is Form.MOMENT:
        return f"{year}-01-01T12:{number // 60 % 60:02}:{number % 60:02}Z"
    if leaf.form is Form.NHS:
        return _NHS_NUMBERS[number % len(_NHS_NUMBERS)]
    return f"probe-{number:04}"
