"""Was a resource read before that says the same, byte for byte, but for its own id, number, times and value?

Records repeat themselves: hundreds of potassiums of one laboratory differ in which, when and how much alone. What they share is
parsed, checked and read with the first of them; of the next, only what is its own (`own`). Whatever is not in the ordinary form
is read whole, as the first was: this saves work and decides nothing.

What is remembered is let go within a minute; of what was said twice it is what kin share, and not whose it is. What was looked
up elsewhere in an answer holds for that answer alone.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.facts import Facts
from carerecord.fhir.own import KINDS, NO_QUANTITY, NOT_ORDINARY
from carerecord.fhir.read.events import timed
from carerecord.fhir.read.medicines import DAYS, Course, dated
from carerecord.fhir.read.results import valued
from carerecord.fhir.read.words import Resource
from carerecord.fhir.reading import TIMES, read, read_with_course, status_code

MOST_KINDS: Final = 3_000  # learned between two sweeps, about 3 kB each

_elements = msgspec.json.Decoder(dict[str, Raw]).decode
_Key = tuple[Any, ...]
_Apart = tuple[_Key, Any, int]
_joined = b",".join


class _Kin(Struct, frozen=True, gc=False):
    """What all of one kind have in common."""

    facts: Facts  # without whose, which and when
    marks: int  # quotation marks in the elements that they share
    at: str  # the element that says when
    status: str  # FHIR's code
    course: Course | None = None  # of a medicine
    days: tuple[str, ...] = ()  # the elements that `dated` looks at


class _Met(Struct, frozen=True, gc=False):
    """The first of a kind."""

    facts: Facts
    key: "_Key"
    own: Any
    marks: int
    course: Course | None
    names: tuple[str, ...]  # of its elements
    status: str
    now: datetime


_Known = _Kin | _Met
_NO_KIN: Final = _Kin(Facts("", "", "", ""), -1, "", "")  # of what must be read whole, however often it is said


class Beside(dict[str, Mapping[str, Any]]):
    """What came with others in one answer, to be looked up; and the kinds that are so only among these."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[_Key, _Known] = {}


class _Watched(Mapping[str, Mapping[str, Any]]):
    """Notes whether anything was looked up: what was, may mean another thing in the next answer."""

    def __init__(self, beside: Mapping[str, Mapping[str, Any]]) -> None:
        self._beside, self.asked = beside, False

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        self.asked = True
        return self._beside[key]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked = True
        return self._beside.get(key, default)

    def __iter__(self) -> Iterator[str]:
        self.asked = True
        return iter(self._beside)

    def __len__(self) -> int:
        self.asked = True
        return len(self._beside)


