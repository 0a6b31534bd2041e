"""Which resources lie within another one, and where? Those of a Bundle and of Parameters are whole resources of their own."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

HOLDERS: Final = frozenset(("Bundle", "Parameters"))


def within(resource: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with its path below `resource`, whatever holds it, and however deep. What is contained belongs to its holder."""
    if resource.get("resourceType") in HOLDERS:
        yield from _below(resource, "")


def _below(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in node.items():
        if isinstance(value, dict):
            if "resourceType" in value:
                yield f"{path}.{name}", value
                yield from ((f"{path}.{name}{inner}", each) for inner, each in within(value))
            else:
                yield from _below(value, f"{path}.{name}")
        elif isinstance(value, list) and name != "contained":
            for place, each in enumerate(value):
                if isinstance(each, dict):
                    yield from _below(each, f"{path}.{name}[{place}]")
