"""Was a resource read before that says the same, byte for byte, but for its own id, number, times and value?

Records repeat themselves: hundreds of potassiums of one laboratory differ in which, when and how much alone. What they share is
parsed, checked and read with the first of them; of the next, only what is its own (`own`). Whatever is not in the ordinary form
is read whole, as the first was: this saves work and decides nothing.

A kind that comes often is known by its letters as well (`mould`, `moulded`): of the next of its texts nothing is parsed at all.

What is remembered is let go within a minute; of what was said twice it is what kin share, and not whose it is. What was looked
up elsewhere in an answer holds for that answer alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.facts import Facts
from carerecord.fhir.kindred import Kin, retold
from carerecord.fhir.mould import Moulds
from carerecord.fhir.moulded import Form, filled, form_of
from carerecord.fhir.numbers import text_and_number
from carerecord.fhir.own import KINDS, NO_QUANTITY, NOT_ORDINARY, Kind
from carerecord.fhir.places import places
from carerecord.fhir.read.medicines import DAYS, Course
from carerecord.fhir.read.words import Resource
from carerecord.fhir.reading import TIMES, read, read_with_course, status_code

MOST_KINDS: Final = 3_000  # learned between two sweeps, about 3 kB each, and twice that where many of one came
_OFTEN: Final = 16  # of so many kin the letters are learned, and again of twice as many: they may be written in several ways

_elements = msgspec.json.Decoder(dict[str, Raw]).decode
_Key = tuple[Any, ...]
_Apart = tuple[_Key, Any, int]
_joined = b",".join


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


_Known = Kin | _Met
_NO_KIN: Final = Kin(Facts("", "", "", ""), -1, "", "")  # of what must be read whole, however often it is said


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
        self._often: Counter[_Key] = Counter()  # how often a second of it came
        self._moulds: Moulds[Form] = Moulds(MOST_KINDS)

    def sweep(self) -> None:
        """Called twice a minute and more: what was learned before the last call is gone."""
        self._old, self._young = self._young, {}
        self._often.clear()
        self._moulds.sweep()

    def read(self, raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
        """As `reading.read` of the parsed and checked resource; it raises what these raise."""
        return self.known(raw) or self.unknown(raw, beside)

    def known(self, raw: bytes) -> Facts | None:
        """What a resource says whose letters are those of many of its kind; None for any other."""
        try:
            fitted = self._moulds.find(raw.decode())
        except UnicodeDecodeError:
            return None
        return filled(*fitted, self._now) if fitted is not None else None

    def unknown(self, raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
        """As `read`, of what is not `known`."""
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
            often = self._often[key] = self._often[key] + 1
            if often >= _OFTEN and often & (often - 1) == 0 and key in self._young:
                self._mould(raw, key[0], known, own, facts)  # type: ignore[arg-type]
            return facts
        return read(self._checked(raw), beside, now=self._now())

    def _elsewhere(self, key: _Key, beside: Mapping[str, Mapping[str, Any]]) -> _Known | None:
        known = self._old.get(key)
        return beside.kinds.get(key) if known is None and type(beside) is Beside else known

    def _learned(self, met: _Met, beside: Mapping[str, Mapping[str, Any]]) -> Kin:
        """A second has come: what the first of them shares with it."""
        kin = _kin(met) or _NO_KIN
        for kinds in (self._young, self._old, beside.kinds if type(beside) is Beside else {}):
            if met.key in kinds:
                kinds[met.key] = kin
        return kin

    def _mould(self, raw: bytes, kind: Kind, kin: Kin, own: Any, facts: Facts) -> None:
        """Of this kind many come: the next that has the letters of this one is known by them."""
        text = raw.decode()
        found = places(text, kind)
        form = form_of(kin, kind, found, getattr(own, "valueQuantity", NO_QUANTITY))
        if filled(form, [text[each.begins : each.ends] for each in found], self._now) == facts:
            self._moulds.learn(text, [(each.begins, each.ends) for each in found], form)

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


def _kin(met: _Met) -> Kin | None:
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
    kin = Kin(bare, met.marks, at, met.status, met.course, days)
    return kin if _again(kin, own, lambda: met.now) == f else None


def _again(kin: Kin, own: Any, now: Callable[[], datetime]) -> Facts | None:
    """The facts of one of this kind; None where they are not for certain what reading it whole would give."""
    at, number, comparator, start, end = "", None, "", "", ""
    if kin.at:
        stated = getattr(own, kin.at)
        at = stated if type(stated) is str else stated.start or stated.end
    if kin.facts.result and (measured := getattr(own, "valueQuantity", NO_QUANTITY)) is not NO_QUANTITY:
        if (stated := measured.number) is None:
            return None
        number, comparator = text_and_number(stated), measured.comparator.strip()
    if kin.facts.encounter:
        start, end = own.period.start, own.period.end
    subject = (own.subject.reference or own.patient.reference).strip()
    days = {name: getattr(own, name) for name in kin.days}
    return retold(
        kin, own.id, own.identifiers, subject, own.meta.versionId, own.meta.lastUpdated, at, number, comparator, start, end, days,
        now,
    )  # fmt: skip
