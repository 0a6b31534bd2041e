"""Step by step, what does a path find in a resource? What a FHIRPath expression is compiled to, as closures over JSON."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

Nodes = list[Any]
Step = Callable[[Nodes, Mapping[str, Any]], Nodes]  # what stands at this step, of a resource
Find = Callable[..., Nodes]  # of a resource; or of an element of one, and then of the resource beside it


class Child(Struct, frozen=True):
    """The elements of these names; a choice has several, and a list is each of its items."""

    names: tuple[str, ...]


class Equal(Struct, frozen=True):
    """Those whose element of this name is this text."""

    name: str
    wanted: str


class RefersTo(Struct, frozen=True):
    type: str


class AtPlace(Struct, frozen=True):
    place: int


class Exists(Struct, frozen=True):
    pass


class IsNot(Struct, frozen=True):
    value: bool


class Both(Struct, frozen=True):
    one: "Branch"
    other: "Branch"


class Itself(Struct, frozen=True):
    """The whole resource, from within a part of it."""


Part: TypeAlias = Child | Equal | RefersTo | AtPlace | Exists | IsNot | Both | Itself
Branch: TypeAlias = tuple[Part, ...]  # one side of a union, step by step


def finding(sides: tuple[Branch, ...]) -> Find | None:
    """The same as a function of a resource."""
    if not sides:
        return None
    return _alone(sides[0]) if len(sides) == 1 else _union(sides)


def _alone(branch: Branch) -> Find:
    steps = [_step(each) for each in branch]

    def find(node: Mapping[str, Any], resource: Mapping[str, Any] | None = None) -> Nodes:
        nodes: Nodes = [node]
        for step in steps:
            nodes = step(nodes, node if resource is None else resource)
            if not nodes:
                return nodes
        return nodes

    return find


def _union(sides: tuple[Branch, ...]) -> Find:
    finds = [_alone(each) for each in sides]

    def find(node: Mapping[str, Any], resource: Mapping[str, Any] | None = None) -> Nodes:
        found: Nodes = []
        for each in finds:
            found += each(node, resource)
        return found

    return find


def _step(part: Part) -> Step:
    match part:
        case Child(names):
            return _child(names)
        case Equal(name, wanted):
            return _where_equal(name, wanted)
        case RefersTo(type_):
            return _refers_to(type_)
        case AtPlace(place):
            return lambda nodes, _: nodes[place : place + 1]
        case Exists():
            return lambda nodes, _: [bool(nodes)]
        case IsNot(value):
            return lambda nodes, _: [any(each is not value for each in nodes)] if nodes else []
        case Both(one, other):
            return _both(one, other)
        case Itself():
            return lambda _, resource: [resource]


def _child(names: tuple[str, ...]) -> Step:
    if len(names) == 1:
        name = names[0]

        def one(nodes: Nodes, _: Mapping[str, Any]) -> Nodes:
            found: Nodes = []
            for node in nodes:
                if type(node) is dict and (value := node.get(name)) is not None:
                    if type(value) is list:
                        found += value
                    else:
                        found.append(value)
            return found

        return one

    def several(nodes: Nodes, _: Mapping[str, Any]) -> Nodes:
        found: Nodes = []
        for node in nodes:
            if type(node) is dict:
                for each in names:
                    if (value := node.get(each)) is not None:
                        if type(value) is list:
                            found += value
                        else:
                            found.append(value)
        return found

    return several


def _where_equal(name: str, wanted: str) -> Step:
    return lambda nodes, _: [each for each in nodes if type(each) is dict and each.get(name) == wanted]


def _refers_to(type_: str) -> Step:
    return lambda nodes, resource: [each for each in nodes if refers(each, resource, type_)]


def refers(node: Any, resource: Mapping[str, Any], type_: str) -> bool:
    """Whether a reference points at a resource of this type, as far as it says so itself."""
    if type(node) is not dict:
        return False
    said = node.get("reference")
    if type(said) is str and said:
        if said.startswith("#"):
            inside = resource.get("contained")
            return type(inside) is list and any(
                type(each) is dict and each.get("id") == said[1:] and each.get("resourceType") == type_ for each in inside
            )
        if said.startswith(f"{type_}/") or f"/{type_}/" in said:
            return True
    return bool(node.get("type") == type_)


def _both(one: Branch, other: Branch) -> Step:
    first, second = _alone(one), _alone(other)

    def both(_: Nodes, resource: Mapping[str, Any]) -> Nodes:
        return [first(resource) == [True] and second(resource) == [True]]

    return both
