"""What does a JSON Patch (RFC 6902) make of a resource? Numbers keep their digits; what cannot be done is said."""

import re
from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable

MOST_STEPS: Final = 200
MOST_COPIED: Final = 20_000  # elements that one patch may copy: steps that double a list would else fill the memory
_PLACE: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
_OPERATIONS: Final = frozenset(("add", "remove", "replace", "move", "copy", "test"))


class BadPatch(Exception):
    def __init__(self, says: str, status: int = 422) -> None:
        super().__init__(says)
        self.says, self.status = says, status


def patched(text: bytes, patch: bytes) -> bytes:
    """The resource with every step done, in order.

    Raises:
        BadPatch: a step that is malformed, points at nothing, or a test that fails. Nothing of the values is told.
    """
    try:
        steps = parse(b'{"steps":' + patch + b"}")["steps"]  # with digits kept: a step may set a decimal
    except Unreadable as fault:
        raise BadPatch(f"The patch is {fault.reason}.", 400) from None
    if not isinstance(steps, list) or len(steps) > MOST_STEPS or not all(isinstance(each, dict) for each in steps):
        raise BadPatch(f"A JSON Patch is a list of at most {MOST_STEPS} steps.", 400)
    resource: Any = parse(text)
    copied = 0
    for place, step in enumerate(steps):
        if step.get("op") in ("copy", "move") and isinstance(begin := step.get("from"), str):
            copied += _size(_found(resource, _steps(begin), place))
            if copied > MOST_COPIED:
                raise BadPatch(f"A JSON Patch copies at most {MOST_COPIED} elements.")
        resource = _done(resource, step, place)
    if not isinstance(resource, dict):
        raise BadPatch("What is left is no resource.")
    try:
        return _written(resource)
    except (RecursionError, ValueError, msgspec.MsgspecError):
        raise BadPatch("What is left cannot be written as JSON.") from None


def _size(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, inner))


def _done(resource: Any, step: dict[str, Any], place: int) -> Any:
    what, path = step.get("op"), step.get("path")
    if what not in _OPERATIONS or not isinstance(path, str) or (path and not path.startswith("/")):
        raise BadPatch(f"Step {place + 1} is no step of RFC 6902.", 400)
    steps = _steps(path)
    if what in ("move", "copy"):
        begin = step.get("from")
        if not isinstance(begin, str):
            raise BadPatch(f"Step {place + 1} says not from where.", 400)
        value = _copy(_found(resource, _steps(begin), place))
        if what == "move":
            resource = _removed(resource, _steps(begin), place)
        return _added(resource, steps, value, place)
    if what == "remove":
        return _removed(resource, steps, place)
    if "value" not in step:
        raise BadPatch(f"Step {place + 1} has no value.", 400)
    if what == "test":
        if _found(resource, steps, place) != step["value"]:
            raise BadPatch(f"The test of step {place + 1} fails.")
        return resource
    if what == "replace":
        _found(resource, steps, place)
        if not steps:
            return step["value"]
        resource = _removed(resource, steps, place)
    return _added(resource, steps, step["value"], place)


def _steps(path: str) -> list[str]:
    return [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")[1:]]


def _found(node: Any, steps: list[str], place: int) -> Any:
    for step in steps:
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and _PLACE.match(step) and int(step) < len(node):
            node = node[int(step)]
        else:
            raise BadPatch(f"Step {place + 1} points at nothing.")
    return node


def _removed(resource: Any, steps: list[str], place: int) -> Any:
    if not steps:
        raise BadPatch(f"Step {place + 1} would leave nothing.")
    _found(resource, steps, place)
    parent = _found(resource, steps[:-1], place)
    if isinstance(parent, dict):
        del parent[steps[-1]]
    else:
        del parent[int(steps[-1])]
    return resource


def _added(resource: Any, steps: list[str], value: Any, place: int) -> Any:
    if not steps:
        return value
    parent, last = _found(resource, steps[:-1], place), steps[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and (last == "-" or (_PLACE.match(last) and int(last) <= len(parent))):
        parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        raise BadPatch(f"Step {place + 1} points at nothing.")
    return resource


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _written(value: Any) -> bytes:
    return msgspec.json.Encoder(decimal_format="number").encode(value)
