"""Does each coded element bear one of the codes to which FHIR R4 binds it? Required bindings alone, of every resource type."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson
from msgspec import Struct

from carerecord.fhir.validate import DefinitionsMissing, Fault

WRONG: Final = "is not one of the codes that FHIR allows here"


class _Bound(Struct):
    """What is bound below one element."""

    codes: frozenset[str] = frozenset()
    below: dict[str, "_Bound"] = {}


class Bindings:
    """By type; built once in a process, checking takes microseconds."""

    def __init__(self, by_type: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._by_type = {type_: _tree(paths) for type_, paths in by_type.items()}

    def faults(self, resource: Mapping[str, Any]) -> Iterator[Fault]:
        """Each coded element whose code FHIR does not allow; what is absent, or no code at all, is for others to say."""
        type_ = resource.get("resourceType")
        if isinstance(type_, str) and (bound := self._by_type.get(type_)):
            yield from _below(resource, bound, type_)


def _tree(paths: Mapping[str, list[str]]) -> dict[str, _Bound]:
    top: dict[str, _Bound] = {}
    for path, codes in paths.items():
        level = top
        *parents, last = path.split(".")
        for each in parents:
            level = level.setdefault(each, _Bound(below={})).below
        level[last] = _Bound(frozenset(codes), level[last].below if last in level else {})
    return top


def _below(node: Mapping[str, Any], bound: Mapping[str, _Bound], path: str) -> Iterator[Fault]:
    for name, each in bound.items():
        if name not in node:
            continue
        value = node[name]
        here = f"{path}.{name}"
        if not isinstance(value, list):
            yield from _one(value, each, here)
            continue
        for place, item in enumerate(value):
            yield from _one(item, each, f"{here}[{place}]")


def _one(value: Any, bound: _Bound, path: str) -> Iterator[Fault]:
    if isinstance(value, str):
        if bound.codes and value not in bound.codes:
            yield Fault(path, WRONG)
    elif isinstance(value, dict):
        if bound.codes and not _coded(value, bound.codes):
            yield Fault(path, WRONG)
        if bound.below:
            yield from _below(value, bound.below, path)


def _coded(concept: Mapping[str, Any], codes: frozenset[str]) -> bool:
    """One coding of the set is enough; others may stand beside it."""
    codings = concept.get("coding")
    if not isinstance(codings, list):
        return False
    return any(isinstance(each, dict) and f"{each.get('system', '')}|{each.get('code', '')}" in codes for each in codings)


@cache
def load() -> Bindings:
    """Raises DefinitionsMissing: set-up has not made the definitions."""
    found = files("carerecord.fhir").joinpath("definitions", "bindings.json")
    if not found.is_file():
        raise DefinitionsMissing("the FHIR definitions are not installed: run `make setup`")
    return Bindings(orjson.loads(found.read_bytes()))
