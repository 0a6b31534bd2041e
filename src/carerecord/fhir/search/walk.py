"""How are many parameters read in one pass over a resource? By a function that is written for its type, from their branches.

Closures cost a call for each step of each parameter; here parameters that begin alike share their steps, and what is not there
costs one look. A test holds it to what the parameters find one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.search.parameters import Parameter
from carerecord.fhir.search.steps import Branch, Child, Equal, Part, RefersTo, refers

Walk = Callable[..., None]
_SIMPLE: Final = (Child, Equal, RefersTo)


class Want(Struct, frozen=True):
    """What is to be done with each node that a parameter finds, as two pieces of Python."""

    parameter: Parameter
    each: str  # what of `node` is gone through: "(node,)"
    do: str  # with each `value`: "add(codes[value])"


class _Place:
    """One step from the place before, and what is done there."""

    def __init__(self) -> None:
        self.steps: dict[Part, _Place] = {}
        self.done: dict[str, list[str]] = {}


def walker(wants: Sequence[Want], takes: str, names: Mapping[str, Any]) -> Walk:
    """A function of a resource and of `takes` ("add, wide"), which does what is wanted. `names`: what the pieces speak of."""
    known = dict(names) | {"refers": refers}
    source = _written(wants, takes, known)
    space: dict[str, Any] = known
    exec(compile(source, "<walk>", "exec"), space)  # noqa: S102 - written here, of the official definitions and our own words alone
    return space["walk"]  # type: ignore[no-any-return]


def _written(wants: Sequence[Want], takes: str, known: dict[str, Any]) -> str:
    root, odd = _Place(), list[str]()
    for number, want in enumerate(wants):
        for branch in want.parameter.branches:
            if branch and all(isinstance(part, _SIMPLE) for part in branch):
                place = _at(root, branch)
                place.done.setdefault(want.each, []).append(want.do)
            else:  # a place in a list, or what is true of the whole: seldom, and found by the parameter itself
                known[f"find{number}"] = want.parameter.find
                odd += [f" for node in find{number}(resource):", *_doing({want.each: [want.do]}, "node", 2)]
                break
    return "\n".join([f"def walk(resource, {takes}):", *_walking(root, "resource", 1), *odd, " return"])


def _at(root: _Place, branch: Branch) -> _Place:
    place = root
    for part in branch:
        place = place.steps.setdefault(part, _Place())
    return place


def _walking(place: _Place, node: str, depth: int) -> list[str]:
    """The lines for what stands under one node, which is an object."""
    lines: list[str] = []
    for part, then in place.steps.items():
        if isinstance(part, Child):
            for name in part.names:
                found, inner = f"f{depth}", f"n{depth}"
                lines.append(f"{' ' * depth}if ({found} := {node}.get({name!r})) is not None:")
                lines.append(f"{' ' * depth} for {inner} in {found} if type({found}) is list else ({found},):")
                lines += _under(then, inner, depth + 2)
        elif isinstance(part, Equal):
            lines.append(f"{' ' * depth}if {node}.get({part.name!r}) == {part.wanted!r}:")
            lines += _under(then, node, depth + 1, known=True)
        elif isinstance(part, RefersTo):
            lines.append(f"{' ' * depth}if refers({node}, resource, {part.type!r}):")
            lines += _under(then, node, depth + 1, known=True)
    return lines


def _under(place: _Place, node: str, depth: int, *, known: bool = False) -> list[str]:
    """The lines for one node, of whatever kind."""
    lines = _doing(place.done, node, depth)
    if place.steps and known:
        lines += _walking(place, node, depth)
    elif place.steps:
        lines += [f"{' ' * depth}if type({node}) is dict:", *_walking(place, node, depth + 1)]
    return lines


def _doing(done: Mapping[str, Sequence[str]], node: str, depth: int) -> list[str]:
    lines: list[str] = []
    for each, does in done.items():
        lines.append(f"{' ' * depth}for value in {each.replace('node', node)}:")
        lines += [f"{' ' * depth} {do}" for do in dict.fromkeys(does)]
    return lines
