"""What is in the pages that one source sent? Each resource counted once, read once, and filed under its section."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec
from msgspec import Struct

from carerecord.connectors.fhir_r4_asks import WITH_MEDICATION, sections_of
from carerecord.connectors.reply import Asking, Said, TypeTally
from carerecord.contracts.records import Entry
from carerecord.fhir import bundle as bundles
from carerecord.fhir.bundle import Bundle, parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Facts
from carerecord.fhir.identifiers import nhs_number_of
from carerecord.fhir.kin import Beside
from carerecord.fhir.outcome import issues_of, state_of
from carerecord.fhir.sections import section_of
from carerecord.kit.turns import Turn

Read = Callable[[bytes, Mapping[str, Mapping[str, Any]]], Facts]

# Resources that stand beside others (who, where, with what): read for their names, and shown in the items that refer to them.
READ_IN_PASSING = frozenset(
    ("Medication", "Practitioner", "PractitionerRole", "Organization", "Location", "Specimen", "Device", "Substance",
     "HealthcareService")
)  # fmt: skip

# GP Connect and UK Core: codes of the warnings on a List, and what they mean to a reader.
WARNINGS = {
    "data-in-transit": "data in transit",
    "data-awaiting-filing": "data awaiting filing",
    "confidential-items": "confidential items",
}
_LOOK_AFTER = 8_000  # bytes, a few entries: looking at the clock after each would be a good part of reading it
_WARNING_CODE = re.compile(rb'"(data-in-transit|data-awaiting-filing|confidential-items)"')
_MEANS = {
    "withheld": "It says that some of it is kept back.",
    "unknown person": "It says that it did not find all of it.",
    "incomplete": "It says that a part of its own systems did not answer.",
    "failed": "It says that not all of it could be sent.",
}


# Who hands resources over as they came sets this for its conversation; pages read facts, and nothing else is held for them.
SENT: ContextVar[dict[tuple[str, str, str], bytes] | None] = ContextVar("sent", default=None)


class _Reference(Struct, frozen=True):
    reference: str = ""


class _Medicated(Struct, frozen=True):
    """The one element that decides whether a medicine waits; the whole is read once, later."""

    medicationReference: _Reference = _Reference()


_medicated = msgspec.json.Decoder(_Medicated)


class Taken:
    """What one conversation has brought so far."""

    def __init__(self, asking: Asking, read: Read, now: str) -> None:
        self._source = asking.source.id
        self._wanted = asking.sections
        self._read, self._now = read, now
        self._as_sent: dict[tuple[str, str, str], bytes] | None = None  # of the page in hand: SENT
        self.entries: list[Entry] = []
        self.said: list[Said] = []
        self.warnings: list[str] = []
        self.partial = ""  # what an OperationOutcome says of the whole
        self.dropped = 0
        self.unreadable = 0
        self.not_found = 0
        self.count = 0
        self.shown_in: Counter[str] = Counter()
        self.unreadable_in: Counter[str] = Counter()
        self.answered_types: set[str] = set()
        self._sent: Counter[str] = Counter()
        self._shown: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._beside = Beside()
        self._waiting: list[tuple[str, bundles.Entry]] = []  # with their keys, until what they refer to has come
        self._ready: list[tuple[str, bundles.Entry, Facts]] = []  # read, and not yet among `entries`; with their keys

    def patient(self, resource: Mapping[str, Any], raw: bytes = b"") -> None:
        said = said_in(resource)
        if raw and (sent := SENT.get()) is not None:
            sent[self._source, "Patient", said.local_id] = raw
        if said not in self.said:
            self.said.append(said)

    async def page(self, page: Bundle, type_: str, turn: Turn) -> int:
        """Take in one page; return how many of its resources answer the search. Others have their turn in between."""
        if type_:
            self.answered_types.add(type_)
        for outcome in page.outcomes:
            self._outcome(outcome)
        for faulty in page.faulty:
            self._unreadable(type_ or "unknown", type_, faulty.raw)
        self._as_sent, since = SENT.get(), 0
        types = [entry.type for entry in page.entries]
        passing = not READ_IN_PASSING.isdisjoint(types)
        for entry in page.entries if passing else ():
            if entry.type in READ_IN_PASSING:
                self._in_passing(entry)
                if turn.spent:
                    await turn.over()
        for entry in page.entries:
            if passing and entry.type in READ_IN_PASSING:
                continue
            self._take(entry)
            since += len(entry.raw)
            if since > _LOOK_AFTER:
                since = 0
                if turn.spent:
                    self._show()
                    await turn.over()
        self._show()
        return len(page.faulty) + types.count(type_)

    async def finish(self, turn: Turn) -> None:
        """Read what waited for a medicine that came on a later page, or never did."""
        self._as_sent = SENT.get()
        waiting, self._waiting = self._waiting, []
        for key, entry in waiting:
            self._file(key, entry)
            self._show()
            await turn.over()

    @property
    def waits(self) -> bool:
        """Whether something is left for `finish`."""
        return bool(self._waiting)

    def tally(self) -> tuple[TypeTally, ...]:
        return tuple(
            TypeTally(type_, count, self._shown[type_], self._broken[type_]) for type_, count in sorted(self._sent.items())
        )

    def _take(self, entry: bundles.Entry) -> None:
        type_, id_ = entry.type, entry.id
        key = f"{self._source}/{type_}/{id_ or -1 - self.count}"
        if id_:  # a resource that answers two of our searches is one resource
            if key in self._seen:
                return
            self._seen.add(key)
        self.count += 1
        self._sent[type_] += 1
        if entry.facts is not None:
            self._ready.append((key, entry, entry.facts))
        elif type_ == "Patient":
            self._patient(entry)
        elif type_ in WITH_MEDICATION and b'"medicationReference"' in entry.raw and self._lacks_medicine(entry.raw):
            self._waiting.append((key, entry))
        else:
            self._file(key, entry)

    def _patient(self, entry: bundles.Entry) -> None:
        try:
            self.patient(parse(entry.raw), entry.raw)
            self._shown["Patient"] += 1
        except Unreadable:
            self._unreadable("Patient", "Patient", entry.raw, counted=True)

    def _in_passing(self, entry: bundles.Entry) -> None:
        key = f"{entry.type}/{entry.id}"
        if key in self._beside:
            return
        self.count += 1
        self._sent[entry.type] += 1
        try:
            resource = parse(entry.raw)
        except Unreadable:
            self._broken[entry.type] += 1
            return
        self._shown[entry.type] += 1
        self._beside.kinds.clear()  # what could not be looked up may be found now
        self._beside[key] = resource
        if entry.full_url:
            self._beside[entry.full_url] = resource

    def _lacks_medicine(self, raw: bytes) -> bool:
        try:
            to = _medicated.decode(raw).medicationReference.reference
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False  # reading it says what is wrong
        return not to.startswith("#") and to not in self._beside

    def _file(self, key: str, entry: bundles.Entry) -> None:
        try:
            facts = self._read(entry.raw, self._beside)
        except Unreadable:
            self._unreadable(entry.type, entry.type, entry.raw, counted=True)
            return
        if entry.type == "List":
            self._list(entry.raw)
            if facts.section != "other":  # the table of contents of an area: what it lists is shown, not itself
                self._shown["List"] += 1
                return
        self._ready.append((key, entry, facts))

    def _show(self) -> None:
        """File what is ready under its sections, all of it at a stroke."""
        source, now, ready = self._source, self._now, self._ready
        shown = [each for each in ready if each[2].section in self._wanted]
        self.dropped += len(ready) - len(shown)
        self._ready = []
        self._shown.update([entry.type for _, entry, _ in shown])
        self.shown_in.update([facts.section for _, _, facts in shown])
        self.entries += [Entry(key, of, source, now) for key, _, of in shown]
        if self._as_sent is not None:
            for _, entry, facts in shown:
                self._as_sent[source, entry.type, facts.id] = entry.raw

    def _list(self, raw: bytes) -> None:
        self.warnings.extend(WARNINGS[found.decode()] for found in _WARNING_CODE.findall(raw))

    def _outcome(self, raw: bytes) -> None:
        """What the source itself says is missing. Its free text is not shown: it may hold anything."""
        self.warnings.extend(WARNINGS[found.decode()] for found in _WARNING_CODE.findall(raw))
        self.partial = _MEANS.get(state_of(issues_of(raw)), "") or self.partial

    def _unreadable(self, type_: str, fills: str, raw: bytes, *, counted: bool = False) -> None:
        if not counted:
            self.count += 1
            self._sent[type_] += 1
        section = self._section_of_broken(type_, raw)
        if section not in self._wanted:
            # Counted all the same; what may not be seen is not even hinted at.
            self._broken[type_] += 1
            return
        self._broken[type_] += 1
        self.unreadable += 1
        self.unreadable_in[section] += 1

    def _section_of_broken(self, type_: str, raw: bytes) -> str:
        """Under which heading a reader should be told that something could not be read."""
        try:
            return section_of(parse(raw))
        except Unreadable:
            here = sorted(sections_of(type_) & self._wanted)
            return here[0] if here else "other"


def said_in(patient: Mapping[str, Any]) -> Said:
    """Who this Patient resource is about, as far as telling people apart needs."""
    number = nhs_number_of(patient)
    names = _dicts(patient.get("name"))
    given = [text for name in names for text in _texts(name.get("given"))]
    family = [text for name in names for text in _texts([name.get("family")])]
    return Said(
        local_id=_text(patient.get("id")),
        nhs_number=number.value if number else "",
        birth_date=_text(patient.get("birthDate")),
        given=tuple(dict.fromkeys(given)),
        family=tuple(dict.fromkeys(family)),
        gender=_text(patient.get("gender")),
        replaced_by=next(filter(None, map(_replaced_by, _dicts(patient.get("link")))), ""),
    )


def _replaced_by(link: Mapping[str, Any]) -> str:
    other = link.get("other")
    if link.get("type") != "replaced-by" or not isinstance(other, dict):
        return ""
    return _text(other.get("reference")).rpartition("Patient/")[2]


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
