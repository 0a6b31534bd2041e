"""Documents as nobody would write them: one that is sound, with something of another kind in some of its places."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from hypothesis import strategies as st

Place = tuple[str | int, ...]

ODD: Final[Sequence[Any]] = (
    None, True, 0, -1, 5, 10**30, 1.5, -0.0, 1e300, "", " ", "x", "\x00", "a\x00b", "\ud800", "\u202e", "a" * 300, "0", "NaN",
    "1e400", "2026-02-30", "9999-12-31", "0000", "0001-01-01T00:00:00+14:00", "http://[", "https://h:99999999/", "//", "../..",
    "{local_id}", "value[x]", "[0]", "^.^.^.a", "/etc/passwd", "base64", [], {}, [[]], [{}], [None], ["x", "x"], [[["x"]]],
    [1, "x"], {"x": {}}, {"": ""}, {"value": []}, {"coding": {}},
)  # fmt: skip


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Each place below the root."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (*at, name)
        yield from places(inner, (*at, name))


@st.composite
def mutated(draw: st.DrawFn, sound: Any, odd: Sequence[Any] = ODD) -> Any:
    """`sound`, in up to three places changed, left out, added to or renamed."""
    made = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        there = list(places(made))
        if not there:
            break
        *way, last = draw(st.sampled_from(there))
        at = made
        for step in way:
            at = at[step]
        value = copy.deepcopy(draw(st.sampled_from(odd)))
        match draw(st.sampled_from(("put", "put", "put", "leave out", "add", "rename"))):
            case "leave out":
                del at[last]
            case "add" if isinstance(at[last], dict):
                at[last][draw(st.sampled_from(("x", "id", "name", "code", "value[x]", "code.text", "__proto__")))] = value
            case "add" if isinstance(at[last], list):
                at[last].append(value)
            case "rename" if isinstance(at, dict):
                at[value if isinstance(value, str) else "x"] = at.pop(last)
            case _:
                at[last] = value
    return made


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_toml(document: dict[str, Any]) -> str:
    """Each table as an inline one, which means the same."""
    return "".join(f"{json.dumps(name)} = {_inline(value)}\n" for name, value in document.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_inline(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value) if isinstance(value, bool | int | float) else "2026-11-22"
