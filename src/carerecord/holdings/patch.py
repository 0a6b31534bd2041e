"""What does a JSON Patch (RFC 6902) make of a resource? Numbers keep their digits; what cannot be done is said."""

from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import parse

MOST_STEPS: Final = 200
_OPERATIONS: Final = frozenset(("add", "remove", "replace", "move", "copy", "test"))


class BadPatch(Exception):
    def __init__(self, says: str, status: int = 422) -> None:
        super().__init__(says)
        self.says, self.status = says, status


def patched(text: bytes, patch: bytes) -> bytes:
    """The resource with every step done, in order.

    Raises:
        BadPatch: a step that is malformed, points at nothing, or a test that fails. Nothing of the values is told.
        Unreadable: the patch is no JSON.
    """
    steps = msgspec.json.decode(patch, type=list[dict[str, Any]], strict=True) if _is_list(patch) else None
    if steps is None or len(steps) > MOST_STEPS:
        raise BadPatch(f"A JSON Patch is a list of at most {MOST_STEPS} steps.", 400)
    # Decoded once more with digits kept: a step may set a decimal.
    kept = parse(b'{"steps":' + patch + b"}")["steps"]
    resource: Any = parse(text)
    for place, step in enumerate(kept):
        resource = _done(resource, step, place)
    if not isinstance(resource, dict):
        raise BadPatch("What is left is no resource.")
    return _written(resource)


def _is_list(patch: bytes) -> bool:
    return bytes(patch[:64]).lstrip().startswith(b"[")


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
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
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
    elif isinstance(parent, list) and (last == "-" or (last.isdecimal() and int(last) <= len(parent))):
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
