"""May a resource be kept as it was written? Two gates of structure, bound codes, invariants, UK Core where it is asked for."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from carerecord.fhir import bindings, calendar, invariants, strict, uk_core, validate
from carerecord.fhir.codes import text_in
from carerecord.fhir.nested import within
from carerecord.fhir.validate import Fault, Validators

MOST = 20


class Judged(Struct, frozen=True):
    faults: tuple[Fault, ...] = ()
    remarks: tuple[Fault, ...] = ()  # what UK Core would ask, of a sender who does not say that it follows it


class Gates:
    """All of them, built once; safe to share between tasks and with forked workers."""

    def __init__(self, validators: Validators) -> None:
        self._validators = validators
        self._bindings = bindings.load()
        calendar.names()

    def judge(self, resource: dict[str, Any], raw: bytes, profile: str = "", *, remarks: bool = False) -> Judged:
        """About 60 µs for 1 KB. What its structure breaks is told first, and then alone: the other rules lean on it.

        No value that was received stands in what is told, and of names of elements only FHIR's own. `remarks` asks for those too.
        """
        held = _held(resource)
        structure = (fault for top, each in held for fault in _at(top, each, self._validators.faults(each)))
        found = {each.path: each for each in (*structure, *strict.faults(raw))}
        if not found:  # from here on every name that a path holds is one of FHIR's
            found = {each.path: each for each in calendar.faults(resource, raw)}
        if not found:
            found = {fault.path: fault for top, each in held for fault in _at(top, each, self._agreeing(each))}
        if uk_core.asked_for(resource, profile):
            found = {each.path: each for each in uk_core.faults(resource)} | found
        elif remarks:
            return Judged(tuple(found.values())[:MOST], tuple(uk_core.faults(resource))[:MOST])
        return Judged(tuple(found.values())[:MOST])

    def _agreeing(self, resource: dict[str, Any]) -> Iterator[Fault]:
        yield from self._bindings.faults(resource)
        yield from invariants.faults(resource)


def _held(resource: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The resource itself, and those of a Bundle or of Parameters, each with the path that stands for its type."""
    type_ = text_in(resource, "resourceType")
    return [(type_, resource), *((f"{type_}{path}", each) for path, each in within(resource))]


def _at(top: str, resource: dict[str, Any], faults: Iterable[Fault]) -> Iterator[Fault]:
    """A fault names its place below its own resource's type; here it is told from the whole that was sent."""
    type_ = text_in(resource, "resourceType")
    for each in faults:
        yield each if top == type_ else Fault(f"{top}{each.path.removeprefix(type_)}", each.says)


def can_judge_by(profile: str, type_: str) -> bool:
    """Whether `$validate` can be asked for this profile: R4's own of the type, or UK Core's where there are rules."""
    plain = profile.partition("|")[0]
    if plain == f"http://hl7.org/fhir/StructureDefinition/{type_}":
        return True
    return plain == f"{uk_core.PROFILES}{type_}" and uk_core.knows(type_)


def load() -> Gates:
    """A good part of a second: at start, and never on the event loop."""
    return Gates(validate.load())
