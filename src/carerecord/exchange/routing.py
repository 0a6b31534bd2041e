"""Which address of the API is asked? Found by the parts of its path: a comparison or two, not a pattern for each address."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from carerecord.kit.part import Straight

_ANY: Final = "/"  # is in no part of a path


class _Way(NamedTuple):
    many: int  # parts
    must: tuple[tuple[int, str], ...]  # these parts are these words
    named: tuple[tuple[int, str], ...]  # these are any, and bear these names
    app: ASGIApp


class Addresses(Straight):
    """Everything at and below `prefix`. Of two paths that fit, the one that was named first."""

    def __init__(self, prefix: str, ways: Iterable[tuple[str, ASGIApp]], nothing: ASGIApp) -> None:
        self.path, self._below = prefix, f"{prefix}/"
        self._nothing = nothing
        found: list[_Way] = []
        for path, app in ways:
            parts = tuple(enumerate(path.split("/")[1:]))
            named = tuple((place, part[1:-1].partition(":")[0]) for place, part in parts if part.startswith("{"))
            must = tuple((place, word) for place, part in reversed(parts) if (word := _word(part)) is not None)
            found.append(_Way(len(parts), must, named, app))
        # Those alone that may fit, by length and first part; under `_ANY` those for a first part that no path names.
        firsts = {word for way in found for place, word in way.must if place == 0} | {_ANY}
        self._ways = {
            (many, first): [way for way in found if way.many == many and _begins(way, first)]
            for many in {way.many for way in found}
            for first in firsts
        }

    def takes(self, scope: Scope) -> bool:
        path = _path(scope)
        return path.startswith(self._below) or path == self.path

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The base itself, without a stroke at its end, is an address too: a redirect would lose the body.
        app, told = self._found(_path(scope)[len(self.path) :] or "/")
        scope["path_params"] = told
        scope["route"] = self
        await app(scope, receive, send)

    def _found(self, path: str) -> tuple[ASGIApp, dict[str, Any]]:
        parts = path.split("/")[1:]
        ways = self._ways.get((len(parts), parts[0]))
        for _, must, named, app in ways if ways is not None else self._ways.get((len(parts), _ANY), ()):
            for place, word in must:
                if parts[place] != word:
                    break
            else:
                told = {name: parts[place] for place, name in named}
                if all(told.values()):
                    return app, told
        return self._nothing, {}


def _begins(way: _Way, first: str) -> bool:
    return all(word == first for place, word in way.must if place == 0)


def _word(part: str) -> str | None:
    """What this part of a path must be: `metadata`, or `{type:Binary}`, which bears a name as well; None for any."""
    return part if not part.startswith("{") else part[1:-1].partition(":")[2] or None


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(root) if (root := scope.get("root_path", "")) else path