class Kinds:
    """Resources checked and read, and remembered by kind. One for a process, and for one thread of it."""

    def __init__(self, check: Callable[[Resource], None], now: Callable[[], datetime]) -> None:
        self._check, self._now = check, now
        self._young: dict[_Key, _Known] = {}
        self._old: dict[_Key, _Known] = {}

    def sweep(self) -> None:
        """Called twice a minute and more: what was learned before the last call is gone."""
        self._old, self._young = self._young, {}

    def read(self, raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
        """As `reading.read` of the parsed and checked resource; it raises what these raise."""
        if (found := _apart(raw)) is None:
            return read(self._checked(raw), beside, now=self._now())
        key, own, marks = found
        known = self._young.get(key)
        if known is None:
            known = self._elsewhere(key, beside)
            if known is None:
                return self._met(raw, found, beside)
        if type(known) is _Met:
            known = self._learned(known, beside)
        if marks == known.marks and (facts := _again(known, own, self._now)):  # type: ignore[arg-type]
            return facts
        return read(self._checked(raw), beside, now=self._now())

    def _elsewhere(self, key: _Key, beside: Mapping[str, Mapping[str, Any]]) -> _Known | None:
        known = self._old.get(key)
        return beside.kinds.get(key) if known is None and type(beside) is Beside else known

    def _learned(self, met: _Met, beside: Mapping[str, Mapping[str, Any]]) -> _Kin:
        """A second has come: what the first of them shares with it."""
        kin = _kin(met) or _NO_KIN
        for kinds in (self._young, self._old, beside.kinds if type(beside) is Beside else {}):
            if met.key in kinds:
                kinds[met.key] = kin
        return kin

    def _checked(self, raw: bytes) -> Resource:
        parsed = parse(raw)
        self._check(parsed)
        return parsed

    def _met(self, raw: bytes, found: _Apart, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
        """Read whole, the first of its kind. What is made of that waits for a second: most things are said once."""
        key, own, marks = found
        parsed, watched, now = self._checked(raw), _Watched(beside), self._now()
        facts, course = read_with_course(parsed, watched, now=now)
        if len(self._young) >= MOST_KINDS:
            self.sweep()
        if watched.asked and type(beside) is not Beside:
            return facts
        kinds = beside.kinds if watched.asked and type(beside) is Beside else self._young
        kinds[key] = _Met(facts, key, own, marks, course, tuple(parsed), status_code(parsed, facts.resource_type), now)
        return facts


def _apart(raw: bytes) -> _Apart | None:
    """What `raw` shares with its kin, as a key; what is its own; and the quotation marks in what it shares.

    None for what has no kin. Without a backslash every quotation mark is one of JSON's own, and can be counted: an element that
    is given twice, which a parser would let pass, is then one too many.
    """
    if b"\\" in raw:
        return None
    try:
        elements = _elements(raw)
        type_ = elements.pop("resourceType", None)
        kind = KINDS.get(bytes(type_)) if type_ is not None else None
        if type_ is None or kind is None:
            return None
        own = kind.decode(raw)
        many = len(elements)
        marks = raw.count(b'"') - 2 * many - kind.marks(own) - 4
    except NOT_ORDINARY:
        return None
    # Which elements there are, in which order the shared ones stand, and these as they are: a list of JSON's values by commas.
    present = [name for name in kind.names if elements.pop(name, None) is not None]
    key = [kind, *present, *elements, _joined(elements.values())]
    if own.meta.profile or own.meta.tag:
        key += (bytes(own.meta.profile), bytes(own.meta.tag))
    if kind.measured:
        key += own.valueQuantity.shared
    return tuple(key), own, marks


def _kin(met: _Met) -> _Kin | None:
    """The kind of a resource that was read, or None where its own elements may mean more than is known here: where reading it
    as kin would not give the very same."""
    f, own, names = met.facts, met.own, met.names
    beyond = f.plan or f.contacts or f.contact or f.document or f.flag or f.appointment
    at = next((name for name, _ in TIMES[f.resource_type] if name in names), "")
    if beyond or (at and not hasattr(own, at)) or any(name in names and not hasattr(own, name) for name in DAYS):
        return None
    if met.marks != sum(each.count(b'"') for each in met.key if type(each) is bytes):
        return None
    bare = Facts(  # in the order of its elements
        f.resource_type, "", f.section, f.title, f.status, f.warning, "", f.at_means, f.author, f.organisation, f.note,
        f.severity, f.codes, (), "", "", "", f.confidentiality, None, f.result, f.allergy, None, None, (), f.encounter,
    )  # fmt: skip
    days = tuple([name for name in DAYS if hasattr(own, name)]) if met.course else ()
    kin = _Kin(bare, met.marks, at, met.status, met.course, days)
    return kin if _again(kin, own, lambda: met.now) == f else None


def _again(kin: _Kin, own: Any, now: Callable[[], datetime]) -> Facts | None:
    """The facts of one of this kind; None where they are not for certain what reading it whole would give."""
    known = kin.facts
    at = ""
    if kin.at:
        stated = getattr(own, kin.at)
        at = stated if type(stated) is str else stated.start or stated.end
        if not at:
            return None
    result, encounter = known.result, known.encounter
    if result and (measured := getattr(own, "valueQuantity", NO_QUANTITY)) is not NO_QUANTITY:
        number = measured.number
        result = valued(result, number, measured.comparator.strip()) if number is not None else None
        if result is None:
            return None
    if encounter:
        encounter = timed(encounter, kin.status, own.period.start, own.period.end)
    return Facts(  # in the order of its elements
        known.resource_type,
        own.id,
        known.section,
        known.title,
        known.status,
        known.warning,
        at,
        known.at_means,
        known.author,
        known.organisation,
        known.note,
        known.severity,
        known.codes,
        own.identifiers,
        (own.subject.reference or own.patient.reference).strip(),
        own.meta.versionId,
        own.meta.lastUpdated,
        known.confidentiality,
        dated(kin.course, {name: getattr(own, name) for name in kin.days}, now()) if kin.course else None,
        result,
        known.allergy,
        None,
        None,
        (),
        encounter,
    )
