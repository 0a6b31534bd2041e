"""Is there such a day? FHIR's patterns let the 30th of February through, and no age can be counted from it."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from carerecord.fhir.validate import DefinitionsMissing, Fault

NO_SUCH_DAY: Final = "is a day that no calendar has"
_KINDS: Final = ("date", "dateTime", "instant")
_DAY: Final = re.compile(r"([0-9]{4})-(02|04|06|09|11)-(29|30|31)(?:T|\Z)")
_PERHAPS: Final = re.compile(rb"-(?:02-(?:29|3[01])|(?:0[469]|11)-31)")  # a day that not every month or year has
_MOST: Final = 10
_NOT_ALWAYS: Final = frozenset(("value",))  # of several types, a text among them


@cache
def names() -> frozenset[str]:
    """The elements that are dates wherever they stand, by R4's own definitions. Made at start.

    Raises:
        DefinitionsMissing: set-up has not made the definitions.
    """
    found = files("carerecord.fhir").joinpath("definitions", "r4.json")
    if not found.is_file():
        raise DefinitionsMissing("the FHIR definitions are not installed: run `make setup`")
    definitions = orjson.loads(found.read_bytes())["definitions"]
    patterns = {definitions[kind]["pattern"] for kind in _KINDS}
    refs = {f"#/definitions/{kind}" for kind in _KINDS}
    told = {
        name
        for schema in definitions.values()
        for name, each in schema.get("properties", {}).items()
        if (one := each.get("items", each)).get("$ref") in refs or one.get("pattern") in patterns
    }
    return frozenset(told - _NOT_ALWAYS)


def faults(resource: dict[str, Any], raw: bytes) -> tuple[Fault, ...]:
    """Two microseconds where nothing looks like one; the resource is walked through only then, or where a digit is escaped."""
    # One sign is found ten times as fast as two.
    if _PERHAPS.search(raw) is None and not (b"\\" in raw and b"\\u" in raw):
        return ()
    return tuple(Fault(path, NO_SUCH_DAY) for path, _ in zip(_walked(resource, _root(resource), ""), range(_MOST), strict=False))


def _root(resource: dict[str, Any]) -> str:
    type_ = resource.get("resourceType")
    return type_ if isinstance(type_, str) else "resource"


def _walked(value: Any, path: str, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _walked(each, f"{path}.{key}", key)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _walked(each, f"{path}[{place}]", name)
    elif isinstance(value, str) and name in names() and (found := _DAY.match(value)) and not _is_a_day(*found.groups()):
        yield path


def _is_a_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
