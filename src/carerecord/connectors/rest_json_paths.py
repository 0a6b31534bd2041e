"""Where in a supplier's answer does a value stand? Paths such as `data.allergies`, `visits[].readings[]`, `^.date`, `@id`."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.errors import FhirError
from carerecord.fhir.numbers import number_text

_STEP: Final = re.compile(r"([@#]?[A-Za-z_][\w:-]*)(\[\d*\])?\Z")
ROOT: Final = "."


class BadPath(FhirError):
    """A path that cannot be read, or does not lead where the mapping says. Names elements, never what they hold."""


class Step(Struct, frozen=True):
    name: str
    every: bool = False  # […]: each of a list
    index: int = -1  # -1: the one that there is


class Path(Struct, frozen=True):
    """`up` says how many enclosing items to leave first: `^.date` is the date of the visit that this reading stands in."""

    text: str
    up: int
    steps: tuple[Step, ...]


class Scope(Struct, frozen=True):
    """A place in an answer: what stands there, under which names, and in which item."""

    value: Any
    names: tuple[str, ...]
    outer: "Scope | None" = None


def path(text: str) -> Path:
    """Raises BadPath."""
    rest, up = text.strip(), 0
    while rest == "^" or rest.startswith("^."):
        rest, up = rest[2:], up + 1
    if rest in ("", ROOT):
        return Path(text, up, ())
    steps = []
    for part in rest.split("."):
        found = _STEP.match(part)
        if not found:
            raise BadPath(f"{text!r} is not a path: names joined by dots, `[]` for each of a list, `[0]` for one, `^` for outer")
        name, index = found.groups()
        steps.append(Step(name, index == "[]", int(index[1:-1]) if index and index != "[]" else -1))
    return Path(text, up, tuple(steps))


def names_at(scope: tuple[tuple[str, ...], ...], to: Path) -> tuple[str, ...]:
    """The names of elements, from the root, that `to` reads. `scope` holds the names of each enclosing item, outermost first."""
    if to.up >= len(scope):
        raise BadPath(f"{to.text!r} leaves more items than it stands in")
    return scope[-1 - to.up] + tuple(step.name for step in to.steps)


def one(scope: Scope, to: Path) -> Any:
    """The value there; None where there is none. A list of one is that one (XML does not tell them apart).

    Raises:
        BadPath: it holds several where one is meant, so none of them is taken for the whole.
    """
    value = _left(scope, to).value
    for step in to.steps:
        value = _single(value, to)
        value = value.get(step.name) if isinstance(value, dict) else None
        if step.index >= 0:
            listed = value if isinstance(value, list) else [value]
            value = listed[step.index] if step.index < len(listed) else None
        if value is None:
            return None
    return _single(value, to)


def every(scope: Scope, to: Path) -> list[Scope]:
    """Each item there, knowing the items that it stands in. One that is no list counts as a list of one."""
    start = _left(scope, to)
    if not to.steps:
        return [Scope(item, start.names, start) for item in _listed(start.value)]
    here = [(start.value, start.names, start)]
    for place, step in enumerate(to.steps):
        is_item = step.every or place == len(to.steps) - 1
        following = []
        for value, names, outer in here:
            listed = _listed(value.get(step.name) if isinstance(value, dict) else None)
            if step.index >= 0:
                listed = listed[step.index : step.index + 1]
            if not is_item and len(listed) > 1:
                raise BadPath(f"{to.text}: {step.name} holds several; write {step.name}[] for each of them")
            names = (*names, step.name)
            following += [(each, names, Scope(each, names, outer) if is_item else outer) for each in listed]
        here = following
    return [outer for _, _, outer in here]


def levels(scope: tuple[tuple[str, ...], ...], to: Path) -> tuple[tuple[str, ...], ...]:
    """The names of each item that encloses what `every` finds, outermost first, itself last."""
    kept = scope[: len(scope) - to.up]
    if not kept:
        raise BadPath(f"{to.text!r} leaves more items than it stands in")
    names = kept[-1]
    for place, step in enumerate(to.steps):
        names = (*names, step.name)
        if step.every or place == len(to.steps) - 1:
            kept = (*kept, names)
    return kept if to.steps else (*kept, names)


def leaves(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names that lead to each value that is filled in."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*names, name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, names)
    elif value is not None and value != "":
        yield names


def written(names: tuple[str, ...]) -> str:
    return ".".join(names) or ROOT


def text_of(value: Any) -> str:
    """A value as text, as it was sent: `1.10` stays `1.10`."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and "#text" in value:  # an XML element with attributes
        return text_of(value["#text"])
    return number_text(value)


def _left(scope: Scope, to: Path) -> Scope:
    for _ in range(to.up):
        if scope.outer is None:
            raise BadPath(f"{to.text!r} leaves more items than it stands in")
        scope = scope.outer
    return scope


def _single(value: Any, to: Path) -> Any:
    if isinstance(value, list):
        if len(value) > 1:
            raise BadPath(f"{to.text} holds several values where one is meant")
        return value[0] if value else None
    return value


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]
