"""Where in the text of a resource do the values stand that are its own?

Asked of a text without a backslash whose own elements are in their ordinary form (`own`): a value is then found by the names
before it, and ends at the next quotation mark.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct

from carerecord.fhir.own import Kind

_elements: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_each: Final = msgspec.json.Decoder(list[Raw]).decode
_SHARED: Final = frozenset(("profile", "tag"))  # of a `meta`: as `kin` has it
_ABOUT: Final = frozenset(("subject", "patient", "encounter"))


class Place(Struct, frozen=True, gc=False):
    """One value: the names that lead to it, and where it stands, without its quotation marks."""

    path: tuple[str, ...]
    begins: int
    ends: int


def places(text: str, kind: Kind) -> tuple[Place, ...]:
    """From left to right."""
    return tuple(_within(text, 0, kind))


def _within(text: str, at: int, kind: Kind) -> Iterator[Place]:
    for name, begins, value in _named(text, at):
        if name == "meta":
            yield from (each for each in _texts(value, begins, (name,)) if each.path[1] not in _SHARED)
        elif name in _ABOUT or name in kind.periods:
            yield from _texts(value, begins, (name,))
        elif name == "identifier":
            for nth, (one, there) in enumerate(_listed(value, begins)):
                yield from (each for each in _texts(one, there, (name, str(nth))) if each.path[2] != "use")
        elif name == "valueQuantity" and kind.measured:
            for inside, there, number in _named(value, begins):
                if inside == "value":
                    yield Place((name, inside), there, there + len(number))
        elif name in kind.names:
            yield Place((name,), begins + 1, begins + len(value) - 1)


def _texts(value: str, at: int, path: tuple[str, ...]) -> Iterator[Place]:
    for inside, begins, inner in _named(value, at):
        yield Place((*path, inside), begins + 1, begins + len(inner) - 1)


def _named(text: str, at: int) -> Iterator[tuple[str, int, str]]:
    """The elements of an object that begins at `at` of the whole: name, where its value begins, and the value."""
    here = 0
    for name, raw in _elements(text).items():
        value = bytes(raw).decode()
        here = text.index('"', here) + len(name) + 2  # after a comma or bracket and blanks the name is what comes next
        here = text.index(value[0], text.index(":", here) + 1)  # and after a colon and blanks the value
        yield name, at + here, value
        here += len(value)


def _listed(text: str, at: int) -> Iterator[tuple[str, int]]:
    here = 1
    for raw in _each(text):
        value = bytes(raw).decode()
        here = text.index(value[0], here)
        yield value, at + here
        here += len(value)
