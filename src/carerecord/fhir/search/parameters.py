"""Which search parameters does each type have? Every official one of R4, compiled when the service starts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final

import orjson

from carerecord.fhir.errors import FhirError
from carerecord.fhir.search.path import CannotCompile, Shapes, compiled_with_members, resting_type
from carerecord.fhir.search.steps import Branch, Find
from carerecord.fhir.search.terms import NO_TERMS, Terms
from carerecord.fhir.search.values import READ, Value, all_of

# Searching in the words of whole resources, by a named query or by distance is not offered (standards: "not wanted").
LEFT_OUT: Final = frozenset(("_text", "_content", "_query", "near"))


class DefinitionsMissing(FhirError):
    """The definitions are made at set-up; this installation has none."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of one type."""

    code: str  # as a client writes it
    type: str  # token, string, date, number, quantity, reference, uri or composite
    of: str  # the resource type
    targets: tuple[str, ...]  # of a reference
    find: Find = field(repr=False)
    components: tuple["Parameter", ...] = ()  # of a composite; each finds from the element that the composite finds
    url: str = ""
    members: frozenset[str] = frozenset()  # of a resource, at which it looks: no other need be parsed to know its values
    branches: tuple[Branch, ...] = field(default=(), repr=False)  # what `find` was made of

    def values(self, resource: Mapping[str, Any]) -> tuple[Value, ...]:
        """What the resource holds under it."""
        found = self.find(resource)
        if not self.components:
            return all_of(found, self.type)
        return tuple(
            tuple(each) for node in found for each in _product([all_of(c.find(node, resource), c.type) for c in self.components])
        )


def _product(columns: list[tuple[Value, ...]]) -> Iterator[list[Value]]:
    if not columns:
        yield []
        return
    for first in columns[0]:
        for rest in _product(columns[1:]):
            yield [first, *rest]


class Parameters:
    """By type, then by code. Building takes part of a second: at start, off the event loop."""

    def __init__(self, by_type: Mapping[str, Mapping[str, Parameter]], known: Terms = NO_TERMS) -> None:
        self._by_type = by_type
        self.terms = known

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._by_type)

    def of(self, type_: str) -> Mapping[str, Parameter]:
        """Those of a type; {} for a type that R4 does not have."""
        return self._by_type.get(type_, {})


def build(
    definitions: Mapping[str, Any], published: list[Mapping[str, Any]], types: list[str], terms: Terms = NO_TERMS
) -> Parameters:
    """All parameters of `types`.

    Raises:
        CannotCompile: one of them. A parameter that finds nothing would make a search that misses something look complete.
    """
    shapes = Shapes(definitions)
    by_url = {each["url"]: each for each in published}
    by_type: dict[str, dict[str, Parameter]] = {type_: {} for type_ in types}
    for each in published:
        if each["code"] in LEFT_OUT or not each.get("expression"):
            continue
        bases = types if set(each["base"]) & {"Resource", "DomainResource"} else each["base"]
        for base in bases:
            if base in by_type:
                by_type[base][each["code"]] = _made(each, base, shapes, by_url)
    return Parameters(by_type, terms)


def load() -> Parameters:
    """Those of HL7's definitions: compiled once in a process, whoever asks.

    Raises:
        DefinitionsMissing: set-up has not made them. CannotCompile: see `build`.
    """
    with _one_at_a_time:
        return _loaded()


_one_at_a_time = Lock()


@cache
def _loaded() -> Parameters:
    folder = files("carerecord.fhir").joinpath("definitions")
    if not all(folder.joinpath(each).is_file() for each in ("search.json", "terms.json")):
        raise DefinitionsMissing("the FHIR search parameters are not installed: run `make setup`")
    r4 = orjson.loads(folder.joinpath("r4.json").read_bytes())
    terms = Terms(orjson.loads(folder.joinpath("terms.json").read_bytes()))
    return build(r4["definitions"], orjson.loads(folder.joinpath("search.json").read_bytes()), r4["types"], terms)


def _made(told: Mapping[str, Any], base: str, shapes: Shapes, by_url: Mapping[str, Mapping[str, Any]]) -> Parameter:
    find, members, sides = compiled_with_members(told["expression"], base, shapes)
    if find is None:
        raise CannotCompile(f"search parameter {told['code']} says that {base} has it, and its expression does not speak of it")
    kind = told["type"]
    components: tuple[Parameter, ...] = ()
    if kind == "composite":
        starts = resting_type(told["expression"], base, shapes)
        components = tuple(_component(each, base, starts, shapes, by_url) for each in told["component"])
    elif kind not in READ:
        raise CannotCompile(f"search parameter {told['code']} is of type {kind}, which nothing here reads")
    members = members.union(*(each.members for each in components))
    return Parameter(told["code"], kind, base, tuple(told.get("target", ())), find, components, told["url"], members, sides)


def _component(
    told: Mapping[str, Any], base: str, starts: tuple[str, ...], shapes: Shapes, by_url: Mapping[str, Mapping[str, Any]]
) -> Parameter:
    named = by_url[told["definition"]]
    # Where a composite starts from several elements they bear the same names; each is compiled, so that it is held to that.
    made = [compiled_with_members(told["expression"], base, shapes, start=each) for each in starts]
    find = next(find for find, _, _ in made if find is not None)
    members = frozenset[str]().union(*(each for _, each, _ in made))
    return Parameter(named["code"], named["type"], base, tuple(named.get("target", ())), find, members=members)
