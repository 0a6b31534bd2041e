"""What does a SMART scope allow? "system/Observation.rs" (v2), "system/Observation.read" (v1), both with * for every type."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

_SCOPE: Final = re.compile(r"system/(\*|[A-Z][A-Za-z]+)\.(\*|read|write|(?=[cruds])c?r?u?d?s?)\Z")
_LONGEST: Final = 4_000


class Scope(Struct, frozen=True):
    type: str  # "*" = every type
    letters: frozenset[str]  # of c r u d s

    def covers(self, other: "Scope") -> bool:
        return self.type in ("*", other.type) and other.letters <= self.letters


def scope(text: str) -> Scope | None:
    """None for what is no scope of a system: those of users and patients are another door's."""
    found = _SCOPE.match(text)
    if found is None:
        return None
    type_, letters = found.groups()
    told = {"*": "cruds", "read": "rs", "write": "cud"}.get(letters, letters)
    return Scope(type_, frozenset(told))


def granted(asked: str, held: Iterable[str]) -> tuple[str, ...]:
    """Which of the scopes asked for a client that holds `held` may have; with none asked, all that it holds."""
    mine = [found for each in held if (found := scope(each)) is not None]
    if not asked.strip():
        return tuple(held)
    wanted = asked[:_LONGEST].split()
    known = ((each, scope(each)) for each in dict.fromkeys(wanted))
    return tuple(each for each, found in known if found is not None and any(own.covers(found) for own in mine))


def allows(scopes: Iterable[str], type_: str, letter: str) -> bool:
    """Whether these scopes allow one interaction with a type: c, r, u, d or s."""
    wanted = Scope(type_, frozenset(letter))
    return any(found.covers(wanted) for each in scopes if (found := scope(each)) is not None)


def types_with(scopes: Iterable[str], letter: str) -> tuple[str, ...]:
    """The types with which these scopes allow an interaction; ("*",) for all."""
    found = [each for text in scopes if (each := scope(text)) is not None and letter in each.letters]
    return ("*",) if any(each.type == "*" for each in found) else tuple(sorted({each.type for each in found}))
