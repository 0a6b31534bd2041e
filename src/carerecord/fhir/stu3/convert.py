"""How does a whole STU3 answer become R4, in pieces small enough that nobody else waits?"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import Bundle, Entry, parse
from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.outcome import issues_of
from carerecord.fhir.stu3 import lists
from carerecord.fhir.stu3.allergies import ended_allergy
from carerecord.fhir.stu3.around import Around, is_of_ended, requests_renamed, settle, survey
from carerecord.fhir.stu3.carry import EMPTY, MALFORMED, Work
from carerecord.fhir.stu3.converted import (
    Converted,
    EmptyList,
    ListWarning,
    NoPatient,
    NotCarried,
    OutcomeInstead,
    Resource,
    SeveralPatients,
    Unread,
)
from carerecord.fhir.stu3.types import CONVERTERS, Converter

_json: Final = msgspec.json.Encoder(decimal_format="number")
NOT_CONVERTED: Final = "resources of this type are not converted"
_SAID_OF_AN_ISSUE: Final = frozenset(("severity", "code", "details", "diagnostics"))
_LONGEST_ID: Final = 64
# What a resource of an unforeseen form can make a rule stumble over. It costs that resource, never the record.
_STUMBLES: Final = (TypeError, AttributeError, KeyError, IndexError)


class Conversion:
    """One answer on its way to R4.

    Iterate: each step takes well under a millisecond (a large resource a few), so that a caller on an event loop can let others
    in between two. `converted` is there once the iteration has ended.

    Raises, on the first steps:
        OutcomeInstead: the answer is an OperationOutcome.
        NoPatient, SeveralPatients: it does not say whom it is about.
    """

    converted: Converted

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._around = Around()
        self._resources: list[Resource] = []
        self._patient: Resource | None = None
        self._unread = [Unread("unknown", "", each.reason, each.raw) for each in bundle.faulty]
        self._lost: dict[tuple[str, str, str], list[str]] = {}
        self._warnings: list[ListWarning] = []
        self._empty: list[EmptyList] = []
        self._areas: dict[str, None] = {}
        self._allergies = {entry.id for entry in bundle.entries if entry.type == "AllergyIntolerance" and entry.id}
        self._received = Counter(entry.type for entry in bundle.entries)

    def __iter__(self) -> Iterator[None]:
        if self._bundle.type == "outcome":
            raise OutcomeInstead(issues_of(self._bundle.outcomes[0]))
        if not self._received["Patient"]:
            raise NoPatient("the answer does not say whom it is about")
        parsed: list[tuple[Entry, Resource]] = []
        for entry in self._bundle.entries:
            try:
                parsed.append((entry, parse(entry.raw)))
            except Unreadable as fault:
                self._unread.append(Unread(entry.type, entry.id, fault.reason, entry.raw))
            yield
        _one_person(parsed)
        self._name(parsed)
        for _, resource in parsed:
            survey(self._around, resource)
            yield
        found = [resource for entry, resource in parsed if entry.type == "List"]
        yield from settle(self._around, found)
        for entry, resource in parsed:
            self._take(entry, resource)
            yield
        for raw in self._bundle.outcomes:
            self._outcome(raw)
        self.converted = self._whole()

    def _name(self, parsed: list[tuple[Entry, Resource]]) -> None:
        """Which reference leads where: a resource without an id gets that of its full URL, and requests become one type."""
        moved = self._around.moved
        names = []
        for entry, resource in parsed:
            if "id" not in resource and entry.full_url.startswith("urn:uuid:"):
                resource["id"] = entry.full_url.removeprefix("urn:uuid:")
            names.append((entry.type, text_in(resource, "id")))
        moved.update(requests_renamed(names))
        for (type_, id_), (entry, _) in zip(names, parsed, strict=True):
            if entry.full_url and id_:
                moved[entry.full_url] = self._around.to(f"{type_}/{id_}")

    def _take(self, entry: Entry, received: Resource) -> None:
        if entry.type == "List":
            self._list(received)
        work = Work(entry.type, text_in(received, "id"), self._around)
        try:
            made = self._lift(work, received) if entry.type == "List" and "contained" in received else self._made(work, received)
        except Unreadable as fault:
            self._unread.append(Unread(entry.type, entry.id, fault.reason, entry.raw))
            return
        self._keep(work, made)

    def _keep(self, work: Work, made: Resource | None) -> None:
        for path, why in work.lost:
            self._lost.setdefault((work.type, path, why), []).append(work.id)
        if made is None:
            return
        if (to := self._around.moved.get(f"{work.type}/{work.id}")) is not None:
            made["id"] = to.rpartition("/")[2]
        self._resources.append(made)
        if work.type == "Patient" and self._patient is None:
            self._patient = made

    def _made(self, work: Work, received: Resource, converter: Converter | None = None) -> Resource | None:
        """The R4 resource; None where its type is not converted, which `work` then says."""
        converter = converter or CONVERTERS.get(work.type)
        if converter is None:
            work.lose(work.type, NOT_CONVERTED)
            return None
        try:
            if "contained" not in received:
                return converter(work, received)
            made = converter(work, {name: value for name, value in received.items() if name != "contained"})
            if contained := self._contained(work, received["contained"]):
                made["contained"] = contained
            return made
        except _STUMBLES as stumble:
            raise Unreadable("not of the form that STU3 gives it") from stumble

    def _contained(self, work: Work, received: Any) -> list[Resource]:
        found = []
        for each in received if type(received) is list else (received,):
            if type(each) is not dict or not text_in(each, "resourceType"):
                work.lose(f"{work.type}.contained", EMPTY if each is None else MALFORMED)
                continue
            inner = Work(text_in(each, "resourceType"), "", self._around)
            if (made := self._made(inner, each)) is not None:
                found.append(made)
            work.lost += [(f"{work.type}.contained.{path}", why) for path, why in inner.lost]
        return found

    def _lift(self, work: Work, received: Resource) -> Resource | None:
        """GP Connect hands over ended allergies inside their list; in R4 each stands for itself, and says that it has ended."""
        ended = is_of_ended(received)
        held = received["contained"]
        inside = [each for each in held if type(each) is dict] if type(held) is list else []
        allergies = [each for each in inside if _is_allergy(each)]
        lifted: list[tuple[Work, Resource | None]] = []
        moved = self._around.moved
        for each in allergies:
            own = text_in(each, "id")
            id_ = own if own not in self._allergies else f"{own}-ended"[-_LONGEST_ID:]
            inner = Work("AllergyIntolerance", id_, self._around)
            self._received["AllergyIntolerance"] += 1
            try:
                lifted.append((inner, self._made(inner, {**each, "id": id_}, ended_allergy if ended else None)))
            except Unreadable as fault:
                self._unread.append(Unread("AllergyIntolerance", id_, fault.reason, written(each)))
            if own:
                moved[f"#{own}"] = f"AllergyIntolerance/{id_}"
        rest = [each for each in held if not _is_allergy(each)] if type(held) is list else held
        made = self._made(work, {**received, "contained": rest} if rest else _without(received))
        for each in allergies:
            moved.pop(f"#{text_in(each, 'id')}", None)
        for inner, one in lifted:
            self._keep(inner, one)
        return made

    def _list(self, received: Resource) -> None:
        self._warnings += lists.warnings_of(received)
        area = lists.area_of(received)
        if area and not is_of_ended(received):  # the ended allergies alone say nothing of the active ones
            self._areas[area] = None
        if (empty := lists.empty_of(received)) is not None:
            self._empty.append(empty)

    def _outcome(self, raw: bytes) -> None:
        """What an OperationOutcome inside the answer holds beside what `outcomes` says of it."""
        try:
            received = parse(raw)
        except Unreadable as fault:
            self._unread.append(Unread("OperationOutcome", "", fault.reason, raw))
            return
        left = [name for name in received if name not in ("resourceType", "id", "issue")]
        left += [f"issue.{name}" for each in dicts_in(received, "issue") for name in each if name not in _SAID_OF_AN_ISSUE]
        for name in left:
            key = ("OperationOutcome", f"OperationOutcome.{name}", "it is not shown")
            self._lost.setdefault(key, []).append(text_in(received, "id"))

    def _whole(self) -> Converted:
        if self._patient is None:
            raise NoPatient("the answer holds no Patient that can be read")
        self._received["OperationOutcome"] += len(self._bundle.outcomes)
        return Converted(
            resources=tuple(self._resources),
            patient=self._patient,
            not_carried=tuple(NotCarried(*key, tuple(ids)) for key, ids in self._lost.items()),
            unread=tuple(self._unread),
            warnings=tuple(self._warnings),
            empty=tuple(self._empty),
            areas=tuple(self._areas),
            outcomes=tuple(map(issues_of, self._bundle.outcomes)),
            received=tuple(sorted((type_, count) for type_, count in self._received.items() if count)),
        )


def _one_person(parsed: list[tuple[Entry, Resource]]) -> None:
    ids = {text_in(resource, "id") for entry, resource in parsed if entry.type == "Patient"}
    if not ids:
        raise NoPatient("the answer holds no Patient that can be read")
    if len(ids) > 1:
        raise SeveralPatients("the answer is about several people")


def _is_allergy(held: Any) -> bool:
    return type(held) is dict and held.get("resourceType") == "AllergyIntolerance"


def _without(received: Resource) -> Resource:
    return {name: value for name, value in received.items() if name != "contained"}


def conversion(bundle: Bundle) -> Conversion:
    """The same as `convert`, to be driven by the caller: `for _ in work: await turn.over()`, then `work.converted`."""
    return Conversion(bundle)


def convert(bundle: Bundle) -> Converted:
    """Convert what `bundle.split` made of an answer. Malformed resources are named in `unread`; the others stand.

    Raises:
        OutcomeInstead: the answer is an OperationOutcome.
        NoPatient, SeveralPatients: it does not say whom it is about.
    """
    work = Conversion(bundle)
    for _ in work:
        pass
    return work.converted


def entries_of(converted: Converted) -> Iterator[Entry]:
    """The R4 resources as `bundle.split` gives those of an R4 source, one by one."""
    for each in converted.resources:
        yield Entry(text_in(each, "resourceType"), text_in(each, "id"), written(each))


def written(resource: Resource) -> bytes:
    """A resource as JSON; numbers with the very digits that were received."""
    return _json.encode(resource)
