"""How do facts become elements where a type has no rules of its own?"""

from operator import itemgetter
from typing import Any, Final

from carerecord.ingest.hl7v2.stands.told import Told

_KEY: Final = itemgetter(0)


def standing(told: Told) -> dict[str, Any]:
    return elements(told.facts)


def elements(facts: dict[str, Any]) -> dict[str, Any]:
    """Elements as they are, entries of lists in the order of their keys, parts of elements under the element."""
    out: dict[str, Any] = {}
    said = sorted([each for each in facts.items() if each[1] is not None], key=_KEY)
    if any(type(value) is dict and "#" in value for _, value in said):
        said.sort(key=_place)
    for key, value in said:
        if key[0] == "+":
            entry = {name: inner for name, inner in value.items() if name != "#"} if type(value) is dict else value
            out.setdefault(key[1:].partition("/")[0], []).append(entry)
        elif key == "whole":  # of a resource that came as one
            out |= value
        elif ":" in key:
            element, _, part = key.partition(":")
            if element == "ext":
                out.setdefault("extension", []).append(value)
            else:
                out.setdefault(element, {})[part] = value
        else:
            out[key] = value
    return out


def _place(said: tuple[str, Any]) -> int:
    """Where an entry stood among others as its sender laid them out."""
    value = said[1]
    return int(value.get("#", 0)) if type(value) is dict else 0
