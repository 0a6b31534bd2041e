"""How do facts become elements where a type has no rules of its own?"""

from operator import methodcaller
from typing import Any, Final

from carerecord.ingest.hl7v2.stands.told import Told

_PLACE: Final = methodcaller("get", "#", 0)  # where an entry stood among others as its sender laid them out


def standing(told: Told) -> dict[str, Any]:
    return elements(told.facts)


def elements(facts: dict[str, Any]) -> dict[str, Any]:
    """Elements as they are, entries of lists in the order of their keys, parts of elements under the element."""
    out: dict[str, Any] = {}
    laid_out: set[str] = set()  # lists whose entries say where they stand
    for key in sorted(facts):
        if (value := facts[key]) is None:
            continue
        if key[0] == "+":
            element = key[1:].partition("/")[0]
            out.setdefault(element, []).append(value)
            if type(value) is dict and "#" in value:
                laid_out.add(element)
        elif ":" in key:
            element, _, part = key.partition(":")
            if element == "ext":
                out.setdefault("extension", []).append(value)
            else:
                out.setdefault(element, {})[part] = value
        elif key == "whole":  # of a resource that came as one
            out |= value
        else:
            out[key] = value
    for element in laid_out:
        entries = sorted(out[element], key=_PLACE)
        out[element] = [{name: inner for name, inner in each.items() if name != "#"} for each in entries]
    return out
