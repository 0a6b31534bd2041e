"""How do facts become elements where a type has no rules of its own?"""

from typing import Any

from carerecord.ingest.hl7v2.stands.told import Told


def standing(told: Told) -> dict[str, Any]:
    return elements(told.facts)


def elements(facts: dict[str, Any]) -> dict[str, Any]:
    """Elements as they are, entries of lists in the order of their keys, parts of elements under the element."""
    out: dict[str, Any] = {}
    for key in sorted(facts):
        value = facts[key]
        if value is None:
            continue
        if key[0] == "+":
            out.setdefault(key[1:].partition("/")[0], []).append(value)
        elif ":" in key:
            element, _, part = key.partition(":")
            if element == "ext":
                out.setdefault("extension", []).append(value)
            else:
                out.setdefault(element, {})[part] = value
        else:
            out[key] = value
    return out
